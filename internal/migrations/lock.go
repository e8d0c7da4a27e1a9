package migrations

import (
	"context"
	"database/sql"
	"errors"
	"hash/fnv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// lockWait is how long a server waits for another one's migration.
const lockWait = 10 * time.Minute

// lock makes this server the only one that migrates the logical database, until unlock. It takes one connection,
// the migration another. SQLite needs no lock: its schema changes are transactions, of which one at a time
// writes, and a second server does not get past the lock on the file.
func lock(ctx context.Context, db *sqldb.DB, logical string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	switch db.Dialect() {
	case sqldb.PostgreSQL:
		return lockPostgres(ctx, db.Raw(), logical)
	case sqldb.CockroachDB:
		return lockRow(ctx, db.Raw(), logical)
	case sqldb.MySQL:
		return lockMySQL(ctx, db.Raw(), logical)
	default:
		return func() {}, nil
	}
}

// lockPostgres takes an advisory lock that a transaction holds, so that it also works through a pooler that gives
// a connection away between transactions. It ends with the connection, however that ends.
func lockPostgres(ctx context.Context, db *sql.DB, logical string) (func(), error) {
	h := fnv.New64a()
	_, _ = h.Write([]byte("gatehouse migrations " + logical))
	return inTransaction(ctx, db, func(tx *sql.Tx) error {
		// The server or the DSN may end statements that wait and transactions that idle; this one does so on purpose.
		// Not every version knows all of the settings.
		if _, err := tx.ExecContext(ctx, `SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN
			('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(h.Sum64()))
		return err
	})
}

// lockRow locks a row, because CockroachDB's advisory locks do nothing.
func lockRow(ctx context.Context, db *sql.DB, logical string) (func(), error) {
	for _, text := range []string{
		"CREATE TABLE IF NOT EXISTS gatehouse_migration_lock (name text PRIMARY KEY)",
		"INSERT INTO gatehouse_migration_lock (name) VALUES ('" + logical + "') ON CONFLICT DO NOTHING",
	} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return nil, err
		}
	}
	return inTransaction(ctx, db, func(tx *sql.Tx) error {
		var name string
		return tx.QueryRowContext(ctx, "SELECT name FROM gatehouse_migration_lock WHERE name = $1 FOR UPDATE", logical).Scan(&name)
	})
}

// inTransaction runs take in a transaction that stays open until unlock.
func inTransaction(ctx context.Context, db *sql.DB, take func(tx *sql.Tx) error) (unlock func(), err error) {
	// The transaction must outlive the context that bounds the waiting.
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, err
	}
	if err := take(tx); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return func() { _ = tx.Rollback() }, nil
}

// lockMySQL takes a named lock, which is the connection's; its name is the server's, so the database is in it.
func lockMySQL(ctx context.Context, db *sql.DB, logical string) (func(), error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	const name = "concat('gatehouse ', sha1(concat(database(), ?)))" // at most 64 characters
	// A second at a time, because one long wait would run into the DSN's readTimeout or the server's
	// max_statement_time; ctx ends all of it.
	for got := (sql.NullInt64{}); got.Int64 != 1; {
		err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", 1)", logical).Scan(&got)
		if err == nil && !got.Valid {
			err = errors.New("the server cannot give the lock")
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = conn.ExecContext(ctx, "DO RELEASE_LOCK("+name+")", logical)
		_ = conn.Close()
	}, nil
}
