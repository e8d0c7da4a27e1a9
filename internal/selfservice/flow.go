package selfservice

import (
	"encoding/json"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Kind is what a flow is for.
type Kind = ui.Kind

// The kinds of flows. KindError is what went wrong in one of them, kept for the error page.
const (
	KindLogin        = ui.Login
	KindRegistration = ui.Registration
	KindSettings     = ui.Settings
	KindRecovery     = ui.Recovery
	KindVerification = ui.Verification
	KindError        = Kind("error")
)

// Flow is one attempt at something that takes several requests.
type Flow struct {
	ID   string `json:"-"`
	Kind Kind   `json:"-"`
	// Type is ui.TypeBrowser or ui.TypeAPI.
	Type      string    `json:"type"`
	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"-"`
	// RequestURL is how the flow was begun, ReturnTo where its browser goes at the end (already checked), both absolute.
	RequestURL string `json:"request_url"`
	ReturnTo   string `json:"return_to,omitempty"`
	// Active is the method that was used last.
	Active string `json:"active,omitempty"`
	// State is one of ui's State constants.
	State string `json:"state,omitempty"`
	// Form is what is shown: action, method, nodes and messages. The value of its csrf_token node is filled in when it is shown.
	Form ui.Form `json:"ui"`
	// Refresh asks for a fresh proof of who is signed in already, AAL for an assurance level ("aal1", "aal2"). Login only.
	Refresh bool   `json:"refresh,omitempty"`
	AAL     string `json:"aal,omitempty"`
	// Identifier is what was typed in the first step of an identifier-first login.
	Identifier string `json:"identifier,omitempty"`
	// IdentityID is whose settings these are, or whom a recovery or verification has found.
	IdentityID string `json:"identity_id,omitempty"`
	// SessionID is the session that a recovery or a refresh belongs to.
	SessionID string `json:"session_id,omitempty"`
	// LoginChallenge is that of the OAuth login which this flow answers.
	LoginChallenge string `json:"login_challenge,omitempty"`
	// OAuthRequest is that login as Hydra's API shows it.
	OAuthRequest json.RawMessage `json:"oauth_request,omitempty"`
	// ExchangeCode is the first half of what a native app trades for a session token.
	ExchangeCode     string          `json:"exchange_code,omitempty"`
	TransientPayload json.RawMessage `json:"transient_payload,omitempty"`
	OrganizationID   string          `json:"organization_id,omitempty"`
	// SchemaID is that of the traits which a registration asks for.
	SchemaID     string            `json:"schema_id,omitempty"`
	ContinueWith []ui.ContinueWith `json:"continue_with,omitempty"`
	// Error is what went wrong, where the flow is one of KindError.
	Error json.RawMessage `json:"error,omitempty"`
	// Lang is the language of the last request.
	Lang     string   `json:"lang,omitempty"`
	Internal Internal `json:"internal"`
	// Version guards every change; 0 is a flow that was never stored.
	Version int64 `json:"-"`

	outbox []courier.Message
	// events are what the activity log is told when the flow is saved; waiting are those of before that are not in it yet, as they
	// stand in the row.
	events  []activity.Event
	waiting []byte
	about   string             // whose account a submission is about, where that is known
	began   time.Time          // when the submission came that changes it now
	even    bool               // OnBeat was asked for
	spent   time.Time          // when it ended; zero where it goes on
	raw     []byte             // the document as it was read
	shown   *identity.Identity // who the document names, where that is not who the session knows
}

// Internal is what a flow remembers and never shows. It is sealed in the database.
type Internal struct {
	// Code is the code or link that was sent last.
	Code *Code `json:"code,omitempty"`
	// Method holds what a method remembers, by its id.
	Method map[string]json.RawMessage `json:"method,omitempty"`
	// CSRF is the digest of the browser's CSRF cookie to which the flow is bound.
	CSRF string `json:"csrf,omitempty"`
	// Traits are those of the first step of a two-step registration.
	Traits json.RawMessage `json:"traits,omitempty"`
	// Parent is the flow out of which this one came.
	Parent string `json:"parent,omitempty"`
	// Away says that the browser is at another server, which sends it back.
	Away *Away `json:"away,omitempty"`
	// Proven is the method that knows already who the person is, though nobody here does: only it can go on.
	Proven string `json:"proven,omitempty"`
	// Link is the identifier of an account, for which the method Proven has a credential that whoever signs in to it shall have.
	Link string `json:"link,omitempty"`
	// ReturnCode is the second half of what a native app trades for a session token; it arrives with the browser.
	ReturnCode string `json:"return_code,omitempty"`
	// SignIn says that the end of a verification signs the person in: its registration waited for it.
	SignIn *SignIn `json:"sign_in,omitempty"`
}

// SignIn is a session that waits for an address to be verified.
type SignIn struct {
	Method session.AuthMethod `json:"method"`
}

// Code is a one-time code or link token that was sent. It is spent, and its wrong tries are counted, by the guarded update of
// the flow's row.
type Code struct {
	// Digest is that of the code or token; secret.Digest or keyed.
	Digest string `json:"digest"`
	// SentTo is the address, Via "email" or "sms".
	SentTo string `json:"sent_to"`
	Via    string `json:"via"`
	// Tries counts wrong ones.
	Tries     int       `json:"tries"`
	ExpiresAt time.Time `json:"expires_at"`
	// IdentityID is whose address it is; empty where nobody was found, so that an unknown address looks like a known one.
	IdentityID string    `json:"identity_id,omitempty"`
	SentAt     time.Time `json:"sent_at"`
}

// API reports whether the flow is driven by a native app, without cookies.
func (f *Flow) API() bool { return f.Type == ui.TypeAPI }

// With is the address to which the flow's form is sent, with a proof in it: what a link in a message leads to.
func (f *Flow) With(field, proof string) string { return withQuery(f.Form.Action, field, proof) }

// Remember keeps v for the method.
func (f *Flow) Remember(method string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if f.Internal.Method == nil {
		f.Internal.Method = map[string]json.RawMessage{}
	}
	f.Internal.Method[method] = raw
	return nil
}

// Recall reads what the method kept into v, and reports whether there was something.
func (f *Flow) Recall(method string, v any) bool {
	raw, ok := f.Internal.Method[method]
	return ok && json.Unmarshal(raw, v) == nil
}
