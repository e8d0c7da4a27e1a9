package keys

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// NewKey is what Create makes: the body of Ory's createJsonWebKeySet.
type NewKey struct {
	// Algorithm is one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384 and HS512.
	Algorithm string `json:"alg"`
	// ID of the key; one is made when it is empty.
	ID string `json:"kid"`
	// Use is "sig" (also when empty) or "enc".
	Use string `json:"use"`
}

// Create generates a key in the set and returns it with its private part. In a set that Gatehouse rotates it is the
// next key, which takes over after publish_ahead or when the set is rotated; elsewhere it signs at once.
func (k *Keys) Create(ctx context.Context, set string, n NewKey) (jose.JSONWebKeySet, error) {
	if n.ID == "" {
		n.ID = secret.NewID()
	}
	if n.Use == "" {
		n.Use = useSignature
	}
	if err := checkNames(set, n.ID); err != nil {
		return jose.JSONWebKeySet{}, err
	}
	if err := checkUse(n.Use, n.Algorithm, k.policy(set)); err != nil {
		return jose.JSONWebKeySet{}, errInvalid.Withf("%s.", err)
	}
	made, err := newJWK(n.ID, n.Algorithm, n.Use, k.Config.RSABits)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	err = k.edit(ctx, set, func(s *Set, p policy, now time.Time) error {
		if s.find(made.KeyID) >= 0 {
			return ErrExists
		}
		s.put(made, p, now)
		return nil
	})
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{made}}, err
}

// Get returns the keys of a set with their private parts, newest first. Retired keys that Gatehouse made have none.
func (k *Keys) Get(ctx context.Context, set string) (jose.JSONWebKeySet, error) {
	if err := k.prepare(ctx, set); err != nil {
		return jose.JSONWebKeySet{}, err
	}
	s, err := k.Store.Load(ctx, set)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	if len(s.Keys) == 0 {
		return jose.JSONWebKeySet{}, ErrNotFound
	}
	return s.jwks(), nil
}

// GetKey returns a set of the one key.
func (k *Keys) GetKey(ctx context.Context, set, kid string) (jose.JSONWebKeySet, error) {
	s, err := k.Get(ctx, set)
	if err != nil {
		return s, err
	}
	found := s.Key(kid)
	if len(found) == 0 {
		return jose.JSONWebKeySet{}, ErrNotFound
	}
	return jose.JSONWebKeySet{Keys: found}, nil
}

// Put stores one key of the operator's under the id that it carries.
func (k *Keys) Put(ctx context.Context, set string, raw json.RawMessage) (jose.JSONWebKey, error) {
	if err := checkNames(set); err != nil {
		return jose.JSONWebKey{}, err
	}
	key, err := parseKey(raw, k.policy(set))
	if err != nil {
		return key, errInvalid.Withf("%s.", err)
	}
	return key, k.edit(ctx, set, func(s *Set, p policy, now time.Time) error {
		s.put(key, p, now)
		return nil
	})
}

// PutSet replaces the whole set. Keys that are in it already stay what they are; see Set.replace.
func (k *Keys) PutSet(ctx context.Context, set string, raw []json.RawMessage) (jose.JSONWebKeySet, error) {
	if err := checkNames(set); err != nil {
		return jose.JSONWebKeySet{}, err
	}
	list, err := parseKeys(raw, k.policy(set))
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	return jose.JSONWebKeySet{Keys: list}, k.edit(ctx, set, func(s *Set, p policy, now time.Time) error {
		s.replace(list, p, now)
		return nil
	})
}

// Delete removes one key; a key that is not there is removed already. When a set that Gatehouse rotates loses its
// active key, the next one takes over in the same transaction.
func (k *Keys) Delete(ctx context.Context, set, kid string) error {
	return k.edit(ctx, set, func(s *Set, _ policy, _ time.Time) error {
		s.remove(kid)
		return nil
	})
}

// DeleteSet removes all keys of a set. A set that Gatehouse rotates gets a new one in the same transaction.
func (k *Keys) DeleteSet(ctx context.Context, set string) error {
	return k.edit(ctx, set, func(s *Set, _ policy, _ time.Time) error {
		s.Keys = nil
		return nil
	})
}

// List returns what is known of the tenant's sets, without any material.
func (k *Keys) List(ctx context.Context) ([]Set, error) {
	if err := k.Ensure(ctx); err != nil {
		return nil, err
	}
	return k.Store.Sets(ctx)
}

// Describe returns one set of List.
func (k *Keys) Describe(ctx context.Context, set string) (Set, error) {
	sets, err := k.List(ctx)
	if err != nil {
		return Set{}, err
	}
	if i := slices.IndexFunc(sets, func(s Set) bool { return s.Name == set }); i >= 0 {
		return sets[i], nil
	}
	return Set{}, ErrNotFound
}

// edit changes a set as an operator asked.
func (k *Keys) edit(ctx context.Context, set string, fn func(s *Set, p policy, now time.Time) error) error {
	if err := k.prepare(ctx, set); err != nil {
		return err
	}
	return k.change(ctx, set, func(s *Set, p policy, now time.Time, _ *jose.JSONWebKey) (need, error) {
		return need{}, fn(s, p, now)
	}, onlyVital)
}

// prepare makes the first key of a set that Gatehouse rotates, so that an operator never finds it empty.
func (k *Keys) prepare(ctx context.Context, set string) error {
	if !k.policy(set).managed {
		return nil
	}
	_, err := k.get(ctx, set)
	return err
}

func checkNames(set string, kid ...string) error {
	if err := checkName(set); err != nil {
		return errInvalid.Withf("The name of the set %s.", err)
	}
	for _, id := range kid {
		if err := checkName(id); err != nil {
			return errInvalid.Withf("The kid %s.", err)
		}
	}
	return nil
}

func (s *Set) jwks() jose.JSONWebKeySet {
	out := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(s.Keys))}
	for i := range s.Keys {
		out.Keys[i] = s.Keys[i].jwk
	}
	return out
}
