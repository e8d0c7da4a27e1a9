package app

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

// doorSessions shows the people wing's sessions to the doors.
type doorSessions struct{ handler *session.Handler }

// CookieName implements authn.Sessions.
func (s doorSessions) CookieName() string { return s.handler.Config.Cookie.Name }

// ByCookie implements authn.Sessions.
func (s doorSessions) ByCookie(ctx context.Context, value string) (*authn.Session, error) {
	text, ok := s.handler.OpenCookie(value)
	if !ok {
		return nil, authn.ErrForeign
	}
	return s.ByToken(ctx, text)
}

// ByToken implements authn.Sessions. A session that is kept is made into the doors' words once.
func (s doorSessions) ByToken(ctx context.Context, text string) (*authn.Session, error) {
	shown, err := s.handler.Show(ctx, text)
	if err != nil {
		return nil, unknown(err, session.ErrNoSession, text)
	}
	return inOurWords(&shown.Seen, func() *authn.Session {
		return &authn.Session{Expires: shown.Expires, Document: shown.Document}
	}), nil
}

// unknown tells a credential of ours that is no good from one that was never ours: that may be another authenticator's.
func unknown(err, none error, text string) error {
	switch {
	case !errors.Is(err, none):
		return err
	case strings.HasPrefix(text, tokenPrefix+"_"):
		return authn.ErrUnknown
	default:
		return authn.ErrForeign
	}
}

// doorTokens shows the clients wing's access tokens to the doors.
type doorTokens struct {
	store *token.Store
	now   func() time.Time
}

// Active implements authn.Tokens. A token that is cached is made into the doors' words once.
func (d doorTokens) Active(ctx context.Context, text string) (*authn.Token, error) {
	t, err := d.store.Lookup(ctx, text)
	if err != nil {
		return nil, unknown(err, token.ErrUnknown, text)
	}
	if t.Kind != token.Access || !t.Active(d.now()) {
		return nil, authn.ErrUnknown
	}
	// No confirmation: the grants that there are bind no token to a key, and cnf in a consent's claims is one of `ext`.
	return inOurWords(&t.Seen, func() *authn.Token {
		return &authn.Token{
			Subject: t.Subject, ClientID: t.ClientID, Issuer: t.Issuer, Scope: t.Scope, Audience: t.Audience, Expires: t.ExpiresAt, Ext: t.AccessClaims,
		}
	}), nil
}

// inOurWords returns what was made of something that another wing keeps, or makes it and leaves it there.
func inOurWords[T any](seen *atomic.Pointer[any], words func() *T) *T {
	if kept := seen.Load(); kept != nil {
		if made, ok := (*kept).(*T); ok {
			return made
		}
	}
	made := words()
	kept := any(made)
	seen.Store(&kept)
	return made
}

// doorClients lets the doors check a client's secret as the token endpoint does for the grant client_credentials.
type doorClients struct {
	authenticator *client.Authenticator
	scopes        oauth.ScopeStrategy
}

// Verify implements authn.Clients.
func (d doorClients) Verify(ctx context.Context, id, secret string, scopes []string) error {
	c, err := d.authenticator.Verify(ctx, client.Credentials{Method: oauth.AuthSecretBasic, ID: id, Secret: secret})
	if err != nil {
		if fault.From(err).Kind == fault.Unavailable {
			return err
		}
		return errors.Join(authn.ErrUnknown, err)
	}
	if !c.GrantAllowed(oauth.GrantClientCredentials) {
		return authn.ErrUnknown
	}
	if err := c.AllowedScope(d.scopes, scopes); err != nil {
		return errors.Join(authn.ErrUnknown, err)
	}
	return nil
}
