package session

import (
	"encoding/json"
	"hash/maphash"
	"sync/atomic"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// kept is a session in memory: what was read, and its document once somebody asked for it.
type kept struct {
	session *Session
	since   uint64 // what was known of changes when the reading began
	body    atomic.Pointer[[]byte]
	outside atomic.Pointer[Shown]
}

// document returns the session's JSON, which is the same for everybody who asks.
func (k *kept) document() ([]byte, error) {
	if body := k.body.Load(); body != nil {
		return *body, nil
	}
	body, err := json.Marshal(k.session.own())
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	k.body.Store(&body)
	return body, nil
}

// shown is the session as the doors see it: one and the same for everybody who asks.
func (k *kept) shown() (*Shown, error) {
	if s := k.outside.Load(); s != nil {
		return s, nil
	}
	document, err := k.document()
	if err != nil {
		return nil, err
	}
	k.outside.CompareAndSwap(nil, &Shown{ID: k.session.ID, Expires: k.session.ExpiresAt, Document: document})
	return k.outside.Load(), nil
}

// places is the number of counters for ids, 2 MiB of them when all are used. Two ids that share one only make each other be
// read again, which is rare as long as there are fewer changes in a minute than places.
const places = 1 << 18

// counters are 4 KiB of them, which are made when something is said about an id that has its counter there: a server at which
// nothing happens has none.
type counters [1 << 9]atomic.Uint64

// changes remembers when something was last said about an id, in a fixed space. A session is read without knowing whose it
// is, so a cache that is told to drop keys would miss the change that comes while it is read; here the reading notes the
// time before it begins, and everything said after that makes what was read void.
type changes struct {
	seed  maphash.Seed
	clock atomic.Uint64
	all   atomic.Uint64
	last  [places / len(counters{})]atomic.Pointer[counters]
}

func newChanges() *changes { return &changes{seed: maphash.MakeSeed()} }

// now is the time, counted in changes.
func (c *changes) now() uint64 { return c.clock.Load() }

// note takes down that an id of a tenant changed; everything of it where the id is empty. It is what the feed calls.
func (c *changes) note(t tenant.ID, id string) {
	at := c.clock.Add(1)
	if id == "" {
		raise(&c.all, at)
		return
	}
	page, i := c.place(t, id)
	if page.Load() == nil {
		page.CompareAndSwap(nil, new(counters))
	}
	raise(&page.Load()[i], at)
}

// fresh tells whether nothing was said about the ids since then.
func (c *changes) fresh(t tenant.ID, since uint64, ids ...string) bool {
	if c.all.Load() > since {
		return false
	}
	for _, id := range ids {
		page, i := c.place(t, id)
		if all := page.Load(); all != nil && all[i].Load() > since {
			return false
		}
	}
	return true
}

// place is where the counter of an id is: which of the pages, and where in it.
func (c *changes) place(t tenant.ID, id string) (page *atomic.Pointer[counters], i uint64) {
	n := (maphash.String(c.seed, string(t))*31 + maphash.String(c.seed, id)) % places
	return &c.last[n/uint64(len(counters{}))], n % uint64(len(counters{}))
}

// raise sets a counter to at, unless a later one was faster.
func raise(counter *atomic.Uint64, at uint64) {
	for {
		old := counter.Load()
		if old >= at || counter.CompareAndSwap(old, at) {
			return
		}
	}
}
