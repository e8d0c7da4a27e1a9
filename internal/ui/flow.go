package ui

import (
	"encoding/json"
	"time"
)

// Kind says what a flow is for.
type Kind string

// The kinds of flows.
const (
	Login        Kind = "login"
	Registration Kind = "registration"
	Settings     Kind = "settings"
	Recovery     Kind = "recovery"
	Verification Kind = "verification"
)

// The types of a flow: who drives it.
const (
	TypeBrowser = "browser"
	TypeAPI     = "api"
)

// The states of a flow.
const (
	StateChooseMethod          = "choose_method"
	StateSentEmail             = "sent_email"
	StatePassedChallenge       = "passed_challenge"
	StateShowForm              = "show_form"
	StateSuccess               = "success"
	StateAwaitingAddress       = "recovery_awaiting_address"
	StateAwaitingAddressChoice = "recovery_awaiting_address_choice"
	StateConfirmingAddress     = "recovery_confirming_address"
	StateAwaitingCode          = "recovery_awaiting_code"
)

// Flow is the document of a flow as clients see it. Which keys it has depends on its kind.
type Flow struct {
	// Kind is not part of the document.
	Kind Kind `json:"-"`

	ID                       string          `json:"id"`
	Type                     string          `json:"type"`
	ExpiresAt                time.Time       `json:"expires_at"`
	IssuedAt                 time.Time       `json:"issued_at"`
	RequestURL               string          `json:"request_url"`
	ReturnTo                 string          `json:"return_to"`
	Active                   string          `json:"active"`
	UI                       Form            `json:"ui"`
	State                    string          `json:"state"`
	Refresh                  bool            `json:"refresh"`
	RequestedAAL             string          `json:"requested_aal"`
	Identity                 any             `json:"identity"`
	SessionTokenExchangeCode string          `json:"session_token_exchange_code"`
	ContinueWith             []ContinueWith  `json:"continue_with"`
	OAuth2LoginChallenge     string          `json:"oauth2_login_challenge"`
	OAuth2LoginRequest       any             `json:"oauth2_login_request"`
	TransientPayload         json.RawMessage `json:"transient_payload"`
	OrganizationID           *string         `json:"organization_id"`
	IdentitySchema           string          `json:"identity_schema"`
	CreatedAt                time.Time       `json:"created_at"`
	UpdatedAt                time.Time       `json:"updated_at"`
}

// The actions of a ContinueWith.
const (
	ActionSetSessionToken  = "set_ory_session_token"
	ActionShowVerification = "show_verification_ui"
	ActionShowSettings     = "show_settings_ui"
	ActionShowRecovery     = "show_recovery_ui"
	ActionRedirectBrowser  = "redirect_browser_to"
)

// ContinueWith tells a client what to do next.
type ContinueWith struct {
	// Action is one of the Action constants; it says which of the other members is set.
	Action string `json:"action"`
	// SessionToken is set for ActionSetSessionToken.
	SessionToken string `json:"ory_session_token,omitempty"`
	// Flow is set for the actions that show a flow.
	Flow *ContinueFlow `json:"flow,omitempty"`
	// RedirectBrowserTo is set for ActionRedirectBrowser.
	RedirectBrowserTo string `json:"redirect_browser_to,omitempty"`
}

// ContinueFlow names the flow that a client shows next.
type ContinueFlow struct {
	ID string `json:"id"`
	// VerifiableAddress is the address that the flow verifies; only for ActionShowVerification.
	VerifiableAddress string `json:"verifiable_address,omitempty"`
	// URL is the page of the flow, for browsers.
	URL string `json:"url,omitempty"`
}

// SetSessionToken hands out a session token.
func SetSessionToken(token string) ContinueWith {
	return ContinueWith{Action: ActionSetSessionToken, SessionToken: token}
}

// ShowVerification leads to the flow that verifies address.
func ShowVerification(id, address, url string) ContinueWith {
	return ContinueWith{Action: ActionShowVerification, Flow: &ContinueFlow{ID: id, VerifiableAddress: address, URL: url}}
}

// ShowSettings leads to the settings.
func ShowSettings(id, url string) ContinueWith {
	return ContinueWith{Action: ActionShowSettings, Flow: &ContinueFlow{ID: id, URL: url}}
}

// ShowRecovery leads to the recovery flow.
func ShowRecovery(id, url string) ContinueWith {
	return ContinueWith{Action: ActionShowRecovery, Flow: &ContinueFlow{ID: id, URL: url}}
}

// RedirectBrowser leads a browser to url.
func RedirectBrowser(url string) ContinueWith {
	return ContinueWith{Action: ActionRedirectBrowser, RedirectBrowserTo: url}
}
