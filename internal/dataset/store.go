package dataset

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Databases are the handles of logical databases by their names. Several may be the same handle.
type Databases map[string]*sqldb.DB

// Snapshot runs fn on a source that is one state of each physical database, while servers go on writing to it. A database in
// memory waits until fn is done.
func Snapshot(ctx context.Context, dbs Databases, fn func(ctx context.Context, src Source) error) error {
	schema, err := dbs.versions(ctx)
	if err != nil {
		return err
	}
	s := &snapshot{of: map[*sqldb.DB]*sqldb.Snapshot{}, dbs: dbs, schema: schema}
	return s.open(ctx, migrations.Logical(), fn)
}

// snapshot is the Source that databases are.
type snapshot struct {
	dbs    Databases
	of     map[*sqldb.DB]*sqldb.Snapshot
	schema map[string]int64
}

// versions asks the databases how far they are migrated. Which tables there are follows from it, so that what an older server left can
// be read before it is migrated.
func (dbs Databases) versions(ctx context.Context) (map[string]int64, error) {
	schema := map[string]int64{}
	err := dbs.each(func(logical string, db *sqldb.DB) (err error) {
		schema[logical], err = migrations.Version(ctx, db, logical)
		return err
	})
	return schema, err
}

// Schema implements Source.
func (s *snapshot) Schema() map[string]int64 { return s.schema }

// open begins with the first database that is not read yet, and goes on with the others inside of it.
func (s *snapshot) open(ctx context.Context, logical []string, fn func(ctx context.Context, src Source) error) error {
	for i, name := range logical {
		db := s.dbs[name]
		if db == nil || s.of[db] != nil {
			continue
		}
		err := db.AllTenants().Snapshot(ctx, func(ctx context.Context, snap *sqldb.Snapshot) error {
			s.of[db] = snap
			return s.open(ctx, logical[i+1:], fn)
		})
		if err != nil {
			return fmt.Errorf("databases.%s: %w", name, err)
		}
		return nil
	}
	return fn(ctx, s)
}

// Each implements Source.
func (s *snapshot) Each(ctx context.Context, fn func(ctx context.Context, t Table, rows iter.Seq2[Row, error]) error) error {
	for _, logical := range migrations.Logical() {
		db := s.dbs[logical]
		if db == nil {
			continue
		}
		tables, err := migrations.TablesAt(logical, s.schema[logical])
		if err != nil {
			return err
		}
		for _, table := range tables {
			t := Table{Database: logical, Table: table}
			if err := fn(ctx, t, read(ctx, s.of[db], t)); err != nil {
				return err
			}
		}
	}
	return nil
}

// queryer is what reads: a snapshot, or a handle.
type queryer interface {
	Query(ctx context.Context, query string, args ...any) (*sqldb.Rows, error)
}

// read gives the rows of a table in its order.
func read(ctx context.Context, q queryer, t Table) iter.Seq2[Row, error] {
	rows, by := scan(ctx, q, t), t.order()
	first := len(t.sorted())
	if first == len(by) {
		return rows
	}
	return func(yield func(Row, error) bool) {
		var alike []Row // in the columns of sorted
		give := func() bool {
			slices.SortFunc(alike, func(a, b Row) int { return compare(a, b, t.Columns, by[first:]) })
			for _, row := range alike {
				if !yield(row, nil) {
					return false
				}
			}
			alike = alike[:0]
			return true
		}
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(alike) > 0 && compare(alike[0], row, t.Columns, by[:first]) != 0 && !give() {
				return
			}
			alike = append(alike, row)
		}
		give()
	}
}

// scan gives the rows as the database sorts them. They are read ahead, so that the database and whoever works on them need not wait for
// each other.
func scan(ctx context.Context, q queryer, t Table) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		ahead := &reading{blocks: make(chan []Row, aheadBlocks), enough: make(chan struct{})}
		go ahead.read(ctx, q, t)
		defer ahead.end()
		for rows := range ahead.blocks {
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
		if ahead.err != nil {
			yield(nil, ahead.err)
		}
	}
}

// aheadBlocks is how many blocks wait at the most for whoever works on them.
const aheadBlocks = 32

// reading is one scan.
type reading struct {
	blocks chan []Row
	enough chan struct{} // closed when no more are wanted
	err    error         // once blocks is closed
}

// end waits until the database is read no more: what asks it next has the same connection.
func (r *reading) end() {
	close(r.enough)
	for range r.blocks {
	}
}

func (r *reading) read(ctx context.Context, q queryer, t Table) {
	defer close(r.blocks)
	rows, err := q.Query(ctx, `SELECT `+strings.Join(t.names(), ", ")+` FROM `+t.Name+` ORDER BY `+strings.Join(t.sorted(), ", "))
	if err != nil {
		r.err = err
		return
	}
	defer func() { _ = rows.Close() }()
	b := newBlock(t.Columns)
	for rows.Next() {
		if r.err = b.add(rows); r.err != nil || b.full() && !r.give(b) {
			return
		}
	}
	if r.give(b) {
		r.err = rows.Err()
	}
}

// give hands a block over, and tells whether more are wanted.
func (r *reading) give(b *block) bool {
	select {
	case r.blocks <- b.cut():
		return true
	case <-r.enough:
		return false
	}
}

func (t Table) names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// block is some rows that are read together and share their memory: millions of them are read, and something of its own for every value
// would cost more than all else.
type block struct {
	cells  []sqldb.Cell
	values []Value
	text   strings.Builder
}

// What a block holds, more or less: a row that is kept keeps all of it.
const (
	blockValues = 1 << 10
	blockBytes  = 32 << 10
)

func newBlock(columns []migrations.Column) *block {
	b := &block{cells: make([]sqldb.Cell, len(columns))}
	for i, c := range columns {
		b.cells[i].Textual = textual(c.Kind)
	}
	return b
}

func (b *block) full() bool {
	return b.text.Len() >= blockBytes || len(b.values)+len(b.cells) > blockValues
}

// add reads a row. Where its texts are in the block's is put down once all are there.
func (b *block) add(rows *sqldb.Rows) error {
	if err := rows.Cells(b.cells); err != nil {
		return err
	}
	if b.values == nil {
		b.values = make([]Value, 0, max(blockValues, len(b.cells)))
	}
	for i := range b.cells {
		c := &b.cells[i]
		v := Value{Null: c.Null, Number: c.Number}
		if c.Textual {
			v.Number = int64(len(c.Bytes))
			b.text.Write(c.Bytes)
		}
		b.values = append(b.values, v)
	}
	return nil
}

// cut returns the rows and begins anew.
func (b *block) cut() []Row {
	values, text, n := b.values, b.text.String(), len(b.cells)
	b.values = nil
	b.text.Reset()
	b.text.Grow(len(text) + len(text)/8) // most blocks are like the one before
	for i := range values {
		if b.cells[i%n].Textual {
			v := &values[i]
			v.Text, text, v.Number = text[:v.Number], text[v.Number:], 0
		}
	}
	rows := make([]Row, 0, len(values)/n)
	for ; len(values) > 0; values = values[n:] {
		rows = append(rows, values[:n:n])
	}
	return rows
}
