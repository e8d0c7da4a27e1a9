package access

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// compiled is a rule that is ready to be matched and followed.
type compiled struct {
	*stages
	rule *Rule
	// place is the rule's among all.
	place    int
	priority int
	tenant   tenant.ID
	methods  []string

	conditions *pattern.Conditions
	upstream   *url.URL // nil where the rule names none
}

// stages are the handlers that a rule names, and what follows from them. Rules that name the same share them.
type stages struct {
	authenticators []named[Authenticator]
	authorizer     named[Authorizer]
	mutators       []named[Mutator]
	errors         *ErrorHandlers
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

// compiler makes a set of rules. What several rules say alike is made once, and they share it.
type compiler struct {
	options  *Options
	patterns *pattern.Reader
	before   handlers
	made     handlers
	stages   map[string]*stages
	methods  map[string][]string
	// upstreams are known by what rules say.
	upstreams map[string]*url.URL
	entries   []entry
	faults    Faults
	rule      *Rule // the one that is compiled
}

func newCompiler(o *Options, before handlers) *compiler {
	return &compiler{
		options: o, patterns: pattern.NewReader(o.Config.MatchingStrategy == "glob"), before: before, made: make(handlers),
		stages: make(map[string]*stages), methods: make(map[string][]string), upstreams: make(map[string]*url.URL),
	}
}

// compile makes a set of rules, or says all that is wrong. Handlers that were made before are used again. The error is a Faults, or
// the context's.
func compile(ctx context.Context, o *Options, lists [][]Rule, before handlers) (*ruleSet, *Report, error) {
	c := newCompiler(o, before)
	set := &ruleSet{handlers: c.made, now: o.Now}
	var err error
	if set.errors, err = NewErrorHandlers(o.Config.Errors, nil); err != nil {
		c.faults = append(c.faults, Fault{Path: "access.errors", Message: err.Error()})
	}
	report := &Report{}
	set.rules, report.Rules = c.all(ctx, lists)
	set.index, set.methods = newIndex(), c.allMethods()
	set.index.addAll(c.entries)
	if len(c.faults) == 0 && ctx.Err() == nil {
		c.conflicts(ctx, set.index, report)
	}
	set.index.settle(c.entries)
	if err = ctx.Err(); err == nil {
		err = c.faults.ErrOrNil()
	}
	if err != nil {
		c.made.closeWithout(before)
		return nil, nil, err
	}
	return set, report, nil
}

// all compiles the rules of all lists, until the context ends.
func (c *compiler) all(ctx context.Context, lists [][]Rule) ([]compiled, []RuleReport) {
	var rules []*Rule
	for _, list := range lists {
		for i := range list {
			rules = append(rules, &list[i])
		}
	}
	c.uniqueIDs(rules)
	all, reports := make([]compiled, len(rules)), make([]RuleReport, len(rules))
	c.entries = make([]entry, 0, len(rules))
	for i, r := range rules {
		if ctx.Err() != nil {
			break
		}
		c.rule = r
		from := len(c.entries)
		c.compile(&all[i], i)
		reports[i] = reportOf(&all[i], c.entries[from:])
	}
	return all, reports
}

// allMethods are those that rules are for, each once.
func (c *compiler) allMethods() (all []string) {
	for _, list := range c.methods {
		all = append(all, list...)
	}
	return sortedOnce(all)
}

// conflicts refuses or reports rules that match the same requests.
func (c *compiler) conflicts(ctx context.Context, x *index, report *Report) {
	found := findConflicts(ctx, x, c.entries)
	sortConflicts(found.found)
	sortConflicts(found.undecided)
	report.Undecided, report.Incomplete = reports(found.undecided), found.incomplete
	c.across(found)
	if c.options.Config.Conflicts == "error" {
		report.Conflicts = reports(found.found)
		return
	}
	c.faults = append(c.faults, found.faults()...)
}

// uniqueIDs refuses two rules of a tenant that have one id.
func (c *compiler) uniqueIDs(rules []*Rule) {
	seen := make(map[[2]string]*Rule, len(rules))
	for i, r := range rules {
		c.rule = r
		key := [2]string{string(tenantOf(r)), r.ID}
		switch first := seen[key]; {
		case r.ID == "":
			c.fault("id", "is missing: rule %d of the list needs a name of its own", i)
		case len(r.ID) > 190:
			c.fault("id", "has %d bytes: an id has at most 190", len(r.ID))
		case first != nil && first.Source != r.Source:
			c.fault("id", "is that of a rule of %s too: each rule needs one of its own", first.Source)
		case first != nil:
			c.fault("id", "is there twice: each rule needs one of its own")
		}
		seen[key] = r
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

// compile makes the rule's part of everything.
func (c *compiler) compile(one *compiled, place int) {
	r := c.rule
	one.rule, one.place, one.priority, one.tenant = r, place, r.Priority, tenantOf(r)
	one.methods = c.sharedMethods()
	for _, p := range c.read() {
		c.entries = append(c.entries, entry{rule: one, Pattern: p.Pattern, reading: p})
	}
	one.conditions = c.patterns.Conditions(r.Match.Headers, r.Match.Query, func(path string, err error) { c.fault("match."+path, "%s", err) })
	if list := one.conditions; list != nil {
		c.boundConditions("match.headers", list.Headers)
		c.boundConditions("match.query", list.Query)
	}
	one.stages = c.sharedStages()
	one.upstream = c.upstream()
}

// sharedMethods gives the rule's methods in upper case, each once.
func (c *compiler) sharedMethods() []string {
	m := &c.rule.Match
	key := fmt.Sprintf("%q %q %t", m.Methods, m.FullMethod, m.AllowHTTPGet)
	list, known := c.methods[key]
	if known {
		return list
	}
	before := len(c.faults)
	if list = c.readMethods(); len(c.faults) == before { // a fault is each rule's own
		c.methods[key] = list
	}
	return list
}

func (c *compiler) readMethods() []string {
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

// read reads what the rule says about scheme, host and path.
func (c *compiler) read() []*pattern.Reading {
	m := c.rule.Match
	switch {
	case m.URL != "" && (len(m.Hosts) > 0 || m.Path != "" || m.FullMethod != "" || m.Authority != ""):
		c.fault("match.url", "does not go with hosts, path, authority or full_method: write one or the other")
	case m.FullMethod != "" && (len(m.Hosts) > 0 || m.Path != ""):
		c.fault("match.full_method", "does not go with hosts and path: write one or the other")
	case m.FullMethod != "":
		scheme := "<https?>"
		if c.options.Config.MatchingStrategy == "glob" {
			scheme = "<{http,https}>"
		}
		return c.one("match.full_method", func() (*pattern.Reading, error) {
			return c.patterns.URL(scheme + "://" + m.Authority + "/" + strings.TrimPrefix(m.FullMethod, "/"))
		})
	case m.Authority != "" || m.AllowHTTPGet:
		c.fault("match.full_method", "is missing: authority and allow_http_get are for rules about gRPC")
	case m.URL != "":
		return c.one("match.url", func() (*pattern.Reading, error) { return c.patterns.URL(m.URL) })
	case len(m.Hosts) == 0 && m.Path == "":
		c.fault("match.url", "is missing: write match.url, or match.hosts and match.path; <https?>://<[^/]+>/<.*> is for all requests")
	case len(m.Hosts) == 0:
		return c.one("match.path", func() (*pattern.Reading, error) { return c.patterns.Template("", m.Path) })
	}
	var all []*pattern.Reading
	for i, host := range m.Hosts {
		if err := pattern.CheckHost(host); err != nil {
			c.fault(fmt.Sprintf("match.hosts[%d]", i), "%s", err)
			continue
		}
		all = append(all, c.one("match.path", func() (*pattern.Reading, error) { return c.patterns.Template(host, m.Path) })...)
	}
	return all
}

// one reads one pattern.
func (c *compiler) one(path string, read func() (*pattern.Reading, error)) []*pattern.Reading {
	p, err := read()
	if err != nil {
		c.fault(path, "%s", err)
		return nil
	}
	c.boundPattern(path, p.Weight(), p.Backtracks())
	return []*pattern.Reading{p}
}

// upstream reads where the proxy sends requests; a rule for the decision doors needs no upstream.
func (c *compiler) upstream() *url.URL {
	text := c.rule.Upstream.URL
	if text == "" {
		return nil
	}
	key := fmt.Sprint(c.rule.FromAPI(), text) // which decides what it is bound by
	if u := c.upstreams[key]; u != nil {
		return u
	}
	before := len(c.faults)
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c":
		c.fault("upstream.url", "must be an http, https or h2c URL with a host, such as http://backend:8080")
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		c.fault("upstream.url", "must not have a query, a fragment or a user")
	default:
		c.boundUpstream(u)
	}
	if len(c.faults) == before {
		c.upstreams[key] = u
	}
	return u
}
