package ruleset

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
)

const (
	// lookEvery is how often the server is asked whether the set is still the one that was sent.
	lookEvery = time.Minute
	// holdFor is when rules that may not be taken away now are looked at again.
	holdFor = 10 * time.Second
	// mostSends bounds how often a set is sent in one reconciliation: each time without what the server refused.
	mostSends = 10
	// defaultStrategy is how servers read patterns that do not say.
	defaultStrategy = "regexp"
)

// API is the server's.
type API interface {
	Look(ctx context.Context, tenant string) (kube.RuleSet, error)
	IDs(ctx context.Context, tenant string) ([]string, error)
	Put(ctx context.Context, tenant string, was kube.RuleSet, rules json.RawMessage) (now kube.RuleSet, inForce bool, notes []string, err error)
}

// Sets keeps the sets of all tenants.
type Sets struct {
	// API is the server's.
	API API
	// Config is what the operator decided about rules, Tenants which namespaces, as patterns of path.Match, may name a tenant.
	Config  *Config
	Tenants map[string][]string
	// Sources are the kinds of resources that yield rules.
	Sources []Source
	// Serves is asked for the kinds of Sources.
	Serves kube.Serves
	// Log is for the operator, Now the clock.
	Log *slog.Logger
	Now func() time.Time

	figures *figures
	mu      sync.Mutex
	known   map[string]*held
	policy  *policy            // the last that could be read
	watched map[int]*inventory // of the sources that are watched
	owners  map[string]string  // the namespaces whose hosts are, as they were found last
}

// held is what is known of one tenant's set. One goroutine at a time has it.
type held struct {
	seen     *kube.RuleSet // nil where it has to be looked at
	lookedAt time.Time
	strategy string                       // how the server reads patterns; empty where it did not say yet
	digest   [sha256.Size]byte            // of what was sent last
	sent     map[string][sha256.Size]byte // what each rule said, by its id; nil where nothing was sent
	before   map[string]int               // the sources of rules that whoever led before sent, by id, where some of those may not be taken away
	inForce  bool
	notes    string
	// rejected are rules that the server refused, with the reason, and since when.
	rejected   map[[sha256.Size]byte]string
	rejectedAt time.Time
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
	all, own, doubt, err := s.offers(ctx, tenant)
	if err != nil {
		return ctrl.Result{}, err
	}
	s.figures.hold(tenant, all)
	begun := s.Now()
	wake, err := s.make(ctx, tenant, h, all)
	s.figures.took(s.Now().Sub(begun))
	postponed, waits := errors.AsType[postponedError](err)
	if waits {
		wake, err = s.hold(tenant, postponed), nil
	}
	if ctx.Err() == nil && !settling(postponed.cause) { // what is known in a moment is told then
		s.tell(ctx, tenant, own)
	}
	some := slices.ContainsFunc(all, func(i *item) bool { return i.Tenant == tenant })
	if reason, _ := kube.ReasonOf(err); reason == kube.TenantNotFound && !some {
		return ctrl.Result{RequeueAfter: min(lookEvery, s.Config.Resync)}, nil // where every rule names a tenant, the controller needs none
	}
	if doubt != nil && err == nil {
		wake = min(wake, s.hold(tenant, doubt))
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
		if s.inventory(n) != nil {
			continue
		}
		if _, err := s.Serves(ctx, source.Kind()); err == nil {
			return true
		}
		absent++
	}
	return absent == len(s.Sources)
}

// inventory has the objects of a source; nil where it is not watched.
func (s *Sets) inventory(source int) *inventory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watched[source]
}

// offers lists what all sources offer to all tenants, and apart from that what each source is told of with the tenant's set. What names a
// tenant that no namespace may use is in no set, and is told so with the controller's own: whoever makes up names makes no work by that.
// What objects offered that may have gone with their kind is offered still, as doubt says, and nobody is told of it.
func (s *Sets) offers(ctx context.Context, tenant string) (all []*item, own map[int][]*item, doubt, err error) {
	own = map[int][]*item{}
	for n, source := range s.Sources {
		of := s.inventory(n)
		if of == nil {
			continue
		}
		there, gone, why, err := of.list(ctx, s, n)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("listing what is offered: %w", err)
		}
		doubt = sooner(doubt, why)
		for k, object := range slices.Concat(there, gone) {
			for _, o := range source.Offers(object) {
				i := &item{Offer: o, gone: k >= len(there)}
				if s.hasSet(o.Tenant) {
					all = append(all, i)
				} else {
					i.refuseTenant()
				}
				if s.setOf(o.Tenant) == tenant && !i.gone {
					own[n] = append(own[n], i)
				}
			}
		}
	}
	return all, own, doubt, nil
}

// hasSet reports whether a tenant is the controller's own, or one that some namespaces may name.
func (s *Sets) hasSet(tenant string) bool { return tenant == "" || s.Tenants[tenant] != nil }

// setOf is the tenant with whose set objects are looked at that name a tenant.
func (s *Sets) setOf(tenant string) string {
	if !s.hasSet(tenant) {
		return ""
	}
	return tenant
}

// make sends what can be in force, where it is not what the server has, and says when to look again.
func (s *Sets) make(ctx context.Context, tenant string, h *held, all []*item) (time.Duration, error) {
	now := s.Now()
	if now.Sub(h.rejectedAt) > s.Config.Resync {
		h.rejected, h.rejectedAt = nil, now // the server's settings may be others now
	}
	judged := &judge{policy: s.rules(), tenants: s.Tenants, source: "api:" + s.Config.Set, blocked: s.Config.Blocked, now: s.Now}
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
	judged.strategy, judged.sent, judged.rejected, judged.before = h.strategy, h.sent, h.rejected, s.owned()
	kept, err := judged.decide(ctx, all, tenant)
	if err != nil {
		return 0, false, err
	}
	s.own(judged.before)
	if failed == nil {
		failed = s.mayShrink(ctx, tenant, h, kept)
	}
	if failed == nil {
		again, failed = s.send(ctx, tenant, h, kept)
	}
	if failed != nil {
		unsent(h, kept, failed)
	}
	if failed != nil || again {
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

// tell gives each source the verdicts on what it offers.
func (s *Sets) tell(ctx context.Context, tenant string, own map[int][]*item) {
	counts := map[bool]int{true: 0, false: 0}
	for n, source := range s.Sources {
		verdicts := make([]Verdict, 0, len(own[n]))
		for _, i := range own[n] {
			verdicts = append(verdicts, i.verdict)
			counts[i.verdict.Reason == InForce]++
		}
		source.Tell(ctx, verdicts)
	}
	s.figures.count(tenant, counts)
}
