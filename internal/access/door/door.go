package door

import (
	"context"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
)

// Door is what the ways in share: they ask the engine, count what it said and say no alike.
type Door struct {
	// Name is proxy, decisions or ext_authz.
	Name string
	// Engine decides.
	Engine *engine.Engine
	// Record takes each decision as an event; nil drops them.
	Record func(flow.Event)
	// Observe counts each decision with the time it took; nil counts nothing.
	Observe func(door string, verdict flow.Verdict, took time.Duration)
	// Normalized tells that the application gets the normalized path. Where it gets the path as it was sent, a request whose
	// path had to be changed is turned away: the rule and the application would read two different ones.
	Normalized bool
	// Forwards tells that the door itself sends on what passes, so that a rule without upstream turns requests away.
	Forwards bool
	// Now is the clock.
	Now func() time.Time
}

var (
	errUnnormalized = fault.New(fault.Forbidden, "unnormalized_path", "The path must be written without empty and dot segments.")
	errTooSlow      = fault.New(fault.Unavailable, "decision_timeout", "Access could not be decided in time.")
	errNowhere      = fault.New(fault.Internal, "no_upstream", "The rule for this request names no upstream.")
)

// Asked is what somebody asks for as it was sent: nobody has read it yet.
type Asked struct {
	Method, Scheme, Host string
	// Path is percent-encoded, without the query.
	Path, Query string
	// Err says why it cannot be told what is asked for; the other fields are then what is known of it.
	Err error
}

func (a *Asked) target() (target.Target, error) {
	if a.Err != nil {
		return target.Target{}, a.Err
	}
	return target.Parse(a.Scheme, a.Host, a.Path, a.Query, target.Options{})
}

// Question is a request that is decided about, and what a door keeps of it until it is answered. It is one piece of memory, for
// there is one for each decision.
type Question struct {
	// Asked is what is asked for.
	Asked Asked
	// Request is what rules see; Decide reads its Method and Target out of Asked.
	Request access.Request

	began    time.Time
	patience patience
	decision *access.Decision
	verdict  flow.Verdict
}

// Decide reads what is asked for, takes off the header fields that only this server may set, asks the engine and counts the answer.
// What cannot be read in one way is turned away here, so that it is counted, recorded and answered as all else that is. Doors call
// Answered when they know how many bytes the answer had.
func (d *Door) Decide(ctx context.Context, q *Question) *access.Decision {
	q.began = d.Now()
	q.patience = patience{Context: ctx, limit: d.Engine.Patience(), now: d.Now, began: q.began}
	defer q.patience.end()
	q.decision = d.decide(q)
	status := 0
	if q.decision.Err != nil {
		status = q.decision.Err.Kind.Status()
	}
	q.verdict = flow.VerdictOf(status)
	if d.Observe != nil {
		d.Observe(d.Name, q.verdict, d.Now().Sub(q.began))
	}
	return q.decision
}

// Answered records what Decide decided.
func (d *Door) Answered(q *Question, bytes int64) {
	if d.Record == nil {
		return
	}
	e := event(&q.Asked, &q.Request, q.decision)
	e.Verdict, e.Time, e.Duration, e.Bytes = q.verdict, q.began, d.Now().Sub(q.began), bytes
	d.Record(e)
}

func (d *Door) decide(q *Question) *access.Decision {
	r := &q.Request
	taken := d.Engine.Strip(r)
	r.Method = q.Asked.Method
	var err error
	if r.Target, err = q.Asked.target(); err != nil {
		return d.Engine.Refuse(r, err)
	}
	if r.Target.Changed && !d.Normalized {
		return d.Engine.Refuse(r, errUnnormalized)
	}
	r.Body = q.patience.excuse(r.Body)
	decision := d.Engine.Decide(&q.patience, r)
	decision.Taken = taken
	if decision.Err != nil && decision.Err.Kind.Status() >= fault.Internal.Status() && q.patience.spent() {
		decision.TurnAway(r, errTooSlow.Because(decision.Err))
	}
	if d.Forwards && decision.Allowed() && decision.To == nil {
		decision.TurnAway(r, errNowhere)
	}
	return decision
}

// How much is recorded of what nobody could read, and of a method that strangers made up, in bytes.
const (
	longestPath   = 1 << 10
	longestHost   = 256
	longestMethod = 64
)

// beginning gives a copy of no more of a text.
func beginning(text string, most int) string { return strings.Clone(text[:min(len(text), most)]) }

func event(asked *Asked, r *access.Request, d *access.Decision) flow.Event {
	e := flow.Event{Tenant: d.Tenant, Method: r.Method, Host: r.Target.Host, Path: r.Target.Path}
	if e.Path == "" { // copies, so that events which wait do not hold on to texts of any length
		e.Host, e.Path = beginning(asked.Host, longestHost), beginning(asked.Path, longestPath)
	}
	if len(e.Method) > longestMethod {
		e.Method = beginning(e.Method, longestMethod)
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
