package testkit

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// maker makes databases on one kind of server.
type maker interface {
	// empty makes a database without tables.
	empty(t testing.TB) (dsn string)
	// migrated makes a database with the schema of one logical database.
	migrated(t testing.TB, logical string) (dsn string)
}

// makers lists the kinds of database in the order in which their subtests run.
func makers() []struct {
	name string
	maker
} {
	return []struct {
		name string
		maker
	}{{"sqlite", sqlite{}}, {"postgres", postgres{}}, {"mariadb", mariadb{}}}
}

// EachDB runs fn once per kind of database, as parallel subtests, each on a fresh database with the schema of the logical
// database ("management", "oauth", "activity", "flow").
func EachDB(t *testing.T, logical string, fn func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	for _, m := range makers() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			fn(t, open(t, logical, m.migrated(t, logical)))
		})
	}
}

// EachInstallation runs fn once per kind of database, as parallel subtests, each on fresh databases with the schemas of all logical
// databases, each in a database of its own.
func EachInstallation(t *testing.T, fn func(t *testing.T, dbs map[string]*sqldb.DB)) {
	t.Helper()
	for _, m := range makers() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			dbs := make(map[string]*sqldb.DB)
			for _, logical := range migrations.Logical() {
				dbs[logical] = open(t, logical, m.migrated(t, logical))
			}
			fn(t, dbs)
		})
	}
}

// EachDSN runs fn once per kind of database, as parallel subtests, each with the DSN of a fresh empty database. A test may open
// it several times, as replicas of a server do.
func EachDSN(t *testing.T, fn func(t *testing.T, dsn string)) {
	t.Helper()
	for _, m := range makers() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			fn(t, m.empty(t))
		})
	}
}

// SQLite returns a fresh SQLite database with the schema of the logical database.
func SQLite(t testing.TB, logical string) *sqldb.DB {
	t.Helper()
	return open(t, logical, sqlite{}.migrated(t, logical))
}

// open opens the database for the length of the test.
func open(t testing.TB, logical, dsn string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: logical, Now: now, Log: slog.New(slog.DiscardHandler), MaxConns: 8})
	if err != nil {
		t.Fatalf("testkit: open the test's database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("testkit: close the test's database: %v", err)
		}
	})
	return db
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// unique names a database that no other test uses.
func unique() string { return "gatehouse_test_" + strings.ToLower(rand.Text()[:16]) }

// drop calls undo when the test is over. The test's own context has ended by then.
func drop(t testing.TB, undo func(ctx context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := undo(ctx); err != nil {
			t.Errorf("testkit: drop the test's database: %v", err)
		}
	})
}
