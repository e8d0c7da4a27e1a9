package activity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

const (
	relayEvery = time.Second
	relayBatch = 500
	// relayRest is how long the relay waits after a failure.
	relayRest = 5 * time.Second
)

// Relay moves events from where they wait into the log. Any number of servers may do so at the same time: an event is in the
// log once, by its id, and one that was moved and not yet forgotten when a process died is forgotten by the next.
type Relay struct {
	// Store is the log.
	Store *Store
	// Sources are where events wait.
	Sources []Source
	// Log is told when events cannot be moved, and when they can again.
	Log *slog.Logger

	moved    atomic.Uint64
	failures atomic.Uint64
	failing  atomic.Pointer[error]
}

// Run moves events until ctx ends.
func (r *Relay) Run(ctx context.Context) error {
	for {
		err := r.Move(ctx)
		r.tell(ctx, err)
		rest := relayEvery/2 + rand.N(relayEvery) // replicas do not all come at once
		if err != nil {
			rest = relayRest
		}
		if !wait.For(ctx, rest) {
			return ctx.Err()
		}
	}
}

// Move moves all events that wait. Where some cannot be moved those go on waiting, and it returns why.
func (r *Relay) Move(ctx context.Context) error {
	var faults []error
	for _, from := range r.Sources {
		for {
			n, err := r.batch(ctx, from)
			if err != nil {
				faults = append(faults, err)
			}
			if err != nil || n < relayBatch {
				break
			}
		}
	}
	return errors.Join(faults...)
}

// batch moves some events of a source and says how many waited. What is wrong with one tenant's log keeps no other's events.
func (r *Relay) batch(ctx context.Context, from Source) (int, error) {
	events, err := from.Pending(ctx, relayBatch)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	of := make(map[tenant.ID][]Pending)
	var order []tenant.ID
	for _, e := range events {
		if of[e.Tenant] == nil {
			order = append(order, e.Tenant)
		}
		of[e.Tenant] = append(of[e.Tenant], e)
	}
	var faults []error
	for _, id := range order {
		err := r.Store.Append(tenant.With(ctx, id), of[id])
		if err == nil { // in this order: what is forgotten is in the log, and what is in the log is not put there again
			err = from.Moved(ctx, of[id])
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("tenant %s: %w", id, err))
			if away(err) {
				break
			}
			continue
		}
		r.moved.Add(uint64(len(of[id])))
	}
	return len(events), errors.Join(faults...)
}

// tell logs the first of several failures in a row, and their end.
func (r *Relay) tell(ctx context.Context, err error) {
	if err == nil {
		if r.failing.Swap(nil) != nil {
			r.Log.InfoContext(ctx, "events reach the activity log again")
		}
		return
	}
	if ctx.Err() != nil || frozen(err) {
		return
	}
	r.failures.Add(1)
	if r.failing.Swap(&err) == nil {
		r.Log.WarnContext(ctx, "events do not reach the activity log; they wait and none is lost", "error", err)
	}
}

// Failing returns why the last attempt failed; nil where it did not.
func (r *Relay) Failing() error {
	if err := r.failing.Load(); err != nil {
		return *err
	}
	return nil
}

// Counts returns how many events this process has moved, and how often it could not.
func (r *Relay) Counts() (moved, failures uint64) { return r.moved.Load(), r.failures.Load() }

// Backlog tells how many events wait in all sources and since when the oldest does.
func (r *Relay) Backlog(ctx context.Context) (waiting int64, oldest time.Time, err error) {
	for _, from := range r.Sources {
		n, since, err := from.Backlog(ctx)
		if err != nil {
			return 0, time.Time{}, err
		}
		waiting += n
		if n > 0 && (oldest.IsZero() || since.Before(oldest)) {
			oldest = since
		}
	}
	return waiting, oldest, nil
}
