package sqldb_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// TestCells: every driver's values come alike.
func TestCells(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		fillCells(t, db)
		holdCells(t, db.AllTenants())
		err := db.AllTenants().Snapshot(t.Context(), func(_ context.Context, s *sqldb.Snapshot) error {
			holdCells(t, s)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("statements that are not prepared", func(t *testing.T) {
		testkit.EachDSN(t, func(t *testing.T, dsn string) {
			if strings.HasPrefix(dsn, "postgres:") {
				fillCells(t, withThing(t, open(t, dsn)))
				reader := open(t, dsn+"&default_query_exec_mode=exec")
				if err := reader.AllTenants().Snapshot(t.Context(), func(_ context.Context, s *sqldb.Snapshot) error { holdCells(t, s); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	})
}

var cellTime = time.Date(1969, 12, 31, 23, 59, 59, 123456000, time.UTC)

func fillCells(t *testing.T, db *sqldb.DB) {
	t.Helper()
	at := cellTime
	_, err := db.InsertRows(testkit.Context(t), "thing", []string{"tenant_id", "id", "n", "note", "at", "raw", "ok"}, [][]any{
		{"default", "a full one", -42, "ß", at, []byte{0, 255}, true},
		{"default", "b without", nil, nil, nil, nil, nil},
		{"default", "c of nothing", 0, "", time.UnixMicro(0), []byte{}, false},
		{"default", "d full again", 1 << 62, "a longer one", at.AddDate(100, 0, 0), []byte("\n"), true},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func holdCells(t *testing.T, q interface {
	Query(ctx context.Context, query string, args ...any) (*sqldb.Rows, error)
},
) {
	t.Helper()
	at := cellTime
	rows, err := q.Query(testkit.Context(t), "SELECT n, note, at, raw, ok FROM thing ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	number := func(n int64) sqldb.Cell { return sqldb.Cell{Number: n} }
	text := func(s string) sqldb.Cell { return sqldb.Cell{Textual: true, Bytes: []byte(s)} }
	none, noText := sqldb.Cell{Null: true}, sqldb.Cell{Textual: true, Null: true}
	want := [][]sqldb.Cell{
		{number(-42), text("ß"), number(at.UnixMicro()), text("\x00\xff"), number(1)},
		{none, noText, none, noText, none},
		{number(0), text(""), number(0), text(""), number(0)},
		{number(1 << 62), text("a longer one"), number(at.AddDate(100, 0, 0).UnixMicro()), text("\n"), number(1)},
	}
	got := []sqldb.Cell{{}, {Textual: true}, {}, {Textual: true}, {}}
	for i := 0; rows.Next(); i++ {
		if err := rows.Cells(got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], got, cmpopts.IgnoreUnexported(sqldb.Cell{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
		if wrong := []sqldb.Cell{{Textual: true}, {}, {}, {}, {}}; !got[0].Null && rows.Cells(wrong) == nil {
			t.Error("a number was taken for a text, or a text for a number")
		}
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}
