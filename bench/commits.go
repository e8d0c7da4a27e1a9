package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// commits measures what the database acknowledges when each row is a transaction of its own, over as many
// connections as the workloads use: the limit of a server that stores one row a request the plain way.
func commits(ctx context.Context, d database, conns int, duration time.Duration) (result, error) {
	driver, dsn := "pgx", d.dsn
	insert := "INSERT INTO bench_commit (id, body) VALUES ($1, $2)"
	switch d.name {
	case "sqlite":
		// The same durability as the server's own: write-ahead log, synced at each commit; one writer at a time.
		driver, dsn = "sqlite", "file:"+filepath.Join(d.dir, "commits.db")+
			"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(60000)&_txlock=immediate"
		insert = "INSERT INTO bench_commit (id, body) VALUES (?, ?)"
	case "mariadb":
		driver, dsn = "mysql", strings.TrimPrefix(d.dsn, "mysql://")
		insert = "INSERT INTO bench_commit (id, body) VALUES (?, ?)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return result{}, err
	}
	defer func() { _ = db.Close() }()
	open := conns
	if d.name == "sqlite" {
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
