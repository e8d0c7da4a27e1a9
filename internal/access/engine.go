package access

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Options are what an engine is made of.
type Options struct {
	// Kinds are the handlers that rules can name.
	Kinds Kinds
	// Config says how patterns are read, which handlers may be used and how they are set.
	Config Config
	// Now is the clock.
	Now func() time.Time
	// Log takes what an operator should know about decisions that failed for a reason of ours. Nil means nowhere.
	Log *slog.Logger
}

// Engine decides about requests by the rules that were loaded last. All its methods may be called at the same time; a
// decision takes no lock and sees one set of rules from its beginning to its end.
type Engine struct {
	options Options
	loaded  atomic.Pointer[ruleSet]
}

// ruleSet is everything that follows from one list of rules.
type ruleSet struct {
	rules  []Rule
	report Report
}

// NewEngine makes an engine without rules: it turns everything away with ErrNoRule.
func NewEngine(o Options) *Engine {
	e := &Engine{options: o}
	e.loaded.Store(&ruleSet{})
	return e
}

// Load compiles the rules of all tenants and, where nothing is wrong with any of them, replaces those that are there. The
// error is a Faults with all that is wrong; the rules that were there stay.
func (e *Engine) Load(ctx context.Context, rules []Rule) (*Report, error) {
	set, err := e.compile(rules)
	if err != nil {
		return nil, err
	}
	e.loaded.Store(set)
	return &set.report, nil
}

// Check says what Load would say, and changes nothing.
func (e *Engine) Check(rules []Rule) (*Report, error) {
	set, err := e.compile(rules)
	if err != nil {
		return nil, err
	}
	return &set.report, nil
}

// Rules are the rules in force, in the order in which they were loaded. Nobody may change them.
func (e *Engine) Rules() []Rule { return e.loaded.Load().rules }

// Report is what was said when the rules in force were loaded.
func (e *Engine) Report() *Report { return &e.loaded.Load().report }

// Decide finds the rule for the request and asks its handlers. It never returns nil, and any error on the way turns the
// request away.
func (e *Engine) Decide(ctx context.Context, r *Request) *Decision {
	return &Decision{Err: ErrNoRule}
}

// Explain is Decide that also says in Steps what was decided on the way, with the candidates that did not match.
func (e *Engine) Explain(ctx context.Context, r *Request) *Decision {
	return &Decision{Err: ErrNoRule}
}

func (e *Engine) compile(rules []Rule) (*ruleSet, error) { return &ruleSet{rules: rules}, nil }

// Report is what there is to know about a set of rules that can be loaded.
type Report struct {
	// Rules are in the order in which they were given.
	Rules []RuleReport `json:"rules"`
	// Conflicts are pairs of rules of equal priority that both match some request, where the configuration accepts them.
	Conflicts []Conflict `json:"conflicts,omitempty"`
	// Undecided are pairs of rules of equal priority of which it could not be found out whether they can match one request;
	// a request that both match is answered with ErrManyRules.
	Undecided []Conflict `json:"undecided,omitempty"`
}

// RuleReport says how one rule is found.
type RuleReport struct {
	Tenant tenant.ID `json:"tenant"`
	ID     string    `json:"id"`
	Source string    `json:"source,omitempty"`
	// Cost says in words what finding the rule takes.
	Cost string `json:"cost"`
	// Scanned tells that the rule is looked at for every request of its methods, because its pattern says nothing about
	// host and path that could be looked up.
	Scanned bool `json:"scanned,omitempty"`
}

// Conflict is a pair of rules of equal priority.
type Conflict struct {
	// A and B name the rules, by "tenant/id" where they are not both of the default tenant.
	A string `json:"a"`
	B string `json:"b"`
	// Request is one that both match, such as "GET https://example.com/a"; empty where none was found.
	Request string `json:"request,omitempty"`
}
