package keys

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// shelf holds the sets in memory. Reading takes no lock; writing copies, which is rare.
type shelf struct {
	mu    sync.Mutex
	sets  atomic.Pointer[map[place]*snapshot]
	drops atomic.Uint64
}

func (s *shelf) init() { s.sets.Store(&map[place]*snapshot{}) }

func (s *shelf) get(p place) *snapshot { return (*s.sets.Load())[p] }

// now is the moment to hand to put: what was loaded before a drop that came later is not kept.
func (s *shelf) now() uint64 { return s.drops.Load() }

func (s *shelf) put(p place, v *snapshot, since uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drops.Load() != since {
		return
	}
	next := maps.Clone(*s.sets.Load())
	next[p] = v
	s.sets.Store(&next)
}

// drop takes out what the names stand for and returns where it was.
func (s *shelf) drop(id tenant.ID, set string) (dropped []place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drops.Add(1)
	next := maps.Clone(*s.sets.Load())
	for p := range next {
		if (id == "" || id == p.tenant) && (set == "" || set == p.set) {
			delete(next, p)
			dropped = append(dropped, p)
		}
	}
	s.sets.Store(&next)
	return dropped
}

// drop forgets a set that has changed. A load that is under way may have read it before the change. An empty name
// stands for all of the tenant's sets, an empty tenant for all there are.
func (k *Keys) drop(id tenant.ID, set string) {
	for _, p := range k.shelf.drop(id, set) {
		k.loads.Forget(flight(p))
	}
	if id != "" && set != "" {
		k.loads.Forget(flight(place{id, set}))
	}
}
