package testkit

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

type mariadb struct{}

// mariadbAdmin is the connection that creates and drops databases, one pool per test process.
var mariadbAdmin = sync.OnceValues(func() (*sql.DB, error) {
	found, err := findServers()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(found.mariadb)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mariadbVariable, err)
	}
	c := mysql.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Net, c.Addr = "tcp", u.Host
	c.MultiStatements = true
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mariadbVariable, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	return db, nil
})

func (m mariadb) empty(t testing.TB) string {
	t.Helper()
	return m.create(t, "")
}

func (m mariadb) migrated(t testing.TB, logical string) string {
	t.Helper()
	admin, err := mariadbAdmin()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	script, known := mariadbScripts.Load(logical)
	if !known {
		if script, err = m.template(t.Context(), admin, logical); err != nil {
			t.Fatalf("testkit: MariaDB template of %s: %v", logical, err)
		}
		mariadbScripts.Store(logical, script)
	}
	return m.create(t, script.(string))
}

// mariadbScripts holds what makes a copy of each template: reading it takes some statements for each table.
var mariadbScripts sync.Map // logical database -> string

// create makes a database and fills it by the script, in one round trip.
func (m mariadb) create(t testing.TB, script string) string {
	t.Helper()
	admin, err := mariadbAdmin()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	name := unique()
	// The foreign keys name tables that come later in the script. The setting returns to its default with the script's end, for
	// the connection goes back to the pool.
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+"; USE "+name+
		"; SET foreign_key_checks = 0; "+script+" SET foreign_key_checks = 1"); err != nil {
		t.Fatalf("testkit: create the test's database on MariaDB: %v", err)
	}
	drop(t, func(ctx context.Context) error {
		_, err := admin.ExecContext(ctx, "DROP DATABASE "+name)
		return err
	})
	return m.dsn(name)
}

// dsn names another database on the same server.
func (mariadb) dsn(database string) string {
	found, _ := findServers()
	u, err := url.Parse(found.mariadb)
	if err != nil {
		return found.mariadb // the driver says what is wrong with it
	}
	u.Path = "/" + database
	return u.String()
}

// built is the table that marks a template as complete.
const built = "gatehouse_template_complete"

// template returns the statements that make a copy of the migrated database; MariaDB has no command for that. Test processes
// run at the same time: a named lock lets one of them make it.
func (m mariadb) template(ctx context.Context, admin *sql.DB, logical string) (string, error) {
	name, err := templateName(sqldb.MySQL, logical)
	if err != nil {
		return "", err
	}
	conn, err := admin.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	var locked sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK('gatehouse_template', 120)").Scan(&locked); err != nil {
		return "", err
	}
	if locked.Int64 != 1 {
		return "", fmt.Errorf("another process has held the lock gatehouse_template for two minutes")
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK('gatehouse_template')") }()

	var there int
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
		name, built).Scan(&there)
	if err != nil {
		return "", err
	}
	if there == 0 {
		if _, err := conn.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+"; CREATE DATABASE "+name); err != nil {
			return "", err
		}
		if err := migrate(ctx, m.dsn(name), logical); err != nil {
			return "", err
		}
		if _, err := conn.ExecContext(ctx, "CREATE TABLE "+name+"."+built+" (id INT)"); err != nil {
			return "", err
		}
	}
	return scriptOf(ctx, conn, name)
}

// scriptOf writes the statements that make the tables of a database, and their rows, anew in the current one.
func scriptOf(ctx context.Context, conn *sql.Conn, database string) (string, error) {
	tables, err := tablesOf(ctx, conn, database)
	if err != nil {
		return "", err
	}
	var script strings.Builder
	for _, table := range tables {
		var name, create string
		if err := conn.QueryRowContext(ctx, "SHOW CREATE TABLE "+database+".`"+table+"`").Scan(&name, &create); err != nil {
			return "", err
		}
		script.WriteString(create + ";\n")
		var rows bool
		if err := conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+database+".`"+table+"`)").Scan(&rows); err != nil {
			return "", err
		}
		if rows {
			//nolint:unqueryvet // the two tables are the same
			script.WriteString("INSERT INTO `" + table + "` SELECT * FROM " + database + ".`" + table + "`;\n")
		}
	}
	return script.String(), nil
}

func tablesOf(ctx context.Context, conn *sql.Conn, database string) ([]string, error) {
	rows, err := conn.QueryContext(ctx,
		"SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_name <> ? ORDER BY table_name",
		database, built)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	return tables, rows.Err()
}
