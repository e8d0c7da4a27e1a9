package migrations_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A database can be made as an older server had it, told from others, brought up, and taken away to be made anew.
func TestOlderVersions(t *testing.T) {
	const logical = "management"
	testkit.EachDB(t, logical, func(t *testing.T, db *sqldb.DB) {
		newest, err := migrations.Newest(logical)
		if err != nil {
			t.Fatal(err)
		}
		expect := func(want int64) {
			t.Helper()
			if got, err := migrations.Version(t.Context(), db, logical); err != nil || got != want {
				t.Fatalf("it is at version %d, not %d: %v", got, want, err)
			}
		}
		expect(newest)
		if err := migrations.UpTo(t.Context(), db, logical, newest-1); !errors.Is(err, migrations.ErrNewer) {
			t.Errorf("back to an older version: %v", err)
		}
		for range 2 { // the second time there is nothing left
			if err := migrations.Drop(t.Context(), db, logical, "data_state"); err != nil {
				t.Fatal(err)
			}
			expect(0)
		}
		const older = 7
		if err := migrations.UpTo(t.Context(), db, logical, older); err != nil {
			t.Fatal(err)
		}
		expect(older)
		tables, err := migrations.TablesAt(logical, older)
		if err != nil {
			t.Fatal(err)
		}
		found := columnsOf(t, db)
		for _, table := range tables {
			if len(found[table.Name]) != len(table.Columns) {
				t.Errorf("%s has %d columns, the catalogue says %d", table.Name, len(found[table.Name]), len(table.Columns))
			}
		}
		all, err := migrations.Tables(logical)
		if err != nil || len(all) <= len(tables) {
			t.Errorf("%d tables then, %d now: %v", len(tables), len(all), err)
		}
		if _, err := migrations.Up(t.Context(), db, logical); err != nil {
			t.Fatal(err)
		}
		expect(newest)
		now, err := migrations.TablesAt(logical, newest)
		if diff := cmp.Diff(all, now); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	})
}
