package keys

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The values of the JWK member `use` (RFC 7517 §4.2).
const (
	useSignature  = "sig"
	useEncryption = "enc"
)

// maxName is how long the name of a set or the id of a key may be, in bytes: what every database can index.
const maxName = 191

// maxKeys is how many keys an operator may store in one set at once.
const maxKeys = 100

// checkName refuses names of sets and ids of keys that cannot stand in a path, a header or a log line.
func checkName(name string) error {
	if name == "" {
		return errors.New("must not be empty")
	}
	if len(name) > maxName {
		return fmt.Errorf("is %d characters long, at most %d are allowed", len(name), maxName)
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return fmt.Errorf("%q has other characters than visible ASCII", name)
		}
	}
	return nil
}

// parseKeys reads the members of a JWK set.
func parseKeys(raw []json.RawMessage, p policy) ([]jose.JSONWebKey, error) {
	if len(raw) > maxKeys {
		return nil, errInvalid.Withf("The set has %d keys, at most %d are allowed.", len(raw), maxKeys)
	}
	list := make([]jose.JSONWebKey, 0, len(raw))
	seen := make(map[string]bool, len(raw))
	for i, text := range raw {
		k, err := parseKey(text, p)
		if err != nil {
			return nil, errInvalid.Withf("keys[%d]: %s", i, err)
		}
		if seen[k.KeyID] {
			return nil, errInvalid.Withf("keys[%d].kid: %q is in the set twice.", i, k.KeyID)
		}
		seen[k.KeyID] = true
		list = append(list, k)
	}
	return list, nil
}

// parseKey reads one JWK (RFC 7517 §4) and refuses what could not be used later on. Errors hold nothing of the key's
// material.
func parseKey(raw []byte, p policy) (jose.JSONWebKey, error) {
	var k jose.JSONWebKey
	if err := json.Unmarshal(raw, &k); err != nil {
		return k, fmt.Errorf("is not a JSON Web Key: %s", strings.TrimPrefix(err.Error(), "go-jose/go-jose: "))
	}
	if err := checkName(k.KeyID); err != nil {
		return k, fmt.Errorf("kid: %w", err)
	}
	if k.Use == "" {
		k.Use = useSignature
	}
	if err := checkUse(k.Use, k.Algorithm, p); err != nil {
		return k, err
	}
	if !isSymmetric(k) && !k.Valid() {
		return k, errors.New("is incomplete")
	}
	if err := wholePair(k.Key); err != nil || k.Use == useEncryption {
		return k, err
	}
	if err := algorithms[k.Algorithm].fits(k.Key); err != nil {
		return k, err
	}
	return k, trial(k)
}

// wholePair refuses an EC key whose private half belongs to another public one, which go-jose does not notice.
func wholePair(key any) error {
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil
	}
	d, err := k.Bytes()
	if err == nil {
		var own *ecdsa.PrivateKey
		if own, err = ecdsa.ParseRawPrivateKey(k.Curve, d); err == nil && own.PublicKey.Equal(&k.PublicKey) {
			return nil
		}
	}
	return errors.New("d does not belong to x and y")
}

// trial signs and verifies once, so that no key is stored that cannot do what it is for.
func trial(k jose.JSONWebKey) error {
	if !isPrivate(k) {
		return nil
	}
	snap, err := newSnapshot(Set{Keys: []Key{newKey(k, Active, ByOperator, time.Time{})}})
	if err != nil {
		return err
	}
	token, err := snap.signer.sign(TypeJWT, []byte("{}"))
	if err == nil {
		_, err = snap.verify(token, TypeJWT, time.Time{})
	}
	if err != nil {
		return errors.New("cannot sign: its members do not belong together")
	}
	return nil
}

// checkUse says whether a key for this use and algorithm may be in a set of this policy.
func checkUse(use, alg string, p policy) error {
	a := algorithms[alg]
	switch {
	case use != useSignature && use != useEncryption:
		return fmt.Errorf("use: %q is neither sig nor enc", use)
	case alg == "" || len(alg) > maxName:
		return fmt.Errorf("alg: say which algorithm the key is for, one of %s", names(false))
	case p.managed && (use != useSignature || a == nil || a.family == symmetric):
		return fmt.Errorf("alg: this set signs tokens that others check, so its keys are for signing (use sig) with one of %s", names(asymmetricOnly))
	case use == useSignature && a == nil:
		return fmt.Errorf("alg: %q is not one of %s", alg, names(false))
	}
	return nil
}
