package sqldb_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// now is the tests' clock; a feed measures real time, so this one runs.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// each runs fn on a fresh database of each kind, and on one in memory, with a table "thing".
func each(t *testing.T, fn func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		fn(t, withThing(t, open(t, "memory://"+t.Name())))
	})
	testkit.EachDSN(t, func(t *testing.T, dsn string) { fn(t, withThing(t, open(t, dsn))) })
}

func open(t *testing.T, dsn string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func withThing(t *testing.T, db *sqldb.DB) *sqldb.DB {
	t.Helper()
	times, blob, long, key := "timestamptz", "bytea", "bigint", "varchar(191)"
	switch db.Dialect() {
	case sqldb.SQLite:
		times, blob = "integer", "blob"
	case sqldb.MySQL:
		times, blob, key = "datetime(6)", "longblob", "varbinary(191)"
	}
	do(t, db, strings.NewReplacer("TIME", times, "BLOB", blob, "LONG", long, "KEY1", key).Replace(
		`CREATE TABLE thing (tenant_id KEY1 NOT NULL, id KEY1 NOT NULL, n LONG, note text, at TIME, raw BLOB, ok boolean,
		PRIMARY KEY (tenant_id, id))`))
	do(t, db, strings.ReplaceAll(
		`CREATE TABLE part (tenant_id KEY1 NOT NULL, id KEY1 NOT NULL, thing_id KEY1 NOT NULL, PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, thing_id) REFERENCES thing (tenant_id, id))`, "KEY1", key))
	return db
}

func do(t *testing.T, db *sqldb.DB, text string, args ...any) int64 {
	t.Helper()
	n, err := db.AllTenants().Exec(testkit.Context(t), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(ctx context.Context, q sqldb.Q, ids ...string) error {
	id, _ := tenant.From(ctx)
	rows := make([][]any, len(ids))
	for i, key := range ids {
		rows[i] = []any{id, key, i}
	}
	_, err := q.InsertRows(ctx, "thing", []string{"tenant_id", "id", "n"}, rows)
	return err
}

func count(t *testing.T, q sqldb.Q) (n int) {
	t.Helper()
	if err := q.QueryRow(testkit.Context(t), "SELECT count(*) FROM thing WHERE tenant_id = :tenant").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

type name string

func TestValues(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		at := time.Date(2026, 3, 29, 2, 30, 0, 123456789, time.FixedZone("", 7200))
		want := time.Date(2026, 3, 29, 0, 30, 0, 123456000, time.UTC)
		columns := []string{"tenant_id", "id", "n", "note", "at", "raw", "ok"}
		rows := [][]any{
			{"default", "full", 42, json.RawMessage(`{"a":1}`), at, []byte{0, 255, '\''}, true},
			{"default", "empty", nil, nil, time.Time{}, nil, nil},
			{tenant.Default, name("zero"), int32(0), "", &at, []byte{}, false},
		}
		for _, batch := range [][][]any{rows, {{"default", "alone", nil, nil, nil, nil, nil}, {"default", "both", nil, nil, (*time.Time)(nil), nil, nil}}} {
			if n, err := db.InsertRows(ctx, "thing", columns, batch); err != nil || n != int64(len(batch)) {
				t.Fatalf("%d, %v", n, err)
			}
		}
		const get = "SELECT n, note, at, raw, ok FROM thing WHERE tenant_id = :tenant AND id = ?"

		var n int
		var note json.RawMessage
		var when time.Time
		var raw []byte
		var ok bool
		if err := db.QueryRow(ctx, get, "full").Scan(&n, &note, &when, &raw, &ok); err != nil {
			t.Fatal(err)
		}
		if n != 42 || string(note) != `{"a":1}` || !when.Equal(want) || when.Location() != time.UTC || !cmp.Equal(raw, []byte{0, 255, '\''}) || !ok {
			t.Errorf("full: %d %s %v %v %t", n, note, when, raw, ok)
		}

		var n2 *int64
		var note2 *string
		var when2 sqldb.NullTime
		var ok2 *bool
		if err := db.QueryRow(ctx, get, "empty").Scan(&n2, &note2, &when2, &raw, &ok2); err != nil {
			t.Fatal(err)
		}
		if n2 != nil || note2 != nil || when2.Valid || raw != nil || ok2 != nil {
			t.Errorf("empty: %v %v %v %v %v", n2, note2, when2, raw, ok2)
		}
		if err := db.QueryRow(ctx, "SELECT at FROM thing WHERE tenant_id = :tenant AND id = ?", "empty").Scan(&when); err != nil || !when.IsZero() {
			t.Errorf("a NULL time reads as %v, %v", when, err)
		}

		var n3 sql.NullInt64
		var note3 name
		var when3 *time.Time
		if err := db.QueryRow(ctx, get, name("zero")).Scan(&n3, &note3, &when3, &raw, &ok); err != nil {
			t.Fatal(err)
		}
		if !n3.Valid || n3.Int64 != 0 || note3 != "" || when3 == nil || !when3.Equal(want) || ok {
			t.Errorf("zero: %v %q %v %t", n3, note3, when3, ok)
		}

		before := do(t, db, "DELETE FROM thing WHERE at < ?", want)
		after := do(t, db, "DELETE FROM thing WHERE at <= ?", want)
		if before != 0 || after != 2 {
			t.Errorf("times compare wrongly: %d before, %d at", before, after)
		}
	})
}

func TestManyRows(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		total := 0
		for _, n := range []int{1, 2, 3, 37, 128, 300} {
			ids := make([]string, n)
			for i := range ids {
				ids[i] = fmt.Sprintf("%d-%d", n, i)
			}
			if err := insert(ctx, db, ids...); err != nil {
				t.Fatal(err)
			}
			if total += n; count(t, db) != total {
				t.Fatalf("%d rows instead of %d", count(t, db), total)
			}
		}
		if n, err := db.InsertRows(ctx, "thing", []string{"tenant_id", "id"}, nil); n != 0 || err != nil {
			t.Errorf("no rows: %d, %v", n, err)
		}
		t.Run("all or nothing", func(t *testing.T) {
			ids := make([]string, 200)
			for i := range ids {
				ids[i] = fmt.Sprint("again-", i)
			}
			ids[199] = "300-7"
			if err := insert(ctx, db, ids...); !errors.Is(err, sqldb.ErrDuplicate) {
				t.Errorf("%v is no duplicate", err)
			}
			if count(t, db) != total {
				t.Error("some rows of a refused insert are there")
			}
		})
		t.Run("lists", func(t *testing.T) {
			n, err := db.Exec(ctx, "UPDATE thing SET note = ? WHERE tenant_id = :tenant AND id IN (?)", "x", []string{"37-1", "37-2", "37-3", "none"})
			if n != 3 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			n, err = db.Exec(ctx, "UPDATE thing SET note = ? WHERE tenant_id = :tenant AND id IN (?)", "x", []string{})
			if n != 0 || err != nil {
				t.Errorf("empty: %d, %v", n, err)
			}
			n, err = db.Exec(ctx, "DELETE FROM thing WHERE tenant_id = :tenant AND note IS NULL AND n IN (?)", []int64{1, 2})
			if n == 0 || err != nil {
				t.Errorf("numbers: %d, %v", n, err)
			}
		})
	})
}

func TestTenancy(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		other := tenant.With(t.Context(), "other")
		for _, c := range []context.Context{ctx, other} {
			if err := insert(c, db, "a", "b"); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := db.Exec(other, "DELETE FROM thing WHERE tenant_id = :tenant"); n != 2 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if count(t, db) != 2 {
			t.Error("one tenant's statement touched another's rows")
		}

		refused := func(what string, err error, want error, text string) {
			t.Helper()
			if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := db.Exec(ctx, "DELETE FROM thing")
		refused("no :tenant", err, sqldb.ErrUnbound, "DELETE FROM thing")
		_, err = db.Query(ctx, "SELECT id FROM thing WHERE id = ? -- :tenant", "a")
		refused("only in a comment", err, sqldb.ErrUnbound, "SELECT id FROM thing")
		err = db.QueryRow(ctx, "SELECT ':tenant'").Scan(new(string))
		refused("only in a string", err, sqldb.ErrUnbound, "SELECT ':tenant'")
		_, err = db.Exec(t.Context(), "DELETE FROM thing WHERE tenant_id = :tenant")
		refused("no tenant in the context", err, sqldb.ErrNoTenant, "DELETE FROM thing")
		err = insert(t.Context(), db, "c")
		refused("rows without a tenant", err, sqldb.ErrNoTenant, "INSERT INTO thing")
		_, err = db.InsertRows(ctx, "thing", []string{"id"}, [][]any{{"c"}})
		if err == nil || !strings.Contains(err.Error(), "tenant_id") {
			t.Errorf("rows without the column: %v", err)
		}
		_, err = db.InsertRows(ctx, "thing", []string{"tenant_id", "id"}, [][]any{{"default", "c"}, {"other", "c"}})
		if err == nil || !strings.Contains(err.Error(), "tenant_id") {
			t.Errorf("another tenant's rows: %v", err)
		}
		_, err = db.AllTenants().Exec(t.Context(), "DELETE FROM thing WHERE tenant_id = :tenant")
		refused("all tenants, but the statement asks for one", err, sqldb.ErrNoTenant, "DELETE FROM thing")
		if n, err := db.AllTenants().Exec(t.Context(), "DELETE FROM thing"); n != 2 || err != nil {
			t.Errorf("all tenants: %d, %v", n, err)
		}
		_, err = db.Exec(ctx, "UPDATE thing SET n = ? WHERE tenant_id = :tenant")
		if err == nil || !strings.Contains(err.Error(), "0 arguments for 1 marks") {
			t.Errorf("an argument is missing: %v", err)
		}
	})
}

func TestErrors(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "hunter2"); err != nil {
			t.Fatal(err)
		}
		err := insert(ctx, db, "hunter2")
		if !errors.Is(err, sqldb.ErrDuplicate) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("duplicate: %v", err)
		}
		_, err = db.Exec(ctx, "INSERT INTO part (tenant_id, id, thing_id) VALUES (:tenant, ?, ?)", "p", "none")
		if !errors.Is(err, sqldb.ErrForeignKey) {
			t.Errorf("no parent: %v", err)
		}
		if _, err = db.Exec(ctx, "INSERT INTO part (tenant_id, id, thing_id) VALUES (:tenant, ?, ?)", "p", "hunter2"); err != nil {
			t.Fatal(err)
		}
		if _, err = db.Exec(ctx, "DELETE FROM thing WHERE tenant_id = :tenant"); !errors.Is(err, sqldb.ErrForeignKey) {
			t.Errorf("children: %v", err)
		}
		var n int
		if err = db.QueryRow(ctx, "SELECT n FROM thing WHERE tenant_id = :tenant AND id = ?", "none").Scan(&n); !errors.Is(err, sqldb.ErrNoRows) {
			t.Errorf("no rows: %v", err)
		}
		if _, err = db.Exec(ctx, "UPDATE thong SET n = ? WHERE tenant_id = :tenant", 1); err == nil || !strings.Contains(err.Error(), "UPDATE thong") {
			t.Errorf("the statement is not named: %v", err)
		}
		for _, text := range []string{"a\x00b", "a\xffb", "\xed\xa0\x80"} {
			err := insert(ctx, db, text)
			n := 0
			looking := db.QueryRow(ctx, "SELECT n FROM thing WHERE tenant_id = :tenant AND id = ?", text).Scan(&n)
			if db.Dialect() == sqldb.PostgreSQL && (err == nil || looking == nil) {
				t.Errorf("%q is stored", text)
			}
			for _, err := range []error{err, looking} { // some databases take it
				if err != nil && !errors.Is(err, sqldb.ErrNoRows) && (!errors.Is(err, sqldb.ErrText) || fault.From(err).Kind != fault.Invalid) {
					t.Errorf("%q: %v", text, err)
				}
			}
		}
		// A value that does not change still counts as matched.
		for range 2 {
			if n, err := db.Exec(ctx, "UPDATE thing SET n = ? WHERE tenant_id = :tenant AND id = ?", 7, "hunter2"); n != 1 || err != nil {
				t.Errorf("%d rows matched, %v", n, err)
			}
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := db.Exec(gone, "UPDATE thing SET n = ? WHERE tenant_id = :tenant", 1); !errors.Is(err, context.Canceled) || errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("a caller who left: %v", err)
		}
	})
}

func TestInTx(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		t.Run("commits and counts statements", func(t *testing.T) {
			told := 0
			before := db.Statements()
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				tx.AfterCommit(func() { told++ })
				if err := insert(ctx, tx, "a"); err != nil {
					return err
				}
				var n int
				return tx.QueryRow(ctx, "SELECT n FROM thing WHERE tenant_id = :tenant AND id = ?", "a").Scan(&n)
			})
			if err != nil || told != 1 || db.Statements()-before != 2 {
				t.Errorf("%v, told %d times, %d statements", err, told, db.Statements()-before)
			}
		})
		t.Run("stands whatever follows it", func(t *testing.T) {
			told := 0
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				tx.AfterCommit(func() { panic("boom") })
				tx.AfterCommit(func() { told++ })
				return insert(ctx, tx, "after a panic")
			})
			if err != nil || told != 1 {
				t.Errorf("%v, told %d times", err, told)
			}
		})
		want := count(t, db)
		boom := errors.New("boom")
		t.Run("rolls back on an error", func(t *testing.T) {
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				tx.AfterCommit(func() { t.Error("told of what was rolled back") })
				return errors.Join(insert(ctx, tx, "b"), boom)
			})
			if !errors.Is(err, boom) || count(t, db) != want {
				t.Errorf("%v, %d rows", err, count(t, db))
			}
		})
		t.Run("rolls back on a panic", func(t *testing.T) {
			func() {
				defer func() { _ = recover() }()
				_ = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
					_ = insert(ctx, tx, "b")
					panic(boom)
				})
			}()
			if count(t, db) != want {
				t.Error("the row stayed")
			}
		})
		t.Run("a failed statement dooms it", func(t *testing.T) {
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				_ = insert(ctx, tx, "c")
				_ = insert(ctx, tx, "a") // a duplicate, swallowed
				return nil
			})
			if !errors.Is(err, sqldb.ErrDuplicate) || count(t, db) != want {
				t.Errorf("%v, %d rows", err, count(t, db))
			}
		})
		t.Run("no rows is no failure", func(t *testing.T) {
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				if err := tx.QueryRow(ctx, "SELECT n FROM thing WHERE tenant_id = :tenant AND id = ?", "none").Scan(new(int)); !errors.Is(err, sqldb.ErrNoRows) {
					t.Error(err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		t.Run("a second connection inside is refused", func(t *testing.T) {
			err := db.InTx(ctx, func(ctx context.Context, _ *sqldb.Tx) error {
				_, err := db.Exec(ctx, "UPDATE thing SET n = ? WHERE tenant_id = :tenant", 1)
				if err == nil || insert(ctx, db, "x") == nil || db.QueryRow(ctx, "SELECT n FROM thing WHERE tenant_id = :tenant").Scan(new(int)) == nil {
					t.Error("taken")
				}
				return db.InTx(ctx, func(context.Context, *sqldb.Tx) error { return nil })
			})
			if err == nil || !strings.Contains(err.Error(), "use it") {
				t.Error(err)
			}
		})
		t.Run("a caller who leaves does not break the pool", func(t *testing.T) {
			for range 5 {
				leaving, cancel := context.WithCancel(ctx)
				err := db.InTx(leaving, func(ctx context.Context, tx *sqldb.Tx) error {
					cancel()
					return insert(ctx, tx, "d")
				})
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
			if count(t, db) != want {
				t.Error("the row stayed")
			}
		})
		t.Run("all tenants", func(t *testing.T) {
			err := db.AllTenants().InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE thing SET n = 1")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	})
}

// Two transactions that lock two rows in opposite order: one must lose and run again.
func TestInTxRunsAgain(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "a", "b"); err != nil {
			t.Fatal(err)
		}
		do(t, db, "UPDATE thing SET n = 0")
		var runs atomic.Int32
		var wg sync.WaitGroup
		var locked sync.WaitGroup // each has one row, and wants the other's
		if db.Dialect() != sqldb.SQLite {
			locked.Add(2)
		}
		for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
			wg.Go(func() {
				again := db.Dialect() == sqldb.SQLite // where whoever writes first is alone
				err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
					runs.Add(1)
					for i, id := range order {
						if _, err := tx.Exec(ctx, "UPDATE thing SET n = n + 1 WHERE tenant_id = :tenant AND id = ?", id); err != nil {
							return fmt.Errorf("a store's own words: %w", err)
						}
						if i == 0 && !again {
							again = true
							locked.Done()
							locked.Wait()
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if db.Dialect() != sqldb.SQLite && runs.Load() < 3 {
			t.Errorf("%d runs: nobody lost", runs.Load())
		}
		var sum int
		if err := db.QueryRow(ctx, "SELECT SUM(n) FROM thing WHERE tenant_id = :tenant").Scan(&sum); err != nil || sum != 4 {
			t.Errorf("%d, %v", sum, err)
		}
	})
}

// The model of every single-use thing: a guarded update, of which one wins.
func TestGuardedUpdate(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "once"); err != nil {
			t.Fatal(err)
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				n, err := db.Exec(ctx, "UPDATE thing SET at = ? WHERE tenant_id = :tenant AND id = ? AND at IS NULL", now(), "once")
				if err != nil {
					t.Error(err)
				}
				won.Add(int32(n))
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
}

func TestUpsert(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		const into = "INSERT INTO thing (tenant_id, id, n, note) VALUES (:tenant, ?, ?, ?)"
		key := []string{"tenant_id", "id"}
		for i, text := range []string{into + db.Dialect().Upsert(key, "n"), into + db.Dialect().Upsert(key, "n"), into + db.Dialect().Upsert(key)} {
			if _, err := db.Exec(ctx, text, "a", i, fmt.Sprint("note ", i)); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		var note string
		if err := db.QueryRow(ctx, "SELECT n, note FROM thing WHERE tenant_id = :tenant AND id = ?"+db.Dialect().ForUpdate(), "a").Scan(&n, &note); err != nil || n != 1 || note != "note 0" {
			t.Errorf("%d %q %v", n, note, err)
		}
	})
}

// An answer that is still being read must not stand in the way of another statement.
func TestStatementsWhileReading(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "a", "b", "c"); err != nil {
			t.Fatal(err)
		}
		rows, err := db.Query(ctx, "SELECT id FROM thing WHERE tenant_id = :tenant AND id > ? ORDER BY id", "")
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, id)
			if err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return insert(ctx, tx, id+"2") }); err != nil {
				t.Fatal(err)
			}
			var n int
			if err := db.QueryRow(ctx, "SELECT count(*) FROM thing WHERE tenant_id = :tenant AND id > ?", "").Scan(&n); err != nil || n != 3+len(seen) {
				t.Fatal(n, err)
			}
			if len(seen) > 3 {
				break // SQLite on a file shows a snapshot; nobody shows more than what was there
			}
		}
		if err := errors.Join(rows.Err(), rows.Close(), rows.Close()); err != nil || len(seen) != 3 {
			t.Errorf("%v, %v", seen, err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct{ dsn, want string }{
		{"postgres://u:hunter2@127.0.0.1:1/d?sslmode=disable", "127.0.0.1:1"},
		{"mysql://u:hunter2@127.0.0.1:1/d", "127.0.0.1:1"},
		{"cockroach://u:hunter2@127.0.0.1:1/d?sslmode=disable", "127.0.0.1:1"},
	} {
		_, err := sqldb.Open(t.Context(), c.dsn, sqldb.Options{Name: "oauth"})
		if !errors.Is(err, sqldb.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		rest, ok := strings.CutPrefix(dsn, "postgres")
		if !ok {
			return
		}
		if _, err := sqldb.Open(t.Context(), "cockroach"+strings.TrimPrefix(rest, "ql"), sqldb.Options{Name: "oauth"}); err == nil || !strings.Contains(err.Error(), "postgres://") {
			t.Errorf("PostgreSQL taken for CockroachDB: %v", err)
		}
	})
}
