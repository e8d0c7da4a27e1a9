package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// stdPool is a database/sql pool over remembering connections.
type stdPool struct {
	db *sql.DB
}

func (p *stdPool) close() error { return p.db.Close() }

func (p *stdPool) exec(ctx context.Context, tx *sql.Tx, text string, args []any) (int64, error) {
	var r sql.Result
	var err error
	if tx != nil {
		r, err = tx.ExecContext(ctx, text, args...)
	} else {
		r, err = p.db.ExecContext(ctx, text, args...)
	}
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (p *stdPool) query(ctx context.Context, tx *sql.Tx, text string, args []any) (*sql.Rows, error) {
	if tx != nil {
		return tx.QueryContext(ctx, text, args...)
	}
	return p.db.QueryContext(ctx, text, args...)
}

// connector opens connections that remember their prepared statements. The drivers of SQLite and MySQL would
// otherwise prepare, run and close on every call, which is three round trips on MySQL; database/sql's own Stmt
// cannot be used, because it wants a second connection when a text first runs inside a transaction.
type connector struct {
	driver.Connector
	setup []string // runs on each new connection
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, text := range c.setup {
		if _, err := inner.(driver.ExecerContext).ExecContext(ctx, text, nil); err != nil {
			_ = inner.Close()
			return nil, err
		}
	}
	return &rememberingConn{conn: inner.(conn), stmts: make(map[string]*rememberedStmt)}, nil
}

// conn is what both drivers' connections can do.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// maxPrepared bounds the prepared statements of one connection: MySQL allows 16,382 in the whole server.
const maxPrepared = 128

// rememberingConn prepares each text once. database/sql never uses a connection from two goroutines at once.
type rememberingConn struct {
	conn
	stmts map[string]*rememberedStmt
}

type rememberedStmt struct {
	driver.Stmt
	busy bool // its rows are still being read
	lost bool // not remembered: close after use
}

// CheckNamedValue lets the driver convert arguments its own way.
func (c *rememberingConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// BeginTx begins a transaction whose failed commit leaves nothing open: SQLite would keep it on the connection.
func (c *rememberingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.conn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return closingTx{tx}, nil
}

type closingTx struct{ driver.Tx }

func (tx closingTx) Commit() error {
	err := tx.Tx.Commit()
	if err != nil {
		_ = tx.Tx.Rollback()
	}
	return err
}

func (c *rememberingConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		if err := askAgain(ctx); err != nil {
			return nil, err
		}
		return c.conn.ExecContext(ctx, text, args)
	}
	s, err := c.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	if err := askAgain(ctx); err != nil {
		c.done(text, s, nil)
		return nil, err
	}
	r, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	c.done(text, s, err)
	return r, err
}

func (c *rememberingConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 {
		return c.conn.QueryContext(ctx, text, args)
	}
	s, err := c.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		c.done(text, s, err)
		return nil, err
	}
	return &rememberedRows{Rows: rows, stmt: s}, nil
}

// stmt hands out the statement of a text, for one use at a time.
func (c *rememberingConn) stmt(ctx context.Context, text string) (*rememberedStmt, error) {
	s, known := c.stmts[text]
	if known && !s.busy {
		s.busy = true
		return s, nil
	}
	prepared, err := c.conn.PrepareContext(ctx, text)
	if err != nil {
		c.forget() // perhaps the server has too many
		return nil, err
	}
	s = &rememberedStmt{Stmt: prepared, busy: true, lost: known}
	if !known {
		c.makeRoom()
		c.stmts[text] = s
	}
	return s, nil
}

// forget closes every statement that is not in use.
func (c *rememberingConn) forget() {
	for text, s := range c.stmts {
		if !s.busy {
			_ = s.Close()
			delete(c.stmts, text)
		}
	}
}

// makeRoom forgets any statement that is not in use when there are too many.
func (c *rememberingConn) makeRoom() {
	if len(c.stmts) < maxPrepared {
		return
	}
	for text, s := range c.stmts {
		if !s.busy {
			_ = s.Close()
			delete(c.stmts, text)
			return
		}
	}
}

// done ends a use. A statement that failed is prepared anew the next time: a table may have changed under it.
func (c *rememberingConn) done(text string, s *rememberedStmt, err error) {
	if err != nil && !s.lost {
		s.lost = true
		delete(c.stmts, text)
	}
	s.done()
}

func (s *rememberedStmt) done() {
	s.busy = false
	if s.lost {
		_ = s.Close()
	}
}

// Close closes the statements with the connection.
func (c *rememberingConn) Close() error {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	c.stmts = nil
	return c.conn.Close()
}

type rememberedRows struct {
	driver.Rows
	stmt *rememberedStmt
}

// Close frees the statement for its next use.
func (r *rememberedRows) Close() error {
	err := r.Rows.Close()
	if r.stmt != nil {
		r.stmt.done()
		r.stmt = nil
	}
	return err
}
