package dataset

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Change is what Sync did to a table.
type Change struct {
	Database string `json:"database"`
	Table    string `json:"table"`
	// Same are the rows that were there already.
	Same int64 `json:"same"`
	// Added, Changed and Removed are the rows that were not, or were others.
	Added   int64 `json:"added"`
	Changed int64 `json:"changed"`
	Removed int64 `json:"removed"`
}

// Any tells whether anything was done.
func (c Change) Any() bool { return c.Added+c.Changed+c.Removed > 0 }

// ErrEphemeral says that the target of a Sync is a database in memory.
var ErrEphemeral = errors.New("the target is a database in memory, which ends with its process: name one that lasts")

// ErrVersion says that a table of the source is not as this version of Gatehouse has it.
var ErrVersion = errors.New("the source was written by another version of Gatehouse: read it with that one, and migrate afterwards")

const (
	batchRows  = 2000
	batchBytes = 2 << 20
	// tailRows is after how many rows behind the target's last one the rest is taken for many.
	tailRows = 10_000
)

// Sync makes the databases equal to the source: it adds what they lack, changes what differs and removes what the source does
// not have. Each batch is a transaction, so Sync that was ended in the midst goes on where it was when it is called again.
// The schema must be there. A freeze of the target holds it up not: that is for its servers. progress, which may be nil, is called
// after each batch.
func Sync(ctx context.Context, src Source, dst Databases, progress func(Table, Change)) ([]Change, error) {
	if progress == nil {
		progress = func(Table, Change) {}
	}
	for name, db := range dst {
		if db.Ephemeral() {
			return nil, fmt.Errorf("databases.%s: %w", name, ErrEphemeral)
		}
	}
	schema, err := dst.versions(ctx)
	if err != nil {
		return nil, err
	}
	var all []Change
	err = src.Each(ctx, func(ctx context.Context, t Table, rows iter.Seq2[Row, error]) error {
		db := dst[t.Database]
		if db == nil {
			return fmt.Errorf("the target has no database %s", t.Database)
		}
		if err := known(t, schema[t.Database]); err != nil {
			return err
		}
		s := &syncing{
			table: t, db: db.AllTenants().DespiteFreeze(), key: t.key(), order: t.order(), progress: progress,
			change: Change{Database: t.Database, Table: t.Name},
		}
		if err := s.run(ctx, rows); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		all = append(all, s.change)
		return nil
	})
	return all, err
}

// known holds a table that may come from a file against those that a database has at its version: its names become part of
// statements.
func known(t Table, version int64) error {
	tables, err := migrations.TablesAt(t.Database, version)
	if err != nil {
		return err
	}
	for _, k := range tables {
		if k.Name == t.Name && slices.Equal(k.Columns, t.Columns) && slices.Equal(k.Key, t.Key) {
			return nil
		}
	}
	return ErrVersion
}

// syncing makes one table equal.
type syncing struct {
	table    Table
	db       *sqldb.DB
	key      []int
	order    []int
	progress func(Table, Change)
	change   Change

	gone, fresh []Row // of the batch
	bytes       int
	late        []Row // what another row stands in the way of, until that one is changed or gone
}

// run walks along both sides, which have the same order.
func (s *syncing) run(ctx context.Context, want iter.Seq2[Row, error]) error {
	have, stop := iter.Pull2(read(ctx, s.db, s.table))
	defer stop()
	next, end := iter.Pull2(want)
	defer end()
	there, err, more := have()
	if err != nil {
		return err
	}
	for last := 0; ; last++ { // rows that came after the target's last one
		if last == tailRows && s.db.Fills() && len(s.late) == 0 {
			return s.fill(ctx, next)
		}
		row, err, ok := next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		for more && compare(there, row, s.table.Columns, s.order) < 0 {
			s.gone = append(s.gone, there)
			s.change.Removed++
			if there, err, more = have(); err != nil {
				return err
			}
		}
		switch {
		case !more || compare(there, row, s.table.Columns, s.order) > 0:
			s.change.Added++
			s.add(row)
		default:
			if equal(there, row) {
				s.change.Same++
			} else {
				s.change.Changed++
				s.gone = append(s.gone, there)
				s.add(row)
			}
			if there, err, more = have(); err != nil {
				return err
			}
		}
		if err := s.flush(ctx, batchRows); err != nil {
			return err
		}
		if more {
			last = -1
		}
	}
	return s.surplus(ctx, there, more, have)
}

// surplus removes what the target has behind the source's last row.
func (s *syncing) surplus(ctx context.Context, there Row, more bool, have func() (Row, error, bool)) (err error) {
	for ; more; there, err, more = have() {
		if err != nil {
			return err
		}
		s.gone = append(s.gone, there)
		s.change.Removed++
		if err := s.flush(ctx, batchRows); err != nil {
			return err
		}
	}
	return s.end(ctx)
}

// fill adds all that is left, of which the target has nothing.
func (s *syncing) fill(ctx context.Context, next func() (Row, error, bool)) error {
	if err := s.flush(ctx, 0); err != nil {
		return err
	}
	args := make([]any, len(s.table.Columns))
	_, err := s.db.Fill(ctx, s.table.Name, s.table.names(), func(yield func([]any, error) bool) {
		for {
			row, err, ok := next()
			if !ok {
				return
			}
			if err == nil {
				s.put(args, row)
				s.change.Added++
			}
			if !yield(args, err) {
				return
			}
			if s.change.Added%batchRows == 0 {
				s.progress(s.table, s.change)
			}
		}
	})
	s.progress(s.table, s.change)
	return err
}

func (s *syncing) add(row Row) {
	s.fresh = append(s.fresh, row)
	for _, v := range row {
		s.bytes += len(v.Text)
	}
}

// flush writes the batch when it is full.
func (s *syncing) flush(ctx context.Context, full int) error {
	if len(s.gone)+len(s.fresh) < full && s.bytes < batchBytes {
		return nil
	}
	if err := s.write(ctx, s.gone, s.fresh); err != nil {
		return err
	}
	s.gone, s.fresh, s.bytes = nil, nil, 0
	s.progress(s.table, s.change)
	return nil
}

// end writes the rest, and then what other rows stood in the way of.
func (s *syncing) end(ctx context.Context) error {
	if err := s.flush(ctx, 0); err != nil {
		return err
	}
	late := s.late
	s.late = nil
	if len(late) == 0 {
		return nil
	}
	return s.insert(ctx, nil, late)
}

// write is one transaction. Where another row that is still to change holds a unique value of a fresh one, the fresh ones
// are tried one by one, and those that cannot go in yet wait for the end of the table.
func (s *syncing) write(ctx context.Context, gone, fresh []Row) error {
	err := s.insert(ctx, gone, fresh)
	if !errors.Is(err, sqldb.ErrDuplicate) {
		return err
	}
	if err := s.insert(ctx, gone, nil); err != nil {
		return err
	}
	for _, row := range fresh {
		err := s.insert(ctx, nil, []Row{row})
		if errors.Is(err, sqldb.ErrDuplicate) {
			s.late = append(s.late, row)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (s *syncing) insert(ctx context.Context, gone, fresh []Row) error {
	if len(gone)+len(fresh) == 0 {
		return nil
	}
	values := make([][]any, len(fresh))
	for i, row := range fresh {
		values[i] = s.arguments(row)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		for _, row := range gone {
			if err := s.remove(ctx, tx, row); err != nil {
				return err
			}
		}
		if len(values) == 0 {
			return nil
		}
		_, err := tx.InsertRows(ctx, s.table.Name, s.table.names(), values)
		return err
	})
}

func (s *syncing) remove(ctx context.Context, tx *sqldb.Tx, row Row) error {
	key := make([]any, len(s.key))
	for i, at := range s.key {
		key[i] = row[at].argument(s.table.Columns[at].Kind)
	}
	_, err := tx.Exec(ctx, `DELETE FROM `+s.table.Name+` WHERE `+strings.Join(s.table.Key, " = ? AND ")+` = ?`, key...)
	return err
}

func (s *syncing) arguments(row Row) []any {
	args := make([]any, len(row))
	s.put(args, row)
	return args
}

func (s *syncing) put(args []any, row Row) {
	for i, v := range row {
		args[i] = v.argument(s.table.Columns[i].Kind)
	}
}
