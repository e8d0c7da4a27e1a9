package engine

import (
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// given makes a rule one that came by the admin API.
func given(id string, m access.Match) access.Rule {
	r := openRule(id, m)
	r.Source = access.APISource + "default"
	return r
}

// What rules of files may, those of the API may not without the operator's word.
func TestRulesOfTheAPIAreBounded(t *testing.T) {
	lookAround := access.Match{URL: "https://h/<(?!admin).*>"}
	allowed := func(o *Options) { o.API.Backtracking = true }
	upstream := func(url string) func(*access.Rule) { return func(r *access.Rule) { r.Upstream.URL = url } }
	settings := func(text string) func(*access.Rule) {
		return func(r *access.Rule) { r.Authenticators[0].Config = json.RawMessage(text) }
	}
	few := func(o *Options) { o.API.UpstreamHosts = []string{"*.acme.svc", "**.example.com", "backend"} }
	public := func(o *Options) {
		o.API.Upstreams = fetch.BoundsConfig{DisallowPrivateIPRanges: true, Networks: []string{"10.1.0.0/16"}}
	}
	for name, c := range map[string]struct {
		match  access.Match
		change func(*access.Rule)
		config func(*Options)
		file   bool   // also refused for rules of files
		want   string // of the fault; "" where there is none
	}{
		"look-around":                 {match: lookAround, want: "match.url: has an expression that is matched by backtracking"},
		"a reference":                 {match: access.Match{URL: `https://h/<(a)\1>`}, want: "match.url: has an expression that is matched by backtracking"},
		"a subtraction":               {match: access.Match{URL: `https://h/<[a-z-[b]]>`}, want: "match.url: has an expression that is matched by backtracking"},
		"look-around, permitted":      {match: lookAround, config: allowed},
		"look-around in a header":     {match: access.Match{Path: "/", Headers: map[string]string{"x-a": "<(?!b).*>"}}, want: "match.headers.X-A: has an expression that is matched by backtracking"},
		"look-around in a query":      {match: access.Match{Path: "/", Query: map[string]string{"q": "<(?!b).*>"}}, want: "match.query.q: has an expression that is matched by backtracking"},
		"an expression that is large": {match: access.Match{URL: "https://h/<((ab|cd|ef){30}){30}>"}, want: "match.url: has expressions of "},
		"usual expressions":           {match: access.Match{URL: "https://<[a-z0-9-]{1,63}>.h/<[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}>/<.*>"}},

		"metadata as upstream":    {change: upstream("http://169.254.169.254/latest"), file: true, want: "upstream.url: names the address 169.254.169.254"},
		"mapped metadata":         {change: upstream("http://[::ffff:169.254.169.254]/"), file: true, want: "upstream.url: names the address"},
		"an upstream inside":      {change: upstream("http://10.0.0.7:8080")},
		"public ones only":        {change: upstream("http://10.0.0.7:8080"), config: public, want: "upstream.url: names the address 10.0.0.7"},
		"a network that is named": {change: upstream("http://10.1.0.7:8080"), config: public},
		"this machine":            {change: upstream("http://LOCALHOST.:8080"), config: public, want: "upstream.url: names the address localhost"},
		"one of the hosts":        {change: upstream("http://orders.acme.svc"), config: few},
		"below one of the hosts":  {change: upstream("http://a.b.example.com"), config: few},
		"the host":                {change: upstream("http://BACKEND"), config: few},
		"two labels below":        {change: upstream("http://a.b.acme.svc"), config: few, want: `upstream.url: names the host "a.b.acme.svc", which is not among`},
		"another host":            {change: upstream("http://evilexample.com"), config: few, want: "is not among those of access.rules.api.upstream_hosts"},

		"a file in a list":   {change: settings(`{"jwks_urls":["https://a/b","file:///etc/passwd"]}`), want: "authenticators[0].config.jwks_urls[1]: names a file"},
		"a file, spelled so": {change: settings(`{"a":{"b":" FILE:/etc/passwd"}}`), want: "authenticators[0].config.a.b: names a file"},
		"a file for errors": {change: func(r *access.Rule) {
			r.Errors = []access.ErrorHandler{{Handler: "redirect", Config: json.RawMessage(`{"to":"file:///a"}`)}}
		}, file: true, want: "config.to: "},
	} {
		t.Run(name, func(t *testing.T) {
			e := coreEngine(func(o *Options) {
				if c.config != nil {
					c.config(o)
				}
				if faults := o.API.Validate(); len(faults) > 0 {
					t.Fatal(faults)
				}
				o.Kinds.Authenticators["noop"] = func(access.Settings) (access.Authenticator, error) { return fixedAuthenticator{}, nil }
				reach := o.API.NewReach(false, nil)
				o.Reach = &reach
			})
			if c.match.URL+c.match.Path == "" {
				c.match.URL = "https://h/a"
			}
			for _, api := range []bool{true, false} {
				r := given("it", c.match)
				if !api {
					r.Source = "file:///etc/rules.yaml"
				}
				if c.change != nil {
					c.change(&r)
				}
				_, err := e.Check(t.Context(), []access.Rule{r})
				refused := c.want != "" && (api || c.file)
				if refused != (err != nil) || refused && !strings.Contains(err.Error(), c.want) {
					t.Errorf("by the API: %t: %v", api, err)
				}
			}
		})
	}
	for _, bad := range []APIConfig{{UpstreamHosts: []string{""}}, {UpstreamHosts: []string{"a b"}}, {Upstreams: fetch.BoundsConfig{Networks: []string{"here"}}}} {
		if len(bad.Validate()) == 0 {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// The settings of the operator may name files, also where rules of the API use them.
func TestConfiguredFilesServeRulesOfTheAPI(t *testing.T) {
	kinds := coreKinds()
	kinds.Authenticators["noop"] = func(access.Settings) (access.Authenticator, error) { return fixedAuthenticator{}, nil }
	raw, err := access.NewRawSettings(`{"jwks_urls": ["file:///etc/keys.json"]}`)
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	c.Authenticators = map[string]access.HandlerConfig{"noop": {Config: raw}}
	if _, err := New(Options{Kinds: kinds, Config: c}).Check(t.Context(), []access.Rule{given("it", access.Match{Path: "/"})}); err != nil {
		t.Error(err)
	}
}

// tooLong is a path for which slowly does not end.
var tooLong = strings.Repeat("a", 60)

const slowly = "<(?!z)(a+)+(?!)>"

// An expression without end is its rule's own misfortune: other tenants' requests do not wait for it, and rules of a higher
// priority are found.
func TestSlowExpressionsAreTheirRulesOwn(t *testing.T) {
	e := coreEngine(func(o *Options) { o.API.Backtracking = true })
	of := func(id tenant.ID, priority int, r access.Rule) access.Rule {
		r.Tenant, r.Priority = id, priority
		return r
	}
	loadRules(t, e,
		of("evil", 5, given("slow", access.Match{URL: "http://<[^/]*>evil.example.com/" + slowly})), of("evil", 0, given("rest", access.Match{URL: "http://evil.example.com/<.*>"})),
		of("evil", 9, given("first", access.Match{URL: "http://evil.example.com/" + tooLong, Methods: []string{"POST"}})),
		of("evil", 5, given("slow-post", access.Match{URL: "http://evil.example.com/" + slowly, Methods: []string{"POST"}})),
		of("victim", 0, given("own", access.Match{URL: "http://victim.example.com/<.*>"})),
	)
	for _, c := range [][3]string{
		{"GET", "http://evil.example.com/" + tooLong, "unavailable"}, {"GET", "http://evil.example.com/b", "rest"},
		{"GET", "http://victim.example.com/" + tooLong, "own"}, {"POST", "http://evil.example.com/" + tooLong, "first"},
	} {
		d := e.Decide(t.Context(), requestFor(t, c[0], c[1]))
		got := ruleOf(d)
		if d.Err != nil {
			got = d.Err.Code
		}
		if got != c[2] {
			t.Errorf("%s %.40s is %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// A value for which a condition's expression does not end is no way to another rule.
func TestSlowConditionsFailClosed(t *testing.T) {
	e := coreEngine()
	guard := openRule("guard", access.Match{URL: "http://h/<.*>", Headers: map[string]string{"X-A": slowly}})
	guard.Priority = 1
	loadRules(t, e, guard, openRule("rest", access.Match{URL: "http://h/<.*>"}))
	if d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/", "X-A", tooLong)); d.Err == nil || d.Err.Kind != fault.Unavailable {
		t.Errorf("%s %v", ruleOf(d), d.Err)
	}
	if d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/", "X-A", "b")); ruleOf(d) != "rest" {
		t.Errorf("%s %v", ruleOf(d), d.Err)
	}
}

// All expressions of a request share one bound, whoever wrote them; what was found without them is found.
func TestExpressionsShareOneBound(t *testing.T) {
	clock := time.Unix(0, 0)
	var steps time.Duration
	e := New(Options{Kinds: coreKinds(), Config: DefaultConfig(), Now: func() time.Time { clock = clock.Add(steps); return clock }})
	var rules []access.Rule
	for _, id := range []string{"a", "b", "c"} {
		rules = append(rules, openRule(id, access.Match{URL: "http://h/<(?!z)" + id + ".*>"}))
	}
	heavy := openRule("heavy", access.Match{URL: "http://h/x/<(a{30}){30}|b>"})
	text := openRule("text", access.Match{URL: "http://h/text"})
	loadRules(t, e, append(rules, heavy, text)...)
	if d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/c1")); ruleOf(d) != "c" {
		t.Fatalf("%s %v", ruleOf(d), d.Err)
	}
	steps = time.Second // each look at the clock finds that a second is gone; the first one begins
	for path, want := range map[string]string{"c1": "c", "text": "text", "x/" + strings.Repeat("a", 4000): "not_found"} {
		if got := ruleOf(e.Decide(t.Context(), requestFor(t, "GET", "http://h/"+path))); got != want {
			t.Errorf("%.20s is %s, want %s", path, got, want)
		}
	}
	f := effort{now: e.options.Now}
	if !f.spend(1, workAtOnce/2) || !f.look() || f.look() || f.spend(1, workAtOnce) {
		t.Error("there is no bound")
	}
	if none := (effort{}); !none.look() || !none.spend(1<<24, 16<<10) {
		t.Error("a bound without a clock")
	}
	both := openRule("both", access.Match{URL: "http://h/<(?!z)c.*>"})
	both.Priority = 1
	loadRules(t, e, append(rules, both)...)
	if d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/c1")); d.Err == nil || !errors.Is(d.Err, access.ErrUnavailable) {
		t.Errorf("%s %v", ruleOf(d), d.Err)
	}
}

func TestReach(t *testing.T) {
	refuse := func(to netip.AddrPort) bool { return to.Port() == 4445 }
	reach := APIConfig{Upstreams: fetch.BoundsConfig{Networks: []string{"127.0.0.0/8"}}}.NewReach(false, refuse)
	file, api := access.Rule{Source: "file:///a"}, given("a", access.Match{})
	for address, want := range map[string][2]bool{
		"127.0.0.1:80": {true, true}, "[::1]:80": {true, false}, "127.0.0.1:4445": {true, false}, "169.254.169.254:80": {}, "10.0.0.1:80": {true, true},
	} {
		got := [2]bool{reach.of(&file).Control("tcp", address, nil) == nil, reach.of(&api).Control("tcp", address, nil) == nil}
		if got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// A rule of another tenant that could not be compared does not hide one of this tenant that could not be compared either: what that one
// would have refused stays refused.
func TestSlowRulesOfOthersHideNone(t *testing.T) {
	e := coreEngine()
	of := func(id tenant.ID, name, url string, priority int, more map[string]string) access.Rule {
		r := openRule(name, access.Match{URL: url, Headers: map[string]string{"X-T": string(id)}})
		maps.Copy(r.Match.Headers, more)
		r.Tenant, r.Priority = id, priority
		return r
	}
	guard := of("acme", "guard", "http://h/<.*>", 1, map[string]string{"X-A": slowly})
	guard.Authorizer.Handler = "deny"
	loadRules(t, e, guard, of("acme", "rest", "http://h/<.*>", 0, nil), of("evil", "mask", "http://h/<.*>", 9, map[string]string{"X-A": slowly}))
	if d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/", "X-A", tooLong, "X-T", "acme")); d.Err == nil || d.Err.Kind != fault.Unavailable {
		t.Errorf("%s %v", ruleOf(d), d.Err)
	}
	if d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/", "X-A", "b", "X-T", "acme")); ruleOf(d) != "rest" {
		t.Errorf("%s %v", ruleOf(d), d.Err)
	}
}

// What the configuration has to show to its own services goes to no address that a rule of the API names.
func TestConfiguredCredentialsStayWithTheirAddresses(t *testing.T) {
	kinds := coreKinds()
	kinds.Authenticators["noop"] = func(access.Settings) (access.Authenticator, error) { return fixedAuthenticator{}, nil }
	const (
		headers = `{"introspection_url": "https://idp/introspect", "introspection_request_headers": {"Authorization": "Basic c2VjcmV0", "X-Forwarded-Proto": "https"}}`
		client  = `{"pre_authorization": {"enabled": true, "client_id": "door", "client_secret": "hush", "token_url": "https://idp/token"}, "prefix": "a"}`
		hydrate = `{"api": {"auth": {"basic": {"username": "door", "password": "hush"}}}}`
		plain   = `{"check_session_url": "https://idp/whoami", "additional_headers": {"X-Forwarded-Proto": "https"}, "password": ""}`
	)
	for name, c := range map[string]struct{ config, rule, want string }{
		"another endpoint":                 {headers, `{"introspection_url": "https://evil"}`, "config.introspection_url: is an address of the rule's own, to which introspection_request_headers.Authorization"},
		"the same endpoint":                {headers, `{"introspection_url": "https://idp/introspect", "prefix": "x"}`, ""},
		"with a header of its own":         {headers, `{"introspection_url": "https://evil", "introspection_request_headers": {"Authorization": "mine"}}`, ""},
		"with a header in another case":    {headers, `{"introspection_url": "HTTPS://evil", "introspection_request_headers": {"authorization": "mine"}}`, "is an address of the rule's own"},
		"with a header more":               {headers, `{"introspection_url": "https://evil", "introspection_request_headers": {"X-A": "https://a"}}`, "is an address of the rule's own"},
		"without headers":                  {headers, `{"introspection_url": "http://evil", "introspection_request_headers": null}`, ""},
		"a header that holds a URL":        {headers, `{"introspection_request_headers": {"X-A": "https://a"}}`, ""},
		"where tokens are asked for":       {client, `{"pre_authorization": {"token_url": "https://evil"}}`, "pre_authorization.token_url: is an address"},
		"where tokens are shown":           {client, `{"introspection_url": "https://evil"}`, "to which pre_authorization.client_secret of the configuration"},
		"a client of its own":              {client, `{"introspection_url": "https://evil", "pre_authorization": {"token_url": "https://evil", "client_id": "a", "client_secret": "b"}}`, ""},
		"a password without an address":    {hydrate, `{"api": {"url": "https://evil"}}`, "config.api.url: is an address of the rule's own, to which api.auth.basic.password"},
		"nothing to lose":                  {`{"check_session_url": "https://idp/whoami", "additional_headers": {"x-forwarded-proto": "https"}}`, `{"check_session_url": "https://other"}`, ""},
		"nothing configured":               {`{}`, `{"check_session_url": "https://other", "additional_headers": {"Authorization": "mine"}}`, ""},
		"a word that only is like a URL":   {hydrate, `{"claims": "see https://a"}`, ""},
		"a member that may hold a secret":  {plain, `{"check_session_url": "https://other"}`, "is an address"},
		"something that is no group there": {headers, `{"introspection_request_headers": "https://a"}`, ""},
	} {
		raw, err := access.NewRawSettings(c.config)
		if err != nil {
			t.Fatal(err)
		}
		config := DefaultConfig()
		config.Authenticators = map[string]access.HandlerConfig{"noop": {Config: raw}}
		e := New(Options{Kinds: kinds, Config: config})
		for _, api := range []bool{true, false} {
			r := given("it", access.Match{Path: "/"})
			if !api {
				r.Source = "file:///etc/rules.yaml"
			}
			r.Authenticators[0].Config = json.RawMessage(c.rule)
			_, err := e.Check(t.Context(), []access.Rule{r})
			refused := c.want != "" && api
			if refused != (err != nil) || refused && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, by the API: %t: %v", name, api, err)
			}
			if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "c2Vj")) {
				t.Errorf("%s shows a secret: %v", name, err)
			}
		}
	}
}
