package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authz"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func options(clock *testkit.Clock) authz.Options {
	return authz.Options{Ask: fetch.NewAsker(fetch.Bounds{Private: true}), Now: clock.Now}
}

// unhurried are settings that give calls more than their usual second, which a busy machine may need for itself.
var unhurried = map[string]string{"remote": `{"retry":{"give_up_after":"1m"}}`, "remote_json": `{"retry":{"give_up_after":"1m"}}`}

func try(t testing.TB, o authz.Options, kind, settings string) (access.Authorizer, error) {
	t.Helper()
	s, err := access.NewSettings(json.RawMessage(unhurried[kind]), json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	return authz.Kinds(o)[kind](s)
}

func create(t testing.TB, o authz.Options, kind, settings string) access.Authorizer {
	t.Helper()
	a, err := try(t, o, kind, settings)
	if err != nil {
		t.Fatalf("%s %s: %v", kind, settings, err)
	}
	return a
}

func request(method, path string) *access.Request {
	return &access.Request{
		Method: method, Target: target.Target{Scheme: "https", Host: "api.example.com", Path: path}, ID: "request-1",
		Client: netip.MustParseAddr("192.0.2.7"),
		Header: access.Header{"Authorization": {"Bearer t"}, "Content-Type": {"text/plain"}, "X-Role": {"forged"}},
		Body: func(limit int64) ([]byte, error) {
			if limit < 5 {
				return nil, access.ErrBodyTooLarge
			}
			return []byte("hello"), nil
		},
	}
}

func TestAllowAndDeny(t *testing.T) {
	o := options(new(testkit.Clock))
	if err := create(t, o, "allow", "").Authorize(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
	if err := create(t, o, "deny", "").Authorize(t.Context(), nil, nil); !errors.Is(err, access.ErrForbidden) {
		t.Error(err)
	}
	for _, kind := range []string{"allow", "deny"} {
		if _, err := try(t, o, kind, `{"x":1}`); err == nil {
			t.Errorf("%s takes settings", kind)
		}
	}
}

func TestSettingsAreRefused(t *testing.T) {
	o := options(new(testkit.Clock))
	for _, tc := range []struct{ kind, settings, want string }{
		{"remote", `{}`, "remote: "},
		{"remote", `{"remote":"file:///x"}`, "remote: "},
		{"remote", `{"remote":"http://x","headers":{"a b":"c"}}`, "headers.a b: "},
		{"remote", `{"remote":"http://x","headers":{"a":"{{"}}`, "headers.a: "},
		{"remote", `{"remote":"http://x","forward_response_headers_to_upstream":["a b"]}`, "forward_response_headers_to_upstream[0]: "},
		{"remote", `{"remote":"http://x","forward_response_headers_to_upstream":["x-role","content-length"]}`, "forward_response_headers_to_upstream[1]: "},
		{"remote_json", `{"remote":"http://x","payload":"{}","forward_response_headers_to_upstream":["Transfer-Encoding"]}`, "forward_response_headers_to_upstream[0]: "},
		{"remote", `{"remote":"http://x","retry":{"give_up_after":"x"}}`, "retry.give_up_after: "},
		{"remote", `{"remote":"http://x","payload":"{}"}`, "payload: "},
		{"remote", `{"remote":"http://x","unseen_body":"deny"}`, "unseen_body: "},
		{"remote_json", `{"remote":"http://x","payload":"{}","unseen_body":"tell"}`, "unseen_body: is not known"},
		{"remote_json", `{"remote":"http://x"}`, "payload: is missing"},
		{"remote_json", `{"remote":"http://x","payload":"{{ .Subject"}`, "payload: "},
		{"keto_engine_acp_ory", `{"required_action":"a","required_resource":"b"}`, "base_url: "},
		{"keto_engine_acp_ory", `{"base_url":"http://x","required_resource":"b"}`, "required_action: "},
		{"keto_engine_acp_ory", `{"base_url":"http://x","required_action":"a","required_resource":"b","flavor":"../x"}`, "flavor: "},
		{"scopes", `{}`, "requirements: "},
		{"scopes", `{"strategy":"none","requirements":[{}]}`, "strategy: "},
		{"scopes", `{"requirements":[{"methods":["GET, POST"]}]}`, "requirements[0].methods[0]: "},
		{"scopes", `{"requirements":[{},{"paths":["/a","b"]}]}`, "requirements[1].paths[1]: "},
		{"scopes", `{"requirements":[{"paths":["/{**}/b"]}]}`, "requirements[0].paths[0]: "},
		{"scopes", `{"requirements":[{"paths":["/a{b}"]}]}`, "requirements[0].paths[0]: "},
		{"scopes", `{"requirements":[{"paths":["/{b"]}]}`, "requirements[0].paths[0]: "},
		{"scopes", `{"requirements":[{"paths":["/{}"]}]}`, "requirements[0].paths[0]: "},
		{"scopes", `{"requirements":[{"paths":["/%zz"]}]}`, "requirements[0].paths[0]: "},
		{"scopes", `{"requirements":[{"scopes":[""]}]}`, "requirements[0]: "},
		{"geoip", `{}`, "networks, countries or anonymous: "},
		{"geoip", `{"networks":{"allow":["x"]}}`, "networks.allow[0]: "},
		{"geoip", `{"networks":{"deny":["::ffff:10.0.0.0/104"]}}`, "networks.deny[0]: "},
		{"geoip", `{"countries":{"allow":["Germany"]}}`, "countries.allow[0]: "},
		{"geoip", `{"countries":{"allow":["DE"]}}`, "no geographical database"},
		{"geoip", `{"anonymous":"no"}`, "anonymous: "},
		{"geoip", `{"networks":{"allow":["10.0.0.0/8"]},"unknown":"?"}`, "unknown: "},
	} {
		if _, err := try(t, o, tc.kind, tc.settings); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s: %v, want %q", tc.kind, tc.settings, err, tc.want)
		}
	}
}

// service is another party's authorizer: it answers the status that the path names.
type service struct {
	url, path, body string
	header          http.Header
}

func newService(t *testing.T) *service {
	s := &service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.path, s.body, s.header = r.Method+" "+r.URL.Path, string(body), r.Header
		w.Header().Set("X-Role", "admin")
		w.Header().Set("X-Secret", "hush")
		w.Header().Set("Retry-After", "5")
		switch {
		case strings.HasSuffix(r.URL.Path, "/403"):
			w.WriteHeader(http.StatusForbidden)
		case strings.HasSuffix(r.URL.Path, "/401"):
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/429"):
			w.WriteHeader(http.StatusTooManyRequests)
		case strings.HasSuffix(r.URL.Path, "/500"):
			w.WriteHeader(http.StatusInternalServerError)
		case strings.HasSuffix(r.URL.Path, "/302"):
			http.Redirect(w, r, "/", http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/keto/"):
			_, _ = w.Write([]byte(`{"allowed":` + map[bool]string{true: "true", false: "false"}[strings.Contains(string(body), `"alice"`)] + `}`))
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func TestRemote(t *testing.T) {
	s, o := newService(t), options(new(testkit.Clock))
	a := create(t, o, "remote", `{"remote":"`+s.url+`/ok","headers":{"x-subject":"{{ .Subject }}","X-None":"{{ .Extra.none }}"},
		"forward_response_headers_to_upstream":["x-role","X-Absent"]}`)
	p := &access.Principal{Subject: "alice"}
	if err := a.Authorize(t.Context(), request("PUT", "/a"), p); err != nil {
		t.Fatal(err)
	}
	// What the service does not say the client may not say either: the field is there without a value.
	if diff := cmp.Diff(access.Header{"X-Role": {"admin"}, "X-Absent": nil}, p.Header); diff != "" {
		t.Error(diff)
	}
	if s.path != "POST /ok" || s.body != "hello" || s.header.Get("Authorization") != "Bearer t" || s.header.Get("Content-Type") != "text/plain" ||
		s.header.Get("X-Subject") != "alice" || s.header.Values("X-None") != nil || s.header.Get("X-Request-Id") != "request-1" || s.header.Get("X-Role") != "" {
		t.Errorf("%s %q %v", s.path, s.body, s.header)
	}
	bodiless := request("GET", "/a")
	bodiless.Body = nil
	if err := a.Authorize(t.Context(), bodiless, p); err != nil || s.body != "" {
		t.Errorf("%q, %v", s.body, err)
	}
	if s.header.Values("Gatehouse-Body") != nil {
		t.Error("a request without a body may have one")
	}
	o.MaxBody = 4
	if err := create(t, o, "remote", `{"remote":"`+s.url+`"}`).Authorize(t.Context(), request("PUT", "/a"), p); !errors.Is(err, access.ErrBodyTooLarge) {
		t.Errorf("got %v", err)
	}
}

// Where a door got nothing of a body that may be there, the service is told so, or not asked at all.
func TestRemoteOfUnseenBodies(t *testing.T) {
	s, o := newService(t), options(new(testkit.Clock))
	unseen := request("PUT", "/a")
	unseen.Body, unseen.Unseen = nil, true
	for settings, told := range map[string]bool{``: true, `,"unseen_body":"tell"`: true, `,"unseen_body":"refuse"`: false} {
		s.header = nil
		a := create(t, o, "remote", `{"remote":"`+s.url+`/ok"`+settings+`}`)
		if err := a.Authorize(t.Context(), unseen, &access.Principal{}); errors.Is(err, access.ErrUnseenBody) == told || (s.header.Get("Gatehouse-Body") == "unseen") != told {
			t.Errorf("%s: %v, %v", settings, err, s.header)
		}
		if err := a.Authorize(t.Context(), request("PUT", "/a"), &access.Principal{}); err != nil || s.body != "hello" || s.header.Values("Gatehouse-Body") != nil {
			t.Errorf("%s: %v, %q %v", settings, err, s.body, s.header)
		}
		// Who writes the rule hears of it, unless it says what is wanted.
		if warned := len(a.(access.Warner).Warnings()) > 0; warned != (settings == "") {
			t.Errorf("%s: %v", settings, a.(access.Warner).Warnings())
		}
	}
	document := create(t, o, "remote_json", `{"remote":"`+s.url+`/ok","payload":"{}"}`)
	if err := document.Authorize(t.Context(), unseen, &access.Principal{}); err != nil || s.header.Values("Gatehouse-Body") != nil || document.(access.Warner).Warnings() != nil {
		t.Errorf("%v, %v", err, s.header)
	}
}

func TestRemoteJSON(t *testing.T) {
	s, o := newService(t), options(new(testkit.Clock))
	a := create(t, o, "remote_json", `{"remote":"`+s.url+`/ok","payload":"{\"subject\":\"{{ .Subject }}\"}"}`)
	if err := a.Authorize(t.Context(), request("PUT", "/a"), &access.Principal{Subject: "alice"}); err != nil {
		t.Fatal(err)
	}
	if s.body != `{"subject":"alice"}` || s.header.Get("Content-Type") != "application/json" || s.header.Get("Authorization") != "Bearer t" {
		t.Errorf("%q %v", s.body, s.header)
	}
	// A value does not break out of its string.
	if err := a.Authorize(t.Context(), request("PUT", "/a"), &access.Principal{Subject: `a","subject":"root`}); err != nil || s.body != `{"subject":"a\",\"subject\":\"root"}` {
		t.Errorf("%q %v", s.body, err)
	}
	// Nor is sent what is no document.
	bare := create(t, o, "remote_json", `{"remote":"`+s.url+`/ok","payload":"{\"subject\":{{ .Subject }}}"}`)
	if err := bare.Authorize(t.Context(), request("PUT", "/a"), &access.Principal{Subject: `a"b`}); err == nil {
		t.Error("a payload that is no JSON was sent")
	}
}

func TestRemoteRefuses(t *testing.T) {
	s, o := newService(t), options(new(testkit.Clock))
	for path, want := range map[string]*fault.Error{
		"/403": access.ErrForbidden, "/401": access.ErrUnavailable, "/500": access.ErrUnavailable, "/302": access.ErrUnavailable,
	} {
		for _, a := range []access.Authorizer{
			create(t, o, "remote", `{"remote":"`+s.url+path+`","retry":{"max_delay":"1ms"}}`),
			create(t, o, "remote_json", `{"remote":"`+s.url+path+`","payload":"{}","retry":{"max_delay":"1ms"}}`),
		} {
			p := &access.Principal{}
			if err := a.Authorize(t.Context(), request("GET", "/"), p); !errors.Is(err, want) || p.Header != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	err := create(t, o, "remote", `{"remote":"`+s.url+`/429"}`).Authorize(t.Context(), request("GET", "/"), &access.Principal{})
	if f := fault.From(err); f.Kind != fault.Limited || f.RetryAfter != 5*time.Second {
		t.Errorf("got %v", err)
	}
	if err := create(t, o, "remote", `{"remote":"http://127.0.0.1:1"}`).Authorize(t.Context(), request("GET", "/"), &access.Principal{}); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
	o.Ask = fetch.NewAsker(fetch.Bounds{})
	if err := create(t, o, "remote", `{"remote":"`+s.url+`"}`).Authorize(t.Context(), request("GET", "/"), &access.Principal{}); !errors.Is(err, fetch.ErrPrivate) {
		t.Errorf("a private address: %v", err)
	}
}

func TestKeto(t *testing.T) {
	s, clock := newService(t), new(testkit.Clock)
	o := options(clock)
	// Keto has its usual second and no setting for it, and a busy machine may need that for itself: what came late is asked again.
	authorize := func(a access.Authorizer, p *access.Principal) (err error) {
		testkit.Eventually(t, "an answer in time", func() bool {
			err = a.Authorize(t.Context(), request("GET", "/"), p)
			return !errors.Is(err, context.DeadlineExceeded)
		})
		return err
	}
	a := create(t, o, "keto_engine_acp_ory", `{"base_url":"`+s.url+`/keto","required_action":"read:{{ printIndex .MatchContext.RegexpCaptureGroups 0 }}","required_resource":"orders","flavor":"exact"}`)
	p := &access.Principal{Subject: "alice", MatchContext: access.MatchContext{RegexpCaptureGroups: []string{"7"}}}
	if err := authorize(a, p); err != nil {
		t.Fatal(err)
	}
	want := `{"action":"read:7","context":{"remoteIpAddress":"192.0.2.7","requestedAt":"2026-03-04T05:06:07.089012Z"},"resource":"orders","subject":"alice"}`
	if s.path != "POST /keto/engines/acp/ory/exact/allowed" || s.body != want {
		t.Errorf("%s %s", s.path, s.body)
	}
	if err := authorize(a, &access.Principal{Subject: "bob"}); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("got %v", err)
	}
	other := create(t, o, "keto_engine_acp_ory", `{"base_url":"`+s.url+`/keto","required_action":"a","required_resource":"b","subject":"alice"}`)
	if err := authorize(other, &access.Principal{Subject: "bob"}); err != nil {
		t.Error(err)
	}
	broken := create(t, o, "keto_engine_acp_ory", `{"base_url":"`+s.url+`/other","required_action":"a","required_resource":"b"}`)
	if err := authorize(broken, p); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// The scenarios of scopes per method and path: reading needs one scope, writing another.
func TestScopes(t *testing.T) {
	o := options(new(testkit.Clock))
	a := create(t, o, "scopes", `{"requirements":[
		{"paths":["/health"]},
		{"methods":["GET"],"paths":["/orders","/orders/{id}"],"scopes":["read"]},
		{"methods":["post","put"],"paths":["/orders/*"],"scopes":["read","write"]},
		{"methods":["DELETE"],"paths":["/orders/{**}"],"any_of":["admin","delete"]},
		{"paths":["/files/%2A"],"scopes":["star"]},
		{"paths":["/a b/{x}/c"],"scopes":["odd"]}]}`)
	for _, tc := range []struct {
		request string
		scopes  string
		pass    bool
	}{
		{"GET /health", "", true}, {"GET /orders", "read", true}, {"GET /orders", "", false}, {"GET /orders", "write", false},
		{"HEAD /orders/7", "read", true}, {"HEAD /orders/7", "", false}, {"GET /orders/7/", "read", true}, {"GET /orders/7/items", "read", false},
		{"POST /orders/7", "read write", true}, {"POST /orders/7", "write", false}, {"POST /orders", "read write", false},
		{"DELETE /orders", "delete", true}, {"DELETE /orders/7/items/8", "admin", true}, {"DELETE /orders/7", "read write", false},
		{"PATCH /orders/7", "read write admin", false}, {"GET /other", "read", false}, {"GET /", "read", false},
		{"GET /a%20b/%7B/c", "odd", true}, {"GET /a%20b/x/c", "read", false}, {"GET /a%20b//c", "odd", false},
		{"GET /files/*", "star", true}, {"GET /files/%2A", "star", true}, {"GET /files/x", "star", false},
		{"GET /Orders", "read", false}, {"GET /orders/read", "READ", false},
	} {
		method, path, _ := strings.Cut(tc.request, " ")
		err := a.Authorize(t.Context(), request(method, path), &access.Principal{Scopes: strings.Fields(tc.scopes)})
		if (err == nil) != tc.pass || err != nil && !errors.Is(err, access.ErrForbidden) {
			t.Errorf("%s with %q: %v", tc.request, tc.scopes, err)
		}
	}
	// A parameter is no way around a requirement, whatever reads the path.
	p := create(t, o, "scopes", `{"requirements":[
		{"paths":["/admin/{**}","/a/{x}/admin"],"scopes":["admin"]},{"paths":["/matrix;v=1/{x}"]},{"paths":["/{**}"]}]}`)
	for path, want := range map[string]error{
		"/admin;x/users": target.ErrParameters, "/admin%3Bx/users": target.ErrParameters, "/admin/users;x": access.ErrForbidden, "/a/b;c/admin;d": target.ErrParameters,
		"/open;x/users": nil, "/matrix;v=1/a": nil, "/users": nil,
	} {
		if err := p.Authorize(t.Context(), request("GET", path), &access.Principal{}); !errors.Is(err, want) || want != nil && err.Error() != want.Error() && !errors.Is(want, access.ErrForbidden) {
			t.Errorf("%s: %v", path, err)
		}
	}
	h := create(t, o, "scopes", `{"strategy":"hierarchic","requirements":[{"scopes":["orders.read"]}]}`)
	if err := h.Authorize(t.Context(), request("GET", "/"), &access.Principal{Scopes: []string{"orders"}}); err != nil {
		t.Error(err)
	}
}

func FuzzScopePaths(f *testing.F) {
	f.Add("/orders/{id}", "/orders/7")
	f.Add("/{**}", "/")
	f.Add("/a%20b/*/c/{rest**}", "/a b/x/c/d")
	f.Fuzz(func(t *testing.T, template, path string) {
		text, err := json.Marshal(template)
		if err != nil {
			return
		}
		a, err := try(t, authz.Options{}, "scopes", `{"requirements":[{"paths":[`+string(text)+`]}]}`)
		if err != nil {
			return
		}
		target, err := target.Parse("https", "api.example.com", path, "", target.Options{})
		if err != nil || target.Path != path { // authorizers see normalized paths
			return
		}
		fits := a.Authorize(context.Background(), request("GET", path), &access.Principal{}) == nil
		// A template without wildcards is for its own path alone.
		if !strings.ContainsAny(template, "{}*%") && !strings.Contains(path, "%") && fits != (strings.TrimSuffix(template, "/") == strings.TrimSuffix(path, "/")) {
			t.Errorf("%q fits %q: %v", template, path, fits)
		}
	})
}
