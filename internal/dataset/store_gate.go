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
}

// Gate has a server refuse writes for as long as its management database says so. Every server has one, and each learns
// within a second what another one, or a command, wrote there.
type Gate struct {
	o      GateOptions
	states states
	wake   chan struct{}

	mu   sync.Mutex            // one reading of the state at a time
	last atomic.Pointer[State] // written by who holds mu
}

// NewGate returns a Gate that is open until Open or Run has read otherwise.
func NewGate(o GateOptions) *Gate {
	g := &Gate{o: o, states: newStates(o.Databases["management"], o.Feed), wake: make(chan struct{}, 1)}
	g.last.Store(&State{})
	o.Feed.Subscribe(topic, func(tenant.ID, string) {
		select {
		case g.wake <- struct{}{}:
		default:
		}
	})
	return g
}

// Open reads the state before anything is served. It fails with ErrArriving where there is nothing whole to serve.
func (g *Gate) Open(ctx context.Context) error {
	state, err := g.follow(ctx)
	if err == nil && state.Arriving != "" {
		return ErrArriving
	}
	return err
}

// Run follows changes until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	return wait.Follow(ctx, g.wake, func(ctx context.Context) error {
		_, err := g.follow(ctx) // it fails where there is no schema yet, or no database
		return err
	})
}

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
	if !g.states.alone() && !wait.For(ctx, settled) {
		return State{}, ctx.Err()
	}
	return g.states.named(ctx)
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

// follow does what the database says.
func (g *Gate) follow(ctx context.Context) (State, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	state, err := g.states.read(ctx)
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
	limited, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	for name, db := range g.o.Databases {
		if err := db.Freeze(limited, why); err != nil {
			return state, fmt.Errorf("databases.%s: writes are refused, but one that had begun does not end: %w", name, err)
		}
	}
	return state, nil
}
