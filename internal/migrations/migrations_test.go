package migrations_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func open(t *testing.T, dsn, logical string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: logical})
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

// each runs fn on an empty database of each kind, and in memory.
func each(t *testing.T, fn func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { fn(t, "memory://"+t.Name()) })
	testkit.EachDSN(t, fn)
}

func TestUp(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn, "oauth")
		ctx := t.Context()
		total := 0
		for _, logical := range migrations.Logical() { // all in one database
			known, err := migrations.Rendered(db.Dialect(), logical)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := migrations.Plan(ctx, db, logical)
			if err != nil || len(known) > 0 && !strings.Contains(plan, known[len(known)-1].SQL) || len(known) == 0 && plan != "" {
				t.Errorf("the plan of %s before: %q, %v", logical, plan, err)
			}
			if err := migrations.Check(ctx, db, logical); len(known) > 0 && (!errors.Is(err, migrations.ErrPending) || !strings.Contains(err.Error(), "gatehouse migrate up")) {
				t.Errorf("%s before: %v", logical, err)
			}
			if err := migrations.Newer(ctx, db, logical); err != nil {
				t.Errorf("%s before: %v", logical, err)
			}
			done, err := migrations.Up(ctx, db, logical)
			if err != nil || !slices.Equal(done, known) {
				t.Fatalf("%s: %v", logical, err)
			}
			total += len(done)
			if again, err := migrations.Up(ctx, db, logical); err != nil || len(again) != 0 {
				t.Errorf("%s again: %v", logical, err)
			}
			if err := migrations.Check(ctx, db, logical); err != nil {
				t.Errorf("%s after: %v", logical, err)
			}
			if plan, err := migrations.Plan(ctx, db, logical); err != nil || plan != "" {
				t.Errorf("the plan of %s after: %q, %v", logical, plan, err)
			}
			states, err := migrations.Status(ctx, db, logical)
			if err != nil || len(states) != len(known) {
				t.Fatal(err)
			}
			for _, s := range states {
				if age := time.Since(s.AppliedAt); !s.Applied || age > time.Hour || age < -time.Hour {
					t.Errorf("%s: %t, %v", s.Name, s.Applied, s.AppliedAt)
				}
			}
		}
		if total == 0 {
			t.Error("there are no migrations")
		}
		if err := db.AllTenants().QueryRow(ctx, "SELECT count(*) FROM oauth_change_feed").Scan(new(int)); err != nil {
			t.Error(err)
		}
	})
}

// Ten servers start on an empty database at the same time. On SQLite they are ten goroutines of one process,
// since a second process does not get in; in memory they have handles of their own.
func TestUpAtOnce(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		handle := func() *sqldb.DB { return open(t, dsn, "oauth") }
		if strings.HasPrefix(dsn, "sqlite") {
			db := open(t, dsn, "oauth")
			handle = func() *sqldb.DB { return db }
		}
		known, err := migrations.Rendered(handle().Dialect(), "oauth")
		if err != nil {
			t.Fatal(err)
		}
		var applied atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			db := handle()
			wg.Go(func() {
				done, err := migrations.Up(t.Context(), db, "oauth")
				if err != nil {
					t.Error(err)
				}
				applied.Add(int32(len(done)))
				if err := migrations.Check(t.Context(), db, "oauth"); err != nil {
					t.Errorf("a server that starts now: %v", err)
				}
			})
		}
		wg.Wait()
		if int(applied.Load()) != len(known) {
			t.Errorf("%d migrations were applied of %d", applied.Load(), len(known))
		}
	})
}

func TestNewer(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn, "oauth")
		ctx := t.Context()
		known, err := migrations.Rendered(db.Dialect(), "oauth")
		if err != nil {
			t.Fatal(err)
		}
		future := append(slices.Clone(known), migrations.Migration{Version: 9999, Name: "9999_future", SQL: "CREATE TABLE future (n int);\n"})
		if _, err := migrations.Apply(ctx, db, "oauth", future); err != nil {
			t.Fatal(err)
		}
		_, up := migrations.Up(ctx, db, "oauth")
		_, plan := migrations.Plan(ctx, db, "oauth")
		for what, err := range map[string]error{"Up": up, "Plan": plan, "Newer": migrations.Newer(ctx, db, "oauth"), "Check": migrations.Check(ctx, db, "oauth")} {
			if !errors.Is(err, migrations.ErrNewer) || !strings.Contains(err.Error(), "9999") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// A migration that fails leaves what came before it, and is tried again by the next start.
func TestUpFails(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		db := open(t, dsn, "flow")
		ctx := t.Context()
		set := func(sql string) []migrations.Migration {
			return []migrations.Migration{
				{Version: 1, Name: "0001_good", SQL: "CREATE TABLE good (n int);\n"},
				{Version: 2, Name: "0002_bad", SQL: sql},
			}
		}
		if _, err := migrations.Apply(ctx, db, "flow", set("CREATE TABLE bad (n int) nonsense;\n")); err == nil || !strings.Contains(err.Error(), "flow") {
			t.Errorf("%v", err)
		}
		if err := db.AllTenants().QueryRow(ctx, "SELECT count(*) FROM good").Scan(new(int)); err != nil {
			t.Error(err)
		}
		done, err := migrations.Apply(ctx, db, "flow", set("CREATE TABLE bad (n int);\n"))
		if err != nil || len(done) != 1 || done[0].Version != 2 {
			t.Errorf("%v, %v", done, err)
		}
	})
}

func ExampleRendered() {
	all, _ := migrations.Rendered(sqldb.SQLite, "oauth")
	fmt.Println(all[0].Version, all[0].Name)
	// Output: 1 0001_change_feed
}
