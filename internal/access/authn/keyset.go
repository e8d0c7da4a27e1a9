package authn

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

const (
	// maxKeys bounds the keys of a set.
	maxKeys = 200
	// staleFor is how long a set that cannot be read again is used past its ttl; then requests are refused.
	staleFor = time.Hour
	// loadTimeout bounds one reading of a set.
	loadTimeout = 10 * time.Second
	// unknownEvery is how often a key id that is not in the set makes it be read again. Ids come from strangers.
	unknownEvery = 5 * time.Second
	// maxBackOff is the longest pause after readings that failed.
	maxBackOff = 30 * time.Second
)

// keySets are the key sets that handlers use, one for each URL however many handlers name it. Those that no handler uses any
// more go.
type keySets struct {
	o    Options
	mu   sync.Mutex
	sets map[string]weak.Pointer[keySet]
}

func newKeySets(o Options) *keySets {
	return &keySets{o: o, sets: map[string]weak.Pointer[keySet]{}}
}

// at returns the set of a URL and begins to read it, so that the first request need not wait.
func (k *keySets) at(address string) (*keySet, error) {
	read, err := k.reader(address)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.sets[address].Value(); s != nil {
		return s, nil
	}
	for name, p := range k.sets {
		if p.Value() == nil {
			delete(k.sets, name)
		}
	}
	s := &keySet{name: hostOf(address), read: read, now: k.o.Now, log: k.o.Log}
	k.sets[address] = weak.Make(s)
	s.reload(func(time.Time) bool { return true })
	return s, nil
}

// hostOf names a set in the log without its query.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// reader returns how the document of an address is read.
func (k *keySets) reader(address string) (func(context.Context) ([]byte, error), error) {
	if path, ok := strings.CutPrefix(address, "file://"); ok {
		if k.o.ReadFile == nil {
			return nil, errors.New("key sets are not read from files here: write an https URL")
		}
		return func(context.Context) ([]byte, error) { return readKeyFile(path, k.o.ReadFile) }, nil
	}
	if err := fetch.CheckURL(address); err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]byte, error) {
		answer, err := k.o.Ask.Ask(ctx, fetch.Question{URL: address, Timeout: loadTimeout, MaxDelay: time.Second, Header: map[string][]string{"Accept": {"application/json"}}})
		if err != nil {
			return nil, err
		}
		if answer.Status != statusOK {
			return nil, fmt.Errorf("answered %d", answer.Status)
		}
		return answer.Body, nil
	}, nil
}

// maxKeyFile bounds a file with keys, in bytes.
const maxKeyFile = 1 << 20

// readKeyFile reads a regular file of a bounded size: rules must not make this server read a device, or wait for a pipe.
func readKeyFile(path string, read func(string) ([]byte, error)) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("is no file of at most %d bytes", maxKeyFile)
	}
	return read(path)
}

// publicKey is a key of a set, for signatures.
type publicKey struct {
	jwk  jose.JSONWebKey
	mark string // tells it from other keys: its thumbprint and id
}

// keyState is a set as it was read at one time.
type keyState struct {
	keys []publicKey
	at   time.Time
}

// keySet is the key set of one URL.
type keySet struct {
	name  string
	read  func(context.Context) ([]byte, error)
	now   func() time.Time
	log   *slog.Logger
	state atomic.Pointer[keyState]

	mu      sync.Mutex
	loading chan struct{} // closed when the reading that runs has ended; nil where none runs
	tried   time.Time     // when the last reading began
	failed  int           // how many failed in a row
}

// reload begins to read the set unless somebody does already or it is too early, which due says from the last try. It returns
// what to wait for; nil where nothing is read.
func (s *keySet) reload(due func(tried time.Time) bool) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loading != nil {
		return s.loading
	}
	now := s.now()
	if !due(s.tried) || s.failed > 0 && now.Sub(s.tried) < min(maxBackOff, time.Second<<min(s.failed-1, 5)) {
		return nil
	}
	s.tried, s.loading = now, make(chan struct{})
	go s.load(now, s.loading)
	return s.loading
}

func (s *keySet) load(began time.Time, done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	document, err := s.read(ctx)
	var keys []publicKey
	if err == nil {
		keys, err = parseKeys(document)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failed++
		s.log.Warn("key set cannot be read", "url", s.name, "error", err)
	} else {
		s.failed = 0
		s.state.Store(&keyState{keys, began})
	}
	s.loading = nil
	close(done)
}

// parseKeys reads a JWK set (RFC 7517 §5). Keys that are not understood are passed over, as it asks for.
func parseKeys(document []byte) ([]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil || set.Keys == nil {
		return nil, errors.New("is not a JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("has more than %d keys", maxKeys)
	}
	keys := make([]publicKey, 0, len(set.Keys))
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if json.Unmarshal(raw, &jwk) != nil || !jwk.Valid() {
			continue
		}
		if k, ok := newPublicKey(jwk); ok {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// newPublicKey takes keys for signatures; of private ones their public half.
func newPublicKey(jwk jose.JSONWebKey) (publicKey, bool) {
	if jwk.Use != "" && jwk.Use != "sig" {
		return publicKey{}, false
	}
	if _, symmetric := jwk.Key.([]byte); !symmetric && !jwk.IsPublic() {
		jwk = jwk.Public()
	}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	return publicKey{jwk, string(sum) + jwk.KeyID}, err == nil
}

// all returns the keys of the set. A set older than ttl is read again in the background and used meanwhile; one that is far too
// old, or was never read, is waited for.
func (s *keySet) all(ctx context.Context, ttl, wait time.Duration) (*keyState, error) {
	state := s.state.Load()
	now := s.now()
	if state != nil && now.Sub(state.at) < ttl {
		return state, nil
	}
	loading := s.reload(func(tried time.Time) bool { return now.Sub(tried) >= min(ttl, maxBackOff) || state == nil })
	if state != nil && now.Sub(state.at) < ttl+staleFor {
		return state, nil
	}
	if err := await(ctx, loading, wait); err != nil {
		return nil, err
	}
	if newer := s.state.Load(); newer != nil && newer != state {
		return newer, nil
	}
	return nil, access.ErrUnavailable.Because(errors.New("the key set cannot be read"))
}

// again reads the set because it lacks a key, at most every unknownEvery; nil where that is too early or brings nothing new.
func (s *keySet) again(ctx context.Context, lacking *keyState, wait time.Duration) *keyState {
	if newer := s.state.Load(); newer != lacking {
		return newer
	}
	now := s.now()
	loading := s.reload(func(tried time.Time) bool { return now.Sub(tried) >= unknownEvery })
	if loading == nil || await(ctx, loading, wait) != nil {
		return nil
	}
	if newer := s.state.Load(); newer != lacking {
		return newer
	}
	return nil
}

// await waits for a reading to end; not at all where there is none.
func await(ctx context.Context, loading <-chan struct{}, wait time.Duration) error {
	if loading == nil {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-loading:
		return nil
	case <-t.C:
		return access.ErrUnavailable.Because(errors.New("the key set was not read in time"))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// holds reports whether a key is still in the set.
func (s *keyState) holds(mark string) bool {
	for i := range s.keys {
		if s.keys[i].mark == mark {
			return true
		}
	}
	return false
}
