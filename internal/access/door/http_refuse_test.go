package door_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// counted is what a door counts and records.
type counted struct {
	events
	verdicts []flow.Verdict
}

func (c *counted) door(e *engine.Engine) door.Door {
	return door.Door{
		Name: "a door", Engine: e, Record: c.record, Now: time.Now,
		Observe: func(_ string, v flow.Verdict, _ time.Duration) { c.verdicts = append(c.verdicts, v) },
	}
}

// fallbackEngine has one rule without an upstream; what no rule answers for is answered by asking for a password.
func fallbackEngine(t *testing.T) *engine.Engine {
	t.Helper()
	c := engine.DefaultConfig()
	c.Errors.Fallback = []string{access.ErrorWWWAuthenticate}
	e := engine.New(engine.Options{Config: c, Now: time.Now, Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"noop": always[access.Authenticator](nobody{})},
		Authorizers:    map[string]access.Kind[access.Authorizer]{"allow": always[access.Authorizer](allow{})},
	}})
	var rules []access.Rule
	if err := json.Unmarshal([]byte(`[{"id":"nowhere","match":{"url":"http://app.example.com/a","methods":["GET"]},
		"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"errors":[{"handler":"json","config":{"verbose":true}}]}]`), &rules); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
	return e
}

// Whatever is turned away is counted, recorded and answered alike, also where no rule was asked.
func TestEveryRefusalIsCountedAndRecorded(t *testing.T) {
	long := "/" + strings.Repeat("a", 20<<10)
	options := web.Options{Log: slog.New(slog.DiscardHandler)}
	for name, c := range map[string]struct {
		method, path string
		proxy, other int // the statuses
		want         flow.Event
	}{
		"two readings":  {"GET", "/a%2fb", 401, 401, flow.Event{Path: "/a%2fb", Reason: "ambiguous_url", Verdict: flow.Invalid}},
		"dot segments":  {"GET", "/b/../c", 401, 401, flow.Event{Path: "/c", Reason: "unnormalized_path", Verdict: flow.Forbidden}},
		"too long":      {"GET", long, 401, 401, flow.Event{Path: long[:1024], Reason: "url_too_long", Verdict: flow.Invalid}},
		"no upstream":   {"GET", "/a", 500, 200, flow.Event{Path: "/a", Rule: "nowhere", Tenant: "default", Reason: "no_upstream", Verdict: flow.Failed}},
		"other methods": {"PUT", "/a", 401, 401, flow.Event{Path: "/a", Reason: "not_found", Verdict: flow.Unmatched}},
	} {
		t.Run(name, func(t *testing.T) {
			var atProxy, atOther counted
			p, err := door.NewProxy(atProxy.door(fallbackEngine(t)), door.DefaultUpstreamConfig(), options.Log)
			if err != nil {
				t.Fatal(err)
			}
			d := &door.Decisions{Door: atOther.door(fallbackEngine(t))}
			for _, at := range []struct {
				serve  web.HandlerFunc
				prefix string
				status int
				seen   *counted
			}{{p.Serve, "", c.proxy, &atProxy}, {d.Serve, door.DecisionsPath, c.other, &atOther}} {
				rec := testkit.Ask(web.NewRaw("a door", web.KratosErrors, options, at.serve), c.method, at.prefix+c.path, "", "Host", "app.example.com")
				want := c.want
				want.Method, want.Host = c.method, "app.example.com"
				if at.status == 200 {
					want.Reason, want.Verdict = "", flow.Allowed
				}
				if at.prefix == "" && want.Reason == "unnormalized_path" { // the proxy passes on what it decided about
					want.Reason, want.Verdict = "not_found", flow.Unmatched
				}
				got := at.seen.last(t, 1)
				got.Time, got.Duration = time.Time{}, 0
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff([]flow.Verdict{want.Verdict}, at.seen.verdicts); d != "" {
					t.Error(d)
				}
				if basic := strings.HasPrefix(rec.Header().Get("WWW-Authenticate"), "Basic"); rec.Code != at.status || basic != (at.status == 401) {
					t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
				}
			}
		})
	}
}

// What strangers make up is recorded in part: events that wait do not hold on to all of it.
func TestRecordsAreBounded(t *testing.T) {
	var seen counted
	d := &door.Decisions{Door: seen.door(fallbackEngine(t))}
	h := web.NewRaw("decisions", web.KratosErrors, web.Options{}, d.Serve)
	testkit.Ask(h, strings.Repeat("M", 9000), door.DecisionsPath+"/a", "", "Host", strings.Repeat("a.", 4000))
	if e := seen.last(t, 1); e.Method != strings.Repeat("M", 64) || e.Host != strings.Repeat("a.", 128) || e.Path != "/a" || e.Reason != "ambiguous_url" {
		t.Errorf("%.100s %.300s %s %s", e.Method, e.Host, e.Path, e.Reason)
	}
}

// Nobody is sent back to a URL that cannot be read.
func TestNobodyReturnsToAnUnreadableURL(t *testing.T) {
	settings, err := access.NewRawSettings(`{"to":"https://login.example.com/","return_to_query_param":"to"}`)
	if err != nil {
		t.Fatal(err)
	}
	c := engine.DefaultConfig()
	c.Errors.Fallback = []string{access.ErrorRedirect}
	c.Errors.Handlers = map[string]access.HandlerConfig{access.ErrorRedirect: {Config: settings}}
	d := &door.Decisions{Door: door.Door{Engine: engine.New(engine.Options{Config: c}), Now: time.Now}}
	h := web.NewRaw("decisions", web.KratosErrors, web.Options{}, d.Serve)
	for path, want := range map[string]string{
		"/a": "https://login.example.com/?to=http%3A%2F%2Fapp.example.com%2Fa", "/a%2fb": "https://login.example.com/",
	} {
		if rec := testkit.Ask(h, "GET", door.DecisionsPath+path, "", "Host", "app.example.com"); rec.Code != http.StatusFound || rec.Header().Get("Location") != want {
			t.Errorf("%s: %d %v", path, rec.Code, rec.Header())
		}
	}
}

// greedy reads the whole body, as authorizers do that forward it.
type greedy struct{}

func (greedy) Authorize(_ context.Context, r *access.Request, _ *access.Principal) error {
	_, err := r.Body(1 << 20)
	return err
}

// A body without a length that grows beyond what the listener reads is too large, whoever finds out.
func TestTooLargeWhereAHandlerReads(t *testing.T) {
	e := engine.New(engine.Options{Now: time.Now, Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"noop": always[access.Authenticator](nobody{})},
		Authorizers:    map[string]access.Kind[access.Authorizer]{"greedy": always[access.Authorizer](greedy{})},
	}})
	if _, err := e.Load(t.Context(), []access.Rule{{
		ID: "all", Match: access.Match{URL: "http://app.example.com/", Methods: []string{"PUT"}},
		Authenticators: []access.HandlerRef{{Handler: "noop"}}, Authorizer: access.HandlerRef{Handler: "greedy"},
	}}); err != nil {
		t.Fatal(err)
	}
	d := &door.Decisions{Door: door.Door{Engine: e, Now: time.Now}}
	r := httptest.NewRequest(http.MethodPut, door.DecisionsPath+"/", io.LimitReader(strings.NewReader(strings.Repeat("x", 100)), 100))
	r.Host = "app.example.com"
	rec := httptest.NewRecorder()
	if web.NewRaw("decisions", web.KratosErrors, web.Options{MaxBody: 64}, d.Serve).ServeHTTP(rec, r); rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
