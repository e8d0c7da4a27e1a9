package token

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Names of the key sets that sign tokens; they are Ory's, so that operators find them where they did.
const (
	IDTokenKeys     = "hydra.openid.id-token"
	AccessTokenKeys = "hydra.jwt.access-token"
)

// Signer signs claims with the active key of a set. Package keys has the real one.
type Signer interface {
	Sign(ctx context.Context, set, typ string, claims []byte) (string, error)
	Alg(ctx context.Context, set string) string
}

// Issuer mints tokens. It decides what stands in them; the Store keeps them.
type Issuer struct {
	Config Config
	Store  *Store
	Tokens *secret.Tokens
	Keys   Signer
	// URL gives the issuer identifier (`iss`) under which the tenant of ctx is served.
	URL func(ctx context.Context) string
	Now func() time.Time
}

// AccessToken is an access token as it is told to a client.
type AccessToken struct {
	Token     string
	ExpiresAt time.Time
	Type      string // "bearer", in the spelling that Ory's token responses have
}

// ExpiresIn gives the remaining whole seconds, as `expires_in` states them.
func (a AccessToken) ExpiresIn(now time.Time) int64 { return int64(a.ExpiresAt.Sub(now) / time.Second) }

// AccessToken mints an access token for the front channel (implicit and hybrid flows) and returns when it is stored.
func (i *Issuer) AccessToken(ctx context.Context, c *client.Client, g Grant) (AccessToken, error) {
	return AccessToken{}, nil
}

// IDToken mints an ID token (OpenID Connect Core §2). accessToken and code are those that are delivered with it, for
// at_hash and c_hash; both may be empty.
func (i *Issuer) IDToken(ctx context.Context, c *client.Client, g Grant, accessToken, code string) (string, error) {
	return "", nil
}
