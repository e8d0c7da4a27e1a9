package authn

import (
	"context"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// accessTokenType is the type of JWT access tokens (RFC 9068 §2.1).
const accessTokenType = "at+jwt"

// own makes a jwt for tokens that this server signed.
func (j *jwts) own(where location, want demands, algorithms []string) (access.Authenticator, error) {
	if j.o.Keys == nil || j.o.Tokens == nil {
		return nil, errors.New("jwks_urls: is missing, and this server signs no tokens of its own")
	}
	a := &ownJWT{jwts: j, where: where, want: want, algorithms: proofAlgorithms(), scope: newScopeKey("own", algorithms)}
	if len(algorithms) > 0 {
		var err error
		if a.algorithms, err = algorithmsOf(algorithms); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// ownJWT checks JWTs that this server signed.
type ownJWT struct {
	*jwts
	where      location
	want       demands
	algorithms []jose.SignatureAlgorithm
	scope      scopeKey // what makes a verified token good for this handler
}

// Authenticate looks the token up where it is an access token, so that a revoked one is refused, and verifies it where it is
// not. An ID token is made for a client and not for an API; it is accepted where target_audience names that client, and nowhere
// else.
func (a *ownJWT) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	c, err := a.where.find(r)
	if err != nil {
		return nil, err
	}
	if !jwtShaped(c.token) {
		return nil, access.ErrNotResponsible
	}
	var v *verified
	t, err := a.o.Tokens.Active(ctx, c.token)
	switch {
	case err == nil:
		v, err = t.asJWT(c.token, a.algorithms)
	case errors.Is(err, ErrForeign), errors.Is(err, ErrUnknown):
		v, err = a.known(ctx, c.token)
		if err == nil && (v.typ == accessTokenType || len(a.want.audiences) == 0 || v.Expires.IsZero()) {
			err = access.ErrUnauthorized.Because(errType)
		}
	}
	if err != nil {
		return nil, err
	}
	if a.o.Issuer != nil && v.Issuer != a.o.Issuer(ctx) {
		return nil, access.ErrUnauthorized.Because(errors.New("iss is another issuer's"))
	}
	return a.principal(ctx, r, c, v, &a.want)
}

// asJWT reads the claims of a token whose signature was checked when it was looked up, once.
func (t *Token) asJWT(text string, algorithms []jose.SignatureAlgorithm) (*verified, error) {
	v := t.signed.Load()
	if v == nil {
		jws, err := parseJWT(text, proofAlgorithms())
		if err != nil {
			return nil, err
		}
		if v, err = readVerified(jws.UnsafePayloadWithoutVerification(), typeOf(jws), ""); err != nil {
			return nil, access.ErrUnauthorized.Because(err)
		}
		v.alg = jose.SignatureAlgorithm(jws.Signatures[0].Protected.Algorithm)
		// What the token itself says it is bound to holds too, whoever stored it knew of that or not.
		switch {
		case v.Confirmation == (Confirmation{}):
			v.Confirmation = t.Confirmation
		case t.Confirmation != (Confirmation{}) && t.Confirmation != v.Confirmation:
			v.Confirmation.Other = true
		}
		t.signed.Store(v)
	}
	if !slices.Contains(algorithms, v.alg) {
		return nil, access.ErrUnauthorized.Because(errors.New("the algorithm is not one that is allowed"))
	}
	return v, nil
}

// known returns the verified token, from memory as long as its key is published.
func (a *ownJWT) known(ctx context.Context, token string) (*verified, error) {
	set, err := a.o.Keys.Public(ctx)
	if err != nil {
		return nil, access.ErrUnavailable.Because(err)
	}
	key := keyOf(&a.scope, token)
	if v, ok := a.verified.Get(ctx, key); ok && published(set, v.mark) {
		return v, nil
	}
	jws, err := parseJWT(token, a.algorithms)
	if err != nil {
		return nil, err
	}
	v, err := verifyOwn(jws, set)
	if err != nil {
		return nil, access.ErrUnauthorized.Because(err)
	}
	a.keep(ctx, key, v)
	return v, nil
}

// verifyOwn checks the signature by our own published keys. What is kept of the key is its id, under which it is published.
func verifyOwn(jws *jose.JSONWebSignature, set jose.JSONWebKeySet) (*verified, error) {
	keys := make([]publicKey, 0, len(set.Keys))
	for _, jwk := range set.Keys {
		if jwk.Use == "" || jwk.Use == "sig" {
			keys = append(keys, publicKey{jwk, jwk.KeyID})
		}
	}
	return verifyBy(jws, keys)
}

func published(set jose.JSONWebKeySet, kid string) bool {
	return slices.ContainsFunc(set.Keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
}
