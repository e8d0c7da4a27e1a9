package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
)

// JWTSettings are the settings of the authenticator jwt.
type JWTSettings struct {
	// JWKSURLs are where the issuers' public keys are: https, http or file URLs. Without them, JWTs of this server are checked
	// in this process.
	JWKSURLs []string `json:"jwks_urls"`
	// JWKSMaxWait is how long a request waits for keys that are not there yet. Default: 1s.
	JWKSMaxWait string `json:"jwks_max_wait"`
	// JWKSTTL is how old keys get before they are read again, in the background. Default: 30s.
	JWKSTTL string `json:"jwks_ttl"`
	// AllowedAlgorithms are those of RFC 7518 §3.1 that a token may be signed with. Default: RS256; for JWTs of this server
	// all asymmetric ones.
	AllowedAlgorithms []string `json:"allowed_algorithms"`
	// TrustedIssuers are the permitted values of iss. Default: any.
	TrustedIssuers []string `json:"trusted_issuers"`
	// TargetAudience are values that aud must have, all of them.
	TargetAudience []string `json:"target_audience"`
	// RequiredScope are scopes that must be granted, all of them.
	RequiredScope []string `json:"required_scope"`
	// ScopeStrategy is exact, hierarchic or wildcard. Without it, as with none, nothing meets a RequiredScope; JWTs of this server are
	// compared as its clients' scopes are.
	ScopeStrategy string `json:"scope_strategy"`
	// TokenFrom says where the token is. Default: Authorization.
	TokenFrom *TokenFrom `json:"token_from"`
}

// jwts makes the authenticators of JWTs, which share key sets and what they verified.
type jwts struct {
	o        Options
	bound    *confirmer
	sets     *keySets
	verified *cache.Cache[*verified]
}

// keepVerified bounds how long a verified JWT is kept without its signature being checked again.
const keepVerified = 10 * time.Minute

func newJWTs(o Options, bound *confirmer) *jwts {
	return &jwts{
		o: o, bound: bound, sets: newKeySets(o),
		verified: cache.New[*verified](cache.Options{Name: "access_jwt", Max: o.CacheSize, TTL: keepVerified, Now: o.Now}),
	}
}

// verified is a JWT whose signature was checked.
type verified struct {
	known
	claims map[string]any
	scopes []string
	typ    string // the header typ in lower case
	mark   string // of the key: publicKey.mark
	alg    jose.SignatureAlgorithm
}

// make makes a jwt.
func (j *jwts) make(from access.Settings) (access.Authenticator, error) {
	settings := JWTSettings{JWKSMaxWait: "1s", JWKSTTL: "30s"}
	if err := from.Decode(&settings); err != nil {
		return nil, err
	}
	where, err := newLocation(settings.TokenFrom, "")
	if err != nil {
		return nil, err
	}
	strategy, found, err := strategyOf(settings.ScopeStrategy)
	if err != nil {
		return nil, err
	}
	want := demands{scopes: settings.RequiredScope, audiences: settings.TargetAudience, issuers: settings.TrustedIssuers, strategy: strategy}
	if len(settings.JWKSURLs) == 0 {
		if !found {
			want.strategy = j.o.Scopes
		}
		return j.own(where, want, settings.AllowedAlgorithms)
	}
	want.incomparable = len(want.scopes) > 0 && !found
	return j.foreign(where, want, &settings)
}

// foreign makes a jwt for tokens of other issuers, and begins to read their keys.
func (j *jwts) foreign(where location, want demands, s *JWTSettings) (access.Authenticator, error) {
	a := &foreignJWT{jwts: j, where: where, want: want}
	if len(s.AllowedAlgorithms) == 0 {
		s.AllowedAlgorithms = []string{"RS256"}
	}
	var err error
	if a.algorithms, err = algorithmsOf(s.AllowedAlgorithms); err != nil {
		return nil, err
	}
	for _, d := range []struct {
		path, text string
		to         *time.Duration
	}{{"jwks_max_wait", s.JWKSMaxWait, &a.wait}, {"jwks_ttl", s.JWKSTTL, &a.ttl}} {
		if *d.to, err = time.ParseDuration(d.text); err != nil || *d.to <= 0 {
			return nil, fmt.Errorf("%s: %q is no duration, such as 1s", d.path, d.text)
		}
	}
	for i, address := range s.JWKSURLs {
		set, err := j.sets.at(address)
		if err != nil {
			return nil, fmt.Errorf("jwks_urls[%d]: %w", i, err)
		}
		a.sets = append(a.sets, set)
	}
	a.scope = newScopeKey(strings.Join(s.JWKSURLs, " "), s.AllowedAlgorithms)
	return a, nil
}

// algorithmsOf reads the names of signature algorithms; none is none of them (RFC 8725 §3.2).
func algorithmsOf(names []string) ([]jose.SignatureAlgorithm, error) {
	all := append(proofAlgorithms(), jose.HS256, jose.HS384, jose.HS512)
	list := make([]jose.SignatureAlgorithm, 0, len(names))
	for i, name := range names {
		a := jose.SignatureAlgorithm(name)
		if !slices.Contains(all, a) {
			return nil, fmt.Errorf("allowed_algorithms[%d]: %q is no algorithm that signatures are checked by", i, name)
		}
		list = append(list, a)
	}
	return list, nil
}

// foreignJWT checks JWTs by key sets of others.
type foreignJWT struct {
	*jwts
	where      location
	want       demands
	algorithms []jose.SignatureAlgorithm
	sets       []*keySet
	ttl, wait  time.Duration
	scope      scopeKey // what makes a verified token good for this handler: keys and algorithms
}

// Warnings implements access.Warner.
func (a *foreignJWT) Warnings() []string {
	if a.want.incomparable {
		return []string{"scope_strategy: is none, and required_scope is there: every token is answered with 500, as Oathkeeper does; write exact, hierarchic or wildcard"}
	}
	return nil
}

// scopeKey keeps apart in one cache what was verified under different conditions.
type scopeKey [16]byte

func newScopeKey(keys string, algorithms []string) scopeKey {
	sum := sha256.Sum256([]byte(keys + "\n" + strings.Join(algorithms, " ")))
	return scopeKey(sum[:16])
}

// keyOf is the key of a token in the cache: not the token itself, which a dump of the memory should not show.
func keyOf(scope *scopeKey, token string) string {
	var key [len(scope) + sha256.Size]byte
	copy(key[:], scope[:])
	sum := sha256.Sum256([]byte(token))
	copy(key[len(scope):], sum[:])
	return string(key[:])
}

// Authenticate verifies the token, or remembers that it did.
func (a *foreignJWT) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	c, err := a.where.find(r)
	if err != nil {
		return nil, err
	}
	if !jwtShaped(c.token) {
		return nil, access.ErrNotResponsible
	}
	key := keyOf(&a.scope, c.token)
	v, ok := a.verified.Get(ctx, key)
	if !ok || !a.standing(ctx, v) {
		if v, err = a.verify(ctx, c.token); err != nil {
			return nil, err
		}
		a.keep(ctx, key, v)
	}
	return a.principal(ctx, r, c, v, &a.want)
}

// jwtShaped reports whether the text has three parts.
func jwtShaped(text string) bool { return strings.Count(text, ".") == 2 }

// standing reports whether the key that a token was verified with is still published. A set that cannot be read at all makes the
// token be verified again, which says so.
func (a *foreignJWT) standing(ctx context.Context, v *verified) bool {
	for _, set := range a.sets {
		if state, err := set.all(ctx, a.ttl, a.wait); err == nil && state.holds(v.mark) {
			return true
		}
	}
	return false
}

func (j *jwts) keep(ctx context.Context, key string, v *verified) {
	life := keepVerified
	if !v.Expires.IsZero() {
		life = min(life, v.Expires.Sub(j.o.Now()))
	}
	j.verified.Set(ctx, key, v, life)
}

// verify checks the signature by the keys of all sets, and once more where a set lacked the key and was read again.
func (a *foreignJWT) verify(ctx context.Context, token string) (*verified, error) {
	jws, err := parseJWT(token, a.algorithms)
	if err != nil {
		return nil, err
	}
	var unread error
	failed := errNoKey
	for _, set := range a.sets {
		state, err := set.all(ctx, a.ttl, a.wait)
		if err != nil {
			unread = err
			continue
		}
		v, err := verifyBy(jws, state.keys)
		if errors.Is(err, errNoKey) {
			if newer := set.again(ctx, state, a.wait); newer != nil {
				v, err = verifyBy(jws, newer.keys)
			}
		}
		if err == nil {
			return v, nil
		}
		if !errors.Is(err, errNoKey) {
			failed = err
		}
	}
	if unread != nil && errors.Is(failed, errNoKey) {
		return nil, unread // nobody knows whether the key is among those that cannot be read
	}
	return nil, access.ErrUnauthorized.Because(failed)
}

// principal checks what a verified token says.
func (j *jwts) principal(ctx context.Context, r *access.Request, c credential, v *verified, want *demands) (*access.Principal, error) {
	if err := v.current(j.o.Now()); err != nil {
		return nil, access.ErrUnauthorized.Because(err)
	}
	if err := want.metByJWT(v.Issuer, v.Audience, v.scopes); err != nil {
		return nil, err
	}
	if err := j.bound.check(ctx, r, c, v.Confirmation); err != nil {
		return nil, err
	}
	return &access.Principal{Subject: v.Subject, Extra: v.claims, Scopes: v.scopes, Expires: v.Expires.Time}, nil
}
