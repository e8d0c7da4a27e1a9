package sqldb

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// maxMarks keeps one INSERT below SQLite's limit of 32,766 bind marks (MySQL's is 65,535).
const maxMarks = 32000

// maxBucket is the largest number of rows in one VALUES list. Sizes are powers of two, because each size is
// another prepared statement.
const maxBucket = 128

// InsertRows implements Q.
func (db *DB) InsertRows(ctx context.Context, table string, columns []string, rows [][]any) (int64, error) {
	if ctx.Value(txKey{db.core}) != nil {
		return 0, &Error{Statement: "INSERT INTO " + table, cause: errNested}
	}
	if err := checkRows(ctx, db.all, table, columns, rows); err != nil || len(rows) == 0 {
		return 0, err
	}
	c := db.core
	if c.dialect != PostgreSQL && len(rows) > bucket(len(rows), len(columns)) {
		// More than one statement: all or nothing.
		var n int64
		err := db.InTx(ctx, func(ctx context.Context, tx *Tx) (err error) {
			n, err = tx.insertRows(ctx, table, columns, rows)
			return err
		})
		return n, err
	}
	if err := db.enter(); err != nil {
		return 0, err
	}
	defer db.leave()
	var n int64
	err := c.retry(ctx, func() (err error) {
		n, err = c.insertRows(ctx, table, columns, rows, runner{exec: db.run, catalog: c.pg})
		return err
	})
	return n, err
}

// run executes a text that is bound already.
func (db *DB) run(ctx context.Context, text string, bound []any) (n int64, err error) {
	if db.core.pg == nil {
		return db.core.write.exec(db.asking(ctx), nil, text, bound)
	}
	err = db.onConn(ctx, func(conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, text, bound...)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// onConn writes on a connection of PostgreSQL's pool, once there is one and if that is still allowed then.
func (db *DB) onConn(ctx context.Context, write func(conn *pgxpool.Conn) error) error {
	conn, err := db.core.pg.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if err := db.allowed(); err != nil {
		return err
	}
	return write(conn)
}

// InsertRows implements Q.
func (tx *Tx) InsertRows(ctx context.Context, table string, columns []string, rows [][]any) (int64, error) {
	if err := checkRows(ctx, tx.all, table, columns, rows); err != nil || len(rows) == 0 {
		return 0, tx.note(err)
	}
	return tx.insertRows(ctx, table, columns, rows)
}

// InsertLater is InsertRows for who needs no count. On PostgreSQL the rows leave with the next statement or with the
// commit, in one exchange, and it is there that a failure shows. They must not be changed afterwards.
func (tx *Tx) InsertLater(ctx context.Context, table string, columns []string, rows [][]any) error {
	if tx.pg == nil {
		_, err := tx.InsertRows(ctx, table, columns, rows)
		return err
	}
	if err := checkRows(ctx, tx.all, table, columns, rows); err != nil || len(rows) == 0 {
		return tx.note(err)
	}
	run := tx.runner()
	run.exec = func(_ context.Context, text string, bound []any) (int64, error) {
		tx.pg.later("INSERT INTO "+table, text, bound)
		return 0, nil
	}
	_, err := tx.core.insertRows(ctx, table, columns, rows, run)
	return tx.note(err)
}

// InsertAtEnd is InsertLater for rows that many parts of a transaction add to: with the commit all rows of one table leave as one
// statement. Its columns are the same in each call, and the rows must not be changed afterwards.
func (tx *Tx) InsertAtEnd(ctx context.Context, in Insert) error {
	if err := checkRows(ctx, tx.all, in.Table, in.Columns, in.Rows); err != nil || len(in.Rows) == 0 {
		return tx.note(err)
	}
	for i := range tx.ends {
		if tx.ends[i].Table == in.Table {
			tx.ends[i].Rows = append(tx.ends[i].Rows, in.Rows...)
			return nil
		}
	}
	in.Rows = slices.Clone(in.Rows)
	tx.ends = append(tx.ends, in)
	return nil
}

func (tx *Tx) insertRows(ctx context.Context, table string, columns []string, rows [][]any) (int64, error) {
	n, err := tx.core.insertRows(ctx, table, columns, rows, tx.runner())
	return n, tx.note(err)
}

func (tx *Tx) runner() runner {
	if tx.pg == nil {
		return runner{exec: tx.exec}
	}
	return runner{exec: tx.exec, catalog: tx.pg.conn}
}

// runner is where an INSERT runs: the pool, or a transaction, whose own connection also answers questions about
// the catalog.
type runner struct {
	exec    func(ctx context.Context, text string, bound []any) (int64, error)
	catalog interface {
		Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
	}
}

func (c *core) insertRows(ctx context.Context, table string, columns []string, rows [][]any, run runner) (int64, error) {
	if c.dialect == PostgreSQL && len(rows) > 1 {
		return c.insertArrays(ctx, table, columns, rows, run)
	}
	var total int64
	for len(rows) > 0 {
		n := bucket(len(rows), len(columns))
		text := c.insertText(table, columns, n)
		bound := make([]any, 0, n*len(columns))
		for _, row := range rows[:n] {
			for _, v := range row {
				bound = append(bound, c.value(v))
			}
		}
		rows = rows[n:]
		c.count.Add(1)
		affected, err := run.exec(ctx, text, bound)
		if err != nil {
			return total, c.wrap(ctx, "INSERT INTO "+table, err)
		}
		total += affected
	}
	return total, nil
}

// bucket returns how many of n rows go into the next statement.
func bucket(n, columns int) int {
	size := 1
	for size*2 <= min(n, maxBucket, maxMarks/max(columns, 1)) {
		size *= 2
	}
	return size
}

// insertText builds INSERT … VALUES for n rows.
func (c *core) insertText(table string, columns []string, n int) string {
	key := insertKey{table: table, columns: strings.Join(columns, ", "), rows: n}
	if text, ok := c.inserts.Load(key); ok {
		return text.(string)
	}
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + key.columns + ") VALUES ")
	mark := 0
	for row := range n {
		comma(&b, row)
		b.WriteByte('(')
		for i := range columns {
			comma(&b, i)
			mark++
			if c.dialect.numbered() {
				fmt.Fprintf(&b, "$%d", mark)
			} else {
				b.WriteByte('?')
			}
		}
		b.WriteByte(')')
	}
	text := b.String()
	c.inserts.Store(key, text)
	return text
}

type insertKey struct {
	table, columns string
	rows           int
}

// checkRows holds InsertRows to the tenancy rule: each row names the tenant of the context.
func checkRows(ctx context.Context, all bool, table string, columns []string, rows [][]any) error {
	refuse := func(cause error) error {
		return &Error{Statement: "INSERT INTO " + table, cause: cause}
	}
	for _, row := range rows {
		if len(row) != len(columns) {
			return refuse(fmt.Errorf("a row has %d values for %d columns", len(row), len(columns)))
		}
	}
	if all {
		return nil
	}
	at := slices.Index(columns, "tenant_id")
	if at < 0 {
		return refuse(errors.New("the columns lack tenant_id; ask for AllTenants by name if the rows belong to no tenant"))
	}
	id, ok := tenant.From(ctx)
	if !ok {
		return refuse(ErrNoTenant)
	}
	for _, row := range rows {
		if !sameTenant(row[at], id) {
			return refuse(fmt.Errorf("a row's tenant_id is not the tenant of the context, %q", id))
		}
	}
	return nil
}

func sameTenant(v any, id tenant.ID) bool {
	switch v := v.(type) {
	case string:
		return v == string(id)
	case tenant.ID:
		return v == id
	default:
		r := reflect.ValueOf(v)
		return r.Kind() == reflect.String && r.String() == string(id)
	}
}
