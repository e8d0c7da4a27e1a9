package apirule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-iam/gatehouse/internal/access"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// described is an APIRule shop/orders with a spec in YAML.
func described(t *testing.T, spec string) *gateway.APIRule {
	t.Helper()
	of := &gateway.APIRule{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", UID: "1"}}
	if err := yaml.UnmarshalStrict([]byte(spec), &of.Spec); err != nil {
		t.Fatal(err)
	}
	return of
}

func options(r Route) *Options {
	return &Options{Route: r, Proxy: "gatehouse.iam.svc.cluster.local", ProxyPort: 4455, DefaultDomain: "example.com"}
}

const scoped = `
host: orders
gateway: mesh/public
service: {name: orders, port: 8080}
rules:
  - path: /orders/.*
    methods: [GET]
    accessStrategies: [{handler: oauth2_introspection, config: {required_scope: [read]}}]
  - path: /orders/.*
    methods: [POST]
    accessStrategies: [{handler: oauth2_introspection, config: {required_scope: [write]}}]
    service: {name: writer, namespace: back, port: 81}
  - path: /health
    methods: [GET, HEAD]
    accessStrategies: [{handler: allow}]
  - path: /.*
    methods: [GET]
    accessStrategies: [{handler: allow}]
    mutators: [{handler: header, config: {headers: {X-Via: gatehouse}}}]
`

func TestRules(t *testing.T) {
	outcome, err := options(None).Translate(described(t, scoped))
	if err != nil {
		t.Fatal(err)
	}
	type brief struct {
		ID, URL, Methods, Upstream, Authenticators, Mutators string
		Priority                                             int
	}
	handlers := func(list []access.HandlerRef) string {
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	var got []brief
	for _, r := range outcome.Rules {
		if r.Authorizer.Handler != "allow" {
			t.Errorf("%s has authorizer %s", r.ID, r.Authorizer.Handler)
		}
		got = append(got, brief{r.ID, r.Match.URL, strings.Join(r.Match.Methods, ","), r.Upstream.URL, handlers(r.Authenticators), handlers(r.Mutators), r.Priority})
	}
	const noop = `[{"handler":"noop"}]`
	want := []brief{
		{"apirule:orders.shop:0", "<http|https>://orders.example.com/orders/<.*>", "GET", "http://orders.shop.svc.cluster.local:8080",
			`[{"handler":"oauth2_introspection","config":{"required_scope":["read"]}}]`, noop, 1},
		{"apirule:orders.shop:1", "<http|https>://orders.example.com/orders/<.*>", "POST", "http://writer.back.svc.cluster.local:81",
			`[{"handler":"oauth2_introspection","config":{"required_scope":["write"]}}]`, noop, 0},
		{"apirule:orders.shop:2", "<http|https>://orders.example.com/health", "GET,HEAD", "http://orders.shop.svc.cluster.local:8080", noop, noop, 1},
		{"apirule:orders.shop:3", "<http|https>://orders.example.com/<.*>", "GET", "http://orders.shop.svc.cluster.local:8080", noop,
			`[{"handler":"header","config":{"headers":{"X-Via":"gatehouse"}}}]`, 0},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What is made of an APIRule, for each kind of route: testdata has it.
func TestRoutes(t *testing.T) {
	const crossOrigin = `
host: API.example.com
gateway: public.mesh.svc.cluster.local
timeout: 30
corsPolicy: {allowOrigins: [{exact: "https://shop.example.com"}], allowMethods: [GET], allowCredentials: true, maxAge: 90s}
service: {name: api, port: 80}
rules:
  - {path: /open, methods: [GET], accessStrategies: [{handler: no_auth}]}
  - {path: .*, methods: [GET, DELETE], accessStrategies: [{handler: cookie_session}], timeout: 5}
`
	for name, spec := range map[string]string{"scoped": scoped, "cross-origin": crossOrigin} {
		for _, route := range []Route{VirtualService, HTTPRoute, Ingress} {
			if name == "cross-origin" && route == Ingress {
				continue
			}
			o := options(route)
			o.IngressClass, o.IngressTLSSecret, o.IngressAnnotations = "nginx", "wildcard", map[string]string{"example.com/size": "8m"}
			outcome, err := o.Translate(described(t, spec))
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for _, u := range outcome.Routes {
				raw, err := yaml.Marshal(u.Object)
				if err != nil {
					t.Fatal(err)
				}
				got = append(append(got, "---\n"...), raw...)
			}
			path := filepath.Join("testdata", name+"."+string(route)+".yaml")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("%s:\n%s", path, d)
			}
		}
	}
}

// Routes compare paths as they were sent: what is open around a closed part, or beside one, goes by the gateway, which reads them once.
func TestOtherReadingsDoNotLeadPastTheGateway(t *testing.T) {
	for reading, open := range map[string]string{"/%61dmin/x": "/.*", "/public/..;/admin/x": "/public(/.*)?", "/public/..%2Fadmin/x": "/public/.*"} {
		of := described(t, `
host: shop.example.com
gateway: mesh/gateway
service: {name: shop, port: 80}
rules:
- {path: /admin/.*, methods: [GET], accessStrategies: [{handler: oauth2_introspection}]}
- {path: '`+open+`', methods: [GET], accessStrategies: [{handler: no_auth}]}
`)
		for _, route := range []Route{VirtualService, HTTPRoute} {
			outcome, err := options(route).Translate(of)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(outcome.Routes[0].Object["spec"])
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), "shop.shop.svc") || strings.Contains(string(raw), `"name":"shop"`) {
				t.Errorf("%s reaches the service by the %s: %s", reading, route, raw)
			}
		}
	}
}

// Open paths lead past the gateway only where no earlier rule could mean them.
func TestPastTheGateway(t *testing.T) {
	for _, test := range []struct {
		name, rules string
		direct      []bool
	}{
		{"the whole host", "O /.* GET", []bool{true}},
		{"one path", "O /a GET", []bool{true}},
		{"a path that an HTTPRoute cannot say", "O /a/.* GET", []bool{false}},
		{"behind a closed part, of which /%61dmin is another reading", "S /admin/.* GET,O /.* GET", []bool{false, false}},
		{"beside a closed part, which /public/..;/admin can mean", "S /admin/.* GET,O /public(/.*)? GET", []bool{false, false}},
		{"a part of a service whose rest nobody opens", "O /public(/.*)? GET", []bool{false}},
		{"one path beside a closed part", "S /admin/.* GET,O /public GET", []bool{false, true}},
		{"the whole host with a part", "O /a(/.*)? GET,O /.* GET", []bool{false, true}},
		{"before a closed part that it is in", "O /a/public(/.*)? GET,S /a/.* GET", []bool{false, false}},
		{"inside of a closed part", "S /admin/.* GET,O /admin/public GET", []bool{false, false}},
		{"before the closed part", "O /admin/public GET,S /admin/.* GET", []bool{true, false}},
		{"a closed pattern that reaches it", "S /a.*b GET,O /admin(/.*)? GET", []bool{false, false}},
		{"the same path, other methods", "S /a POST,O /a GET", []bool{false, true}},
		{"inside of an open part of another service", "O /a(/.*)? GET,O /a/b GET", []bool{false, false}},
	} {
		var p plan
		for rule := range strings.SplitSeq(test.rules, ",") {
			words := strings.Fields(rule)
			d := door{rule: &gateway.Rule{Methods: []gateway.HTTPMethod{gateway.HTTPMethod(words[2])}}, open: words[0] == "O"}
			d.reach, d.same = reachOf(words[1])
			p.doors = append(p.doors, d)
		}
		for i := range p.doors {
			if p.direct(i) != test.direct[i] {
				t.Errorf("%s: rule %d", test.name, i)
			}
		}
	}
}

// What is open but for a part is no whole host.
func TestAllButAPartIsNotPastTheGateway(t *testing.T) {
	var p plan
	p.doors = []door{{open: true}}
	if p.doors[0].reach, p.doors[0].same = reachOf("/[^s].*"); p.past(0) {
		t.Error("/x/..;/secret reaches the service")
	}
}

func TestFaults(t *testing.T) {
	with := func(head, rules string) string {
		return head + "\ngateway: mesh/public\nservice: {name: orders, port: 80}\nrules:\n" + rules
	}
	const open = "  - {path: /a, methods: [GET], accessStrategies: [{handler: allow}]}\n"
	rule := func(path string) string {
		return "  - {path: '" + path + "', methods: [GET], accessStrategies: [{handler: noop}]}\n"
	}
	jwt := func(config string) string {
		return "  - {path: /a, methods: [GET], accessStrategies: [{handler: jwt, config: " + config + "}]}\n"
	}
	restricted := options(VirtualService)
	restricted.DefaultDomain, restricted.Domains, restricted.Blocked = "", []string{"example.com"}, []string{"kubernetes.default", "*.kube-system"}
	inside := options(None)
	inside.Proxy = "gatehouse.iam.svc.inside.example"
	for _, test := range []struct {
		o    *Options
		spec string
		why  []string
	}{
		{restricted, with("host: orders", open), []string{"no domain"}},
		{restricted, with("host: orders.example.org", open), []string{"none of the domains"}},
		{restricted, with("host: notexample.com", open), []string{"none of the domains"}},
		{restricted, with("host: example.com.evil.org", open), []string{"none of the domains"}},
		{restricted, with("host: a[b.example.com", open), []string{"no name of a host"}},
		{options(None), with("host: payments.prod.svc.cluster.local", open), []string{"of the cluster's own"}},
		{options(None), with("host: payments.prod.svc", open), []string{"of the cluster's own"}},
		{inside, with("host: Payments.prod.svc.Inside.example", open), []string{"of the cluster's own"}},
		{options(VirtualService), "host: a.example.com\ngateway: mesh\nservice: {name: orders, port: 80}\nrules:\n" + open, []string{"every proxy within the mesh"}},
		{restricted, "host: a.example.com\ngateway: m/p\nservice: {name: kubernetes, namespace: default, port: 443}\nrules:\n" + open, []string{"lets no APIRule lead to service kubernetes"}},
		{restricted, "host: a.example.com\ngateway: m/p\nservice: {name: dns, namespace: kube-system, port: 53}\nrules:\n" + open, []string{"namespace kube-system"}},
		{restricted, "host: a.example.com\ngateway: m/p\nservice: {name: 'a/b', port: 53}\nrules:\n" + open, []string{"no name of a Service"}},
		{restricted, "host: a.example.com\ngateway: m/p\nrules:\n" + open, []string{"has no service"}},
		{restricted, with("host: a.example.com", open+open), []string{"rules[1] has path /a with method GET, which rules[0] has"}},
		{restricted, with("host: a.example.com", rule("a")), []string{"begin with a slash"}},
		{restricted, with("host: a.example.com", rule("/a|/b")), []string{"brackets"}},
		{restricted, with("host: a.example.com", rule("/?a")), []string{"has to be there"}},
		{restricted, with("host: a.example.com", rule("/a<.*>")), []string{"must not have <"}},
		{restricted, with("host: a.example.com", rule("/a(")), []string{"no regular expression"}},
		{restricted, with("host: a.example.com", rule("/(?!a).*")), []string{"no regular expression that Istio knows"}},
		{restricted, with("host: a.example.com", "  - {path: /a, methods: [GET], accessStrategies: [{handler: allow}, {handler: jwt}]}\n"), []string{"no other can stand beside them"}},
		{restricted, with("host: a.example.com", jwt("{authentications: [{issuer: i, jwksUri: u}, {issuer: j, jwksUri: v}]}")), []string{"an access strategy jwt for each"}},
		{restricted, with("host: a.example.com", jwt("{authentications: [{issuer: i}]}")), []string{"needs issuer and jwksUri"}},
		{restricted, with("host: a.example.com", jwt("{authorizations: [{audiences: [a]}]}")), []string{"whose tokens count"}},
		{restricted, with("host: a.example.com", jwt("{authentications: [{issuer: i, jwksUri: u}], authorizations: [{audiences: [a]}, {audiences: [b]}]}")), []string{"several authorizations"}},
		{restricted, with("host: a.example.com", jwt("{authentications: [{issuer: i, jwksUri: u, fromParams: [a, b]}]}")), []string{"one place"}},
		{restricted, with("host: a.example.com\ncorsPolicy: {allowOrigins: [{like: x}]}", open), []string{"none of exact, prefix and regex"}},
		{options(HTTPRoute), with("host: a.example.com\ncorsPolicy: {allowOrigins: [{prefix: 'https://'}]}", open), []string{"an HTTPRoute knows exact"}},
		{options(Ingress), with("host: a.example.com\ncorsPolicy: {allowOrigins: [{exact: 'https://x'}]}", open), []string{"no place in an Ingress"}},
		{restricted, with("host: orders", open+open+rule("b")), []string{"no domain", "rules[1]", "begin with a slash"}},
	} {
		_, err := test.o.Translate(described(t, test.spec))
		if err == nil {
			t.Errorf("nothing is wrong with:%s", test.spec)
			continue
		}
		for _, why := range test.why {
			if !strings.Contains(err.Error(), why) {
				t.Errorf("%q does not say %q", err, why)
			}
		}
	}
}

// What Kyma has Istio check is checked by access rules here.
func TestIstioForms(t *testing.T) {
	outcome, err := options(None).Translate(described(t, `
host: a.example.com
gateway: mesh/public
service: {name: orders, port: 80}
rules:
  - path: /.*
    methods: [GET]
    accessStrategies:
      - handler: jwt
        config:
          authentications: [{issuer: https://id.example.com/, jwksUri: https://id.example.com/keys, fromHeaders: [{name: X-Token}]}]
          authorizations: [{requiredScopes: [a, b], audiences: [c]}]
    mutators: [{handler: header, config: {headers: {X-Auth: "%REQ(Authorization)%", X-Data: text}}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	for want, got := range map[string]json.RawMessage{
		`{"jwks_urls":["https://id.example.com/keys"],"trusted_issuers":["https://id.example.com/"],"required_scope":["a","b"],"scope_strategy":"exact","target_audience":["c"],"token_from":{"header":"X-Token"}}`: outcome.Rules[0].Authenticators[0].Config,
		`{"headers":{"X-Auth":"{{ .MatchContext.Header.Get \"Authorization\" }}","X-Data":"text"}}`:                                                                                                                 outcome.Rules[0].Mutators[0].Config,
	} {
		if string(got) != want {
			t.Errorf("%s\nand not\n%s", got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	if err := options(HTTPRoute).Validate(); err != nil {
		t.Error(err)
	}
	for why, o := range map[string]Options{
		"one of none":        {Route: "gateway"},
		"name and namespace": {Route: Ingress, Proxy: "gatehouse", ProxyPort: 80},
		"1 to 65535":         {Route: Ingress, Proxy: "gatehouse.iam"},
		"no domain":          {Route: None, Domains: []string{"*.example.com"}},
		"names no Gateway":   {Route: None, ParentGateway: "public"},
		"no place":           {Route: Ingress, Proxy: "a.b", ProxyPort: 80, CORS: new(gateway.CorsPolicy)},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, and it should say %q", err, why)
		}
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a-long-name.", 12) + "x"
	for _, name := range []string{"orders", long} {
		if label := labelOf("shop", name); len(label) > longestLabel {
			t.Errorf("label %s has %d characters", label, len(label))
		}
		if child := childName("shop", name); len(child) > longestLabel || child == childName("other", name) {
			t.Errorf("name %s", child)
		}
	}
	if got := labelOf("shop", "orders"); got != "orders.shop" {
		t.Errorf("label %s", got)
	}
}

// An APIRule that makes no sense claims its host nevertheless, unless it is the host that makes none.
func TestFaultyAPIRulesClaimTheirHost(t *testing.T) {
	o := options(None)
	o.Domains = []string{"example.com"}
	for host, want := range map[string][]string{"orders": {"orders.example.com"}, "Orders.example.com": {"orders.example.com"}, "example.org": nil, "a[b": nil, "": nil} {
		of := described(t, "host: '"+host+"'\ngateway: m/p\nrules: []\n")
		if d := cmp.Diff(want, o.claimed(&of.Spec)); d != "" {
			t.Errorf("%s: %s", host, d)
		}
	}
}
