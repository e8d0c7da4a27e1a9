package authorize

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

// RevokeConsents takes back consents and revokes all tokens that came of them: one by its request id, or those of a
// subject to one client or, if all is set, to every client.
func (f *Flows) RevokeConsents(ctx context.Context, subject, clientID, requestID string, all bool) error {
	switch {
	case requestID != "" && (subject != "" || clientID != "" || all):
		return oauth.ErrInvalidRequest.With("The query parameter consent_request_id cannot be combined with subject, client or all.")
	case requestID != "":
		return f.Store.revokeConsent(ctx, requestID)
	case subject == "":
		return oauth.ErrInvalidRequest.With("The query parameter subject or consent_request_id is missing.")
	case clientID != "":
		return f.Store.revokeConsents(ctx, subject, clientID)
	case all:
		return f.Store.revokeConsents(ctx, subject, "")
	}
	return oauth.ErrInvalidRequest.With("Set the query parameter client, or all=true to revoke the consents to all clients.")
}

// EndLogin ends a login session, and the session of the built-in login that it came of: else the person would be signed in again
// without being asked.
func (f *Flows) EndLogin(ctx context.Context, sid string) error {
	if err := f.endOrigin(ctx, sid); err != nil {
		return err
	}
	return f.Store.EndSession(ctx, sid)
}

// endOrigin ends the session of the built-in login out of which a login session came.
func (f *Flows) endOrigin(ctx context.Context, sid string) error {
	if f.Login == nil {
		return nil
	}
	s, err := f.Store.Session(ctx, sid)
	if errors.Is(err, ErrNoSession) || err == nil && s.ProviderSession == "" {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Login.End(ctx, s.ProviderSession)
}

// EndLogins ends all login sessions of a subject, and those of the built-in login.
func (f *Flows) EndLogins(ctx context.Context, subject string) error {
	if f.Login != nil {
		if err := f.Login.EndAll(ctx, subject); err != nil {
			return err
		}
	}
	return f.Store.EndSessions(ctx, subject)
}

// isUnknownClient tells that a client does not exist (any more).
func isUnknownClient(err error) bool {
	return errors.Is(err, oauth.ErrInvalidClient) || errors.Is(err, client.ErrNotFound)
}

// item is the consent as the list shows it.
func (c *consent) item(cl *client.Client) ConsentSessionItem {
	d := &c.Document
	return ConsentSessionItem{
		ConsentRequest: ConsentRequest{RequestedScope: orEmpty(d.Requested), RequestedAudience: orEmpty(d.RequestedTo), Subject: d.Subject,
			OIDC: d.OIDC, Client: cl, RequestURL: d.URL, LoginSessionID: c.SessionID, ConsentRequestID: c.ID, ACR: d.ACR, AMR: orEmpty(d.AMR),
			Context: d.LoginInfo, Challenge: c.ID},
		ConsentRequestID: c.ID, GrantScope: orEmpty(c.Scope), GrantAudience: orEmpty(c.Audience), Session: d.Session,
		Remember: c.Remembered, RememberFor: d.RememberFor, HandledAt: c.GrantedAt, Context: d.Context,
	}
}
