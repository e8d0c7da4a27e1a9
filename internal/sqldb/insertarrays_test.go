package sqldb_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Behind a pooler nothing is prepared, and the driver does not know the types of parameters. Rows get there all the same, whatever is in
// them, alone, together and with a commit.
func TestRowsWithoutPreparedStatements(t *testing.T) {
	dsn := testkit.Postgres(t)
	prepared := withThing(t, open(t, dsn))
	ctx := testkit.Context(t)
	id, _ := tenant.From(ctx)
	columns := []string{"tenant_id", "id", "n", "note", "at", "raw", "ok"}
	at := time.Date(1969, 12, 31, 23, 59, 59, 123456000, time.UTC)
	rows := func(of string) [][]any {
		return [][]any{
			{id, of + "1", 1, "plain", at, []byte{0, 1, 0xff}, true},
			{id, of + "2", -1 << 62, `{"a", 'b'} \ NULL`, at.Add(1e6 * time.Hour), []byte{}, false},
			{id, of + "3", nil, nil, nil, nil, nil},
			{id, of + "4", 4, "NULL", time.Time{}, []byte(`\x"`), nil},
			{id, of + "5", 5, "\n\t{}é😀", at, []byte("text"), true},
			{id, of + "6", 6, "", at, nil, false},
		}
	}
	read := func(db *sqldb.DB, of string) (all [][]any) {
		t.Helper()
		got, err := db.Query(ctx, "SELECT n, note, at, raw, ok FROM thing WHERE tenant_id = :tenant AND id LIKE ? ORDER BY id", of+"%")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = got.Close() }()
		for got.Next() {
			var n *int64
			var note *string
			var at sqldb.NullTime
			var raw []byte
			var ok *bool
			if err := got.Scan(&n, &note, &at, &raw, &ok); err != nil {
				t.Fatal(err)
			}
			all = append(all, []any{n, note, at, raw, ok})
		}
		return all
	}
	if _, err := prepared.InsertRows(ctx, "thing", columns, rows("prepared")); err != nil {
		t.Fatal(err)
	}
	want := read(prepared, "prepared")
	if len(want) != 6 {
		t.Fatalf("%d rows", len(want))
	}
	for _, mode := range []string{"exec", "cache_describe", "describe_exec"} {
		t.Run(mode, func(t *testing.T) {
			db := open(t, dsn+"&default_query_exec_mode="+mode)
			if _, err := db.InsertRows(ctx, "thing", columns, rows(mode)); err != nil {
				t.Fatal(err)
			}
			if err := db.InsertAll(ctx, sqldb.Insert{Table: "thing", Columns: columns, Rows: rows("all " + mode)}); err != nil {
				t.Fatal(err)
			}
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				if err := tx.InsertLater(ctx, "thing", columns, rows("later "+mode)); err != nil {
					return err
				}
				return tx.InsertAtEnd(ctx, sqldb.Insert{Table: "thing", Columns: columns, Rows: rows("end " + mode)})
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, of := range []string{"", "all ", "later ", "end "} {
				if diff := cmp.Diff(want, read(db, of+mode)); diff != "" {
					t.Error(of, diff)
				}
			}
		})
	}
}
