package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	// maxConflicts bounds how many pairs are named; one request that two rules match is enough to say what is wrong.
	maxConflicts = 50
	// maxConflictWork bounds the search over all pairs of a tenant's rules, in steps: some seconds.
	maxConflictWork = 1_000_000_000
	// conflictStep is several times what a step takes: by that, matches by backtracking are paid for, whose steps nobody counts. A busy
	// machine must not refuse rules that it took before.
	conflictStep = 50 * time.Nanosecond
	// maxCostly is how many rules are named where the search ends at its bound.
	maxCostly = 5
)

// conflicts looks for pairs of rules that match one request and between which nothing decides: those of one tenant and one
// priority, and those of two tenants, of which none may take the other's requests.
type conflicts struct {
	index  *index
	looked map[[2]*compiled]bool
	// between tells which pairs are looked at: those of rules of two tenants, or those of one.
	between bool
	// ended is the context's Err.
	ended func() error
	// now is the clock; nil is none.
	now func() time.Time
	// work is what was spent by tenant. A pair of two tenants is at the expense of the one whose pattern is heavier, so that no
	// tenant can use up what the others need. It ends at limit. costs is what each rule had a part in.
	work  map[tenant.ID]int
	limit int
	costs map[*compiled]int

	found     []conflict
	undecided []conflict
	// shared are pairs of two tenants of which it was not found that no request matches both.
	shared []conflict
	// beyond is the first pair of one tenant that was not looked at any more, as the search ended at its bound; nil where each was.
	beyond *conflict
}

func newConflicts(ctx context.Context, x *index, now func() time.Time) *conflicts {
	return &conflicts{
		index: x, ended: ctx.Err, now: now, looked: make(map[[2]*compiled]bool), work: make(map[tenant.ID]int), limit: maxConflictWork, costs: make(map[*compiled]int),
	}
}

// conflict is a pair of rules, and a request that both match; the request is empty where none was found.
type conflict struct {
	a, b    *entry
	request string
}

// findConflicts looks at each pair that the index does not keep apart, until the context ends.
func findConflicts(ctx context.Context, x *index, entries []entry, now func() time.Time) *conflicts {
	c := newConflicts(ctx, x, now)
	if slices.ContainsFunc(entries, func(e entry) bool { return e.rule.tenant != entries[0].rule.tenant }) {
		c.between = true
		c.all(entries)
		c.between = false
	}
	clear(c.work)
	clear(c.costs)
	c.all(entries)
	return c
}

func (c *conflicts) all(entries []entry) {
	for i := range entries {
		if c.full() {
			return
		}
		if entries[i].reading.Never == "" {
			c.near(&entries[i])
		}
	}
}

// rivals reports whether the pair is one of those that are looked at now.
func (c *conflicts) rivals(e, f *entry) bool {
	a, b := e.rule, f.rule
	switch {
	case b.order <= a.order || c.between != (a.tenant != b.tenant):
		return false
	case !c.between && a.priority != b.priority:
		return false
	}
	return commonMethod(a, b) != "" && !c.full()
}

// full reports whether enough pairs were found to say what is wrong, or nobody wants to know any more.
func (c *conflicts) full() bool {
	if c.ended() != nil {
		return true
	}
	if c.between {
		return len(c.shared) >= maxConflicts
	}
	return len(c.found) >= maxConflicts
}

// near looks at the entry and all that come after it in the order of the rules.
func (c *conflicts) near(e *entry) {
	each := func(list *entry) {
		for f := list; f != nil; f = f.next {
			if c.rivals(e, f) {
				c.compare(e, f)
			}
		}
	}
	k := &e.reading.Key
	for _, at := range c.index.nearHosts(k) {
		c.index.near(at, k.Segments, k, each)
	}
	each(c.index.scanned)
}

// compare looks for a request that both entries match.
func (c *conflicts) compare(e, f *entry) {
	pair := [2]*compiled{e.rule, f.rule}
	if c.looked[pair] || e.reading.Apart(f.reading) {
		return
	}
	a, b := e.rule.conditions, f.rule.conditions
	payer := e.rule
	if f.Weight()+b.Weight() > e.Weight()+a.Weight() {
		payer = f.rule
	}
	if c.work[payer.tenant] > c.limit {
		if c.between {
			c.note(pair, conflict{a: e, b: f})
		} else if c.beyond == nil {
			c.beyond = &conflict{a: e, b: f}
		}
		return
	}
	begun := c.clock(e, f)
	can, work := a.Compatible(b)
	if can {
		url, more, decided := e.reading.Common(f.reading)
		work += more
		if url != "" {
			c.note(pair, conflict{e, f, commonMethod(e.rule, f.rule) + " " + url + a.Words(b)})
		} else if !decided {
			c.note(pair, conflict{a: e, b: f})
		}
	}
	if took := c.clock(e, f).Sub(begun); took > 0 {
		work = max(work, int(took/conflictStep))
	}
	c.work[payer.tenant] += work
	c.costs[e.rule] += work
	c.costs[f.rule] += work
}

// clock is read where a pair is matched by backtracking.
func (c *conflicts) clock(e, f *entry) time.Time {
	if c.now == nil || !e.Backtracks() && !f.Backtracks() {
		return time.Time{}
	}
	return c.now()
}

// costly are the rules that the search has spent most on, of the tenants of which it has not looked at each pair.
func (c *conflicts) costly() []*compiled {
	list := slices.SortedFunc(maps.Keys(c.costs), func(a, b *compiled) int {
		return cmp.Or(cmp.Compare(c.costs[b], c.costs[a]), cmp.Compare(a.order, b.order))
	})
	list = slices.DeleteFunc(list, func(r *compiled) bool { return c.work[r.tenant] <= c.limit })
	return list[:min(len(list), maxCostly)]
}

// commonMethod gives a method that both rules are for; "" where there is none.
func commonMethod(a, b *compiled) string {
	for _, method := range a.methods {
		if slices.Contains(b.methods, method) {
			return method
		}
	}
	return ""
}

// note keeps a pair that is not apart.
func (c *conflicts) note(pair [2]*compiled, found conflict) {
	c.looked[pair] = true
	switch {
	case c.between:
		c.shared = append(c.shared, found)
	case found.request != "":
		c.found = append(c.found, found)
	default:
		c.undecided = append(c.undecided, found)
	}
}

// name names a rule in a report.
func (c *compiled) name() string { return nameOf(c.tenant, c.rule.ID) }

func nameOf(of tenant.ID, id string) string {
	if of == tenant.Default {
		return id
	}
	return string(of) + "/" + id
}

func (c conflict) report() Conflict {
	return Conflict{A: c.a.rule.name(), B: c.b.rule.name(), Request: c.request, Tenant: c.a.rule.tenant}
}

// faults refuse the pairs: each names both rules, and a request that both match.
func (c *conflicts) faults() access.Faults {
	var faults access.Faults
	for _, one := range c.found {
		a, b := one.a.rule, one.b.rule
		other := b.name()
		if b.rule.Source != a.rule.Source {
			other += " of " + b.rule.Source
		}
		fault := a.fault("match", fmt.Sprintf(
			"matches the same requests as the rule %s, for example %s: make one of the patterns narrower, or give one of the rules a higher priority", other, one.request))
		fault.Other = b.rule.ID
		faults = append(faults, fault)
	}
	if c.beyond != nil {
		for _, r := range c.costly() {
			faults = append(faults, r.fault("match", "takes so long to compare with other rules of equal priority that the search for those which match the same requests ended before its end: "+
				"repeat less in its expressions, name its host and how its path begins, or give it a priority of its own"))
		}
	}
	if len(c.found) >= maxConflicts {
		faults = append(faults, access.Fault{Message: fmt.Sprintf("there may be more such pairs: only the first %d are named", maxConflicts)})
	}
	return faults
}

// across refuses pairs of rules of two tenants that some request may match: each is told of its own rule alone, as what the other
// has is none of its business. The log names both.
func (c *compiler) across(found *conflicts) {
	sortConflicts(found.shared)
	told := map[*compiled]bool{}
	for _, one := range found.shared {
		if c.options.Log != nil {
			c.options.Log.Warn("access rules of two tenants are not apart: they are refused", "rule", one.a.rule.name(), "other", one.b.rule.name(), "request", one.request)
		}
		for _, r := range []*compiled{one.a.rule, one.b.rule} {
			if told[r] {
				continue
			}
			told[r] = true
			message := "matches requests that a rule of another tenant matches too, between which priority does not decide: make the pattern narrower, down to hosts of its own"
			if one.request == "" {
				message = "cannot be told apart from a rule of another tenant: make the pattern simpler or narrower, down to hosts of its own"
			}
			c.faults = append(c.faults, r.fault("match", message))
		}
	}
}

// fault says what is wrong with the rule.
func (c *compiled) fault(path, message string) access.Fault {
	return access.Fault{Tenant: c.rule.Tenant, Rule: c.rule.ID, Source: c.rule.Source, Path: path, Message: message}
}
