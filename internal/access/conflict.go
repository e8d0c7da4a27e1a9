package access

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	// maxConflicts bounds how many pairs are named; one request that two rules match is enough to say what is wrong.
	maxConflicts = 50
	// maxConflictStates bounds the search over all pairs of a set: some seconds.
	maxConflictStates = 4_000_000
	// foreignWitnesses is how many texts are tried on patterns that only backtracking can read.
	foreignWitnesses = 200
)

// rivals reports whether nothing decides between the rules where both match: they have one priority, or belong to two tenants,
// of which none may take the other's requests.
func (c *compiled) rivals(other *compiled) bool {
	return c.priority == other.priority || c.tenant != other.tenant
}

// conflicts looks for pairs of rivals that match one request.
type conflicts struct {
	index    index
	programs map[*entry]*syntax.Prog
	looked   map[[2]*compiled]bool
	states   int

	found     []conflict
	undecided []conflict
	// incomplete tells that the search ended before every pair was looked at.
	incomplete bool
}

// conflict is a pair of rules, and a request that both match; the request is empty where none was found.
type conflict struct {
	a, b    *entry
	request string
}

// findConflicts looks at each pair that the index does not keep apart.
func findConflicts(x index, rules []*compiled) *conflicts {
	c := &conflicts{index: x, programs: make(map[*entry]*syntax.Prog), looked: make(map[[2]*compiled]bool)}
	for _, r := range rules {
		for _, method := range r.methods {
			for _, e := range r.entries {
				if e.pattern.never == "" && c.index[method] != nil && !c.near(method, e) {
					return c
				}
			}
		}
	}
	return c
}

// near looks at the entry and all that come after it in the order of the rules, and reports whether to go on.
func (c *conflicts) near(method string, e *entry) bool {
	m := c.index[method]
	each := func(f *entry) {
		if f.rule.place > e.rule.place && e.rule.rivals(f.rule) && len(c.found) < maxConflicts && c.states <= maxConflictStates {
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
	if c.states > maxConflictStates {
		c.incomplete = true
	}
	return len(c.found) < maxConflicts && !c.incomplete
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
	if c.looked[pair] || !e.rule.conditions.compatible(&f.rule.conditions) {
		return
	}
	if x, y := e.pattern.ending, f.pattern.ending; !strings.HasSuffix(x, y) && !strings.HasSuffix(y, x) {
		return
	}
	if e.pattern.apart(f.pattern) {
		return
	}
	a, okA := c.program(e)
	b, okB := c.program(f)
	if !okA || !okB {
		c.looked[pair] = true
		c.undecided = append(c.undecided, conflict{a: e, b: f})
		return
	}
	exact := e.pattern.exact && f.pattern.exact
	o := overlap{a: a, b: b, grammar: urlText}
	if !exact {
		o.want, o.visits, o.hints = foreignWitnesses, 6, e.pattern.hints+f.pattern.hints
	}
	o.search(maxOverlapStates)
	c.states += o.states
	for _, url := range o.found {
		if exact || e.pattern.matchesURL(url) && f.pattern.matchesURL(url) {
			c.looked[pair] = true
			c.found = append(c.found, conflict{e, f, method + " " + sendable(url) + e.rule.conditions.words(&f.rule.conditions)})
			return
		}
	}
	if o.gaveUp || len(o.found) > 0 {
		c.looked[pair] = true
		c.undecided = append(c.undecided, conflict{a: e, b: f})
	}
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
func (p *pattern) matchesURL(url string) bool {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	if p.whole != nil {
		ok, err := p.whole.match(url)
		return ok && err == nil
	}
	return p.matchParts(&Target{Scheme: scheme, Host: host}, "/"+path)
}

// sendable writes what the grammar urlText makes as a URL.
func sendable(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c == '/' || unreserved(c) || subDelimiter(c) {
			b.WriteByte(c)
		} else {
			writeEncoded(&b, c)
		}
	}
	return scheme + "://" + host + "/" + b.String()
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
	return Conflict{A: c.a.rule.name(), B: c.b.rule.name(), Request: c.request}
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
		remedy := "make one of the patterns narrower, or give one of the rules a higher priority"
		if a.tenant != b.tenant {
			remedy = "they belong to two tenants, between which priority does not decide: make one of the patterns narrower"
		}
		faults = append(faults, Fault{Tenant: a.rule.Tenant, Rule: a.rule.ID, Source: a.rule.Source, Path: "match",
			Message: fmt.Sprintf("matches the same requests as the rule %s, for example %s: %s", other, one.request, remedy)})
	}
	if len(faults) >= maxConflicts {
		faults = append(faults, Fault{Message: fmt.Sprintf("there may be more such pairs: only the first %d are named", maxConflicts)})
	}
	return faults
}
