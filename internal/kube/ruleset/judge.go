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

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
)

const (
	maxRuleID = 190       // of the server
	maxRule   = 128 << 10 // of one rule, in bytes of JSON
	maxSet    = 15 << 20  // of all, so that they fit into what the server reads as one request unless it is told another size
)

// item is an offer on its way to the server.
type item struct {
	Offer
	tenant  string
	source  int // its place among Sets.Sources
	verdict Verdict
	raw     []byte // the rule as it is sent
	sum     [sha256.Size]byte
}

func (i *item) refuse(reason Reason, message string) {
	i.verdict = Verdict{Offer: i.Offer, Reason: reason, Message: message}
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

// judge decides about offers by what is known here.
type judge struct {
	policy *policy
	// mayName says whether a namespace may use a tenant.
	mayName func(namespace, tenant string) bool
	// strategy is how the server reads patterns.
	strategy string
	// source is what the server names as the source of the set's rules.
	source string
	// rejected are rules that the server refused, by what they say.
	rejected map[[sha256.Size]byte]string
}

// decide gives a verdict to each of the tenant's items that cannot be in force, and returns the others from old to young. Items of other
// tenants only claim hosts.
func (j *judge) decide(ctx context.Context, all []*item, tenant string) ([]*item, error) {
	slices.SortFunc(all, older)
	sieve, given, ids, size := engine.NewSieve(ctx, j.strategy), owners{}, map[string]bool{}, 0
	var kept []*item
	for _, i := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		i.verdict = Verdict{}
		if i.tenant != "" && !j.mayName(i.Owner.GetNamespace(), i.tenant) {
			i.refuse(TenantRefused, fmt.Sprintf("namespace %s may not use tenant %s: whoever runs the controller can allow it with --tenant %[2]s=%[1]s", i.Owner.GetNamespace(), i.tenant))
			continue
		}
		grain := j.read(sieve, i)
		if grain == nil || !j.claims(i, grain, given) || i.tenant != tenant || !j.sound(i, grain, ids) {
			continue
		}
		if size+len(i.raw) > maxSet {
			i.refuse(InvalidRule, fmt.Sprintf("all rules of the tenant together have more than %d bytes, and this is not one of the oldest: make rules smaller, or fewer", maxSet))
			continue
		}
		if rival := sieve.Keep(grain); rival != nil {
			i.refuse(RuleConflict, fmt.Sprintf("matches the same requests as the rule %s, which is older, for example %s: make one of the patterns narrower", rival.Other.ID, rival.Request))
			continue
		}
		size += len(i.raw) + 1
		ids[i.Rule.ID] = true
		i.verdict.Message = strings.Join(grain.Warnings, "; ")
		kept = append(kept, i)
	}
	return kept, nil
}

// read reads the rule of an item; nil where there is none.
func (j *judge) read(sieve *engine.Sieve, i *item) *engine.Grain {
	if i.Fault != "" {
		i.refuse(InvalidRule, i.Fault)
		return nil
	}
	raw, err := json.Marshal(i.Rule)
	if err != nil {
		i.refuse(InvalidRule, "the rule cannot be written as JSON: "+err.Error())
		return nil
	}
	if len(raw) > maxRule {
		i.refuse(InvalidRule, fmt.Sprintf("the rule has %d bytes, and may have %d: split it up", len(raw), maxRule))
		return nil
	}
	i.raw, i.sum = raw, sha256.Sum256(raw)
	i.Rule.Source = j.source
	return sieve.Read(&i.Rule)
}

// claims reports whether the item may claim the hosts of its rule. Whether the rule makes sense otherwise does not matter: who mistypes
// a setting does not lose a host by that.
func (j *judge) claims(i *item, grain *engine.Grain, given owners) bool {
	for _, host := range grain.Hosts {
		if reason, message := j.policy.claim(i.Owner.GetNamespace(), canonicalHost(host), given); reason != "" {
			i.refuse(reason, message)
			return false
		}
	}
	for _, host := range grain.Hosts {
		j.policy.give(i, canonicalHost(host), given)
	}
	return true
}

// sound reports whether nothing is wrong with the rule by itself.
func (j *judge) sound(i *item, grain *engine.Grain, ids map[string]bool) bool {
	switch why, rejected := j.rejected[i.sum]; {
	case len(grain.Faults) > 0:
		i.refuse(InvalidRule, words(grain.Faults))
	case len(i.Rule.ID) > maxRuleID:
		i.refuse(InvalidRule, fmt.Sprintf("the rule's id %q has %d bytes, and may have %d: give the resource a shorter name", i.Rule.ID, len(i.Rule.ID), maxRuleID))
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
	return shortened(strings.Join(lines, "; "))
}

func shortened(text string) string {
	if len(text) <= maxWords {
		return text
	}
	return strings.ToValidUTF8(text[:maxWords], "") + "…"
}

// document is what is sent: a list that a file of rules may have just so.
func document(kept []*item) json.RawMessage {
	parts := make([][]byte, len(kept))
	for n, i := range kept {
		parts[n] = i.raw
	}
	return slices.Concat([]byte("["), bytes.Join(parts, []byte(",")), []byte("]"))
}
