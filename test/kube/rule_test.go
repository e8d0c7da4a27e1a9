package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	authorization "k8s.io/api/authorization/v1"
	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// doorway is a server with an open proxy, and an application behind it.
type doorway struct {
	*process.Server
	proxy       string
	application string
}

// startDoorway starts a server with a proxy.
func startDoorway(t *testing.T, config string) *doorway {
	t.Helper()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen-User", r.Header.Get("X-User"))
		_, _ = fmt.Fprint(w, "the application")
	}))
	t.Cleanup(application.Close)
	d := &doorway{proxy: process.FreeAddress(t), application: application.URL}
	d.Server = process.Configure(t, process.Options{Config: config})
	d.Override(fmt.Sprintf("serve: {proxy: {enabled: true, address: %q}}\n", d.proxy))
	d.Run()
	t.Cleanup(d.Stop)
	return d
}

// request asks the proxy, and gives the status and who the application saw.
func (d *doorway) request(t *testing.T, host, path, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.proxy+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode, resp.Header.Get("X-Seen-User")
}

// answers waits until the proxy gives a status.
func (d *doorway) answers(t *testing.T, host, path string, status int) {
	t.Helper()
	eventually(t, func() (bool, string) {
		got, _ := d.request(t, host, path, "")
		return got == status, fmt.Sprintf("%s%s: %d, and not %d", host, path, got, status)
	})
}

// rule is one that lets everybody to the application.
func (d *doorway) rule(namespace, name, match string) *oathkeeper.Rule {
	return &oathkeeper.Rule{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: oathkeeper.RuleSpec{
			Upstream:       &oathkeeper.Upstream{URL: d.application},
			Match:          oathkeeper.Match{URL: match, Methods: []string{"GET"}},
			Authenticators: []oathkeeper.Handler{{Handler: "noop"}},
			Authorizer:     &oathkeeper.Handler{Handler: "allow"},
		},
	}
}

func settings(json string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(json)} }

// judged waits until the condition Ready of the rule's present generation has a reason, and reads the rule.
func (c *cluster) judged(t *testing.T, of *oathkeeper.Rule, reason string) *metav1.Condition {
	t.Helper()
	var ready *metav1.Condition
	eventually(t, func() (bool, string) {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of); err != nil {
			t.Fatal(err)
		}
		ready = meta.FindStatusCondition(of.Status.Conditions, oathkeeper.Ready)
		return ready != nil && ready.Reason == reason && ready.ObservedGeneration == of.Generation, fmt.Sprintf("%s: %+v", of.Name, ready)
	})
	valid := of.Status.Validation
	if want := reason == "InForce"; valid == nil || (ready.Status == metav1.ConditionTrue) != want || *valid.Valid != want || (valid.Error == nil) != want {
		t.Fatalf("reason %s has status %s and in oathkeeper-maester's words %+v", reason, ready.Status, valid)
	}
	return ready
}

func (c *cluster) drop(t *testing.T, of *oathkeeper.Rule) {
	t.Helper()
	if err := c.Delete(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() (bool, string) {
		err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of)
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
}

// ruleIDs are those of a set on the server.
func ruleIDs(t *testing.T, s *process.Server, set string) (ids []string) {
	t.Helper()
	code, body := s.Try(s.Admin + "/admin/rules?limit=500&set=" + set)
	var list []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != http.StatusOK {
		t.Fatalf("listing rules: %d %s", code, body)
	}
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

func (d *doorway) has(t *testing.T, set string, ids ...string) {
	t.Helper()
	slices.Sort(ids)
	eventually(t, func() (bool, string) {
		got := ruleIDs(t, d.Server, set)
		return slices.Equal(got, ids), fmt.Sprintf("the server has %v, and should have %v", got, ids)
	})
}

// A client and a rule as resources: the client's token opens the application, another does not, and none is asked for one.
func TestClientAndRule(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace := c.namespace(t)
	c.control(t, namespace, d.Admin)
	var tokens [2]string
	for i, scope := range []string{"invoices", "other"} {
		of := machine(namespace, "client-"+scope)
		of.Spec.ScopeArray = []string{scope}
		c.create(t, of)
		c.becomes(t, of, "Registered")
		id, secret := idAndSecret(c.secretOf(t, of))
		tokens[i] = token(t, d.Public, id, secret, scope)
	}
	of := d.rule(namespace, "invoices", "<https?>://invoices.example.com/<.*>")
	of.Spec.Authenticators = []oathkeeper.Handler{{Handler: "oauth2_introspection", Config: settings(`{"required_scope": ["invoices"]}`)}}
	of.Spec.Mutators = []oathkeeper.Handler{{Handler: "header", Config: settings(`{"headers": {"X-User": "{{ print .Subject }}"}}`)}}
	c.create(t, of)
	c.judged(t, of, "InForce")
	if status, _ := d.request(t, "invoices.example.com", "/1", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	if status, _ := d.request(t, "invoices.example.com", "/1", tokens[1]); status != http.StatusForbidden {
		t.Errorf("with another scope: %d", status)
	}
	if status, user := d.request(t, "invoices.example.com", "/1", tokens[0]); status != http.StatusOK || user == "" {
		t.Errorf("with the scope: %d for %q", status, user)
	}
	d.has(t, "kubernetes-"+namespace, "invoices."+namespace)

	c.drop(t, of) // the last one
	d.has(t, "kubernetes-"+namespace)
	d.answers(t, "invoices.example.com", "/1", http.StatusNotFound)
}

// What a resource does not say is what oathkeeper-maester fills in, and what is sent is what a file may have.
func TestRuleDefaults(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace := c.namespace(t)
	c.control(t, namespace, d.Admin)
	bare := &oathkeeper.Rule{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bare"}}
	bare.Spec.Match = oathkeeper.Match{URL: "http://bare.example.com/<.*>", Methods: []string{"GET"}}
	c.create(t, bare)
	c.judged(t, bare, "InForce")
	d.answers(t, "bare.example.com", "/", http.StatusUnauthorized)
	_, body := d.Try(d.Admin + "/admin/rules/bare." + namespace)
	var rule map[string]any
	if err := json.Unmarshal([]byte(body), &rule); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"authenticators": `[{"handler":"unauthorized"}]`, "authorizer": `{"handler":"deny"}`, "mutators": `[{"handler":"noop"}]`, "upstream": `{}`,
	} {
		if raw, _ := json.Marshal(rule[field]); string(raw) != want {
			t.Errorf("%s is %s", field, raw)
		}
	}
	file := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(file, []byte("["+body+"]"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := process.Start(t, process.Options{Config: fmt.Sprintf("access: {rules: {repositories: [%q]}}\n", "file://"+file)})
	if code, loaded := other.Try(other.Admin + "/admin/rules/bare." + namespace); code != http.StatusOK || loaded != body {
		t.Errorf("as a file: %d %s", code, loaded)
	}
}

// A rule that is faulty keeps no other from being in force, says what is wrong with it, and is in force once it is mended.
func TestFaultyRules(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace := c.namespace(t)
	c.control(t, namespace, d.Admin, "--service-blocklist", "gatehouse-admin.iam,*.kube-system")
	faulty := func(name string, how func(*oathkeeper.Rule)) *oathkeeper.Rule {
		of := d.rule(namespace, name, "http://"+name+".example.com/<.*>")
		how(of)
		c.create(t, of)
		return of
	}
	config := func(handler, json string) []oathkeeper.Handler {
		return []oathkeeper.Handler{{Handler: handler, Config: settings(json)}}
	}
	for _, test := range []struct {
		rule        *oathkeeper.Rule
		reason, why string
	}{
		{faulty("pattern", func(r *oathkeeper.Rule) { r.Spec.Match.URL = "http://pattern.example.com/<[>" }), "InvalidRule", "match.url"},
		{faulty("method", func(r *oathkeeper.Rule) { r.Spec.Match.Methods = []string{"G T"} }), "InvalidRule", "match.methods[0]"},
		{faulty("upstream", func(r *oathkeeper.Rule) { r.Spec.Upstream.URL = "orders:8080" }), "InvalidRule", "upstream.url"},
		{faulty("blocked", func(r *oathkeeper.Rule) { r.Spec.Upstream.URL = "https://Gatehouse-Admin.iam.svc.cluster.local.:4445" }), "UpstreamRefused", "--service-blocklist"},
		{faulty("kind", func(r *oathkeeper.Rule) { r.Spec.Authenticators[0].Handler = "no_such" }), "RuleRejected", "no_such"},
		{faulty("settings", func(r *oathkeeper.Rule) { r.Spec.Authenticators = config("jwt", `{"jwks_urls": 7}`) }), "RuleRejected", "jwks_urls"},
		{faulty("bomb", func(r *oathkeeper.Rule) { r.Spec.Match.URL = "http://bomb.example.com/<((a{1,100}){1,100}){1,10}>" }), "RuleRejected", "match.url"},
		{faulty("steps", func(r *oathkeeper.Rule) {
			r.Spec.Match.URL = "http://steps.example.com/<[a-z]{900}[b-y]{900}[c-x]{900}[d-w]{900}>"
		}), "InvalidRule", "match.url"},
		{faulty("backtracks", func(r *oathkeeper.Rule) { r.Spec.Match.URL = "http://backtracks.example.com/<(?!x)(a+)+>" }), "RuleRejected", "backtracking"},
		{faulty("file", func(r *oathkeeper.Rule) {
			r.Spec.Authenticators = config("jwt", `{"jwks_urls": ["file:///etc/passwd"]}`)
		}), "InvalidRule", "names a file"},
		{faulty("environment", func(r *oathkeeper.Rule) {
			r.Spec.Mutators = config("header", `{"headers": {"X": "{{ env \"HOME\" }}"}}`)
		}), "RuleRejected", "env"},
		{faulty("huge", func(r *oathkeeper.Rule) {
			r.Spec.Mutators = config("header", `{"headers": {"X": "`+strings.Repeat("x", 200<<10)+`"}}`)
		}), "InvalidRule", "split"},
		{faulty("deep", func(r *oathkeeper.Rule) {
			r.Spec.Mutators = config("header", strings.Repeat(`{"headers": `, 197)+"{}"+strings.Repeat("}", 197))
		}), "InvalidRule", "in each other"},
	} {
		if ready := c.judged(t, test.rule, test.reason); !strings.Contains(ready.Message, test.why) {
			t.Errorf("%s: the condition does not say %q: %s", test.rule.Name, test.why, ready.Message)
		}
	}
	well := d.rule(namespace, "well", "http://well.example.com/<.*>")
	c.create(t, well)
	c.judged(t, well, "InForce")
	d.has(t, "kubernetes-"+namespace, "well."+namespace)

	mended := &oathkeeper.Rule{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kind"}}
	change(t, c, mended, func(r *oathkeeper.Rule) { r.Spec.Authenticators[0].Handler = "noop" })
	c.judged(t, mended, "InForce")
	d.has(t, "kubernetes-"+namespace, "kind."+namespace, "well."+namespace)
	change(t, c, mended, func(r *oathkeeper.Rule) { r.Spec.Match.URL = "http://kind.example.com/<[>" }) // out again
	c.judged(t, mended, "InvalidRule")
	d.has(t, "kubernetes-"+namespace, "well."+namespace)
}

// Of rules that match the same requests the oldest is in force, whoever came to the controller first; the others name it.
func TestRuleConflicts(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	first, second := c.namespace(t), c.namespace(t)
	set := "orders-of-two"
	old := d.rule(first, "orders", "http://orders.example.com/<.*>")
	c.create(t, old)
	waitASecond(t, c, old) // creation times have no fractions
	young := d.rule(first, "all-orders", "http://orders.example.com/7/<[0-9]+>")
	c.create(t, young)
	waitASecond(t, c, young)
	elsewhere := d.rule(second, "taken", "http://orders.example.com:80/elsewhere")
	c.create(t, elsewhere)
	apart := d.rule(second, "apart", "http://apart.example.com/<.*>")
	c.create(t, apart)
	c.control(t, first, d.Admin, "--namespace", second, "--rule-set", set)
	c.judged(t, old, "InForce")
	c.judged(t, apart, "InForce")
	if ready := c.judged(t, young, "RuleConflict"); !strings.Contains(ready.Message, "orders."+first) || !strings.Contains(ready.Message, "http://orders.example.com/7/") {
		t.Errorf("the condition names neither the other rule nor a request: %s", ready.Message)
	}
	if ready := c.judged(t, elsewhere, "HostTaken"); !strings.Contains(ready.Message, first) {
		t.Errorf("the condition does not name who has the host: %s", ready.Message)
	}
	d.has(t, set, "orders."+first, "apart."+second)

	c.drop(t, old)
	c.judged(t, young, "InForce")
	c.judged(t, elsewhere, "HostTaken") // by the other one
	c.drop(t, young)
	c.judged(t, elsewhere, "InForce")
	d.has(t, set, "taken."+second, "apart."+second)
}

// waitASecond waits until what is made next has a later creation time.
func waitASecond(t *testing.T, c *cluster, than client.Object) {
	t.Helper()
	eventually(t, func() (bool, string) {
		probe := &oathkeeper.Rule{ObjectMeta: metav1.ObjectMeta{Namespace: than.GetNamespace(), Name: "probe"}}
		probe.Spec.Match.Methods = []string{}
		if err := c.Create(t.Context(), probe, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		created, before := probe.CreationTimestamp.Time, than.GetCreationTimestamp().Time
		return created.After(before), created.String()
	})
}

// Which namespaces may claim which hosts is for the operator to say, and can be changed while the controller runs.
func TestHostPolicy(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	shop, other := c.namespace(t), c.namespace(t)
	file := filepath.Join(t.TempDir(), "hosts.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf("'*.shop.example.com': [%s]\n", shop))
	c.control(t, shop, d.Admin, "--namespace", other, "--hosts-file", file, "--host", "every.example.com="+other)
	own := d.rule(shop, "own", "http://<[a-z]+>.shop.example.com/<.*>")
	foreign := d.rule(other, "foreign", "http://pay.shop.example.com/<.*>")
	every := d.rule(other, "every", "http://<.*>/<.*>")
	hidden := d.rule(other, "hidden", "http://<[a-z]+\\.shop\\.example\\.com>/<.*>")
	free := d.rule(other, "free", "http://free.example.com/<.*>")
	for _, of := range []*oathkeeper.Rule{own, foreign, every, hidden, free} {
		c.create(t, of)
	}
	c.judged(t, own, "InForce")
	c.judged(t, free, "InForce")
	for _, of := range []*oathkeeper.Rule{foreign, every, hidden} {
		if ready := c.judged(t, of, "HostRefused"); !strings.Contains(ready.Message, "--host '") {
			t.Errorf("%s: the condition does not say how it can be allowed: %s", of.Name, ready.Message)
		}
	}
	c.drop(t, own)
	c.drop(t, every)
	write(fmt.Sprintf("'*.shop.example.com': [%s]\n'*': [%s]\n", other, other))
	c.judged(t, foreign, "InForce")
	c.judged(t, hidden, "RuleConflict")
	write("no: [list\n") // is no reason to take anything away
	c.drop(t, free)
	c.judged(t, foreign, "InForce")
}

// A tenant's rules are a set of its own, for namespaces that may name it.
func TestRulesOfTenants(t *testing.T) {
	c, d := open(t), startDoorway(t, "tenants: [{id: default}, {id: acme, hosts: [acme.example.com]}]\n")
	may, mayNot := c.namespace(t), c.namespace(t)
	c.control(t, may, d.Admin, "--namespace", mayNot, "--tenant", "acme="+may, "--rule-set", "k", "--endpoint", "/t/default/admin/clients")
	allowed, refused := d.rule(may, "allowed", "http://acme.example.com/<.*>"), d.rule(mayNot, "refused", "http://not.example.com/<.*>")
	unknown := d.rule(may, "unknown", "http://unknown.example.com/<.*>")
	allowed.Spec.Tenant, refused.Spec.Tenant, unknown.Spec.Tenant = "acme", "acme", "nobody"
	for _, of := range []*oathkeeper.Rule{allowed, refused, unknown} {
		c.create(t, of)
	}
	c.judged(t, allowed, "InForce")
	c.judged(t, refused, "TenantRefused")
	c.judged(t, unknown, "TenantRefused")
	set := func(path string) string {
		_, body := d.Try(d.Admin + path + "/admin/rules?set=k")
		return body
	}
	if got := set("/t/acme"); !strings.Contains(got, "allowed."+may) || strings.Contains(got, "refused") {
		t.Errorf("the tenant's set: %s", got)
	}
	change(t, c, allowed, func(r *oathkeeper.Rule) { r.Spec.Tenant = "" }) // moves
	c.judged(t, allowed, "InForce")
	if got := set("/t/default"); !strings.Contains(got, "allowed."+may) {
		t.Errorf("the set of the controller's own tenant: %s", got)
	}
	eventually(t, func() (bool, string) { got := set("/t/acme"); return !strings.Contains(got, "allowed"), got })
}

// What somebody changes on the server comes back, a server that is away is waited for, and what it had stays in force as it was.
func TestRulesOnTheServer(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace := c.namespace(t)
	k := c.control(t, namespace, d.Admin)
	set := "kubernetes-" + namespace
	first := d.rule(namespace, "first", "http://first.example.com/<.*>")
	c.create(t, first)
	c.judged(t, first, "InForce")
	if code, _ := ask(t, d.Server, http.MethodDelete, "/admin/rules/first."+namespace, nil); code != http.StatusNoContent {
		t.Fatalf("removing the rule behind the controller's back: %d", code)
	}
	d.has(t, set, "first."+namespace)
	eventually(t, func() (bool, string) {
		v, _ := k.metric("gatehouse_controller_rule_sets_repaired_total")
		return v != "" && v != "0", "repaired: " + v
	})

	d.Stop()
	second := d.rule(namespace, "second", "http://second.example.com/<.*>")
	c.create(t, second)
	c.judged(t, second, "ServerUnreachable")
	c.judged(t, first, "InForce")
	d.Run()
	c.judged(t, second, "InForce")
	d.has(t, set, "first."+namespace, "second."+namespace)

	// Another's rule of the same id, and one for the same requests, are in another set: only ours that meet them wait.
	third, fourth := d.rule(namespace, "third", "http://third.example.com/<.*>"), d.rule(namespace, "fourth", "http://fourth.example.com/<.*>")
	for _, r := range []map[string]any{
		{"id": "third." + namespace, "match": map[string]any{"url": "http://elsewhere.example.com/", "methods": []string{"GET"}}},
		{"id": "a-rule-by-hand", "match": map[string]any{"url": "http://fourth.example.com/x", "methods": []string{"GET"}}},
	} {
		r["authenticators"], r["authorizer"], r["mutators"] = []any{map[string]string{"handler": "noop"}}, map[string]string{"handler": "allow"}, []any{}
		if code, answer := ask(t, d.Server, http.MethodPost, "/admin/rules", r); code != http.StatusCreated {
			t.Fatalf("%d %v", code, answer)
		}
	}
	c.create(t, third)
	c.create(t, fourth)
	c.judged(t, third, "RuleRejected")
	if ready := c.judged(t, fourth, "RuleRejected"); !strings.Contains(ready.Message, "a-rule-by-hand") {
		t.Errorf("the condition does not name the server's rule: %s", ready.Message)
	}
	d.has(t, set, "first."+namespace, "second."+namespace)
	for _, id := range []string{"third." + namespace, "a-rule-by-hand"} {
		if code, _ := ask(t, d.Server, http.MethodDelete, "/admin/rules/"+id, nil); code != http.StatusNoContent {
			t.Fatal(code)
		}
	}
	c.judged(t, third, "InForce") // which is tried again with each comparison
	c.judged(t, fourth, "InForce")
}

// Of two controllers one sends; when it is killed the other goes on, and nothing that is in force is taken away for it.
func TestRulesAndLeaders(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace := c.namespace(t)
	arguments := []string{
		"--enable-leader-election", "--leader-elector-namespace", "gatehouse", "--leader-lease", "15s", "--leader-renew-deadline", "12s", "--leader-retry-period", "1s", "--sync-period", "1h",
	}
	gates := [2]*between{newBetween(t, d.Server), newBetween(t, d.Server)}
	var controllers [2]*controller
	for i, b := range gates {
		controllers[i] = c.control(t, namespace, b.URL, arguments...)
	}
	puts := func(b *between) int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.seen[http.MethodPut]
	}
	of := d.rule(namespace, "first", "http://leader.example.com/<.*>")
	c.create(t, of)
	c.judged(t, of, "InForce")
	leader, other := 0, 1
	if puts(gates[1]) > 0 {
		leader, other = 1, 0
	}
	if puts(gates[leader]) != 1 || puts(gates[other]) != 0 {
		t.Errorf("one rule was sent %d times by the leader and %d times by the other", puts(gates[leader]), puts(gates[other]))
	}
	var mu sync.Mutex
	var refused []string
	watching, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		for watching.Err() == nil {
			if status, why := d.request(t, "leader.example.com", "/", ""); status != http.StatusOK {
				mu.Lock()
				refused = append(refused, fmt.Sprint(status, why))
				mu.Unlock()
			}
		}
	})
	controllers[leader].kill()
	next := d.rule(namespace, "second", "http://next.example.com/<.*>")
	c.create(t, next)
	c.judged(t, next, "InForce")
	stop()
	watch.Wait()
	if len(refused) > 0 {
		t.Errorf("while one controller followed the other, %d requests were not let through: %s", len(refused), refused[0])
	}
	if puts(gates[other]) == 0 {
		t.Error("the other controller did not take over")
	}
}

// A resource that oathkeeper-maester holds goes when it is deleted, also while the server is away.
func TestRuleDeletionNeverHangs(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace := c.namespace(t)
	c.control(t, namespace, d.Admin)
	of := d.rule(namespace, "taken-over", "http://taken-over.example.com/<.*>")
	of.Finalizers = []string{"finalizer.oathkeeper.ory.sh"}
	c.create(t, of)
	c.judged(t, of, "InForce")
	d.Stop()
	c.drop(t, of)
	d.Run()
	d.has(t, "kubernetes-"+namespace)
}

// stale gives a kubeconfig that leads to the API server, and answers one path as it was answered first, until learn is called: as an API server
// does that does not know yet what another did.
func (c *cluster) stale(t *testing.T, path string) (kubeconfig string, learn func()) {
	t.Helper()
	api, err := clientcmd.RESTConfigFromKubeConfig(c.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(api.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1 // watches are answered bit by bit
	if proxy.Transport, err = rest.TransportFor(api); err != nil {
		t.Fatal(err)
	}
	first := sync.OnceValue(func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
		r.Header.Set("Accept", "application/json")
		proxy.ServeHTTP(w, r)
		return w
	})
	var learned atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || learned.Load() {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(first().Code)
		_, _ = w.Write(first().Body.Bytes())
	}))
	t.Cleanup(server.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	content := fmt.Sprintf("{apiVersion: v1, kind: Config, clusters: [{name: x, cluster: {server: %q}}], contexts: [{name: x, context: {cluster: x}}], current-context: x}", server.URL)
	if err := os.WriteFile(kubeconfig, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig, func() { learned.Store(true) }
}

// forbidDefinitions takes the right on definitions from the controller, until the test ends.
func (c *cluster) forbidDefinitions(t *testing.T) {
	t.Helper()
	binding := &rbac.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "gatehouse-controller-definitions"}}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(binding), binding); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), binding.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		binding.ResourceVersion = ""
		if err := c.Create(context.Background(), binding); err != nil {
			t.Error(err)
		}
	})
	eventually(t, func() (bool, string) {
		allowed, err := c.allowed(authorization.ResourceAttributes{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Verb: "get", Name: "rules.oathkeeper.ory.sh"})
		return err == nil && !allowed, fmt.Sprint(err)
	})
}

// undefine takes the definition of a resource away, and with it all resources of the kind.
func (c *cluster) undefine(t *testing.T, name string) {
	t.Helper()
	definition := &unstructured.Unstructured{}
	definition.SetAPIVersion("apiextensions.k8s.io/v1")
	definition.SetKind("CustomResourceDefinition")
	definition.SetName(name)
	if err := c.Delete(t.Context(), definition); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() (bool, string) {
		err := c.Get(t.Context(), client.ObjectKeyFromObject(definition), definition.DeepCopy())
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
}

// Who deletes the definition of the resource deletes all rules of the cluster with it. The server goes on with them.
func TestDefinitionGone(t *testing.T) {
	c := open(t)
	t.Run("and another API server knows it later", func(t *testing.T) {
		kubeconfig, learn := c.stale(t, "/apis/"+oathkeeper.GroupVersion.String())
		c.definitionGoes(t, learn, "--kubeconfig", kubeconfig)
	})
	t.Run("and the controller may not read it", func(t *testing.T) {
		c.forbidDefinitions(t)
		c.definitionGoes(t, func() {})
	})
}

func (c *cluster) definitionGoes(t *testing.T, learn func(), args ...string) {
	t.Helper()
	d, namespace := startDoorway(t, ""), c.namespace(t)
	set := "kubernetes-" + namespace
	k := c.control(t, namespace, d.Admin, args...)
	var of *oathkeeper.Rule
	var ids []string
	for i := range 30 {
		of = d.rule(namespace, fmt.Sprintf("kept-%d", i), fmt.Sprintf("http://kept-%d.example.com/<.*>", i))
		c.create(t, of)
		ids = append(ids, of.Name+"."+namespace)
	}
	d.has(t, set, ids...)
	c.judged(t, of, "InForce")
	c.drop(t, of) // which alone is no doubt
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == of.Name+"."+namespace })
	d.has(t, set, ids...)

	c.undefine(t, "rules.oathkeeper.ory.sh")
	eventually(t, func() (bool, string) {
		printed := k.output.String()
		return strings.Contains(printed, "access rules are left as they are"), printed
	})
	k.kill()
	k.run() // which finds no resource of that kind
	eventually(t, func() (bool, string) {
		printed := k.output.String()
		return strings.Contains(printed, "access rules wait for their resource"), printed
	})
	if got := ruleIDs(t, d.Server, set); len(got) != len(ids) {
		t.Errorf("%d of %d rules are left", len(got), len(ids))
	}

	learn()
	if err := c.apply("", repository("deploy", "crds", "oathkeeper.ory.sh_rules.yaml")); err != nil {
		t.Fatal(err)
	}
	again := d.rule(namespace, "again", "http://again.example.com/<.*>")
	eventually(t, func() (bool, string) {
		err := c.Create(t.Context(), again)
		return err == nil, fmt.Sprint(err)
	})
	c.judged(t, again, "InForce")
	d.has(t, set, "again."+namespace)
}

// A kind of resource that the cluster does not have keeps nothing of the others as it is, also for who begins to lead.
func TestDefinitionNeverThere(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	c.undefine(t, "apirules.gateway.kyma-project.io")
	t.Cleanup(func() {
		if err := c.apply("", repository("deploy", "crds", "gateway.kyma-project.io_apirules.yaml")); err != nil {
			t.Error(err)
		}
	})
	namespace := c.namespace(t)
	set := "kubernetes-" + namespace
	k := c.route(t, namespace, d.Admin, "none")
	kept, goes := d.rule(namespace, "kept", "http://kept.example.com/<.*>"), d.rule(namespace, "goes", "http://goes.example.com/<.*>")
	c.create(t, kept)
	c.create(t, goes)
	d.has(t, set, "kept."+namespace, "goes."+namespace)
	k.kill()
	if err := c.Delete(t.Context(), goes); err != nil {
		t.Fatal(err)
	}
	k.run()
	d.has(t, set, "kept."+namespace)
	c.judged(t, kept, "InForce")
}
