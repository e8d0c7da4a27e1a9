package dataset

import (
	"context"
	"fmt"
	"iter"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// free makes sure that databases in a state may be filled with something new: they are empty, or what they hold is to be replaced and no
// server uses it.
func (dbs Databases) free(ctx context.Context, state State, replace bool, idle func(ctx context.Context) error) error {
	switch {
	case replace && state.Arriving == "" && idle != nil:
		return idle(ctx)
	case replace: // what is left of another copy, which no server uses
		return nil
	case state.Arriving != "":
		return ErrOtherCopy
	}
	return dbs.untouched(ctx)
}

// Empty tells whether there is nothing but what migrations write, also where they have not run.
func (dbs Databases) Empty(ctx context.Context) (bool, error) {
	empty := true
	err := dbs.each(func(logical string, db *sqldb.DB) error {
		version, err := migrations.Version(ctx, db, logical)
		if err != nil {
			return err
		}
		tables, err := migrations.TablesAt(logical, version)
		for _, t := range tables {
			if err != nil || !empty {
				return err
			}
			var one int
			err = db.AllTenants().QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM `+t.Name+` LIMIT 1) AS found`).Scan(&one)
			empty = t.Seeded || one == 0
		}
		return err
	})
	return empty && err == nil, err
}

// untouched makes sure that there is nothing but what migrations write.
func (dbs Databases) untouched(ctx context.Context) error {
	return dbs.each(func(logical string, db *sqldb.DB) error {
		n, err := count(ctx, logical, db, func(t migrations.Table) bool { return !t.Seeded })
		if err == nil && n > 0 {
			err = fmt.Errorf("%w (%d rows)", ErrNotEmpty, n)
		}
		return err
	})
}

// hold holds the databases against what was read: not what was meant to be written counts, but what can be read now.
func (dbs Databases) hold(ctx context.Context, read *counted) error {
	only := Databases{}
	for logical := range read.Schema() {
		only[logical] = dbs[logical]
	}
	var have []Summary
	err := Snapshot(ctx, only, func(ctx context.Context, src Source) (err error) {
		have, err = Summarize(ctx, src)
		return err
	})
	if err != nil {
		return err
	}
	for i, want := range read.all {
		if i >= len(have) || have[i] != want {
			return fmt.Errorf("table %s: %w", want.Table, ErrDiffers)
		}
	}
	if len(have) != len(read.all) {
		return ErrDiffers
	}
	return nil
}

// counted is a source that remembers what it gave.
type counted struct {
	Source
	all []Summary
}

func (c *counted) rows() (n int64) {
	for _, s := range c.all {
		n += s.Rows
	}
	return n
}

// Each implements Source.
func (c *counted) Each(ctx context.Context, fn func(ctx context.Context, t Table, rows iter.Seq2[Row, error]) error) error {
	c.all = nil
	return c.Source.Each(ctx, func(ctx context.Context, t Table, rows iter.Seq2[Row, error]) error {
		count := newTally(t)
		err := fn(ctx, t, func(yield func(Row, error) bool) {
			for row, err := range rows {
				if err == nil {
					count.add(row)
				}
				if !yield(row, err) {
					return
				}
			}
		})
		c.all = append(c.all, count.summary())
		return err
	})
}
