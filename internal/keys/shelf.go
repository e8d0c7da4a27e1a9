package keys

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// shelf holds the sets in memory. Reading takes no lock; writing copies, which is rare.
type shelf struct {
	sets atomic.Pointer[map[place]*snapshot]

	mu    sync.Mutex
	drops map[place]uint64 // how often each set was dropped
	all   uint64           // how often many were
}

// moment is a point in the life of one set on the shelf.
type moment struct{ own, all uint64 }

func (s *shelf) init() {
	s.sets.Store(&map[place]*snapshot{})
	s.drops = make(map[place]uint64)
}

func (s *shelf) get(p place) *snapshot { return (*s.sets.Load())[p] }

// now is the moment to hand to put: what was loaded before a drop that came later is not kept.
func (s *shelf) now(p place) moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return moment{s.drops[p], s.all}
}

func (s *shelf) put(p place, v *snapshot, since moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since != (moment{s.drops[p], s.all}) {
		return
	}
	next := maps.Clone(*s.sets.Load())
	next[p] = v
	s.sets.Store(&next)
}

// drop takes out what the names stand for and returns where it was: an empty set stands for all of the tenant's, an
// empty tenant for all there are.
func (s *shelf) drop(id tenant.ID, set string) []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(*s.sets.Load())
	var dropped []place
	if id != "" && set != "" {
		p := place{id, set}
		s.drops[p]++
		delete(next, p)
		dropped = append(dropped, p)
	} else {
		s.all++
		for p := range next {
			if id == "" || id == p.tenant {
				delete(next, p)
				dropped = append(dropped, p)
			}
		}
	}
	s.sets.Store(&next)
	return dropped
}

// drop forgets a set that has changed. A load that is under way may have read it before the change, so nobody who
// comes from now on joins it.
func (k *Keys) drop(id tenant.ID, set string) {
	for _, p := range k.shelf.drop(id, set) {
		k.loads.Forget(flight(p))
	}
}
