package dataset

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

var (
	// ErrNotEmpty says that the target holds something else.
	ErrNotEmpty = errors.New("the target is not empty: name an empty one, or have all of it removed with --replace")
	// ErrOtherCopy says that the target holds a part of another source.
	ErrOtherCopy = errors.New("the target holds a part of a copy from another source: finish that one, or have it removed with --replace")
	// ErrSame says that source and target are the same.
	ErrSame = errors.New("source and target are the same databases")
	// ErrRestless says that the source changed although every server was told to refuse writes.
	ErrRestless = errors.New("the source was written to while it was held still: is there a server on it that cannot read its management database, or another program?")
	// ErrDiffers says that source and target are not equal after all.
	ErrDiffers = errors.New("the target is not equal to the source: something else writes to one of them")
)

// Phase is a part of a Copy.
type Phase string

// The phases, in their order.
const (
	// Copying is the first pass, while the source serves.
	Copying Phase = "copying"
	// Freezing waits until every server of the source refuses writes.
	Freezing Phase = "freezing"
	// CatchingUp brings over what was written meanwhile.
	CatchingUp Phase = "catching up"
	// Comparing reads the target once more and holds it against the source.
	Comparing Phase = "comparing"
)

// Step is how far a Copy is.
type Step struct {
	Phase Phase
	// Rows are those that were looked at in this phase, and Of is about how many there are.
	Rows, Of int64
}

// CopyOptions say how to copy.
type CopyOptions struct {
	// Feed is the target's management database's. It need not run.
	Feed *sqldb.Feed
	// Replace removes what the target holds.
	Replace bool
	// Thaw lets the source take writes again at the end: for a rehearsal, because the target lacks what is written afterwards.
	Thaw bool
	// Fits is asked after the first pass, with the source still serving, whether the target's servers will be able to open what
	// was copied; nil where nobody knows.
	Fits func(ctx context.Context) error
	// Progress is called now and then; nil is nobody.
	Progress func(Step)
}

// Copied is what a Copy did.
type Copied struct {
	// Tables is what source and target both hold.
	Tables []Summary `json:"tables"`
	// Passes is how often the source was read: the last time nothing had changed.
	Passes int `json:"passes"`
	// Frozen is how long the source has refused writes, up to the end of the comparison. Unit: seconds.
	Frozen float64 `json:"frozen_seconds"`
	// Thawed says that the source takes writes again.
	Thawed bool `json:"thawed"`
}

// maxPasses bounds how often a source that is held still is read again because it had changed.
const maxPasses = 5

// Copy makes the target equal to the origin: first while it serves, then with writes refused. The target is marked until it is
// equal, so that no server starts on a part. When Copy fails, the origin takes writes again; the same call goes on where this one ended,
// also after a kill. The target's schema must be there.
func Copy(ctx context.Context, from Origin, to Databases, o CopyOptions) (*Copied, error) {
	if o.Progress == nil {
		o.Progress = func(Step) {}
	}
	c := &copying{from: from, to: to, o: o, target: newStates(to["management"], o.Feed)}
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	done, err := c.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w\nThe target holds a part, and no server starts on it: run the same command again to go on", err)
	}
	return done, nil
}

// run is Copy on a target that is marked.
func (c *copying) run(ctx context.Context) (*Copied, error) {
	if _, err := c.pass(ctx, Copying); err != nil {
		return nil, err
	}
	if c.o.Fits != nil {
		if err := c.o.Fits(ctx); err != nil {
			return nil, err
		}
	}
	done, err := c.still(ctx)
	if err == nil && !c.o.Thaw {
		return done, nil
	}
	if e := c.thaw(ctx); e != nil {
		err = errors.Join(err, fmt.Errorf("the source still refuses writes; run `gatehouse data thaw`: %w", e))
	}
	if err != nil {
		return nil, err
	}
	done.Thawed = true
	return done, nil
}

// copying is one Copy.
type copying struct {
	from   Origin
	to     Databases
	o      CopyOptions
	target states
	rows   int64 // of the source, about
	passes int
	read   *counted // what the last pass read
}

// begin makes sure that the copy may be made, and marks the target.
func (c *copying) begin(ctx context.Context) error {
	for name, db := range c.to {
		if db.Ephemeral() {
			return fmt.Errorf("databases.%s: %w", name, ErrEphemeral)
		}
	}
	source, err := c.from.Overview(ctx)
	if err != nil {
		return fmt.Errorf("the source: %w", err)
	}
	if source.Arriving != "" {
		return fmt.Errorf("the source: %w", ErrArriving)
	}
	c.rows = source.Rows
	state, err := c.target.read(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("the target: %w", err)
	case state.ID == source.ID:
		return ErrSame
	case state.Arriving == source.ID:
		return nil // it goes on
	case state.Arriving != "" && !c.o.Replace:
		return ErrOtherCopy
	case !c.o.Replace:
		if err := c.to.untouched(ctx); err != nil {
			return err
		}
	}
	if err := c.target.set(ctx, rowArriving, source.ID); err != nil {
		return err
	}
	if state.Frozen == "" {
		return nil
	}
	return c.target.unset(ctx, rowFrozen) // it speaks of what is removed
}

// pass makes the target equal to what the source is now, and reports whether anything had to be done.
func (c *copying) pass(ctx context.Context, phase Phase) (changed bool, err error) {
	c.passes++
	step := Step{Phase: phase, Of: c.rows}
	c.o.Progress(step)
	var before, table int64 // rows of the tables before this one, and of this one
	var at string
	err = c.from.Read(ctx, func(ctx context.Context, src Source) error {
		c.read = &counted{Source: src}
		changes, err := Sync(ctx, c.read, c.to, func(t Table, change Change) {
			if at != t.Name {
				at, before = t.Name, before+table
			}
			table = change.Same + change.Added + change.Changed
			step.Rows = before + table
			c.o.Progress(step)
		})
		step.Rows = c.read.rows()
		c.o.Progress(step)
		changed = slices.ContainsFunc(changes, Change.Any)
		return err
	})
	return changed, err
}

// still holds the source still, brings over what is missing and compares.
func (c *copying) still(ctx context.Context) (*Copied, error) {
	c.o.Progress(Step{Phase: Freezing})
	begun := c.target.db.Now()
	if err := c.from.Freeze(ctx, "its data is being copied elsewhere"); err != nil {
		return nil, fmt.Errorf("hold the source still: %w", err)
	}
	for last := c.passes + maxPasses; ; {
		changed, err := c.pass(ctx, CatchingUp)
		switch {
		case err != nil:
			return nil, err
		case changed && c.passes < last:
			continue
		case changed:
			return nil, ErrRestless
		}
		break
	}
	c.o.Progress(Step{Phase: Comparing})
	if err := c.to.hold(ctx, c.read); err != nil {
		return nil, err
	}
	if err := c.target.arrived(ctx, event(activity.DataCopied, map[string]string{"rows": strconv.FormatInt(c.read.rows(), 10)})); err != nil {
		return nil, err
	}
	return &Copied{Tables: c.read.all, Passes: c.passes, Frozen: c.target.db.Now().Sub(begun).Seconds()}, nil
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

// thawLimit is how long a failed copy tries to give the source back, also when it was told to stop.
const thawLimit = 10 * time.Second

func (c *copying) thaw(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), thawLimit)
	defer cancel()
	return c.from.Thaw(ctx)
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
