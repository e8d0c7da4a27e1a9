package client

import (
	"context"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// How long published key sets are believed, and how often they are asked for.
const (
	keysFresh    = 5 * time.Minute  // then a set is read again when it is needed
	keysStale    = 24 * time.Hour   // how long an old set stands in while its address does not answer
	keysInterval = 30 * time.Second // between two reads of one address, whatever is asked for
	keysMax      = 1000             // addresses remembered
)

// RemoteKeys keeps the key sets that clients publish under their jwks_uri. An
// address is read when its set is old or does not hold a key that was asked
// for, and never more often than twice a minute: whoever sends us made-up key
// ids must not be able to make us knock at somebody's door.
type RemoteKeys struct {
	// Fetch reads a document; it bounds time and size by itself.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Now is the clock.
	Now func() time.Time

	mu     sync.Mutex
	sets   map[string]remoteSet
	flight wait.Flight[struct{}]
}

type remoteSet struct {
	keys  jose.JSONWebKeySet
	read  time.Time // when keys were last read; zero for never
	tried time.Time // when the address was last asked
	err   error     // what the last try said
}

// Find returns the published keys that fit.
func (r *RemoteKeys) Find(ctx context.Context, url, kid, alg string) ([]*jose.JSONWebKey, error) {
	now := r.Now()
	set := r.get(url)
	found := candidates(&set.keys, kid, alg)
	old := set.read.IsZero() || now.Sub(set.read) > keysFresh
	if (old || len(found) == 0) && (set.tried.IsZero() || now.Sub(set.tried) >= keysInterval) {
		if err := r.refresh(ctx, url); err != nil {
			return nil, err
		}
		set = r.get(url)
		found = candidates(&set.keys, kid, alg)
	}
	if set.read.IsZero() || now.Sub(set.read) > keysStale {
		return nil, set.err
	}
	return found, nil
}

func (r *RemoteKeys) get(url string) remoteSet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sets[url]
}

// refresh asks the address once for all who wait. It goes on when the one who
// began it is gone, for others may need the answer.
func (r *RemoteKeys) refresh(ctx context.Context, url string) error {
	_, err := r.flight.Do(ctx, url, func(ctx context.Context) (none struct{}, _ error) {
		raw, err := r.Fetch(ctx, url)
		var keys jose.JSONWebKeySet
		if err == nil {
			keys, err = fetchedKeys(raw)
		}
		r.put(url, keys, err)
		return none, nil // what went wrong is in the set
	})
	return err
}

func (r *RemoteKeys) put(url string, keys jose.JSONWebKeySet, err error) {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sets == nil {
		r.sets = make(map[string]remoteSet)
	}
	set, known := r.sets[url]
	if !known && len(r.sets) >= keysMax {
		r.dropOldest()
	}
	set.tried, set.err = now, err
	if err == nil {
		set.keys, set.read = keys, now
	}
	r.sets[url] = set
}

func (r *RemoteKeys) dropOldest() {
	oldest := ""
	for url, set := range r.sets {
		if oldest == "" || set.tried.Before(r.sets[oldest].tried) {
			oldest = url
		}
	}
	delete(r.sets, oldest)
}
