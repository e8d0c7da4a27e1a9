package dataset_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// load fills a management database with what another one holds.
func load(ctx context.Context, from, to *sqldb.DB, o dataset.LoadOptions) ([]dataset.Summary, error) {
	var all []dataset.Summary
	o.Feed, o.Done = sqldb.NewFeed(to, sqldb.FeedOptions{}), activity.Event{Action: activity.BackupRestored, Subject: activity.Party{Kind: "data"}}
	err := dataset.Snapshot(ctx, dataset.Databases{"management": from}, func(ctx context.Context, src dataset.Source) (err error) {
		all, err = dataset.Load(ctx, src, dataset.Databases{"management": to}, o)
		return err
	})
	return all, err
}

// A load that was ended is finished by the same call, another one is refused meanwhile, and nothing that is there is written over
// unless somebody says so.
func TestLoadGoesOn(t *testing.T) {
	source := testkit.SQLite(t, "management")
	fill(t, rand.New(rand.NewPCG(31, 32)), "management", source, 1600, "identity")
	testkit.EachDB(t, "management", func(t *testing.T, target *sqldb.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := load(ctx, source, target, dataset.LoadOptions{From: "one", Progress: func(s dataset.Step) {
			if s.Rows > 800 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("ended in the midst: %v", err)
		}
		_, gate := serve(target)
		if err := gate.Open(t.Context()); !errors.Is(err, dataset.ErrArriving) {
			t.Errorf("a server starts on a part: %v", err)
		}
		if _, err := load(t.Context(), source, target, dataset.LoadOptions{From: "two"}); !errors.Is(err, dataset.ErrOtherCopy) {
			t.Errorf("another one: %v", err)
		}
		if _, err := load(t.Context(), source, target, dataset.LoadOptions{From: "one"}); err != nil {
			t.Fatal(err)
		}
		_, gate = serve(target)
		if err := gate.Open(t.Context()); err != nil {
			t.Errorf("a server does not start: %v", err)
		}
		forget(t, target, `%"backup.restored"%`)
		if diff := cmp.Diff(summary(t, dataset.Databases{"management": source}), summary(t, dataset.Databases{"management": target})); diff != "" {
			t.Error(diff)
		}
		if _, err := load(t.Context(), source, target, dataset.LoadOptions{From: "one"}); !errors.Is(err, dataset.ErrNotEmpty) {
			t.Errorf("once more: %v", err)
		}
		if err := write(t.Context(), target, "later"); err != nil {
			t.Fatal(err)
		}
		if _, err := load(t.Context(), source, target, dataset.LoadOptions{From: "one", Replace: true}); err != nil {
			t.Errorf("over it: %v", err)
		}
	})
}

// older is a database as an older server had it, with what that one held.
func older(t *testing.T, version int64) *sqldb.DB {
	t.Helper()
	db := opened(t, "sqlite://"+t.TempDir()+"/management.db")
	if err := migrations.UpTo(t.Context(), db, "management", version); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Raw().ExecContext(t.Context(), `INSERT INTO limit_failure (tenant_id, subject, failures, failed_at) VALUES ('default', 'then', 1, 1)`); err != nil {
		t.Fatal(err)
	}
	return db
}

// What an older server held is loaded with its schema, and migrated afterwards, whatever the target's version was and wherever an
// earlier try ended.
func TestLoadOfAnOlderVersion(t *testing.T) {
	const version = dataset.StateVersion
	for name, empty := range map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string { return "sqlite://" + t.TempDir() + "/m.db" }, "postgres": testkit.Postgres, "mariadb": testkit.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			source := older(t, version)
			newest, err := migrations.Newest("management")
			if err != nil {
				t.Fatal(err)
			}
			for what, prepare := range map[string]func(t *testing.T, db *sqldb.DB){
				"no schema": func(*testing.T, *sqldb.DB) {},
				"ended while tables were made": func(t *testing.T, db *sqldb.DB) {
					if err := migrations.UpTo(t.Context(), db, "management", version-1); err != nil {
						t.Fatal(err)
					}
				},
				"newer schema": func(t *testing.T, db *sqldb.DB) { up(t, db) },
				"ended while tables were removed": func(t *testing.T, db *sqldb.DB) {
					up(t, db)
					marked(t, db)
					if _, err := db.Raw().ExecContext(t.Context(), "DROP TABLE limit_failure"); err != nil {
						t.Fatal(err)
					}
				},
				"ended before the last was": func(t *testing.T, db *sqldb.DB) {
					up(t, db)
					marked(t, db)
					if err := migrations.Drop(t.Context(), db, "management", ""); err != nil {
						t.Fatal(err)
					}
					if _, err := db.Raw().ExecContext(t.Context(), "CREATE TABLE data_state (name varchar(99) NOT NULL PRIMARY KEY, value varchar(99) NOT NULL, changed_at "+
						map[bool]string{true: "bigint", false: "timestamp"}[name == "sqlite"]+" NOT NULL)"); err != nil {
						t.Fatal(err)
					}
					marked(t, db)
				},
			} {
				target := opened(t, empty(t))
				prepare(t, target)
				if _, err := load(t.Context(), source, target, dataset.LoadOptions{From: "one"}); err != nil {
					t.Errorf("%s: %v", what, err)
					continue
				}
				if v, err := migrations.Version(t.Context(), target, "management"); err != nil || v != newest {
					t.Errorf("%s: it is at version %d: %v", what, v, err)
				}
				var n int
				if err := target.AllTenants().QueryRow(t.Context(), `SELECT failures FROM limit_failure WHERE subject = 'then'`).Scan(&n); err != nil || n != 1 {
					t.Errorf("%s: what was there is not: %d %v", what, n, err)
				}
			}
		})
	}
}

func up(t *testing.T, db *sqldb.DB) {
	t.Helper()
	if _, err := migrations.Up(t.Context(), db, "management"); err != nil {
		t.Fatal(err)
	}
}

// marked writes the mark of a load.
func marked(t *testing.T, db *sqldb.DB) {
	t.Helper()
	if _, err := db.AllTenants().Exec(t.Context(), `INSERT INTO data_state (name, value, changed_at) VALUES ('arriving', 'one', ?)`, db.Now()); err != nil {
		t.Fatal(err)
	}
}

// What a newer server wrote is refused before anything is written.
func TestLoadOfANewerVersion(t *testing.T) {
	target := opened(t, "sqlite://"+t.TempDir()+"/m.db")
	_, err := dataset.Load(t.Context(), newer{}, dataset.Databases{"management": target}, dataset.LoadOptions{From: "one"})
	if !errors.Is(err, dataset.ErrNewer) {
		t.Error(err)
	}
	if v, err := migrations.Version(t.Context(), target, "management"); v != 0 || err != nil {
		t.Errorf("it is at version %d: %v", v, err)
	}
}

type newer struct{ foreign }

func (newer) Schema() map[string]int64 { return map[string]int64{"management": 9999} }
