package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Kind is the class of an error. It decides the HTTP status and nothing else.
type Kind uint8

// The kinds, in the order of their HTTP status. The zero value is Internal, so that an error nobody
// classified never looks like the caller's fault.
const (
	Internal        Kind = iota // 500: our own mistake, or somebody's we depend on
	Invalid                     // 400: the request can never work as it was sent
	Unauthenticated             // 401: the caller did not prove who it is
	Forbidden                   // 403: the caller is known and may not
	NotFound                    // 404: there is no such thing
	NotAllowed                  // 405: the thing exists but not with this method
	Conflict                    // 409: the state of the thing stands against it
	Gone                        // 410: it was there and was used up
	Stale                       // 412: the thing is not as the caller's precondition says
	TooLarge                    // 413: the request is larger than we read
	Unsupported                 // 415: the request's media type is not understood
	Limited                     // 429: too often
	Unavailable                 // 503: try again later
)

// Status returns the HTTP status of the kind.
func (k Kind) Status() int {
	switch k {
	case Invalid:
		return 400
	case Unauthenticated:
		return 401
	case Forbidden:
		return 403
	case NotFound:
		return 404
	case NotAllowed:
		return 405
	case Conflict:
		return 409
	case Gone:
		return 410
	case Stale:
		return 412
	case TooLarge:
		return 413
	case Unsupported:
		return 415
	case Limited:
		return 429
	case Unavailable:
		return 503
	default:
		return 500
	}
}

// KindOf returns the kind whose status it is, and Internal where none has it.
func KindOf(status int) Kind {
	for k := Internal; k <= Unavailable; k++ {
		if k.Status() == status {
			return k
		}
	}
	return Internal
}

// Error is an error that may be shown to the caller. Kind, Code, Message, Details and RetryAfter are public;
// the cause is not: it goes to the log only. An Error that was declared as a package variable must not be
// changed: With, Because and the others return copies.
type Error struct {
	Kind Kind
	// Code is the stable word programs compare, for example "invalid_client".
	Code string
	// Message tells a person what is wrong and what to do about it.
	Message string
	// Details are further public members, for example {"redirect_to": "…"}.
	Details map[string]any
	// RetryAfter, when positive, tells the caller how long to wait.
	RetryAfter time.Duration

	cause error
	quiet bool
}

// New makes an error. Packages declare each of theirs once, as a variable.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// With returns a copy that has a more specific public message.
func (e *Error) With(message string) *Error {
	c := *e
	c.Message = message
	return &c
}

// Withf is With for a message that is put together by fmt.Sprintf.
func (e *Error) Withf(format string, a ...any) *Error {
	return e.With(fmt.Sprintf(format, a...))
}

// Because returns a copy that carries an internal cause: it is logged and found by errors.Is, but never sent.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithDetail returns a copy with one more public member.
func (e *Error) WithDetail(key string, value any) *Error {
	c := *e
	c.Details = make(map[string]any, len(e.Details)+1)
	maps.Copy(c.Details, e.Details)
	c.Details[key] = value
	return &c
}

// After returns a copy that tells the caller to wait.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error returns code, message and cause for the log. It is not what the caller gets.
func (e *Error) Error() string {
	text := e.Code
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the internal cause.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an Error of the same code, so that a copy made by With or Because still is
// the declared error.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Quietly returns a copy that says that nothing is wrong, whatever its status: strangers may get it as often as they ask, and no log is
// to be filled with it.
func (e *Error) Quietly() *Error {
	c := *e
	c.quiet = true
	return &c
}

// IsQuiet tells whether an error is one that Quietly made.
func IsQuiet(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.quiet
}

// Faulter is an error of a lower package that knows which fault it is, for example a lost database.
type Faulter interface {
	error
	Fault() *Error
}

var (
	unknown  = New(Internal, "server_error", "Something went wrong on our side. The request id helps the operator to find out what.")
	canceled = New(Unavailable, "request_canceled", "The request was given up before it was finished.")
	timeout  = New(Unavailable, "timeout", "The request took too long. Try again.")
)

// From turns any error into an Error; nil stays nil. An Error or Faulter inside err gives kind, code and
// message, and err stays as its cause; a canceled or timed-out context is Unavailable; all else is Internal
// with a message that tells nothing.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok { //nolint:errorlint // a wrapped one is looked for below, and keeps its wrapping
		return e
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Because(err)
	}
	if f, ok := errors.AsType[Faulter](err); ok {
		if e := f.Fault(); e != nil {
			return e.Because(err)
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return canceled.Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return timeout.Because(err)
	default:
		return unknown.Because(err)
	}
}
