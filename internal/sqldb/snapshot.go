package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Snapshot reads one state of the database, whatever is committed meanwhile. It is for one goroutine.
type Snapshot struct {
	core *core
	pg   pgx.Tx
	std  *sql.Tx
}

// Snapshot runs fn on one state of the database: the one that its first statement finds. Writers go on, except in a
// database in memory, whose only connection is fn's for as long. The statements are for all tenants.
func (db *DB) Snapshot(ctx context.Context, fn func(ctx context.Context, s *Snapshot) error) error {
	if !db.all {
		return &Error{Statement: "snapshot", cause: ErrUnbound}
	}
	s := &Snapshot{core: db.core}
	if err := s.begin(ctx); err != nil {
		return db.core.wrap(ctx, "begin", err)
	}
	err := fn(context.WithValue(ctx, txKey{db.core}, s), s)
	return errors.Join(err, s.end(ctx))
}

func (s *Snapshot) begin(ctx context.Context) (err error) {
	c := s.core
	switch {
	case c.pg != nil:
		s.pg, err = c.pg.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	case c.dialect == MySQL:
		s.std, err = c.read.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	default: // SQLite reads one state throughout a transaction, and read-only ones do not begin by asking for its lock
		s.std, err = c.read.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	}
	return err
}

// end gives the connection back. There is nothing to commit.
func (s *Snapshot) end(ctx context.Context) error {
	var err error
	if s.pg != nil {
		err = s.pg.Rollback(context.WithoutCancel(ctx))
	} else {
		err = s.std.Rollback()
	}
	if errors.Is(err, pgx.ErrTxClosed) || errors.Is(err, sql.ErrTxDone) { // the context ended, and with it the transaction
		return nil
	}
	return s.core.wrap(ctx, "rollback", err)
}

// describedFirst has values come in their binary form, which Rows.Cells reads, also where the DSN has statements not prepared for the
// sake of a pooler: that leaves a transaction on one connection of the server.
const describedFirst = pgx.QueryExecModeDescribeExec

// Query runs a statement that answers rows, which arrive as they are read: none of the drivers collects them first.
func (s *Snapshot) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	text, bound, err := s.core.prepare(ctx, true, query, args)
	if err != nil {
		return nil, err
	}
	rows := &Rows{core: s.core, ctx: ctx, text: query}
	s.core.count.Add(1)
	if s.pg != nil {
		rows.pg, err = s.pg.Query(ctx, text, append([]any{describedFirst}, bound...)...)
	} else {
		rows.std, err = s.core.read.query(ctx, s.std, text, bound)
	}
	if err != nil {
		return nil, s.core.wrap(ctx, query, err)
	}
	return rows, nil
}

// Dialect tells which database this is.
func (s *Snapshot) Dialect() Dialect { return s.core.dialect }
