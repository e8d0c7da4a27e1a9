package session

import "github.com/gatehouse-iam/gatehouse/internal/fault"

// What callers act on. Codes are Kratos' error ids.
var (
	// ErrNoSession says that nobody is signed in: there are no credentials, or none that are still good.
	ErrNoSession = fault.New(fault.Unauthenticated, "session_inactive", "No valid session credentials found in the request.")
	// ErrAAL says that the session is good but a second factor is asked for, which the identity has.
	ErrAAL = fault.New(fault.Forbidden, "session_aal2_required", "The session was authenticated with one factor, and this needs the second one that the identity has set up. Sign in with it at the address in redirect_browser_to.")
	// ErrIdentityDisabled says that an administrator has disabled the identity.
	ErrIdentityDisabled = fault.New(fault.Invalid, "identity_disabled", "This account was disabled.")
	// ErrNotFound says that there is no such session.
	ErrNotFound = fault.New(fault.NotFound, "not_found", "There is no session of this id.")
	// ErrEnded says that a session which should be extended has ended.
	ErrEnded = fault.New(fault.NotFound, "not_found", "There is no active session of this id: one that has ended is not brought back.")
	// ErrOwn says that the session of the request itself should be revoked.
	ErrOwn = fault.New(fault.Invalid, "invalid_request", "This is the session of the request itself. Use the logout flow to end it.")
	// ErrNoExchange says that there is nothing to be had for the codes.
	ErrNoExchange = fault.New(fault.NotFound, "not_found", "There is no session yet for these codes.")
	// ErrExchanged says that the codes were exchanged before.
	ErrExchanged = fault.New(fault.Gone, "session_token_exchanged", "These codes were exchanged before. They work once; begin a new flow.")
	// ErrNoTemplate says that tokenize_as names a template that is not configured.
	ErrNoTemplate = fault.New(fault.Invalid, "invalid_request", "The value of tokenize_as is not the name of a configured tokenizer template.")

	errInvalid = fault.New(fault.Invalid, "invalid_request", "The request cannot be understood.")
)
