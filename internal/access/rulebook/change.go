package rulebook

import (
	"context"
	"errors"
	"maps"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/precondition"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// DefaultSet is the set of rules that are given without naming one.
const DefaultSet = "default"

// The errors of changing rules.
var (
	ErrExists  = fault.New(fault.Conflict, "rule_exists", "There is a rule with this id already.")
	ErrUnknown = fault.New(fault.NotFound, "not_found", "There is no such rule among those of the admin API.")
	ErrRuleID  = fault.New(fault.Invalid, "bad_request", "A rule's id has 1 to 190 bytes and no control characters.")
	ErrSetName = fault.New(fault.Invalid, "bad_request", "The name of a set has 1 to 63 of a-z, 0-9 and \"-\", not at the ends.")
	// ErrRefused has what is wrong in its details, under "faults".
	ErrRefused = fault.New(fault.Invalid, "rules_refused", "The rules are refused, and those that were there stay in force.")
	ErrStale   = fault.New(fault.Stale, "precondition_failed", "The rules are not those that If-Match or If-None-Match speak of: read them again.")
	ErrBusy    = fault.New(fault.Unavailable, "rules_busy", "Others are changing the rules all the time. Try again.")
)

// Change says what a change of the rules did.
type Change struct {
	// Set is the set that was changed, and Rules how many rules it has now.
	Set   string `json:"set"`
	Rules int    `json:"rules"`
	// Added, Changed and Removed are ids.
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
	// InForce tells that this server decides by the rules now; where it does not, Notes say why.
	InForce bool `json:"in_force"`
	// Notes say which rules of the set take longer than others to be found, which may not do what they were written for, and
	// which may match the same requests.
	Notes []string `json:"notes,omitempty"`

	// ETag names what is there now, the set or the one rule: for If-Match.
	ETag string `json:"etag"`

	created bool
}

// maxAttempts is how often a change is tried against other servers' changes, which are those of all tenants.
const maxAttempts = 50

// Replace puts rules in the place of those of a set of the context's tenant.
func (b *Book) Replace(ctx context.Context, set string, rules []access.Rule, p precondition.Func) (*Change, error) {
	if !tenant.ID(set).Valid() {
		return nil, ErrSetName
	}
	if err := claim(ctx, set, rules); err != nil {
		return nil, err
	}
	return b.change(ctx, func(have *tenantRules) (*change, *Change, error) {
		old := have.set(set)
		if !p.Met(setTag(old)) {
			return nil, nil, ErrStale
		}
		if err := have.foreign(set, rules); err != nil {
			return nil, nil, err
		}
		c, done := &change{}, &Change{Set: set, Rules: len(rules)}
		if err := have.replace(old, set, rules, c, done); err != nil {
			return nil, nil, err
		}
		done.ETag = etagOf(have.set(set))
		return c, done, nil
	})
}

// Put writes one rule: in the place of the one with its id, else at the end of the set. With fresh, it must be a new one.
func (b *Book) Put(ctx context.Context, set string, rule access.Rule, fresh bool, p precondition.Func) (*Change, error) {
	if !tenant.ID(set).Valid() {
		return nil, ErrSetName
	}
	rules := []access.Rule{rule}
	if err := claim(ctx, set, rules); err != nil {
		return nil, err
	}
	return b.change(ctx, func(have *tenantRules) (*change, *Change, error) {
		next := &storedRule{rule: rules[0], set: set, position: have.end(set), document: documentOf(rules[0])}
		old := have.get(rule.ID)
		switch {
		case old != nil && fresh:
			return nil, nil, ErrExists
		case !p.Met(old.etag()):
			return nil, nil, ErrStale
		case old != nil:
			next.set, next.position, next.rule.Source = old.set, old.position, old.rule.Source
		}
		c, done := &change{}, &Change{Set: next.set}
		if err := have.put(next, c, done); err != nil {
			return nil, nil, err
		}
		done.Rules, done.ETag, done.created = len(have.set(next.set)), next.etag(), old == nil
		return c, done, nil
	})
}

// Remove deletes one rule of the context's tenant.
func (b *Book) Remove(ctx context.Context, id string, p precondition.Func) (*Change, error) {
	return b.change(ctx, func(have *tenantRules) (*change, *Change, error) {
		old := have.get(id)
		if old == nil {
			return nil, nil, ErrUnknown
		}
		if !p.Met(old.etag()) {
			return nil, nil, ErrStale
		}
		c, done := &change{}, &Change{Set: old.set}
		have.drop(id, c, done)
		done.Rules = len(have.set(done.Set))
		return c, done, nil
	})
}

// Try says whether the rules could take the place of the set's, and changes nothing.
func (b *Book) Try(ctx context.Context, set string, rules []access.Rule) (*engine.Report, error) {
	if !tenant.ID(set).Valid() {
		return nil, ErrSetName
	}
	if err := claim(ctx, set, rules); err != nil {
		return nil, err
	}
	snap, err := b.store.load(ctx)
	if err != nil {
		return nil, err
	}
	have := snap.of(ctx)
	if err := have.foreign(set, rules); err != nil {
		return nil, err
	}
	maps.DeleteFunc(have.rules, func(_ string, r *storedRule) bool { return r.set == set })
	for i, r := range rules {
		have.rules[r.ID] = &storedRule{rule: r, set: set, position: int64(i)}
	}
	prepared, err := b.compile(ctx, have.all())
	if err != nil {
		return nil, err
	}
	prepared.Close()
	return prepared.Report, nil
}

// change plans on what the database holds, has the engine check what would come of it, and writes it if nobody else has
// changed anything meanwhile; else it begins anew. So no two changes that are only good apart come into force together.
func (b *Book) change(ctx context.Context, plan func(*tenantRules) (*change, *Change, error)) (*Change, error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	for range maxAttempts {
		snap, err := b.store.load(ctx)
		if err != nil {
			return nil, err
		}
		have := snap.of(ctx)
		was := maps.Clone(have.rules)
		c, done, err := plan(have)
		if err != nil {
			return nil, err
		}
		if len(c.remove)+len(c.write) == 0 {
			b.checkForce(ctx, done)
			return done, nil
		}
		c.was = was
		if written, err := b.write(ctx, snap.revision, *c, have, done); written || err != nil {
			return done, err
		}
	}
	return nil, ErrBusy
}

// write checks what would come of a change, makes it, and brings it into force. False says that somebody was faster: nothing was done.
func (b *Book) write(ctx context.Context, revision int64, c change, have *tenantRules, done *Change) (written bool, err error) {
	all := access.Compact(have.all())
	prepared, err := b.compile(ctx, all)
	if err != nil && !(len(c.write) == 0 && (errors.Is(err, ErrRefused) || errors.Is(err, errOthers))) {
		return false, err // what is wrong when rules have gone was wrong before: whoever removes one is on the way to mend that
	}
	if prepared != nil {
		defer prepared.Close()
	}
	b.api.reading.Lock() // who hears of the change waits until it is in force, and need not read it then
	defer b.api.reading.Unlock()
	if written, err = b.store.apply(ctx, revision, c); err != nil || !written {
		return false, err
	}
	b.stored.has(revision + 1)
	b.take(ctx, b.api, all, prepared)
	b.others(ctx, b.api)
	done.Notes = notes(ctx, prepared, done)
	b.checkForce(ctx, done)
	return true, nil
}

// checkForce notes whether what is stored is in force here. It is not where another source was not read since the server started:
// a rule that refuses may be in what is missing. What is wrong with another tenant's source only hears who may act for all.
func (b *Book) checkForce(ctx context.Context, done *Change) {
	id, _ := tenant.From(ctx)
	everywhere := actor.From(ctx).Everywhere
	b.mu.Lock()
	defer b.mu.Unlock()
	done.InForce = b.api.inForce && !b.api.fresh && b.api.silent == nil
	if done.InForce {
		return
	}
	const stored = "the rules are stored and not in force yet"
	before := len(done.Notes)
	for _, s := range b.sources {
		if text := s.warning(); !s.inForce && s != b.api && (s.tenant == id || everywhere) && text != "" {
			done.Notes = append(done.Notes, stored+", because of the source "+s.name+": "+text)
		}
	}
	if len(done.Notes) == before {
		done.Notes = append(done.Notes, stored+": GET /admin/rule-sources says why, if need be to whoever runs this server")
	}
}

// Set gives the stored rules of a set of the context's tenant, in their order, with the set's tag: two statements.
func (b *Book) Set(ctx context.Context, set string) (rules []access.Rule, etag string, err error) {
	snap, err := b.store.load(ctx)
	if err != nil {
		return nil, "", err
	}
	stored := snap.of(ctx).set(set)
	return (&snapshot{rules: stored}).all(), etagOf(stored), nil
}

// Clear deletes the rules of the context's tenant, which is being deleted itself.
func (b *Book) Clear(ctx context.Context) error { return b.store.clear(ctx) }
