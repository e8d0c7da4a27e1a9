package secret

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
)

var (
	// ErrBusy says that more passwords wait to be hashed than the server takes on; the caller may try again soon.
	ErrBusy = errors.New("too many passwords are being verified at once")
	// ErrTooLong says that a password is longer than MaxPassword bytes.
	ErrTooLong = errors.New("password is longer than 1024 bytes")
)

// MaxPassword is the longest password that is hashed, in bytes.
const MaxPassword = 1024

// keyedPrefix begins the stored form of a secret that the server generated.
const keyedPrefix = "$gh-hmac$"

// Hasher hashes and verifies secrets. Use NewHasher; it may be used by many goroutines.
type Hasher struct {
	cost       argonCost
	maxMemory  uint32
	memory     *semaphore.Weighted
	waiting    atomic.Int64
	maxWaiting int64
	keyed      *Ring
	verified   *verified
}

// NewHasher makes a hasher. The ring keys the digests of generated secrets and the memory of verified ones; now is the
// clock of that memory.
func NewHasher(c HashConfig, ring *Ring, now func() time.Time) (*Hasher, error) {
	if faults := c.Validate(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return &Hasher{
		cost:      argonCost{memory: uint32(c.Memory), time: uint32(c.Time), parallelism: uint8(c.Parallelism)},
		maxMemory: uint32(c.MaxMemory), maxWaiting: int64(c.MaxWaiting),
		memory:   semaphore.NewWeighted(int64(c.MaxMemory)),
		keyed:    ring.For("generated secret"),
		verified: newVerified(ring.For("verified secret"), c.Remember, c.RememberMax, now),
	}, nil
}

// Hash gives the stored form of a secret that a person chose.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxPassword {
		return "", ErrTooLong
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	key, err := h.derive(ctx, h.cost, password, salt, 32)
	if err != nil {
		return "", err
	}
	return argonHash{cost: h.cost, salt: salt, key: key}.format(), nil
}

// Verify tells whether password is the one that encoded was made of, in either stored form, and whether encoded should
// be replaced by a new one (the costs or the key changed since). An error means that it could not be found out:
// ErrFormat, ErrBusy, or the context's.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (ok, stale bool, err error) {
	if strings.HasPrefix(encoded, keyedPrefix) {
		ok, stale = h.MatchKeyed(encoded, password)
		return ok, stale, nil
	}
	stored, err := parseArgon(encoded, h.maxMemory)
	if err != nil {
		return false, false, err
	}
	if len(password) > MaxPassword {
		return false, false, nil
	}
	ok, err = h.verified.check(ctx, encoded, password, func(ctx context.Context) (bool, error) {
		key, err := h.derive(ctx, stored.cost, password, stored.salt, len(stored.key))
		return err == nil && subtle.ConstantTimeCompare(key, stored.key) == 1, err
	})
	return ok, ok && h.outdated(stored), err
}

// outdated tells whether a stored hash was made with other costs than the configured ones.
func (h *Hasher) outdated(stored argonHash) bool {
	return stored.cost != h.cost || len(stored.key) != 32 || len(stored.salt) != 16
}

// derive runs Argon2id once the memory for it is free. It refuses at once when too many wait already: a queue that
// grows without a bound answers nobody in time.
func (h *Hasher) derive(ctx context.Context, c argonCost, password string, salt []byte, n int) ([]byte, error) {
	if !h.memory.TryAcquire(int64(c.memory)) {
		if h.waiting.Add(1) > h.maxWaiting {
			h.waiting.Add(-1)
			return nil, ErrBusy
		}
		err := h.memory.Acquire(ctx, int64(c.memory))
		h.waiting.Add(-1)
		if err != nil {
			return nil, err
		}
	}
	defer h.memory.Release(int64(c.memory))
	return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.parallelism, uint32(n)), nil
}

// KeyedDigest gives the stored form of a secret that this server generated with 256 bits of randomness. Such a secret
// cannot be guessed, so a slow hash would protect nothing; the key makes a stolen database worthless on its own.
func (h *Hasher) KeyedDigest(secret string) string {
	k := h.keyed.keys[0]
	return keyedPrefix + k.id + "$" + b64.EncodeToString(k.mac(nil, []byte(secret)))
}

// MatchKeyed tells, in constant time, whether secret is the one that encoded was made of by KeyedDigest, and whether
// another key than the first made it, so that it should be made again before that key goes.
func (h *Hasher) MatchKeyed(encoded, secret string) (ok, stale bool) {
	rest, found := strings.CutPrefix(encoded, keyedPrefix)
	id, text, ok := strings.Cut(rest, "$")
	if !found || !ok || len(text) != digestLen {
		return false, false
	}
	for i, k := range h.keyed.keys {
		if k.id != id {
			continue
		}
		s := k.borrow()
		s.buf = append(s.buf[:0], secret...)
		s.sign(len(s.buf))
		ok := subtle.ConstantTimeCompare(s.text[:], []byte(text)) == 1
		k.giveBack(s)
		if ok {
			return true, i > 0
		}
	}
	return false, false
}
