package authorize

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// Step numbers the things that happen to a flow, in this order, each once. A flow is the list of its steps: nothing in
// it is ever changed, so whoever remembers a beginning of the list remembers the truth, and the primary key of a step's
// row lets it happen once.
type step int

const (
	stepBegun    step = 1 // the authorization request was accepted: begun
	stepLogin    step = 2 // the login app answered: LoginAnswer
	stepSignedIn step = 3 // the browser brought the login verifier: SignedIn
	stepConsent  step = 4 // the consent app answered: ConsentAnswer
	// The last step, the browser bringing the consent verifier, is the row in oauth_consent.
)

// Flow is one authorization request on its way through login and consent. A Flow that was read or returned is shared
// and never changed.
type Flow struct {
	ID        string
	ExpiresAt time.Time
	Begun     *begun
	Login     *LoginAnswer   // nil until the login app answered
	SignedIn  *SignedIn      // nil until the browser came back from it
	Consent   *ConsentAnswer // nil until the consent app answered
}

// begun is the first step: what was asked, and who seems to be signed in already.
type begun struct {
	Request Request `json:"request"`
	// Known is the session that the browser brought, nil without one. Skip tells whether it is good enough for this
	// request, so that nobody needs to be asked.
	Known *known `json:"known,omitempty"`
	Skip  bool   `json:"skip,omitempty"`
	// SessionID is the sid that the login will have: that of Known, or a new one. If somebody else signs in than Known
	// says, it gets another one.
	SessionID string `json:"sid"`
}

// known is what matters of a login session to a flow.
type known struct {
	SessionID string    `json:"sid"`
	Subject   string    `json:"sub"`
	AuthTime  time.Time `json:"auth_time"`
	ACR       string    `json:"acr,omitempty"`
	AMR       []string  `json:"amr,omitempty"`
}

// SignedIn is the third step: who it is, in this client's eyes too, and whether consent must be asked.
type SignedIn struct {
	Subject string `json:"sub"`
	// ClientSubject is what the client sees as sub.
	ClientSubject string    `json:"client_sub"`
	SessionID     string    `json:"sid"`
	AuthTime      time.Time `json:"auth_time"`
	ACR           string    `json:"acr,omitempty"`
	AMR           []string  `json:"amr,omitempty"`
	// SkipConsent tells that the person need not be asked: the client is the operator's own, or an earlier consent
	// was remembered.
	SkipConsent bool `json:"skip_consent,omitempty"`
}

// Refusal is what a login or consent app says instead of accepting; it becomes the error that the client gets.
type Refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Hint        string `json:"error_hint"`
	Debug       string `json:"error_debug"`
	StatusCode  int    `json:"status_code"`
}

// LoginAccept is the body of Ory's acceptOAuth2LoginRequest.
type LoginAccept struct {
	Subject  string `json:"subject"`
	Remember bool   `json:"remember,omitempty"`
	// RememberFor is how many seconds the login is remembered; 0 is as long as the browser runs.
	RememberFor           int64 `json:"remember_for,omitempty"`
	ExtendSessionLifespan bool  `json:"extend_session_lifespan,omitempty"`
	// ACR and AMR say how the person signed in; they go into ID tokens.
	ACR string   `json:"acr,omitempty"`
	AMR []string `json:"amr,omitempty"`
	// Context is handed on to the consent app.
	Context json.RawMessage `json:"context,omitempty"`
	// ForceSubjectIdentifier is the sub of a pairwise client, instead of the computed one.
	ForceSubjectIdentifier    string `json:"force_subject_identifier,omitempty"`
	IdentityProviderSessionID string `json:"identity_provider_session_id,omitempty"`
	// AuthenticatedAt is when the person proved who they are, where that was before now; Ory's API lacks it, and takes every
	// acceptance for a login of this moment. A time that the client's max_age or prompt does not allow is refused.
	AuthenticatedAt time.Time `json:"authenticated_at,omitzero"`
	// Elsewhere says that the person signed in at a login app which is none of ours, so that nothing but this can tell of it.
	Elsewhere bool `json:"-"`
}

// LoginAnswer is the second step: what the login app said, and when.
type LoginAnswer struct {
	LoginAccept
	At      time.Time `json:"at,omitzero"`
	Refused *Refusal  `json:"refused,omitempty"`
}

// ConsentAccept is the body of Ory's acceptOAuth2ConsentRequest.
type ConsentAccept struct {
	GrantScope    []string `json:"grant_scope,omitempty"`
	GrantAudience []string `json:"grant_access_token_audience,omitempty"`
	Remember      bool     `json:"remember,omitempty"`
	// RememberFor is how many seconds the consent is remembered; 0 is for ever.
	RememberFor int64           `json:"remember_for,omitempty"`
	Session     ConsentSession  `json:"session,omitzero"`
	Context     json.RawMessage `json:"context,omitempty"`
	// HandledAt is what older SDKs send. The server's clock counts instead.
	HandledAt time.Time `json:"handled_at,omitzero"`
}

// ConsentAnswer is the fourth step: what the consent app said, and when.
type ConsentAnswer struct {
	ConsentAccept
	At      time.Time `json:"at,omitzero"`
	Refused *Refusal  `json:"refused,omitempty"`
}

// ConsentSession are the claims that the consent app wants in tokens.
type ConsentSession struct {
	AccessToken token.Claims `json:"access_token,omitempty"`
	IDToken     token.Claims `json:"id_token,omitempty"`
}

// request is a short way to what was asked.
func (f *Flow) request() *Request { return &f.Begun.Request }

// expired tells whether the person took too long.
func (f *Flow) expired(now time.Time) bool { return !now.Before(f.ExpiresAt) }

// with gives the flow with one more step.
func (f *Flow) with(s any) *Flow {
	next := *f
	switch s := s.(type) {
	case *begun:
		next.Begun = s
	case *LoginAnswer:
		next.Login = s
	case *SignedIn:
		next.SignedIn = s
	case *ConsentAnswer:
		next.Consent = s
	}
	return &next
}

// same tells whether the login app said the same thing again, which is how a double click looks. Time is not compared.
func (a *LoginAnswer) same(b *LoginAnswer) bool {
	x, y := *a, *b
	x.At, y.At = time.Time{}, time.Time{}
	return sameJSON(&x, &y)
}

// same tells whether the consent app said the same thing again.
func (a *ConsentAnswer) same(b *ConsentAnswer) bool {
	x, y := *a, *b
	x.At, y.At = time.Time{}, time.Time{}
	x.HandledAt, y.HandledAt = time.Time{}, time.Time{}
	return sameJSON(&x, &y)
}

func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && slices.Equal(x, y)
}
