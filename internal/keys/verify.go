package keys

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// maxToken is the longest token that Verify reads, in bytes. More than a URL or a header carries is an attack.
const maxToken = 64 << 10

// Verify checks the signature of a token of ours by the set's published keys and returns its claims as they were
// signed. It checks nothing in the claims: neither expiry nor audience nor issuer.
//
// Each key is good for its own algorithm only (RFC 8725 §3.1), so "none" and a public key used as a shared secret are
// refused. typ is the expected header of that name; another type is refused, so that one kind of token does not pass
// for another (§3.11). A token that names a key is checked by that key, one without by every key of its algorithm.
func (k *Keys) Verify(ctx context.Context, set, token, typ string) ([]byte, error) {
	s, err := k.get(ctx, set)
	if err != nil {
		return nil, err
	}
	claims, err := s.verify(token, typ, k.Now())
	if err != nil {
		return nil, ErrInvalidToken.Because(err)
	}
	return claims, nil
}

var (
	errTooLong   = errors.New("token is too long")
	errMalformed = errors.New("token is not a compact JWS")
	errType      = errors.New("token is of another type")
	errNoKey     = errors.New("no key of this id and algorithm")
	errSignature = errors.New("signature does not match")
)

func (s *snapshot) verify(token, typ string, now time.Time) ([]byte, error) {
	if len(token) > maxToken {
		return nil, errTooLong
	}
	// What we signed ourselves begins with a header of ours, byte for byte, so there is nothing in it to parse.
	for i := range s.checkers {
		c := &s.checkers[i]
		if rest, ours := c.ours(token, typ); ours && c.alive(now) {
			return c.check(token, rest)
		}
	}
	return s.parse(token, typ, now)
}

// parse verifies tokens whose header is not as we write it: those of a server whose keys were taken over.
func (s *snapshot) parse(token, typ string, now time.Time) ([]byte, error) {
	if len(s.algorithms) == 0 {
		return nil, errNoKey
	}
	jws, err := jose.ParseSignedCompact(token, s.algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errMalformed
	}
	header := &jws.Signatures[0].Protected
	if got, _ := header.ExtraHeaders[jose.HeaderType].(string); !sameType(got, typ) {
		return nil, errType
	}
	err = errNoKey
	for i := range s.checkers {
		c := &s.checkers[i]
		if header.KeyID != "" && header.KeyID != c.kid || header.Algorithm != c.algorithm.name || !c.alive(now) {
			continue
		}
		claims, bad := jws.Verify(c.key)
		if bad == nil {
			return claims, nil
		}
		err = errSignature
	}
	return nil, err
}

// sameType compares media types as RFC 7515 §4.1.9 says: without regard to case, "application/" may be left out.
func sameType(got, want string) bool {
	const prefix = "application/"
	if len(got) > len(prefix) && strings.EqualFold(got[:len(prefix)], prefix) && !strings.Contains(got[len(prefix):], "/") {
		got = got[len(prefix):]
	}
	return strings.EqualFold(got, want)
}
