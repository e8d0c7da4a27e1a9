package ruleset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/kube"
)

// serverOf is a server's API of rules.
type serverOf struct {
	sets   map[string][]string // ids by tenant
	etag   int
	looks  int
	puts   int
	away   error
	refuse func(ids []string) []kube.RuleFault
	idle   bool // it stores and does not decide by it
}

func (s *serverOf) state(tenant string) kube.RuleSet {
	return kube.RuleSet{ETag: fmt.Sprint(s.etag), Rules: len(s.sets[tenant]), Strategy: "regexp"}
}

func (s *serverOf) Look(_ context.Context, tenant string) (kube.RuleSet, error) {
	s.looks++
	return s.state(tenant), s.away
}

func (s *serverOf) IDs(_ context.Context, tenant string) ([]string, error) {
	return s.sets[tenant], s.away
}

func (s *serverOf) Put(_ context.Context, tenant string, was kube.RuleSet, body json.RawMessage) (now kube.RuleSet, inForce bool, notes []string, err error) {
	s.puts++
	rules, err := access.ParseRules(body, "")
	switch {
	case s.away != nil:
		return now, false, nil, s.away
	case err != nil:
		return now, false, nil, err
	case was.ETag != fmt.Sprint(s.etag):
		return now, false, nil, kube.ErrRulesChanged
	}
	var ids []string
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	if s.refuse != nil {
		if faults := s.refuse(ids); len(faults) > 0 {
			return now, false, nil, &kube.ErrRulesRefused{Faults: faults}
		}
	}
	s.etag++
	s.sets[tenant] = ids
	return s.state(tenant), !s.idle, []string{"another source is waited for"}, nil
}

// offering is a source, as its cluster has it.
type offering struct {
	objects []*oathkeeper.Rule
	wrong   error
	told    map[string]Verdict
}

func (o *offering) Kind() client.Object              { return &oathkeeper.Rule{} }
func (o *offering) TenantOf(of client.Object) string { return (&Rules{}).TenantOf(of) }

// faulty names a host, on an object that describes no rule that makes sense.
const faulty = "faulty"

func (o *offering) Owns(id string) bool { return (&Rules{}).Owns(id) }

func (o *offering) Objects(context.Context) (list []client.Object, err error) {
	for _, of := range o.objects {
		list = append(list, of)
	}
	return list, o.wrong
}

func (o *offering) Offers(of client.Object) []Offer {
	list := (&Rules{}).Offers(of)
	if host := of.GetAnnotations()[faulty]; host != "" {
		list[0].Fault, list[0].Hosts = "makes no sense", []string{host}
	}
	return list
}

func (o *offering) Tell(_ context.Context, verdicts []Verdict) {
	if o.told == nil {
		o.told = map[string]Verdict{}
	}
	for _, v := range verdicts {
		o.told[v.Offer.Rule.ID] = v
		if of, ok := v.Offer.Owner.(*oathkeeper.Rule); ok {
			of.Status.Conditions = []metav1.Condition{{Type: oathkeeper.Ready, Reason: string(v.Reason), ObservedGeneration: of.Generation}}
		}
	}
}

// world is a controller with what is around it.
type world struct {
	*Sets
	*offering
	server *serverOf
	now    time.Time
	gone   error     // why the cluster does not have the resource
	vague  bool      // its definition may not be read
	made   time.Time // since when that is there
	t      *testing.T
}

func newWorld(t *testing.T, objects ...*oathkeeper.Rule) *world {
	w := &world{t: t, offering: &offering{objects: objects}, server: &serverOf{sets: map[string][]string{}}, made: birth, now: time.Unix(1_800_000_000, 0)}
	figures, err := newFigures(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w.Sets = &Sets{
		API: w.server, Config: &Config{Set: "k", Unlisted: FirstCome, Resync: 10 * time.Minute}, Tenants: map[string][]string{"acme": {"shop*"}},
		Sources: []Source{w.offering}, Serves: w.serves, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return w.now }, figures: figures, watched: map[int]*inventory{0: {}},
	}
	return w
}

func (w *world) serves(ctx context.Context, _ client.Object) (time.Time, error) {
	if _, bounded := ctx.Deadline(); !bounded && w.watched != nil {
		w.t.Error("the cluster is asked for as long as it likes, while others wait")
	}
	if w.vague {
		return time.Time{}, w.gone
	}
	return w.made, w.gone
}

func (w *world) reconcile(tenant string) (time.Duration, error) {
	result, err := w.Reconcile(w.t.Context(), requestOf(tenant))
	return result.RequeueAfter, err
}

// makes reconciles, and compares what the server has then and how often it was asked.
func (w *world) makes(looks, puts int, ids ...string) {
	w.t.Helper()
	w.server.looks, w.server.puts = 0, 0
	if _, err := w.reconcile(""); err != nil {
		w.t.Fatal(err)
	}
	if !slices.Equal(w.server.sets[""], ids) || w.server.looks != looks || w.server.puts != puts {
		w.t.Errorf("the server has %v after %d looks and %d sets that were sent, and not %v after %d and %d", w.server.sets[""], w.server.looks, w.server.puts, ids, looks, puts)
	}
}

func (w *world) says(id string, reason Reason, text string) {
	w.t.Helper()
	if v := w.told[id]; v.Reason != reason || !strings.Contains(v.Message, text) {
		w.t.Errorf("%s is told %s (%s), and not %s (…%s…)", id, v.Reason, v.Message, reason, text)
	}
}

var birth = time.Unix(1_700_000_000, 0)

// edit changes what a rule is for.
func edit(of *oathkeeper.Rule, url string) {
	of.Spec.Match.URL = url
	of.Generation++
}

// resource is a rule that is so many seconds younger than the oldest.
func resource(namespace, name, url string, younger int) *oathkeeper.Rule {
	return &oathkeeper.Rule{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(birth.Add(time.Duration(younger) * time.Second))},
		Spec:       oathkeeper.RuleSpec{Match: oathkeeper.Match{URL: url, Methods: []string{"GET"}}},
	}
}

// The server is asked once at the start, told once of each change, and otherwise left alone.
func TestCallsOfTheServer(t *testing.T) {
	w := newWorld(t, resource("shop", "b", "http://b.example.com/", 1), resource("shop", "a", "http://a.example.com/", 0))
	w.makes(1, 1, "a.shop", "b.shop")
	w.says("a.shop", InForce, "decides")
	w.makes(0, 0, "a.shop", "b.shop")
	w.objects = append(w.objects, resource("shop", "c", "http://c.example.com", 2))
	w.makes(0, 1, "a.shop", "b.shop", "c.shop")
	w.says("c.shop", InForce, "it has no path")
	w.now = w.now.Add(2 * lookEvery)
	w.makes(1, 0, "a.shop", "b.shop", "c.shop")
	w.objects = nil
	w.makes(0, 1)
	w.makes(0, 0)
}

// What somebody changed is put right, whether it is seen at a look or when something is sent.
func TestChangedByOthers(t *testing.T) {
	w := newWorld(t, resource("shop", "a", "http://a.example.com/", 0))
	w.makes(1, 1, "a.shop")
	w.server.sets[""], w.server.etag = []string{"theirs"}, 77
	w.makes(0, 0, "theirs")
	w.now = w.now.Add(2 * lookEvery)
	w.makes(1, 1, "a.shop")

	w.server.sets[""], w.server.etag = nil, 99
	w.objects = append(w.objects, resource("shop", "b", "http://b.example.com/", 0))
	w.makes(1, 2, "a.shop", "b.shop")
}

// Nothing is taken away because resources cannot be listed, or because their kind goes.
func TestNothingTakenAway(t *testing.T) {
	w := newWorld(t, resource("shop", "a", "http://a.example.com/", 0), resource("shop", "b", "http://b.example.com/", 1))
	w.makes(1, 1, "a.shop", "b.shop")
	all := w.objects

	w.objects, w.wrong = nil, errors.New("the API server is away")
	if _, err := w.reconcile(""); err == nil || len(w.server.sets[""]) != 2 {
		t.Errorf("rules that cannot be listed: %v, %v", err, w.server.sets[""])
	}
	w.wrong = nil

	w.gone = errors.New("its definition is being deleted")
	for _, left := range [][]*oathkeeper.Rule{all[:1], {}} {
		w.objects = left
		w.makes(0, 0, "a.shop", "b.shop")
	}
	w.objects = append(slices.Clone(all), resource("shop", "c", "http://c.example.com/", 2))
	w.makes(0, 1, "a.shop", "b.shop", "c.shop") // what takes nothing away may be sent

	again := newWorld(t) // another process, which starts when the definition goes
	again.server.sets[""], again.gone = []string{"a.shop"}, w.gone
	again.makes(1, 0, "a.shop")
	again.watched = nil
	again.makes(0, 0, "a.shop") // or is gone
	again.gone = nil
	again.makes(0, 0, "a.shop") // or is back and not listed yet
	again.watched = map[int]*inventory{0: {}}
	again.makes(0, 1)
}

// Where a cluster says late that it loses a kind, what goes waits so long; what comes and changes does not.
func TestWhatGoesWaitsWhereItsDefinitionCannotBeRead(t *testing.T) {
	start := func() *world {
		w := newWorld(t, resource("shop", "a", "http://a.example.com/", 0), resource("shop", "b", "http://b.example.com/", 1), resource("shop", "c", "http://c.example.com/", 2))
		w.vague = true
		w.makes(1, 1, "a.shop", "b.shop", "c.shop")
		return w
	}
	waits := func(w *world, want time.Duration) {
		t.Helper()
		if wake, err := w.reconcile(""); wake != want || err != nil {
			t.Errorf("it is looked at again after %s, and not %s: %v", wake, want, err)
		}
	}
	w := start()
	a, c := w.objects[0], w.objects[2]
	w.objects = []*oathkeeper.Rule{a, c}
	w.makes(0, 0, "a.shop", "b.shop", "c.shop")
	waits(w, settles)
	w.now = w.now.Add(settles - 1)
	waits(w, 1) // whatever comes meanwhile
	edit(a, "http://a.example.com/changed")
	w.objects = []*oathkeeper.Rule{a, resource("other", "d", "http://d.example.com/", 3), resource("other", "e", "http://b.example.com/", 4)}
	w.makes(0, 1, "a.shop", "b.shop", "c.shop", "d.other")
	w.says("e.other", HostTaken, "namespace shop")
	w.now = w.now.Add(1)
	w.makes(0, 1, "a.shop", "c.shop", "d.other", "e.other")
	c.Spec.Match.Methods = []string{"POST"}
	w.objects = append(w.objects, c) // is there again
	w.makes(0, 1, "a.shop", "c.shop", "d.other", "e.other")
	w.now = w.now.Add(settles)
	waits(w, lookEvery)

	w = start() // its kind goes, as is known after what is of it
	w.objects = nil
	w.makes(0, 0, "a.shop", "b.shop", "c.shop")
	w.now, w.gone = w.now.Add(settles), errors.New("its definition is being deleted")
	w.makes(0, 0, "a.shop", "b.shop", "c.shop")
	waits(w, holdFor)

	again := newWorld(t, a) // another process, which starts meanwhile
	again.server.sets[""], again.vague = w.server.sets[""], true
	again.makes(1, 0, "a.shop", "b.shop", "c.shop")
	if len(again.told) > 0 {
		t.Errorf("what is known in a moment is told before: %v", again.told)
	}
	waits(again, settles)
	again.now = again.now.Add(settles - time.Second) // and no event puts it off
	waits(again, time.Second)
	again.now = again.now.Add(time.Second)
	again.makes(0, 1, "a.shop")
	again.says("a.shop", InForce, "")
}

// What went with a definition that is there again has time to come back. What was made since, and went, is gone.
func TestWhatWentWithAFormerDefinitionMayComeBack(t *testing.T) {
	a, b := resource("shop", "a", "http://a.example.com/", 0), resource("shop", "b", "http://b.example.com/", 1)
	w := newWorld(t, a, b)
	w.makes(1, 1, "a.shop", "b.shop")
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(w.figures.held)
	held := func(want float64) {
		t.Helper()
		all, err := metrics.Gather()
		if err != nil || len(all) != 1 || all[0].GetMetric()[0].GetGauge().GetValue() != want {
			t.Errorf("%v is said of held rules, and not %v: %v", all, want, err)
		}
	}
	held(0)
	w.objects, w.made = nil, w.now // replaced before anybody looks
	w.makes(0, 0, "a.shop", "b.shop")
	held(2)
	c := resource("shop", "c", "http://c.example.com/", 0)
	c.CreationTimestamp = metav1.NewTime(w.made)
	w.objects = []*oathkeeper.Rule{a, c} // are there again
	w.makes(0, 1, "a.shop", "b.shop", "c.shop")
	w.objects = []*oathkeeper.Rule{a}
	w.makes(0, 1, "a.shop", "b.shop")
	held(1)
	w.now = w.now.Add(returns)
	w.makes(1, 1, "a.shop")
	held(0)
}

// Of reasons not to take something away the one that may end first says when to look again.
func TestTheFirstReasonToEndIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		a, b error
		want time.Duration
	}{
		{settlesError{2}, settlesError{1}, 1},
		{settlesError{1}, settlesError{2}, 1},
		{errReturns, settlesError{2}, 2},
		{settlesError{2}, errReturns, 2},
		{settlesError{2}, nil, 2},
		{nil, errReturns, holdFor},
	} {
		if got := sooner(c.a, c.b); waits(got) != c.want {
			t.Errorf("of %v and %v, %v is waited for", c.a, c.b, got)
		}
	}
}

// A verdict that is not written yet is forgotten when it holds no more.
func TestVerdictsThatHoldNoMoreAreForgotten(t *testing.T) {
	of := resource("shop", "a", "http://a.example.com/", 0)
	yes := true
	of.Status.Validation = &oathkeeper.Validation{Valid: &yes}
	of.Status.Conditions = []metav1.Condition{{Type: oathkeeper.Ready, Reason: string(InForce)}}
	r := &Rules{wake: make(chan event.GenericEvent, 2), verdicts: map[client.ObjectKey]told{}}
	r.Tell(t.Context(), []Verdict{{Offer: Offer{Owner: of}, Reason: NotInForce}})
	r.Tell(t.Context(), []Verdict{{Offer: Offer{Owner: of}, Reason: InForce}})
	if len(r.verdicts) > 0 {
		t.Errorf("%v would be written", r.verdicts)
	}
}

// absent is a kind of resource that the cluster does not have.
type absent struct{ offering }

func (*absent) Kind() client.Object { return &gateway.APIRule{} }
func (*absent) Owns(id string) bool { return strings.HasPrefix(id, "apirule:") }

// A kind that the cluster does not have keeps what is of that kind, also of whoever led before, and nothing else.
func TestAbsentKindsKeepTheirOwn(t *testing.T) {
	start := func(there ...string) *world {
		w := newWorld(t, resource("shop", "a", "http://a.example.com/", 0))
		w.server.sets[""], w.Sources = there, append(w.Sources, new(absent))
		w.Serves = func(_ context.Context, of client.Object) (time.Time, error) {
			if _, is := of.(*gateway.APIRule); is {
				return birth, errors.New("the cluster does not know it")
			}
			return birth, nil
		}
		return w
	}
	w := start("a.shop", "gone.shop", "gone-too.shop") // whose resources went while nobody led
	w.makes(1, 1, "a.shop")
	w.objects = nil
	w.makes(0, 1)

	w = start("a.shop", "gone.shop", "apirule:b.shop:0")
	var log strings.Builder
	w.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.makes(1, 0, "a.shop", "gone.shop", "apirule:b.shop:0")
	w.says("a.shop", NotInForce, "does not know it; if that kind is wanted no more, have the controller leave it alone: --no-rules")
	if !strings.Contains(log.String(), "--no-rules") {
		t.Errorf("the log does not say what to do: %s", log.String())
	}
	w.objects = append(w.objects, resource("shop", "c", "http://c.example.com/", 1)) // as many as there are
	w.objects = append(w.objects, resource("shop", "d", "http://d.example.com/", 2))
	w.makes(0, 0, "a.shop", "gone.shop", "apirule:b.shop:0")
	w.server.away = errors.New("connection refused")
	w.now = w.now.Add(2 * lookEvery)
	if _, err := w.reconcile(""); err == nil || len(w.server.sets[""]) != 3 {
		t.Errorf("%v, and the server has %v", err, w.server.sets[""])
	}
	w.server.away = nil
	w.Sources, w.known = w.Sources[:1], nil // another process, which leaves the kind alone
	w.makes(1, 1, "a.shop", "c.shop", "d.shop")
}

// What the server refuses is left out and remembered until it says something else, or the server had time to change its mind.
func TestRefusedByTheServer(t *testing.T) {
	w := newWorld(t, resource("shop", "a", "http://a.example.com/", 0), resource("shop", "b", "http://b.example.com/", 1), resource("shop", "c", "http://c.example.com/", 2))
	bad := map[string]kube.RuleFault{"b.shop": {Rule: "b.shop", Path: "authenticators[0].handler", Message: "is no authenticator"}}
	w.server.refuse = func(ids []string) (faults []kube.RuleFault) {
		for _, id := range ids {
			if f, is := bad[id]; is {
				faults = append(faults, f)
			}
		}
		return faults
	}
	w.makes(1, 2, "a.shop", "c.shop")
	w.says("b.shop", RuleRejected, "authenticators[0].handler: is no authenticator")
	w.says("c.shop", InForce, "")
	w.makes(0, 0, "a.shop", "c.shop")
	w.says("b.shop", RuleRejected, "is no authenticator")

	delete(bad, "b.shop")
	w.objects[1].Spec.Match.Methods = []string{"POST"} // says something else
	w.makes(0, 1, "a.shop", "b.shop", "c.shop")

	bad["a.shop"] = kube.RuleFault{Rule: "of-a-file", Other: "a.shop", Path: "match", Message: "matches the same requests as the rule a.shop"}
	w.objects[1].Spec.Match.Methods = []string{"PUT"}
	w.makes(0, 2, "b.shop", "c.shop")
	w.says("a.shop", RuleRejected, "the server's rule of-a-file")
	delete(bad, "a.shop")
	w.now = w.now.Add(w.Sets.Config.Resync + time.Second)
	w.makes(1, 1, "a.shop", "b.shop", "c.shop")

	// Of two of ours that only the server finds to meet, the older one stays.
	bad["c.shop"] = kube.RuleFault{Rule: "a.shop", Other: "c.shop", Path: "match", Message: "matches the same requests as the rule c.shop"}
	w.objects[1].Spec.Match.Methods = []string{"GET"}
	w.makes(0, 2, "a.shop", "b.shop")
	w.says("c.shop", RuleRejected, "")

	// One that is nobody's fault here takes nothing away.
	delete(bad, "c.shop")
	w.server.refuse = func([]string) []kube.RuleFault { return []kube.RuleFault{{Rule: "of-a-file", Message: "is no rule"}} }
	w.objects = append(w.objects, resource("shop", "d", "http://d.example.com/", 3))
	if _, err := w.reconcile(""); err == nil || !slices.Equal(w.server.sets[""], []string{"a.shop", "b.shop"}) {
		t.Errorf("%v, and the server has %v", err, w.server.sets[""])
	}
	w.says("a.shop", InForce, "")
	w.says("d.shop", RuleRejected, "")
}

// While the server is away, what it had is said to be in force as it was, and what is new waits.
func TestServerAway(t *testing.T) {
	w := newWorld(t, resource("shop", "a", "http://a.example.com/", 0))
	w.server.away = errors.New("connection refused")
	if _, err := w.reconcile(""); err == nil {
		t.Error("it is not tried again")
	}
	w.says("a.shop", ServerUnreachable, "connection refused")
	w.server.away = nil
	w.makes(1, 1, "a.shop")
	w.server.away = errors.New("connection refused")
	w.objects = append(w.objects, resource("shop", "b", "http://b.example.com/", 1), resource("shop", "c", "http://c.example.com/<[>", 2))
	if _, err := w.reconcile(""); err == nil {
		t.Error("it is not tried again")
	}
	w.says("a.shop", InForce, "")
	w.says("b.shop", ServerUnreachable, "")
	w.says("c.shop", InvalidRule, "match.url")
	w.server.away = nil
	w.makes(1, 1, "a.shop", "b.shop")
	w.server.idle = true
	w.objects = w.objects[:1]
	w.makes(0, 1, "a.shop")
	w.says("a.shop", NotInForce, "another source")
	w.server.idle = false
	w.makes(0, 1, "a.shop")
	w.says("a.shop", InForce, "")
}

// Each tenant has a set of its own; who may not name it is in none, and a tenant that nobody may name is not asked about.
func TestTenants(t *testing.T) {
	objects := []*oathkeeper.Rule{
		resource("shop", "own", "http://own.example.com/", 0), resource("shop", "acme", "http://acme.example.com/", 1), resource("other", "not", "http://not.example.com/", 2),
		resource("shop", "nobody", "http://nobody.example.com/", 3),
	}
	objects[1].Spec.Tenant, objects[2].Spec.Tenant, objects[3].Spec.Tenant = "acme", "acme", "nobody"
	w := newWorld(t, objects...)
	for _, tenant := range []string{"", "acme"} {
		if _, err := w.reconcile(tenant); err != nil {
			t.Fatal(err)
		}
	}
	w.says("not.other", TenantRefused, "--tenant acme=other")
	w.says("nobody.shop", TenantRefused, "--tenant nobody=shop")
	if d := cmp.Diff(map[string][]string{"": {"own.shop"}, "acme": {"acme.shop"}}, w.server.sets); d != "" {
		t.Error(d)
	}
	// A host is one namespace's, whichever tenants there are.
	w.objects = append(w.objects, resource("other", "late", "http://acme.example.com/x", 9))
	w.makes(0, 0, "own.shop")
	w.says("late.other", HostTaken, "namespace shop")
}

// Whoever makes up names of tenants makes no more work, and no more figures, than by rules without one.
func TestInventedTenants(t *testing.T) {
	w := newWorld(t, resource("shop", "own", "http://own.example.com/", 0))
	for n := range 50 {
		of := resource("shop", fmt.Sprint("invented-", n), "http://own.example.com/", n)
		of.Spec.Tenant = fmt.Sprint("invented-", n)
		w.objects = append(w.objects, of)
	}
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(q.ShutDown)
	for _, of := range w.objects {
		w.notice(w.TenantOf).Create(t.Context(), event.CreateEvent{Object: of}, q)
	}
	got, _ := q.Get()
	q.Done(got)
	time.Sleep(2 * gather)
	if got != requestOf("") || q.Len() != 0 {
		t.Errorf("%v is made, and %d more sets", got, q.Len())
	}
	w.makes(1, 1, "own.shop")
	w.says("own.shop", InForce, "")
	w.says("invented-49.shop", TenantRefused, "--tenant invented-49=shop")
	figures := make(chan prometheus.Metric, 1000)
	if w.figures.rules.Collect(figures); len(w.known) != 1 || len(figures) != 2 {
		t.Errorf("%d sets are known, and there are %d figures", len(w.known), len(figures))
	}
	w.server.away = errors.New("connection refused")
	again := newWorld(t, w.objects...)
	again.server.away = w.server.away
	if _, err := again.reconcile(""); err == nil {
		t.Error("it is not tried again")
	}
	again.says("invented-7.shop", TenantRefused, "")
}

// A host stays whose it is, whoever comes to name it with an older object, whatever its owner changes meanwhile, and whoever leads.
func TestHostsStayWhoseTheyAre(t *testing.T) {
	old, late := resource("evil", "old", "http://old.example.com/", 0), resource("shop", "late", "http://shop.example.com/", 9)
	w := newWorld(t, old, late)
	w.makes(1, 1, "old.evil", "late.shop")

	edit(old, "http://shop.example.com/<.*>")
	w.makes(0, 1, "late.shop")
	w.says("old.evil", HostTaken, "namespace shop")
	edit(late, "http://shop.example.com/orders") // nothing is known of this generation, and much of the older object's
	w.makes(0, 1, "late.shop")
	w.says("old.evil", HostTaken, "namespace shop")

	again := newWorld(t, old, late) // another process
	again.makes(1, 1, "late.shop")
	again = newWorld(t, old, late)
	edit(late, "http://shop.example.com/<[0-9]+>") // while none led
	again.makes(1, 1, "late.shop")
	again = newWorld(t, old, late)
	edit(old, "http://shop.example.com/<.*>")
	again.makes(1, 1, "late.shop")
	again.says("old.evil", HostTaken, "namespace shop")

	again.objects = again.objects[:1] // it has no rule for it any more
	again.makes(0, 1, "old.evil")
}

// Who mistypes a setting does not lose a host by that, whatever is wrong, and cannot claim another's host by it either.
func TestFaultyRulesKeepTheirHosts(t *testing.T) {
	shop := resource("shop", "late", "http://shop.example.com/", 9)
	w := newWorld(t, resource("evil", "waits", "http://shop.example.com/<.*>", 0))
	w.objects[0].Status.Conditions = []metav1.Condition{{Type: oathkeeper.Ready, Reason: string(HostTaken)}}
	w.objects = append(w.objects, shop)
	w.makes(1, 1, "late.shop")
	for name, spoil := range map[string]func(*oathkeeper.Rule){
		"its path":    func(of *oathkeeper.Rule) { of.Spec.Match.URL = "<https?>://shop.example.com/<[>" },
		"its methods": func(of *oathkeeper.Rule) { of.Spec.Match.Methods = []string{"NO METHOD"} },
		"its size": func(of *oathkeeper.Rule) {
			of.Spec.Mutators = []oathkeeper.Handler{{Handler: "header", Config: raw(`{"x":"` + strings.Repeat("x", maxRule) + `"}`)}}
		},
		"its kind": func(of *oathkeeper.Rule) { of.Annotations = map[string]string{faulty: "shop.example.com"} },
	} {
		w.objects[1] = shop.DeepCopy()
		spoil(w.objects[1])
		w.objects[1].Generation++
		if _, err := w.reconcile(""); err != nil || len(w.server.sets[""]) != 0 {
			t.Errorf("%s: %v is in force, %v", name, w.server.sets[""], err)
		}
		w.says("waits.evil", HostTaken, "namespace shop")
		w.says("late.shop", InvalidRule, "")
	}
	w.objects = append(w.objects, resource("third", "faulty", "", 12))
	w.objects[2].Annotations = map[string]string{faulty: "shop.example.com"}
	w.makes(0, 0)
	w.says("faulty.third", HostTaken, "namespace shop")
}

// Nor does who lets a rule lead where none may, also where nobody knows any more who was first.
func TestRefusedUpstreamsKeepTheirHosts(t *testing.T) {
	old, late := resource("evil", "old", "http://old.example.com/", 0), resource("shop", "late", "http://shop.example.com/", 9)
	w := newWorld(t, old, late)
	w.Config.Blocked = Services{"admin.iam"}
	w.makes(1, 1, "old.evil", "late.shop")
	late.Spec.Upstream = &oathkeeper.Upstream{URL: "http://admin.iam:4445"}
	late.Generation++
	w.makes(0, 1, "old.evil")
	w.says("late.shop", UpstreamRefused, "admin.iam")

	edit(old, "http://shop.example.com/<.*>")
	again := newWorld(t, old, late) // another process
	again.Config.Blocked = w.Config.Blocked
	again.makes(1, 0)
	again.says("old.evil", HostTaken, "namespace shop")
}

// A rule that the server's reader of documents stops at keeps no other from it.
func TestUnreadableRulesKeepNoneOut(t *testing.T) {
	deep, twice := resource("evil", "deep", "http://deep.example.com/", 0), resource("evil", "twice", "http://twice.example.com/", 1)
	deep.Spec.Mutators = []oathkeeper.Handler{{Handler: "header", Config: raw(strings.Repeat(`{"x":`, 197) + "1" + strings.Repeat("}", 197))}}
	twice.Spec.Mutators = []oathkeeper.Handler{{Handler: "header", Config: raw(`{"headers":{"A":"1","A":"2"}}`)}}
	w := newWorld(t, deep, twice, resource("shop", "a", "http://a.example.com/", 2), resource("other", "b", "http://deep.example.com/", 3))
	w.makes(1, 1, "a.shop")
	w.says("deep.evil", InvalidRule, "too many lists and groups in each other")
	w.says("twice.evil", InvalidRule, "mutators[0].config: headers.A: is there twice")
	w.says("b.other", HostTaken, "namespace evil")
}
