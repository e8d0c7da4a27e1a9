package token

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// RefreshExchange is the refresh_token grant (RFC 6749 §6) with rotation (RFC 9700 §4.14.2).
type RefreshExchange struct {
	Issuer *Issuer
}

// Handle exchanges a refresh token for new tokens. Each refresh token is good once. One that comes a second time makes
// the family revoked, unless it comes within the configured grace period, when the client may just not have received
// the first answer.
func (e *RefreshExchange) Handle(ctx context.Context, r *Request) (*Response, error) {
	i := e.Issuer
	if r.Form.Get("refresh_token") == "" {
		return nil, oauth.ErrInvalidRequest.With("The refresh_token parameter is missing.")
	}
	old, err := i.Store.refresh(ctx, r.Form.Get("refresh_token"))
	if errors.Is(err, ErrUnknown) {
		return nil, oauth.ErrInvalidGrant.With("The refresh token is unknown.")
	}
	if err != nil {
		return nil, err
	}
	switch {
	case old.ClientID != r.Client.ID: // RFC 6749 §6, §10.4: bound to the client
		return nil, oauth.ErrInvalidGrant.With("The refresh token was issued to another client.")
	case !old.RevokedAt.IsZero():
		return nil, oauth.ErrInvalidGrant.With("The refresh token has been revoked.")
	case !i.Store.unspent(old):
		return nil, i.reused(ctx, old)
	case old.Expired(i.Now()):
		return nil, oauth.ErrInvalidGrant.With("The refresh token has expired.")
	}
	narrowed, err := e.narrow(r, old.Grant)
	if err != nil {
		return nil, err
	}
	return i.redeem(ctx, r.Client, old, narrowed, oauth.GrantRefreshToken)
}

// narrow gives the grant of the new access token: less than the old one had if the client asks so, never more.
func (e *RefreshExchange) narrow(r *Request, g Grant) (Grant, error) {
	want, err := oauth.ParseScope(r.Form.Get("scope"))
	if err != nil {
		return g, err
	}
	if len(want) > 0 {
		if !oauth.Scope(g.Scope).Covers(want) { // RFC 6749 §6
			return g, oauth.ErrInvalidScope.With("A refresh may not ask for scopes that were not granted originally.")
		}
		g.Scope = want
	}
	audience, err := oauth.ParseAudience(r.Form["audience"])
	if err != nil {
		return g, err
	}
	if len(audience) > 0 {
		if !oauth.Audience(g.Audience).Covers(audience) {
			return g, oauth.ErrInvalidTarget.With("A refresh may not ask for audiences that were not granted originally.")
		}
		g.Audience = audience
	}
	return g, e.Issuer.registered(r.Client, &g)
}
