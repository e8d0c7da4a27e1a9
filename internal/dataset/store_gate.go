package dataset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// ErrArriving says that a copy into these databases has not ended.
var ErrArriving = errors.New("these databases hold a part of what is being copied here: finish it with the same `gatehouse data copy` again, or begin anew with --replace")

// GateOptions are what a Gate holds shut.
type GateOptions struct {
	// Databases are all that the server uses. The one called management says what the state is.
	Databases Databases
	// Feed is the management database's.
	Feed *sqldb.Feed
	// Log is told when writes are refused, and when they are not any more.
	Log *slog.Logger
	// Server names this one among those on the databases; empty for a command, for which nobody waits.
	Server string
}

// Gate has a server refuse writes for as long as its management database says so. Every server has one. It says there that it holds
// writes, and refuses them as well where it has not read for a while what is said.
type Gate struct {
	o      GateOptions
	states states
	wake   chan struct{}

	mu   sync.Mutex            // one reading of the state at a time
	last atomic.Pointer[State] // written by who holds mu
	left bool                  // guarded by mu

	lease, drain time.Duration
}

// NewGate returns a Gate that is open until Open or Run has read otherwise.
func NewGate(o GateOptions) *Gate {
	g := &Gate{o: o, states: newStates(o.Databases["management"], o.Feed), wake: make(chan struct{}, 1), lease: lease, drain: drainLimit}
	g.last.Store(&State{})
	o.Feed.Subscribe(topic, func(tenant.ID, string) { g.look() })
	return g
}

// look has Run read the state soon.
func (g *Gate) look() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// joins reports whether others wait for what this process says.
func (g *Gate) joins() bool { return g.o.Server != "" && !g.states.alone() }

// Open reads the state before anything is served. It fails with ErrArriving where there is nothing whole to serve.
func (g *Gate) Open(ctx context.Context) error {
	if g.joins() {
		if err := g.states.join(ctx, g.o.Server); err != nil {
			return err
		}
	}
	state, err := g.follow(ctx)
	if err == nil && state.Arriving != "" {
		return ErrArriving
	}
	return err
}

// Run follows changes until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	if g.joins() {
		var turns sync.WaitGroup
		defer turns.Wait()
		turns.Go(func() {
			for wait.For(ctx, turn) {
				g.look()
			}
		})
	}
	return wait.Follow(ctx, g.wake, func(ctx context.Context) error {
		_, err := g.follow(ctx) // it fails where there is no schema yet, or no database
		return err
	})
}

func (g *Gate) writeUntil(at time.Time) {
	for _, db := range g.o.Databases {
		db.WritesUntil(at)
	}
}

// Leave has this process write no more, and tells others so when what had begun is over. Run has to have ended.
func (g *Gate) Leave(ctx context.Context) error {
	if !g.joins() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = true
	if err := g.hold(ctx, errLeft.Error()); err != nil {
		return err
	}
	return g.states.forget(ctx, g.o.Server)
}

var errLeft = errors.New("this server stops")

// Last returns what was read last. It does not wait for a reading, nor for writes, that are under way.
func (g *Gate) Last() State { return *g.last.Load() }

// Freeze has every server on these databases refuse writes, and returns when they do.
func (g *Gate) Freeze(ctx context.Context, why string) (State, error) {
	if err := g.states.freeze(ctx, why); err != nil {
		return State{}, err
	}
	if state, err := g.follow(ctx); err != nil {
		return state, err
	}
	return g.states.held(ctx)
}

// Thaw has every server take writes again, this one before it returns.
func (g *Gate) Thaw(ctx context.Context) (State, error) {
	if err := g.states.thaw(ctx); err != nil {
		return State{}, err
	}
	return g.follow(ctx)
}

// tell tells the activity log what was done with the data, in the log of the tenant default. It fails with sqldb.ErrFrozen while writes
// are refused.
func (g *Gate) tell(ctx context.Context, action activity.Action) error {
	return activity.Record(tenant.With(ctx, tenant.Default), g.o.Databases["management"], event(action, nil))
}

// exported tells it that somebody reads everything. While writes are refused the log takes none either: it was told who had them
// refused.
func (g *Gate) exported(ctx context.Context) error {
	err := g.tell(ctx, activity.DataExported)
	if errors.Is(err, sqldb.ErrFrozen) {
		return nil
	}
	return err
}

// drainLimit is how long writes that are under way are waited for: a commit is given ten seconds.
const drainLimit = 15 * time.Second

// read reads the state for a server, and makes sure that others know it. asked is when, at the latest, what was read was true.
func (g *Gate) read(ctx context.Context) (state State, asked time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	for {
		asked = g.states.db.Now()
		if state, err = g.states.read(ctx); err != nil || !g.joins() {
			return state, asked, err
		}
		me, known := state.servers[g.o.Server]
		if known && asked.Sub(me.at) < renewed {
			return state, asked, nil
		}
		if err = g.states.say(ctx, g.o.Server, me.value); err != nil { // it is read again: a freeze may not have waited for who was not known
			return state, asked, err
		}
	}
}

// follow does what the database says.
func (g *Gate) follow(ctx context.Context) (State, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left { // a request that outlived its listener
		return State{}, errLeft
	}
	state, asked, err := g.read(ctx)
	if err != nil {
		return state, err
	}
	why := state.Frozen
	if state.Arriving != "" {
		why = "a copy into it has not ended"
	}
	before := g.last.Swap(&state)
	was := before.Frozen + before.Arriving
	if why == "" {
		if g.joins() {
			g.writeUntil(asked.Add(g.lease))
		}
		for _, db := range g.o.Databases {
			db.Thaw()
		}
		if was != "" {
			g.o.Log.InfoContext(ctx, "writes are taken again")
		}
		return state, nil
	}
	if was == "" {
		g.o.Log.WarnContext(ctx, "writes are refused until `gatehouse data thaw`; reads go on", "why", why)
	}
	err = g.hold(ctx, why)
	if e := g.answer(ctx, state, err == nil); err == nil {
		err = e
	}
	return state, err
}

// hold refuses writes, and returns when those that had begun are over.
func (g *Gate) hold(ctx context.Context, why string) error {
	limited, cancel := context.WithTimeout(ctx, g.drain)
	defer cancel()
	faults := make(chan error, len(g.o.Databases))
	for name, db := range g.o.Databases { // all at once: none is open until another's writes are over
		go func() {
			err := db.Freeze(limited, why)
			if err != nil {
				err = fmt.Errorf("databases.%s: writes are refused, but one that had begun does not end: %w", name, err)
			}
			faults <- err
		}()
	}
	var all []error
	for range g.o.Databases {
		all = append(all, <-faults)
	}
	return errors.Join(all...)
}

// answer says that writes are held, or will be.
func (g *Gate) answer(ctx context.Context, state State, over bool) error {
	value := state.stamp()
	if !over {
		value = ends + value
	}
	if !g.joins() || state.Frozen == "" || state.servers[g.o.Server].value == value {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return g.states.say(ctx, g.o.Server, value)
}
