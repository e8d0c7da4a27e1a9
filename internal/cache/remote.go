package cache

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Outcome is what came of asking or telling a Remote.
type Outcome string

// What comes of it. Of hit, miss, stale, skipped and failed each question has one; stored and dropped are of values that were
// to be remembered.
const (
	Hit     Outcome = "hit"     // the value was there and is true
	Miss    Outcome = "miss"    // there was none
	Stale   Outcome = "stale"   // there was one, and it may be true no more
	Foreign Outcome = "foreign" // there was one that these servers did not make, or another version of them
	Skipped Outcome = "skipped" // it was not asked: it had not answered lately, or too much was being asked
	Failed  Outcome = "failed"  // it did not answer, or not in time
	Stored  Outcome = "stored"
	Dropped Outcome = "dropped" // not stored
)

// Remote is a cache that several servers share. What it holds is sealed, may be gone at any time, and is believed only as far
// as a change feed says that it is still true: see Shared. It makes no request fail, and a slow one costs a request the
// configured timeout once in a while. Make it with NewRemote, then Run it. A nil Remote remembers nothing.
type Remote struct {
	config  Config
	ring    *secret.Ring
	log     *slog.Logger
	observe func(kind string, o Outcome)
	options rueidis.ClientOption

	health  health
	asking  chan struct{} // holds a place for each question under way
	writes  chan unwritten
	current atomic.Pointer[redis]
}

// unwritten is a value on its way.
type unwritten struct {
	kind, name string
	value      []byte
}

// RemoteOptions are what a Remote needs.
type RemoteOptions struct {
	// Config is valid and Shared.
	Config Config
	// Ring seals the values and names the keys. Give it a ring of its own purpose.
	Ring *secret.Ring
	// Log hears when the cache goes away and comes back.
	Log *slog.Logger
	// Observe counts, by the kind of value; nil counts nothing.
	Observe func(kind string, o Outcome)
}

const (
	maxAsking = 512
	maxWrites = 1024
	writers   = 4
	maxValue  = 256 << 10
)

// NewRemote returns a Remote of a valid configuration. It fails when files that the configuration names cannot be read; Redis
// need not be there.
func NewRemote(o RemoteOptions) (*Remote, error) {
	options, err := redisOptions(o.Config)
	if err != nil {
		return nil, err
	}
	r := &Remote{
		config: o.Config, ring: o.Ring, log: o.Log, observe: o.Observe, options: options,
		asking: make(chan struct{}, maxAsking), writes: make(chan unwritten, maxWrites),
	}
	r.health.down = make(chan struct{}, 1)
	if r.observe == nil {
		r.observe = func(string, Outcome) {}
	}
	return r, nil
}

// Answers reports whether the cache is in use: whether it has answered lately.
func (r *Remote) Answers() bool { return r.health.up.Load() }

// Run keeps the connection and stores what is to be remembered, until ctx ends, which is no error.
func (r *Remote) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() { r.write(ctx) })
	}
	r.tend(ctx)
	wg.Wait()
	r.health.up.Store(false)
	r.drop()
	return nil
}

// name is what a value is called there. It tells nobody what it is the name of, and is part of what the seal holds.
func (r *Remote) name(kind string, of tenant.ID, key string) string {
	var text []byte
	for _, part := range []string{kind, string(of), key} {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	return r.config.Redis.Prefix + ":" + base64.RawURLEncoding.EncodeToString(r.ring.MAC(text))
}

// get returns what lies under a name, opened. The caller waits for the configured time at most, whatever becomes of the
// connection.
func (r *Remote) get(ctx context.Context, name string) ([]byte, Outcome) {
	l := r.current.Load()
	if l == nil || !r.Answers() {
		return nil, Skipped
	}
	sealed, err := r.ask(ctx, func(ctx context.Context) ([]byte, error) { return l.get(ctx, name) })
	switch {
	case errors.Is(err, errBusy), ctx.Err() != nil:
		return nil, Skipped
	case err != nil:
		r.health.failed()
		return nil, Failed
	}
	r.health.answered()
	if sealed == nil {
		return nil, Miss
	}
	plain, err := r.ring.Open(string(sealed), []byte(name))
	if err != nil {
		return nil, Foreign
	}
	return plain, Hit
}

// ask has a question answered within the configured time. A connection that is being made, or a server that accepts and says
// nothing, holds up a goroutine of the question's own; how many of those there are is bounded.
func (r *Remote) ask(ctx context.Context, question func(ctx context.Context) ([]byte, error)) ([]byte, error) {
	select {
	case r.asking <- struct{}{}:
	default:
		return nil, errBusy
	}
	type answer struct {
		value []byte
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-r.asking }()
		value, err := question(ctx)
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// put has a value stored soon, unless too many wait for that or the cache does not answer.
func (r *Remote) put(kind, name string, value []byte) {
	if !r.Answers() || len(value) > maxValue {
		r.observe(kind, Dropped)
		return
	}
	select {
	case r.writes <- unwritten{kind, name, value}:
	default:
		r.observe(kind, Dropped)
	}
}

// write stores values, one after the other.
func (r *Remote) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-r.writes:
			r.observe(e.kind, r.store(ctx, e))
		}
	}
}

func (r *Remote) store(ctx context.Context, e unwritten) Outcome {
	l := r.current.Load()
	sealed, err := r.ring.Seal(e.value, []byte(e.name))
	if err != nil || l == nil || !r.Answers() {
		return Dropped
	}
	limited, cancel := context.WithTimeout(ctx, max(writeTimeout, r.config.Timeout))
	defer cancel()
	if err := l.set(limited, e.name, sealed, r.config.TTL); err != nil {
		if ctx.Err() == nil {
			r.health.failed()
		}
		return Dropped
	}
	return Stored
}
