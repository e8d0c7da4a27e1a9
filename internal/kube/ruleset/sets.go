package ruleset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

const (
	// lookEvery is how often the server is asked whether the set is still the one that was sent.
	lookEvery = time.Minute
	// holdFor is when a set that may not be sent now is looked at again.
	holdFor = 10 * time.Second
	// mostSends bounds how often a set is sent in one reconciliation: each time without what the server refused.
	mostSends = 10
	// defaultStrategy is how servers read patterns that do not say.
	defaultStrategy = "regexp"
)

// API is the server's.
type API interface {
	Look(ctx context.Context, tenant string) (kube.RuleSet, error)
	Put(ctx context.Context, tenant string, was kube.RuleSet, rules json.RawMessage) (now kube.RuleSet, inForce bool, notes []string, err error)
}

// Sets keeps the sets of all tenants.
type Sets struct {
	// API is the server's.
	API API
	// Config is what the operator decided about rules, Kube what about tenants.
	Config *Config
	Kube   *kube.Config
	// Sources are the kinds of resources that yield rules.
	Sources []Source
	// Serves says why the cluster does not have a kind of resource, or is about to lose it; nil where it has it.
	Serves func(ctx context.Context, of client.Object) error
	// Log is for the operator, Now the clock.
	Log *slog.Logger
	Now func() time.Time

	figures *figures
	mu      sync.Mutex
	known   map[string]*held
	policy  *policy           // the last that could be read
	listed  map[int]bool      // the sources that are watched
	owners  map[string]string // the namespaces whose hosts are, as they were found last
}

// held is what is known of one tenant's set. One goroutine at a time has it.
type held struct {
	seen     *kube.RuleSet // nil where it has to be looked at
	lookedAt time.Time
	strategy string              // how the server reads patterns; empty where it did not say yet
	digest   [sha256.Size]byte   // of what was sent last
	sent     map[string]sentRule // by the rule's id; nil where nothing was sent
	inForce  bool
	notes    string
	// rejected are rules that the server refused, with the reason, and since when.
	rejected   map[[sha256.Size]byte]string
	rejectedAt time.Time
}

// sentRule is a rule that the server was sent: what it said, and the source that it came from.
type sentRule struct {
	sum    [sha256.Size]byte
	source int
}

// ownTenant stands for the controller's own in the queue: no tenant has that name.
const ownTenant = "-"

// Reconcile implements reconcile.Reconciler: it makes one tenant's set true.
func (s *Sets) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	tenant := strings.TrimPrefix(req.Name, ownTenant)
	h := s.held(tenant)
	if s.begins(ctx) {
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	all, own, err := s.offers(ctx, tenant)
	if err != nil {
		return ctrl.Result{}, err
	}
	begun := s.Now()
	wake, err := s.make(ctx, tenant, h, all)
	s.figures.took(s.Now().Sub(begun))
	if ctx.Err() == nil {
		s.tell(ctx, tenant, own)
	}
	if reason, _ := kube.ReasonOf(err); reason == kube.TenantNotFound && len(own) == 0 {
		return ctrl.Result{RequeueAfter: min(lookEvery, s.Config.Resync)}, nil // where every rule names a tenant, the controller needs none
	}
	return ctrl.Result{RequeueAfter: wake}, err
}

func (s *Sets) held(tenant string) *held {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]*held{}
	}
	if s.known[tenant] == nil {
		s.known[tenant] = &held{}
	}
	return s.known[tenant]
}

// begins reports whether a source is about to be listed: as long as it is not, nothing may be left out of a set because it was not
// offered. A source whose resource the cluster does not have offers nothing; if there is no other, there is nothing to do.
func (s *Sets) begins(ctx context.Context) bool {
	absent := 0
	for n, source := range s.Sources {
		if s.active(n) {
			continue
		}
		if s.Serves(ctx, source.Kind()) == nil {
			return true
		}
		absent++
	}
	return absent == len(s.Sources)
}

func (s *Sets) active(source int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listed[source]
}

// offers lists what all sources offer to all tenants, and apart from that what each source offers to one.
func (s *Sets) offers(ctx context.Context, tenant string) (all []*item, own map[int][]*item, err error) {
	own = map[int][]*item{}
	tenants := maps.Clone(s.Kube.Tenants)
	if tenants == nil {
		tenants = map[string][]string{}
	}
	tenants[""], tenants[tenant] = nil, nil
	for n, source := range s.Sources {
		if !s.active(n) {
			continue
		}
		for of := range tenants {
			list, err := source.Offers(ctx, of)
			if err != nil {
				return nil, nil, fmt.Errorf("listing what is offered: %w", err)
			}
			for _, o := range list {
				i := &item{Offer: o, tenant: of, source: n}
				all = append(all, i)
				if of == tenant {
					own[n] = append(own[n], i)
				}
			}
		}
	}
	return all, own, nil
}

// make sends what can be in force, where it is not what the server has, and says when to look again.
func (s *Sets) make(ctx context.Context, tenant string, h *held, all []*item) (time.Duration, error) {
	now := s.Now()
	if now.Sub(h.rejectedAt) > s.Config.Resync {
		h.rejected, h.rejectedAt = nil, now // the server's settings may be others now
	}
	judged := &judge{policy: s.rules(), mayName: s.Kube.MayName, source: "api:" + s.Config.Set, blocked: s.Config.Blocked}
	if tenant != "" && s.Kube.Tenants[tenant] == nil { // a tenant that only a resource names: nobody may
		judged.strategy = defaultStrategy
		_, err := judged.decide(ctx, all, tenant)
		return 0, err
	}
	for range mostSends {
		if wake, again, err := s.round(ctx, tenant, h, all, judged); !again {
			return wake, err
		}
	}
	err := errors.New("the server refuses more rules each time that it is sent those which it did not")
	unsent(h, slices.DeleteFunc(slices.Clone(all), (*item).decided), err)
	return 0, err
}

// round judges and sends once. again tells that something was learned that leads to another set.
func (s *Sets) round(ctx context.Context, tenant string, h *held, all []*item, judged *judge) (wake time.Duration, again bool, err error) {
	failed := s.look(ctx, tenant, h)
	if failed != nil && h.strategy == "" {
		unsent(h, all, failed)
		return 0, false, failed
	}
	judged.strategy, judged.rejected, judged.before = h.strategy, h.rejected, s.owned()
	kept, err := judged.decide(ctx, all, tenant)
	if err != nil {
		return 0, false, err
	}
	s.own(judged.before)
	if failed == nil {
		failed = s.mayShrink(ctx, h, kept)
	}
	if failed == nil {
		again, failed = s.send(ctx, tenant, h, kept)
	}
	if failed != nil {
		unsent(h, kept, failed)
	}
	switch _, held := errors.AsType[heldError](failed); {
	case held:
		s.Log.Warn("access rules are left as they are", "tenant", tenant, "reason", failed)
		return holdFor, false, nil
	case failed != nil || again:
		return 0, again, failed
	}
	return s.sent(h, kept), false, nil
}

// sent gives the verdicts on what the server has, and says when to look again.
func (s *Sets) sent(h *held, kept []*item) time.Duration {
	for _, i := range kept {
		i.accept(h)
	}
	if !h.inForce && len(kept) > 0 {
		h.digest = [sha256.Size]byte{} // sending it once more tells whether it is
		return holdFor
	}
	return min(lookEvery, s.Config.Resync)
}

// rules gives the policy of hosts; where the file cannot be read any more, the last one.
func (s *Sets) rules() *policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.Config.policy()
	if err != nil && s.policy != nil {
		s.Log.Error("the policy of hosts stays as it was, because it cannot be read any more", "error", err)
		return s.policy
	}
	if err != nil { // it could be read when the controller began, so this is as good as never
		p = &policy{unlisted: Refuse}
	}
	s.policy = p
	return p
}

// owned are the namespaces whose hosts are. Nobody changes the map.
func (s *Sets) owned() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owners
}

func (s *Sets) own(hosts map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners = hosts
}

// look asks the server what it has, where that was not done for a while.
func (s *Sets) look(ctx context.Context, tenant string, h *held) error {
	if h.seen != nil && s.Now().Sub(h.lookedAt) < min(lookEvery, s.Config.Resync) {
		return nil
	}
	now, err := s.API.Look(ctx, tenant)
	if err != nil {
		return err
	}
	if h.seen != nil && h.sent != nil && (now.ETag != h.seen.ETag || now.Rules != h.seen.Rules) {
		s.Log.Warn("somebody changed the access rules on the server: they are sent again", "tenant", tenant, "set", s.Config.Set)
		s.figures.repaired.Inc()
		h.digest = [sha256.Size]byte{}
	}
	h.seen, h.lookedAt, h.strategy = &now, s.Now(), cmp.Or(now.Strategy, defaultStrategy)
	return nil
}

// mayShrink says why rules that are on the server may not be taken away now: when a kind of resource goes, all of that kind go, and that is
// no wish to be without rules.
func (s *Sets) mayShrink(ctx context.Context, h *held, kept []*item) error {
	there := make(map[string]bool, len(kept))
	for _, i := range kept {
		there[i.Rule.ID] = true
	}
	gone := map[int]bool{} // sources of rules that would go
	for id, was := range h.sent {
		if !there[id] {
			gone[was.source] = true
		}
	}
	for n, source := range s.Sources {
		if gone[n] || h.sent == nil && h.seen.Rules > len(kept) {
			if err := s.Serves(ctx, source.Kind()); err != nil {
				return heldError{err}
			}
			if !s.active(n) {
				return heldError{errBegins}
			}
		}
	}
	return nil
}

var errBegins = errors.New("a kind of resource is not listed yet")

// send sends the set, unless it is what was sent last. again tells that something was learned that leads to another set.
func (s *Sets) send(ctx context.Context, tenant string, h *held, kept []*item) (again bool, err error) {
	body := document(kept)
	digest := sha256.Sum256(body)
	if h.sent != nil && digest == h.digest || h.sent == nil && len(kept) == 0 && h.seen.Rules == 0 {
		return false, nil
	}
	now, inForce, notes, err := s.API.Put(ctx, tenant, *h.seen, body)
	if refused, ok := errors.AsType[*kube.ErrRulesRefused](err); ok {
		s.figures.sent("refused")
		if !h.reject(kept, refused.Faults) {
			return false, err
		}
		return true, nil
	}
	if errors.Is(err, kube.ErrRulesChanged) {
		s.figures.sent("changed")
		h.lookedAt = time.Time{} // that somebody changed it is seen then
		return true, nil
	}
	if err != nil {
		s.figures.sent("failed")
		h.seen, h.digest = nil, [sha256.Size]byte{} // whether it was done is not known
		return false, err
	}
	s.figures.sent("done")
	h.seen, h.digest, h.inForce, h.notes = &now, digest, inForce, strings.Join(notes, "; ")
	h.lookedAt, h.sent = s.Now(), make(map[string]sentRule, len(kept))
	for _, i := range kept {
		h.sent[i.Rule.ID] = sentRule{i.sum, i.source}
	}
	s.Log.Info("access rules were sent", "tenant", tenant, "set", s.Config.Set, "rules", len(kept), "in_force", inForce)
	return false, nil
}

// reject remembers which of the rules the server refused; false says that it named none of them.
func (h *held) reject(kept []*item, faults []kube.RuleFault) (some bool) {
	place := make(map[string]int, len(kept))
	for n, i := range kept {
		place[i.Rule.ID] = n
	}
	rejected := maps.Clone(h.rejected)
	if rejected == nil {
		rejected = map[[sha256.Size]byte]string{}
	}
	for _, f := range faults {
		n, ours := place[f.Rule]
		m, othersOurs := place[f.Other]
		if othersOurs && (!ours || m > n) { // of two that do not go together, the older one stays
			n, ours = m, true
		}
		if !ours {
			continue
		}
		text := f.Message
		if f.Path != "" {
			text = f.Path + ": " + text
		}
		if n == m && othersOurs {
			text = "the server's rule " + f.Rule + " " + text
		}
		if before := rejected[kept[n].sum]; before != "" {
			text = before + "; " + text
		}
		rejected[kept[n].sum], some = spell.Short(text, maxWords), true
	}
	h.rejected = rejected
	return some
}

// accept gives the verdict on an item that the server has.
func (i *item) accept(h *held) {
	warning := i.verdict.Message
	i.verdict = Verdict{Offer: i.Offer, Reason: InForce, Message: "the server decides by this rule"}
	if warning != "" {
		i.verdict.Message += "; mind that " + warning
	}
	if !h.inForce {
		i.verdict.Reason, i.verdict.Message = NotInForce, h.notes
	}
}

// heldError is why a set may not be sent now.
type heldError struct{ cause error }

func (e heldError) Error() string { return "no rules are sent now: " + e.cause.Error() }

// unsent gives verdicts where the server was not told: what it was told before stays in force as it was.
func unsent(h *held, items []*item, err error) {
	reason := ServerUnreachable
	if known, ok := kube.ReasonOf(err); ok {
		reason = Reason(known)
	} else if _, refused := errors.AsType[*kube.ErrRulesRefused](err); refused {
		reason = RuleRejected
	} else if _, waits := errors.AsType[heldError](err); waits {
		reason = NotInForce
	}
	for _, i := range items {
		if was, sent := h.sent[i.Rule.ID]; sent && was.sum == i.sum {
			i.accept(h)
		} else {
			i.refuse(reason, err.Error())
		}
	}
}

// tell gives each source the verdicts on what it offers.
func (s *Sets) tell(ctx context.Context, tenant string, own map[int][]*item) {
	counts := map[bool]int{true: 0, false: 0}
	for n, source := range s.Sources {
		verdicts := make([]Verdict, 0, len(own[n]))
		for _, i := range own[n] {
			verdicts = append(verdicts, i.verdict)
			counts[i.verdict.Reason == InForce]++
		}
		source.Tell(ctx, tenant, verdicts)
	}
	s.figures.count(tenant, counts)
}
