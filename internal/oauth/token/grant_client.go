package token

import (
	"context"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// ClientExchange is the client_credentials grant (RFC 6749 §4.4): a client gets an access token for itself.
type ClientExchange struct {
	Issuer *Issuer
}

// Handle issues an access token, and nothing else: RFC 6749 §4.4.3 wants no refresh token, and without a user there is
// no ID token.
func (e *ClientExchange) Handle(ctx context.Context, r *Request) (*Response, error) {
	i, c := e.Issuer, r.Client
	if c.Public() { // RFC 6749 §4.4: confidential clients only
		return nil, oauth.ErrUnauthorizedClient.With("The client_credentials grant is for clients that authenticate; this client is registered with token_endpoint_auth_method none.")
	}
	scope, err := e.scope(r)
	if err != nil {
		return nil, err
	}
	audience, err := oauth.ParseAudience(r.Form["audience"])
	if err != nil {
		return nil, err
	}
	if err := c.AllowedAudience(audience); err != nil {
		return nil, err
	}
	g := Grant{ClientID: c.ID, Subject: c.ID, GrantType: oauth.GrantClientCredentials, Scope: scope, Audience: audience, Issuer: i.URL(ctx)}
	at, t, err := i.access(ctx, c, g, oauth.GrantClientCredentials)
	if err != nil {
		return nil, err
	}
	if err := i.Store.insert(ctx, t); err != nil {
		return nil, err
	}
	return &Response{Access: at, Scope: scope}, nil
}

// scope decides the scope of the token. openid and the offline scopes speak of a user who is not there: they are left
// out rather than refused, and the response says so by its scope (RFC 6749 §3.3).
func (e *ClientExchange) scope(r *Request) (oauth.Scope, error) {
	scope, err := oauth.ParseScope(r.Form.Get("scope"))
	if err != nil {
		return nil, err
	}
	if len(scope) == 0 && e.Issuer.Config.ClientCredentials.DefaultGrantAllowedScope {
		scope = r.Client.Scopes()
	} else if err := r.Client.AllowedScope(e.Issuer.Scopes, scope); err != nil {
		return nil, err
	}
	ofUsers := func(s string) bool {
		return s == oauth.ScopeOpenID || s == oauth.ScopeOffline || s == oauth.ScopeOfflineAccess
	}
	if slices.ContainsFunc(scope, ofUsers) {
		scope = slices.DeleteFunc(slices.Clone(scope), ofUsers)
	}
	return scope, nil
}
