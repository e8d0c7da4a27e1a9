package token

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

// redeem spends a code or refresh token and issues what it is good for. granted is what the access token gets; the
// refresh token keeps all that old had. Everything is minted before old is spent: a failing signer costs nobody a code.
func (i *Issuer) redeem(ctx context.Context, c *client.Client, old *Token, granted Grant, grantType string) (*Response, error) {
	at, access, err := i.access(ctx, c, later(granted), grantType)
	if err != nil {
		return nil, err
	}
	res, tokens := &Response{Access: at, Scope: granted.Scope}, []*Token{access}
	if old.Offline() && c.GrantAllowed(oauth.GrantRefreshToken) {
		var refresh *Token
		res.RefreshToken, refresh = i.refreshToken(c, later(old.Grant), grantType)
		tokens = append(tokens, refresh)
	}
	if granted.Has(oauth.ScopeOpenID) {
		if grantType == oauth.GrantRefreshToken {
			granted.Nonce = "" // OpenID Connect Core §12.2: it was for the first ID token
		}
		if res.IDToken, err = i.idToken(ctx, c, granted, grantType, at.Token, ""); err != nil {
			return nil, err
		}
	}
	won, err := i.Store.exchange(ctx, old, tokens...)
	if err != nil {
		return nil, err
	}
	if !won {
		return nil, i.lost(ctx, old)
	}
	return res, nil
}

// registered holds what a code or refresh token would give against the client's registration as it is now: what was taken
// from that since the person consented, the client cannot have any more.
func (i *Issuer) registered(c *client.Client, g *Grant) error {
	if err := c.AllowedScope(i.Scopes, g.Scope); err != nil {
		return err
	}
	return c.AllowedAudience(g.Audience)
}

// later leaves out of a grant what only the redemption of the code needed.
func later(g Grant) Grant {
	g.RedirectURI, g.CodeChallenge, g.Nonce = "", "", ""
	return g
}

// lost answers a request that was not the first to spend a token.
func (i *Issuer) lost(ctx context.Context, old *Token) error {
	t, err := i.Store.load(ctx, old.Digest)
	switch {
	case errors.Is(err, ErrUnknown):
		return oauth.ErrInvalidGrant.With("The code or refresh token does not exist any more.")
	case err != nil:
		return err
	case !t.RevokedAt.IsZero():
		return oauth.ErrInvalidGrant.With("The code or refresh token has been revoked.")
	}
	return i.reused(ctx, t)
}

// reused revokes the family of a token that was presented again.
func (i *Issuer) reused(ctx context.Context, t *Token) error {
	if err := i.Store.RevokeFamilies(ctx, t.Family); err != nil {
		return err
	}
	return oauth.ErrInvalidGrant.With("The code or refresh token has already been used. All tokens that came of it are revoked.").Because(errReused)
}

// unspent tells whether a refresh token may still be exchanged as far as its use goes.
func (s *Store) unspent(t *Token) bool {
	return t.SpentAt.IsZero() || s.grace > 0 && s.now().Sub(t.SpentAt) < s.grace
}
