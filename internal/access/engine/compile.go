package engine

import (
	"context"
	"fmt"
	"net/url"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// compiled is a rule that is ready to be matched and followed.
type compiled struct {
	*stages
	rule *access.Rule
	// order is which of all rules it is, counted from 0.
	order    int
	priority int
	tenant   tenant.ID
	methods  []string

	conditions *pattern.Conditions
	upstream   *url.URL // nil where the rule names none
}

// stages are the handlers that a rule names, and what follows from them. Rules that name the same share them.
type stages struct {
	authenticators []named[access.Authenticator]
	authorizer     named[access.Authorizer]
	mutators       []named[access.Mutator]
	errors         *access.ErrorHandlers
	strip          []string
	stripCookies   []string
	warnings       []string
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
	faults    access.Faults
	rule      *access.Rule // the one that is compiled
}

func newCompiler(o *Options, before handlers) *compiler {
	return &compiler{
		options: o, patterns: pattern.NewReader(o.Config.MatchingStrategy == "glob"), before: before, made: make(handlers),
		stages: make(map[string]*stages), methods: make(map[string][]string), upstreams: make(map[string]*url.URL),
	}
}

// compile makes a set of rules, or says all that is wrong. Handlers that were made before are used again. The error is a Faults, or
// the context's.
func compile(ctx context.Context, o *Options, lists [][]access.Rule, before handlers) (*ruleSet, *Report, error) {
	c := newCompiler(o, before)
	set := &ruleSet{handlers: c.made, now: o.Now}
	var err error
	if set.errors, err = access.NewErrorHandlers(o.Config.Errors, nil); err != nil {
		c.faults = append(c.faults, access.Fault{Path: "access.errors", Message: err.Error()})
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
func (c *compiler) all(ctx context.Context, lists [][]access.Rule) ([]compiled, []RuleReport) {
	var rules []*access.Rule
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
		reports[i].Warnings = append(reports[i].Warnings, all[i].warnings...)
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
	c.judge(findConflicts(ctx, x, c.entries, c.options.Now), report)
}

func (c *compiler) judge(found *conflicts, report *Report) {
	sortConflicts(found.found)
	sortConflicts(found.undecided)
	report.Undecided, report.Incomplete = reports(found.undecided), found.beyond != nil
	c.across(found)
	if c.options.Config.Conflicts == "error" {
		report.Conflicts = reports(found.found)
		return
	}
	c.faults = append(c.faults, found.faults()...)
}

// uniqueIDs refuses two rules of a tenant that have one id.
func (c *compiler) uniqueIDs(rules []*access.Rule) {
	seen := make(map[[2]string]*access.Rule, len(rules))
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

func tenantOf(r *access.Rule) tenant.ID {
	if r.Tenant == "" {
		return tenant.Default
	}
	return r.Tenant
}

// fault notes what is wrong with the rule that is compiled.
func (c *compiler) fault(path, format string, a ...any) {
	c.faults = append(c.faults, access.Fault{Tenant: c.rule.Tenant, Rule: c.rule.ID, Source: c.rule.Source, Path: path, Message: fmt.Sprintf(format, a...)})
}

// compile makes the rule's part of everything.
func (c *compiler) compile(one *compiled, order int) {
	c.entries = append(c.entries, c.shape(one, order)...)
	one.stages = c.sharedStages()
}

// shape makes what a rule is without its handlers, and gives its patterns.
func (c *compiler) shape(one *compiled, order int) (patterns []entry) {
	r := c.rule
	one.rule, one.order, one.priority, one.tenant = r, order, r.Priority, tenantOf(r)
	one.methods = c.sharedMethods()
	for _, p := range c.read() {
		patterns = append(patterns, entry{rule: one, Pattern: p.Pattern, reading: p})
	}
	one.conditions = c.patterns.Conditions(r.Match.Headers, r.Match.Query, func(path string, err error) { c.fault("match."+path, "%s", err) })
	if list := one.conditions; list != nil {
		c.boundConditions("match.headers", list.Headers)
		c.boundConditions("match.query", list.Query)
	}
	one.upstream = c.upstream()
	return patterns
}
