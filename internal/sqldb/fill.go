package sqldb

import (
	"context"
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"
)

// Fills tells whether Fill can be called.
func (db *DB) Fills() bool { return db.core.dialect == PostgreSQL }

// Fill adds very many rows to a table of PostgreSQL, and returns how many: all or none. They come by COPY, and the table's indexes, its
// keys among them, are made anew behind them: to put each of millions of rows into its place in an index that does not fit into memory
// takes many times as long as to sort them once. Nobody else can use the table meanwhile. A user who does not own the table leaves the
// indexes as they are. Rows are asked for once, so nothing is tried again, and a slice that was yielded is not kept.
func (db *DB) Fill(ctx context.Context, table string, columns []string, rows iter.Seq2[[]any, error]) (n int64, err error) {
	c, statement := db.core, "COPY "+table
	switch {
	case !db.Fills():
		return 0, &Error{Statement: statement, cause: errors.New("only PostgreSQL takes rows by COPY")}
	case !db.all:
		return 0, &Error{Statement: statement, cause: ErrUnbound}
	case ctx.Value(txKey{c}) != nil:
		return 0, &Error{Statement: statement, cause: errNested}
	}
	if err := db.enter(); err != nil {
		return 0, err
	}
	defer db.leave()
	f := &filling{core: c, table: pgx.Identifier{table}.Sanitize()}
	source := &copied{core: c}
	err = pgx.BeginFunc(ctx, c.pg, func(tx pgx.Tx) error {
		f.tx = tx
		if err := f.strip(ctx); err != nil {
			return err
		}
		var stop func()
		source.next, stop = iter.Pull2(rows)
		defer stop()
		c.count.Add(1)
		if n, err = tx.CopyFrom(ctx, pgx.Identifier{table}, columns, source); err != nil {
			return err
		}
		return f.each(ctx, f.make)
	})
	if source.err != nil { // in its own words, which the server repeats otherwise
		return 0, source.err
	}
	if err != nil {
		n, err = 0, c.wrap(ctx, statement, err)
	}
	if errors.Is(err, errConflict) {
		err = &Error{kind: ErrUnavailable, Statement: statement, cause: errors.New(err.Error())}
	}
	return n, err
}

// filling is one Fill.
type filling struct {
	core  *core
	tx    pgx.Tx
	table string
	make  []string // the statements that make the indexes again
}

// indexes gives, of those of a table that the user owns, what drops each and what makes it again. One that a foreign key points to
// stays.
const indexes = `SELECT
		CASE WHEN c.oid IS NULL THEN 'DROP INDEX ' || i.indexrelid::regclass
			ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END,
		CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
			ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) END
	FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
		LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid
	WHERE i.indrelid = $1::regclass AND pg_has_role(t.relowner, 'USAGE') AND (c.oid IS NULL OR c.contype IN ('p', 'u'))
		AND NOT EXISTS (SELECT 1 FROM pg_constraint f WHERE f.conindid = i.indexrelid AND f.contype = 'f')
	ORDER BY i.indexrelid`

// strip drops the indexes.
func (f *filling) strip(ctx context.Context) error {
	rows, err := f.tx.Query(ctx, indexes, f.table)
	if err != nil {
		return err
	}
	var drop []string
	var gone, again string
	_, err = pgx.ForEachRow(rows, []any{&gone, &again}, func() error {
		drop, f.make = append(drop, gone), append(f.make, again)
		return nil
	})
	if err != nil {
		return err
	}
	return f.each(ctx, drop)
}

func (f *filling) each(ctx context.Context, statements []string) error {
	for _, text := range statements {
		f.core.count.Add(1)
		if _, err := f.tx.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// copied are rows as pgx takes them.
type copied struct {
	core *core
	next func() ([]any, error, bool)
	row  []any
	err  error
}

// Next implements pgx.CopyFromSource.
func (s *copied) Next() (more bool) {
	s.row, s.err, more = s.next()
	return more && s.err == nil
}

// Values implements pgx.CopyFromSource.
func (s *copied) Values() ([]any, error) {
	for i, v := range s.row {
		s.row[i] = s.core.value(v)
	}
	return s.row, nil
}

// Err implements pgx.CopyFromSource.
func (s *copied) Err() error { return s.err }
