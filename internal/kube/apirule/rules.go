package apirule

import (
	"fmt"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// door is one rule of an APIRule, understood.
type door struct {
	rule    *gateway.Rule
	pattern string
	reach   reach
	same    bool // the reach has no path that the pattern has not
	open    bool // everybody may
	service gateway.Backend
	timeout int32 // in seconds; 0 is the route's own
}

// plan is what an APIRule becomes.
type plan struct {
	of    *gateway.APIRule
	host  string
	doors []door
	cors  *gateway.CorsPolicy
	rules []access.Rule
}

// Translate says what an APIRule becomes: access rules without tenant and source, and the objects that send requests to them. The error
// names all that is wrong with it.
func (o *Options) Translate(of *gateway.APIRule) (Outcome, error) {
	var f faults
	p := plan{of: of, host: o.host(&of.Spec, &f), cors: of.Spec.CorsPolicy}
	if p.cors == nil {
		p.cors = o.CORS
	}
	twice(&of.Spec, &f)
	for i := range of.Spec.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		d := o.door(of, &of.Spec.Rules[i], at, &f)
		p.doors = append(p.doors, d)
		p.rules = append(p.rules, p.accessRule(i, d, at, &f))
	}
	for i := len(p.doors) - 1; i >= 0; i-- {
		p.rules[i].Priority = p.priority(i)
	}
	routes := o.routes(&p, &f)
	if len(f) > 0 {
		return Outcome{Host: p.host}, f
	}
	return Outcome{Host: p.host, Rules: p.rules, Routes: routes}, nil
}

func (o *Options) door(of *gateway.APIRule, r *gateway.Rule, at string, f *faults) door {
	d := door{rule: r, pattern: o.pattern(r.Path, at, f), service: o.service(of, r, at, f)}
	d.reach, d.same = reachOf(d.pattern)
	for _, timeout := range []*gateway.Timeout{of.Spec.Timeout, r.Timeout} {
		if timeout != nil {
			d.timeout = int32(*timeout)
		}
	}
	open := lets(r.AccessStrategies)
	if open && len(r.AccessStrategies) > 1 {
		f.add("%s.accessStrategies: allow and no_auth let everybody in, so no other can stand beside them", at)
	}
	if len(r.AccessStrategies) == 0 {
		f.add("%s.accessStrategies is empty: say who may, or allow for everybody", at)
	}
	d.open = open && len(r.Mutators) == 0
	return d
}

// lets reports whether the strategies let everybody in.
func lets(strategies []gateway.Handler) bool {
	for _, s := range strategies {
		if s.Handler == "allow" || s.Handler == "no_auth" {
			return true
		}
	}
	return false
}

// idPrefix begins the ids of rules of APIRules, and of no others.
const idPrefix = "apirule:"

// accessRule is what the server decides by.
func (p *plan) accessRule(i int, d door, at string, f *faults) access.Rule {
	r := access.Rule{
		ID:          fmt.Sprintf("%s%s.%s:%d", idPrefix, p.of.Name, p.of.Namespace, i),
		Description: "of APIRule " + p.of.Namespace + "/" + p.of.Name,
		Match:       access.Match{URL: "<http|https>://" + p.host + d.written()},
		Authorizer:  access.HandlerRef{Handler: "allow"},
		Upstream:    access.Upstream{URL: fmt.Sprintf("http://%s.%s.svc.cluster.local:%d", d.service.Name, d.service.Namespace, d.service.Port)},
	}
	for _, m := range d.rule.Methods {
		r.Match.Methods = append(r.Match.Methods, string(m))
	}
	if lets(d.rule.AccessStrategies) {
		r.Authenticators = []access.HandlerRef{{Handler: "noop"}}
	} else {
		for j := range d.rule.AccessStrategies {
			r.Authenticators = append(r.Authenticators, authenticator(&d.rule.AccessStrategies[j], fmt.Sprintf("%s.accessStrategies[%d]", at, j), f))
		}
	}
	for j := range d.rule.Mutators {
		r.Mutators = append(r.Mutators, mutator(&d.rule.Mutators[j], fmt.Sprintf("%s.mutators[%d]", at, j), f))
	}
	if len(r.Mutators) == 0 {
		r.Mutators = []access.HandlerRef{{Handler: "noop"}}
	}
	return r
}

// written is the door's paths in the form of rules. What is plain text stays outside of the expression, which would hide from the server
// where the host ends, and so whose it is and where to look the rule up.
func (d *door) written() string {
	literal, rest := literalStart(d.pattern)
	if rest == "" {
		return literal
	}
	return literal + "<" + rest + ">"
}

// priority puts a rule above all later ones that may match the same requests, as far down as that permits, so that rules of other objects
// which match them too are found to be in conflict. Those of later rules must be known.
func (p *plan) priority(i int) int {
	above := 0
	for j := i + 1; j < len(p.doors); j++ {
		if share(p.doors[i].rule, p.doors[j].rule) && !p.doors[i].reach.apart(p.doors[j].reach) {
			above = max(above, p.rules[j].Priority+1)
		}
	}
	return above
}

// reference is a handler with its settings as they are.
func reference(h *gateway.Handler) access.HandlerRef {
	r := access.HandlerRef{Handler: h.Handler}
	if h.Config != nil && strings.TrimSpace(string(h.Config.Raw)) != "null" {
		r.Config = h.Config.Raw
	}
	return r
}
