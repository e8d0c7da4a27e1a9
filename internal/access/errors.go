package access

import (
	"fmt"
	"mime"
	"net/netip"
	"net/url"
	"slices"
	"strings"
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

// errorNames are the error handlers there are.
func errorNames() []string { return []string{ErrorJSON, ErrorRedirect, ErrorWWWAuthenticate} }

func newErrorHandler(c ErrorsConfig, ref ErrorHandler) (errorHandler, error) {
	h := errorHandler{answer: ErrorAnswer{Handler: ref.Handler}}
	if !slices.Contains(errorNames(), ref.Handler) {
		return h, fmt.Errorf("handler: %q is no error handler%s", ref.Handler, meant(ref.Handler, errorNames()))
	}
	configured := c.Handlers[ref.Handler]
	if configured.Enabled != nil && !*configured.Enabled {
		return h, fmt.Errorf("handler: %s is switched off by access.errors.handlers.%[1]s.enabled", ref.Handler)
	}
	settings, err := NewSettings(configured.Config.raw, ref.Config)
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

// words are the statuses that conditions can name.
func words(status int) string {
	switch status {
	case 400:
		return "bad_request"
	case 401:
		return "unauthorized"
	case 403:
		return "forbidden"
	case 404:
		return "not_found"
	case 405:
		return "method_not_allowed"
	case 409:
		return "conflict"
	case 413:
		return "request_entity_too_large"
	case 429:
		return "too_many_requests"
	case 503:
		return "service_unavailable"
	}
	return "internal_server_error"
}

func (w *When) compile() error {
	known := []string{
		"bad_request", "unauthorized", "forbidden", "not_found", "method_not_allowed", "conflict", "request_entity_too_large",
		"too_many_requests", "internal_server_error", "service_unavailable",
	}
	for i, name := range w.Error {
		if !slices.Contains(known, name) {
			return fmt.Errorf("error[%d]: %q is no error%s", i, name, meant(name, known))
		}
	}
	if w.Request == nil {
		return nil
	}
	lists := map[string][]string{"request.cidr": w.Request.CIDR}
	if w.Request.RemoteIP != nil {
		lists["request.remote_ip.match"] = w.Request.RemoteIP.Match
	}
	for path, list := range lists {
		for i, text := range list {
			network, err := parseNetwork(text)
			if err != nil {
				return fmt.Errorf("%s[%d]: %q is not a network, such as 10.0.0.0/8 or 2001:db8::/32", path, i, text)
			}
			w.networks = append(w.networks, network)
		}
	}
	return nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// Choose gives the answer for an error with the HTTP status: the first handler of the rule that is responsible, else the
// first of the fallback, else JSON.
func (h *ErrorHandlers) Choose(status int, r *Request) *ErrorAnswer {
	if h == nil {
		h = builtInErrors()
	}
	for _, list := range [][]errorHandler{h.rule, h.fallback} {
		for i := range list {
			if list[i].responsible(status, r) {
				return &list[i].answer
			}
		}
	}
	return &h.last
}

func (h *errorHandler) responsible(status int, r *Request) bool {
	if len(h.when) == 0 {
		return true
	}
	for i := range h.when {
		if h.when[i].holds(status, r) {
			return true
		}
	}
	return false
}

func (w *When) holds(status int, r *Request) bool {
	name := words(status)
	if len(w.Error) > 0 && !slices.Contains(w.Error, name) && (status < 500 || !slices.Contains(w.Error, "internal_server_error")) {
		return false
	}
	if w.Request == nil {
		return true
	}
	if h := w.Request.Header; h != nil && (!speaks(r.Header["Content-Type"], h.ContentType) || !speaks(r.Header["Accept"], h.Accept)) {
		return false
	}
	return len(w.networks) == 0 || w.comesFrom(r)
}

// comesFrom reports whether the request comes from one of the networks.
func (w *When) comesFrom(r *Request) bool {
	from := []netip.Addr{r.Client.Unmap()}
	if w.Request.RemoteIP != nil && w.Request.RemoteIP.RespectForwardedForHeader {
		for _, field := range r.Header["X-Forwarded-For"] {
			for one := range strings.SplitSeq(field, ",") {
				if a, err := netip.ParseAddr(strings.TrimSpace(one)); err == nil {
					from = append(from, a.Unmap())
				}
			}
		}
	}
	for _, a := range from {
		if slices.ContainsFunc(w.networks, func(n netip.Prefix) bool { return n.Contains(a) }) {
			return true
		}
	}
	return false
}

// speaks reports whether one of the media types of a field is wanted. A request that names none speaks of
// application/octet-stream, as Oathkeeper has it.
func speaks(field, wanted []string) bool {
	if len(wanted) == 0 {
		return true
	}
	if len(field) == 0 || field[0] == "" {
		field = []string{"application/octet-stream"}
	}
	for _, list := range field {
		for one := range strings.SplitSeq(list, ",") {
			name, _, err := mime.ParseMediaType(one)
			if err != nil && name == "" {
				continue
			}
			if slices.ContainsFunc(wanted, func(w string) bool { return covers(strings.ToLower(strings.TrimSpace(w)), name) }) {
				return true
			}
		}
	}
	return false
}

func covers(wanted, name string) bool {
	kind, wildcard := strings.CutSuffix(wanted, "/*")
	return wanted == "*/*" || wanted == name || wildcard && strings.HasPrefix(name, kind+"/")
}
