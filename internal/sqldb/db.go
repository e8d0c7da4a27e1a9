package sqldb

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Options are what a handle needs beside its DSN.
type Options struct {
	// Name is the logical database: management, oauth, activity or flow. It names the file where the DSN is a
	// directory, and the database where the DSN is "memory".
	Name string
	// Now is the clock; UTC, cut to microseconds. Required where a Feed is used.
	Now func() time.Time
	// Log receives what happens in the background; nil means nowhere.
	Log *slog.Logger
	// MaxConns bounds the connections where the DSN does not say max_conns; 0 means four per processor, at
	// least ten.
	MaxConns int
}

// Q is what a store speaks SQL through: a DB, or the Tx that is open.
//
// Texts use ? for arguments and :tenant for the tenant of ctx. "IN (?)" takes a []string or []int64.
type Q interface {
	// Exec runs a statement and tells how many rows it touched; for an UPDATE these are the rows that matched.
	Exec(ctx context.Context, query string, args ...any) (affected int64, err error)
	// Query runs a statement that answers rows.
	Query(ctx context.Context, query string, args ...any) (*Rows, error)
	// QueryRow runs a statement that answers at most one row; the error comes with Scan.
	QueryRow(ctx context.Context, query string, args ...any) *Row
	// InsertRows writes many rows in one statement. A column tenant_id must be among the columns and hold the
	// tenant of ctx in each row, unless the handle is for all tenants.
	InsertRows(ctx context.Context, table string, columns []string, rows [][]any) (int64, error)
	// Dialect tells which database this is.
	Dialect() Dialect
}

var (
	_ Q = (*DB)(nil)
	_ Q = (*Tx)(nil)
)

// DB is a handle on one logical database. It is safe for concurrent use; close it once.
type DB struct {
	core    *core
	all     bool
	quiet   bool // statements are not counted
	despite bool // writes are not refused by a freeze
}

// core is what a handle and its AllTenants view share. Either pg is set, or write and read are; these are
// the same handle but on a SQLite file, where writes have one connection of their own.
type core struct {
	name    string
	dialect Dialect
	now     func() time.Time
	log     *slog.Logger
	texts   statements
	count   atomic.Uint64
	gate    gate

	pg          *pgxpool.Pool
	write, read *stdPool
	ephemeral   bool
	release     func() error // frees the lock on the file

	inserts sync.Map // insertKey → text
	raw     struct {
		sync.Mutex
		db *sql.DB
	}
}

// AllTenants returns a view of the handle whose statements need not name :tenant: for the sweeper, backup,
// and what belongs to no tenant.
func (db *DB) AllTenants() *DB {
	return &DB{core: db.core, all: true, quiet: db.quiet, despite: db.despite}
}

// Dialect tells which database this is.
func (db *DB) Dialect() Dialect { return db.core.dialect }

// Name returns the logical database that Options named.
func (db *DB) Name() string { return db.core.name }

// Now returns the clock's time; the zero time where Options.Now is missing.
func (db *DB) Now() time.Time { return db.core.clock() }

func (c *core) clock() time.Time {
	if c.now == nil {
		return time.Time{}
	}
	return c.now()
}

// Embedded reports whether this process alone has the database: no other server can be on it.
func (db *DB) Embedded() bool { return db.core.dialect == SQLite }

// Ephemeral reports whether the data ends with the process.
func (db *DB) Ephemeral() bool { return db.core.ephemeral }

// Statements counts the statements that ran, inside transactions or not; BEGIN, COMMIT and what the package
// does for itself in the background are not counted.
func (db *DB) Statements() uint64 { return db.core.count.Load() }

// Ping asks the database for a sign of life.
func (db *DB) Ping(ctx context.Context) error {
	c := db.core
	if c.pg != nil {
		return c.wrap(ctx, "", c.pg.Ping(ctx))
	}
	return c.wrap(ctx, "", c.read.db.PingContext(ctx))
}

// Close waits for what runs and gives everything back.
func (db *DB) Close() error {
	c := db.core
	c.raw.Lock()
	defer c.raw.Unlock()
	if c.raw.db != nil {
		_ = c.raw.db.Close()
		c.raw.db = nil
	}
	if c.pg != nil {
		c.pg.Close()
		return nil
	}
	var err error
	if c.read != c.write {
		err = c.read.close()
	}
	if e := c.write.close(); err == nil {
		err = e
	}
	if c.release != nil {
		if e := c.release(); err == nil {
			err = e
		}
		c.release = nil
	}
	return err
}

// Raw returns a database/sql handle on the same database, for the migrations alone: nothing is bound, counted
// or classified there. Do not close it.
func (db *DB) Raw() *sql.DB {
	c := db.core
	if c.pg == nil {
		return c.write.db
	}
	c.raw.Lock()
	defer c.raw.Unlock()
	if c.raw.db == nil {
		c.raw.db = openRaw(c.pg)
	}
	return c.raw.db
}

// Exec implements Q. A statement alone that lost against another one is tried again.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	text, bound, err := db.ready(ctx, query, args)
	if err != nil {
		return 0, err
	}
	if err := db.enter(); err != nil {
		return 0, err
	}
	defer db.leave()
	var n int64
	err = db.core.retry(ctx, func() error {
		db.tally()
		var err error
		n, err = db.run(ctx, text, bound)
		return db.core.wrap(ctx, query, err)
	})
	return n, err
}

// Query implements Q.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	text, bound, err := db.ready(ctx, query, args)
	if err != nil {
		return nil, err
	}
	rows := &Rows{core: db.core, ctx: ctx, text: query}
	if err := db.query(ctx, rows, text, bound); err != nil {
		return nil, err
	}
	return rows, nil
}

// QueryRow implements Q.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	text, bound, err := db.ready(ctx, query, args)
	if err != nil {
		return &Row{err: err}
	}
	row := &Row{rows: Rows{core: db.core, ctx: ctx, text: query}}
	row.err = db.query(db.core.unwatched(ctx), &row.rows, text, bound)
	return row
}

// unwatched is the context for a single row: from an SQLite file it is there in microseconds, and the drivers
// would start two goroutines to watch the caller meanwhile. In memory there may be a queue, so it is watched.
func (c *core) unwatched(ctx context.Context) context.Context {
	if c.dialect != SQLite || c.ephemeral || ctx.Err() != nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

func (db *DB) query(ctx context.Context, rows *Rows, text string, bound []any) error {
	c := db.core
	db.tally()
	var err error
	switch {
	case c.pg != nil:
		rows.pg, err = c.pg.Query(ctx, text, bound...)
	case c.ephemeral:
		if rows.std, err = c.read.query(ctx, nil, text, bound); err == nil {
			rows.mem, err = buffer(rows.std)
		}
	default:
		rows.std, err = c.read.query(ctx, nil, text, bound)
	}
	return c.wrap(rows.ctx, rows.text, err)
}

func (db *DB) tally() {
	if !db.quiet {
		db.core.count.Add(1)
	}
}

// ready refuses a statement that would need a second connection inside a transaction: on SQLite it would wait
// for itself, elsewhere for a pool that is empty because everybody does so.
func (db *DB) ready(ctx context.Context, query string, args []any) (string, []any, error) {
	if ctx.Value(txKey{db.core}) != nil {
		return "", nil, &Error{Statement: short(query), cause: errNested}
	}
	return db.core.prepare(ctx, db.all, query, args)
}
