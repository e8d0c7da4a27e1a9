package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestAnEngineWithoutRulesRefuses(t *testing.T) {
	e := coreEngine()
	for _, rules := range [][]access.Rule{nil, {}} {
		d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/"))
		if !errors.Is(d.Err, access.ErrNoRule) || d.Err.Kind.Status() != 404 || d.Answer.Handler != access.ErrorJSON {
			t.Errorf("%+v", d)
		}
		loadRules(t, e, rules...)
	}
	if d := e.Decide(t.Context(), &access.Request{Method: "GET"}); !errors.Is(d.Err, access.ErrNoRule) {
		t.Errorf("without a target: %v", d.Err)
	}
}

// The order of the stages, and what ends a decision.
func TestStages(t *testing.T) {
	e := coreEngine()
	loadText(t, e, `
- id: open
  match: {url: "http://h/open", methods: [get]}
  authenticators: [{handler: bearer_token}, {handler: anonymous, config: {subject: guest}}]
  authorizer: {handler: allow}
  mutators: [{handler: header, config: {headers: {X-User: "{{ print .Subject }}", X-Path: "{{ .MatchContext.URL.Path }}"}}}]
- id: closed
  match: {url: "http://h/closed", methods: [GET]}
  authenticators: [{handler: bearer_token}]
  authorizer: {handler: deny}
- id: refused
  match: {url: "http://h/refused", methods: [GET]}
  authenticators: [{handler: unauthorized}, {handler: noop}]
  authorizer: {handler: allow}
- id: broken
  match: {url: "http://h/broken", methods: [GET]}
  authenticators: [{handler: noop}]
  authorizer: {handler: broken}
`)
	for _, c := range []struct {
		path, token, subject string
		status               int
	}{
		{"open", "", "guest", 200}, {"open", "ada", "ada", 200}, {"open", "bad", "", 401},
		{"closed", "", "", 401}, {"closed", "ada", "ada", 403}, {"refused", "ada", "", 401}, {"broken", "", "", 500}, {"other", "", "", 404},
	} {
		r := requestFor(t, "GET", "http://h/"+c.path)
		if c.token != "" {
			r.Header["Authorization"] = []string{c.token}
		}
		d := e.Decide(t.Context(), r)
		status, subject := 200, ""
		if d.Err != nil {
			status = d.Err.Kind.Status()
		}
		if d.Principal != nil {
			subject = d.Principal.Subject
		}
		if status != c.status || subject != c.subject || d.Allowed() != (c.status == 200) || (d.Answer == nil) != d.Allowed() {
			t.Errorf("%s as %q: %d %q", c.path, c.token, status, subject)
		}
		if c.path == "open" && d.Allowed() {
			want := access.Header{"X-User": {c.subject}, "X-Path": {"/open"}}
			if diff := cmp.Diff(want, d.Principal.Header); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"X-Kratos-Authenticated-Identity-Id", "X-Path", "X-User"}, d.Strip); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestPriorities(t *testing.T) {
	e := coreEngine()
	low, high, same := openRule("low", access.Match{URL: "http://h/<.*>"}), openRule("high", access.Match{URL: "http://h/a<.*>"}), openRule("same", access.Match{URL: "http://h/ab"})
	high.Priority, same.Priority = 10, -1
	loadRules(t, e, low, high, same)
	for path, want := range map[string]string{"x": "low", "a": "high", "ab": "high"} {
		if got := ruleOf(e.Decide(t.Context(), requestFor(t, "GET", "http://h/"+path))); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// A set with a fault is refused whole, with every fault, and the last good one stays in force.
func TestABadSetIsRefusedWhole(t *testing.T) {
	e := coreEngine(func(o *Options) {
		off := false
		o.Config.Authorizers = map[string]access.HandlerConfig{"deny": {Enabled: &off}}
	})
	loadRules(t, e, openRule("good", access.Match{URL: "http://h/<.*>"}))
	bad := func(id string, change func(*access.Rule)) access.Rule {
		r := openRule(id, access.Match{URL: "http://bad/" + id})
		r.Source = "file:///a.yaml"
		change(&r)
		return r
	}
	_, err := e.Load(t.Context(), []access.Rule{
		openRule("fine", access.Match{URL: "http://h/x"}),
		bad("", func(*access.Rule) {}),
		bad("twice", func(*access.Rule) {}), bad("twice", func(r *access.Rule) { r.Source = "api"; r.Match.URL += "b" }),
		bad("a", func(r *access.Rule) { r.Match.URL = "http://h/<(a>" }),
		bad("b", func(r *access.Rule) { r.Match.URL = "http://h/<a" }),
		bad("c", func(r *access.Rule) { r.Match = access.Match{Methods: []string{"GET"}} }),
		bad("d", func(r *access.Rule) { r.Match.Path = "/a" }),
		bad("e", func(r *access.Rule) { r.Match = access.Match{Hosts: []string{"a b", "*.*.c", ""}, Path: "/x{y}"} }),
		bad("f", func(r *access.Rule) { r.Match.Methods = []string{"GE T"} }),
		bad("g", func(r *access.Rule) { r.Authenticators = nil; r.Authorizer = access.HandlerRef{} }),
		bad("h", func(r *access.Rule) { r.Authenticators[0].Handler = "nop"; r.Authorizer.Handler = "deny" }),
		bad("i", func(r *access.Rule) {
			r.Authenticators = []access.HandlerRef{{Handler: "anonymous", Config: []byte(`{"subjekt":"x"}`)}}
		}),
		bad("j", func(r *access.Rule) {
			r.Mutators = []access.HandlerRef{{Handler: "header", Config: []byte(`{"headers":{"A":"{{ .X"}}`)}}
		}),
		bad("k", func(r *access.Rule) { r.Mutators = []access.HandlerRef{{Handler: "header", Config: []byte(`[]`)}} }),
		bad("l", func(r *access.Rule) { r.Errors = []access.ErrorHandler{{Handler: "jason"}} }),
		bad("m", func(r *access.Rule) { r.Upstream.URL = "ftp://x" }),
		bad("n", func(r *access.Rule) { r.Match.Headers = map[string]string{"X": "<(>"} }),
		bad("o", func(r *access.Rule) { r.Match = access.Match{Path: "/{**}/b"} }),
		bad("p", func(r *access.Rule) { r.Match = access.Match{Authority: "x"} }),
	})
	if err == nil {
		t.Fatal("loaded")
	}
	for _, want := range []string{
		`file:///a.yaml: id: is missing: rule 1 of the list needs a name of its own`,
		`api: rule twice: id: is that of a rule of file:///a.yaml too`,
		`rule a: match.url: the expression <(a>: missing closing )`,
		`rule b: match.url: has a < without a > after it`,
		`rule c: match.url: is missing`,
		`rule d: match.url: does not go with hosts, path`,
		`rule e: match.hosts[0]: "a b" is not a host name`, `rule e: match.hosts[1]: "*.c" is not a host name`, `rule e: match.hosts[2]: is empty`,
		`rule f: match.methods[0]: "GE T" is not an HTTP method`,
		`rule g: authenticators: is missing`, `rule g: authorizer.handler: is missing: write one of allow, broken, deny`,
		`rule h: authenticators[0].handler: "nop" is no authenticator; did you mean noop?`,
		`rule h: authorizer.handler: deny is switched off by access.authorizers.deny.enabled`,
		`rule i: authenticators[0].config: subjekt: is not known; did you mean subject?`,
		`rule j: mutators[0].config: headers.A: is no Go template`,
		`rule k: mutators[0].config: must be a group of settings`,
		`rule l: errors: [0]: handler: "jason" is no error handler; did you mean json?`,
		`rule m: upstream.url: must be an http, https or h2c URL`,
		`rule n: match.headers.X: the expression <(>`,
		`rule o: match.path: has {**} before its end`,
		`rule p: match.full_method: is missing`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%s", want, err)
		}
	}
	if got := ruleOf(e.Decide(t.Context(), requestFor(t, "GET", "http://h/x"))); got != "good" {
		t.Errorf("in force: %s", got)
	}
}

func TestReports(t *testing.T) {
	e := coreEngine()
	report := loadRules(t, e,
		openRule("host", access.Match{URL: "http://h/a/<[0-9]+>/<.*>"}), openRule("scan", access.Match{URL: "http://<.*>/b/c", Methods: []string{"PUT"}}),
		openRule("back", access.Match{URL: "https://h/a/<(?!b).*>"}), openRule("end", access.Match{Hosts: []string{"*.example.com"}, Path: "/{a}"}),
		openRule("never", access.Match{URL: "/api"}), openRule("bare", access.Match{URL: "http://bare"}), openRule("query", access.Match{URL: "http://h/q?a=<.*>"}),
		access.Rule{ID: "methods", Match: access.Match{URL: "http://h/m"}, Authenticators: []access.HandlerRef{{Handler: "noop"}}, Authorizer: access.HandlerRef{Handler: "allow"}},
	)
	var lines []string
	for _, r := range report.Rules {
		lines = append(lines, fmt.Sprintf("%s: %s %t %s", r.ID, r.Cost, r.Scanned, strings.Join(r.Warnings, "|")))
	}
	got := strings.Join(lines, "\n")
	for _, want := range []string{
		"host: host, 1 segment, 1 open segment, any rest, 1 expression false ",
		"scan: scanned for every request: an expression before the path can match a slash, so that neither host nor path can be looked up true ",
		"back: host, 1 segment, any rest, then an expression by backtracking false ",
		"end: end of the host, 1 open segment, 2 expressions false ",
		"never: none: it is never looked at false match.url: no request can match: it does not begin with a scheme",
		"false match.url: no request can match: it has no path",
		"match.url: the query is no part of what is compared: use match.query",
		"match.methods: no request can match: the list of methods is empty",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if len(e.Rules()) != 8 {
		t.Error("not all rules are in force")
	}
}

// The log names the rules that every request pays for, and those that may not do what they were written for, once.
func TestNotesOfRulesAreLogged(t *testing.T) {
	log := &testkit.Log{}
	e := coreEngine(func(o *Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) })
	rules := []access.Rule{openRule("scan", access.Match{URL: "http://<.*>/b"}), openRule("never", access.Match{URL: "http://bare"}), openRule("host", access.Match{URL: "http://h/a"})}
	for range 2 {
		loadRules(t, e, rules...)
	}
	if text := log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "number=2") || !strings.Contains(text, "scan: scanned for every request") || !strings.Contains(text, "never: match.url: no request can match") {
		t.Error(text)
	}
	loadRules(t, e, rules[2:]...)
	loadRules(t, e, rules...)
	if text := log.String(); strings.Count(text, "level=WARN") != 2 {
		t.Error(text)
	}
}

func TestExplain(t *testing.T) {
	e := coreEngine()
	guarded := openRule("guarded", access.Match{URL: "http://h/a/<[0-9]+>", Headers: map[string]string{"X-V": "1"}})
	guarded.Authenticators = []access.HandlerRef{{Handler: "bearer_token"}, {Handler: "noop"}}
	guarded.Authorizer.Handler = "deny"
	loadRules(t, e, guarded, openRule("letters", access.Match{URL: "http://h/a/<[a-z]+>"}), openRule("secure", access.Match{URL: "https://h/b", Methods: []string{"POST"}}))
	steps := func(method, url string, header ...string) string {
		var lines []string
		d := e.Explain(t.Context(), requestFor(t, method, url, header...))
		for _, s := range d.Steps {
			lines = append(lines, strings.Join([]string{s.Stage, s.Handler, s.Outcome, s.Reason}, " "))
		}
		return strings.Join(lines, "\n")
	}
	for _, c := range [][2]string{
		{steps("GET", "http://h/a/1", "X-V", "1"), `match guarded passed 
match letters skipped The pattern does not match.
authenticator bearer_token skipped The request carries no credential of this kind.
authenticator noop passed 
authorizer deny refused Access credentials are not sufficient to access this resource.
error json passed Access credentials are not sufficient to access this resource.`},
		{steps("GET", "http://h/a/1"), `match guarded skipped The pattern matches, but a header or a query parameter that the rule asks for does not.
match letters skipped The pattern does not match.
error json passed Requested url does not match any rules.`},
		{steps("GET", "http://h/b"), `match secure skipped The rule matches POST https://h/b, which is another method or scheme.
error json passed Requested url does not match any rules.`},
	} {
		if diff := cmp.Diff(c[1], c[0]); diff != "" {
			t.Error(diff)
		}
	}
}

// Rules of other tenants that do not match are not for the eyes of who tests.
func TestExplainHidesOtherTenants(t *testing.T) {
	e := coreEngine()
	secret := openRule("secret", access.Match{URL: "http://h/b/<[0-9]+>", Methods: []string{"GET"}})
	post := openRule("post", access.Match{URL: "http://h/c", Methods: []string{"POST"}})
	secret.Tenant, post.Tenant = "acme", "acme"
	loadRules(t, e, openRule("ours", access.Match{URL: "http://h/a"}), secret, post)
	for asker, want := range map[tenant.ID]bool{"acme": true, tenant.Default: false, "": true} {
		ctx := t.Context()
		if asker != "" {
			ctx = tenant.With(ctx, asker)
		}
		for path, name := range map[string]string{"/b/x": "acme/secret", "/c": "acme/post"} {
			d := e.Explain(ctx, requestFor(t, "GET", "http://h"+path))
			if got := slices.ContainsFunc(d.Steps, func(s access.Step) bool { return s.Handler == name }); got != want {
				t.Errorf("%q asks for %s: %+v", asker, path, d.Steps)
			}
		}
	}
}

// because refuses, or fails, with an error.
type because struct{ err error }

func (b because) Authorize(context.Context, *access.Request, *access.Principal) error { return b.err }

// Who tests a rule learns why a handler refused or failed, which the client does not.
func TestExplainSaysWhy(t *testing.T) {
	for _, c := range []struct {
		err           error
		outcome, want string
	}{
		{access.ErrForbidden.Because(errors.New(`the scope "read" was not granted`)), access.Refused,
			`Access credentials are not sufficient to access this resource: the scope "read" was not granted.`},
		{access.ErrForbidden.Because(errors.Join(errors.New("two"), errors.New("lines"))), access.Refused, "Access credentials are not sufficient to access this resource: two: lines."},
		{access.ErrForbidden, access.Refused, "Access credentials are not sufficient to access this resource."},
		{access.ErrUnavailable.Because(errors.New("dial db.internal:5432: refused")), access.Failed, "Access cannot be decided at the moment: dial db.internal:5432: refused."},
		{fmt.Errorf("ask: %w", access.ErrUnavailable.Because(errors.New("https://a.example.com/?token=hush said 500"))), access.Failed,
			"Access cannot be decided at the moment: ask: unavailable: Access cannot be decided at the moment.: https://a.example.com/?token=[redacted] said 500."},
		{access.ErrUnavailable.Because(errors.New(strings.Repeat("so long ", 1000))), access.Failed, "Access cannot be decided at the moment: " + strings.Repeat("so long ", 1000)[:500] + "…."},
	} {
		k := coreKinds()
		k.Authorizers["because"] = kindOf[access.Authorizer](because{c.err})
		e := New(Options{Kinds: k, Config: DefaultConfig()})
		rule := openRule("r", access.Match{URL: "http://h/"})
		rule.Authorizer.Handler = "because"
		loadRules(t, e, rule)
		d := e.Explain(t.Context(), requestFor(t, "GET", "http://h/"))
		if !slices.ContainsFunc(d.Steps, func(s access.Step) bool {
			return s.Stage == "authorizer" && s.Outcome == c.outcome && s.Reason == c.want
		}) {
			t.Errorf("%v: %+v", c.err, d.Steps)
		}
		if answered := d.Steps[len(d.Steps)-1]; answered.Stage != "error" || answered.Reason != d.Err.Message {
			t.Errorf("%v is answered with %+v", c.err, answered)
		}
	}
}

// tenantTeller refuses with the tenant that it runs for.
type tenantTeller struct{ closed atomic.Int32 }

func (*tenantTeller) Authorize(ctx context.Context, _ *access.Request, _ *access.Principal) error {
	id, _ := tenant.From(ctx)
	_, cancellable := ctx.Deadline()
	return access.ErrForbidden.Withf("%s %v %t", id, ctx.Value(tenantTeller{}), cancellable)
}

func (t *tenantTeller) Close() { t.closed.Add(1) }

func TestHandlersRunForTheRulesTenant(t *testing.T) {
	k := coreKinds()
	k.Authorizers["teller"] = kindOf[access.Authorizer](&tenantTeller{})
	e := New(Options{Kinds: k, Config: DefaultConfig()})
	var rules []access.Rule
	for _, id := range []tenant.ID{"", "acme"} {
		r := openRule("r", access.Match{URL: fmt.Sprintf("http://%sh/", id)})
		r.Tenant, r.Authorizer.Handler = id, "teller"
		rules = append(rules, r)
	}
	loadRules(t, e, rules...)
	ctx := tenant.With(context.WithValue(t.Context(), tenantTeller{}, "kept"), "other")
	for host, want := range map[string]string{"h": "default kept false", "acmeh": "acme kept false"} {
		d := e.Decide(ctx, requestFor(t, "GET", "http://"+host+"/"))
		if d.Err == nil || d.Err.Message != want || string(d.Tenant) != strings.Fields(want)[0] {
			t.Errorf("%s: %v", host, d.Err)
		}
	}
}

// anxious is an authenticator whose settings may not be meant.
type anxious struct{ fixedAuthenticator }

func (anxious) Warnings() []string { return []string{"subject: is everybody"} }

func TestHandlersWarn(t *testing.T) {
	k := coreKinds()
	k.Authenticators["anxious"] = kindOf[access.Authenticator](anxious{})
	e := New(Options{Kinds: k, Config: DefaultConfig()})
	var rules []access.Rule
	for _, id := range []string{"a", "b"} {
		r := openRule(id, access.Match{URL: "http://h/" + id})
		r.Authenticators = append(r.Authenticators, access.HandlerRef{Handler: "anxious"})
		rules = append(rules, r)
	}
	for _, r := range loadRules(t, e, rules...).Rules {
		if !slices.Equal(r.Warnings, []string{"authenticators[1].config.subject: is everybody"}) {
			t.Errorf("%s: %v", r.ID, r.Warnings)
		}
	}
	// Who tests the rule hears of it, too.
	steps := e.Explain(t.Context(), requestFor(t, "GET", "http://h/a")).Steps
	if !slices.Contains(steps, access.Step{Stage: "warning", Outcome: "noted", Reason: "authenticators[1].config.subject: is everybody"}) {
		t.Errorf("%+v", steps)
	}
}

// Rules that say the same share a handler, also before and after a change; who is not needed any more is closed.
func TestHandlersAreShared(t *testing.T) {
	var made []*tenantTeller
	k := coreKinds()
	k.Authorizers["teller"] = func(s access.Settings) (access.Authorizer, error) {
		made = append(made, &tenantTeller{})
		return made[len(made)-1], s.Decode(&struct {
			A, B int
		}{})
	}
	e := New(Options{Kinds: k, Config: DefaultConfig()})
	rule := func(id, config string) access.Rule {
		r := openRule(id, access.Match{URL: "http://h/" + id})
		r.Authorizer = access.HandlerRef{Handler: "teller", Config: []byte(config)}
		return r
	}
	loadRules(t, e, rule("a", `{"A":1,"B":2}`), rule("b", `{"B": 2, "A": 1}`), rule("c", `{"A":2}`))
	if len(made) != 2 {
		t.Fatalf("%d made", len(made))
	}
	loadRules(t, e, rule("a", `{"A":1,"B":2}`))
	if len(made) != 2 || made[0].closed.Load() != 0 || made[1].closed.Load() != 1 {
		t.Errorf("%d made, closed %d and %d times", len(made), made[0].closed.Load(), made[1].closed.Load())
	}
	if _, err := e.Check(t.Context(), []access.Rule{rule("a", `{"A":1,"B":2}`), rule("d", `{"A":3}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), []access.Rule{rule("a", `{"A":4}`), {}}); err == nil {
		t.Fatal("loaded")
	}
	if len(made) != 4 || made[0].closed.Load() != 0 || made[2].closed.Load() != 1 || made[3].closed.Load() != 1 {
		t.Error("what was made to look is not closed, or what is needed is")
	}
}

// silent is an authenticator with a mistake.
type silent struct{}

func (silent) Authenticate(context.Context, *access.Request) (*access.Principal, error) {
	return nil, nil
}

func TestAMistakeOfAHandlerFailsClosed(t *testing.T) {
	k := coreKinds()
	k.Authenticators["silent"] = kindOf[access.Authenticator](silent{})
	e := New(Options{Kinds: k, Config: DefaultConfig()})
	r := openRule("r", access.Match{URL: "http://h/"})
	r.Authenticators[0].Handler = "silent"
	loadRules(t, e, r)
	if d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/")); d.Err == nil || d.Err.Kind != fault.Internal {
		t.Errorf("%+v", d)
	}
}

// An expression that takes too long turns the request away: it might have been the rule of higher priority.
func TestAnExpressionWithoutEndFailsClosed(t *testing.T) {
	e := coreEngine(useBoth)
	slow := openRule("slow", access.Match{URL: "http://h/<(?!z)(a+)+(?!)>"})
	slow.Priority = 1
	loadRules(t, e, slow, openRule("all", access.Match{URL: "http://h/<.*>"}))
	d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/"+strings.Repeat("a", 60)))
	if d.Allowed() || d.Err.Kind != fault.Unavailable {
		t.Errorf("%s %v", ruleOf(d), d.Err)
	}
	// Where the expression's wider one says that it cannot match, nothing is tried.
	if d := e.Decide(t.Context(), requestFor(t, "GET", "http://h/"+strings.Repeat("a", 60)+"!")); ruleOf(d) != "all" {
		t.Errorf("%s %v", ruleOf(d), d.Err)
	}
}

// Under a load of decisions the rules are swapped: every decision sees one whole set, the one before or the one after.
func TestSwapUnderLoad(t *testing.T) {
	e := coreEngine()
	set := func(n int) []access.Rule {
		var rules []access.Rule
		for i := range 20 {
			r := openRule(fmt.Sprintf("s%d-%d", n, i), access.Match{URL: fmt.Sprintf("http://h/%d/<[a-z]+>", i)})
			r.Mutators = []access.HandlerRef{{Handler: "header", Config: fmt.Appendf(nil, `{"headers":{"X-Set":"%d"}}`, n)}}
			rules = append(rules, r)
		}
		return rules
	}
	loadRules(t, e, set(0)...)
	var group sync.WaitGroup
	var stop atomic.Bool
	for w := range 4 {
		request := requestFor(t, "GET", fmt.Sprintf("http://h/%d/abc", w*5))
		group.Go(func() {
			last := -1
			for !stop.Load() {
				d := e.Decide(context.Background(), request)
				var n, i int
				if d.Err != nil {
					t.Errorf("refused: %v", d.Err)
					return
				}
				if _, err := fmt.Sscanf(d.Rule.ID, "s%d-%d", &n, &i); err != nil || d.Principal.Header["X-Set"][0] != fmt.Sprint(n) || n < last {
					t.Errorf("%s after %d: %v", d.Rule.ID, last, d.Principal.Header)
					return
				}
				last = n
			}
		})
	}
	for n := 1; n <= 30; n++ {
		loadRules(t, e, set(n)...)
	}
	stop.Store(true)
	group.Wait()
}

// The example of Oathkeeper's documentation.
func TestRulesAsTheyAreWritten(t *testing.T) {
	e := coreEngine()
	loadText(t, e, `{
		"id": "some-id", "version": "v0.36.0-beta.4", "upstream": {"url": "http://my-backend-service", "preserve_host": true, "strip_path": "/api/v1"},
		"match": {"url": "http://my-app/some-route/<.*>", "methods": ["GET", "POST"]}, "authenticators": [{ "handler": "noop" }],
		"authorizer": { "handler": "allow" }, "mutators": [{ "handler": "noop" }], "errors": [{ "handler": "json" }]
	}`)
	if got := ruleOf(e.Decide(t.Context(), requestFor(t, "POST", "http://my-app/some-route/x"))); got != "some-id" {
		t.Error(got)
	}
}
