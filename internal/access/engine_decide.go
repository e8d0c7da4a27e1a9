package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/telemetry"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// work is all that one decision allocates, beside what its handlers do.
type work struct {
	Decision
	context tenantContext
	url     url.URL
	groups  [4]string
}

// tenantContext is a context of the rule's tenant. It is a part of work, which is one allocation with all that it holds;
// tenant.With would be two more for each decision.
type tenantContext struct {
	context.Context //nolint:containedctx // it implements a context around this one, and ends with the decision that it is made for
	tenant          *tenant.ID
}

// Value gives the tenant of the rule, and what the request's context has.
func (c *tenantContext) Value(key any) any {
	if key == (tenant.Key{}) {
		return c.tenant
	}
	return c.Context.Value(key)
}

// decide makes a decision; x is nil where nobody wants to know why.
func (set *ruleSet) decide(ctx context.Context, r *Request, x *explanation) *Decision {
	w := &work{}
	w.errors = set.errors
	if r.Target.Path == "" || r.Target.Path[0] != '/' {
		w.TurnAway(r, ErrNoRule)
		return &w.Decision
	}
	s := newSearch(r, target.Unescape(r.Target.Path), effort{now: set.now})
	s.explanation = x
	set.index.find(&s)
	switch {
	case s.unknown() != nil: // a pattern took too long: another rule may be the one
		w.TurnAway(r, ErrUnavailable.Because(s.unknown()))
	case s.best == nil:
		w.TurnAway(r, ErrNoRule)
	case s.tie != nil || s.foreign != nil:
		other := cmp.Or(s.tie, s.foreign)
		w.TurnAway(r, ErrManyRules.Because(fmt.Errorf("access: the rules %s and %s match", s.best.rule.name(), other.rule.name())))
	case s.mixed != nil && s.mixed.rule.priority >= s.best.rule.priority:
		w.TurnAway(r, errMixed)
	case set.readOtherwise(&s):
		w.TurnAway(r, errParameters)
	default:
		w.follow(ctx, r, &s, x)
	}
	return &w.Decision
}

// TurnAway makes it a decision against the request, that leaves as the rule has it, or the configuration without a rule.
func (d *Decision) TurnAway(r *Request, err error) {
	d.Err = fault.From(err)
	d.Answer = d.errors.Choose(d.Err.Kind.Status(), r)
}

// follow asks the handlers of the rule that matched.
func (w *work) follow(ctx context.Context, r *Request, s *search, x *explanation) {
	rule := s.best.rule
	w.Rule, w.Tenant, w.Strip, w.StripCookies = rule.rule, rule.tenant, rule.strip, rule.stripCookies
	w.To, w.errors = rule.upstream, rule.errors
	w.context = tenantContext{ctx, &rule.tenant}
	if err := w.ask(&w.context, r, s, rule, x); err != nil {
		w.TurnAway(r, err)
	}
}

func (w *work) ask(ctx context.Context, r *Request, s *search, rule *compiled, x *explanation) error {
	p, err := rule.authenticate(ctx, r, x)
	if err != nil {
		return err
	}
	t := &r.Target
	w.url = url.URL{Scheme: t.Scheme, Host: t.Host, Path: s.subject.Path, RawQuery: t.RawQuery}
	if s.subject.Path != t.Path {
		w.url.RawPath = t.Path
	}
	p.MatchContext = MatchContext{
		RegexpCaptureGroups: s.best.Captures(&s.subject, w.groups[:0]), Captures: s.best.Named(&s.subject),
		URL: &w.url, Method: r.Method, Header: r.Header,
	}
	w.Principal = p
	begun := x.begin()
	err = rule.authorizer.handler.Authorize(ctx, r, p)
	x.end("authorizer", rule.authorizer.name, begun, err)
	if err != nil {
		return err
	}
	for i := range rule.mutators {
		m := &rule.mutators[i]
		begun = x.begin()
		err = m.handler.Mutate(ctx, r, p)
		x.end("mutator", m.name, begun, err)
		if err != nil {
			return err
		}
	}
	return nil
}

// authenticate asks the authenticators until one is responsible.
func (c *stages) authenticate(ctx context.Context, r *Request, x *explanation) (*Principal, error) {
	for i := range c.authenticators {
		a := &c.authenticators[i]
		begun := x.begin()
		p, err := a.handler.Authenticate(ctx, r)
		x.end("authenticator", a.name, begun, err)
		switch {
		case err == nil && p == nil:
			return nil, fmt.Errorf("access: the authenticator %s said neither who asks nor why not", a.name)
		case err == nil:
			return p, nil
		case !errors.Is(err, ErrNotResponsible):
			return nil, err
		}
	}
	return nil, ErrUnauthorized
}

// The outcomes of a step.
const (
	Passed  = "passed"
	Refused = "refused"
	Skipped = "skipped"
	Failed  = "failed"
)

// explanation collects the steps of a decision. A nil one collects nothing.
type explanation struct {
	now   func() time.Time
	steps []Step
}

func (x *explanation) begin() time.Time {
	if x == nil || x.now == nil {
		return time.Time{}
	}
	return x.now()
}

// end notes what a handler decided, with the cause of what it refused or could not do: who asks may read the rules, and sees what
// the log would say.
func (x *explanation) end(stage, handler string, begun time.Time, err error) {
	if x == nil {
		return
	}
	step := Step{Stage: stage, Handler: handler, Outcome: Passed}
	if x.now != nil {
		step.Took = x.now().Sub(begun)
	}
	if err != nil {
		f := fault.From(err)
		step.Reason = f.Message
		switch {
		case errors.Is(err, ErrNotResponsible):
			step.Outcome = Skipped
		case f.Kind == fault.Internal || f.Kind == fault.Unavailable:
			step.Outcome = Failed
		default:
			step.Outcome = Refused
		}
		if cause := f.Unwrap(); cause != nil {
			step.Reason = strings.TrimSuffix(f.Message, ".") + ": " + told(cause) + "."
		}
	}
	x.steps = append(x.steps, step)
}

// longestCause bounds what is told of a cause, in bytes: it may be another service's text.
const longestCause = 500

// told is a cause in one line. Handlers write causes without the credential; what others wrote is filtered as it is for the log.
func told(cause error) string {
	text := telemetry.Redact(strings.ReplaceAll(cause.Error(), "\n", ": "))
	if len(text) > longestCause {
		text = strings.ToValidUTF8(text[:longestCause], "") + " …"
	}
	return strings.TrimSuffix(text, ".")
}

// maxCandidates bounds how many rules that did not match are named.
const maxCandidates = 20

// candidate notes the rules that were looked at.
func (x *explanation) candidate(s *search, e *entry, matched bool) {
	step := Step{Stage: "match", Handler: e.rule.name(), Outcome: Passed}
	if !matched {
		if len(x.steps) >= maxCandidates {
			return
		}
		step.Outcome, step.Reason = Skipped, "The pattern does not match."
		if ok, err := e.Match(&s.subject); ok && err == nil {
			step.Reason = "The pattern matches, but a header or a query parameter that the rule asks for does not."
		}
	}
	x.steps = append(x.steps, step)
}

// whyNone names rules that would match the request if it had another method or scheme.
func (x *explanation) whyNone(set *ruleSet, r *Request) {
	if r.Target.Path == "" || len(set.rules) == 0 {
		x.steps = append(x.steps, Step{Stage: "match", Outcome: Refused, Reason: "There are no rules, or the request has no path."})
		return
	}
	other := *r
	for _, method := range set.methods {
		for _, scheme := range []string{"http", "https"} {
			other.Method, other.Target.Scheme = method, scheme
			if method == r.Method && scheme == r.Target.Scheme {
				continue
			}
			s := newSearch(&other, target.Unescape(other.Target.Path), effort{})
			if set.index.find(&s); s.best != nil && len(x.steps) < 2*maxCandidates {
				x.steps = append(x.steps, Step{Stage: "match", Handler: s.best.rule.name(), Outcome: Skipped,
					Reason: fmt.Sprintf("The rule matches %s %s://%s%s, which is another method or scheme.", method, scheme, other.Target.Host, other.Target.Path)})
			}
		}
	}
}
