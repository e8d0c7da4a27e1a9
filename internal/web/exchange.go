package web

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// exchange is all that we keep about one request and its answer. It is one allocation: the context that the
// handler gets and the ResponseWriter that it writes to both point into it.
type exchange struct {
	ctx       requestContext
	out       responseWriter
	core      *core
	route     *route // nil until ServeMux found one
	id        [1]string
	origin    actor.Origin
	actor     actor.Actor // the zero Actor until ActAs
	tenant    tenant.ID
	within    string // the beginning of the path that said which tenant, with the base URL's prefix where that was there
	below     string // the same without the base URL's prefix
	https     bool
	proxied   bool
	suspended bool
	err       error
	start     time.Time
	span      func(route string, status int, err error)
}

// requestContext answers for the exchange, the tenant, the actor and the origin in one step, where a chain of context.WithValue
// would walk.
type requestContext struct {
	context.Context //nolint:containedctx // it is the context
	x               *exchange
}

type exchangeKey struct{}

// Value implements context.Context.
func (c *requestContext) Value(key any) any {
	switch key.(type) {
	case exchangeKey:
		return c.x
	case tenant.Key:
		if c.x.tenant != "" {
			return &c.x.tenant
		}
	case actor.OriginKey:
		return &c.x.origin
	case actor.Key:
		if c.x.actor.Kind != "" {
			return &c.x.actor
		}
	}
	return c.Context.Value(key)
}

func from(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// RequestID returns the id of the request that the context belongs to, or "" outside of one.
func RequestID(ctx context.Context) string {
	if x := from(ctx); x != nil {
		return x.id[0]
	}
	return ""
}

// ClientIP returns the address of the client: the peer, or what a trusted proxy says in X-Forwarded-For. It is
// the zero Addr outside of a request.
func ClientIP(ctx context.Context) netip.Addr {
	if x := from(ctx); x != nil {
		return x.origin.Address
	}
	return netip.Addr{}
}

// ActAs says who sent the request, for everything that is done for it from here on: for guards, which cannot give the handler
// another context. Outside of a request it does nothing. It must not be called while others read the context.
func ActAs(ctx context.Context, a actor.Actor) {
	if x := from(ctx); x != nil {
		x.actor = a
	}
}

// IsHTTPS reports whether the client spoke TLS to us or to the proxy that is declared to terminate it.
func IsHTTPS(ctx context.Context) bool {
	x := from(ctx)
	return x != nil && x.https
}

// FromProxy reports whether the peer is a proxy whose forwarding headers are believed.
func FromProxy(ctx context.Context) bool {
	x := from(ctx)
	return x != nil && x.proxied
}

// Base returns the base URL of the listener that got the request, with the path prefix of its tenant where the request had one.
func Base(ctx context.Context) BaseURL {
	if x := from(ctx); x != nil {
		return x.base()
	}
	return BaseURL{}
}

func (x *exchange) base() BaseURL { return x.core.o.BaseURL.below(x.below) }

// locate finds out whose the request is. A proxy may have taken the base URL's prefix off.
func (x *exchange) locate(r *http.Request) {
	own := x.core.o.BaseURL.Prefix()
	var found tenant.Found
	if rest, ok := x.core.o.BaseURL.strip(r.URL.Path); ok {
		if found = x.core.o.Tenant(r.Host, rest); found.Prefix != "" {
			x.within = own + found.Prefix
		}
	}
	if x.within == "" {
		found = x.core.o.Tenant(r.Host, r.URL.Path)
		x.within = found.Prefix
	}
	if raw := r.URL.RawPath; x.within != "" && raw != "" && !strings.HasPrefix(raw, x.within) {
		// The prefix is written in another way, by which whoever is in front may have taken it for something else.
		x.within, found = "", tenant.Found{}
	}
	if x.below = found.Prefix; found.Tenant != nil {
		x.tenant, x.suspended = found.Tenant.ID, found.Tenant.State == tenant.Suspended
	} else {
		x.tenant = ""
	}
}

// Record keeps an error for the access log of this request. It is for handlers that answer by themselves, for
// example with a redirect or a page, and so return nil.
func Record(ctx context.Context, err error) {
	if x := from(ctx); x != nil && x.err == nil {
		x.err = err
	}
}

// responseWriter notes status and size. Until a route was found it swallows what ServeMux itself answers, so
// that the mux can say the same in the listener's own shape.
type responseWriter struct {
	http.ResponseWriter
	status  int
	bytes   int64
	routing bool     // ServeMux is answering: keep the status, drop the rest
	json    []string // shared value of Content-Type
	// connection is what the listener says about the connection. It belongs to the final answer: an interim one does not carry it, and
	// what passes one on, as httputil.ReverseProxy does, clears all fields behind it.
	connection []string
}

// WriteHeader implements http.ResponseWriter.
func (w *responseWriter) WriteHeader(status int) {
	if w.routing {
		w.status = status
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		delete(w.Header(), "Connection")
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.status == 0 {
		w.status = status
		if w.connection != nil {
			w.Header()["Connection"] = w.connection
		}
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (int, error) {
	if w.routing {
		return len(p), nil
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() {
	if w.routing {
		return
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// wrote reports whether an answer has begun.
func (w *responseWriter) wrote() bool { return w.status != 0 }
