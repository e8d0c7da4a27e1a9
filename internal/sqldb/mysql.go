package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
)

// openMySQL serves MySQL and MariaDB.
func (c *core) openMySQL(ctx context.Context, d *dsn, o Options) error {
	config, err := mysqlConfig(d)
	if err != nil {
		return d.wrong(err)
	}
	inner, err := mysql.NewConnector(config)
	if err != nil {
		return d.wrong(err)
	}
	// READ COMMITTED: a guarded UPDATE sees what others committed, and gap locks do not make inserts wait. The
	// variable's name differs between MySQL and MariaDB, the statement does not.
	db := sql.OpenDB(&connector{Connector: inner, setup: []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}})
	l := d.limits(o)
	db.SetMaxOpenConns(l.conns)
	db.SetMaxIdleConns(l.idle)
	db.SetConnMaxLifetime(l.lifetime)
	db.SetConnMaxIdleTime(l.idleTimeout)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return d.refused(ctx, "open the "+c.name+" database", err)
	}
	c.write = &stdPool{db: db}
	c.read = c.write
	return nil
}

// fixed are the driver's parameters that the rest of the package relies on.
func fixedMySQL() []string {
	return []string{"parseTime", "loc", "clientFoundRows", "interpolateParams", "multiStatements", "collation", "charset", "sql_mode", "time_zone", "tx_isolation", "transaction_isolation", "columnsWithAlias"}
}

func mysqlConfig(d *dsn) (*mysql.Config, error) {
	for _, name := range fixedMySQL() {
		if d.params.Has(name) {
			return nil, fmt.Errorf("the parameter %s is set by Gatehouse itself; leave it out", name)
		}
	}
	tlsConfig, fallback, err := mysqlTLS(d)
	if err != nil {
		return nil, err
	}
	config, err := mysql.ParseDSN("tcp(localhost)/?" + d.params.Encode())
	if err != nil {
		return nil, err
	}
	config.User, config.Passwd, config.DBName = d.user, d.password, d.name
	// With this the driver works with a copy for each connection. Without, the first server that has no TLS would end TLS for
	// all connections that "preferred" makes after it.
	if err := config.Apply(mysql.BeforeConnect(func(_ context.Context, c *mysql.Config) (err error) {
		if d.passwordFile != "" {
			c.Passwd, err = readPassword(d.passwordFile)
		}
		return err
	})); err != nil {
		return nil, err
	}
	config.Net, config.Addr = d.network, d.host
	if d.network == "tcp" {
		config.Addr = withPort(d.host, "3306")
	}
	config.TLS, config.AllowFallbackToPlaintext = tlsConfig, fallback
	config.ParseTime, config.Loc = true, time.UTC
	config.ClientFoundRows = true // an UPDATE counts the rows it matched, as everywhere else
	config.InterpolateParams = false
	config.MultiStatements = false
	config.Collation = "utf8mb4_bin"
	config.Logger = quietMySQL{}
	if config.Timeout == 0 {
		config.Timeout = 10 * time.Second
	}
	if config.Params == nil {
		config.Params = make(map[string]string)
	}
	// Strict, and the words of standard SQL: || joins, "name" is a name, a backslash is a backslash.
	config.Params["sql_mode"] = "'STRICT_ALL_TABLES,ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'"
	config.Params["time_zone"] = "'+00:00'"
	if config.Params["innodb_lock_wait_timeout"] == "" {
		config.Params["innodb_lock_wait_timeout"] = "5" // seconds, as busyTimeout on SQLite; the default is 50
	}
	return config, nil
}

// withPort adds the port where none is given.
func withPort(host, port string) string {
	if host == "" {
		host = "127.0.0.1"
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	if len(host) > 1 && host[0] == '[' {
		host = host[1 : len(host)-1]
	}
	return net.JoinHostPort(host, port)
}

// quietMySQL drops what the driver would print to standard error; every failure also comes as an error.
type quietMySQL struct{}

// Print implements mysql.Logger.
func (quietMySQL) Print(...any) {}
