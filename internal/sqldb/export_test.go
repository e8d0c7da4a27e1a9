package sqldb

import (
	"context"
	"time"
)

// Queued is the number of callers who wait for a batch to take them, and whether no more are let in.
func (c *Coalescer[T]) Queued() (n int, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue), c.closed
}

// Turns lets a test take the place of Run: it says when a turn or a minute has passed.
type Turns struct{ f *Feed }

// NewTurns is for a feed that does not run.
func NewTurns(f *Feed) Turns {
	f.watchdog = time.AfterFunc(time.Hour, func() {})
	return Turns{f}
}

// Read reads once, as at each turn.
func (t Turns) Read(ctx context.Context) bool { return t.f.attempt(ctx, t.f.read) }

// Turn ends a turn.
func (t Turns) Turn() { t.f.advance() }

// Minute does what is done every minute.
func (t Turns) Minute(ctx context.Context) { t.f.prune(ctx) }

// Known is the number of rows that the feed keeps in mind.
func (t Turns) Known() int { return len(t.f.seen) }
