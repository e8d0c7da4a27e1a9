package web

import "net/http"

// Raw answers every path with one handler and leaves the path as the client sent it: for doors, whose rules and upstreams
// must see what ServeMux would clean. It logs, measures and traces like a Mux; of a Mux's headers its answers have the request
// id only, for they are somebody else's.
type Raw struct {
	core  *core
	route *route
}

// NewRaw makes a Raw. Its name stands where a Mux's routes stand, in logs and metrics. Options.MaxBody 0 means
// DefaultMaxBody here too. It panics on options that Config.Validate would have refused.
func NewRaw(name string, errors ErrorWriter, o Options, h HandlerFunc) *Raw {
	m := NewMux(errors, o)
	return &Raw{m.core, &route{pattern: name, handler: h, errors: errors, record: m.measure(name)}}
}

// ServeHTTP implements http.Handler.
func (d *Raw) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := d.core
	x := c.begin(w, r)
	x.route, x.out.routing = d.route, false
	if c.o.Trace != nil {
		x.ctx.Context, x.span = c.o.Trace(r.Context(), r)
	}
	r = r.WithContext(&x.ctx)
	defer x.finish(r)

	h := w.Header()
	h["X-Request-Id"] = x.id[:]
	if c.cors != nil && c.cors.handle(h, r) {
		x.out.WriteHeader(http.StatusNoContent)
		return
	}
	if err := x.admit(r, d.route); err != nil {
		x.fail(r, d.route.errors, err)
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, c.o.MaxBody)
	}
	if err := d.route.handler(&x.out, r); err != nil {
		x.fail(r, d.route.errors, err)
	}
}
