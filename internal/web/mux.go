package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// HandlerFunc answers a request. An error that it returns is written once by its mux's ErrorWriter, unless the
// answer has begun already.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// Plain turns an http.Handler, for example a metrics page, into a HandlerFunc.
func Plain(h http.Handler) HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// DefaultMaxBody is the size of request body that is read where Options do not say another.
const DefaultMaxBody = 1 << 20

// Options say how a listener treats every request. The zero value serves plainly: no prefix, no proxy, no CORS.
type Options struct {
	// Log gets the access log and the causes of errors; nil drops them.
	Log *slog.Logger
	// Access says which requests are logged; empty means AccessErrors.
	Access AccessLog
	// Now is the clock for durations; nil means that none are measured.
	Now func() time.Time
	// BaseURL is the listener's address as seen from outside.
	BaseURL BaseURL
	// Bare is a path prefix, "/admin", that is added to paths which are no route without it, so that
	// "/clients" is "/admin/clients". Empty for none.
	Bare string
	// MaxBody caps request bodies, in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies Networks
	// Socket says that the listener is a Unix socket. Who may open it is believed as a trusted proxy is.
	Socket bool
	// TerminatedBy are the networks whose X-Forwarded-Proto is believed too: proxies that end TLS for us.
	TerminatedBy Networks
	// RequireHTTPS refuses what neither came over TLS nor through a proxy of TerminatedBy. Health is exempt.
	RequireHTTPS bool
	// RefuseCrossOrigin refuses state-changing requests that a browser sends on behalf of another site.
	RefuseCrossOrigin bool
	// RefuseForeignHosts refuses requests whose Host is neither an address, nor localhost, nor the base URL's.
	// It is for a listener on loopback that asks for no credential: a page whose name resolves to 127.0.0.1
	// (DNS rebinding) is same-origin to the browser, but cannot hide its name.
	RefuseForeignHosts bool
	// OneLoopbackName sends a browser that came to this machine by another of its names (localhost, 127.0.0.1, [::1]) to
	// the base URL's. Cookies belong to a name, so a flow that began under the one would not be known under the other.
	OneLoopbackName bool
	// Guard, when set, refuses by its error who may not ask anything of this listener. Health is exempt: probes carry
	// no secrets; and so are browsers' preflights, which carry none either.
	// It says by ActAs who it is, and asks Require whether that is enough.
	Guard HandlerFunc
	// Refuse makes the error with which Require turns somebody away; nil means ErrRole.
	Refuse func(ctx context.Context, need Need) error
	// Trusts tells, without refusing anybody, whether who asks may see what concerns the whole installation: for what is open to
	// all and tells some more. nil trusts everybody.
	Trusts func(r *http.Request) bool
	// CORS answers browsers' cross-origin questions.
	CORS CORS
	// AllowOrigin, when set, is asked for origins that CORS does not list.
	AllowOrigin func(r *http.Request, origin string) bool
	// Tenant finds the tenant of a Host header and a path, without the base URL's prefix; nil means tenant.Default for all.
	Tenant func(host, path string) tenant.Found
	// ServeSuspended answers requests to suspended tenants as to others.
	ServeSuspended bool
	// Measure is called once per route, at Handle time, for the function that counts its requests.
	Measure func(pattern string) Recorder
	// Trace, when set, begins a span per request.
	Trace Tracer
}

// Recorder counts one finished request of a route.
type Recorder = func(status int, elapsed time.Duration)

// Tracer begins a span for a request. The function that it returns ends it; route is the pattern that matched,
// or empty.
type Tracer = func(ctx context.Context, r *http.Request) (context.Context, func(route string, status int, err error))

// core is what the views of a mux share.
type core struct {
	o           Options
	mux         *http.ServeMux
	errors      ErrorWriter
	cors        *corsPolicy
	origin      *http.CrossOriginProtection
	trusted     prefixes
	terminators prefixes
	unmatched   Recorder
	headers     []header // same for each answer
	jsonType    []string
	ownOnly     map[string]bool // paths that CORS leaves alone
	routes      []Route
}

type header struct {
	key   string
	value []string
}

// Mux routes requests to handlers. Views of one mux, made by With, differ in how they write errors.
type Mux struct {
	*core
	errors  ErrorWriter
	ownOnly bool
	need    Need
}

// NewMux makes a mux whose own errors (404, 405) and whose handlers' are written by errors. It panics on
// options that Config.Validate would have refused.
func NewMux(errors ErrorWriter, o Options) *Mux {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Access == "" {
		o.Access = AccessErrors
	}
	c := &core{
		o:           o,
		mux:         http.NewServeMux(),
		errors:      errors,
		cors:        o.CORS.policy(o.AllowOrigin),
		terminators: o.TerminatedBy.prefixes(),
		headers: []header{
			{"X-Content-Type-Options", []string{"nosniff"}},
			{"Referrer-Policy", []string{"no-referrer"}},
			{"Cache-Control", []string{"no-store"}},
		},
		jsonType: []string{JSON},
		ownOnly:  make(map[string]bool),
	}
	c.trusted = append(o.TrustedProxies.prefixes(), c.terminators...)
	if o.BaseURL.Secure() {
		c.headers = append(c.headers, header{"Strict-Transport-Security", []string{"max-age=31536000"}})
	}
	if o.RefuseCrossOrigin {
		c.origin = http.NewCrossOriginProtection()
		if !o.BaseURL.IsZero() {
			if err := c.origin.AddTrustedOrigin(o.BaseURL.Origin()); err != nil {
				panic("web: base URL " + o.BaseURL.String() + " has no usable origin: " + err.Error())
			}
		}
	}
	c.unmatched = c.measure("unmatched")
	return &Mux{core: c, errors: errors}
}

func (c *core) measure(pattern string) Recorder {
	if c.o.Measure == nil {
		return nil
	}
	return c.o.Measure(pattern)
}

// With returns a view of the same mux whose handlers' errors are written by errors.
func (m *Mux) With(errors ErrorWriter) *Mux {
	v := *m
	v.errors = errors
	return &v
}

// WithoutCORS returns a view of the same mux whose routes tell no other site's scripts that they may read answers,
// whatever CORS is configured: for pages to which browsers are sent, such as the authorization endpoint (RFC 9700 §2.6).
func (m *Mux) WithoutCORS() *Mux {
	v := *m
	v.ownOnly = true
	return &v
}

// BaseURL returns the listener's address as seen from outside.
func (m *Mux) BaseURL() BaseURL { return m.o.BaseURL }

// Handle registers a handler for a pattern of net/http.ServeMux, such as "GET /clients/{id}". It panics when
// the pattern is malformed or taken.
func (m *Mux) Handle(pattern string, h HandlerFunc) { m.handle(pattern, h, false) }

func (m *Mux) handle(pattern string, h HandlerFunc, open bool) {
	rt := &route{pattern: pattern, handler: h, errors: m.errors, open: open, record: m.measure(pattern), need: m.need.of(pattern)}
	m.mux.Handle(pattern, rt)
	m.routes = append(m.routes, Route{Pattern: pattern, Need: rt.need, Open: open})
	if m.ownOnly {
		_, path, _ := strings.Cut(pattern, " ")
		m.core.ownOnly[path] = true
	}
}

// route is one registered pattern with everything about it that can be known before a request.
type route struct {
	pattern string
	handler HandlerFunc
	errors  ErrorWriter
	record  Recorder
	open    bool // answers on any host and without https: health
	need    Need
}

// ServeHTTP is called by ServeMux, always with the mux's own writer.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := from(r.Context())
	x.route = rt
	x.out.routing = false
	everywhere := rt.need.Everywhere
	if everywhere && x.tenant == "" {
		x.tenant = tenant.Default
	}
	if err := x.admit(r, rt); err != nil {
		x.fail(r, rt.errors, err)
		return
	}
	if everywhere { // it was asked before whose the request is: that may be all that its sender may do
		x.tenant = tenant.Default
	}
	if x.core.o.OneLoopbackName && x.core.misnamed(r) {
		w.Header().Set("Location", x.core.o.BaseURL.Origin()+r.RequestURI)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	if err := rt.handler(w, r); err != nil {
		x.fail(r, rt.errors, err)
	}
}

// admit refuses what must not reach a handler.
func (x *exchange) admit(r *http.Request, rt *route) error {
	c := x.core
	if !rt.open {
		if c.o.RequireHTTPS && !x.https {
			return errNotHTTPS
		}
		if x.tenant == "" || c.o.RefuseForeignHosts && c.foreign(r.Host) {
			return errNoTenant
		}
		if x.suspended && !c.o.ServeSuspended && !rt.need.Everywhere {
			return errSuspended
		}
		if c.o.Guard != nil {
			if err := c.o.Guard(&x.out, r); err != nil {
				return err
			}
		}
	}
	if c.origin != nil {
		if err := c.origin.Check(r); err != nil {
			return errCrossOrigin.Because(err)
		}
	}
	if r.ContentLength > c.o.MaxBody {
		// Reading on to the end of it would be work for nothing.
		x.out.Header().Set("Connection", "close")
		return &http.MaxBytesError{Limit: c.o.MaxBody}
	}
	return nil
}

// misnamed reports whether a browser opens a page by another loopback name than the base URL's, at the same port: where the
// ports differ there is a proxy in between that knows what it does.
func (c *core) misnamed(r *http.Request) bool {
	if r.Method != http.MethodGet || strings.EqualFold(r.Host, c.o.BaseURL.Host()) ||
		!strings.HasPrefix(r.RequestURI, "/") || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return false
	}
	own, ownPort := loopbackName(c.o.BaseURL.Host())
	got, port := loopbackName(r.Host)
	return own && got && ownPort == port
}

// loopbackName reports whether a host names this machine, and at which port.
func loopbackName(host string) (is bool, port string) {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), ""
	}
	if strings.EqualFold(name, "localhost") {
		return true, port
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback(), port
}

// foreign reports whether a Host header names another host than this machine or the base URL's.
func (c *core) foreign(host string) bool {
	if strings.EqualFold(host, c.o.BaseURL.Host()) {
		return false
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return false
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil
}

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := m.core
	x := c.begin(w, r)
	if c.o.Trace != nil {
		x.ctx.Context, x.span = c.o.Trace(r.Context(), r)
	}
	r = r.WithContext(&x.ctx)
	defer x.finish(r)

	h := w.Header()
	for i := range c.headers {
		h[c.headers[i].key] = c.headers[i].value
	}
	h["X-Request-Id"] = x.id[:]
	kept := c.rewrite(r, x.within)
	if c.cors != nil && !c.ownOnly[r.URL.Path] && c.cors.handle(h, r) {
		x.out.routing = false
		x.out.WriteHeader(http.StatusNoContent)
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, c.o.MaxBody)
	}
	c.mux.ServeHTTP(&x.out, r)
	if x.route == nil {
		x.missed(r, kept)
	}
}

// begin gathers what is known about a request before it is routed.
func (c *core) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{core: c, tenant: tenant.Default}
	x.ctx = requestContext{Context: r.Context(), x: x}
	x.out = responseWriter{ResponseWriter: w, routing: true, json: c.jsonType, connection: w.Header()["Connection"]}
	x.id[0] = requestID(r.Header["X-Request-Id"])
	x.origin.RequestID = x.id[0]
	peer := peerAddr(r.RemoteAddr)
	x.proxied = c.o.Socket || c.trusted.contain(peer)
	x.origin.Address = peer
	if x.proxied {
		x.origin.Address = clientAddr(peer, r.Header["X-Forwarded-For"], c.trusted)
	}
	x.https = overTLS(r, peer, c.terminators)
	if c.o.Tenant != nil {
		x.locate(r)
	}
	if c.o.Now != nil {
		x.start = c.o.Now()
	}
	return x
}

// missed answers what ServeMux found no route for: its redirect to a clean path stays, its plain-text 404 and
// 405 are said again in the listener's shape. ServeMux has set Allow.
func (x *exchange) missed(r *http.Request, kept bool) {
	status := x.out.status
	x.out.status, x.out.routing = 0, false
	h := x.out.Header()
	h.Del("Content-Type")
	if x.core.o.Guard != nil { // which paths and methods there are is not for strangers either
		if err := x.core.o.Guard(&x.out, r); err != nil {
			h.Del("Allow")
			x.fail(r, x.core.errors, err)
			return
		}
	}
	switch {
	case status >= 300 && status < 400:
		if location := h.Get("Location"); !kept && strings.HasPrefix(location, "/") {
			h.Set("Location", x.base().Prefix()+location)
		}
		x.out.WriteHeader(status)
	case status == http.StatusMethodNotAllowed:
		x.fail(r, x.core.errors, errNotAllowed)
	default:
		x.fail(r, x.core.errors, errNotFound)
	}
}
