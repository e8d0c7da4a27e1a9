package sqldb

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"io"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// openPostgres opens a pool of pgx's own, which costs less per statement than database/sql, always with
// prepared statements.
func (c *core) openPostgres(ctx context.Context, d *dsn, o Options) error {
	config, err := postgresConfig(d)
	if err != nil {
		return d.wrong(err)
	}
	l := d.limits(o)
	config.MaxConns = int32(l.conns)
	config.MaxConnLifetime = l.lifetime
	config.MaxConnLifetimeJitter = l.lifetime / 10
	if config.MaxConnIdleTime = l.idleTimeout; l.idleTimeout == 0 {
		config.MaxConnIdleTime = math.MaxInt64 // never, as elsewhere; pgx would close each at its next look
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return d.refused(ctx, "open the "+c.name+" database", err)
	}
	if err := c.checkServer(ctx, d, pool); err != nil {
		pool.Close()
		return err
	}
	c.pg = pool
	return nil
}

// checkServer refuses PostgreSQL for CockroachDB and the other way round: they ask for retries in different
// ways.
func (c *core) checkServer(ctx context.Context, d *dsn, pool *pgxpool.Pool) error {
	var version string
	if err := pool.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return d.refused(ctx, "open the "+c.name+" database", err)
	}
	return matchVersion(c.dialect, version)
}

func matchVersion(d Dialect, version string) error {
	switch cockroach := strings.Contains(version, "CockroachDB"); {
	case cockroach && d == PostgreSQL:
		return errors.New("the server is CockroachDB; write cockroach:// instead of postgres:// in the database DSN")
	case !cockroach && d == CockroachDB:
		return errors.New("the server is not CockroachDB; write postgres:// instead of cockroach:// in the database DSN")
	}
	return nil
}

// readBuffer is how much of what the server has sent is read at once, in bytes. The driver's own is as large as what the server
// sends at once, 8 KiB: who reads millions of rows would make a call of the system for each of them.
const readBuffer = 32 << 10

// postgresConfig gives pgx everything but the password, so that no error of its parser can hold it.
func postgresConfig(d *dsn) (*pgxpool.Config, error) {
	u := url.URL{Scheme: "postgres", Host: d.host, Path: "/" + d.name, RawQuery: d.params.Encode()}
	if d.user != "" {
		u.User = url.User(d.user)
	}
	if d.params.Get("default_query_exec_mode") == "simple_protocol" {
		return nil, errors.New("default_query_exec_mode=simple_protocol is not allowed; use exec with a pooler that cannot keep prepared statements")
	}
	config, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		// The text begins with what was parsed, whose parameters may hold a secret too.
		_, told, _ := strings.Cut(err.Error(), "`: ")
		return nil, errors.New(told + tlsFiles(told))
	}
	config.ConnConfig.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
	}
	d.whole(&config.ConnConfig.Config)
	if d.passwordFile != "" {
		config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) (err error) {
			c.Password, err = readPassword(d.passwordFile)
			return err
		}
	}
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		nameParameters(conn.TypeMap())
		return nil
	}
	params := config.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "gatehouse"
	}
	params["timezone"] = "UTC"
	// A server whose databases were made without a language says SQL_ASCII, with which the driver sends no statement that holds arguments.
	params["client_encoding"] = "UTF8"
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	return config, nil
}

// nameParameters tells the driver as what a parameter goes where the server is not asked before (default_query_exec_mode=exec, and
// Admin's statements): what core.value gives, and what database/sql takes besides. The release is built without the driver's own list
// of every type there is.
func nameParameters(types *pgtype.Map) {
	for name, values := range map[string][]any{
		"text": {""}, "int8": {int64(0), 0}, "bool": {false}, "bytea": {[]byte{}}, "timestamptz": {time.Time{}}, "float8": {0.0},
		"_text": {[]string{}}, "_int8": {[]int64{}},
	} {
		for _, value := range values {
			types.RegisterDefaultPgType(value, name)
		}
	}
}

// whole puts in what a URL cannot carry: the driver cuts slashes off the front of a database's name.
func (d *dsn) whole(config *pgconn.Config) {
	if d.password != "" {
		config.Password = d.password
	}
	if d.user != "" {
		config.User = d.user
	}
	if d.name != "" {
		config.Database = d.name
	}
}

// tlsFiles names the parameter behind what the driver says of a file of TLS.
func tlsFiles(told string) string {
	switch {
	case strings.Contains(told, "CA file"), strings.Contains(told, "CA to cert pool"):
		return " (sslrootcert names a file of PEM certificates)"
	case strings.Contains(told, "sslkey"), strings.Contains(told, "sslcert"), strings.Contains(told, "unable to load cert"):
		return " (sslcert and sslkey name files in PEM form)"
	}
	return ""
}

func openRaw(pool *pgxpool.Pool) *sql.DB { return stdlib.OpenDBFromPool(pool) }
