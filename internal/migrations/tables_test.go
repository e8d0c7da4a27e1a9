package migrations_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// TestTables holds the catalogue against what is really in each database after the migrations: a column that it forgot would be
// missing from every copy and backup.
func TestTables(t *testing.T) {
	for _, logical := range migrations.Logical() {
		tables, err := migrations.Tables(logical)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(logical, func(t *testing.T) {
			testkit.EachDB(t, logical, func(t *testing.T, db *sqldb.DB) {
				found := columnsOf(t, db)
				for name := range found {
					if name == logical+"_change_feed" || name == "data_state" || name == "seal_server" || name == "backup_job" || strings.HasPrefix(name, "goose_") || strings.HasPrefix(name, "sqlite_") {
						delete(found, name)
					}
				}
				for _, table := range tables {
					var names []string
					for _, c := range table.Columns {
						names = append(names, c.Name)
					}
					slices.Sort(names)
					slices.Sort(found[table.Name])
					if !slices.Equal(names, found[table.Name]) {
						t.Errorf("table %s has the columns %v, the catalogue says %v", table.Name, found[table.Name], names)
					}
					delete(found, table.Name)
					for _, k := range table.Key {
						if !slices.Contains(names, k) {
							t.Errorf("table %s has no column %s of its key", table.Name, k)
						}
					}
					if len(table.Key) == 0 {
						t.Errorf("table %s has no key", table.Name)
					}
				}
				for name := range found {
					t.Errorf("the catalogue lacks table %s", name)
				}
			})
		})
	}
}

// What speaks of a database alone is not of its content, and what migrations write is no sign of use.
func TestTablesOfTheDatabaseItself(t *testing.T) {
	tables, err := migrations.Tables("management")
	if err != nil {
		t.Fatal(err)
	}
	seeded := 0
	for _, table := range tables {
		if table.Name == "data_state" || table.Name == "seal_server" || table.Name == "backup_job" || table.Name == "management_change_feed" {
			t.Errorf("%s would be copied", table.Name)
		}
		if table.Seeded {
			seeded++
			if table.Name != "access_rule_revision" && table.Name != "tenant_revision" {
				t.Errorf("%s is said to be filled by migrations", table.Name)
			}
		}
	}
	if seeded != 2 {
		t.Errorf("%d tables are filled by migrations", seeded)
	}
}

// columnsOf asks the database itself.
func columnsOf(t *testing.T, db *sqldb.DB) map[string][]string {
	t.Helper()
	query := `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()`
	switch db.Dialect() {
	case sqldb.SQLite:
		query = `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`
	case sqldb.MySQL:
		query = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()`
	}
	rows, err := db.AllTenants().Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		found[table] = append(found[table], column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
