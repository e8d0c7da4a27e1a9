package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// commits measures what the database acknowledges when each row is a transaction of its own, over as many
// connections as the workloads use: the limit of a server that stores one row a request the plain way.
func commits(ctx context.Context, d database, conns int, duration time.Duration) (result, error) {
	db, err := d.connect()
	if err != nil {
		return result{}, err
	}
	defer func() { _ = db.Close() }()
	insert, open := "INSERT INTO bench_commit (id, body) VALUES (?, ?)", conns
	switch d.name {
	case "postgres":
		insert = "INSERT INTO bench_commit (id, body) VALUES ($1, $2)"
	case "sqlite":
		open = 1
	}
	db.SetMaxOpenConns(open)
	db.SetMaxIdleConns(open)
	for _, statement := range []string{
		"DROP TABLE IF EXISTS bench_commit",
		"CREATE TABLE bench_commit (id VARCHAR(64) NOT NULL PRIMARY KEY, body VARCHAR(1000) NOT NULL)",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return result{}, fmt.Errorf("%s: %w", statement, err)
		}
	}
	body := strings.Repeat("x", 400)
	jobs := make([]job, conns)
	for i := range jobs {
		n := 0
		jobs[i] = func(ctx context.Context) error {
			n++
			_, err := db.ExecContext(ctx, insert, fmt.Sprintf("%d-%d", i, n), body)
			return err
		}
	}
	r := closedLoop(ctx, jobs, duration)
	_, err = db.ExecContext(ctx, "DROP TABLE bench_commit")
	return r, err
}

// connect opens the database as any program would.
func (d database) connect() (*sql.DB, error) {
	switch d.name {
	case "sqlite":
		// The same durability as the server's own: write-ahead log, synced at each commit; one writer at a time.
		return sql.Open("sqlite", "file:"+filepath.Join(d.dir, "commits.db")+
			"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(60000)&_txlock=immediate")
	case "mariadb":
		u, err := url.Parse(d.dsn)
		if err != nil {
			return nil, errors.New("the DSN in GATEHOUSE_TEST_MARIADB is no URL")
		}
		config := mysql.NewConfig()
		config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
		config.User = u.User.Username()
		config.Passwd, _ = u.User.Password()
		return sql.Open("mysql", config.FormatDSN())
	default:
		return sql.Open("pgx", d.dsn)
	}
}

// fresh makes a database of the run's own on the server, so that nothing of an earlier run is in the way, and gives
// back what removes it. An embedded database is fresh anyway. purpose tells the databases of one run apart.
func (d *database) fresh(ctx context.Context, purpose string) (drop func() error, err error) {
	if d.name == "sqlite" {
		return func() error { return nil }, nil
	}
	u, err := url.Parse(d.dsn)
	if err != nil {
		return nil, errors.New("the DSN of the database server is no URL")
	}
	server := *d
	name := "gatehouse_bench_" + purpose + "_" + strconv.Itoa(os.Getpid())
	if err := server.run(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, err
	}
	u.Path = "/" + name
	d.dsn = u.String()
	return func() error { return server.run(context.WithoutCancel(ctx), "DROP DATABASE "+name) }, nil
}

// settle lets PostgreSQL look at the tables that the warm-up filled, as its autovacuum does within a minute of a real
// server's life. Without it the whole run would use plans that were made for empty tables.
func (d database) settle(ctx context.Context) error {
	if d.name != "postgres" {
		return nil
	}
	return d.run(ctx, "ANALYZE")
}

// run executes one statement on a connection of its own.
func (d database) run(ctx context.Context, statement string) error {
	db, err := d.connect()
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}
