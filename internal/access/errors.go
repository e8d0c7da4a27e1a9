package access

import "encoding/json"

// The error handlers that rules can name.
const (
	ErrorJSON            = "json"
	ErrorRedirect        = "redirect"
	ErrorWWWAuthenticate = "www_authenticate"
)

// ErrorAnswer says how an error leaves: by which handler, and its settings.
type ErrorAnswer struct {
	// Handler is ErrorJSON, ErrorRedirect or ErrorWWWAuthenticate.
	Handler         string
	JSON            JSONErrorSettings
	Redirect        RedirectErrorSettings
	WWWAuthenticate WWWAuthenticateErrorSettings
}

// JSONErrorSettings are those of the error handler json.
type JSONErrorSettings struct {
	// Verbose shows the error's own message; otherwise what its status says.
	Verbose bool `json:"verbose"`
	// When are the conditions; one of them must hold. None means always.
	When []When `json:"when"`
}

// RedirectErrorSettings are those of the error handler redirect.
type RedirectErrorSettings struct {
	// To is where the browser is sent: an http or https URL, or a relative one.
	To string `json:"to"`
	// Code is 301 or 302. Default: 302.
	Code int `json:"code"`
	// ReturnToQueryParam is the parameter of To that gets the URL of the request; empty means none.
	ReturnToQueryParam string `json:"return_to_query_param"`
	// When are the conditions; one of them must hold. None means always.
	When []When `json:"when"`
}

// WWWAuthenticateErrorSettings are those of the error handler www_authenticate.
type WWWAuthenticateErrorSettings struct {
	// Realm is shown by browsers. Default: "Please authenticate."
	Realm string `json:"realm"`
	// When are the conditions; one of them must hold. None means always.
	When []When `json:"when"`
}

// When is a condition for an error handler: one of the errors, and all that is said about the request.
type When struct {
	// Error are statuses in words, such as unauthorized, forbidden, not_found, internal_server_error, too_many_requests.
	// Empty means any.
	Error []string `json:"error"`
	// Request says what the request must have; nil means nothing.
	Request *WhenRequest `json:"request"`
}

// WhenRequest is what a request must have for an error handler.
type WhenRequest struct {
	// CIDR are networks; RemoteIP.Match are the same under the name of the documentation.
	CIDR     []string      `json:"cidr"`
	RemoteIP *WhenRemoteIP `json:"remote_ip"`
	Header   *WhenHeader   `json:"header"`
}

// WhenRemoteIP says where the request must come from.
type WhenRemoteIP struct {
	// Match are networks; the client's address is in one of them.
	Match []string `json:"match"`
	// RespectForwardedForHeader also looks at each address of X-Forwarded-For.
	RespectForwardedForHeader bool `json:"respect_forwarded_for_header"`
}

// WhenHeader says which media types the request must speak of.
type WhenHeader struct {
	// ContentType is matched with the field Content-Type, "application/*" with each of its kind.
	ContentType []string `json:"content_type"`
	// Accept is matched with the field Accept. A wildcard of the request only matches the same wildcard here.
	Accept []string `json:"accept"`
}

// ErrorHandlers are the compiled error handlers of a rule with the fallback behind them.
type ErrorHandlers struct{}

// NewErrorHandlers compiles a rule's error handlers.
func NewErrorHandlers(c ErrorsConfig, rule []ErrorHandler) (*ErrorHandlers, error) {
	return &ErrorHandlers{}, nil
}

// Choose gives the answer for an error with the HTTP status, for the request.
func (h *ErrorHandlers) Choose(status int, r *Request) *ErrorAnswer {
	return &ErrorAnswer{Handler: ErrorJSON}
}

var _ json.Marshaler = Settings{}
