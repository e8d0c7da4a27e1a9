package sqldb

import (
	"context"
	"time"
)

// Whoever reads the feed stops waiting for a row some time after its number was given. So changes are published again of which nobody
// knows when, or whether, they were committed.

const (
	// againTimeout is how long one attempt may take, and the pause after one that failed.
	againTimeout = 5 * time.Second
	// againPast is how long a commit without an answer is reckoned with: PostgreSQL may hold on to one until its standby is back. It is
	// also for how long anybody believes what he remembers.
	againPast = 10 * time.Minute
)

// owed is when a change is published again, and how long after that once more.
type owed struct {
	due   time.Time
	pause time.Duration
}

// unknown tells the changes of a transaction of which nobody knows whether it is committed. It may be, at any time until
// the database gives it up, so what this process wrote is told again when it is read, and others are told when they may have missed it.
func (f *Feed) unknown(events []event) {
	if len(events) == 0 {
		return
	}
	f.doubt.Store(int32(f.turns()))
	f.owe(events, owed{due: f.db.core.clock().Add(f.settle), pause: f.settle})
	f.tellEach(events)
}

// late reports whether a transaction was committed so late, as in a process that was held up, that other servers may have stopped
// waiting for its rows.
func (f *Feed) late(tx *Tx) bool {
	return !tx.numbered.IsZero() && f.db.core.now().Sub(tx.numbered) > f.settle/2
}

// again has changes published once more: by Run, or at once where nothing runs, as in a command.
func (f *Feed) again(ctx context.Context, events []event) {
	f.owe(events, owed{due: f.db.core.now(), pause: againPast})
	if !f.runs.Load() {
		f.republish(ctx, false)
	}
}

func (f *Feed) owe(events []event, as owed) {
	if f.local() {
		return
	}
	f.owedMu.Lock()
	defer f.owedMu.Unlock()
	for _, e := range events {
		o := as
		if before, there := f.owes[e]; there { // two reasons are both heeded
			o.pause = min(o.pause, before.pause)
			if before.due.Before(o.due) {
				o.due = before.due
			}
		}
		f.owes[e] = o
	}
}

// republishing publishes what is owed when it is due, and the rest before this process ends.
func (f *Feed) republishing(ctx context.Context) {
	turn := time.NewTicker(f.poll)
	defer turn.Stop()
	for {
		select {
		case <-ctx.Done():
			f.republish(ctx, true)
			return
		case <-turn.C:
			f.republish(ctx, false)
		}
	}
}

// republish publishes what is due, or all that is owed. What fails is tried again.
func (f *Feed) republish(ctx context.Context, all bool) {
	now := f.db.core.now()
	events, taken := f.due(now, all)
	if len(events) == 0 {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), againTimeout)
	defer cancel()
	again := func(o owed) (owed, bool) { return owed{due: now.Add(againTimeout), pause: o.pause}, true }
	done, err := f.db.commit(limited, func(_ context.Context, tx *Tx) error {
		tx.feed, tx.events = f, events
		return nil
	})
	if err != nil {
		if !f.failing.Swap(true) {
			f.db.core.log.WarnContext(ctx, "changes that other servers may have missed could not be published again yet: what they remember of them ends by its age",
				"database", f.db.Name(), "changes", len(events), "error", err)
		}
		f.put(events, taken, again)
		return
	}
	f.failing.Store(false)
	late := f.late(done)
	for _, tell := range done.after {
		f.db.core.told(ctx, tell)
	}
	if !late { // else they stay due
		f.put(events, taken, func(o owed) (owed, bool) {
			return owed{due: now.Add(o.pause), pause: 2 * o.pause}, o.pause < againPast
		})
	}
}

// put says when changes are published next, if at all, but for those that are owed anew meanwhile.
func (f *Feed) put(events []event, as []owed, next func(owed) (owed, bool)) {
	f.owedMu.Lock()
	defer f.owedMu.Unlock()
	for i, e := range events {
		if f.owes[e] != as[i] {
			continue
		}
		if o, more := next(as[i]); more {
			f.owes[e] = o
		} else {
			delete(f.owes, e)
		}
	}
}

func (f *Feed) due(now time.Time, all bool) (events []event, as []owed) {
	f.owedMu.Lock()
	defer f.owedMu.Unlock()
	for e, o := range f.owes {
		if all || !o.due.After(now) {
			events, as = append(events, e), append(as, o)
		}
	}
	return events, as
}
