package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
)

// tokenBytes is the randomness of a token: 256 bits, above the 128 that RFC 6749 §10.10 asks for.
const tokenBytes = 32

// Tokens makes and checks opaque tokens: <prefix>_<kind>_<32 random bytes>.<HMAC-SHA256>, both parts base64url. The
// HMAC covers all that stands before it, so a token of one kind is none of another, and a made-up token is refused
// without a look into the database. Its fields are set once; it may be used by many goroutines.
type Tokens struct {
	// Prefix stands in front of every token, so that secret scanners find leaked ones. It holds no underscore.
	Prefix string
	// Ring signs with the key that makes and accepts all. Give it a ring of its own purpose.
	Ring *Ring
}

// New makes a token of a kind, which is a short word without underscore, and the digest under which it is stored.
func (t *Tokens) New(kind string) (token, digest string) {
	k := t.Ring.first()
	s := k.borrow()
	rand.Read(s.sum[:tokenBytes])
	s.buf = append(append(s.buf[:0], t.Prefix...), '_')
	s.buf = append(append(s.buf, kind...), '_')
	s.buf = b64.AppendEncode(s.buf, s.sum[:tokenBytes])
	s.sign(len(s.buf))
	s.buf = append(append(s.buf, '.'), s.text[:]...)
	token, digest = string(s.buf), s.digest()
	k.giveBack(s)
	return token, digest
}

// Check tells whether token is a token of kind that was made with any key of the ring, and gives the digest under
// which it is stored. It says nothing of expiry or revocation.
func (t *Tokens) Check(kind, token string) (digest string, ok bool) {
	if !t.shaped(kind, token) {
		return "", false
	}
	dot := len(token) - digestLen - 1
	for _, k := range t.Ring.keys {
		s := k.borrow()
		s.buf = append(s.buf[:0], token...)
		s.sign(dot)
		if subtle.ConstantTimeCompare(s.text[:], s.buf[dot+1:]) == 1 {
			digest, ok = s.digest(), true
		}
		k.giveBack(s)
		if ok {
			return digest, true
		}
	}
	return "", false
}

// Kind gives the kind that a token names, without checking that it is genuine; "" when it is no token of this prefix.
// It lets one endpoint take tokens of several kinds.
func (t *Tokens) Kind(token string) string {
	rest, found := strings.CutPrefix(token, t.Prefix)
	if !found || rest == "" || rest[0] != '_' {
		return ""
	}
	kind, _, found := strings.Cut(rest[1:], "_")
	if !found || !t.shaped(kind, token) {
		return ""
	}
	return kind
}

// shaped tells whether token has the length and the fixed parts of one of kind. None of it is secret.
func (t *Tokens) shaped(kind, token string) bool {
	p, n := len(t.Prefix), len(t.Prefix)+len(kind)+2
	return len(token) == n+2*digestLen+1 &&
		token[:p] == t.Prefix && token[p] == '_' &&
		token[p+1:n-1] == kind && token[n-1] == '_' &&
		token[n+digestLen] == '.'
}

// sign puts the base64url HMAC of the first n bytes of the buffer into text.
func (s *macState) sign(n int) {
	s.hash.Write(s.buf[:n])
	b64.Encode(s.text[:], s.hash.Sum(s.sum[:0]))
}

// digest gives the base64url SHA-256 of the buffer. It overwrites text.
func (s *macState) digest() string {
	sum := sha256.Sum256(s.buf)
	b64.Encode(s.text[:], sum[:])
	return string(s.text[:])
}
