package dataset

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

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

// read gives the rows of a table in the order of its key.
func read(ctx context.Context, q queryer, t Table) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		rows, err := q.Query(ctx, `SELECT `+strings.Join(t.names(), ", ")+` FROM `+t.Name+` ORDER BY `+strings.Join(t.Key, ", "))
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = rows.Close() }()
		target := newTarget(t.Columns)
		for rows.Next() {
			row, err := target.scan(rows)
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

func (t Table) names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// target is what a row is scanned into.
type target struct {
	columns []migrations.Column
	dest    []any
}

func newTarget(columns []migrations.Column) *target {
	t := &target{columns: columns, dest: make([]any, len(columns))}
	for i, c := range columns {
		switch c.Kind {
		case migrations.Text:
			t.dest[i] = new(*string)
		case migrations.Blob:
			t.dest[i] = new([]byte)
		case migrations.Time:
			t.dest[i] = new(*time.Time)
		case migrations.Bool:
			t.dest[i] = new(*bool)
		default:
			t.dest[i] = new(*int64)
		}
	}
	return t
}

func (t *target) scan(rows *sqldb.Rows) (Row, error) {
	if err := rows.Scan(t.dest...); err != nil {
		return nil, err
	}
	row := make(Row, len(t.dest))
	for i, d := range t.dest {
		row[i] = scanned(d)
	}
	return row, nil
}

// scanned is what the driver put into one target.
func scanned(dest any) Value {
	switch d := dest.(type) {
	case **string:
		if *d != nil {
			return Value{Text: **d}
		}
	case *[]byte:
		if *d != nil {
			return Value{Text: string(*d)}
		}
	case **time.Time:
		if *d != nil {
			return Value{Number: (*d).UnixMicro()}
		}
	case **bool:
		if *d != nil && **d {
			return Value{Number: 1}
		} else if *d != nil {
			return Value{}
		}
	case **int64:
		if *d != nil {
			return Value{Number: **d}
		}
	}
	return Value{Null: true}
}
