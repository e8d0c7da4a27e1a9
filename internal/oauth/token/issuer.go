package token

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Signer signs claims with the active key of a set. Package keys has the real one.
type Signer interface {
	Sign(ctx context.Context, set, typ string, claims []byte) (string, error)
	Alg(ctx context.Context, set string) string
}

// Issuer mints tokens. It decides what stands in them; the Store keeps them.
type Issuer struct {
	Config    Config
	Lifespans oauth.Lifespans
	Scopes    oauth.ScopeStrategy
	Store     *Store
	Tokens    *secret.Tokens
	Keys      Signer
	// URL gives the issuer identifier (`iss`) under which the tenant of ctx is served.
	URL func(ctx context.Context) string
	Now func() time.Time
}

// AccessToken is an access token as it is told to a client.
type AccessToken struct {
	Token     string
	ExpiresAt time.Time
	Type      string // "bearer", in the spelling that Ory's token responses have
	ExpiresIn int64  // whole seconds from issue to expiry
}

// AccessToken mints an access token for the front channel (implicit and hybrid flows) and returns when it is stored.
// Its lifetime is that of the client's implicit grant.
func (i *Issuer) AccessToken(ctx context.Context, c *client.Client, g Grant) (AccessToken, error) {
	at, t, err := i.access(ctx, c, i.begun(ctx, g), oauth.GrantImplicit)
	if err != nil {
		return AccessToken{}, err
	}
	return at, i.Store.insert(ctx, t)
}

// IDToken mints an ID token (OpenID Connect Core §2) for the front channel. accessToken and code are those that are
// delivered with it, for at_hash and c_hash; both may be empty.
func (i *Issuer) IDToken(ctx context.Context, c *client.Client, g Grant, accessToken, code string) (string, error) {
	return i.idToken(ctx, c, i.begun(ctx, g), oauth.GrantImplicit, accessToken, code)
}

// begun completes a grant that has just been made. Without a family its tokens could not be revoked together.
func (i *Issuer) begun(ctx context.Context, g Grant) Grant {
	if g.Family == "" {
		g.Family = secret.NewID()
	}
	if g.Issuer == "" {
		g.Issuer = i.URL(ctx)
	}
	return g
}

// access mints an access token in the form that the client is registered for, and the row to store for it.
func (i *Issuer) access(ctx context.Context, c *client.Client, g Grant, grantType string) (AccessToken, *Token, error) {
	now, lifespan := i.Now(), c.Lifespan(oauth.KindAccess, grantType, i.Lifespans)
	t := &Token{Grant: g, Kind: Access, IssuedAt: now, ExpiresAt: now.Add(lifespan)}
	at := AccessToken{ExpiresAt: t.ExpiresAt, Type: "bearer", ExpiresIn: int64(lifespan / time.Second)}
	if c.Strategy(i.Config.AccessTokenStrategy) != oauth.StrategyJWT {
		at.Token, t.Digest = i.Tokens.New(string(Access))
		return at, t, nil
	}
	id := secret.NewID()
	t.Digest = secret.Digest(id)
	claims, err := i.accessClaims(t, id)
	if err != nil {
		return AccessToken{}, nil, err
	}
	at.Token, err = i.Keys.Sign(ctx, keys.AccessToken, accessTokenType, claims)
	return at, t, err
}

// refreshToken mints a refresh token, and the row to store for it.
func (i *Issuer) refreshToken(c *client.Client, g Grant, grantType string) (string, *Token) {
	t := &Token{Grant: g, Kind: Refresh, IssuedAt: i.Now()}
	if lifespan := c.Lifespan(oauth.KindRefresh, grantType, i.Lifespans); lifespan != oauth.NeverExpires {
		t.ExpiresAt = t.IssuedAt.Add(lifespan)
	}
	var token string
	token, t.Digest = i.Tokens.New(string(Refresh))
	return token, t
}
