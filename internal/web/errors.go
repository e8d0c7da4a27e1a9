package web

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

// ErrorWriter writes a fault as the answer, in the shape that a listener's clients understand. It never writes
// the fault's cause.
type ErrorWriter func(w http.ResponseWriter, r *http.Request, e *fault.Error)

var (
	errNotFound    = fault.New(fault.NotFound, "not_found", "Unable to locate the requested resource")
	errNotAllowed  = fault.New(fault.NotAllowed, "method_not_allowed", "This resource does not know the method of the request. The Allow header lists those it knows.")
	errTooLarge    = fault.New(fault.TooLarge, "request_too_large", "The request is larger than this server reads.")
	errPanic       = fault.New(fault.Internal, "server_error", "Something went wrong on our side. The request id helps the operator to find out what.")
	errNotHTTPS    = fault.New(fault.Invalid, "https_required", "This server answers over https only. If a proxy ends TLS, it must send X-Forwarded-Proto: https from a network listed in tls.terminated_by.")
	errNoTenant    = fault.New(fault.NotFound, "unknown_host", "No tenant is reached under this host name and path.")
	errSuspended   = fault.New(fault.Unavailable, "temporarily_unavailable", "This tenant is suspended. Nothing of it is lost; who runs it can say when it is back.").After(5 * time.Minute).Quietly()
	errCrossOrigin = fault.New(fault.Forbidden, "cross_origin_request", "A browser sent this request on behalf of another site.")
)

// flat is Hydra's and OAuth's error object (RFC 6749 §5.2).
type flat struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
}

// OAuthErrors writes {"error":"invalid_client","error_description":"…"} (RFC 6749 §5.2), with the
// WWW-Authenticate header where the RFCs want it.
func OAuthErrors(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	h := w.Header()
	NoStore(h)
	code := e.Code
	switch e.Kind {
	case fault.NotAllowed, fault.TooLarge, fault.Unsupported:
		// §5.2 has a closed list of codes; the status tells these three apart.
		code = "invalid_request"
	}
	challenge(h, r, e)
	writeFlat(w, e, flat{Error: code, Description: e.Message})
}

// challenge sets WWW-Authenticate: the scheme that the client tried for invalid_client (RFC 6749 §5.2), Bearer
// for a token that is not good enough (RFC 6750 §3).
func challenge(h http.Header, r *http.Request, e *fault.Error) {
	if len(h["Www-Authenticate"]) > 0 {
		return
	}
	switch e.Code {
	case "invalid_client":
		if r.Header.Get("Authorization") != "" {
			h.Set("WWW-Authenticate", `Basic realm="gatehouse", charset="UTF-8"`)
		}
	case "invalid_token", "insufficient_scope":
		h.Set("WWW-Authenticate", `Bearer realm="gatehouse", error="`+e.Code+`", error_description="`+quotable(e.Message)+`"`)
	}
}

// quotable keeps the characters that RFC 6750 §3 allows in error_description.
func quotable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return '\''
		}
		return c
	}, s)
}

// HydraErrors writes the flat object of Ory Hydra's admin API: error, error_description and request_id.
func HydraErrors(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	body := flat{Error: e.Code, Description: e.Message, RequestID: RequestID(r.Context())}
	if e.Code == errNotFound.Code {
		// SDK users compare these two sentences.
		body.Error, body.Description = "Not Found", errNotFound.Message
	}
	writeFlat(w, e, body)
}

// writeFlat sends the object, with the fault's details as further members beside the known ones.
func writeFlat(w http.ResponseWriter, e *fault.Error, body flat) {
	var v any = body
	if len(e.Details) > 0 {
		all := make(map[string]any, len(e.Details)+3)
		maps.Copy(all, e.Details)
		all["error"] = body.Error
		if body.Description != "" {
			all["error_description"] = body.Description
		}
		if body.RequestID != "" {
			all["request_id"] = body.RequestID
		}
		v = all
	}
	send(w, e, v)
}

// generic is the error object of Ory Kratos and Oathkeeper.
type generic struct {
	Error genericError `json:"error"`
}

type genericError struct {
	Code    int            `json:"code"`
	Status  string         `json:"status"`
	Request string         `json:"request,omitempty"`
	ID      string         `json:"id,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// KratosErrors writes the generic nested object: {"error":{"code":404,"status":"Not Found",…}}.
func KratosErrors(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	send(w, e, Generic(e, RequestID(r.Context()), true))
}

// Generic gives the generic nested object for the request with the id, to be written as JSON. Without verbose it says what the
// status says, and not what is particular about this error.
func Generic(e *fault.Error, requestID string, verbose bool) any {
	status := e.Kind.Status()
	g := genericError{Code: status, Status: http.StatusText(status), Request: requestID, Message: sentence(e.Kind)}
	if verbose {
		g.ID, g.Reason, g.Details = e.Code, e.Message, e.Details
	}
	return generic{g}
}

// sentence is what Ory's generic error says for a status as a whole.
func sentence(k fault.Kind) string {
	switch k {
	case fault.Invalid:
		return "The request was malformed or contained invalid parameters"
	case fault.Unauthenticated:
		return "The request could not be authorized"
	case fault.Forbidden:
		return "The requested action was forbidden"
	case fault.NotFound:
		return "The requested resource could not be found"
	case fault.NotAllowed:
		return "The method is not known to this resource"
	case fault.Conflict:
		return "The resource could not be created due to a conflict"
	case fault.Gone:
		return "The requested resource is no longer available because it has expired or is otherwise invalid"
	case fault.Stale:
		return "The resource has changed in the meantime"
	case fault.TooLarge:
		return "The request is too large"
	case fault.Unsupported:
		return "The request is using an unknown content type"
	case fault.Limited:
		return "Too many requests were sent in a short time"
	case fault.Unavailable:
		return "The service is not available at the moment"
	default:
		return "An internal server error occurred, please contact the system administrator"
	}
}

func send(w http.ResponseWriter, e *fault.Error, body any) {
	// The client may be gone; there is nobody left to tell.
	_ = WriteJSON(w, e.Kind.Status(), body)
}

// setRetryAfter says how long to wait, where the error knows.
func setRetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", RetryAfter(d))
	}
}

// RetryAfter gives the value of a Retry-After field: whole seconds, rounded up (RFC 9110 §10.2.3).
func RetryAfter(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// classify turns what a handler returned into a fault. A body that ran into the cap is found wherever a
// parser wrapped it.
func classify(err error) *fault.Error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge.With(fmt.Sprintf("The request body is larger than the %d bytes that this server reads.", large.Limit)).Because(err)
	}
	return fault.From(err)
}
