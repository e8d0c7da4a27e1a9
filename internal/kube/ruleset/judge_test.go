package ruleset

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/internal/access"
)

func raw(text string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(text)} }

// What a resource says is what the server's loader of files reads, and what it leaves out is what oathkeeper-maester fills in.
func TestTranslate(t *testing.T) {
	strip, keep := "/api", true
	full := resource("shop", "full.one", "https://a.example.com/<.*>", 0)
	full.Spec.Upstream = &oathkeeper.Upstream{URL: "http://a.shop.svc", StripPath: &strip, PreserveHost: &keep}
	full.Spec.Authenticators = []oathkeeper.Handler{{Handler: "jwt", Config: raw(`{"b": [1, "<&>"], "a": {"c": null}}`)}, {Handler: "noop", Config: raw("null")}}
	full.Spec.Authorizer = &oathkeeper.Handler{Handler: "allow"}
	full.Spec.Mutators = []oathkeeper.Handler{{Handler: "header", Config: raw(`{}`)}}
	full.Spec.Errors = []oathkeeper.Handler{{Handler: "json"}}
	for _, test := range []struct {
		of   *oathkeeper.Rule
		want access.Rule
	}{
		{full, access.Rule{
			ID: "full.one.shop", Match: access.Match{URL: "https://a.example.com/<.*>", Methods: []string{"GET"}},
			Authenticators: []access.HandlerRef{{Handler: "jwt", Config: json.RawMessage(`{"a":{"c":null},"b":[1,"\u003c\u0026\u003e"]}`)}, {Handler: "noop"}},
			Authorizer:     access.HandlerRef{Handler: "allow"},
			Mutators:       []access.HandlerRef{{Handler: "header", Config: json.RawMessage(`{}`)}},
			Errors:         []access.ErrorHandler{{Handler: "json"}},
			Upstream:       access.Upstream{URL: "http://a.shop.svc", StripPath: "/api", PreserveHost: true},
		}},
		{resource("shop", "bare", "http://b.example.com/", 0), access.Rule{
			ID: "bare.shop", Match: access.Match{URL: "http://b.example.com/", Methods: []string{"GET"}},
			Authenticators: []access.HandlerRef{{Handler: "unauthorized"}}, Authorizer: access.HandlerRef{Handler: "deny"}, Mutators: []access.HandlerRef{{Handler: "noop"}},
		}},
	} {
		text, err := json.Marshal([]access.Rule{Translate(test.of)})
		if err != nil {
			t.Fatal(err)
		}
		read, err := access.ParseRules(text, "")
		if err != nil || len(read) != 1 {
			t.Fatalf("%s: %v", text, err)
		}
		if d := cmp.Diff(test.want, read[0]); d != "" {
			t.Error(d)
		}
	}
}

func itemsOf(objects ...*oathkeeper.Rule) (all []*item) {
	for _, of := range objects {
		all = append(all, &item{Offer: Offer{Owner: of, Tenant: of.Spec.Tenant, Rule: Translate(of)}})
	}
	return all
}

func policyOf(t testing.TB, c Config) *policy {
	t.Helper()
	p, err := c.policy()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// No rule leads to a Service that is blocked, however its host is written.
func TestBlockedServices(t *testing.T) {
	blocked := Services{"gatehouse-admin.iam", "*.kube-system", "gatehouse*.door"}
	for host, want := range map[string]bool{
		"gatehouse-admin.iam": true, "gatehouse-admin.iam.svc": true, "gatehouse-admin.iam.svc.cluster.local": true, "gatehouse-admin.iam.svc.cluster.local.": true,
		"Gatehouse-ADMIN.Iam.SVC": true, "gatehouse-admin": true, "gatehouse-admin.": true, "gatehouse-0.gatehouse-admin.iam.svc": true, "pod.gatehouse-admin.iam": true,
		"_https._tcp.gatehouse-admin.iam.svc.corp.example": true, "\uff47atehouse-admin.iam": true, "gatehouse-admin\u3002iam": true,
		"a.b.svc.gatehouse-admin.iam": true, "gatehouse-admin.iam.svc.svc.example": true, "kube-dns.kube-system.svc": true, "gatehouse-proxy.door": true,
		"gatehouse-admin.shop": false, "gatehouse-admin.iam.example.com": false, "orders.shop.svc": false, "orders": false, "api.example.com": false,
		"iam": false, "svc": false, "10.0.0.1": false, "[fd00::1]": false, "": false,
	} {
		r := access.Rule{Upstream: access.Upstream{URL: "http://" + host + ":4445/admin"}}
		if host, got := blocked.blocks(&r); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
	of := new(oathkeeper.Rule)
	of.Namespace, of.Name = "shop", "admin"
	of.Spec.Match, of.Spec.Upstream = oathkeeper.Match{URL: "http://a.example.com/<.*>", Methods: []string{"GET"}}, &oathkeeper.Upstream{URL: "https://gatehouse-admin.iam:4445"}
	j := &judge{policy: policyOf(t, Config{Unlisted: Any}), strategy: defaultStrategy, blocked: blocked}
	all := itemsOf(of)
	if kept, err := j.decide(t.Context(), all, ""); err != nil || len(kept) > 0 || all[0].verdict.Reason != UpstreamRefused || !strings.Contains(all[0].verdict.Message, "gatehouse-admin.iam") {
		t.Errorf("%v %+v", err, all[0].verdict)
	}
}

// Who may claim what.
func TestHostPolicy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts.yaml")
	if err := os.WriteFile(file, []byte("Filed.example.com: [team-a]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	listed := Config{
		Unlisted: FirstCome, HostsFile: file,
		Hosts: map[string][]string{"*.team.example.com": {"team-*"}, "pay.team.example.com": {"pay"}, "**.deep.team.example.com": {"deep"}, "*": {"platform"}},
	}
	refuse := listed
	refuse.Unlisted = Refuse
	alone, strict := Config{Unlisted: FirstCome, Namespaces: []string{"one"}}, Config{Unlisted: Refuse, Namespaces: []string{"one"}, Hosts: map[string][]string{"one.example.com": {"one"}}}
	for _, test := range []struct {
		config          Config
		namespace, host string
		reason          Reason
	}{
		{listed, "team-a", "a.team.example.com", ""},
		{listed, "team-a", "a.b.team.example.com", ""},
		{listed, "team-a", "*.team.example.com", HostRefused}, // pay has one of them
		{listed, "team-a", "*.b.team.example.com", ""},
		{listed, "team-a", "team.example.com", ""}, // itself is not listed, and the first who comes has it
		{listed, "other", "a.team.example.com", HostRefused},
		{listed, "platform", "a.team.example.com", HostRefused},
		{listed, "team-a", "pay.team.example.com", HostRefused},
		{listed, "pay", "pay.team.example.com", ""},
		{listed, "pay", "*.pay.team.example.com", HostRefused},
		{listed, "deep", "*.deep.team.example.com", ""},
		{listed, "team-a", "x.deep.team.example.com", HostRefused},
		{listed, "team-a", "filed.example.com", ""},
		{listed, "team-b", "filed.example.com", HostRefused},
		{listed, "team-a", "*.example.com", HostRefused},
		{listed, "team-a", "*", HostRefused},
		{listed, "platform", "*", HostRefused},
		{listed, "platform", "*.example.com", HostRefused},
		{listed, "platform", "*.example.org", ""},
		{listed, "platform", "anything.example.org", ""},
		{listed, "other", "anything.example.org", ""},
		{refuse, "other", "anything.example.org", HostRefused},
		{Config{Unlisted: Any}, "other", "*", ""},
		{strict, "one", "one.example.com", ""},
		{strict, "one", "two.example.com", HostRefused}, // which another controller may have given to somebody
		{alone, "one", "*", ""},
	} {
		if reason, message := policyOf(t, test.config).claim(test.namespace, test.host, owners{}); reason != test.reason || (reason != "") != strings.Contains(message, "--host") {
			t.Errorf("%s may claim %s: %q (%s), and not %q", test.namespace, test.host, reason, message, test.reason)
		}
	}
	for _, host := range []string{"Shop.Example.Com", "shop.example.com.", "shop.example.com:8443"} {
		if canonicalHost(host) != "shop.example.com" {
			t.Errorf("%s is %s", host, canonicalHost(host))
		}
	}
}

// A configuration that cannot be meant is refused.
func TestConfig(t *testing.T) {
	if err := (&Config{Unlisted: Any, Blocked: Services{"kubernetes", "[.a", "a.b"}}).Validate(); err == nil || strings.Count(err.Error(), "names no Service") != 2 {
		t.Error(err)
	}

	file := filepath.Join(t.TempDir(), "hosts.yaml")
	if err := os.WriteFile(file, []byte("a.example.com: team\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Config{
		{Unlisted: "perhaps"},
		{Unlisted: Any, Set: "Not A Name"},
		{Unlisted: Any, Hosts: map[string][]string{"a.*.example.com": {"x"}}},
		{Unlisted: Any, Hosts: map[string][]string{"a.example.com:80": nil}},
		{Unlisted: Any, Hosts: map[string][]string{"https://a.example.com": {"x"}}},
		{Unlisted: Any, Hosts: map[string][]string{"a.example.com": {"[x"}}},
		{Unlisted: Any, Hosts: map[string][]string{"a.example.com": {}}},
		{Unlisted: Any, HostsFile: file},
		{Unlisted: Any, HostsFile: file + ".none"},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	for want, namespaces := range map[string][]string{"kubernetes": nil, "kubernetes-shop": {"shop"}} {
		if got := NameOf(namespaces); got != want {
			t.Errorf("%v: %s", namespaces, got)
		}
	}
	if a, b := NameOf([]string{"a", "b"}), NameOf([]string{"b", "a"}); a != b || a == NameOf([]string{"a"}) || len(NameOf([]string{strings.Repeat("n", 63)})) > 63 {
		t.Errorf("several namespaces: %s, %s", a, b)
	}
}

// Who is older wins, in whatever order they come.
func TestOlderWins(t *testing.T) {
	j := &judge{policy: &policy{unlisted: FirstCome}, strategy: "regexp"}
	a, b := resource("b-team", "a", "http://x.example.com/<.*>", 5), resource("a-team", "b", "http://x.example.com/1", 5)
	c, d := resource("a-team", "c", "http://x.example.com/<[0-9]>", 6), resource("z-team", "d", "http://x.example.com/", 4)
	d.Spec.Match.Methods = []string{"NO METHOD"} // a host is whose it is, also while the rule is faulty
	for range 3 {
		all := itemsOf(a, b, c, d)
		kept, err := j.decide(t.Context(), all, "")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Reason{}
		for _, i := range all {
			got[i.Rule.ID] = i.verdict.Reason
		}
		if d := cmp.Diff(map[string]Reason{"a.b-team": HostTaken, "b.a-team": HostTaken, "c.a-team": HostTaken, "d.z-team": InvalidRule}, got); d != "" || len(kept) != 0 {
			t.Error(d)
		}
		a, b, c, d = d, a, b, c
	}
	j.policy.unlisted = Any
	all := itemsOf(resource("b-team", "a", "http://x.example.com/<.*>", 5), resource("a-team", "b", "http://x.example.com/1", 5), resource("a-team", "c", "http://x.example.com/2", 6))
	kept, err := j.decide(t.Context(), all, "")
	if err != nil || len(kept) != 2 || kept[0].Rule.ID != "b.a-team" || kept[1].Rule.ID != "c.a-team" {
		t.Fatalf("%v %d", err, len(kept))
	}
}

// Rules that are too large are left out, the youngest first.
func TestTooLarge(t *testing.T) {
	j := &judge{policy: &policy{unlisted: Any}, strategy: "regexp"}
	var objects []*oathkeeper.Rule
	for n := range 130 {
		of := resource("shop", fmt.Sprint("r", n), fmt.Sprintf("http://h%d.example.com/", n), n)
		of.Spec.Mutators = []oathkeeper.Handler{{Handler: "header", Config: raw(`{"x":"` + strings.Repeat("x", 125<<10) + `"}`)}}
		objects = append(objects, of)
	}
	objects[0].Spec.Mutators[0].Config = raw(`{"x":"` + strings.Repeat("x", 200<<10) + `"}`)
	all := itemsOf(objects...)
	kept, err := j.decide(t.Context(), all, "")
	if err != nil || len(document(kept)) > maxSet+len(kept)+2 || len(kept) < 100 || len(kept) == 129 {
		t.Fatalf("%d rules of %d bytes are kept: %v", len(kept), len(document(kept)), err)
	}
	if len(all[0].hosts) != 1 || all[0].hosts[0] != "h0.example.com" {
		t.Errorf("one that is too large claims %v", all[0].hosts)
	}
	if !strings.Contains(all[0].verdict.Message, "split") || !strings.Contains(all[129].verdict.Message, "oldest") || all[129].verdict.Reason != InvalidRule {
		t.Errorf("%+v\n%+v", all[0].verdict.Message, all[129].verdict.Message)
	}
}

// Rules in force are pushed out by none that grows or comes, however old it is.
func TestGrowingRulesPushNoneOut(t *testing.T) {
	j := &judge{policy: &policy{unlisted: Any}, strategy: "regexp"}
	large := []oathkeeper.Handler{{Handler: "header", Config: raw(`{"x":"` + strings.Repeat("x", 125<<10) + `"}`)}}
	objects := []*oathkeeper.Rule{resource("shop", "young", "http://shop.example.com/", 500)}
	for n := range maxSet/(125<<10) + 1 {
		objects = append(objects, resource("evil", fmt.Sprint("r", n), fmt.Sprintf("http://h%d.example.com/", n), n))
	}
	for _, of := range objects {
		of.Spec.Mutators = large
	}
	var sum [sha256.Size]byte
	for _, test := range []struct {
		what  string
		is    func(young *item)
		stays bool
	}{
		{"nobody knows of it", func(*item) {}, false},
		{"its status says so", func(young *item) { young.Said = InForce }, true},
		{"it was sent", func(*item) { j.sent = map[string][sha256.Size]byte{"young.shop": sum} }, true},
	} {
		all := itemsOf(objects...)
		young := all[0]
		test.is(young)
		kept, err := j.decide(t.Context(), all, "")
		if err != nil || len(document(kept)) > maxSet+2 || len(kept) < len(objects)-3 {
			t.Fatalf("%s: %d rules of %d bytes are kept: %v", test.what, len(kept), len(document(kept)), err)
		}
		if slices.Contains(kept, young) != test.stays {
			t.Errorf("%s: it stays: %t", test.what, !test.stays)
		}
		sum = young.sum
	}
}

// Rules that take too long to compare are refused, and do not keep another namespace's from being in force.
func TestHeavyRulesAreTheirNamespacesOwn(t *testing.T) {
	var objects []*oathkeeper.Rule
	for i := range 30 {
		url := fmt.Sprintf("http://heavy.example.com/<(?!z)[a-z]+%d>x", 100+i) // which is compared by backtracking, and so by the clock
		objects = append(objects, resource("heavy", fmt.Sprint("rule-", i), url, i))
	}
	objects = append(objects, resource("light", "letters", "http://light.example.com/<[a-z]+>", 100), resource("light", "digits", "http://light.example.com/<[0-9]+>", 101))
	all := itemsOf(objects...)
	clock := birth
	j := &judge{policy: policyOf(t, Config{Unlisted: FirstCome}), strategy: defaultStrategy, now: func() time.Time { clock = clock.Add(time.Second); return clock }}
	kept, err := j.decide(t.Context(), all, "")
	if err != nil {
		t.Fatal(err)
	}
	refused, light := 0, 0
	for _, i := range all {
		if i.verdict.Reason == InvalidRule && strings.Contains(i.verdict.Message, "takes too long to compare") && i.Owner.GetNamespace() == "heavy" {
			refused++
		}
	}
	for _, i := range kept {
		if i.Owner.GetNamespace() == "light" {
			light++
		}
	}
	if refused == 0 || light != 2 || len(kept)+refused != len(all) {
		t.Errorf("%d refused, %d of %d kept, %d of the other namespace", refused, len(kept), len(all), light)
	}
}
