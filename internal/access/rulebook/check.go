package rulebook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// compile checks the admin API's rules together with those of all other sources, in their order. Nobody may change the rules any more.
func (b *Book) compile(ctx context.Context, rules []access.Rule) (*engine.Prepared, error) {
	var all [][]access.Rule
	b.mu.Lock()
	for _, s := range b.sources {
		switch {
		case s == b.api:
			all = append(all, rules)
		case s.inForce:
			all = append(all, s.accepted)
		default:
			all = append(all, s.offered)
		}
	}
	b.mu.Unlock()
	prepared, err := b.engine.Prepare(ctx, all...)
	if faults, ok := errors.AsType[access.Faults](err); ok {
		id, _ := tenant.From(ctx)
		if own := faults.By(id); len(own) > 0 {
			return nil, refusal(own)
		}
		return nil, errOthers.Because(faults)
	}
	return prepared, err
}

// errOthers is what a tenant hears whose rules are well.
var errOthers = fault.New(fault.Unavailable, "rules_unavailable", "Rules cannot be changed at the moment: those of another tenant or source are refused. Whoever runs this server finds out more with GET /admin/rule-sources.")

// refusal is the fault that tells everything that is wrong.
func refusal(faults access.Faults) error {
	message := ErrRefused.Message
	if len(faults) > 0 {
		message += " " + faults[0].Error()
	}
	if more := len(faults) - 1; more > 0 {
		message += fmt.Sprintf(" (and %d more, see details.faults)", more)
	}
	return ErrRefused.With(message).WithDetail("faults", faults)
}

// claim makes the rules those of the context's tenant and of a set.
func claim(ctx context.Context, set string, rules []access.Rule) error {
	id, _ := tenant.From(ctx)
	given := map[string]bool{}
	for i := range rules {
		if !validRuleID(rules[i].ID) {
			return ErrRuleID
		}
		if given[rules[i].ID] {
			return ErrExists.Withf("The id %q is given to two rules.", rules[i].ID)
		}
		given[rules[i].ID] = true
		rules[i].Tenant, rules[i].Source = id, sourceOfSet(set)
	}
	return nil
}

// validRuleID bounds ids to what fits into the database's index and into one line of a log.
func validRuleID(id string) bool {
	return id != "" && len(id) <= 190 && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// notes says what an operator should know of the rules of a change; nothing where they are refused.
func notes(ctx context.Context, p *engine.Prepared, done *Change) (list []string) {
	if p == nil {
		return nil
	}
	id, _ := tenant.From(ctx)
	for _, one := range p.Report.Rules {
		if one.Tenant != id || one.Source != sourceOfSet(done.Set) {
			continue
		}
		if one.Scanned {
			list = append(list, "rule "+one.ID+": "+one.Cost)
		}
		for _, warning := range one.Warnings {
			list = append(list, "rule "+one.ID+": "+warning)
		}
	}
	for _, pair := range p.Report.Undecided {
		if pair.Tenant == id {
			list = append(list, fmt.Sprintf("rules %s and %s: whether a request can match both could not be found out; one that does is answered with 500", pair.A, pair.B))
		}
	}
	return list
}
