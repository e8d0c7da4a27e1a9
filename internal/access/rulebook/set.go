package rulebook

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// tenantRules are the stored rules of one tenant by id, with those of the others behind them.
type tenantRules struct {
	rules  map[string]*storedRule
	others []*storedRule
}

// of takes out the rules of the context's tenant.
func (s *snapshot) of(ctx context.Context) *tenantRules {
	id, _ := tenant.From(ctx)
	t := &tenantRules{rules: make(map[string]*storedRule, len(s.rules))}
	for _, r := range s.rules {
		if r.rule.Tenant == id {
			t.rules[r.rule.ID] = r
		} else {
			t.others = append(t.others, r)
		}
	}
	return t
}

// all gives every tenant's rules.
func (t *tenantRules) all() []access.Rule {
	own := slices.SortedFunc(maps.Values(t.rules), (*storedRule).compare)
	return (&snapshot{rules: append(slices.Clone(t.others), own...)}).all()
}

// compare orders rules by set and position.
func (r *storedRule) compare(o *storedRule) int {
	return cmp.Or(strings.Compare(r.set, o.set), cmp.Compare(r.position, o.position), strings.Compare(r.rule.ID, o.rule.ID))
}

// set gives the rules of one set in their order.
func (t *tenantRules) set(name string) (list []*storedRule) {
	for _, r := range t.rules {
		if r.set == name {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, (*storedRule).compare)
	return list
}

// get gives a rule; nil where there is none. Nobody may change it.
func (t *tenantRules) get(id string) *storedRule { return t.rules[id] }

// end is the position behind the last rule of a set.
func (t *tenantRules) end(set string) (end int64) {
	for _, r := range t.rules {
		if r.set == set {
			end = max(end, r.position+1)
		}
	}
	return end
}

// put writes a rule, unless it is there already as it is.
func (t *tenantRules) put(next *storedRule, c *change, done *Change) error {
	id := next.rule.ID
	old, exists := t.rules[id]
	switch {
	case !exists:
		done.Added = append(done.Added, id)
	case old.set != next.set:
		return inOtherSet(old)
	case old.document == next.document && old.position == next.position:
		return nil
	default:
		if old.document != next.document {
			done.Changed = append(done.Changed, id)
		}
		next.created = old.created
		c.remove = append(c.remove, id)
	}
	t.rules[id] = next
	c.write = append(c.write, next)
	return nil
}

// replace writes the rules of a set in their order, and removes those of the old ones that are not among them. A rule stays at its
// position where that is behind those before it, so that what comes or goes in front of it does not have it written anew.
func (t *tenantRules) replace(old []*storedRule, set string, rules []access.Rule, c *change, done *Change) error {
	given, at := make(map[string]bool, len(rules)), int64(-1)
	for _, r := range rules {
		given[r.ID] = true
		next := &storedRule{rule: r, set: set, position: at + 1, document: documentOf(r)}
		if was := t.get(r.ID); was != nil {
			next.position = max(next.position, was.position)
		}
		at = next.position
		if err := t.put(next, c, done); err != nil {
			return err
		}
	}
	for _, o := range old {
		if !given[o.rule.ID] {
			t.drop(o.rule.ID, c, done)
		}
	}
	return nil
}

const inOtherSetWords = "The id %q belongs to a rule of the set %q: delete that one first, or write it there."

func inOtherSet(old *storedRule) error {
	return ErrExists.Withf(inOtherSetWords, old.rule.ID, old.set)
}

// foreign refuses rules for a set whose ids are those of rules of other sets: it names each.
func (t *tenantRules) foreign(set string, rules []access.Rule) error {
	var faults access.Faults
	for _, r := range rules {
		if old, there := t.rules[r.ID]; there && old.set != set {
			faults = append(faults, access.Fault{Tenant: r.Tenant, Rule: r.ID, Source: r.Source, Path: "id", Message: fmt.Sprintf(inOtherSetWords, r.ID, old.set)})
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return ErrExists.With(faults[0].Message).WithDetail("faults", faults)
}

// drop removes a rule.
func (t *tenantRules) drop(id string, c *change, done *Change) {
	delete(t.rules, id)
	c.remove = append(c.remove, id)
	done.Removed = append(done.Removed, id)
}
