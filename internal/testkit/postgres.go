package testkit

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that creates and drops databases

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

type postgres struct{}

// postgresAdmin is the connection that creates and drops databases, one pool per test process.
var postgresAdmin = sync.OnceValues(func() (*sql.DB, error) {
	found, err := findServers()
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", found.postgres)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", postgresVariable, err)
	}
	db.SetMaxOpenConns(4)
	return db, nil
})

func (p postgres) empty(t testing.TB) string {
	t.Helper()
	return p.create(t, "template0")
}

func (p postgres) migrated(t testing.TB, logical string) string {
	t.Helper()
	admin, err := postgresAdmin()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	template, known := postgresTemplates.Load(logical)
	if !known {
		if template, err = p.template(t.Context(), admin, logical); err != nil {
			t.Fatalf("testkit: PostgreSQL template of %s: %v", logical, err)
		}
		postgresTemplates.Store(logical, template)
	}
	return p.create(t, template.(string))
}

// postgresTemplates holds the names of the templates that are known to be there.
var postgresTemplates sync.Map // logical database -> string

func (p postgres) create(t testing.TB, template string) string {
	t.Helper()
	admin, err := postgresAdmin()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	name := unique()
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("testkit: create the test's database on PostgreSQL: %v", err)
	}
	drop(t, func(ctx context.Context) error {
		_, err := admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		return err
	})
	return p.dsn(name)
}

// dsn names another database on the same server.
func (postgres) dsn(database string) string {
	found, _ := findServers()
	u, err := url.Parse(found.postgres)
	if err != nil {
		return found.postgres // the driver says what is wrong with it
	}
	u.Path = "/" + database
	return u.String()
}

// template returns the name of a migrated database to copy, and makes it where it is missing. Test processes run at the same
// time: an advisory lock lets one of them make it, and it gets its name when it is complete.
func (p postgres) template(ctx context.Context, admin *sql.DB, logical string) (string, error) {
	name, err := templateName(sqldb.PostgreSQL, logical)
	if err != nil {
		return "", err
	}
	conn, err := admin.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	const lock = 0x6761746568 // any number that nobody else takes
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return "", err
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock) }()

	var there bool
	err = conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
	if err != nil || there {
		return name, err
	}
	building := unique()
	if _, err := conn.ExecContext(ctx, "CREATE DATABASE "+building+" TEMPLATE template0"); err != nil {
		return "", err
	}
	if err := migrate(ctx, p.dsn(building), logical); err != nil {
		_, _ = conn.ExecContext(ctx, "DROP DATABASE "+building+" WITH (FORCE)")
		return "", err
	}
	_, err = conn.ExecContext(ctx, "ALTER DATABASE "+building+" RENAME TO "+name)
	return name, err
}
