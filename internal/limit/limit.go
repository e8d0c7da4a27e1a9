package limit

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

var (
	// ErrLimited says that an address asks, or a recipient is written to, too often.
	ErrLimited = fault.New(fault.Limited, "too_many_requests", "There were too many requests. Wait a moment and try again.")
	// ErrLocked says that an identifier is locked because too many attempts to prove it failed.
	ErrLocked = fault.New(fault.Limited, "too_many_attempts", "Too many attempts failed. Wait before you try again; the longer you go on, the longer the wait.")
)

// Limits counts. Make it with New; it may be used by many goroutines. A nil *Limits limits nothing.
type Limits struct {
	config Config
	rates  map[string]gcra
	store  *Store
	now    func() time.Time
	cells  *cells
	failed *failing
	told   *failing // lock-outs of which the activity log knows
	tries  *underway
}

// Options are what Limits needs.
type Options struct {
	// Config says how often is too often.
	Config Config
	// Store keeps the failures.
	Store *Store
	// Now is the clock.
	Now func() time.Time
}

// New returns limits that have counted nothing yet.
func New(o Options) *Limits {
	l := &Limits{
		config: o.Config, store: o.Store, now: o.Now, rates: map[string]gcra{},
		cells: newCells(o.Config.MaxAddresses), failed: newFailing(), told: newFailing(), tries: &underway{n: map[string]int{}},
	}
	for name, rate := range o.Config.rates() {
		if rate.Requests > 0 {
			l.rates[name] = rate.gcra()
		}
	}
	return l
}

// Allow counts a request under a rule, once for each key, most often the client's address as text. It returns ErrLimited
// with how long to wait when one of them comes too often; an empty key counts for nobody and is let through. A rule
// without a rate allows everything. A key that begins with To is counted under the rate of recipients, whatever the rule.
func (l *Limits) Allow(ctx context.Context, rule string, keys ...string) error {
	if l == nil || !l.config.Enabled {
		return nil
	}
	of, _ := tenant.From(ctx)
	now := l.now().UnixMicro()
	for _, key := range keys {
		under := rule
		if strings.HasPrefix(key, To) {
			under = recipient
		}
		rate, ok := l.rates[under]
		if !ok || key == "" {
			continue
		}
		if wait := l.cells.take(cell{of, under, network(key)}, rate, now); wait > 0 {
			return ErrLimited.After(wait)
		}
	}
	return nil
}

// Locked returns ErrLocked, with how long to wait, when too many attempts to prove the key failed. The key is what was
// claimed, such as "password:" and a normalised identifier. With the client's address, the key is locked for that address
// first and everywhere only after many more failures; without one, it is locked for everybody. With a known device (see
// Device) in the address's place, failures from that device lock it, there, and many more from known devices lock all of those.
// It costs one statement.
func (l *Limits) Locked(ctx context.Context, key string, address ...string) error {
	if l.idle() {
		return nil
	}
	subjects := l.subjects(key, address)
	return l.locked(ctx, subjects, make([]int, len(subjects)))
}

// Attempt is Locked for a proof that takes no time, so that any number of tries fit into the time in which the first failure is
// written down: those that are under way in this process count as failures. It is for what nobody has a reason to prove several
// times at once, as they may a password; for that there is Overtaken. The attempt is over with done, which comes after Failed or
// Succeeded.
func (l *Limits) Attempt(ctx context.Context, key string, address ...string) (done func(), err error) {
	if l.idle() {
		return func() {}, nil
	}
	subjects := l.subjects(key, address)
	others := l.tries.begin(digests(subjects))
	done = func() { l.tries.end(digests(subjects)) }
	if err := l.locked(ctx, subjects, others); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// locked returns ErrLocked where one of the subjects has failed too often, with the failures that others add to each.
func (l *Limits) locked(ctx context.Context, subjects []subject, others []int) error {
	found, err := l.store.failures(ctx, digests(subjects))
	if err != nil {
		return err
	}
	now := l.now()
	var wait time.Duration
	for i, s := range subjects {
		f, ok := found[s.digest]
		if ok {
			l.failed.add(s.digest)
		}
		if others[i] > 0 {
			if !f.last.After(now.Add(-l.config.Lockout.Forget)) {
				f.count = 0
			}
			f.count, f.last = f.count+others[i], now
		}
		wait = max(wait, l.config.Lockout.wait(f, s.free, now))
	}
	if wait > 0 {
		if err := l.tell(ctx, subjects, found, wait); err != nil {
			return err
		}
		return ErrLocked.After(wait)
	}
	return nil
}

// tell writes a lock-out into the activity log when this process first refuses an attempt for it; further ones add nothing. The
// name that is locked is told by its keyed digest, which is the same each time.
func (l *Limits) tell(ctx context.Context, subjects []subject, found map[string]failure, wait time.Duration) error {
	for _, s := range subjects {
		f, ok := found[s.digest]
		if !ok || l.config.Lockout.wait(f, s.free, l.now()) == 0 {
			continue
		}
		lock := s.digest + together + strconv.Itoa(f.count)
		if l.told.has(lock) {
			return nil
		}
		l.told.add(lock)
		return l.store.tell(ctx, s.digest, f.count, wait)
	}
	return nil
}

// Overtaken is Locked once more, after the proof and before its outcome is told: attempts at the same time are all let in before
// the first of them has failed, and would be that many tries. It runs no statement while this process knows of no failures.
func (l *Limits) Overtaken(ctx context.Context, key string, address ...string) error {
	if l.idle() || !slices.ContainsFunc(digests(l.subjects(key, address)), l.failed.has) {
		return nil
	}
	return l.Locked(ctx, key, address...)
}

// Failed counts a failed attempt to prove the key, from the address where one is given.
func (l *Limits) Failed(ctx context.Context, key string, address ...string) error {
	if l.idle() {
		return nil
	}
	now := l.now()
	keys := digests(l.subjects(key, address))
	if err := l.store.add(ctx, keys, now, now.Add(-l.config.Lockout.Forget)); err != nil {
		return err
	}
	for _, k := range keys {
		l.failed.add(k)
	}
	return nil
}

// Succeeded forgets the failures of the key, and of the key from the address. Call it after Locked has been asked in the
// same process: it runs no statement when that found none.
func (l *Limits) Succeeded(ctx context.Context, key string, address ...string) error {
	if l.idle() {
		return nil
	}
	keys := slices.DeleteFunc(digests(l.subjects(key, address)), func(k string) bool { return !l.failed.has(k) })
	if len(keys) == 0 {
		return nil
	}
	if err := l.store.forget(ctx, keys); err != nil {
		return err
	}
	for _, k := range keys {
		l.failed.remove(k)
	}
	return nil
}

// KnownDevice is how long a browser is known that has signed in; 0 where none is to be.
func (l *Limits) KnownDevice() time.Duration {
	if l.idle() {
		return 0
	}
	return l.config.Lockout.KnownDevice
}

// idle tells whether lock-outs are off.
func (l *Limits) idle() bool {
	return l == nil || !l.config.Enabled || l.config.Lockout.Failures == 0
}

// subject is what failures are counted for: a name, or a name at an address.
type subject struct {
	digest string
	free   int // how many failures do not lock
}

// subjects gives what an attempt counts for, in an order that is the same in every process, so that two that write the
// same rows lock them in the same order.
func (l *Limits) subjects(key string, address []string) []subject {
	c, everywhere := l.config.Lockout, ""
	var list []subject
	for _, a := range address {
		if strings.HasPrefix(a, Device) {
			list, everywhere = append(list, subject{l.store.digest(key, a), c.Failures}), Device
		} else if a != "" {
			list = append(list, subject{l.store.digest(key, network(a)), c.Failures})
		}
	}
	switch {
	case len(list) == 0:
		list = append(list, subject{l.store.digest(key, ""), c.Failures})
	case c.FailuresAnywhere > 0:
		list = append(list, subject{l.store.digest(key, everywhere), c.FailuresAnywhere})
	}
	slices.SortFunc(list, func(a, b subject) int { return strings.Compare(a.digest, b.digest) })
	return list
}

func digests(list []subject) []string {
	keys := make([]string, len(list))
	for i, s := range list {
		keys[i] = s.digest
	}
	return keys
}

// failure is what is known of failed attempts.
type failure struct {
	count int
	last  time.Time
}

// wait is how long a lock still holds at now: nothing for the first free failures, then First, and twice as long with each
// further one.
func (l Lockout) wait(f failure, free int, now time.Time) time.Duration {
	over := f.count - free
	if over <= 0 || !f.last.After(now.Add(-l.Forget)) {
		return 0
	}
	lock := l.Longest
	if shift := over - 1; shift < 32 && l.First < l.Longest>>shift {
		lock = l.First << shift
	}
	return max(0, f.last.Add(lock).Sub(now))
}
