package client

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of a client's key set: more would only make verification slow.
const (
	maxKeySet = 64 << 10
	maxKeys   = 32
	minRSA    = 2048
)

// parseKeys reads a key set that somebody registers. Private and symmetric keys
// are refused: a registration is shown to whoever may read clients.
func parseKeys(raw []byte) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	if len(raw) > maxKeySet {
		return set, ErrInvalidMetadata.Withf("jwks is larger than %d bytes.", maxKeySet)
	}
	if err := refuseSecretKeys(raw); err != nil {
		return set, err
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return set, ErrInvalidMetadata.With("jwks is not a JSON Web Key Set: send an object with a list 'keys' of public keys (RFC 7517 §5).").Because(err)
	}
	if len(set.Keys) > maxKeys {
		return set, ErrInvalidMetadata.Withf("jwks holds more than %d keys.", maxKeys)
	}
	for i := range set.Keys {
		if k, ok := set.Keys[i].Key.(*rsa.PublicKey); ok && k.N.BitLen() < minRSA {
			return set, ErrInvalidMetadata.Withf("jwks holds an RSA key of less than %d bits.", minRSA)
		}
	}
	return set, nil
}

// refuseSecretKeys looks at the text rather than at what the library made of
// it, for the library drops keys that it does not know.
func refuseSecretKeys(raw []byte) error {
	var set struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return ErrInvalidMetadata.With("jwks is not a JSON Web Key Set: send an object with a list 'keys' of public keys (RFC 7517 §5).").Because(err)
	}
	for _, key := range set.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, there := key[private]; there {
				return ErrInvalidMetadata.Withf("jwks holds a private or symmetric key (member '%s'): register public keys only, and treat this key as leaked.", private)
			}
		}
	}
	return nil
}

// fetchedKeys reads a key set that a client publishes. Keys that are of no use
// here are left out, for the set may serve others too.
func fetchedKeys(raw []byte) (jose.JSONWebKeySet, error) {
	var set, useful jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return useful, err
	}
	for i := range set.Keys {
		if usable(&set.Keys[i]) && len(useful.Keys) < maxKeys {
			useful.Keys = append(useful.Keys, set.Keys[i])
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
