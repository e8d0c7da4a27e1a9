package access

import (
	"context"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	// maxConflicts bounds how many pairs are named; one request that two rules match is enough to say what is wrong.
	maxConflicts = 50
	// maxConflictWork bounds the search over all pairs of a tenant's rules, in steps: some seconds.
	maxConflictWork = 1_000_000_000
	// foreignWitnesses is how many texts are tried on patterns that only backtracking can read.
	foreignWitnesses = 200
)

// conflicts looks for pairs of rules that match one request and between which nothing decides: those of one tenant and one
// priority, and those of two tenants, of which none may take the other's requests.
type conflicts struct {
	index    index
	programs map[*entry]*syntax.Prog
	looked   map[[2]*compiled]bool
	// between tells which pairs are looked at: those of rules of two tenants, or those of one.
	between bool
	// ended is the context's Err.
	ended func() error
	// work is what was spent by tenant. A pair of two tenants is at the expense of the one whose pattern is heavier, so that no
	// tenant can use up what the others need.
	work map[tenant.ID]int

	found     []conflict
	undecided []conflict
	// shared are pairs of two tenants of which it was not found that no request matches both.
	shared []conflict
	// incomplete tells that the search ended before every pair of one tenant was looked at.
	incomplete bool
}

// conflict is a pair of rules, and a request that both match; the request is empty where none was found.
type conflict struct {
	a, b    *entry
	request string
}

// findConflicts looks at each pair that the index does not keep apart, until the context ends.
func findConflicts(ctx context.Context, x index, rules []*compiled) *conflicts {
	c := &conflicts{index: x, ended: ctx.Err, programs: make(map[*entry]*syntax.Prog), looked: make(map[[2]*compiled]bool), work: make(map[tenant.ID]int)}
	if slices.ContainsFunc(rules, func(r *compiled) bool { return r.tenant != rules[0].tenant }) {
		c.between = true
		c.all(rules)
		c.between = false
	}
	clear(c.work)
	c.all(rules)
	return c
}

func (c *conflicts) all(rules []*compiled) {
	for _, r := range rules {
		for _, method := range r.methods {
			for _, e := range r.entries {
				if c.full() {
					return
				}
				if e.pattern.never == "" && c.index[method] != nil {
					c.near(method, e)
				}
			}
		}
	}
}

// rivals reports whether the pair is one of those that are looked at now.
func (c *conflicts) rivals(e, f *entry) bool {
	a, b := e.rule, f.rule
	switch {
	case b.place <= a.place || c.between != (a.tenant != b.tenant):
		return false
	case c.full():
		return false
	}
	return c.between || a.priority == b.priority
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
func (c *conflicts) near(method string, e *entry) {
	m := c.index[method]
	each := func(f *entry) {
		if c.rivals(e, f) {
			c.compare(method, e, f)
		}
	}
	k := e.pattern.key
	for _, n := range m.near(k) {
		n.near(k.segments, k, each)
	}
	for _, f := range m.scanned {
		each(f)
	}
}

// near gives the trees of hosts that can be the key's.
func (m *methodIndex) near(k key) []*node {
	trees := []*node{m.any}
	switch {
	case k.scanned || k.hostKind == hostAny:
		for _, n := range m.hosts {
			trees = append(trees, n)
		}
		for _, n := range m.ends {
			trees = append(trees, n)
		}
	case k.hostKind == hostIs:
		if n := m.hosts[k.host]; n != nil {
			trees = append(trees, n)
		}
		for end, n := range m.ends {
			if strings.HasSuffix(k.host, "."+end) {
				trees = append(trees, n)
			}
		}
	default:
		for host, n := range m.hosts {
			if strings.HasSuffix(host, "."+k.host) {
				trees = append(trees, n)
			}
		}
		for end, n := range m.ends {
			if end == k.host || strings.HasSuffix(end, "."+k.host) || strings.HasSuffix(k.host, "."+end) {
				trees = append(trees, n)
			}
		}
	}
	return trees
}

// near calls each for the entries at and below the place that the key does not rule out. segments are the key's from here
// on.
func (n *node) near(segments []keySegment, k key, each func(*entry)) {
	if k.scanned {
		n.all(each)
		return
	}
	if len(segments) == 0 && !k.rest {
		for _, e := range n.here {
			each(e)
		}
		return
	}
	for prefix, entries := range n.rests {
		if len(segments) > 0 && !segments[0].wild && !strings.HasPrefix(segments[0].literal, prefix) ||
			len(segments) == 0 && !strings.HasPrefix(prefix, k.prefix) && !strings.HasPrefix(k.prefix, prefix) {
			continue
		}
		for _, e := range entries {
			each(e)
		}
	}
	if len(segments) > 0 && !segments[0].wild {
		if below := n.next[segments[0].literal]; below != nil {
			below.near(segments[1:], k, each)
		}
	} else {
		for literal, below := range n.next {
			switch {
			case len(segments) > 0:
				below.near(segments[1:], k, each)
			case strings.HasPrefix(literal, k.prefix):
				below.all(each)
			}
		}
	}
	switch {
	case n.wild == nil:
	case len(segments) > 0:
		n.wild.near(segments[1:], k, each)
	default:
		n.wild.all(each)
	}
}

func (n *node) all(each func(*entry)) {
	for _, e := range n.here {
		each(e)
	}
	for _, entries := range n.rests {
		for _, e := range entries {
			each(e)
		}
	}
	for _, below := range n.next {
		below.all(each)
	}
	if n.wild != nil {
		n.wild.all(each)
	}
}

// compare looks for a request that both entries match.
func (c *conflicts) compare(method string, e, f *entry) {
	pair := [2]*compiled{e.rule, f.rule}
	if c.looked[pair] {
		return
	}
	if x, y := e.pattern.ending, f.pattern.ending; !strings.HasSuffix(x, y) && !strings.HasSuffix(y, x) {
		return
	}
	if e.pattern.apart(f.pattern) {
		return
	}
	payer := e.rule.tenant
	if f.pattern.weight+f.rule.conditions.weight > e.pattern.weight+e.rule.conditions.weight {
		payer = f.rule.tenant
	}
	if c.work[payer] > maxConflictWork {
		c.incomplete = c.incomplete || !c.between
		if c.between {
			c.note(pair, conflict{a: e, b: f})
		}
		return
	}
	can, work := e.rule.conditions.compatible(&f.rule.conditions)
	if can {
		url, more, decided := c.common(e, f)
		work += more
		if url != "" {
			c.note(pair, conflict{e, f, method + " " + sendable(url) + e.rule.conditions.words(&f.rule.conditions)})
		} else if !decided {
			c.note(pair, conflict{a: e, b: f})
		}
	}
	c.work[payer] += work
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

// common gives a URL that both patterns match; none with decided where there is none. work is what it took to find out.
func (c *conflicts) common(e, f *entry) (url string, work int, decided bool) {
	a, okA := c.program(e)
	b, okB := c.program(f)
	if !okA || !okB {
		return "", 1, false
	}
	exact := e.pattern.exact && f.pattern.exact
	o := overlap{a: a, b: b, grammar: urlText}
	if !exact {
		o.want, o.visits, o.hints = foreignWitnesses, 6, e.pattern.hints+f.pattern.hints
	}
	o.search()
	for _, url := range o.found {
		if exact {
			return url, o.work, true
		}
		inE, late := e.pattern.matchesURL(url)
		inF, later := f.pattern.matchesURL(url)
		if inE && inF {
			return url, o.work, true
		}
		if late != nil || later != nil { // the next ones may take as long
			break
		}
	}
	return "", o.work, !o.gaveUp && len(o.found) == 0
}

// apart reports whether a segment that is text in one of the patterns does not match the other's: a quick answer for most
// pairs that have none in common.
func (p *pattern) apart(q *pattern) bool {
	if p.whole != nil || q.whole != nil {
		return false
	}
	for i := range min(len(p.segments), len(q.segments)) {
		a, b := &p.segments[i], &q.segments[i]
		if a.kind == textLiteral && !b.match(a.literal) || b.kind == textLiteral && !a.match(b.literal) {
			return true
		}
	}
	return false
}

func (c *conflicts) program(e *entry) (*syntax.Prog, bool) {
	p, ok := c.programs[e]
	if !ok {
		p, _ = program(e.pattern.source)
		c.programs[e] = p
	}
	return p, p != nil
}

// matchesURL matches what the grammar urlText makes.
func (p *pattern) matchesURL(url string) (bool, error) {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	if p.whole != nil {
		return p.whole.match(url)
	}
	return p.matchParts(&target.Target{Scheme: scheme, Host: host}, "/"+path), nil
}

// sendable writes what the grammar urlText makes as a URL.
func sendable(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	return scheme + "://" + host + "/" + target.Escape(path)
}

// words name the values that both rules ask for, as far as they are text.
func (c *conditions) words(d *conditions) string {
	var b strings.Builder
	for _, list := range []struct {
		kind string
		of   []condition
	}{{"header", slices.Concat(c.headers, d.headers)}, {"query parameter", slices.Concat(c.query, d.query)}} {
		said := make(map[string]bool)
		for _, one := range list.of {
			if one.exact && one.value.kind == textLiteral && !said[one.name] {
				said[one.name] = true
				fmt.Fprintf(&b, " with the %s %s: %s", list.kind, one.name, one.value.literal)
			}
		}
	}
	return b.String()
}

// name names a rule in a report.
func (c *compiled) name() string {
	if c.tenant == tenant.Default {
		return c.rule.ID
	}
	return string(c.tenant) + "/" + c.rule.ID
}

func (c conflict) report() Conflict {
	return Conflict{A: c.a.rule.name(), B: c.b.rule.name(), Request: c.request, Tenant: c.a.rule.tenant}
}

// faults refuse the pairs: each names both rules, and a request that both match.
func (c *conflicts) faults() Faults {
	var faults Faults
	for _, one := range c.found {
		a, b := one.a.rule, one.b.rule
		other := b.name()
		if b.rule.Source != a.rule.Source {
			other += " of " + b.rule.Source
		}
		faults = append(faults, a.fault("match", fmt.Sprintf(
			"matches the same requests as the rule %s, for example %s: make one of the patterns narrower, or give one of the rules a higher priority", other, one.request)))
	}
	if len(faults) >= maxConflicts {
		faults = append(faults, Fault{Message: fmt.Sprintf("there may be more such pairs: only the first %d are named", maxConflicts)})
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
func (c *compiled) fault(path, message string) Fault {
	return Fault{Tenant: c.rule.Tenant, Rule: c.rule.ID, Source: c.rule.Source, Path: path, Message: message}
}
