package sqldb_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Rows for two tables are stored together or not at all, and only under the context's own tenant.
func TestInsertAll(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		id, _ := tenant.From(ctx)
		things := func(of tenant.ID, ids ...string) sqldb.Insert {
			in := sqldb.Insert{Table: "thing", Columns: []string{"tenant_id", "id"}}
			for _, key := range ids {
				in.Rows = append(in.Rows, []any{string(of), key})
			}
			return in
		}
		part := func(key, thing string) sqldb.Insert {
			return sqldb.Insert{Table: "part", Columns: []string{"tenant_id", "id", "thing_id"}, Rows: [][]any{{string(id), key, thing}}}
		}
		if err := db.InsertAll(ctx, things(id, "one", "two"), things(id), part("part", "two")); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			inserts []sqldb.Insert
			want    error
		}{
			"the second is there already":     {[]sqldb.Insert{things(id, "three"), part("part", "three")}, sqldb.ErrDuplicate},
			"the first is there already":      {[]sqldb.Insert{things(id, "four", "one"), part("other", "four")}, sqldb.ErrDuplicate},
			"a part of a thing that is not":   {[]sqldb.Insert{things(id, "five"), part("other", "nothing")}, sqldb.ErrForeignKey},
			"a row of another tenant":         {[]sqldb.Insert{things(id, "six"), things("another", "seven")}, nil},
			"nothing wrong but the cancelled": {[]sqldb.Insert{things(id, "eight")}, context.Canceled},
		} {
			ctx := ctx
			if errors.Is(c.want, context.Canceled) {
				cancelled, cancel := context.WithCancel(ctx)
				cancel()
				ctx = cancelled
			}
			err := db.InsertAll(ctx, c.inserts...)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if n := count(t, db); n != 2 {
			t.Errorf("%d things are stored, want the first two alone", n)
		}
		if err := db.InsertAll(ctx); err != nil {
			t.Errorf("nothing to insert: %v", err)
		}
		err := db.InTx(ctx, func(ctx context.Context, _ *sqldb.Tx) error { return db.InsertAll(ctx, things(id, "nested")) })
		if err == nil {
			t.Error("inside a transaction it is not refused")
		}
	})
}

// What several parts of a transaction add for its end leaves as one statement, and not at all when it fails.
func TestInsertAtEnd(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		id, _ := tenant.From(ctx)
		add := func(ctx context.Context, tx *sqldb.Tx, of tenant.ID, key string) error {
			return tx.InsertAtEnd(ctx, sqldb.Insert{Table: "thing", Columns: []string{"tenant_id", "id"}, Rows: [][]any{{string(of), key}}})
		}
		before := db.Statements()
		err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			return errors.Join(add(ctx, tx, id, "a"), add(ctx, tx, id, "b"), tx.InsertAtEnd(ctx, sqldb.Insert{Table: "thing", Columns: []string{"tenant_id", "id"}}))
		})
		if n := db.Statements() - before; err != nil || n != 1 || count(t, db) != 2 {
			t.Errorf("%v, %d statements, %d rows", err, n, count(t, db))
		}
		err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return add(ctx, tx, id, "a") })
		if !errors.Is(err, sqldb.ErrDuplicate) {
			t.Errorf("one that is there: %v", err)
		}
		err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return add(ctx, tx, "another", "c") })
		if err == nil || count(t, db) != 2 {
			t.Errorf("a row of another tenant: %v", err)
		}
	})
}
