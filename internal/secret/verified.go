package secret

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// verified remembers which secrets were found right, so that the slow hash is paid once and not with every request.
// It holds keyed digests of the stored hash together with the secret, so a changed hash is never answered from here,
// and what leaks from it can be tried only with the key. Wrong secrets are not remembered.
type verified struct {
	ring *Ring
	keep time.Duration
	max  int
	now  func() time.Time

	mu      sync.RWMutex
	swept   time.Time
	until   map[digest]*atomic.Int64 // end of memory in Unix microseconds; moves on with every use
	running map[digest]*verification
}

type digest [sha256.Size]byte

// verification is one computation that others wait for.
type verification struct {
	done chan struct{}
	ok   bool
	err  error
}

func newVerified(ring *Ring, keep time.Duration, limit int, now func() time.Time) *verified {
	return &verified{
		ring: ring, keep: keep, max: limit, now: now,
		until: map[digest]*atomic.Int64{}, running: map[digest]*verification{},
	}
}

// check answers from memory, or runs slow, once for all that ask for the same at the same time: a client that opens
// sixty connections after a restart costs one hash.
func (v *verified) check(ctx context.Context, encoded, secret string, slow func(context.Context) (bool, error)) (bool, error) {
	id := v.digest(encoded, secret)
	for {
		if v.remembers(id) {
			return true, nil
		}
		run, mine := v.join(id)
		if mine {
			return v.run(ctx, id, run, slow)
		}
		select {
		case <-run.done:
			if run.err == nil {
				return run.ok, nil
			}
			if err := ctx.Err(); err != nil {
				return false, err
			}
			if errors.Is(run.err, ErrBusy) {
				return false, ErrBusy
			}
			// The one that computed gave up, which is no reason for this one to.
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// run computes for all that wait.
func (v *verified) run(ctx context.Context, id digest, run *verification, slow func(context.Context) (bool, error)) (bool, error) {
	defer v.finish(id, run)
	run.ok, run.err = slow(ctx)
	return run.ok, run.err
}

// digest keys the pair of stored hash and secret. The stored hash holds no zero byte, so the pair is unambiguous.
func (v *verified) digest(encoded, secret string) (id digest) {
	k := v.ring.keys[0]
	s := k.borrow()
	s.buf = append(append(append(s.buf[:0], encoded...), 0), secret...)
	s.hash.Write(s.buf)
	copy(id[:], s.hash.Sum(s.sum[:0]))
	k.giveBack(s)
	return id
}

func (v *verified) remembers(id digest) bool {
	if v.keep <= 0 {
		return false
	}
	v.mu.RLock()
	until := v.until[id]
	v.mu.RUnlock()
	if until == nil {
		return false
	}
	now := v.now()
	if until.Load() <= now.UnixMicro() {
		return false
	}
	until.Store(now.Add(v.keep).UnixMicro())
	return true
}

// join gives the running verification of id, or starts one that is the caller's to finish.
func (v *verified) join(id digest) (run *verification, mine bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if run = v.running[id]; run != nil {
		return run, false
	}
	run = &verification{done: make(chan struct{})}
	v.running[id] = run
	return run, true
}

// finish publishes the outcome and remembers it when it was right.
func (v *verified) finish(id digest, run *verification) {
	v.mu.Lock()
	delete(v.running, id)
	if run.err == nil && run.ok && v.keep > 0 && v.max > 0 {
		now := v.now()
		v.makeRoom(now)
		until := new(atomic.Int64)
		until.Store(now.Add(v.keep).UnixMicro())
		v.until[id] = until
	}
	v.mu.Unlock()
	close(run.done)
}

// makeRoom drops what is over, at most once in a while, and when the map is still full an arbitrary tenth of it: the
// map never grows beyond its bound, and the walk over it is paid once in many insertions.
func (v *verified) makeRoom(now time.Time) {
	full := len(v.until) >= v.max
	if !full && now.Sub(v.swept) < v.keep {
		return
	}
	v.swept = now
	for id, until := range v.until {
		if until.Load() <= now.UnixMicro() {
			delete(v.until, id)
		}
	}
	if len(v.until) < v.max {
		return
	}
	drop := 1 + v.max/10
	for id := range v.until {
		if drop--; drop < 0 {
			return
		}
		delete(v.until, id)
	}
}
