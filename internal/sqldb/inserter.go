package sqldb

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Inserter lets concurrent callers share INSERTs into one table: rows that wait leave as one statement, which is a
// transaction by itself, so a batch costs one exchange with the database. Rows of several tenants share batches.
type Inserter struct {
	rows *Coalescer[[][]any]
}

// half a batch is the number of rows for which a further statement begins. A statement waits for the disk alone: measured
// on PostgreSQL, beginning another for 16 rows costs a tenth of the throughput.
const half = 64

// NewInserter returns an Inserter for the columns of a table, of which the first is tenant_id.
func NewInserter(db *DB, table string, columns ...string) *Inserter {
	all := db.AllTenants()
	c := NewCoalescer[[][]any](all, CoalescerOptions{}, nil)
	c.mixed, c.enough = true, half
	c.alone = func(ctx context.Context, items [][][]any) error {
		rows := items[0]
		if len(items) > 1 {
			rows = make([][]any, 0, 2*len(items))
			for _, item := range items {
				rows = append(rows, item...)
			}
		}
		_, err := all.InsertRows(ctx, table, columns, rows)
		return err
	}
	return &Inserter{rows: c}
}

// Insert returns after the commit that holds the rows, all or none of them. It puts the tenant of the context into the
// first column. It must not be called inside a transaction of the same database.
func (i *Inserter) Insert(ctx context.Context, rows ...[]any) error {
	id, ok := tenant.From(ctx)
	if !ok {
		return &Error{cause: ErrNoTenant}
	}
	for _, row := range rows {
		row[0] = string(id)
	}
	return i.rows.Do(ctx, rows)
}

// Close refuses new rows and returns when those in the queue are written.
func (i *Inserter) Close() { i.rows.Close() }
