package token

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// The change feed tells that a token, a family or all tokens of a client changed. A key has one of these in front.
const (
	tokenChanged  = "t:"
	familyChanged = "f:"
	clientChanged = "c:"
)

// epochs remembers when which tokens, families and clients last changed, so that a cached token can tell whether it is
// stale without anybody knowing which cached tokens belong to a revoked family. It is a fixed number of slots: two
// names that share one make each other's tokens be read anew, which costs a select and harms nothing.
type epochs struct {
	seed  maphash.Seed
	mu    sync.Mutex // of those who advance
	count atomic.Uint64
	floor atomic.Uint64 // everything that was read before is stale
	last  [4096]atomic.Uint64
}

// stamp says which slots a cached token hangs on, and the count of changes when it was read.
type stamp struct {
	since uint64
	slots [3]uint16
}

// slot finds the slot of a key of the feed.
func (e *epochs) slot(t tenant.ID, kind, name string) uint16 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	h.WriteString(string(t))
	h.WriteString(kind)
	h.WriteString(name)
	return uint16(h.Sum64() % uint64(len(e.last)))
}

// advance notes a change that the feed told of. Without a key it is told that anything may have changed.
func (e *epochs) advance(t tenant.ID, key string) {
	changed := &e.floor
	if t != "" && len(key) > 2 {
		changed = &e.last[e.slot(t, key[:2], key[2:])]
	}
	e.mu.Lock()
	changed.Store(e.count.Add(1))
	e.mu.Unlock()
}

// now gives the count of changes; it is taken before a token is read.
func (e *epochs) now() uint64 { return e.count.Load() }

// stamp makes the stamp of a token that was read after since was taken.
func (e *epochs) stamp(ctx context.Context, t *Token, since uint64) (s stamp, ok bool) {
	id, ok := tenant.From(ctx)
	s.since = since
	s.slots = [3]uint16{e.slot(id, tokenChanged, t.Digest), e.slot(id, familyChanged, t.Family), e.slot(id, clientChanged, t.ClientID)}
	return s, ok
}

// current tells whether nothing has changed since the stamp.
func (e *epochs) current(s stamp) bool {
	if e.floor.Load() > s.since {
		return false
	}
	for _, slot := range s.slots {
		if e.last[slot].Load() > s.since {
			return false
		}
	}
	return true
}
