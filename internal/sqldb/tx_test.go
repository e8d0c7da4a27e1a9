package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func insertLater(ctx context.Context, tx *sqldb.Tx, ids ...string) error {
	id, _ := tenant.From(ctx)
	rows := make([][]any, len(ids))
	for i, key := range ids {
		rows[i] = []any{id, key, i}
	}
	return tx.InsertLater(ctx, "thing", []string{"tenant_id", "id", "n"}, rows)
}

// A transaction whose first statement fails leaves nothing behind, whatever its owner does next.
func TestTxFirstStatementFails(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "a"); err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			fail func(context.Context, *sqldb.Tx) error
			want error
			text string
		}{
			"a duplicate":       {func(ctx context.Context, tx *sqldb.Tx) error { return insert(ctx, tx, "a") }, sqldb.ErrDuplicate, "INSERT INTO thing"},
			"duplicates":        {func(ctx context.Context, tx *sqldb.Tx) error { return insert(ctx, tx, "new", "a") }, sqldb.ErrDuplicate, "INSERT INTO thing"},
			"no such table":     {func(ctx context.Context, tx *sqldb.Tx) error { return update(ctx, tx, "thong") }, nil, "UPDATE thong"},
			"no such table, Q":  {func(ctx context.Context, tx *sqldb.Tx) error { return read(ctx, tx, "thong") }, nil, "FROM thong"},
			"none to insert in": {func(ctx context.Context, tx *sqldb.Tx) error { return insertInto(ctx, tx, "thong") }, nil, "INSERT INTO thong"},
			"not bound": {func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE thing SET n = 1")
				return err
			}, sqldb.ErrUnbound, "UPDATE thing"},
		} {
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				tx.AfterCommit(func() { t.Errorf("%s: told of what was rolled back", what) })
				if err := c.fail(ctx, tx); err == nil || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%s: %v does not name the statement", what, err)
				}
				_ = insertLater(ctx, tx, "later")
				_ = insert(ctx, tx, "next")
				_ = read(ctx, tx, "thing")
				_ = insertLater(ctx, tx, "last")
				return nil
			})
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v", what, err)
			}
			if n := count(t, db); n != 1 {
				t.Fatalf("%s: %d rows are there", what, n)
			}
		}
	})
}

func update(ctx context.Context, q sqldb.Q, table string) error {
	_, err := q.Exec(ctx, "UPDATE "+table+" SET n = ? WHERE tenant_id = :tenant", 1)
	return err
}

func read(ctx context.Context, q sqldb.Q, table string) error {
	return q.QueryRow(ctx, "SELECT n FROM "+table+" WHERE tenant_id = :tenant AND n >= ?", 0).Scan(new(int))
}

func insertInto(ctx context.Context, tx *sqldb.Tx, table string) error {
	_, err := tx.InsertRows(ctx, table, []string{"tenant_id", "id"}, [][]any{{"default", "a"}, {"default", "b"}})
	return err
}

// Rows for later are there with the commit, in the order of the statements, and their failure fails the transaction.
func TestInsertLater(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		before := db.Statements()
		err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if err := errors.Join(insertLater(ctx, tx), insertLater(ctx, tx, "a"), insertLater(ctx, tx, "b", "c")); err != nil {
				return err
			}
			if n, err := tx.Exec(ctx, "UPDATE thing SET n = ? WHERE tenant_id = :tenant", 7); err != nil || n != 3 {
				t.Errorf("%d rows found, %v", n, err)
			}
			return insertLater(ctx, tx, "d")
		})
		if err != nil || db.Statements()-before != 4 || count(t, db) != 4 {
			t.Errorf("%v, %d statements, %d rows", err, db.Statements()-before, count(t, db))
		}
		boom := errors.New("boom")
		for what, c := range map[string]struct {
			then func(context.Context, *sqldb.Tx) error
			want error
		}{
			"a duplicate at the commit": {func(ctx context.Context, tx *sqldb.Tx) error { return insertLater(ctx, tx, "a") }, sqldb.ErrDuplicate},
			"a duplicate before a statement": {func(ctx context.Context, tx *sqldb.Tx) error {
				_ = insertLater(ctx, tx, "a")
				return update(ctx, tx, "thing")
			}, sqldb.ErrDuplicate},
			"a duplicate that is passed over": {func(ctx context.Context, tx *sqldb.Tx) error {
				_ = insertLater(ctx, tx, "a")
				_ = read(ctx, tx, "thing")
				return nil
			}, sqldb.ErrDuplicate},
			"an error": {func(context.Context, *sqldb.Tx) error { return boom }, boom},
			"another tenant's row": {func(ctx context.Context, tx *sqldb.Tx) error {
				_ = tx.InsertLater(ctx, "thing", []string{"tenant_id", "id"}, [][]any{{"other", "x"}})
				return nil
			}, nil},
		} {
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				tx.AfterCommit(func() { t.Errorf("%s: told of what was rolled back", what) })
				if err := insertLater(ctx, tx, "new"); err != nil {
					return err
				}
				return c.then(ctx, tx)
			})
			if err == nil || c.want != nil && !errors.Is(err, c.want) || errors.Is(c.want, sqldb.ErrDuplicate) && !strings.Contains(err.Error(), "INSERT INTO thing") {
				t.Errorf("%s: %v", what, err)
			}
			if n := count(t, db); n != 4 {
				t.Fatalf("%s: %d rows are there", what, n)
			}
		}
	})
}

// Nothing is asked of the database for a transaction without a statement, but what is to follow it follows.
func TestTxEmpty(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		told := 0
		var escaped *sqldb.Tx
		err := db.InTx(ctx, func(_ context.Context, tx *sqldb.Tx) error {
			escaped = tx
			tx.AfterCommit(func() { told++ })
			return nil
		})
		if err != nil || told != 1 {
			t.Errorf("%v, told %d times", err, told)
		}
		if err := update(ctx, escaped, "thing"); err == nil {
			t.Error("a statement after the end is taken")
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := db.InTx(gone, func(context.Context, *sqldb.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who left: %v", err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				_ = insertLater(ctx, tx, "a")
				panic("boom")
			})
		}()
		leaving, cancel := context.WithCancel(ctx)
		err = db.InTx(leaving, func(ctx context.Context, tx *sqldb.Tx) error {
			defer cancel()
			return insertLater(ctx, tx, "b")
		})
		if !errors.Is(err, context.Canceled) || count(t, db) != 0 {
			t.Errorf("%v, %d rows", err, count(t, db))
		}
	})
}

// The first statement may be one that answers rows, read to their end, in part, or finding none.
func TestTxBeginsWithRows(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "a", "b", "c"); err != nil {
			t.Fatal(err)
		}
		for stop := range 5 { // of three rows
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				rows, err := tx.Query(ctx, "SELECT id FROM thing WHERE tenant_id = :tenant AND id < ? ORDER BY id", "d")
				if err != nil {
					return err
				}
				for n := 0; n < stop && rows.Next(); n++ {
					var id string
					if err := rows.Scan(&id); err != nil {
						return err
					}
				}
				if stop < 4 {
					err = errors.Join(rows.Close(), rows.Close())
				}
				return errors.Join(err, rows.Err(), insertLater(ctx, tx, fmt.Sprint("new", stop)), update(ctx, tx, "thing"))
			})
			if err != nil {
				t.Errorf("after %d rows: %v", stop, err)
			}
		}
		err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if err := tx.QueryRow(ctx, "SELECT n FROM thing WHERE tenant_id = :tenant AND id = ?", "none").Scan(new(int)); !errors.Is(err, sqldb.ErrNoRows) {
				t.Error(err)
			}
			return insertLater(ctx, tx, "last")
		})
		if err != nil || count(t, db) != 9 {
			t.Errorf("%v, %d rows", err, count(t, db))
		}
	})
}

// Many race for the same few things, each with a guarded update and a row for who wins: one wins each, and leaves its row.
func TestTxRace(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		ids := []string{"a", "b", "c", "d", "e"}
		if err := insert(ctx, db, ids...); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for racer := range 100 {
			wg.Go(func() {
				id := ids[racer%len(ids)]
				err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
					n, err := tx.Exec(ctx, "UPDATE thing SET at = ? WHERE tenant_id = :tenant AND id = ? AND at IS NULL", now(), id)
					if err != nil || n == 0 {
						return err
					}
					return insertLater(ctx, tx, "won "+id) // a second winner would be a duplicate
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, db); n != 2*len(ids) {
			t.Errorf("%d rows, want %d", n, 2*len(ids))
		}
	})
}
