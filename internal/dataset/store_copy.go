package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
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
	// ErrThawed says that the source took writes again before the copy had ended.
	ErrThawed = errors.New("somebody gave the source back while its data was copied, with `gatehouse data thaw` or by another copy: what was written since may be missing")
	// errAlready says that there is nothing left to copy.
	errAlready = errors.New("the target holds this copy")
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
	// Idle is asked before anything that the target holds is removed, and fails where servers run on it; nil where nobody knows.
	Idle func(ctx context.Context) error
	// Prepare brings the target's schema up to date, once it is known that the target may be filled; nil where it is.
	Prepare func(ctx context.Context) error
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
	// Already says that nothing was left to do: the target was made equal before, and the source has been held still since. The target may
	// have more by now.
	Already bool `json:"already,omitempty"`
}

// maxPasses bounds how often a source that is held still is read again because it had changed.
const maxPasses = 5

// Copy makes the target equal to the origin: first while it serves, then with writes refused. The target is marked until it is
// equal, so that no server starts on a part. When Copy fails, the origin takes writes again; the same call goes on where this one ended,
// also after a kill, and after one that succeeded it finds nothing to do for as long as the source is held still.
func Copy(ctx context.Context, from Origin, to Databases, o CopyOptions) (*Copied, error) {
	if o.Progress == nil {
		o.Progress = func(Step) {}
	}
	c := &copying{from: from, to: to, o: o, target: newStates(to["management"], o.Feed)}
	if err := c.begin(ctx); errors.Is(err, errAlready) {
		return &Copied{Already: true}, nil
	} else if err != nil {
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
	_, err := c.pass(ctx, Copying)
	if err == nil && c.o.Fits != nil {
		err = c.o.Fits(ctx)
	}
	if err != nil && c.held == "" { // nobody holds the source still
		return nil, err
	}
	var done *Copied
	if err == nil {
		done, err = c.still(ctx)
	}
	switch {
	case err == nil && !c.o.Thaw:
		return done, nil
	case errors.Is(err, ErrThawed):
		return nil, err // if writes are refused now, they are for somebody else
	case err != nil && c.others(ctx):
		return nil, fmt.Errorf("%w\nThe source refuses writes, as it did for somebody else: `gatehouse data thaw` ends that", err)
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
	source string // its ID
	held   string // what it is named while it is held still, if it was at the beginning: by others, or for a run of this copy that was killed
	frozen bool   // it was, before this copy, and for something else
	rows   int64  // it has, about
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
	c.source, c.held, c.rows = source.ID, source.still(), source.Rows
	state, err := c.mayFill(ctx)
	if err != nil {
		return err
	}
	c.frozen = source.Frozen != "" && state.Arriving != source.ID
	if c.o.Prepare != nil {
		if err := c.o.Prepare(ctx); err != nil {
			return fmt.Errorf("the target: %w", err)
		}
	}
	if state.Arriving == source.ID {
		return nil // it goes on
	}
	if err := c.target.set(ctx, rowArriving, source.ID); err != nil {
		return err
	}
	if state.Frozen == "" {
		return nil
	}
	return c.target.unset(ctx, rowFrozen) // it speaks of what is removed
}

// mayFill makes sure that the target may be filled from the source, and changes nothing: it may be somebody else's, of an older version.
func (c *copying) mayFill(ctx context.Context) (state State, err error) {
	have, err := c.to.versions(ctx)
	if err == nil && have["management"] >= StateVersion {
		state, err = c.target.read(ctx)
	}
	switch {
	case err != nil:
		return state, fmt.Errorf("the target: %w", err)
	case state.ID == c.source:
		return state, ErrSame
	case state.Arriving == c.source:
		return state, nil
	case state.Arriving == "" && state.Copied != "" && state.Copied == c.held && !c.o.Replace && !c.o.Thaw:
		return state, errAlready
	}
	return state, c.to.free(ctx, state, c.o.Replace, c.o.Idle)
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
	held, err := c.from.Freeze(ctx, "its data is being copied elsewhere")
	if err != nil {
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
	source, err := c.from.Overview(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the source: %w", err)
	case source.still() != held.still():
		return nil, ErrThawed
	}
	if err := c.target.arrived(ctx, source.still(), event(activity.DataCopied, map[string]string{"rows": strconv.FormatInt(c.read.rows(), 10)})); err != nil {
		return nil, err
	}
	return &Copied{Tables: c.read.all, Passes: c.passes, Frozen: c.target.db.Now().Sub(begun).Seconds()}, nil
}

// thawLimit is how long a failed copy tries to give the source back, also when it was told to stop.
const thawLimit = 10 * time.Second

// others tells whether the source is held still for somebody else, too: who had that done before, or another run that has filled the
// target meanwhile.
func (c *copying) others(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), thawLimit)
	defer cancel()
	state, err := c.target.read(ctx)
	return c.frozen || err == nil && state.Arriving != c.source
}

func (c *copying) thaw(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), thawLimit)
	defer cancel()
	return c.from.Thaw(ctx)
}
