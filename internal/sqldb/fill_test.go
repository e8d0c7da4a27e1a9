package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// manyThings gives rows of the table thing, in a slice that is the same each time, and then an error where there is one.
func manyThings(from, to int, fault error) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, 3)
		for i := from; i < to; i++ {
			row[0], row[1], row[2] = "default", fmt.Sprintf("%06d", i*7919%to), i
			if !yield(row, nil) {
				return
			}
		}
		if fault != nil {
			yield(nil, fault)
		}
	}
}

// indexes gives what PostgreSQL says of those of a table, and its constraints.
func indexes(t *testing.T, db *sqldb.DB) (all []string) {
	t.Helper()
	rows, err := db.AllTenants().Query(t.Context(), `SELECT indexdef FROM pg_indexes WHERE tablename = 'thing'
		UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'thing'::regclass OR confrelid = 'thing'::regclass ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// Rows that come by COPY are all there or none, and so are the table's indexes, whether a foreign key points to one or not.
func TestFill(t *testing.T) {
	columns, broken := []string{"tenant_id", "id", "n"}, errors.New("the source broke")
	for name, mode := range map[string]string{"prepared": "", "behind a pooler": "&default_query_exec_mode=exec"} {
		t.Run(name, func(t *testing.T) {
			db := withThing(t, open(t, testkit.Postgres(t)+mode))
			all := db.AllTenants()
			do(t, db, `CREATE UNIQUE INDEX "thing ""n""" ON thing (n DESC) WHERE n IS NOT NULL`)
			do(t, db, `ALTER TABLE thing ADD CONSTRAINT "thing both" UNIQUE (id, n)`)
			do(t, db, `DROP TABLE part`)
			before := indexes(t, db)
			for _, c := range []struct {
				name string
				rows iter.Seq2[[]any, error]
				want error
			}{
				{"a source that breaks", manyThings(0, 500, broken), broken},
				{"one key twice", func(yield func([]any, error) bool) {
					for range 2 {
						if !yield([]any{"default", "same", nil}, nil) {
							return
						}
					}
				}, sqldb.ErrDuplicate},
			} {
				if n, err := all.Fill(t.Context(), "thing", columns, c.rows); n != 0 || !errors.Is(err, c.want) {
					t.Errorf("%s: %d rows, %v", c.name, n, err)
				}
			}
			if n, err := all.Fill(t.Context(), "thing", columns, manyThings(0, 5000, nil)); n != 5000 || err != nil {
				t.Errorf("%d rows, %v", n, err)
			}
			if n := count(t, db); n != 5000 {
				t.Errorf("%d rows are there", n)
			}
			if diff := cmp.Diff(before, indexes(t, db)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a foreign key points to it", func(t *testing.T) {
		db := withThing(t, open(t, testkit.Postgres(t)))
		before := indexes(t, db)
		if _, err := db.AllTenants().Fill(t.Context(), "thing", columns, manyThings(0, 100, nil)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, indexes(t, db)); diff != "" || count(t, db) != 100 {
			t.Error(diff)
		}
	})
}

// What may not be filled is not.
func TestFillIsRefused(t *testing.T) {
	columns := []string{"tenant_id", "id", "n"}
	each(t, func(t *testing.T, db *sqldb.DB) {
		none := func(what string, err error) {
			t.Helper()
			if err == nil || count(t, db) != 0 {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := db.Fill(testkit.Context(t), "thing", columns, manyThings(0, 10, nil))
		none("of one tenant", err)
		none("inside a transaction", db.InTx(testkit.Context(t), func(ctx context.Context, _ *sqldb.Tx) error {
			_, err := db.AllTenants().Fill(ctx, "thing", columns, manyThings(0, 10, nil))
			return err
		}))
		if !db.Fills() {
			_, err = db.AllTenants().Fill(t.Context(), "thing", columns, manyThings(0, 10, nil))
			none("in another database than PostgreSQL", err)
			return
		}
		if err := db.Freeze(t.Context(), "a test"); err != nil {
			t.Fatal(err)
		}
		if _, err = db.AllTenants().Fill(t.Context(), "thing", columns, manyThings(0, 10, nil)); !errors.Is(err, sqldb.ErrFrozen) {
			t.Errorf("while writes are refused: %v", err)
		}
	})
}
