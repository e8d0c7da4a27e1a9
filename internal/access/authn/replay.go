package authn

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxProofs is how many DPoP proofs are remembered at most. Each was signed with the key of an active token.
const maxProofs = 200_000

// replays remembers what was used within the age of a proof. It keeps two generations, so that forgetting costs nothing.
type replays struct {
	mu       sync.Mutex
	max      int
	began    time.Time
	now, old map[[16]byte]struct{}
}

func newReplays(limit int) *replays { return &replays{max: limit, now: map[[16]byte]struct{}{}} }

// keepProofs is longer than a proof can be used: what is in a generation is remembered for that long at least.
const keepProofs = proofAge + proofSkew

// add remembers a text; seen tells that it was known already. Without room it is not remembered, and must not be accepted.
func (r *replays) add(text string, now time.Time) (seen, room bool) {
	sum := sha256.Sum256([]byte(text))
	key := [16]byte(sum[:16])
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.began); age > keepProofs {
		r.old, r.now = r.now, map[[16]byte]struct{}{}
		if age > 2*keepProofs {
			r.old = nil
		}
		r.began = now
	}
	if _, seen = r.now[key]; !seen {
		_, seen = r.old[key]
	}
	if seen {
		return true, true
	}
	if len(r.now)+len(r.old) >= r.max {
		return false, false
	}
	r.now[key] = struct{}{}
	return false, true
}
