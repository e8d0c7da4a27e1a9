package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Admin is one connection to a server, for work on databases and users instead of rows. Its statements go to the server as they
// are: nothing is bound, retried or counted.
type Admin struct {
	db   *sql.DB
	conn *sql.Conn
}

// OpenAdmin signs in to a database of a server. Its errors are ErrLogin, ErrDenied, ErrNoDatabase and ErrUnavailable, and say
// what to do.
func OpenAdmin(ctx context.Context, a Address) (*Admin, error) {
	d, err := parseDSN(a.DSN())
	if err != nil {
		return nil, err
	}
	connect, err := d.connector()
	if err != nil {
		return nil, d.wrong(err)
	}
	db := connect()
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, d.refused(ctx, "sign in to the server", err)
	}
	return &Admin{db: db, conn: conn}, nil
}

// connector gives the opening of a database/sql handle whose one connection is set up like a pool's.
func (d *dsn) connector() (func() *sql.DB, error) {
	switch d.scheme {
	case "mysql":
		config, err := mysqlConfig(d)
		if err != nil {
			return nil, err
		}
		inner, err := mysql.NewConnector(config)
		return func() *sql.DB { return sql.OpenDB(inner) }, err
	case "postgres", "cockroach":
		config, err := postgresConfig(d)
		if err != nil {
			return nil, err
		}
		// Texts of several statements are one transaction in this protocol, and nothing is prepared.
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		// Whose database it is may have put functions into it that fit a call better than the server's own: they would run as
		// the administrator.
		options := []stdlib.OptionOpenDB{stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
			nameParameters(conn.TypeMap())
			_, err := conn.Exec(ctx, "SET search_path = pg_catalog")
			return err
		})}
		if config.BeforeConnect != nil {
			options = append(options, stdlib.OptionBeforeConnect(config.BeforeConnect))
		}
		return func() *sql.DB { return stdlib.OpenDB(*config.ConnConfig, options...) }, nil
	}
	return nil, errors.New("there is no server to sign in to")
}

// Exec runs a statement, on PostgreSQL several with semicolons between, which take effect together or not at all.
func (a *Admin) Exec(ctx context.Context, text string) error {
	_, err := a.conn.ExecContext(ctx, text)
	return administered(err)
}

// Query gives the rows of a statement as text; NULL is "". Arguments are written ? on MySQL and $1 on PostgreSQL.
func (a *Admin) Query(ctx context.Context, text string, args ...any) ([][]string, error) {
	rows, err := a.conn.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, administered(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, administered(err)
	}
	var all [][]string
	for rows.Next() {
		values, row := make([]sql.NullString, len(columns)), make([]string, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, administered(err)
		}
		for i := range values {
			row[i] = values[i].String
		}
		all = append(all, row)
	}
	return all, administered(rows.Err())
}

// Close signs out.
func (a *Admin) Close() error { return errors.Join(a.conn.Close(), a.db.Close()) }

// administered classifies an error. MySQL's complaint about a text's syntax quotes the text, which may hold a password.
func administered(err error) error {
	if err == nil {
		return nil
	}
	kind, cause := classify(err)
	if _, number, _ := serverError(err); number == 1064 {
		cause = errors.New("error 1064: the server does not understand the statement")
	}
	if cause != nil && strings.Contains(cause.Error(), "SQLSTATE 42601") {
		cause = errors.New("SQLSTATE 42601: the server does not understand the statement")
	}
	return &Error{kind: kind, reason: reason(err), cause: cause}
}
