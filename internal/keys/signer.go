package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/go-jose/go-jose/v4"
)

var b64 = base64.RawURLEncoding.Strict()

// The types of token that Gatehouse signs most; their headers are encoded once per key.
const (
	// TypeJWT is the header `typ` of ID tokens (RFC 7519 §5.1).
	TypeJWT = "JWT"
	// TypeAccessToken is the header `typ` of JWT access tokens (RFC 9068 §2.1).
	TypeAccessToken = "at+jwt"
)

// signer is a private key with all that can be computed before the claims are known. It builds compact JWS (RFC 7515
// §7.1) in one buffer instead of calling go-jose, whose signer encodes and decodes the header each time.
type signer struct {
	kid       string
	algorithm *algorithm
	key       any
	size      int // of a signature, in bytes
	jwt, at   []byte
}

func newSigner(k jose.JSONWebKey) (*signer, error) {
	a := algorithms[k.Algorithm]
	if a == nil {
		return nil, fmt.Errorf("%q is not a signature algorithm", k.Algorithm)
	}
	if err := a.fits(k.Key); err != nil {
		return nil, err
	}
	s := &signer{kid: k.KeyID, algorithm: a, key: k.Key}
	switch key := k.Key.(type) {
	case *rsa.PrivateKey:
		key.Precompute()
		s.size = key.Size()
	case *ecdsa.PrivateKey:
		s.size = 2 * a.length
	case ed25519.PrivateKey:
		s.size = ed25519.SignatureSize
	case []byte:
		s.size = a.hash.Size()
	default:
		return nil, errors.New("a public key cannot sign")
	}
	s.jwt = encodeHeader(a, s.kid, TypeJWT)
	s.at = encodeHeader(a, s.kid, TypeAccessToken)
	return s, nil
}

// header returns the encoded protected header with the dot after it.
func (s *signer) header(typ string) []byte {
	switch typ {
	case TypeJWT:
		return s.jwt
	case TypeAccessToken:
		return s.at
	default:
		return encodeHeader(s.algorithm, s.kid, typ)
	}
}

// encodeHeader returns {"alg":…,"kid":…,"typ":…}. Names are visible ASCII, for which Go's quotes are JSON's.
func encodeHeader(a *algorithm, kid, typ string) []byte {
	plain := `{"alg":"` + a.name + `","kid":` + strconv.Quote(kid) + `,"typ":` + strconv.Quote(typ) + `}`
	return append(b64.AppendEncode(nil, []byte(plain)), '.')
}

// sign returns the compact JWS of the claims.
func (s *signer) sign(typ string, claims []byte) (string, error) {
	header := s.header(typ)
	out := make([]byte, 0, len(header)+b64.EncodedLen(len(claims))+1+b64.EncodedLen(s.size))
	out = append(out, header...)
	out = b64.AppendEncode(out, claims)
	var room [512]byte // no signature is longer: RSA keys have at most 4096 bits
	sig, err := s.signature(room[:0], out)
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", s.kid, err)
	}
	out = append(out, '.')
	return string(b64.AppendEncode(out, sig)), nil
}

// signature signs the input, into dst where the library lets it.
func (s *signer) signature(dst, input []byte) ([]byte, error) {
	a := s.algorithm
	if a.family == edwards {
		return ed25519.Sign(s.key.(ed25519.PrivateKey), input), nil
	}
	if a.family == symmetric {
		mac := hmac.New(a.hash.New, s.key.([]byte))
		mac.Write(input)
		return mac.Sum(dst), nil
	}
	var sum [64]byte
	digest := digestOf(sum[:0], a.hash, input)
	switch a.family {
	case rsaPKCS1:
		return rsa.SignPKCS1v15(nil, s.key.(*rsa.PrivateKey), a.hash, digest)
	case rsaPSS:
		// RFC 7518 §3.5: the salt is as long as the hash.
		return rsa.SignPSS(rand.Reader, s.key.(*rsa.PrivateKey), a.hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	default:
		// Without a source of randomness the nonce is that of RFC 6979, as RFC 8725 §3.2 asks for; it is also faster.
		der, err := s.key.(*ecdsa.PrivateKey).Sign(nil, digest, a.hash)
		if err != nil {
			return nil, err
		}
		return joinHalves(dst, der, a.length)
	}
}

func digestOf(dst []byte, h crypto.Hash, input []byte) []byte {
	switch h {
	case crypto.SHA256:
		d := sha256.Sum256(input)
		return append(dst, d[:]...)
	case crypto.SHA384:
		d := sha512.Sum384(input)
		return append(dst, d[:]...)
	default:
		d := sha512.Sum512(input)
		return append(dst, d[:]...)
	}
}

// joinHalves turns a DER signature into the two halves of RFC 7518 §3.4, each filled up to n bytes.
func joinHalves(dst, der []byte, n int) ([]byte, error) {
	input := cryptobyte.String(der)
	var inner, r, s cryptobyte.String
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1(&r, asn1.INTEGER) || !inner.ReadASN1(&s, asn1.INTEGER) {
		return nil, errors.New("malformed ECDSA signature")
	}
	for _, half := range []cryptobyte.String{r, s} {
		for len(half) > 0 && half[0] == 0 {
			half = half[1:]
		}
		if len(half) > n {
			return nil, errors.New("malformed ECDSA signature")
		}
		for range n - len(half) {
			dst = append(dst, 0)
		}
		dst = append(dst, half...)
	}
	return dst, nil
}
