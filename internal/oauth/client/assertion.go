package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

const (
	maxAssertion = 16 << 10
	maxJTI       = 512
	clockSkew    = time.Minute // how far clocks may be apart
)

// assertion is a client assertion taken apart but not yet believed.
type assertion struct {
	jws    *jose.JSONWebSignature
	alg    string
	kid    string
	claims assertionClaims
}

// assertionClaims are the claims of RFC 7523 §3 and OpenID Connect Core §9.
type assertionClaims struct {
	Issuer    string      `json:"iss"`
	Subject   string      `json:"sub"`
	Audience  audience    `json:"aud"`
	ExpiresAt numericDate `json:"exp"`
	NotBefore numericDate `json:"nbf"`
	IssuedAt  numericDate `json:"iat"`
	ID        string      `json:"jti"`
}

// audience is one text or a list of texts (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON reads either form.
func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*a = audience{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil {
		return err
	}
	*a = many
	return nil
}

// numericDate is seconds since 1970, perhaps with a fraction (RFC 7519 §2); 0 is absent.
type numericDate float64

func (n numericDate) time() time.Time { return time.Unix(int64(n), 0).UTC() }

func (n numericDate) sane() bool {
	return !math.IsNaN(float64(n)) && n >= 0 && n < 1<<40
}

// readAssertion takes an assertion apart. Nothing in it is proven then.
func readAssertion(text string) (*assertion, error) {
	if len(text) > maxAssertion {
		return nil, refuse("the assertion is too long")
	}
	algs := make([]jose.SignatureAlgorithm, 0, 10)
	for _, a := range oauth.SigningAlgs() {
		algs = append(algs, jose.SignatureAlgorithm(a))
	}
	jws, err := jose.ParseSignedCompact(text, algs)
	var unexpected *jose.ErrUnexpectedSignatureAlgorithm
	if errors.As(err, &unexpected) && strings.HasPrefix(string(unexpected.Got), "HS") {
		return nil, oauth.ErrInvalidClient.With("The authentication method client_secret_jwt is not supported: sign the assertion with a private key (private_key_jwt), or use client_secret_basic.")
	}
	if err != nil {
		return nil, refuse("the assertion is no JWT signed with " + strings.Join(oauth.SigningAlgs(), ", "))
	}
	a := &assertion{jws: jws, alg: jws.Signatures[0].Header.Algorithm, kid: jws.Signatures[0].Header.KeyID}
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &a.claims); err != nil {
		return nil, refuse("the claims of the assertion cannot be read")
	}
	return a, nil
}

// checkClaims holds the claims to RFC 7523 §3.
func (a *assertion) checkClaims(now time.Time, audiences []string, longest time.Duration) error {
	c := &a.claims
	switch {
	case c.Issuer == "" || c.Issuer != c.Subject:
		return refuse("iss and sub of the assertion must both be the client_id")
	case !slices.ContainsFunc(c.Audience, func(aud string) bool { return slices.Contains(audiences, aud) }):
		return refuse("aud of the assertion must be the issuer or the URL of the token endpoint")
	case !c.ExpiresAt.sane() || !c.NotBefore.sane() || !c.IssuedAt.sane():
		return refuse("a time in the assertion is out of range")
	case c.ExpiresAt == 0:
		return refuse("exp is missing in the assertion")
	case !now.Before(c.ExpiresAt.time().Add(clockSkew)):
		return refuse("the assertion has expired")
	case c.ExpiresAt.time().After(now.Add(longest + clockSkew)):
		return refuse("exp of the assertion lies more than " + longest.String() + " ahead")
	case c.NotBefore.time().After(now.Add(clockSkew)):
		return refuse("nbf of the assertion lies ahead")
	case c.IssuedAt.time().After(now.Add(clockSkew)):
		return refuse("iat of the assertion lies ahead")
	case c.ID == "" || len(c.ID) > maxJTI:
		return refuse("jti is missing in the assertion, or too long")
	}
	return nil
}

// assert authenticates by private_key_jwt (OpenID Connect Core §9).
func (a *Authenticator) assert(ctx context.Context, claimed Credentials) (*Client, error) {
	given, err := readAssertion(claimed.Assertion)
	if err != nil {
		return nil, err
	}
	id := given.claims.Subject
	if claimed.ID != "" && claimed.ID != id {
		return nil, refuse("client_id and sub of the assertion differ") // RFC 7521 §4.2
	}
	if err := given.checkClaims(a.Now(), a.Audiences(ctx), a.AssertionMaxLifetime); err != nil {
		return nil, err
	}
	c, err := a.Store.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, oauth.ErrInvalidClient.Because(err)
	} else if err != nil {
		return nil, err
	}
	if c.TokenEndpointAuthMethod != oauth.AuthPrivateKeyJWT ||
		c.TokenEndpointAuthSigningAlg != "" && c.TokenEndpointAuthSigningAlg != given.alg {
		return nil, oauth.ErrInvalidClient.Because(errors.New("registered for another method or algorithm"))
	}
	if err := a.verifySignature(ctx, c, given); err != nil {
		return nil, err
	}
	// A token id counts once per client. It is kept until the assertion would be refused as expired.
	digest := secret.Digest(id + "\x00" + given.claims.ID)
	until := given.claims.ExpiresAt.time().Add(clockSkew)
	if err := a.Store.UseAssertion(ctx, digest, until); err != nil {
		return nil, err
	}
	return c, nil
}

func (a *Authenticator) verifySignature(ctx context.Context, c *Client, given *assertion) error {
	keys, err := a.keysOf(ctx, c, given)
	if err != nil {
		return oauth.ErrInvalidClient.Because(fmt.Errorf("the keys at the client's jwks_uri: %w", err))
	}
	for _, k := range keys {
		if _, err := given.jws.Verify(k); err == nil {
			return nil
		}
	}
	return oauth.ErrInvalidClient.Because(errors.New("no key of the client verifies the assertion"))
}

func (a *Authenticator) keysOf(ctx context.Context, c *Client, given *assertion) ([]*jose.JSONWebKey, error) {
	if c.JWKSURI != "" {
		return a.Keys.Find(ctx, c.JWKSURI, given.kid, given.alg)
	}
	if c.JWKS == nil {
		return nil, nil
	}
	return candidates(&c.JWKS.Set, given.kid, given.alg), nil
}

// refuse says what is wrong with credentials that tell nothing about a client.
func refuse(why string) error {
	return oauth.ErrInvalidClient.With("Client authentication failed: " + why + ".")
}
