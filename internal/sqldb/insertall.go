package sqldb

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Insert is rows for one table. Of a tenant's table the columns hold tenant_id, and each row the tenant of the context.
type Insert struct {
	Table   string
	Columns []string
	Rows    [][]any
}

// InsertAll inserts into several tables in their order, all or nothing. On PostgreSQL that is one exchange: the
// statements leave together, and the server runs what comes together as one transaction. It must not be called inside a
// transaction of the same database.
func (db *DB) InsertAll(ctx context.Context, inserts ...Insert) error {
	if ctx.Value(txKey{db.core}) != nil {
		return &Error{cause: errNested}
	}
	if db.core.dialect != PostgreSQL {
		return db.InTx(ctx, func(ctx context.Context, tx *Tx) error {
			for _, in := range inserts {
				if _, err := tx.InsertRows(ctx, in.Table, in.Columns, in.Rows); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, in := range inserts {
		if err := checkRows(ctx, db.all, in.Table, in.Columns, in.Rows); err != nil {
			return err
		}
	}
	if err := db.enter(); err != nil {
		return err
	}
	defer db.leave()
	return db.core.retry(ctx, func() error { return db.pipeline(ctx, inserts) })
}

// pipeline sends the INSERTs together.
func (db *DB) pipeline(ctx context.Context, inserts []Insert) error {
	c, batch := db.core, &pgx.Batch{}
	var tables []string
	for _, in := range inserts {
		if len(in.Rows) == 0 {
			continue
		}
		text, err := c.arrayText(ctx, in.Table, in.Columns, runner{catalog: c.pg})
		if err != nil {
			return err
		}
		bound := make([]any, len(in.Columns))
		for i := range in.Columns {
			bound[i] = &column{core: c, rows: in.Rows, i: i}
		}
		batch.Queue(text, bound...)
		tables = append(tables, in.Table)
	}
	if len(tables) == 0 {
		return nil
	}
	c.count.Add(uint64(len(tables)))
	return c.wrap(ctx, "commit", db.onConn(ctx, func(conn *pgxpool.Conn) error {
		results := conn.SendBatch(ctx, batch)
		for _, table := range tables {
			if _, err := results.Exec(); err != nil {
				_ = results.Close() // says the same again
				return c.wrap(ctx, "INSERT INTO "+table, err)
			}
		}
		return results.Close()
	}))
}

// NewInserts returns a Coalescer whose batches are INSERTs alone, which collect makes of the items of one tenant. It may
// be asked more than once for an item, as the flush of NewCoalescer may.
func NewInserts[T any](db *DB, o CoalescerOptions, collect func(ctx context.Context, items []T) ([]Insert, error)) *Coalescer[T] {
	c := NewCoalescer[T](db, o, nil)
	c.enough = half // as with one statement, it waits for the disk alone
	c.alone = func(ctx context.Context, items []T) error {
		inserts, err := collect(ctx, items)
		if err != nil {
			return err
		}
		return db.InsertAll(ctx, inserts...)
	}
	return c
}
