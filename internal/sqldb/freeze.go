package sqldb

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// gate is what every write goes through, so that all of them can be held off at once. The zero value is open.
type gate struct {
	closed  atomic.Pointer[string]    // why; nil while it is open
	until   atomic.Pointer[time.Time] // nil: without an end
	writers atomic.Int64              // writes that are under way
}

// enter lets a write in, which must leave, or says why not. The write is counted before the gate is looked at, and Freeze
// looks at the count after it has closed the gate: so one of the two sees the other.
func (db *DB) enter() error {
	g := &db.core.gate
	g.writers.Add(1)
	if db.despite {
		return nil
	}
	if why := g.closed.Load(); why != nil {
		db.leave()
		return &Error{kind: ErrFrozen, cause: errors.New(*why)}
	}
	if err := db.allowed(); err != nil {
		db.leave()
		return err
	}
	return nil
}

func (db *DB) leave() { db.core.gate.writers.Add(-1) }

var errUnheard = errors.New("whether writes are held off was not heard lately")

// allowed is asked as a write begins, and again as late as can be: a process may be halted for any time in between.
func (db *DB) allowed() error {
	until := db.core.gate.until.Load()
	if until == nil || db.despite || !db.core.clock().After(*until) {
		return nil
	}
	if why := db.core.gate.closed.Load(); why != nil { // for so long that what had begun before is not waited for
		return &Error{kind: ErrFrozen, cause: errors.New(*why)}
	}
	return &Error{kind: ErrUnavailable, cause: errUnheard}
}

// askKey marks a context whose statements ask again whether they are allowed when they have got a connection.
type askKey struct{}

func (db *DB) asking(ctx context.Context) context.Context {
	if db.despite || db.core.gate.until.Load() == nil {
		return ctx
	}
	return context.WithValue(ctx, askKey{}, db)
}

// askAgain is for whoever sends a statement.
func askAgain(ctx context.Context) error {
	if db, ok := ctx.Value(askKey{}).(*DB); ok {
		return db.allowed()
	}
	return nil
}

// WritesUntil refuses every write of this process that comes after a time, with ErrUnavailable, unless a later one is given before: others
// need not ask a process that was halted, or cut off, to know that it writes no more. It needs Options.Now.
func (db *DB) WritesUntil(at time.Time) { db.core.gate.until.Store(&at) }

// drainEvery is the pause between two looks at the writes that are still under way.
const drainEvery = time.Millisecond

// Freeze refuses every write of this process to the database from now on, at once and with ErrFrozen, until Thaw; reads go on. It returns
// when the writes that had begun are over, or with the context's error: then the database is frozen all the same. why is
// what the log says of refused writes.
func (db *DB) Freeze(ctx context.Context, why string) error {
	g := &db.core.gate
	g.closed.Store(&why)
	turn := time.NewTicker(drainEvery)
	defer turn.Stop()
	for g.writers.Load() > 0 {
		select {
		case <-ctx.Done():
			return &Error{Statement: "freeze", cause: ctx.Err()}
		case <-turn.C:
		}
	}
	return nil
}

// Thaw lets writes in again.
func (db *DB) Thaw() { db.core.gate.closed.Store(nil) }

// Frozen reports whether writes are refused.
func (db *DB) Frozen() bool { return db.core.gate.closed.Load() != nil }

// DespiteFreeze returns a view of the handle whose writes are never refused: for what ends the freeze, and for what speaks of
// this database alone.
func (db *DB) DespiteFreeze() *DB {
	return &DB{core: db.core, all: db.all, quiet: db.quiet, despite: true}
}
