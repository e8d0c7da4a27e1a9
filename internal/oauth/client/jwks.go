package client

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of a client's key set: more would only make verification slow.
const (
	maxKeySet = 64 << 10
	maxKeys   = 32
	minRSA    = 2048
)

// JWKS is a set of public keys that keeps the text it was registered with, for
// keys and members that we do not know must not get lost.
type JWKS struct {
	// Set are the keys that we know the type of.
	Set jose.JSONWebKeySet

	raw   json.RawMessage
	empty bool // the text holds no key at all
}

// MarshalJSON gives the text as it was registered.
func (s JWKS) MarshalJSON() ([]byte, error) {
	if len(s.raw) > 0 {
		return s.raw, nil
	}
	return json.Marshal(s.Set)
}

// UnmarshalJSON reads a key set that somebody registers. Private and symmetric
// keys are refused: a registration is shown to whoever may read clients.
func (s *JWKS) UnmarshalJSON(raw []byte) error {
	if len(raw) > maxKeySet {
		return ErrInvalidMetadata.Withf("jwks is larger than %d bytes.", maxKeySet)
	}
	texts, err := splitKeys(raw)
	if err != nil {
		return ErrInvalidMetadata.With("jwks is not a JSON Web Key Set: send an object with a list 'keys' of public keys (RFC 7517 §5).").Because(err)
	}
	if len(texts) > maxKeys {
		return ErrInvalidMetadata.Withf("jwks holds more than %d keys.", maxKeys)
	}
	*s = JWKS{raw: slices.Clone(raw), empty: len(texts) == 0}
	for _, text := range texts {
		if err := s.add(text); err != nil {
			return err
		}
	}
	return nil
}

func (s *JWKS) add(text json.RawMessage) error {
	if member, secret := secretMember(text); secret {
		return ErrInvalidMetadata.Withf("jwks holds a private or symmetric key (member '%s'): register public keys only, and treat this key as leaked.", member)
	}
	var key jose.JSONWebKey
	switch err := key.UnmarshalJSON(text); {
	case errors.Is(err, jose.ErrUnsupportedKeyType):
		return nil
	case err != nil:
		return ErrInvalidMetadata.With("jwks holds a key that cannot be read: check its kty, crv, n, e, x and y (RFC 7518 §6).").Because(err)
	}
	if k, ok := key.Key.(*rsa.PublicKey); ok && k.N.BitLen() < minRSA {
		return ErrInvalidMetadata.Withf("jwks holds an RSA key of less than %d bits.", minRSA)
	}
	s.Set.Keys = append(s.Set.Keys, key)
	return nil
}

// verifies reports whether the set holds a key that can verify a signature.
func (s *JWKS) verifies() bool {
	for i := range s.Set.Keys {
		if usable(&s.Set.Keys[i]) {
			return true
		}
	}
	return false
}

// splitKeys leaves the keys unread, for the library refuses a whole set over one
// key of a type that it does not know.
func splitKeys(raw []byte) ([]json.RawMessage, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	err := json.Unmarshal(raw, &set)
	return set.Keys, err
}

// secretMember names the member by which a key is private or symmetric.
func secretMember(text json.RawMessage) (string, bool) {
	var key map[string]json.RawMessage
	if json.Unmarshal(text, &key) != nil {
		return "", false
	}
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, there := key[member]; there {
			return member, true
		}
	}
	return "", false
}

// fetchedKeys reads a key set that a client publishes. Keys that are of no use
// here are left out, for the set may serve others too.
func fetchedKeys(raw []byte) (jose.JSONWebKeySet, error) {
	var useful jose.JSONWebKeySet
	texts, err := splitKeys(raw)
	if err != nil {
		return useful, err
	}
	for _, text := range texts {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && usable(&key) && len(useful.Keys) < maxKeys {
			useful.Keys = append(useful.Keys, key)
		}
	}
	return useful, nil
}

// usable reports whether the key can verify a client's signature.
func usable(k *jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" || !k.Valid() {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// candidates returns the keys that a signature with this header may have been
// made with: those of the kid, or without a kid all that fit the algorithm.
func candidates(set *jose.JSONWebKeySet, kid, alg string) []*jose.JSONWebKey {
	var out []*jose.JSONWebKey
	for i := range set.Keys {
		k := &set.Keys[i]
		if kid != "" && k.KeyID != kid || k.Algorithm != "" && k.Algorithm != alg {
			continue
		}
		if usable(k) && fits(k, alg) {
			out = append(out, k)
		}
	}
	return out
}

// fits reports whether the key is of the algorithm's family, and for ECDSA on
// the algorithm's curve (RFC 7518 §3.4).
func fits(k *jose.JSONWebKey, alg string) bool {
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		switch alg {
		case "ES256":
			return key.Curve.Params().BitSize == 256
		case "ES384":
			return key.Curve.Params().BitSize == 384
		case "ES512":
			return key.Curve.Params().BitSize == 521
		}
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}
