package secret

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/semaphore"
)

var (
	// ErrBusy says that more passwords wait to be hashed than the server takes on; the caller may try again soon.
	ErrBusy = errors.New("too many passwords are being verified at once")
	// ErrTooLong says that a password is longer than Hasher.Longest bytes.
	ErrTooLong = errors.New("password is longer than can be hashed")
)

// MaxPassword is the longest password that is hashed with Argon2id, and the longest that is verified, in bytes.
const MaxPassword = 1024

// bcryptPassword is how much of a password bcrypt reads, in bytes.
const bcryptPassword = 72

// keyedPrefix begins the stored form of a secret that the server generated.
const keyedPrefix = "$gh-hmac$"

// Hasher hashes and verifies secrets. Use NewHasher; it may be used by many goroutines.
type Hasher struct {
	cost       argonCost
	bcryptCost int // of new hashes; 0 makes them with Argon2id
	maxMemory  uint32
	memory     *semaphore.Weighted
	waiting    atomic.Int64
	maxWaiting int64
	computed   atomic.Int64
	keyed      *Ring
	verified   *verified
}

// NewHasher makes a hasher. The ring keys the digests of generated secrets and the memory of verified ones; now is the
// clock of that memory.
func NewHasher(c HashConfig, ring *Ring, now func() time.Time) (*Hasher, error) {
	if faults := c.Validate(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	h := &Hasher{
		cost:      argonCost{memory: uint32(c.Memory), time: uint32(c.Time), parallelism: uint8(c.Parallelism)},
		maxMemory: uint32(c.MaxMemory), maxWaiting: int64(c.MaxWaiting),
		memory:   semaphore.NewWeighted(int64(c.MaxMemory)),
		keyed:    ring.For("generated secret"),
		verified: newVerified(ring.For("verified secret"), c.Remember, c.RememberMax, now),
	}
	if c.Algorithm == Bcrypt {
		h.bcryptCost = c.Bcrypt.Cost
	}
	return h, nil
}

// Longest is how many bytes a password may have that Hash takes.
func (h *Hasher) Longest() int {
	if h.bcryptCost != 0 {
		return bcryptPassword
	}
	return MaxPassword
}

// Accepts is ValidHash, and tells as well whether the configuration leaves enough memory to verify the hash.
func (h *Hasher) Accepts(encoded string) error {
	_, err := h.parse(encoded)
	return err
}

func (h *Hasher) parse(encoded string) (storedHash, error) {
	stored, err := parseStored(encoded)
	if err == nil && stored.memory() > h.maxMemory {
		return nil, fmt.Errorf("%w: it asks for %d KiB of memory, and hashing.max_memory is %d", ErrFormat, stored.memory(), h.maxMemory)
	}
	return stored, err
}

// Hash gives the stored form of a secret that a person chose.
func (h *Hasher) Hash(ctx context.Context, password string) (encoded string, err error) {
	if len(password) > h.Longest() {
		return "", ErrTooLong
	}
	if h.bcryptCost != 0 {
		failed := h.compute(ctx, 0, func() {
			var raw []byte
			raw, err = bcrypt.GenerateFromPassword([]byte(password), h.bcryptCost)
			encoded = string(raw)
		})
		return encoded, errors.Join(failed, err)
	}
	made := argonHash{cost: h.cost, salt: make([]byte, 16)}
	rand.Read(made.salt)
	err = h.compute(ctx, h.cost.memory, func() {
		made.key = argon2.IDKey([]byte(password), made.salt, h.cost.time, h.cost.memory, h.cost.parallelism, argonKey)
	})
	if err != nil {
		return "", err
	}
	return made.format(), nil
}

// argonKey is the length of the keys that Hash makes, in bytes.
const argonKey = 32

// Verify tells whether secret is the one that encoded was made of, in any stored form, and whether encoded should be
// replaced by a new one (the algorithm, the costs or the key changed since). It remembers what it found right, as the
// configuration says: use it for what a machine sends again and again. An error means that it could not be found out:
// ErrFormat, ErrBusy, or the context's.
func (h *Hasher) Verify(ctx context.Context, encoded, secret string) (ok, stale bool, err error) {
	if strings.HasPrefix(encoded, keyedPrefix) {
		ok, stale = h.MatchKeyed(encoded, secret)
		return ok, stale, nil
	}
	stored, err := h.parse(encoded)
	if err != nil || len(secret) > MaxPassword {
		return false, false, err
	}
	ok, err = h.verified.check(ctx, encoded, secret, func(ctx context.Context) (bool, error) {
		return h.match(ctx, stored, secret)
	})
	return ok, ok && h.outdated(stored), err
}

// VerifyPassword is Verify for what a person types: nothing is remembered, and a wrong password costs at least what
// Pretend costs, also where the stored hash is of a cheap kind, so that its time does not tell whether there is an account.
func (h *Hasher) VerifyPassword(ctx context.Context, encoded, password string) (ok, stale bool, err error) {
	stored, err := h.parse(encoded)
	if err != nil || len(password) > MaxPassword {
		return false, false, err
	}
	if ok, err = h.match(ctx, stored, password); err != nil {
		return false, false, err
	}
	if !ok && !h.dear(stored) {
		return false, false, h.Pretend(ctx, password)
	}
	return ok, ok && h.outdated(stored), nil
}

// Pretend does the work of verifying a password against a hash of today's algorithm and costs, and finds nothing: for
// names that nobody has, so that the time of the answer does not tell.
func (h *Hasher) Pretend(ctx context.Context, password string) error {
	if len(password) > MaxPassword {
		return nil
	}
	var decoy storedHash = argonHash{cost: h.cost, salt: make([]byte, 16), key: make([]byte, argonKey)}
	if h.bcryptCost != 0 {
		decoy = bcryptHash{encoded: fmt.Sprintf("$2a$%02d$", h.bcryptCost) + strings.Repeat(".", 53), cost: h.bcryptCost}
	}
	_, err := h.match(ctx, decoy, password)
	return err
}

// match computes once there is room.
func (h *Hasher) match(ctx context.Context, stored storedHash, password string) (ok bool, err error) {
	err = h.compute(ctx, stored.memory(), func() { ok = stored.match([]byte(password)) })
	return ok, err
}

// native tells whether a stored hash was made with the algorithm that makes new ones.
func (h *Hasher) native(stored storedHash) bool {
	switch s := stored.(type) {
	case argonHash:
		return h.bcryptCost == 0 && !s.independent
	case bcryptHash:
		return h.bcryptCost != 0
	}
	return false
}

// dear tells whether computing a stored hash costs at least what one of today's does. Of other algorithms nothing is said.
func (h *Hasher) dear(stored storedHash) bool {
	if !h.native(stored) {
		return false
	}
	switch s := stored.(type) {
	case argonHash:
		return uint64(s.cost.memory)*uint64(s.cost.time) >= uint64(h.cost.memory)*uint64(h.cost.time)
	case bcryptHash:
		return s.cost >= h.bcryptCost
	}
	return false
}

// outdated tells whether a stored hash was made otherwise than Hash would make it now.
func (h *Hasher) outdated(stored storedHash) bool {
	if !h.native(stored) {
		return true
	}
	switch s := stored.(type) {
	case argonHash:
		return s.cost != h.cost || len(s.key) != argonKey || len(s.salt) != 16
	case bcryptHash:
		return s.cost != h.bcryptCost
	}
	return true
}

// compute runs f once the memory for it is free. What takes little memory takes time, and counts as a sixteenth of all, so
// that a bounded number of computations contends for the processors. It refuses at once when too many wait already: a queue
// that grows without a bound answers nobody in time.
func (h *Hasher) compute(ctx context.Context, memory uint32, f func()) error {
	room := int64(memory)
	if room == 0 {
		room = int64(h.maxMemory / 16)
	}
	if !h.memory.TryAcquire(room) {
		if h.waiting.Add(1) > h.maxWaiting {
			h.waiting.Add(-1)
			return ErrBusy
		}
		err := h.memory.Acquire(ctx, room)
		h.waiting.Add(-1)
		if err != nil {
			return err
		}
	}
	defer h.memory.Release(room)
	h.computed.Add(1)
	f()
	return nil
}

// Computed is how many hashes were computed since the start: what signing in costs this server, for its metrics.
func (h *Hasher) Computed() int { return int(h.computed.Load()) }

// KeyedDigest gives the stored form of a secret that this server generated with 256 bits of randomness. Such a secret
// cannot be guessed, so a slow hash would protect nothing; the key makes a stolen database worthless on its own.
func (h *Hasher) KeyedDigest(secret string) string {
	k := h.keyed.first()
	return keyedPrefix + k.id + "$" + b64.EncodeToString(k.mac(nil, []byte(secret)))
}

// MatchKeyed tells, in constant time, whether secret is the one that encoded was made of by KeyedDigest, and whether
// another key than the one that makes now made it, so that it should be made again before that key goes.
func (h *Hasher) MatchKeyed(encoded, secret string) (ok, stale bool) {
	rest, found := strings.CutPrefix(encoded, keyedPrefix)
	id, text, ok := strings.Cut(rest, "$")
	if !found || !ok || len(text) != digestLen {
		return false, false
	}
	makes := h.keyed.first()
	for _, k := range h.keyed.keys {
		if k.id != id {
			continue
		}
		s := k.borrow()
		s.buf = append(s.buf[:0], secret...)
		s.sign(len(s.buf))
		ok := subtle.ConstantTimeCompare(s.text[:], []byte(text)) == 1
		k.giveBack(s)
		if ok {
			return true, k != makes
		}
	}
	return false, false
}
