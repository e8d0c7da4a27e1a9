package dataset

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Loading is the phase of a Load in which rows are written; Comparing follows.
const Loading Phase = "loading"

// ErrNewer says that the source was written by a newer Gatehouse.
var ErrNewer = errors.New("it was written by a newer version of Gatehouse: use that one, or a later one")

// ErrOlder says that the source is older than what can be loaded: its databases could not say that they are being filled.
var ErrOlder = errors.New("its schema is older than any that can be restored: migrate its databases with `gatehouse migrate up`, and make another")

// LoadOptions say how to load.
type LoadOptions struct {
	// Feed is the target's management database's. It need not run.
	Feed *sqldb.Feed
	// From names the source: a Load of the same one goes on where another ended.
	From string
	// Rows is about how many the source has.
	Rows int64
	// Replace removes what the target holds.
	Replace bool
	// Idle is asked before anything that the target holds is removed, and fails where servers run on it; nil where nobody knows.
	Idle func(ctx context.Context) error
	// Done is told to the target's activity log.
	Done activity.Event
	// Progress is called now and then; nil is nobody.
	Progress func(Step)
}

// Load makes databases equal to a source that does not change any more, such as a backup. The schema is made as the source has
// it, filled, compared and then brought up to date. Until the end the target is marked, so that no server starts on a part; the
// same call goes on after a kill. Nothing is written before the target is known to be empty, or to be replaced.
func Load(ctx context.Context, src Source, to Databases, o LoadOptions) ([]Summary, error) {
	if o.Progress == nil {
		o.Progress = func(Step) {}
	}
	l := &loading{src: &counted{Source: src}, to: to, o: o, target: newStates(to["management"], o.Feed)}
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	if err := l.run(ctx); err != nil {
		return nil, &PartError{err}
	}
	return l.src.all, nil
}

// PartError says that a Load ended in the midst.
type PartError struct{ Cause error }

// Error says what to do.
func (e *PartError) Error() string {
	return e.Cause.Error() + "\nThe target holds a part, and no server starts on it: run the same command again to go on"
}

// Unwrap gives what was wrong.
func (e *PartError) Unwrap() error { return e.Cause }

// loading is one Load.
type loading struct {
	src    *counted
	to     Databases
	o      LoadOptions
	target states
	have   map[string]int64 // the target's versions
	state  State
}

// begin makes sure that the target may be filled.
func (l *loading) begin(ctx context.Context) error {
	if l.to.ephemeral() {
		return ErrEphemeral
	}
	for logical, version := range l.src.Schema() {
		newest, err := migrations.Newest(logical)
		if err != nil || version > newest {
			return fmt.Errorf("database %s at version %d: %w", logical, version, ErrNewer)
		}
		if logical == "management" && version < StateVersion {
			return ErrOlder
		}
	}
	var err error
	if l.have, err = l.to.versions(ctx); err != nil {
		return err
	}
	// Before, there is no table to read; yet there may be, where removing everything ended just before it.
	if l.state, err = l.target.read(ctx); err != nil && l.have["management"] >= StateVersion {
		return err
	}
	if l.state.Arriving == l.o.From {
		return nil // it goes on
	}
	return l.to.free(ctx, l.state, l.o.Replace, l.o.Idle)
}

// run fills it.
func (l *loading) run(ctx context.Context) error {
	if err := l.prepare(ctx); err != nil {
		return err
	}
	step := Step{Phase: Loading, Of: l.o.Rows}
	var before, table int64
	var at string
	_, err := Sync(ctx, l.src, l.to, func(t Table, change Change) {
		if at != t.Name {
			at, before = t.Name, before+table
		}
		table = change.Same + change.Added + change.Changed
		step.Rows = before + table
		l.o.Progress(step)
	})
	if err != nil {
		return err
	}
	l.o.Progress(Step{Phase: Comparing})
	if err := l.to.hold(ctx, l.src); err != nil {
		return err
	}
	err = l.to.each(func(logical string, db *sqldb.DB) error {
		_, err := migrations.Up(ctx, db, logical)
		return err
	})
	if err != nil {
		return err
	}
	return l.target.arrived(ctx, "", l.o.Done)
}

// prepare marks the target and gives it the source's schema.
func (l *loading) prepare(ctx context.Context) error {
	have := l.have["management"]
	if have >= StateVersion {
		if err := l.mark(ctx); err != nil {
			return err
		}
	} else if err := l.remake(ctx, "management", have > 0 || l.state.Arriving != ""); err != nil {
		return err
	}
	want := l.src.Schema()
	for _, logical := range migrations.Logical() {
		version, there := want[logical]
		if logical == "management" || l.to[logical] == nil || l.have[logical] == version {
			continue
		}
		if !there { // the source has nothing of it, so that what is removed has nothing in its place
			if err := l.forget(ctx, logical); err != nil {
				return err
			}
			continue
		}
		if err := l.remake(ctx, logical, l.have[logical] > 0); err != nil {
			return err
		}
	}
	if have >= StateVersion && have != want["management"] {
		return l.remake(ctx, "management", true)
	}
	return nil
}

// forget removes what a database holds, where that is to be replaced. It gets its schema in the end.
func (l *loading) forget(ctx context.Context, logical string) error {
	if !l.o.Replace || l.have[logical] == 0 {
		return nil
	}
	return migrations.Drop(ctx, l.to[logical], logical, "data_state")
}

// remake gives a database the source's schema, without what it holds.
func (l *loading) remake(ctx context.Context, logical string, drop bool) error {
	db := l.to[logical]
	if drop {
		if err := migrations.Drop(ctx, db, logical, "data_state"); err != nil {
			return err
		}
	}
	if err := migrations.UpTo(ctx, db, logical, l.src.Schema()[logical]); err != nil {
		return fmt.Errorf("databases.%s: %w", logical, err)
	}
	if logical != "management" {
		return nil
	}
	return l.mark(ctx)
}

func (l *loading) mark(ctx context.Context) error {
	if err := l.target.set(ctx, rowArriving, l.o.From); err != nil {
		return err
	}
	if l.state.Frozen == "" {
		return nil
	}
	return l.target.unset(ctx, rowFrozen) // it speaks of what is removed
}
