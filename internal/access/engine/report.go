package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Report is what there is to know about a set of rules that can be loaded.
type Report struct {
	// Rules are in the order in which they were given.
	Rules []RuleReport `json:"rules"`
	// Conflicts are pairs of rules of equal priority, or of two tenants, that both match some request, where the configuration
	// accepts them.
	Conflicts []Conflict `json:"conflicts,omitempty"`
	// Undecided are such pairs of which it could not be found out whether they can match one request; a request that both match
	// is answered with ErrManyRules.
	Undecided []Conflict `json:"undecided,omitempty"`
	// Incomplete tells that it took too long to look at each pair of rules, where the configuration accepts that: more of them may match
	// one request.
	Incomplete bool `json:"incomplete,omitempty"`
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
	// Warnings say why the rule may not do what it was written for, for example because it matches nothing.
	Warnings []string `json:"warnings,omitempty"`
}

// notes say which rules every request pays for, and which may not do what they were written for.
func (r *Report) notes() (list []string) {
	for i := range r.Rules {
		one := &r.Rules[i]
		if one.Scanned {
			list = append(list, nameOf(one.Tenant, one.ID)+": "+one.Cost)
		}
		for _, warning := range one.Warnings {
			list = append(list, nameOf(one.Tenant, one.ID)+": "+warning)
		}
	}
	return list
}

// Conflict is a pair of rules between which nothing decides.
type Conflict struct {
	// A and B name the rules, by "tenant/id" where they are not of the default tenant.
	A string `json:"a"`
	B string `json:"b"`
	// Request is one that both match, such as "GET https://example.com/a"; empty where none was found.
	Request string `json:"request,omitempty"`

	// Tenant is whose rules they are.
	Tenant tenant.ID `json:"-"`
}

// reportOf tells of a rule and its patterns.
func reportOf(c *compiled, entries []entry) RuleReport {
	r := RuleReport{Tenant: c.tenant, ID: c.rule.ID, Source: c.rule.Source}
	var costs []string
	for i := range entries {
		p := entries[i].reading
		if cost := p.Cost(); !slices.Contains(costs, cost) {
			costs = append(costs, cost)
		}
		r.Scanned = r.Scanned || p.Key.Scanned && p.Never == ""
		if p.Never != "" {
			r.Warnings = append(r.Warnings, "match.url: no request can match: "+p.Never)
		}
	}
	r.Cost = strings.Join(costs, "; ")
	if len(c.methods) == 0 {
		r.Warnings = append(r.Warnings, "match.methods: no request can match: the list of methods is empty")
	}
	if before, _, _ := strings.Cut(c.rule.Match.URL, "<"); strings.Contains(before, "?") {
		r.Warnings = append(r.Warnings, "match.url: the query is no part of what is compared: use match.query")
	}
	return r
}

// sortConflicts puts pairs in the order of the rules.
func sortConflicts(list []conflict) {
	slices.SortFunc(list, func(x, y conflict) int {
		return cmp.Or(cmp.Compare(x.a.rule.order, y.a.rule.order), cmp.Compare(x.b.rule.order, y.b.rule.order))
	})
}

func reports(list []conflict) []Conflict {
	var all []Conflict
	for _, c := range list {
		all = append(all, c.report())
	}
	return all
}
