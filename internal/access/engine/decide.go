package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// work is all that one decision allocates, beside what its handlers do.
type work struct {
	access.Decision
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
func (set *ruleSet) decide(ctx context.Context, r *access.Request, x *explanation) *access.Decision {
	w := &work{}
	w.Errors = set.errors
	if r.Target.Path == "" || r.Target.Path[0] != '/' {
		w.TurnAway(r, access.ErrNoRule)
		return &w.Decision
	}
	s := newSearch(r, target.Unescape(r.Target.Path), effort{now: set.now})
	s.explanation = x
	set.index.find(&s)
	switch {
	case s.unknown() != nil: // a pattern took too long: another rule may be the one
		w.TurnAway(r, access.ErrUnavailable.Because(s.unknown()))
	case s.best == nil:
		w.TurnAway(r, access.ErrNoRule)
	case s.tie != nil || s.foreign != nil:
		other := cmp.Or(s.tie, s.foreign)
		w.TurnAway(r, access.ErrManyRules.Because(fmt.Errorf("access: the rules %s and %s match", s.best.rule.name(), other.rule.name())))
	case s.mixed != nil && s.mixed.rule.priority >= s.best.rule.priority:
		w.TurnAway(r, errMixed)
	case set.readOtherwise(&s):
		w.TurnAway(r, errParameters)
	default:
		w.follow(ctx, r, &s, x)
	}
	return &w.Decision
}

// follow asks the handlers of the rule that matched.
func (w *work) follow(ctx context.Context, r *access.Request, s *search, x *explanation) {
	rule := s.best.rule
	w.Rule, w.Tenant, w.Strip, w.StripCookies = rule.rule, rule.tenant, rule.strip, rule.stripCookies
	w.To, w.Errors = rule.upstream, rule.errors
	w.context = tenantContext{ctx, &rule.tenant}
	x.warn(rule.warnings)
	if err := w.ask(&w.context, r, s, rule, x); err != nil {
		w.TurnAway(r, err)
	}
}

func (w *work) ask(ctx context.Context, r *access.Request, s *search, rule *compiled, x *explanation) error {
	p, err := rule.authenticate(ctx, r, x)
	if err != nil {
		return err
	}
	t := &r.Target
	w.url = url.URL{Scheme: t.Scheme, Host: t.Host, Path: s.subject.Path, RawQuery: t.RawQuery}
	if s.subject.Path != t.Path {
		w.url.RawPath = t.Path
	}
	p.MatchContext = access.MatchContext{
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
func (s *stages) authenticate(ctx context.Context, r *access.Request, x *explanation) (*access.Principal, error) {
	for i := range s.authenticators {
		a := &s.authenticators[i]
		begun := x.begin()
		p, err := a.handler.Authenticate(ctx, r)
		x.end("authenticator", a.name, begun, err)
		switch {
		case err == nil && p == nil:
			return nil, fmt.Errorf("access: the authenticator %s said neither who asks nor why not", a.name)
		case err == nil:
			return p, nil
		case !errors.Is(err, access.ErrNotResponsible):
			return nil, err
		}
	}
	return nil, access.ErrUnauthorized
}
