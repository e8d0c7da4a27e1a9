package access

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// The error handlers that rules can name.
const (
	ErrorJSON            = "json"
	ErrorRedirect        = "redirect"
	ErrorWWWAuthenticate = "www_authenticate"
)

// ErrorAnswer says how an error leaves: by which handler, and its settings. Nobody may change it.
type ErrorAnswer struct {
	// Handler is ErrorJSON, ErrorRedirect or ErrorWWWAuthenticate; of the settings, those of the handler are set.
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
	// Error are statuses in words, such as unauthorized, forbidden, not_found, internal_server_error (which is any of 500
	// and above). Empty means any.
	Error []string `json:"error"`
	// Request says what the request must have; nil means nothing.
	Request *WhenRequest `json:"request"`

	networks []netip.Prefix
}

// WhenRequest is what a request must have for an error handler.
type WhenRequest struct {
	// CIDR are networks, as RemoteIP.Match; it is the name that Oathkeeper's schema has for them.
	CIDR []string `json:"cidr"`
	// RemoteIP says where the request must come from.
	RemoteIP *WhenRemoteIP `json:"remote_ip"`
	// Header says which media types the request must speak of.
	Header *WhenHeader `json:"header"`
}

// WhenRemoteIP says where the request must come from.
type WhenRemoteIP struct {
	// Match are networks; the client's address is in one of them.
	Match []string `json:"match"`
	// RespectForwardedForHeader also looks at each address of X-Forwarded-For. Anybody can write that field, and it only
	// chooses how an error looks.
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
type ErrorHandlers struct {
	rule, fallback []errorHandler
	last           ErrorAnswer
}

type errorHandler struct {
	answer ErrorAnswer
	when   []When
}

// builtInErrors answer with JSON.
func builtInErrors() *ErrorHandlers {
	return &ErrorHandlers{last: ErrorAnswer{Handler: ErrorJSON}}
}

// NewErrorHandlers compiles a rule's error handlers; none for requests that no rule matched. Errors begin with the place
// of the handler in the rule's list, or with "fallback".
func NewErrorHandlers(c ErrorsConfig, rule []ErrorHandler) (*ErrorHandlers, error) {
	h := builtInErrors()
	for i, ref := range rule {
		one, err := newErrorHandler(c, ref)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		h.rule = append(h.rule, one)
	}
	for _, name := range c.fallback() {
		one, err := newErrorHandler(c, ErrorHandler{Handler: name})
		if err != nil {
			return nil, fmt.Errorf("fallback: %w", err)
		}
		h.fallback = append(h.fallback, one)
	}
	return h, nil
}

func (c ErrorsConfig) fallback() []string {
	if len(c.Fallback) == 0 {
		return []string{ErrorJSON}
	}
	return c.Fallback
}

// ErrorsConfig says how errors leave.
type ErrorsConfig struct {
	// The handlers that are asked where none of the rule is responsible, in their order; json where none of them is.
	Fallback []string `yaml:"fallback" default:"json"`
	// The error handlers json, redirect and www_authenticate.
	Handlers map[string]HandlerConfig `yaml:"handlers"`
}

// Validate returns all that is wrong, each fault beginning with its key below `errors`.
func (c ErrorsConfig) Validate() (faults []error) {
	for _, name := range slices.Sorted(maps.Keys(c.Handlers)) {
		if !slices.Contains(errorNames(), name) {
			faults = append(faults, fmt.Errorf("handlers.%s: is no error handler%s", name, spell.Meant(name, errorNames())))
		}
	}
	if _, err := NewErrorHandlers(c, nil); err != nil {
		faults = append(faults, err)
	}
	return faults
}

// errorNames are the error handlers there are.
func errorNames() []string { return []string{ErrorJSON, ErrorRedirect, ErrorWWWAuthenticate} }

func newErrorHandler(c ErrorsConfig, ref ErrorHandler) (errorHandler, error) {
	h := errorHandler{answer: ErrorAnswer{Handler: ref.Handler}}
	if !slices.Contains(errorNames(), ref.Handler) {
		return h, fmt.Errorf("handler: %q is no error handler%s", ref.Handler, spell.Meant(ref.Handler, errorNames()))
	}
	configured := c.Handlers[ref.Handler]
	if configured.Enabled != nil && !*configured.Enabled {
		return h, fmt.Errorf("handler: %s is switched off by access.errors.handlers.%[1]s.enabled", ref.Handler)
	}
	settings, err := configured.Config.With(ref.Config)
	if err != nil {
		return h, fmt.Errorf("config: %w", err)
	}
	a := &h.answer
	switch ref.Handler {
	case ErrorJSON:
		err = settings.Decode(&a.JSON)
		h.when = a.JSON.When
	case ErrorRedirect:
		if err = settings.Decode(&a.Redirect); err == nil {
			err = a.Redirect.check()
		}
		h.when = a.Redirect.When
	default:
		a.WWWAuthenticate.Realm = "Please authenticate."
		if err = settings.Decode(&a.WWWAuthenticate); err == nil && strings.ContainsFunc(a.WWWAuthenticate.Realm, isControl) {
			err = fmt.Errorf("realm: must not have control characters")
		}
		h.when = a.WWWAuthenticate.When
	}
	for i := range h.when {
		if err == nil {
			if err = h.when[i].compile(); err != nil {
				err = fmt.Errorf("when[%d].%w", i, err)
			}
		}
	}
	if err != nil {
		return h, fmt.Errorf("config.%w", err)
	}
	return h, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func (s *RedirectErrorSettings) check() error {
	if s.Code == 0 {
		s.Code = 302
	}
	if s.Code != 301 && s.Code != 302 {
		return fmt.Errorf("code: must be 301 or 302")
	}
	to, err := url.Parse(s.To)
	if err != nil || s.To == "" || to.Scheme != "" && (to.Scheme != "http" && to.Scheme != "https" || to.Host == "") {
		return fmt.Errorf("to: must be an http or https URL, or one relative to the request's")
	}
	if strings.Trim(s.ReturnToQueryParam, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789,._~-") != "" {
		return fmt.Errorf("return_to_query_param: may have letters, digits and , . _ ~ -")
	}
	return nil
}
