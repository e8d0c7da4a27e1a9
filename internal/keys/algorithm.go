package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// family is the kind of key that an algorithm takes.
type family uint8

const (
	rsaPKCS1 family = iota
	rsaPSS
	ec
	edwards
	symmetric
)

// algorithm is one signature algorithm of RFC 7518 §3.1 or RFC 8037 §3.1.
type algorithm struct {
	name   string
	family family
	hash   crypto.Hash    // of the signing input; none for EdDSA
	curve  elliptic.Curve // of EC keys
	length int            // of symmetric keys and of each half of an EC signature, in bytes
}

// algorithms by name. Read only.
var algorithms = map[string]*algorithm{
	"RS256": {name: "RS256", family: rsaPKCS1, hash: crypto.SHA256},
	"RS384": {name: "RS384", family: rsaPKCS1, hash: crypto.SHA384},
	"RS512": {name: "RS512", family: rsaPKCS1, hash: crypto.SHA512},
	"PS256": {name: "PS256", family: rsaPSS, hash: crypto.SHA256},
	"PS384": {name: "PS384", family: rsaPSS, hash: crypto.SHA384},
	"PS512": {name: "PS512", family: rsaPSS, hash: crypto.SHA512},
	"ES256": {name: "ES256", family: ec, hash: crypto.SHA256, curve: elliptic.P256(), length: 32},
	"ES384": {name: "ES384", family: ec, hash: crypto.SHA384, curve: elliptic.P384(), length: 48},
	"ES512": {name: "ES512", family: ec, hash: crypto.SHA512, curve: elliptic.P521(), length: 66},
	"EdDSA": {name: "EdDSA", family: edwards},
	"HS256": {name: "HS256", family: symmetric, hash: crypto.SHA256, length: 32},
	"HS384": {name: "HS384", family: symmetric, hash: crypto.SHA384, length: 48},
	"HS512": {name: "HS512", family: symmetric, hash: crypto.SHA512, length: 64},
}

const minRSABits = 2048 // RFC 7518 §3.3

// names lists the algorithms for an error message.
func names(asymmetric bool) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(algorithms)) {
		if !asymmetric || algorithms[name].family != symmetric {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

const asymmetricOnly = true

// generate makes a new private key. RSA takes 30 to 100 ms for 2048 bits and up to a second for 4096, the rest next to
// nothing.
func (a *algorithm) generate(rsaBits int) (any, error) {
	switch a.family {
	case rsaPKCS1, rsaPSS:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case ec:
		return ecdsa.GenerateKey(a.curve, rand.Reader)
	case edwards:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		key := make([]byte, a.length)
		_, err := rand.Read(key)
		return key, err
	}
}

// fits says why a key cannot be used with the algorithm, which stops a key from being checked under another algorithm
// than its own (RFC 8725 §3.1).
func (a *algorithm) fits(key any) error {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return a.fits(&k.PublicKey)
	case *ecdsa.PrivateKey:
		return a.fits(&k.PublicKey)
	case *rsa.PublicKey:
		if a.family != rsaPKCS1 && a.family != rsaPSS {
			return a.mismatch("RSA")
		}
		if k.N.BitLen() < minRSABits {
			return fmt.Errorf("an RSA key has at least %d bits, this one has %d (RFC 7518 §3.3)", minRSABits, k.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if a.family != ec || k.Curve != a.curve {
			return a.mismatch("EC " + k.Curve.Params().Name)
		}
	case ed25519.PrivateKey, ed25519.PublicKey:
		if a.family != edwards {
			return a.mismatch("Ed25519")
		}
	case []byte:
		if a.family != symmetric {
			return a.mismatch("symmetric")
		}
		if len(k) < a.length {
			return fmt.Errorf("%s takes at least %d bytes, this key has %d (RFC 7518 §3.2)", a.name, a.length, len(k))
		}
	default:
		return fmt.Errorf("%s takes no key of this kind", a.name)
	}
	return nil
}

func (a *algorithm) mismatch(kind string) error {
	return fmt.Errorf("algorithm %s does not go with a key of kind %s", a.name, kind)
}

// isPrivate reports whether the JWK can sign.
func isPrivate(k jose.JSONWebKey) bool {
	switch k.Key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, []byte:
		return true
	default:
		return false
	}
}

// isSymmetric reports whether the JWK has no public half.
func isSymmetric(k jose.JSONWebKey) bool {
	_, yes := k.Key.([]byte)
	return yes
}
