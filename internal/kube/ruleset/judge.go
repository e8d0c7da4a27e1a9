package ruleset

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

const (
	maxRuleID = 190       // of the server
	maxRule   = 128 << 10 // of one rule, in bytes of JSON
	maxSet    = 15 << 20  // of all, so that they fit into what the server reads as one request unless it is told another size
)

// item is an offer on its way to the server.
type item struct {
	Offer
	verdict Verdict
	gone    bool          // its object is, and may have gone with its kind
	grain   *engine.Grain // the rule as it was read; nil where there is none
	hosts   []string      // those that it claims
	raw     []byte        // the rule as it is sent
	sum     [sha256.Size]byte
}

func (i *item) refuse(reason Reason, message string) {
	i.verdict = Verdict{Offer: i.Offer, Reason: reason, Message: message}
}

func (i *item) refuseTenant() {
	i.refuse(TenantRefused, fmt.Sprintf("namespace %s may not use tenant %s: whoever runs the controller can allow it with --tenant %[2]s=%[1]s", i.Owner.GetNamespace(), i.Tenant))
}

func (i *item) decided() bool { return i.verdict.Reason != "" }

// older orders by age: the older rule wins, and of two of one second the one that the alphabet has first.
func older(a, b *item) int {
	return cmp.Or(
		a.Owner.GetCreationTimestamp().Compare(b.Owner.GetCreationTimestamp().Time),
		strings.Compare(a.Owner.GetNamespace(), b.Owner.GetNamespace()),
		strings.Compare(a.Owner.GetName(), b.Owner.GetName()),
		strings.Compare(a.Rule.ID, b.Rule.ID),
	)
}

// standing orders by what was found out before about an object as it is now: 0 of whom it was found that it may claim its hosts, 1 of whom
// nothing is known, 2 of whom it was found that it may not.
func (i *item) standing() int {
	switch i.Said {
	case InForce, NotInForce, InvalidRule, RuleConflict, UpstreamRefused, RuleRejected:
		return 0
	case HostTaken, HostRefused, TenantRefused:
		return 2
	case ServerUnreachable:
	}
	return 1
}

// first orders those that claim hosts. An object's age says when it was made, and not since when it names a host: who has one keeps it when
// an older object comes to name it.
func first(a, b *item) int { return cmp.Or(a.standing()-b.standing(), older(a, b)) }

// judge decides about offers by what is known here.
type judge struct {
	// before are the namespaces whose hosts are, as it was found last.
	before map[string]string
	policy *policy
	// tenants says which namespaces, as patterns of path.Match, may name a tenant.
	tenants map[string][]string
	// now is the clock.
	now func() time.Time
	// strategy is how the server reads patterns.
	strategy string
	// source is what the server names as the source of the set's rules.
	source string
	// blocked are Services to which no rule may lead.
	blocked Services
	// sent are rules that the server has, as far as this process sent them.
	sent map[string][sha256.Size]byte
	// rejected are rules that the server refused, by what they say.
	rejected map[[sha256.Size]byte]string
}

// decide gives a verdict to each of the tenant's items that cannot be in force, and returns the others from old to young. Items of other
// tenants only claim hosts.
func (j *judge) decide(ctx context.Context, all []*item, tenant string) ([]*item, error) {
	sieve := engine.NewSieve(ctx, j.strategy, j.now)
	if err := j.settle(ctx, sieve, all); err != nil {
		return nil, err
	}
	slices.SortFunc(all, older)
	ids, room := map[string]bool{}, maxSet
	for _, i := range all {
		if j.stands(i, tenant) {
			room -= i.size() // so that no older rule which grows pushes it out
		}
	}
	var kept []*item
	for _, i := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if j.stands(i, tenant) {
			room += i.size()
		}
		if i.Tenant != tenant || i.decided() || !j.sound(i, ids) {
			continue
		}
		if i.size() > room {
			i.refuse(InvalidRule, fmt.Sprintf("all rules of the tenant together have more than %d bytes, and this is neither in force nor one of the oldest: make rules smaller, or fewer", maxSet))
			continue
		}
		switch rival := sieve.Keep(i.grain, i.Owner.GetNamespace()); {
		case rival != nil && rival.Request == "":
			i.refuse(InvalidRule, fmt.Sprintf("takes too long to compare with other rules, such as %s, to find out whether a request matches both: repeat less in its expressions, or name its host and how its path begins", rival.Other.ID))
			continue
		case rival != nil:
			i.refuse(RuleConflict, fmt.Sprintf("matches the same requests as the rule %s, which is older, for example %s: make one of the patterns narrower", rival.Other.ID, rival.Request))
			continue
		}
		room -= i.size()
		ids[i.Rule.ID] = true
		i.verdict.Message = strings.Join(i.grain.Warnings, "; ")
		kept = append(kept, i)
	}
	return kept, nil
}

// size is what an item takes of a set.
func (i *item) size() int { return len(i.raw) + 1 }

// stands reports whether the server has a rule of the tenant's as it is.
func (j *judge) stands(i *item, tenant string) bool {
	return i.Tenant == tenant && !i.decided() && (j.sent[i.Rule.ID] == i.sum || i.Said == InForce)
}

// settle reads all items and finds out whose hosts are: they stay whose they were, as long as one of the namespace's items names them.
func (j *judge) settle(ctx context.Context, sieve *engine.Sieve, all []*item) error {
	given := owners{}
	slices.SortFunc(all, first)
	for _, i := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		i.verdict = Verdict{}
		if i.Tenant != "" && !kube.Fits(j.tenants[i.Tenant], i.Owner.GetNamespace()) {
			i.refuseTenant()
			continue
		}
		j.read(sieve, i)
		for _, host := range i.hosts {
			if j.before[host] == i.Owner.GetNamespace() {
				j.policy.give(i, host, given)
			}
		}
	}
	for _, i := range all {
		if i.verdict.Reason != TenantRefused {
			j.claim(i, given)
		}
	}
	j.before = given.namespaces()
	return nil
}

// read reads the rule of an item, and which hosts it is for.
func (j *judge) read(sieve *engine.Sieve, i *item) {
	i.grain, i.hosts = nil, nil
	if i.Fault != "" {
		i.claims(i.Hosts)
		i.refuse(InvalidRule, i.Fault)
		return
	}
	raw, err := json.Marshal(i.Rule)
	if err != nil {
		i.refuse(InvalidRule, "the rule cannot be written as JSON: "+err.Error())
		return
	}
	if len(raw) > maxRule {
		i.claims(hostsOf(sieve, i.Rule.Match.URL))
		i.refuse(InvalidRule, fmt.Sprintf("the rule has %d bytes, and may have %d: split it up", len(raw), maxRule))
		return
	}
	i.raw, i.sum = raw, sha256.Sum256(raw)
	i.Rule.Source = j.source
	i.grain = sieve.Read(&i.Rule)
	if i.claims(i.grain.Hosts); len(i.hosts) == 0 {
		i.claims(hostsOf(sieve, i.Rule.Match.URL))
	}
}

// hostsOf are the hosts of a pattern, also of one whose path makes no sense.
func hostsOf(sieve *engine.Sieve, url string) []string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return sieve.Read(&access.Rule{Match: access.Match{URL: scheme + "://" + host + "/"}}).Hosts
}

func (i *item) claims(hosts []string) {
	for _, host := range hosts {
		i.hosts = append(i.hosts, canonicalHost(host))
	}
}

// claim refuses the item if it may not claim its hosts, and gives them to it otherwise. Whether the rule makes sense otherwise does not
// matter: who mistypes a setting does not lose a host by that.
func (j *judge) claim(i *item, given owners) {
	for _, host := range i.hosts {
		if reason, message := j.policy.claim(i.Owner.GetNamespace(), host, given); reason != "" {
			i.refuse(reason, message)
			return
		}
	}
	for _, host := range i.hosts {
		j.policy.give(i, host, given)
	}
}

// sound reports whether nothing is wrong with the rule by itself.
func (j *judge) sound(i *item, ids map[string]bool) bool {
	why, rejected := j.rejected[i.sum]
	host, blocked := j.blocked.blocks(&i.Rule)
	switch {
	case len(i.grain.Faults) > 0:
		i.refuse(InvalidRule, words(i.grain.Faults))
	case len(i.Rule.ID) > maxRuleID:
		i.refuse(InvalidRule, fmt.Sprintf("the rule's id %q has %d bytes, and may have %d: give the resource a shorter name", i.Rule.ID, len(i.Rule.ID), maxRuleID))
	case blocked:
		i.refuse(UpstreamRefused, fmt.Sprintf("the controller lets no rule lead to %s, which is a Service of --service-blocklist; if another is meant, write its host as name.namespace.svc", host))
	case ids[i.Rule.ID]:
		i.refuse(RuleConflict, fmt.Sprintf("the id %s is that of an older resource's rule: give the resource another name", i.Rule.ID))
	case rejected:
		i.refuse(RuleRejected, why)
	}
	return !i.decided()
}

// maxWords bounds what a status says.
const maxWords = 1000

// words puts faults into a message.
func words(faults access.Faults) string {
	lines := make([]string, len(faults))
	for n, f := range faults {
		lines[n] = access.Fault{Path: f.Path, Message: f.Message}.Error()
	}
	return spell.Short(strings.Join(lines, "; "), maxWords)
}

// document is what is sent: a list that a file of rules may have just so.
func document(kept []*item) json.RawMessage {
	parts := make([][]byte, len(kept))
	for n, i := range kept {
		parts[n] = i.raw
	}
	return slices.Concat([]byte("["), bytes.Join(parts, []byte(",")), []byte("]"))
}
