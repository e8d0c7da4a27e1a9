package door_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// The handlers of these tests: who asks says so in a header, and is told to the application.
type (
	byHeader struct{}
	nobody   struct{}
	allow    struct{}
	onlyAda  struct{}
	teller   struct{}
)

func (byHeader) Authenticate(_ context.Context, r *access.Request) (*access.Principal, error) {
	switch name := r.Header.Get("Authorization"); name {
	case "":
		return nil, access.ErrNotResponsible
	case "bad":
		return nil, access.ErrUnauthorized
	case "unproven":
		return nil, access.ErrUnauthorized.Because(needsProof{})
	case "limited":
		return nil, &fetch.LimitedError{RetryAfter: time.Minute, Header: map[string][]string{"Retry-After": {"60"}, "X-Ratelimit-Remaining": {"0"}}}
	case "often":
		return nil, access.ErrUnauthorized.After(90 * time.Second)
	case "broken":
		return nil, errors.New("the database is gone: password=secret")
	default:
		return &access.Principal{Subject: name}, nil
	}
}

func (nobody) Authenticate(context.Context, *access.Request) (*access.Principal, error) {
	return &access.Principal{}, nil
}

func (allow) Authorize(context.Context, *access.Request, *access.Principal) error { return nil }

func (onlyAda) Authorize(_ context.Context, r *access.Request, p *access.Principal) error {
	if p.Subject != "ada" {
		return access.ErrForbidden
	}
	if r.Method == "PUT" {
		body, err := r.Body(8)
		if err != nil {
			return err
		}
		if string(body) != "please" {
			return access.ErrForbidden
		}
	}
	return nil
}

func (teller) Mutate(_ context.Context, _ *access.Request, p *access.Principal) error {
	p.Header = access.Header{"X-User": {p.Subject}}
	p.Cookies = map[string]string{"who": p.Subject}
	return nil
}

// needsProof knows how the client is to prove who it is.
type needsProof struct{}

func (needsProof) Error() string     { return "no proof" }
func (needsProof) Challenge() string { return `DPoP error="invalid_dpop_proof"` }

func always[T any](v T) access.Kind[T] { return func(access.Settings) (T, error) { return v, nil } }

func engineOf(t testing.TB, rules string) *engine.Engine {
	t.Helper()
	e := engine.New(engine.Options{
		Kinds: access.Kinds{
			Authenticators: map[string]access.Kind[access.Authenticator]{"header": always[access.Authenticator](byHeader{}), "noop": always[access.Authenticator](nobody{})},
			Authorizers:    map[string]access.Kind[access.Authorizer]{"allow": always[access.Authorizer](allow{}), "ada": always[access.Authorizer](onlyAda{})},
			Mutators:       map[string]access.Kind[access.Mutator]{"tell": always[access.Mutator](teller{})},
		},
		Now: time.Now, Config: engine.Config{StripHeaders: []string{"x-user"}},
	})
	var list []access.Rule
	if err := json.Unmarshal([]byte(rules), &list); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return e
}

const doorRules = `[
	{"id":"open","match":{"url":"http://app.example.com/open/<.*>","methods":["GET"]},"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"mutators":[]},
	{"id":"closed","match":{"url":"<https?>://app.example.com/closed<.*>","methods":["GET","PUT"]},"authenticators":[{"handler":"header"}],"authorizer":{"handler":"ada"},"mutators":[{"handler":"tell"}]},
	{"id":"away","match":{"url":"http://app.example.com/away","methods":["GET"]},"authenticators":[{"handler":"header"}],"authorizer":{"handler":"allow"},"mutators":[],
	 "errors":[{"handler":"redirect","config":{"to":"https://login.example.com/?a=b","return_to_query_param":"return_to"}}]},
	{"id":"basic","match":{"url":"http://app.example.com/basic","methods":["GET"]},"authenticators":[{"handler":"header"}],"authorizer":{"handler":"allow"},"mutators":[],
	 "errors":[{"handler":"www_authenticate","config":{"realm":"The \"gate\""}}]},
	{"id":"verbose","match":{"url":"http://app.example.com/verbose","methods":["GET"]},"authenticators":[{"handler":"header"}],"authorizer":{"handler":"ada"},"mutators":[],
	 "errors":[{"handler":"json","config":{"verbose":true}}]}
]`

// events keeps what a door records.
type events struct {
	mu   sync.Mutex
	list []flow.Event
}

func (e *events) record(v flow.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, v)
}

// last is the newest event, of which there are n. A proxy records when the answer has left, which its client may know before.
func (e *events) last(t *testing.T, n int) flow.Event {
	t.Helper()
	var list []flow.Event
	testkit.Eventually(t, fmt.Sprint(n, " events"), func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		list = e.list
		return len(list) >= n
	})
	return list[len(list)-1]
}

func decisions(t *testing.T, recorded *events) http.Handler {
	d := &door.Decisions{Door: door.Door{
		Name: "decisions", Engine: engineOf(t, doorRules), Record: recorded.record, Now: time.Now,
	}}
	return web.NewRaw("decisions", web.KratosErrors, web.Options{TrustedProxies: web.Networks{"192.0.2.1"}, Log: slog.New(slog.DiscardHandler)}, d.Serve)
}

func TestDecisions(t *testing.T) {
	var recorded events
	h := decisions(t, &recorded)
	decided := 0
	asked := func(method, proto, uri string) []string {
		return []string{"X-Forwarded-Method", method, "X-Forwarded-Proto", proto, "X-Forwarded-Host", "app.example.com", "X-Forwarded-Uri", uri}
	}
	own := []string{"Host", "app.example.com"}
	with := func(list []string, more ...string) []string { return append(slices.Clone(list), more...) }
	for name, c := range map[string]struct {
		method, target string
		headers        []string
		want           int
		rule, reason   string
	}{
		"as Envoy asks":                {"GET", "/decisions/open/a?b=c", own, 200, "open", ""},
		"as Traefik asks":              {"GET", "/decisions", asked("GET", "http", "/open/a?b=c"), 200, "open", ""},
		"as Traefik asks, WebSocket":   {"GET", "/decisions", with(asked("GET", "wss", "/closed"), "Authorization", "ada"), 200, "closed", ""},
		"another method":               {"GET", "/decisions", asked("DELETE", "http", "/open/a"), 404, "", "not_found"},
		"nobody":                       {"GET", "/decisions", asked("GET", "http", "/closed"), 401, "closed", "unauthorized"},
		"a bad credential":             {"GET", "/decisions", with(asked("GET", "http", "/closed"), "Authorization", "bad"), 401, "closed", ""},
		"somebody else":                {"GET", "/decisions", with(asked("GET", "http", "/closed"), "Authorization", "bob"), 403, "closed", "forbidden"},
		"something is broken":          {"GET", "/decisions", with(asked("GET", "http", "/closed"), "Authorization", "broken"), 500, "closed", ""},
		"no rule":                      {"GET", "/decisions", asked("GET", "http", "/"), 404, "", ""},
		"no rule for the scheme":       {"GET", "/decisions", asked("GET", "https", "/open/a"), 404, "", ""},
		"empty segments":               {"GET", "/decisions", asked("GET", "http", "/open//a"), 403, "", "unnormalized_path"},
		"dot segments":                 {"GET", "/decisions", asked("GET", "http", "/open/../closed"), 403, "", ""},
		"dot segments, encoded":        {"GET", "/decisions", asked("GET", "http", "/open/%2e%2e/closed"), 403, "", ""},
		"a slash, encoded":             {"GET", "/decisions", asked("GET", "http", "/open/..%2fclosed"), 400, "", "ambiguous_url"},
		"a method without a path":      {"GET", "/decisions", with(own, "X-Forwarded-Method", "PUT"), 400, "", "half_asked"},
		"a path without a method":      {"GET", "/decisions", with(own, "X-Forwarded-Uri", "/open/b"), 400, "", "half_asked"},
		"a method in lower case":       {"GET", "/decisions", asked("get", "http", "/open/a"), 404, "", ""},
		"two methods":                  {"GET", "/decisions", with(asked("GET", "http", "/open/a"), "X-Forwarded-Method", "PUT"), 400, "", "many_asked"},
		"a stranger's headers":         {"GET", "/decisions/closed", with(asked("GET", "http", "/open/a"), "peer", "198.51.100.7:1", "Host", "app.example.com"), 401, "closed", ""},
		"the body, which is forwarded": {"PUT", "/decisions/closed", with(own, "Authorization", "ada"), 200, "closed", ""},
		// A proxy that asks by the path passes its client's forwarding headers on, who must not choose what is asked.
		"by path, and the same":       {"GET", "/decisions/open/a?b=c", with(asked("GET", "http", "/open/a?b=c"), "Host", "APP.example.com"), 200, "open", ""},
		"by path, and half of it":     {"GET", "/decisions/open/a", with(own, "X-Forwarded-Method", "GET"), 200, "open", ""},
		"by path, and another one":    {"GET", "/decisions/closed", with(asked("GET", "http", "/open/a"), "Host", "app.example.com"), 400, "", "two_asked"},
		"by path, and another query":  {"GET", "/decisions/open/a?b=c", with(asked("GET", "http", "/open/a"), "Host", "app.example.com"), 400, "", "two_asked"},
		"by path, and another method": {"PUT", "/decisions/closed", with(own, "X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/closed"), 400, "", "two_asked"},
		"by path, and another host":   {"GET", "/decisions/closed", []string{"Host", "bank.example.com", "X-Forwarded-Host", "app.example.com"}, 400, "", "two_asked"},
		"by path, and another scheme": {"GET", "/decisions/closed", with(own, "X-Forwarded-Proto", "https"), 400, "", "two_asked"},
		"nothing, and another host":   {"GET", "/decisions", with(own, "X-Forwarded-Host", "bank.example.com"), 400, "", "two_asked"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := testkit.Ask(h, c.method, c.target, "please", c.headers...)
			if rec.Code != c.want {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			decided++
			e := recorded.last(t, decided)
			if e.Rule != c.rule || c.want != 400 && e.Host != "app.example.com" || e.Verdict != flow.VerdictOf(map[bool]int{true: 0, false: c.want}[c.want == 200]) {
				t.Errorf("%+v", e)
			}
			if (e.Reason == "") != (c.want == 200) || c.reason != "" && e.Reason != c.reason {
				t.Errorf("the reason is %q", e.Reason)
			}
			if c.want >= 400 && !strings.Contains(rec.Body.String(), `"error":{"code":`) || strings.Contains(rec.Body.String(), "secret") {
				t.Error(rec.Body)
			}
		})
	}
}

// The application is told who asks by fields that no client can send.
func TestDecisionsTellWhoAsks(t *testing.T) {
	h := decisions(t, &events{})
	rec := testkit.Ask(h, "GET", "/decisions/closed", "", "Host", "app.example.com", "Authorization", "ada", "X-User", "root", "Cookie", "a=b; who=root")
	if rec.Code != 200 || rec.Header().Get("X-User") != "ada" || rec.Header().Get("Cookie") != "a=b; who=ada" || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	rec = testkit.Ask(h, "GET", "/decisions/open/a", "", "Host", "app.example.com", "X-User", "root", "X-Kratos-Authenticated-Identity-Id", "root")
	// An empty field takes the client's away, also at proxies that leave alone what the answer lacks.
	if none := []string{""}; rec.Code != 200 || !cmp.Equal(rec.Header().Values("X-User"), none) || !cmp.Equal(rec.Header().Values("X-Kratos-Authenticated-Identity-Id"), none) {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
}

func TestRefusals(t *testing.T) {
	h := decisions(t, &events{})
	ask := func(path string, headers ...string) *httptest.ResponseRecorder {
		return testkit.Ask(h, "GET", "/decisions"+path, "", append(headers, "Host", "app.example.com")...)
	}
	rec := ask("/closed")
	var body map[string]map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	delete(body["error"], "request")
	want := map[string]map[string]any{"error": {"code": 401.0, "status": "Unauthorized", "message": "The request could not be authorized"}}
	if d := cmp.Diff(want, body); d != "" || rec.Header().Get("WWW-Authenticate") != "Bearer" || rec.Header().Get("Content-Type") != web.JSON {
		t.Error(d, rec.Header())
	}
	if rec := ask("/closed", "Authorization", "often"); rec.Header().Get("Retry-After") != "90" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	if rec := ask("/closed", "Authorization", "unproven"); rec.Code != 401 || rec.Header().Get("WWW-Authenticate") != `DPoP error="invalid_dpop_proof"` {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	if rec := ask("/closed", "Authorization", "limited"); rec.Code != 429 || rec.Header().Get("X-Ratelimit-Remaining") != "0" || rec.Header().Get("Retry-After") != "60" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	if rec := ask("/verbose", "Authorization", "bob"); rec.Code != 403 || !strings.Contains(rec.Body.String(), "Access credentials are not sufficient") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	rec = ask("/away?x=1&y=2")
	if to := rec.Header().Get("Location"); rec.Code != 302 || to != "https://login.example.com/?a=b&return_to=http%3A%2F%2Fapp.example.com%2Faway%3Fx%3D1%26y%3D2" {
		t.Errorf("%d %s", rec.Code, to)
	}
	rec = ask("/basic")
	if got := rec.Header().Values("WWW-Authenticate"); rec.Code != 401 || !cmp.Equal(got, []string{`Basic realm="The \"gate\""`}) {
		t.Errorf("%d %q", rec.Code, got)
	}
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
