package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
)

// Sieve goes through the rules of one tenant one by one and keeps those that can be in force together: for who has rules of many
// hands, where one that is faulty may not keep the others from being in force. It judges what rules say by themselves, as rules of the
// admin API. Whether a server has the handlers that they name, takes their settings, and has other rules that match the same requests,
// only that server's Check knows.
//
// The zero value is not ready to use: make it with NewSieve. It is for one goroutine.
type Sieve struct {
	compiler *compiler
	index    *index
	found    *conflicts
	kept     int
	// spent is the work for each owner's rules.
	spent map[string]int
}

// What a sieve may spend on comparing rules: less than a server, that will compare those which are kept, and on each owner's a third of
// that, so that none keeps the others' rules from being compared.
const (
	sieveWork = maxConflictWork / 10 * 9
	ownerWork = sieveWork / 3
)

// NewSieve makes one for rules whose patterns are read by a matching strategy: regexp or glob. It stops looking for rules that match
// the same requests when the context ends. now is the clock; nil is none, and then what backtracking takes is not bounded.
func NewSieve(ctx context.Context, strategy string, now func() time.Time) *Sieve {
	o := &Options{Config: Config{MatchingStrategy: strategy}, API: APIConfig{Backtracking: true}}
	x := newIndex()
	return &Sieve{compiler: newCompiler(o, nil), index: x, found: newConflicts(ctx, x, now), spent: make(map[string]int)}
}

// Grain is one rule that was read.
type Grain struct {
	// Faults are what is wrong with the rule by itself.
	Faults access.Faults
	// Hosts are those of the requests that it may match, in the form of match.hosts: names, **.example.com, and ** for any. They are
	// never fewer than those that it does match.
	Hosts []string
	// Warnings say why the rule may not do what it was written for.
	Warnings []string

	one     *compiled
	entries []entry
}

// Read reads a rule. Nobody may change it any more.
func (s *Sieve) Read(r *access.Rule) *Grain {
	c := s.compiler
	c.rule, c.faults = r, nil
	g := &Grain{one: &compiled{}}
	g.entries = c.shape(g.one, 0)
	c.boundHandlers()
	g.Faults = c.faults
	g.Warnings = reportOf(g.one, g.entries).Warnings
	for i := range g.entries {
		if host := hostOf(g.entries[i].reading); !slices.Contains(g.Hosts, host) {
			g.Hosts = append(g.Hosts, host)
		}
	}
	return g
}

// hostOf gives the hosts of a pattern.
func hostOf(p *pattern.Reading) string {
	switch k := p.Key; {
	case k.Scanned || k.HostKind == pattern.HostAny:
		return "**"
	case k.HostKind == pattern.HostEnds:
		return "**." + k.Host
	default:
		return k.Host
	}
}

// boundHandlers refuses handlers that are named as no server takes them.
func (c *compiler) boundHandlers() {
	r := c.rule
	if len(r.Authenticators) == 0 {
		c.fault("authenticators", "is missing: name at least one authenticator; noop lets everybody on to the authorizer")
	}
	check := func(path string, ref access.HandlerRef) {
		if ref.Handler == "" {
			c.fault(path+".handler", "is missing")
		}
		if err := access.CheckSettings(ref.Config); err != nil {
			c.fault(path+".config", "%s", err)
		}
		c.boundSettings(path+".config", ref.Config)
	}
	check("authorizer", r.Authorizer)
	for name, list := range map[string][]access.HandlerRef{"authenticators": r.Authenticators, "mutators": r.Mutators, "errors": r.Errors} {
		for i, ref := range list {
			check(fmt.Sprintf("%s[%d]", name, i), ref)
		}
	}
}

// Rivalry is an earlier rule that was kept and matches a request that another matches too.
type Rivalry struct {
	// Other is the earlier rule.
	Other *access.Rule
	// Request is one that both match, such as "GET https://example.com/a". It is empty where it takes too long to find out whether there
	// is one.
	Request string
}

// Keep keeps a rule that has no faults, unless it matches the same requests as one that was kept before, or it takes too long to find that
// out: then it says which, the earliest one that was found. Rules of different priority do not get in each other's way.
func (s *Sieve) Keep(g *Grain, owner string) *Rivalry {
	s.kept++
	g.one.order = -s.kept // the search looks from a rule to those that come later
	s.found.found, s.found.undecided, s.found.beyond = nil, nil, nil
	clear(s.found.costs)
	of := g.one.tenant
	begun := s.found.work[of]
	s.found.limit = min(sieveWork, begun+ownerWork-s.spent[owner])
	defer func() { s.spent[owner] += s.found.work[of] - begun }()
	for i := range g.entries {
		if g.entries[i].reading.Never == "" {
			s.found.near(&g.entries[i])
		}
	}
	if rivals := s.found.found; len(rivals) > 0 {
		first := slices.MaxFunc(rivals, func(a, b conflict) int { return cmp.Compare(a.b.rule.order, b.b.rule.order) })
		return &Rivalry{Other: first.b.rule.rule, Request: first.request}
	}
	if beyond := s.found.beyond; beyond != nil {
		return &Rivalry{Other: beyond.b.rule.rule}
	}
	s.index.addAll(g.entries)
	return nil
}
