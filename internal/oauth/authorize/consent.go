package authorize

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// Remembered is an earlier consent of the same person to the same client that answers for later requests.
type Remembered struct {
	ID        string
	Scope     []string
	Audience  []string
	GrantedAt time.Time
	Until     time.Time // zero: for ever
}

// consent is a row of oauth_consent on its way into the table.
type consent struct {
	ID, Subject, ClientID, SessionID string
	Listed, Remembered               bool
	RememberedUntil                  time.Time
	Scope, Audience                  []string
	Document                         consentDocument
	GrantedAt, ReviewAt              time.Time
}

// consentDocument is what the list of consents shows beside the columns.
type consentDocument struct {
	Subject     string          `json:"subject"`
	Requested   []string        `json:"requested,omitempty"`
	RequestedTo []string        `json:"requested_audience,omitempty"`
	OIDC        OIDCContext     `json:"oidc,omitzero"`
	URL         string          `json:"url"`
	ACR         string          `json:"acr,omitempty"`
	AMR         []string        `json:"amr,omitempty"`
	LoginInfo   json.RawMessage `json:"login_context,omitempty"`
	Context     json.RawMessage `json:"context,omitempty"`
	RememberFor int64           `json:"remember_for,omitempty"`
	Session     ConsentSession  `json:"session,omitzero"`
}

// reviewAfter is how long after it was given the sweeper first looks whether a consent still matters.
const reviewAfter = 24 * time.Hour

// newConsent makes the row that ends a flow. The answer must be an acceptance.
func newConsent(f *Flow, now time.Time) *consent {
	r, s, a := f.request(), f.SignedIn, f.Consent
	c := &consent{ID: f.ID, Subject: s.Subject, ClientID: r.ClientID, SessionID: s.SessionID,
		Listed: !s.SkipConsent, Remembered: a.Remember && !s.SkipConsent,
		Scope: a.GrantScope, Audience: a.GrantAudience, GrantedAt: now, ReviewAt: now.Add(reviewAfter),
		Document: consentDocument{Subject: s.Subject, Requested: r.Scope, RequestedTo: r.Audience, OIDC: r.oidc(), URL: r.URL,
			ACR: s.ACR, AMR: s.AMR, LoginInfo: f.Login.Context, Context: a.Context, RememberFor: a.RememberFor, Session: a.Session},
	}
	if c.Remembered {
		c.ReviewAt = time.Time{}
		if a.RememberFor > 0 {
			c.RememberedUntil = now.Add(seconds(a.RememberFor))
			c.ReviewAt = c.RememberedUntil.Add(reviewAfter)
		}
	}
	return c
}

// checkConsent holds the answer of the consent app against what was asked: nobody can grant more than that.
func checkConsent(r *Request, a *ConsentAccept) error {
	a.GrantScope, a.GrantAudience = once(a.GrantScope), once(a.GrantAudience)
	for _, granted := range a.GrantScope {
		if !oauth.Scope(r.Scope).Has(granted) {
			return oauth.ErrInvalidRequest.Withf("The scope %s in grant_scope was not requested by the client.", oauth.Quote(granted))
		}
	}
	for _, granted := range a.GrantAudience {
		if !oauth.Audience(r.Audience).Has(granted) {
			return oauth.ErrInvalidRequest.Withf("The audience %s in grant_access_token_audience was not requested by the client.", oauth.Quote(granted))
		}
	}
	if a.RememberFor < 0 {
		return oauth.ErrInvalidRequest.With("remember_for must be a number of seconds, 0 or more.")
	}
	return nil
}

// once drops doubles.
func once(values []string) []string {
	var out []string
	for _, v := range values {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// checkLogin validates the answer of the login app.
func checkLogin(a *LoginAccept) error {
	switch {
	case a.Subject == "":
		return oauth.ErrInvalidRequest.With("The field subject is missing: say who signed in.")
	case len(a.Subject) > maxSubject, len(a.ForceSubjectIdentifier) > maxSubject:
		return oauth.ErrInvalidRequest.Withf("A subject has at most %d characters (OpenID Connect Core §2).", maxSubject)
	case a.RememberFor < 0:
		return oauth.ErrInvalidRequest.With("remember_for must be a number of seconds, 0 or more.")
	}
	return nil
}

// newGrant is what the tokens of a finished flow stand for.
func newGrant(f *Flow) token.Grant {
	r, s, a := f.request(), f.SignedIn, f.Consent
	g := token.Grant{
		Family: f.ID, ClientID: r.ClientID, Subject: s.ClientSubject, SessionID: s.SessionID, GrantType: oauth.GrantAuthorizationCode,
		Scope: a.GrantScope, Audience: a.GrantAudience, CodeChallenge: r.CodeChallenge, Nonce: r.Nonce,
		ACR: s.ACR, AMR: s.AMR, AuthTime: s.AuthTime, RequestedAt: r.At,
		AccessClaims: a.Session.AccessToken, IDClaims: a.Session.IDToken, ClaimsRequest: r.Claims,
	}
	if s.ClientSubject != s.Subject {
		g.RealSubject = s.Subject
	}
	if r.RedirectGiven {
		g.RedirectURI = r.RedirectURI
	}
	return g
}

// OIDCContext is Ory's oAuth2ConsentRequestOpenIDConnectContext.
type OIDCContext struct {
	ACRValues   []string        `json:"acr_values,omitempty"`
	Display     string          `json:"display,omitempty"`
	LoginHint   string          `json:"login_hint,omitempty"`
	UILocales   []string        `json:"ui_locales,omitempty"`
	IDTokenHint json.RawMessage `json:"id_token_hint_claims,omitempty"`
}

func (r *Request) oidc() OIDCContext {
	return OIDCContext{ACRValues: r.ACRValues, Display: r.Display, LoginHint: r.LoginHint, UILocales: r.UILocales, IDTokenHint: r.HintClaims}
}

// LoginRequest is Ory's oAuth2LoginRequest.
type LoginRequest struct {
	Challenge         string         `json:"challenge"`
	RequestedScope    []string       `json:"requested_scope"`
	RequestedAudience []string       `json:"requested_access_token_audience"`
	Skip              bool           `json:"skip"`
	Subject           string         `json:"subject"`
	OIDC              OIDCContext    `json:"oidc_context"`
	Client            *client.Client `json:"client"`
	RequestURL        string         `json:"request_url"`
	SessionID         string         `json:"session_id"`

	// Prompt and MaxAge are those of the request, for a login that is built in; a login app reads them from RequestURL. MaxAge is
	// nil where the client says none.
	Prompt []string `json:"-"`
	MaxAge *int64   `json:"-"`
}

// ConsentRequest is Ory's oAuth2ConsentRequest.
type ConsentRequest struct {
	Challenge         string          `json:"challenge"`
	RequestedScope    []string        `json:"requested_scope"`
	RequestedAudience []string        `json:"requested_access_token_audience"`
	Skip              bool            `json:"skip"`
	Subject           string          `json:"subject"`
	OIDC              OIDCContext     `json:"oidc_context"`
	Client            *client.Client  `json:"client,omitempty"`
	RequestURL        string          `json:"request_url"`
	LoginChallenge    string          `json:"login_challenge"`
	LoginSessionID    string          `json:"login_session_id"`
	ConsentRequestID  string          `json:"consent_request_id"`
	ACR               string          `json:"acr"`
	AMR               []string        `json:"amr"`
	Context           json.RawMessage `json:"context,omitempty"`
}

// ConsentSessionItem is Ory's oAuth2ConsentSession: an entry of the list of a subject's consents.
type ConsentSessionItem struct {
	ConsentRequest   ConsentRequest  `json:"consent_request"`
	ConsentRequestID string          `json:"consent_request_id"`
	GrantScope       []string        `json:"grant_scope"`
	GrantAudience    []string        `json:"grant_access_token_audience"`
	Session          ConsentSession  `json:"session"`
	Remember         bool            `json:"remember"`
	RememberFor      int64           `json:"remember_for"`
	HandledAt        time.Time       `json:"handled_at"`
	Context          json.RawMessage `json:"context,omitempty"`
}
