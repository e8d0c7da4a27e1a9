package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/account"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/logout"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// The bridge between the people wing and the clients wing: each declares what it needs of the other, and here the one is told in
// the other's words. Nothing is decided here.

// bridgedURLs are the pages that take part in OAuth flows: the operator's, and this server's own where there is none. own tells
// whether people sign in here. This server's own pages are paths, which each tenant has under its own name.
func bridgedURLs(urls oauth.URLsConfig) (bridged oauth.URLsConfig, own bool) {
	if urls.Login != "" {
		return urls, false // the login app knows its people, and asks them itself
	}
	urls.Login = "/self-service/login/browser"
	for _, u := range []struct {
		to   *string
		path string
	}{{&urls.Registration, "/self-service/registration/browser"}, {&urls.Consent, "/account/consent"}, {&urls.Logout, "/account/logout"}} {
		if *u.to == "" {
			*u.to = u.path
		}
	}
	return urls, true
}

// loginBridge answers login challenges for the self-service flows: selfservice.OAuth.
type loginBridge struct {
	flows    *authorize.Flows
	sessions *session.Store
	// persistent says that browsers keep the session when they are closed.
	persistent bool
}

// LoginRequest tells what a challenge is about.
func (b loginBridge) LoginRequest(ctx context.Context, challenge string) (*selfservice.OAuthLogin, error) {
	r, err := b.flows.LoginRequest(ctx, challenge)
	if err != nil {
		return nil, err
	}
	out := &selfservice.OAuthLogin{
		Document: r, Skip: r.Skip, Subject: r.Subject, Prompt: r.Prompt, MaxAge: -1, LoginHint: r.OIDC.LoginHint,
		UILocales: r.OIDC.UILocales, ACRValues: r.OIDC.ACRValues, RequestURL: r.RequestURL,
	}
	if r.MaxAge != nil {
		out.MaxAge = int(*r.MaxAge)
	}
	if slices.Contains(r.Prompt, "select_account") { // a browser has one account: the person confirms it, or signs out of it
		out.Prompt = append(slices.Clone(r.Prompt), "login")
	}
	return out, nil
}

// AcceptLogin tells who signed in. The login is remembered for as long as the session lasts out of which it comes, and has the
// session's time: who was signed in already did not prove anew who they are.
func (b loginBridge) AcceptLogin(ctx context.Context, challenge string, a selfservice.AcceptedLogin) (string, error) {
	accept := authorize.LoginAccept{
		Subject: a.Subject, ACR: a.ACR, AMR: a.AMR, IdentityProviderSessionID: a.SessionID,
		Remember: a.Remember, ExtendSessionLifespan: a.Remember,
	}
	if b.persistent {
		accept.RememberFor = int64(a.RememberFor)
	}
	s, err := b.sessions.Get(ctx, a.SessionID)
	switch {
	case err == nil:
		accept.AuthenticatedAt = s.AuthenticatedAt
	case !errors.Is(err, session.ErrNotFound):
		return "", err
	}
	return b.flows.AcceptLogin(ctx, challenge, accept)
}

// RejectLogin refuses.
func (b loginBridge) RejectLogin(ctx context.Context, challenge, code, description string) (string, error) {
	return b.flows.RejectLogin(ctx, challenge, authorize.Refusal{Error: code, Description: description})
}

// EndSession has nothing to do: a login that is remembered counts only while the session does out of which it came, which
// sessionBridge is asked for each time.
func (b loginBridge) EndSession(context.Context, string) error { return nil }

// sessionBridge tells the OAuth server of people's sessions: authorize.Login.
type sessionBridge struct{ sessions *session.Store }

// Live tells whether a session is still good.
func (b sessionBridge) Live(ctx context.Context, id string) (bool, error) {
	s, err := b.sessions.Get(ctx, id)
	if errors.Is(err, session.ErrNotFound) {
		return false, nil
	}
	return err == nil && s.Active, err
}

// End ends a session.
func (b sessionBridge) End(ctx context.Context, id string) error {
	if err := b.sessions.Revoke(ctx, id); !errors.Is(err, session.ErrNotFound) {
		return err
	}
	return nil
}

// EndAll ends all sessions of an identity, which the subject names.
func (b sessionBridge) EndAll(ctx context.Context, subject string) error {
	_, err := b.sessions.RevokeAll(ctx, subject)
	return err
}

// endTokens takes back what applications hold of somebody who was deleted or disabled: what they were allowed, and with it their
// tokens, which would be refreshed for as long as they like; and the logins that browsers are remembered by, for those that an
// operator accepted by the admin API came of no session that would end with the person.
func endTokens(flows *authorize.Flows, log *slog.Logger) identity.End {
	return func(ctx context.Context, subject string) error {
		err := errors.Join(flows.Store.EndSessions(ctx, subject), flows.RevokeConsents(ctx, subject, "", "", true))
		if err != nil {
			log.ErrorContext(ctx, "the tokens of an identity that has ended could not be revoked; it is tried again until they are",
				"identity_id", subject, "error", err)
		}
		return err
	}
}

// consentBridge answers consent challenges for the pages: account.Consents.
type consentBridge struct{ flows *authorize.Flows }

// Request tells what a challenge is about.
func (b consentBridge) Request(ctx context.Context, challenge string) (*account.Consent, error) {
	r, err := b.flows.ConsentRequest(ctx, challenge)
	if err != nil {
		return nil, err
	}
	return &account.Consent{
		Client: clientOf(r.Client), Subject: r.Subject, Scopes: r.RequestedScope, Skip: r.Skip, UILocales: r.OIDC.UILocales,
		RequestURL: r.RequestURL,
	}, nil
}

// Accept grants scopes, and every audience that the client may have and asked for: those are no matter of the person's.
func (b consentBridge) Accept(ctx context.Context, challenge string, g account.Granted) (string, error) {
	r, err := b.flows.ConsentRequest(ctx, challenge)
	if err != nil {
		return "", err
	}
	return b.flows.AcceptConsent(ctx, challenge, authorize.ConsentAccept{
		GrantScope: g.Scopes, GrantAudience: r.RequestedAudience, Remember: g.Remember,
		Session: authorize.ConsentSession{IDToken: g.Claims},
	})
}

// Reject refuses.
func (b consentBridge) Reject(ctx context.Context, challenge string) (string, error) {
	return b.flows.RejectConsent(ctx, challenge, authorize.Refusal{
		Error: oauth.ErrAccessDenied.Code, Description: "The person did not allow it.",
	})
}

// clientOf is a client as people get to see it.
func clientOf(c *client.Client) account.Client {
	return account.Client{ID: c.ID, Name: c.Name, LogoURL: c.LogoURI, URL: c.ClientURI, PolicyURL: c.PolicyURI, TermsURL: c.TermsOfServiceURI}
}

// logoutBridge answers logout challenges for the pages: account.Logouts.
type logoutBridge struct{ logouts *logout.Logouts }

// Request tells what a challenge is about.
func (b logoutBridge) Request(ctx context.Context, challenge string) (*account.Logout, error) {
	r, c, err := b.logouts.Get(ctx, challenge)
	if err != nil {
		return nil, err
	}
	out := &account.Logout{Subject: r.Subject}
	if c != nil {
		asks := clientOf(c)
		out.Client = &asks
	}
	return out, nil
}

// Accept takes the person's yes.
func (b logoutBridge) Accept(ctx context.Context, challenge string) (string, error) {
	return b.logouts.Accept(ctx, challenge)
}

// Reject takes the person's no.
func (b logoutBridge) Reject(ctx context.Context, challenge string) error {
	return b.logouts.Reject(ctx, challenge)
}

// flowBridge shows self-service flows and their errors to the pages: account.Flows.
type flowBridge struct{ *selfservice.Handler }

// Failure gives an error that waits for its page.
func (b flowBridge) Failure(r *http.Request, id string) (*fault.Error, error) {
	kept, err := b.ShowError(r.Context(), id)
	if err != nil {
		return nil, err
	}
	var said struct {
		ID      string         `json:"id"`
		Code    int            `json:"code"`
		Request string         `json:"request"`
		Reason  string         `json:"reason"`
		Details map[string]any `json:"details"`
	}
	if err := json.Unmarshal(kept.Error, &said); err != nil {
		return nil, err
	}
	e := fault.New(fault.KindOf(said.Code), said.ID, said.Reason)
	for name, v := range said.Details {
		e = e.WithDetail(name, v)
	}
	return e.WithDetail("request", said.Request), nil
}

// logoutURL is where a browser is signed out: account.Handler's LogoutURL. Where neither the page nor the operator says where it
// goes on, it comes back to a page that says that it is done.
func logoutURL(h *selfservice.Handler, base web.BaseURLs) func(ctx context.Context, s *session.Session, returnTo string) string {
	return func(ctx context.Context, s *session.Session, returnTo string) string {
		to := h.LogoutURL(ctx, s)
		if returnTo == "" && h.Config.Flows.Logout.After.DefaultBrowserReturnURL == "" {
			returnTo = base.Join(ctx, "/account/logout")
		}
		if returnTo != "" {
			to += "&return_to=" + url.QueryEscape(returnTo)
		}
		return to
	}
}

// offers are the flows that the pages may lead to.
func offers(c selfservice.FlowsConfig) account.Offers {
	return account.Offers{Registration: c.Registration.Enabled, Recovery: c.Recovery.Enabled, Verification: c.Verification.Enabled}
}
