package sqldb

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errOver answers a statement that would run outside of its transaction: one after the end, or after a beginning that
// failed.
var errOver = errors.New("the transaction is over")

// pgTx is a transaction on a connection of PostgreSQL's pool. Statements whose answer nobody waits for stay behind until
// the next one that somebody does wait for, and leave before it in the same exchange: BEGIN with the first statement, and
// what InsertLater gives, as a rule with COMMIT. The server runs none of them after one that failed.
type pgTx struct {
	core  *core
	conn  *pgxpool.Conn // nil once it was given back
	begun bool          // BEGIN has been sent
	ahead []ahead
}

// ahead is a statement that leaves before the next one.
type ahead struct {
	name  string // what errors call it
	text  string
	bound []any
}

// takeConn takes a connection for a transaction, and asks nothing of the server yet.
func (c *core) takeConn(ctx context.Context) (*pgTx, error) {
	conn, err := c.pg.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &pgTx{core: c, conn: conn, ahead: []ahead{{name: "begin", text: "begin"}}}, nil
}

// later has a statement leave with the next one.
func (t *pgTx) later(name, text string, bound []any) {
	t.ahead = append(t.ahead, ahead{name: name, text: text, bound: bound})
}

// open reports whether the server has a transaction open on the connection, be it one that failed.
func (t *pgTx) open() bool { return t.conn.Conn().PgConn().TxStatus() != 'I' }

// over reports whether a statement would run outside of the transaction. While rows are still read, the driver refuses it
// in its own words, and what it knows of the server is old.
func (t *pgTx) over() bool {
	return t.conn == nil || t.begun && !t.open() && !t.conn.Conn().PgConn().IsBusy()
}

func (t *pgTx) exec(ctx context.Context, text string, bound []any) (tag pgconn.CommandTag, err error) {
	switch {
	case t.over():
		return tag, errOver
	case len(t.ahead) == 0:
		return t.conn.Exec(ctx, text, bound...)
	}
	tags, err := t.execEach(ctx, []ahead{{text: text, bound: bound}})
	if err != nil {
		return tag, err
	}
	return tags[0], nil
}

// execEach runs several statements in one exchange.
func (t *pgTx) execEach(ctx context.Context, list []ahead) ([]pgconn.CommandTag, error) {
	if t.over() {
		return nil, errOver
	}
	results, err := t.send(ctx, list...)
	if err != nil {
		return nil, err
	}
	tags := make([]pgconn.CommandTag, len(list))
	for i := range list {
		if tags[i], err = results.Exec(); err != nil {
			_ = results.Close() // says the same again
			return nil, err
		}
	}
	return tags, results.Close()
}

func (t *pgTx) query(ctx context.Context, text string, bound []any) (pgx.Rows, error) {
	switch {
	case t.over():
		return nil, errOver
	case len(t.ahead) == 0:
		return t.conn.Query(ctx, text, bound...)
	}
	results, err := t.send(ctx, ahead{text: text, bound: bound})
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		_ = results.Close() // says the same again
		return nil, err
	}
	return &lastRows{Rows: rows, results: results}, nil
}

// send sends what is ahead and the last statements as one exchange. It leaves the answers of the last ones to be read.
func (t *pgTx) send(ctx context.Context, last ...ahead) (pgx.BatchResults, error) {
	batch, sent := &pgx.Batch{}, t.ahead
	t.ahead, t.begun = nil, true
	for _, s := range sent {
		batch.Queue(s.text, s.bound...)
	}
	for _, s := range last {
		batch.Queue(s.text, s.bound...)
	}
	results := t.conn.SendBatch(ctx, batch)
	for _, s := range sent {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // says the same again
			if unsent, ok := errors.AsType[pgx.ErrPreprocessingBatch](err); ok && unsent.SQL() != s.text {
				continue // it was another that could not be prepared
			}
			return nil, t.core.wrap(ctx, s.name, err)
		}
	}
	return results, nil
}

// commit ends the transaction and gives the connection back. One without a statement never began.
func (t *pgTx) commit(ctx context.Context) error {
	if !t.begun && len(t.ahead) == 1 {
		t.rollback(ctx)
		return nil
	}
	tag, err := t.exec(ctx, "commit", nil)
	if err == nil && tag.String() == "ROLLBACK" {
		err = pgx.ErrTxCommitRollback
	}
	t.rollback(ctx) // where something failed before COMMIT was run
	return err
}

// rollback ends the transaction if it is open and gives the connection back. One on which it is open even so, or that is
// in the middle of an answer, does not go back into the pool: Release closes it.
func (t *pgTx) rollback(ctx context.Context) {
	if t.open() {
		_, _ = t.conn.Exec(ctx, "rollback")
	}
	t.conn.Release()
	t.conn = nil
}

// lastRows are the rows of the last statement of an exchange, which ends with them.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults // nil once the exchange has ended
	end     error
}

// Next ends the exchange after the last row, so that rows which are read to their end need not be closed.
func (r *lastRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.finish()
	return false
}

// Close may be called more than once.
func (r *lastRows) Close() {
	r.Rows.Close()
	r.finish()
}

func (r *lastRows) finish() {
	if r.results != nil {
		r.end = r.results.Close()
		r.results = nil
	}
}

// Err tells what ended the rows early, or went wrong after the last.
func (r *lastRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return err
	}
	return r.end
}
