package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// snapshot is a set made ready for signing, verifying and publishing. It never changes.
type snapshot struct {
	loaded   time.Time
	followed bool     // whether changes by other servers were heard of when it was loaded
	signer   *signer  // nil when no key signs
	algs     []string // of the keys that sign now or next
	checkers []checker
	public   []jose.JSONWebKey // those that sign first

	algorithms []jose.SignatureAlgorithm // of the checkers
}

func newSnapshot(set Set) (*snapshot, error) {
	s := new(snapshot)
	if active := set.active(); active != nil {
		signer, err := newSigner(active.jwk)
		if err != nil {
			return nil, fmt.Errorf("key %s of set %s: %w", active.ID, set.Name, err)
		}
		s.signer = signer
	}
	for _, state := range []State{Active, Scheduled, Retired} {
		for i := range set.Keys {
			if k := &set.Keys[i]; k.State == state {
				s.publish(k)
			}
		}
	}
	return s, nil
}

func (s *snapshot) publish(k *Key) {
	public := k.jwk
	if !isSymmetric(k.jwk) {
		public = k.jwk.Public()
		s.public = append(s.public, public)
	}
	c, ok := newChecker(k, public.Key)
	if !ok {
		return
	}
	s.checkers = append(s.checkers, c)
	if k.State != Retired && !slices.Contains(s.algs, k.Algorithm) {
		s.algs = append(s.algs, k.Algorithm)
	}
	if a := jose.SignatureAlgorithm(k.Algorithm); !slices.Contains(s.algorithms, a) {
		s.algorithms = append(s.algorithms, a)
	}
}

// document is the public key set of a tenant as it goes over the wire.
type document struct {
	from []*snapshot // what it was made of
	keys []jose.JSONWebKey
	body []byte
	etag string

	checked time.Time // when it was last known to be right
}

// documents remembers the document of each tenant.
type documents struct {
	mu   sync.Mutex
	last map[tenant.ID]*document
}

// document returns the public key set. While the database cannot be read, the last one is good for as long as everybody
// else may keep a copy of it.
func (k *Keys) document(ctx context.Context) (*document, error) {
	id, ok := tenant.From(ctx)
	if !ok {
		return nil, errNoTenant
	}
	k.documents.mu.Lock()
	last := k.documents.last[id]
	k.documents.mu.Unlock()

	now := k.Now()
	sets := k.Config.published()
	from := make([]*snapshot, len(sets))
	for i, set := range sets {
		s, err := k.get(ctx, set)
		if err != nil {
			if last != nil && now.Sub(last.checked) < k.Config.maxAge() && fault.From(err).Kind == fault.Unavailable {
				return last, nil
			}
			return nil, err
		}
		from[i] = s
	}
	if last != nil && slices.Equal(last.from, from) && now.Sub(last.checked) < time.Second {
		return last, nil
	}
	d, err := newDocument(from, last, now)
	if err != nil {
		return nil, err
	}
	k.documents.mu.Lock()
	defer k.documents.mu.Unlock()
	if k.documents.last == nil {
		k.documents.last = map[tenant.ID]*document{}
	}
	k.documents.last[id] = d
	return d, nil
}

// newDocument encodes the keys of the snapshots, or takes over what is encoded already.
func newDocument(from []*snapshot, last *document, now time.Time) (*document, error) {
	if last != nil && slices.Equal(last.from, from) {
		d := *last
		d.checked = now
		return &d, nil
	}
	d := &document{from: from, keys: []jose.JSONWebKey{}, checked: now}
	for _, s := range from {
		d.keys = append(d.keys, s.public...)
	}
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: d.keys})
	if err != nil {
		return nil, fmt.Errorf("encode the public key set: %w", err)
	}
	if last != nil && bytes.Equal(last.body, body) {
		body = last.body
	}
	d.body = body
	d.etag = `"` + secret.Digest(string(body))[:22] + `"`
	return d, nil
}
