package door

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Proxy is the door that applications stand behind: what passes is sent to the rule's upstream.
type Proxy struct {
	Door

	// CORS says that the listener tells browsers which sites' pages may read answers. Then what applications say of that is taken
	// off: two policies at once open what one of them closes, or close everything.
	CORS bool
	// Timeouts are the listener's, of which Read and Write bound a step each, as web.Timeouts says; 0 means what it has by default.
	Timeouts web.Timeouts

	forward *httputil.ReverseProxy
}

var errUpstream = fault.New(fault.Unavailable, "upstream_unavailable", "The application cannot be reached at the moment.")

// NewProxy makes the proxy of a door. It passes on the path that it decided about. Errors name the file that cannot be read.
func NewProxy(d Door, c UpstreamConfig, log *slog.Logger) (*Proxy, error) {
	transport, err := c.transport(d.Engine.Reach())
	if err != nil {
		return nil, err
	}
	d.Normalized, d.Forwards = true, true
	return &Proxy{Door: d, forward: &httputil.ReverseProxy{
		Transport: transport, Rewrite: rewrite, ModifyResponse: answered, ErrorHandler: failed,
		FlushInterval: -1, // an event of a stream must not wait for the next
		BufferPool:    newBuffers(),
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelDebug), // connections that clients cut are not our fault
	}}, nil
}

// passage is a request on its way to the upstream.
type passage struct {
	decision *access.Decision
	request  *access.Request
	trusted  bool // the peer's own forwarding headers are kept
	cors     bool // the listener's policy is the only one
	body     *steadyBody
	answered bool // what follows is the final answer
	// expects tells that the client waits to be told to send its body (RFC 9110 §10.1.1). net/http says so by itself in HTTP/1 when the
	// body is read, and does not look whether another goroutine writes an interim answer meanwhile: so none is passed on.
	expects bool
	err     error
}

type passageKey struct{}

func way(ctx context.Context) *passage { return ctx.Value(passageKey{}).(*passage) }

// Serve is the door's handler.
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request) error {
	x := p.begin(w, r)
	defer x.end()
	w = x
	expects := r.ProtoMajor == 1 && len(r.Header["Expect"]) > 0
	takeNominated(r.Header)
	q := heard(r, own(r))
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		q.Request.Certificate = r.TLS.PeerCertificates[0].Raw
	}
	decision := p.Decide(r.Context(), q)
	if !decision.Allowed() {
		p.Answered(q, 0)
		return refuse(w, r, &q.Request, decision)
	}
	pass := &passage{decision: decision, request: &q.Request, trusted: web.FromProxy(r.Context()), cors: p.CORS, body: x.body, expects: expects}
	counted := &counter{ResponseWriter: w, pass: pass}
	defer func() { p.Answered(q, counted.bytes) }() // also where an end breaks off, which ReverseProxy tells by a panic
	p.forward.ServeHTTP(counted, r.WithContext(context.WithValue(r.Context(), passageKey{}, pass)))
	return pass.err
}

// rewrite makes the upstream's request of the client's. ReverseProxy has taken off what concerns one connection only (RFC 9110
// §7.6.1) and, as Rewrite is used, the forwarding headers.
func rewrite(p *httputil.ProxyRequest) {
	pass := way(p.In.Context())
	maps.DeleteFunc(p.Out.Header, func(name string, _ []string) bool {
		return vouched(name) && (!pass.trusted || access.Undisguised(name) != name)
	})
	if pass.trusted {
		p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	}
	p.SetXForwarded()
	target := pass.request.Target
	p.Out.Header["X-Forwarded-Proto"] = []string{target.Scheme}
	p.Out.Header["X-Forwarded-Host"] = []string{target.Host}
	p.Out.Trailer = nil // no rule was asked about what follows a body, and some applications join it to the header
	p.Out.URL = pass.decision.UpstreamURL(target)
	p.Out.Host = p.Out.URL.Host
	if pass.decision.Rule.Upstream.PreserveHost {
		p.Out.Host = target.Host
	}
	// An application that speaks HTTP/2 after an upgrade would take further requests from the client past the rules (RFC 9113 has
	// done away with it). WebSockets are no requests.
	delete(p.Out.Header, "Http2-Settings")
	if up := p.Out.Header.Get("Upgrade"); up != "" && !strings.EqualFold(up, "websocket") {
		delete(p.Out.Header, "Upgrade")
		delete(p.Out.Header, "Connection")
	}
	told := pass.decision.Upstream(pass.request.Header)
	for _, name := range pass.decision.Withheld(nil, pass.request, told) {
		delete(p.Out.Header, name)
	}
	maps.Copy(p.Out.Header, http.Header(told))
	p.Out.Header["X-Request-Id"] = []string{pass.request.ID}
}

// vouched reports whether a field, or what many applications read as it, says something of the client that only a proxy can know.
func vouched(name string) bool {
	name = access.Undisguised(name)
	switch name {
	case "Forwarded", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}

// answered takes the upstream's answer.
func answered(resp *http.Response) error {
	pass := way(resp.Request.Context())
	pass.answered = true
	pass.withhold(resp.Header)
	return nil
}

// withhold takes off what the upstream may not say: its own request id would stand beside ours, and so would its CORS policy.
func (p *passage) withhold(header http.Header) {
	header.Del("X-Request-Id")
	if p.cors {
		maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Access-Control-") })
	}
}

// failed keeps what went wrong on the way to the upstream: the door answers.
func failed(_ http.ResponseWriter, r *http.Request, err error) {
	pass := way(r.Context())
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		pass.err = large
		return
	}
	if errors.Is(err, errSlowClient) || pass.body != nil && pass.body.late() {
		pass.err = errSlowClient.Because(err)
		return
	}
	pass.err = errUpstream.Because(err)
}
