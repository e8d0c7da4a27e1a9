package keys

import (
	"cmp"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// State is where a key stands in its life.
type State string

// The states, in their order. A key that is gone has no row.
const (
	// Scheduled keys are published and do not sign yet.
	Scheduled State = "scheduled"
	// Active keys sign. A set that Gatehouse rotates has one; in other sets every key is active and the newest signs.
	Active State = "active"
	// Retired keys do not sign any more but are published until the last token that they signed has expired.
	Retired State = "retired"
)

// Origin says who wanted a key.
type Origin string

// The origins.
const (
	// BySchedule means that Gatehouse made the key by itself.
	BySchedule Origin = "schedule"
	// ByOperator means that it was made or stored through the admin API.
	ByOperator Origin = "operator"
)

// Key is one key of a set. The material is not exported, so that a Key can be logged.
type Key struct {
	ID        string
	Algorithm string
	Use       string
	State     State
	Origin    Origin
	// Ordinal orders keys that were stored at the same moment, as the operator listed them.
	Ordinal   int
	CreatedAt time.Time
	// ActivatedAt, RetiredAt and RemoveAt are zero as long as they do not apply.
	ActivatedAt, RetiredAt, RemoveAt time.Time

	jwk    jose.JSONWebKey
	sealed string // jwk as it is stored; empty when it must be sealed anew
}

// signs reports whether the key is able and meant to sign.
func (k *Key) signs() bool { return k.Use == useSignature && isPrivate(k.jwk) }

// Set is a set of keys. What its methods change is in memory until the Store writes it.
type Set struct {
	Name string
	// Algorithm of the next key that Gatehouse makes; empty in sets that it does not rotate.
	Algorithm string
	// Configured is the algorithm that the configuration last asked for. The last change wins: a key that an operator
	// puts into the set, or a new value in the configuration.
	Configured string
	// Keys, newest first.
	Keys []Key
}

// need is a key that a set lacks and that must be generated outside of the transaction.
type need struct {
	algorithm string
	vital     bool // without it the set cannot sign
}

// settle brings the set to what the policy asks for at the time now. It uses the spare key where one is missing, and
// says what is still needed.
func (s *Set) settle(p policy, now time.Time, spare *jose.JSONWebKey) need {
	s.Keys = slices.DeleteFunc(s.Keys, func(k Key) bool {
		return k.State == Retired && !k.RemoveAt.IsZero() && !k.RemoveAt.After(now)
	})
	if !p.managed {
		return need{}
	}
	if s.Configured != p.algorithm {
		s.Configured, s.Algorithm = p.algorithm, p.algorithm
	}
	s.keepOneActive(p, now)
	active := s.active()
	if active == nil {
		if next := s.next(); next != nil {
			s.promote(next.ID, p, now)
		} else if !s.use(spare, Active, now) {
			return need{algorithm: s.Algorithm, vital: true}
		} else {
			spare = nil
		}
	} else if at := s.promotion(p); !at.IsZero() && !at.After(now) {
		s.promote(s.next().ID, p, now)
	}
	if s.next() == nil && !s.use(spare, Scheduled, now) {
		return need{algorithm: s.Algorithm}
	}
	return need{}
}

// due is when settle next has something to do; zero means never.
func (s *Set) due(p policy, now time.Time) time.Time {
	var at time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, k := range s.Keys {
		if k.State == Retired {
			earlier(k.RemoveAt)
		}
	}
	if !p.managed {
		return at
	}
	if s.active() == nil || s.next() == nil {
		return now
	}
	earlier(s.promotion(p))
	return at
}

// promotion is when the next key takes over: after the active one has signed long enough, or, when the operator put it
// there or the algorithm changes, as soon as it has been published long enough.
func (s *Set) promotion(p policy) time.Time {
	active, next := s.active(), s.next()
	if active == nil || next == nil {
		return time.Time{}
	}
	published := next.CreatedAt.Add(p.publishAhead)
	if next.Origin == ByOperator || next.Algorithm != active.Algorithm {
		return published
	}
	if end := active.ActivatedAt.Add(p.rotateEvery); end.After(published) {
		return end
	}
	return published
}

// active is the key that signs, or nil.
func (s *Set) active() *Key {
	for i := range s.Keys {
		if k := &s.Keys[i]; k.State == Active && k.signs() {
			return k
		}
	}
	return nil
}

// next is the key that signs after the active one, or nil: of the wanted algorithm the operator's newest, else the one
// that has been published longest.
func (s *Set) next() *Key {
	var oldest *Key
	for i := range s.Keys {
		k := &s.Keys[i]
		if k.State != Scheduled || k.Algorithm != s.Algorithm || !k.signs() {
			continue
		}
		if k.Origin == ByOperator {
			return k
		}
		oldest = k
	}
	return oldest
}

// promote makes the key of that id the active one and retires the one before. Of the other scheduled keys those that
// the operator put there are retired too, and those that Gatehouse made for another algorithm go: they never signed.
func (s *Set) promote(id string, p policy, now time.Time) {
	s.Keys = slices.DeleteFunc(s.Keys, func(k Key) bool {
		return k.ID != id && k.State == Scheduled && k.Origin == BySchedule && k.Algorithm != s.Algorithm
	})
	for i := range s.Keys {
		k := &s.Keys[i]
		switch {
		case k.ID == id:
			k.State, k.ActivatedAt = Active, now
		case k.State == Active, k.State == Scheduled && k.Origin == ByOperator:
			k.retire(p, now)
		}
	}
}

// keepOneActive retires all active keys but the newest that signs. There are more when a set that the operator kept
// becomes one that Gatehouse rotates.
func (s *Set) keepOneActive(p policy, now time.Time) {
	keep := s.active()
	for i := range s.Keys {
		if k := &s.Keys[i]; k.State == Active && k != keep {
			k.retire(p, now)
		}
	}
}

// retire ends signing. The private half of a key that Gatehouse made is destroyed: nobody needs it any more, and what
// does not exist cannot be stolen.
func (k *Key) retire(p policy, now time.Time) {
	k.State, k.RetiredAt, k.RemoveAt = Retired, now, now.Add(p.keepRetired)
	if k.Origin == BySchedule && !isSymmetric(k.jwk) && isPrivate(k.jwk) {
		k.jwk, k.sealed = k.jwk.Public(), ""
	}
}

// use puts a spare key of the wanted algorithm into the set.
func (s *Set) use(spare *jose.JSONWebKey, state State, now time.Time) bool {
	if spare == nil || spare.Algorithm != s.Algorithm {
		return false
	}
	s.add(newKey(*spare, state, BySchedule, now))
	return true
}

func newKey(jwk jose.JSONWebKey, state State, origin Origin, now time.Time) Key {
	k := Key{ID: jwk.KeyID, Algorithm: jwk.Algorithm, Use: jwk.Use, State: state, Origin: origin, CreatedAt: now, jwk: jwk}
	if state == Active {
		k.ActivatedAt = now
	}
	return k
}

// add puts a key in front.
func (s *Set) add(k Key) {
	s.Keys = append(s.Keys, k)
	s.sort()
}

func (s *Set) sort() {
	slices.SortStableFunc(s.Keys, func(a, b Key) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(b.ID, a.ID))
	})
}

func (s *Set) find(id string) int {
	return slices.IndexFunc(s.Keys, func(k Key) bool { return k.ID == id })
}

func (s *Set) clone() Set {
	c := *s
	c.Keys = slices.Clone(s.Keys)
	return c
}
