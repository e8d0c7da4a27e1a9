package sqldb_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// waysToWrite are all ways to write.
func waysToWrite(db *sqldb.DB) map[string]func(ctx context.Context) error {
	columns := []string{"tenant_id", "name", "n"}
	row := func() []any { return []any{"default", rand.Text(), 1} }
	coalescer := sqldb.NewCoalescer(db, sqldb.CoalescerOptions{}, func(ctx context.Context, tx *sqldb.Tx, names []string) []error {
		for _, name := range names {
			_, _ = tx.InsertRows(ctx, "t", columns, [][]any{{"default", name, 1}})
		}
		return nil
	})
	inserter := sqldb.NewInserter(db, "t", columns...)
	return map[string]func(ctx context.Context) error{
		"exec": func(ctx context.Context) error {
			_, err := db.Exec(ctx, `UPDATE t SET n = n + 1 WHERE tenant_id = :tenant`)
			return err
		},
		"transaction": func(ctx context.Context) error {
			return db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE t SET n = n + 1 WHERE tenant_id = :tenant`)
				return err
			})
		},
		"rows": func(ctx context.Context) error {
			_, err := db.InsertRows(ctx, "t", columns, [][]any{row(), row()})
			return err
		},
		"many rows": func(ctx context.Context) error {
			many := make([][]any, 500)
			for i := range many {
				many[i] = row()
			}
			_, err := db.InsertRows(ctx, "t", columns, many)
			return err
		},
		"several tables": func(ctx context.Context) error {
			return db.InsertAll(ctx, sqldb.Insert{Table: "t", Columns: columns, Rows: [][]any{row()}})
		},
		"coalescer": func(ctx context.Context) error { return coalescer.Do(ctx, rand.Text()) },
		"inserter":  func(ctx context.Context) error { return inserter.Insert(ctx, row()) },
	}
}

// While a database is frozen, no way to write gets through, each says 503 with a time to wait, and reads go on.
func TestFreeze(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		ctx := tenant.With(t.Context(), "default")
		if _, err := db.AllTenants().Exec(ctx, `CREATE TABLE t (tenant_id VARCHAR(64) NOT NULL, name VARCHAR(64) NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (tenant_id, name))`); err != nil {
			t.Fatal(err)
		}
		rows := func() (n int) {
			t.Helper()
			if err := db.QueryRow(ctx, `SELECT COUNT(*) FROM t WHERE tenant_id = :tenant`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		all := waysToWrite(db)
		if err := db.Freeze(ctx, "a test"); err != nil {
			t.Fatal(err)
		}
		for name, write := range all {
			err := write(ctx)
			if !errors.Is(err, sqldb.ErrFrozen) || !errors.Is(err, sqldb.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if f := fault.From(err); f.Kind.Status() != http.StatusServiceUnavailable || f.RetryAfter < time.Second {
				t.Errorf("%s is told as %d after %v", name, f.Kind.Status(), f.RetryAfter)
			}
		}
		if n := rows(); n != 0 {
			t.Errorf("%d rows were written", n)
		}
		if _, err := db.DespiteFreeze().AllTenants().Exec(ctx, `INSERT INTO t (tenant_id, name, n) VALUES ('default', 'despite', 1)`); err != nil {
			t.Errorf("what is not held off: %v", err)
		}
		db.Thaw()
		for name, write := range all {
			if err := write(ctx); err != nil {
				t.Errorf("%s after the thaw: %v", name, err)
			}
		}
		if n := rows(); n != 1+2+500+1+1+1 {
			t.Errorf("%d rows after the thaw", n)
		}
	})
}

// Freeze returns only when what had begun is over, and nothing begins meanwhile.
func TestFreezeWaits(t *testing.T) {
	db := testkit.SQLite(t, "oauth")
	begun, finish := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := db.AllTenants().InTx(t.Context(), func(context.Context, *sqldb.Tx) error {
			close(begun)
			<-finish
			return nil
		})
		if err != nil {
			t.Errorf("what had begun: %v", err)
		}
	})
	<-begun
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Freeze(ended, "a test"); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
	if !db.Frozen() {
		t.Error("it is not frozen")
	}
	done := make(chan error, 1)
	go func() { done <- db.Freeze(t.Context(), "a test") }()
	if err := db.AllTenants().InTx(t.Context(), func(context.Context, *sqldb.Tx) error { return nil }); !errors.Is(err, sqldb.ErrFrozen) {
		t.Errorf("another one: %v", err)
	}
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// From the time on that was given no way to write gets through, nor does a transaction that began before; after a later one was given, all do.
func TestWritesUntil(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		ctx := tenant.With(t.Context(), "default")
		if _, err := db.AllTenants().Exec(ctx, `CREATE TABLE t (tenant_id VARCHAR(64) NOT NULL, name VARCHAR(64) NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (tenant_id, name))`); err != nil {
			t.Fatal(err)
		}
		all := waysToWrite(db)
		db.WritesUntil(db.Now().Add(-time.Microsecond))
		for name, write := range all {
			if err := write(ctx); !errors.Is(err, sqldb.ErrUnavailable) || errors.Is(err, sqldb.ErrFrozen) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := db.DespiteFreeze().AllTenants().Exec(ctx, `INSERT INTO t (tenant_id, name, n) VALUES ('default', 'despite', 1)`); err != nil {
			t.Errorf("what is not held off: %v", err)
		}
		db.WritesUntil(db.Now().Add(time.Hour))
		err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM t WHERE tenant_id = :tenant`)
			db.WritesUntil(db.Now().Add(-time.Microsecond)) // it was halted here
			return err
		})
		if !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("a transaction that was halted: %v", err)
		}
		db.WritesUntil(db.Now().Add(time.Hour))
		for name, write := range all {
			if err := write(ctx); err != nil {
				t.Errorf("%s within a later time: %v", name, err)
			}
		}
		var n int
		if err := db.QueryRow(ctx, `SELECT COUNT(*) FROM t WHERE tenant_id = :tenant`).Scan(&n); err != nil || n != 1+2+500+1+1+1 {
			t.Errorf("%d rows: %v", n, err)
		}
	})
}

// A write that has waited for a connection is asked again when it has one.
func TestWritesUntilTheyAreSent(t *testing.T) {
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		mark := "?"
		if strings.Contains(dsn, "?") {
			mark = "&"
		}
		db := open(t, dsn+mark+"max_conns=2")
		if db.Embedded() {
			return // nobody else is there who would want to know
		}
		ctx := tenant.With(t.Context(), "default")
		if _, err := db.AllTenants().Exec(ctx, `CREATE TABLE t (tenant_id VARCHAR(64) NOT NULL, name VARCHAR(64) NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (tenant_id, name))`); err != nil {
			t.Fatal(err)
		}
		db.WritesUntil(db.Now().Add(time.Hour))
		all := waysToWrite(db)
		faults := make(chan error, len(all))
		held, release := make(chan struct{}), make(chan struct{})
		var other sync.WaitGroup
		defer other.Wait()
		other.Go(func() {
			_ = db.InTx(ctx, func(context.Context, *sqldb.Tx) error { // it has the other connection
				close(held)
				<-release
				return nil
			})
		})
		<-held
		err := db.InTx(ctx, func(_ context.Context, _ *sqldb.Tx) error {
			for name, write := range all {
				go func() {
					if err := write(tenant.With(context.WithoutCancel(t.Context()), "default")); !errors.Is(err, sqldb.ErrUnavailable) {
						faults <- fmt.Errorf("%s: %w", name, err)
						return
					}
					faults <- nil
				}()
			}
			time.Sleep(300 * time.Millisecond) // all wait for the connection that this one has
			db.WritesUntil(db.Now().Add(-time.Microsecond))
			return nil
		})
		close(release)
		if !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("the transaction: %v", err)
		}
		for range all {
			if err := <-faults; err != nil {
				t.Error(err)
			}
		}
		var n int
		if err := db.QueryRow(ctx, `SELECT COUNT(*) FROM t WHERE tenant_id = :tenant`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows: %v", n, err)
		}
	})
}
