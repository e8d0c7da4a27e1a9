package sqldb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// A walk in batches sees each row once, and on databases that tell so in plain words it is seen to begin where the last one ended.
func TestBehind(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		const tenants, rows, batch = 3, 700, 300
		for of := range tenants {
			ids := make([]string, rows)
			for i := range ids {
				ids[i] = fmt.Sprintf("row-%03d", i)
			}
			if err := insert(tenant.With(t.Context(), tenant.ID(fmt.Sprint("tenant-", of))), db, ids...); err != nil {
				t.Fatal(err)
			}
		}
		columns := []string{"tenant_id", "id"}
		query, args := "SELECT tenant_id, id FROM thing ORDER BY tenant_id, id LIMIT ?", []any{}
		var seen []string
		for n := batch; n == batch; {
			rows, err := db.AllTenants().Query(t.Context(), query, append(args, batch)...)
			if err != nil {
				t.Fatal(err)
			}
			last := []string{"", ""}
			for n = 0; rows.Next(); n++ {
				if err := rows.Scan(&last[0], &last[1]); err != nil {
					t.Fatal(err)
				}
				seen = append(seen, strings.Join(last, " "))
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			var where string
			where, args = db.Dialect().Behind(columns, last)
			query = "SELECT tenant_id, id FROM thing WHERE " + where + " ORDER BY tenant_id, id LIMIT ?"
		}
		if !slices.IsSorted(seen) || len(slices.Compact(seen)) != tenants*rows {
			t.Errorf("%d rows", len(seen))
		}
		explain, word := "EXPLAIN ", "Index Cond: (ROW("
		switch db.Dialect() {
		case sqldb.MySQL:
			return
		case sqldb.SQLite:
			explain, word = "EXPLAIN QUERY PLAN ", "((tenant_id,id)>(?,?))"
		default:
			do(t, db, "ANALYZE thing")
		}
		if plan := explained(t, db, explain+query, append(args, batch)...); !strings.Contains(plan, word) {
			t.Errorf("it reads all from the beginning: %s", plan)
		}
	})
}

func explained(t *testing.T, db *sqldb.DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.AllTenants().Query(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var plan strings.Builder
	for rows.Next() {
		var line string
		var id, parent, unused int
		into := []any{&line}
		if db.Dialect() == sqldb.SQLite {
			into = []any{&id, &parent, &unused, &line}
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	return plan.String()
}
