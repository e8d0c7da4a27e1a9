package access

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// compiled is a rule that is ready to be matched and followed.
type compiled struct {
	rule *Rule
	// place is the rule's in the list.
	place    int
	priority int
	tenant   tenant.ID
	methods  []string
	entries  []*entry

	conditions     conditions
	authenticators []named[Authenticator]
	authorizer     named[Authorizer]
	mutators       []named[Mutator]
	errors         *ErrorHandlers
	upstream       *url.URL // nil where the rule names none
	strip          []string
	stripCookies   []string
}

// named is a handler with its name.
type named[T any] struct {
	name    string
	handler T
}

// handlers are those that were made, by what made them: rules that say the same share one, and so do the rules before and
// after a change, so that what a handler remembers is not lost.
type handlers map[string]any

// closer is a handler that holds something. It is closed once no rule in force needs it; a decision that has begun may
// still ask it.
type closer interface{ Close() }

// closeWithout closes the handlers that are not among the others.
func (h handlers) closeWithout(kept handlers) {
	for key, one := range h {
		if _, keep := kept[key]; keep {
			continue
		}
		if c, ok := one.(closer); ok {
			c.Close()
		}
	}
}

// compiler makes a set of rules.
type compiler struct {
	options *Options
	before  handlers
	made    handlers
	// expressions are those that were compiled, so that rules which say the same share them.
	expressions map[string]*regexp.Regexp
	errors      map[string]*ErrorHandlers
	faults      Faults
	rule        *Rule // the one that is compiled
}

// compile makes a set of rules, or says all that is wrong. Handlers that were made before are used again. The error is a Faults, or
// the context's.
func compile(ctx context.Context, o *Options, rules []Rule, before handlers) (*ruleSet, error) {
	c := &compiler{options: o, before: before, made: make(handlers), expressions: make(map[string]*regexp.Regexp), errors: make(map[string]*ErrorHandlers)}
	set := &ruleSet{rules: slices.Clone(rules), index: make(index), handlers: c.made, now: o.Now}
	if set.rules == nil {
		set.rules = []Rule{}
	}
	var err error
	if set.errors, err = NewErrorHandlers(o.Config.Errors, nil); err != nil {
		c.faults = append(c.faults, Fault{Path: "access.errors", Message: err.Error()})
	}
	c.uniqueIDs(set.rules)
	all := make([]*compiled, len(set.rules))
	for i := range set.rules {
		if ctx.Err() != nil {
			break
		}
		c.rule = &set.rules[i]
		all[i] = c.compile(i)
		set.report.Rules = append(set.report.Rules, all[i].report())
		for _, m := range all[i].methods {
			for _, e := range all[i].entries {
				set.index.add(m, e)
			}
		}
	}
	if len(c.faults) == 0 && ctx.Err() == nil {
		c.conflicts(ctx, set, all)
	}
	if err = ctx.Err(); err == nil {
		err = c.faults.ErrOrNil()
	}
	if err != nil {
		c.made.closeWithout(before)
		return nil, err
	}
	return set, nil
}

// conflicts refuses or reports rules that match the same requests.
func (c *compiler) conflicts(ctx context.Context, set *ruleSet, all []*compiled) {
	found := findConflicts(ctx, set.index, all)
	sortConflicts(found.found)
	sortConflicts(found.undecided)
	set.report.Undecided, set.report.Incomplete = reports(found.undecided), found.incomplete
	c.across(found)
	if c.options.Config.Conflicts == "error" {
		set.report.Conflicts = reports(found.found)
		return
	}
	c.faults = append(c.faults, found.faults()...)
}

// uniqueIDs refuses two rules of a tenant that have one id.
func (c *compiler) uniqueIDs(rules []Rule) {
	seen := make(map[[2]string]*Rule, len(rules))
	for i := range rules {
		c.rule = &rules[i]
		key := [2]string{string(tenantOf(c.rule)), c.rule.ID}
		switch first := seen[key]; {
		case c.rule.ID == "":
			c.fault("id", "is missing: rule %d of the list needs a name of its own", i)
		case len(c.rule.ID) > 190:
			c.fault("id", "has %d bytes: an id has at most 190", len(c.rule.ID))
		case first != nil && first.Source != c.rule.Source:
			c.fault("id", "is that of a rule of %s too: each rule needs one of its own", first.Source)
		case first != nil:
			c.fault("id", "is there twice: each rule needs one of its own")
		}
		seen[key] = c.rule
	}
}

func tenantOf(r *Rule) tenant.ID {
	if r.Tenant == "" {
		return tenant.Default
	}
	return r.Tenant
}

// fault notes what is wrong with the rule that is compiled.
func (c *compiler) fault(path, format string, a ...any) {
	c.faults = append(c.faults, Fault{Tenant: c.rule.Tenant, Rule: c.rule.ID, Source: c.rule.Source, Path: path, Message: fmt.Sprintf(format, a...)})
}

func (c *compiler) compile(place int) *compiled {
	r := c.rule
	one := &compiled{rule: r, place: place, priority: r.Priority, tenant: tenantOf(r), methods: c.methods()}
	for _, p := range c.patterns() {
		one.entries = append(one.entries, &entry{rule: one, pattern: p})
	}
	var faults Faults
	one.conditions, faults = compileConditions(r.Match, c.options.Config.MatchingStrategy)
	for _, f := range faults {
		c.fault(f.Path, "%s", f.Message)
	}
	c.boundConditions("match.headers", one.conditions.headers)
	c.boundConditions("match.query", one.conditions.query)
	c.handlers(one)
	one.upstream = c.upstream()
	return one
}

// methods gives the rule's in upper case, each once.
func (c *compiler) methods() []string {
	m := c.rule.Match
	if m.FullMethod != "" {
		if len(m.Methods) > 0 {
			c.fault("match.methods", "does not go with match.full_method: calls by gRPC are POST")
		}
		if m.AllowHTTPGet {
			return []string{"GET", "POST"}
		}
		return []string{"POST"}
	}
	var methods []string
	for i, name := range m.Methods {
		upper := strings.ToUpper(name)
		if upper == "" || strings.Trim(upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			c.fault(fmt.Sprintf("match.methods[%d]", i), "%q is not an HTTP method", name)
		}
		if !slices.Contains(methods, upper) {
			methods = append(methods, upper)
		}
	}
	return methods
}

// patterns reads what the rule says about scheme, host and path.
func (c *compiler) patterns() []*pattern {
	m := c.rule.Match
	strategy := c.options.Config.MatchingStrategy
	switch {
	case m.URL != "" && (len(m.Hosts) > 0 || m.Path != "" || m.FullMethod != "" || m.Authority != ""):
		c.fault("match.url", "does not go with hosts, path, authority or full_method: write one or the other")
	case m.FullMethod != "" && (len(m.Hosts) > 0 || m.Path != ""):
		c.fault("match.full_method", "does not go with hosts and path: write one or the other")
	case m.FullMethod != "":
		scheme := "<https?>"
		if strategy == "glob" {
			scheme = "<{http,https}>"
		}
		return c.pattern("match.full_method", func() (*pattern, error) {
			return compileURL(scheme+"://"+m.Authority+"/"+strings.TrimPrefix(m.FullMethod, "/"), strategy)
		})
	case m.Authority != "" || m.AllowHTTPGet:
		c.fault("match.full_method", "is missing: authority and allow_http_get are for rules about gRPC")
	case m.URL != "":
		return c.pattern("match.url", func() (*pattern, error) { return compileURL(m.URL, strategy) })
	case len(m.Hosts) == 0 && m.Path == "":
		c.fault("match.url", "is missing: write match.url, or match.hosts and match.path; <https?>://<[^/]+>/<.*> is for all requests")
	case len(m.Hosts) == 0:
		return c.pattern("match.path", func() (*pattern, error) { return compileTemplate("", m.Path) })
	}
	var all []*pattern
	for i, host := range m.Hosts {
		path := "match.path"
		if _, err := hostTemplate(host); err != nil || host == "" {
			path = fmt.Sprintf("match.hosts[%d]", i)
		}
		if host == "" {
			c.fault(path, "is empty: write ** for any host")
			continue
		}
		all = append(all, c.pattern(path, func() (*pattern, error) { return compileTemplate(host, m.Path) })...)
	}
	return all
}

func (c *compiler) pattern(path string, read func() (*pattern, error)) []*pattern {
	p, err := read()
	if err != nil {
		c.fault(path, "%s", err)
		return nil
	}
	c.boundPattern(path, p.weight, p.whole != nil && p.whole.foreign != nil)
	c.share(p)
	return []*pattern{p}
}

// share has the pattern use the expressions of others: ten thousand rules have few different ones.
func (c *compiler) share(p *pattern) {
	texts := []*text{&p.scheme, &p.host}
	for i := range p.segments {
		texts = append(texts, &p.segments[i])
	}
	if p.rest != nil {
		texts = append(texts, p.rest)
	}
	for _, t := range texts {
		if t.re == nil {
			continue
		}
		if first := c.expressions[t.re.String()]; first != nil {
			t.re = first
		} else {
			c.expressions[t.re.String()] = t.re
		}
	}
}

// upstream reads where the proxy sends requests; a rule for the decision doors needs no upstream.
func (c *compiler) upstream() *url.URL {
	text := c.rule.Upstream.URL
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c":
		c.fault("upstream.url", "must be an http, https or h2c URL with a host, such as http://backend:8080")
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		c.fault("upstream.url", "must not have a query, a fragment or a user")
	default:
		c.boundUpstream(u)
	}
	return u
}
