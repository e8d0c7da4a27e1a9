package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"math/big"
	"strings"
	"time"
)

// checker is a key that signatures are checked with, under its own algorithm only.
type checker struct {
	kid       string
	algorithm *algorithm
	key       any       // public, or a shared secret
	until     time.Time // zero: as long as it is there
	jwt, at   string    // the headers that we write with this key, each with the dot after it
}

// newChecker returns false for keys that no signature is checked with.
func newChecker(k *Key, key any) (checker, bool) {
	a := algorithms[k.Algorithm]
	if k.Use != useSignature || a == nil || a.fits(key) != nil {
		return checker{}, false
	}
	return checker{
		kid: k.ID, algorithm: a, key: key, until: k.RemoveAt,
		jwt: string(encodeHeader(a, k.ID, TypeJWT)), at: string(encodeHeader(a, k.ID, TypeAccessToken)),
	}, true
}

func (c *checker) alive(now time.Time) bool { return c.until.IsZero() || c.until.After(now) }

// ours reports whether the token has the header that we write with this key, and returns what follows it.
func (c *checker) ours(token, typ string) (rest string, ok bool) {
	switch typ {
	case TypeJWT:
		return strings.CutPrefix(token, c.jwt)
	case TypeAccessToken:
		return strings.CutPrefix(token, c.at)
	default:
		return "", false
	}
}

// check verifies a compact JWS of which rest follows the header, and returns its payload.
func (c *checker) check(token, rest string) ([]byte, error) {
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.ContainsAny(rest, "\r\n") { // which the decoder would skip
		return nil, errMalformed
	}
	sig, err := b64.DecodeString(signature)
	if err != nil {
		return nil, errMalformed
	}
	if !c.matches([]byte(token[:len(token)-len(signature)-1]), sig) {
		return nil, errSignature
	}
	claims, err := b64.DecodeString(payload)
	if err != nil {
		return nil, errMalformed
	}
	return claims, nil
}

func (c *checker) matches(input, sig []byte) bool {
	a := c.algorithm
	var sum [64]byte
	switch key := c.key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, input, sig)
	case []byte:
		mac := hmac.New(a.hash.New, key)
		mac.Write(input)
		return hmac.Equal(mac.Sum(sum[:0]), sig)
	case *ecdsa.PublicKey:
		if len(sig) != 2*a.length { // RFC 7518 §3.4
			return false
		}
		r, s := new(big.Int).SetBytes(sig[:a.length]), new(big.Int).SetBytes(sig[a.length:])
		return ecdsa.Verify(key, digestOf(sum[:0], a.hash, input), r, s)
	case *rsa.PublicKey:
		digest := digestOf(sum[:0], a.hash, input)
		if a.family == rsaPSS {
			return rsa.VerifyPSS(key, a.hash, digest, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(key, a.hash, digest, sig) == nil
	default:
		return false
	}
}
