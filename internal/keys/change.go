package keys

import (
	"bytes"
	"crypto"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// rotate makes the next key sign at once. The caller says which key it saw signing: when another one signs by now,
// somebody else has rotated, and there is nothing left to do.
func (s *Set) rotate(seen string, p policy, now time.Time, spare *jose.JSONWebKey) (need, error) {
	active := s.active()
	if active == nil {
		return need{}, errNothingToRotate
	}
	if active.ID != seen {
		return need{}, nil
	}
	if !p.managed {
		if spare == nil || spare.Algorithm != active.Algorithm {
			return need{algorithm: active.Algorithm, vital: true}, nil
		}
		s.add(newKey(*spare, Active, ByOperator, now))
		return need{}, nil
	}
	if s.next() == nil && !s.use(spare, Scheduled, now) {
		return need{algorithm: s.Algorithm, vital: true}, nil
	}
	s.promote(s.next().ID, p, now)
	return need{}, nil
}

// replaceAll drops every key of the set and lets a new one sign at once: whoever got hold of one key may have got hold
// of those that were to come as well.
func (s *Set) replaceAll(seen string, p policy, now time.Time, spare *jose.JSONWebKey) (need, error) {
	active := s.active()
	if active == nil {
		return need{}, errNothingToRotate
	}
	if active.ID != seen {
		return need{}, nil
	}
	wanted, origin := active.Algorithm, ByOperator
	if p.managed {
		wanted, origin = s.Algorithm, BySchedule
	}
	if spare == nil || spare.Algorithm != wanted {
		return need{algorithm: wanted, vital: true}, nil
	}
	s.Keys = []Key{newKey(*spare, Active, origin, now)}
	return need{}, nil
}

// put stores an operator's key. In a set that Gatehouse rotates it becomes the next key, or takes the place of the
// active one when it has its id; elsewhere it is the newest and signs at once, as with Ory.
func (s *Set) put(jwk jose.JSONWebKey, p policy, now time.Time) {
	state := Active
	if i := s.find(jwk.KeyID); i >= 0 {
		if same(s.Keys[i].jwk, jwk) {
			return
		}
		if p.managed && s.Keys[i].State != Active {
			state = Scheduled
		}
		s.Keys = slices.Delete(s.Keys, i, i+1)
	} else if p.managed {
		state = Scheduled
	}
	s.take(newKey(jwk, state, ByOperator, now), p, now)
}

// take adds an operator's key. One that cannot sign is only published for a while in a set that Gatehouse rotates.
func (s *Set) take(k Key, p policy, now time.Time) {
	if p.managed {
		if k.signs() {
			s.Algorithm = k.Algorithm
		} else {
			k.ActivatedAt = time.Time{}
			k.retire(p, now)
		}
	}
	s.add(k)
}

// replace makes the set consist of the given keys. A key that is there already stays what it is, so that what was read
// can be written back. In a set that Gatehouse rotates, when the active key is not among them, the first that can sign
// becomes active and the other new ones are published only: that is how the keys of another server are taken over.
func (s *Set) replace(list []jose.JSONWebKey, p policy, now time.Time) {
	before := s.clone()
	s.Keys = nil
	var fresh []Key
	for i, jwk := range list {
		if j := before.find(jwk.KeyID); j >= 0 && same(before.Keys[j].jwk, jwk) {
			s.Keys = append(s.Keys, before.Keys[j])
			continue
		}
		k := newKey(jwk, Active, ByOperator, now)
		k.Ordinal = i
		fresh = append(fresh, k)
	}
	if !p.managed {
		s.Keys = append(s.Keys, fresh...)
		s.sort()
		return
	}
	if s.active() != nil {
		for _, k := range fresh {
			k.State, k.ActivatedAt = Scheduled, time.Time{}
			s.take(k, p, now)
		}
		return
	}
	for _, k := range fresh {
		k.ActivatedAt = time.Time{}
		k.retire(p, now)
		s.Keys = append(s.Keys, k)
	}
	s.sort()
	s.activateFirst(list, now)
}

// activateFirst lets the first key of the list that can sign do so.
func (s *Set) activateFirst(list []jose.JSONWebKey, now time.Time) {
	for _, jwk := range list {
		k := &s.Keys[s.find(jwk.KeyID)]
		if k.signs() {
			k.State, k.ActivatedAt, k.RetiredAt, k.RemoveAt = Active, now, time.Time{}, time.Time{}
			s.Algorithm = k.Algorithm
			return
		}
	}
}

func (s *Set) remove(id string) {
	if i := s.find(id); i >= 0 {
		s.Keys = slices.Delete(s.Keys, i, i+1)
	}
}

// same reports whether two JWKs are the same key with the same use.
func same(a, b jose.JSONWebKey) bool {
	if a.Algorithm != b.Algorithm || a.Use != b.Use || isPrivate(a) != isPrivate(b) || len(a.Certificates) != len(b.Certificates) {
		return false
	}
	if isSymmetric(a) || isSymmetric(b) {
		x, _ := a.Key.([]byte)
		y, _ := b.Key.([]byte)
		return bytes.Equal(x, y)
	}
	x, err := a.Thumbprint(crypto.SHA256)
	if err != nil {
		return false
	}
	y, err := b.Thumbprint(crypto.SHA256)
	return err == nil && bytes.Equal(x, y)
}
