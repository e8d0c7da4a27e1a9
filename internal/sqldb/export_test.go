package sqldb

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Queued is the number of callers who wait for a batch to take them, and whether no more are let in.
func (c *Coalescer[T]) Queued() (n int, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue), c.closed
}

// Turns lets a test take the place of Run: it says when a turn or a minute has passed.
type Turns struct {
	f    *Feed
	past []int64
}

// NewTurns is for a feed that does not run.
func NewTurns(f *Feed) *Turns {
	f.watchdog = time.AfterFunc(time.Hour, func() {})
	return &Turns{f: f}
}

// Read reads once, as at each turn.
func (t *Turns) Read(ctx context.Context) bool {
	t.f.attempt(ctx)
	return t.f.Healthy()
}

// Pass ends as many turns as a row may stay uncommitted.
func (t *Turns) Pass() {
	for range t.f.turns() + 1 {
		t.f.advance()
	}
}

// Minute does what is done every minute.
func (t *Turns) Minute(ctx context.Context) { t.past = t.f.minute(ctx, t.past) }

// Known is the number of rows that the feed keeps in mind.
func (t *Turns) Known() int { return len(t.f.seen) }

// CommitUnknown is what a transaction says whose commit got no answer.
func (t *Turns) CommitUnknown(topic, key string) { CommitUnknown(t.f, topic, key) }

// CommitUnknown is what a transaction says whose commit got no answer.
func CommitUnknown(f *Feed, topic, key string) {
	f.unknown([]event{{tenant: tenant.Default, topic: topic, key: key}})
}

// CommitsLate is what a transaction says that was committed late.
func CommitsLate(ctx context.Context, f *Feed, topic, key string) {
	f.again(ctx, []event{{tenant: tenant.Default, topic: topic, key: key}})
}

// Owes is how many changes are to be published again.
func Owes(f *Feed) int {
	f.owedMu.Lock()
	defer f.owedMu.Unlock()
	return len(f.owes)
}
