package access

import (
	"context"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
)

// Door is what the ways in share: they ask the engine, count what it said and say no alike.
type Door struct {
	// Name is proxy, decisions or ext_authz.
	Name string
	// Engine decides.
	Engine *Engine
	// Record takes each decision as an event; nil drops them.
	Record func(flow.Event)
	// Observe counts each decision with the time it took; nil counts nothing.
	Observe func(door string, verdict flow.Verdict, took time.Duration)
	// Strip are headers in canonical form that no client may send to an application.
	Strip []string
	// Normalized tells that the application gets the normalized path. Where it gets the path as it was sent, a request whose
	// path had to be changed is turned away: the rule and the application would read two different ones.
	Normalized bool
	// Now is the clock.
	Now func() time.Time
}

var errUnnormalized = fault.New(fault.Forbidden, "unnormalized_path", "The path must be written without empty and dot segments.")

// defaultStrip are headers by which applications know who asks, so that a client could pretend to be somebody.
var defaultStrip = []string{"X-Kratos-Authenticated-Identity-Id"}

// Stripped gives the headers that no client may send, in canonical form: those of the configuration, and our own.
func (c Config) Stripped() []string {
	names := append([]string(nil), defaultStrip...)
	for _, name := range c.StripHeaders {
		names = append(names, textproto.CanonicalMIMEHeaderKey(name))
	}
	return names
}

// Decide asks the engine and counts the answer. The function that it gives back records the decision: doors call it when
// they know how many bytes the answer had.
func (d *Door) Decide(ctx context.Context, r *Request) (*Decision, func(bytes int64)) {
	began := d.Now()
	decision := &Decision{Err: errUnnormalized}
	if d.Normalized || !r.Target.Changed {
		decision = d.Engine.Decide(ctx, r)
	}
	status := 0
	if decision.Err != nil {
		status = decision.Err.Kind.Status()
	}
	verdict := flow.VerdictOf(status)
	if d.Observe != nil {
		d.Observe(d.Name, verdict, d.Now().Sub(began))
	}
	if d.Record == nil {
		return decision, func(int64) {}
	}
	return decision, func(bytes int64) {
		d.Record(event(r, decision, verdict, began, d.Now().Sub(began), bytes))
	}
}

func event(r *Request, d *Decision, verdict flow.Verdict, at time.Time, took time.Duration, bytes int64) flow.Event {
	e := flow.Event{
		Tenant: d.Tenant, Time: at, Method: r.Method, Host: r.Target.Host, Path: r.Target.Path,
		Verdict: verdict, Duration: took, Bytes: bytes,
	}
	if d.Rule != nil {
		e.Rule = d.Rule.ID
	}
	if d.Principal != nil {
		e.Subject = d.Principal.Subject
	}
	if d.Err != nil {
		e.Reason = d.Err.Code
	}
	return e
}

// Withheld gives the names of the fields that the application gets from nobody: only this server may set them, and it tells none;
// or the client wrote one of that kind otherwise. What the server tells is what Decision.Upstream gave.
func (d *Door) Withheld(r *Request, decision *Decision, told Header) []string {
	names := append(r.Header.disguised(d.Strip), r.Header.disguised(decision.Strip)...)
	for _, list := range [][]string{d.Strip, decision.Strip} {
		for _, name := range list {
			if len(told[name]) == 0 && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for name, values := range told {
		if len(values) == 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// disguised gives the names of fields that many applications read as one of the names: those that make variables of them, as CGI
// does (RFC 3875 §4.1.18), read X_User as X-User.
func (h Header) disguised(names []string) (found []string) {
	for name := range h {
		if strings.Contains(name, "_") && slices.Contains(names, textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))) {
			found = append(found, name)
		}
	}
	return found
}

// String gives the target as a URL.
func (t Target) String() string {
	var b strings.Builder
	b.WriteString(t.Scheme)
	b.WriteString("://")
	b.WriteString(t.Host)
	b.WriteString(t.Path)
	if t.RawQuery != "" {
		b.WriteByte('?')
		b.WriteString(t.RawQuery)
	}
	return b.String()
}
