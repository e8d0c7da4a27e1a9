package mutate_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/mutate"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// keySet is the set that signs for the doors.
const keySet = "gatehouse.access"

type world struct {
	testing.TB
	ctx   context.Context
	clock *testkit.Clock
	keys  *keys.Keys
	kinds map[string]access.Kind[access.Mutator]
}

func begin(t testing.TB, algorithm string) *world {
	t.Helper()
	w := &world{TB: t, ctx: testkit.Context(t), clock: new(testkit.Clock)}
	db, err := sqldb.Open(t.Context(), "memory", sqldb.Options{Name: "oauth", Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Up(w.ctx, db, "oauth"); err != nil {
		t.Fatal(err)
	}
	config := keys.DefaultConfig()
	config.Sets = []keys.NamedSet{{Name: keySet, Algorithm: algorithm}}
	config.Broadcast = []string{keySet}
	w.keys = keys.New(keys.Options{Store: keys.NewStore(db, sqldb.NewFeed(db, sqldb.FeedOptions{}), testkit.Ring(t)), Config: config, Now: w.clock.Now})
	w.kinds = mutate.Kinds(mutate.Options{Keys: w.keys, KeySet: keySet, Ask: fetch.NewAsker(fetch.Bounds{Private: true}), Now: w.clock.Now})
	return w
}

func (w *world) try(kind, settings string) (access.Mutator, error) {
	w.Helper()
	configured := ""
	if kind == "hydrator" { // more than its usual second, which a busy machine may need for itself
		configured = `{"api":{"retry":{"give_up_after":"1m"}}}`
	}
	s, err := access.NewSettings(json.RawMessage(configured), json.RawMessage(settings))
	if err != nil {
		w.Fatal(err)
	}
	return w.kinds[kind](s)
}

func (w *world) make(kind, settings string) access.Mutator {
	w.Helper()
	m, err := w.try(kind, settings)
	if err != nil {
		w.Fatalf("%s %s: %v", kind, settings, err)
	}
	return m
}

func (w *world) mutate(m access.Mutator, p *access.Principal) *access.Principal {
	w.Helper()
	if err := m.Mutate(w.ctx, request(), p); err != nil {
		w.Fatal(err)
	}
	return p
}

func request() *access.Request {
	return &access.Request{
		Method: "GET", Target: target.Target{Scheme: "https", Host: "api.example.com", Path: "/"},
		Header: access.Header{"Authorization": {"Bearer client"}, "X-User": {"forged"}, "Connection": {"close, x-hop"}, "X-Hop": {"1"}, "Proxy-Authorization": {"Basic cHJveHk6aHVzaA=="}, "Content-Type": {"text/plain"}},
	}
}

func alice() *access.Principal {
	return &access.Principal{Subject: "alice", Extra: map[string]any{"role": "admin", "n": json.Number("12345678901234567890")}}
}

func TestSettingsAreRefused(t *testing.T) {
	w := begin(t, "ES256")
	for _, tc := range []struct{ kind, settings, want string }{
		{"noop", `{"x":1}`, "x: "},
		{"header", `{}`, "headers: is missing"},
		{"header", `{"headers":{"a b":"c"}}`, "headers.a b: "},
		{"header", `{"headers":{"content-length":"1"}}`, "headers.content-length: "},
		{"header", `{"headers":{"Host":"x"}}`, "headers.Host: "},
		{"header", `{"headers":{"Proxy-Authorization":"x"}}`, "headers.Proxy-Authorization: "},
		{"header", `{"headers":{"a":"{{ end }}"}}`, "headers.a: "},
		{"cookie", `{}`, "cookies: is missing"},
		{"cookie", `{"cookies":{"a;b":"c"}}`, "cookies.a;b: "},
		{"cookie", `{"cookies":{"a":"{{"}}`, "cookies.a: "},
		{"id_token", `{}`, "issuer_url: "},
		{"id_token", `{"issuer_url":"https://id","ttl":"forever"}`, "ttl: "},
		{"id_token", `{"issuer_url":"https://id","ttl":"25h"}`, "ttl: "},
		{"id_token", `{"issuer_url":"https://id","claims":"{{"}`, "claims: "},
		{"id_token", `{"issuer_url":"https://id","jwks_url":"file:///keys.json"}`, "jwks_url: "},
		{"hydrator", `{}`, "api.url: "},
		{"hydrator", `{"api":{"url":"http://x","auth":{"basic":{"username":"a:b","password":"c"}}}}`, "api.auth.basic.username: "},
		{"hydrator", `{"api":{"url":"http://x","retry":{"max_delay":"x"}}}`, "api.retry.max_delay: "},
		{"hydrator", `{"api":{"url":"http://x"},"cache":{"ttl":"x"}}`, "cache.ttl: "},
	} {
		if _, err := w.try(tc.kind, tc.settings); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s: %v, want %q", tc.kind, tc.settings, err, tc.want)
		}
	}
	w.kinds = mutate.Kinds(mutate.Options{Now: w.clock.Now})
	if _, err := w.try("id_token", `{"issuer_url":"https://id"}`); err == nil {
		t.Error("id_token without keys")
	}
}

func TestHeaderAndCookie(t *testing.T) {
	w := begin(t, "ES256")
	w.mutate(w.make("noop", ""), alice())
	p := w.mutate(w.make("header", `{"headers":{"x-user":"{{ print .Subject }}","X-Number":"{{ .Extra.n }}","X-None":"{{ .Extra.none }}","X-Fixed":"a"}}`), alice())
	// A field without a value is there all the same, so that the client's own does not pass.
	if diff := cmp.Diff(access.Header{"X-User": {"alice"}, "X-Number": {"12345678901234567890"}, "X-None": nil, "X-Fixed": {"a"}}, p.Header); diff != "" {
		t.Error(diff)
	}
	p = w.mutate(w.make("cookie", `{"cookies":{"user":"{{ .Subject }}","role":"{{ .Extra.role }}"}}`), alice())
	if diff := cmp.Diff(map[string]string{"user": "alice", "role": "admin"}, p.Cookies); diff != "" {
		t.Error(diff)
	}
	for _, evil := range []string{"a\r\nX-Admin: 1", "a\x00", "a\n"} {
		if err := w.make("header", `{"headers":{"X-User":"{{ .Subject }}"}}`).Mutate(w.ctx, request(), &access.Principal{Subject: evil}); err == nil {
			t.Errorf("%q became a header", evil)
		}
	}
	for _, evil := range []string{"a; admin=1", "a\n", `a"`, "a,b", "ä"} {
		if err := w.make("cookie", `{"cookies":{"user":"{{ .Subject }}"}}`).Mutate(w.ctx, request(), &access.Principal{Subject: evil}); err == nil {
			t.Errorf("%q became a cookie", evil)
		}
	}
}

// claimsOf verifies the token of a principal by the keys that are published, and returns what it says.
func (w *world) claimsOf(p *access.Principal) map[string]any {
	w.Helper()
	text, ok := strings.CutPrefix(p.Header.Get("Authorization"), "Bearer ")
	if !ok {
		w.Fatalf("no token: %v", p.Header)
	}
	set, err := w.keys.Public(w.ctx)
	if err != nil {
		w.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		w.Fatal(err)
	}
	found := set.Key(jws.Signatures[0].Header.KeyID)
	if len(found) != 1 {
		w.Fatal("the key is not published")
	}
	payload, err := jws.Verify(found[0])
	if err != nil {
		w.Fatal(err)
	}
	var claims map[string]any
	d := json.NewDecoder(strings.NewReader(string(payload)))
	d.UseNumber()
	if err := d.Decode(&claims); err != nil {
		w.Fatal(err)
	}
	return claims
}

func TestIDToken(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256"} {
		w := begin(t, algorithm)
		m := w.make("id_token", `{"issuer_url":"https://id","ttl":"10m","jwks_url":"https://id/.well-known/jwks.json",
			"claims":"{\"role\":\"{{ .Extra.role }}\",\"n\":{{ .Extra.n }},\"sub\":\"root\",\"exp\":1,\"aud\":[\"orders\"]}"}`)
		got := w.claimsOf(w.mutate(m, alice()))
		if got["iss"] != "https://id" || got["sub"] != "alice" || got["role"] != "admin" || got["n"] != json.Number("12345678901234567890") || got["jti"] == "" {
			t.Errorf("got %v", got)
		}
		iat, _ := got["iat"].(json.Number).Int64()
		exp, _ := got["exp"].(json.Number).Int64()
		if iat != w.clock.Now().Unix() || exp != iat+600 || got["nbf"] != got["iat"] {
			t.Errorf("times %v", got)
		}
	}
}

// Tokens are kept for one subject and its claims, until a tenth of their life is left, and not beyond a change of keys.
func TestIDTokenIsKept(t *testing.T) {
	w := begin(t, "ES256")
	m := w.make("id_token", `{"issuer_url":"https://id","ttl":"10m","claims":"{\"role\":\"{{ .Extra.role }}\"}"}`)
	token := func(p *access.Principal) string { return w.mutate(m, p).Header.Get("Authorization") }
	bob := &access.Principal{Subject: "alice", Extra: map[string]any{"role": "guest"}}
	first := token(alice())
	if token(alice()) != first {
		t.Error("a token is not kept")
	}
	if token(bob) == first || token(&access.Principal{Subject: "bob", Extra: alice().Extra}) == first {
		t.Error("a token is kept for other claims or another subject")
	}
	if w.mutate(w.make("id_token", `{"issuer_url":"https://other","ttl":"10m","claims":"{\"role\":\"{{ .Extra.role }}\"}"}`), alice()).Header.Get("Authorization") == first {
		t.Error("a token is kept for another issuer")
	}
	// What one request does with its header is not another's.
	p := w.mutate(m, alice())
	p.Header["Authorization"] = append(p.Header["Authorization"], "x")
	if len(w.mutate(m, alice()).Header["Authorization"]) != 1 {
		t.Error("requests share a header")
	}
	w.clock.Advance(9*time.Minute - 2*time.Second)
	if token(alice()) != first {
		t.Error("a token is given up early")
	}
	w.clock.Advance(2 * time.Second)
	second := token(alice())
	if second == first {
		t.Error("a token is kept when less than a tenth of its life is left")
	}
	if err := w.keys.RotateEmergency(w.ctx, keySet); err != nil {
		t.Fatal(err)
	}
	third := token(alice())
	if third == second {
		t.Error("a token outlives its key")
	}
	w.claimsOf(w.mutate(m, alice()))
}

// A quote in what a client sends adds no claim.
func TestIDTokenClaimsAreNotForged(t *testing.T) {
	w := begin(t, "ES256")
	m := w.make("id_token", `{"issuer_url":"https://id","claims":"{\"team\":\"{{ printIndex .MatchContext.RegexpCaptureGroups 0 }}\"}"}`)
	p := alice()
	p.MatchContext.RegexpCaptureGroups = []string{`7","role":"admin`}
	jws, err := jose.ParseSignedCompact(strings.TrimPrefix(w.mutate(m, p).Header.Get("Authorization"), "Bearer "), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims); err != nil {
		t.Fatal(err)
	}
	if claims["role"] != nil || claims["team"] != `7","role":"admin` {
		t.Errorf("%v", claims)
	}
}

func TestIDTokenClaimsMustBeAnObject(t *testing.T) {
	w := begin(t, "ES256")
	for _, claims := range []string{`[]`, `null`, `{{ .Subject }}`, `{} {}`, `{"a":`} {
		text, _ := json.Marshal(claims)
		if err := w.make("id_token", `{"issuer_url":"https://id","claims":`+string(text)+`}`).Mutate(w.ctx, request(), alice()); err == nil {
			t.Errorf("%s was signed", claims)
		}
	}
}

// api is a hydrator's service.
type api struct {
	url    string
	calls  atomic.Int64
	status int
	answer func(sent map[string]any) any
	header http.Header
	sent   map[string]any
}

func newAPI(t *testing.T) *api {
	s := &api{answer: func(sent map[string]any) any { return sent }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		s.header, s.sent = r.Header, map[string]any{}
		_ = json.Unmarshal(body, &s.sent)
		if s.status != 0 {
			w.Header().Set("Retry-After", "6")
			w.WriteHeader(s.status)
			return
		}
		_ = json.NewEncoder(w).Encode(s.answer(maps.Clone(s.sent)))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func TestHydrator(t *testing.T) {
	s, w := newAPI(t), begin(t, "ES256")
	s.answer = func(sent map[string]any) any {
		sent["extra"] = map[string]any{"team": "blue", "n": 3}
		sent["header"] = map[string][]string{"x-team": {"blue"}}
		return sent
	}
	m := w.make("hydrator", `{"api":{"url":"`+s.url+`","auth":{"basic":{"username":"gate","password":"hush"}}}}`)
	before := alice()
	before.Header = access.Header{"X-User": {"alice"}}
	extra := before.Extra
	p := w.mutate(m, before)
	if diff := cmp.Diff(map[string]any{"team": "blue", "n": json.Number("3")}, p.Extra); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(access.Header{"X-User": {"alice"}, "X-Team": {"blue"}}, p.Header); diff != "" {
		t.Error(diff)
	}
	if extra["role"] != "admin" || len(extra) != 2 {
		t.Errorf("the shared claims were changed: %v", extra)
	}
	if s.sent["subject"] != "alice" || s.sent["extra"].(map[string]any)["role"] != "admin" || s.header.Get("Content-Type") != "application/json" ||
		s.header.Get("X-User") != "forged" || s.header.Get("Connection")+s.header.Get("X-Hop")+s.header.Get("Proxy-Authorization") != "" {
		t.Errorf("sent %v, %v", s.sent, s.header)
	}
	if r := (&http.Request{Header: s.header}); func() bool { u, p, _ := r.BasicAuth(); return u != "gate" || p != "hush" }() {
		t.Errorf("asked as %v", s.header["Authorization"])
	}
	w.mutate(m, alice())
	if s.calls.Load() != 2 {
		t.Errorf("%d calls, want two: nothing says that answers are kept", s.calls.Load())
	}
}

func TestHydratorCache(t *testing.T) {
	s, w := newAPI(t), begin(t, "ES256")
	m := w.make("hydrator", `{"api":{"url":"`+s.url+`"},"cache":{"enabled":true,"ttl":"30s"}}`)
	for range 3 {
		w.mutate(m, alice())
	}
	w.mutate(m, &access.Principal{Subject: "alice"}) // other claims
	w.mutate(m, &access.Principal{Subject: "bob", Extra: alice().Extra})
	if s.calls.Load() != 3 {
		t.Errorf("%d calls, want three", s.calls.Load())
	}
	w.clock.Advance(30 * time.Second)
	w.mutate(m, alice())
	if s.calls.Load() != 4 {
		t.Errorf("%d calls, want four", s.calls.Load())
	}
	// What is said at one place, or to who shows one credential, is not true elsewhere, or of another.
	elsewhere := alice()
	elsewhere.MatchContext = access.MatchContext{URL: &url.URL{Path: "/teams/2"}, RegexpCaptureGroups: []string{"2"}}
	w.mutate(m, elsewhere)
	another := request()
	another.Header["Authorization"] = []string{"Bearer another"}
	for range 2 {
		if err := m.Mutate(w.ctx, another, alice()); err != nil {
			t.Fatal(err)
		}
	}
	if s.calls.Load() != 6 {
		t.Errorf("%d calls, want six", s.calls.Load())
	}
}

func TestHydratorRefuses(t *testing.T) {
	s, w := newAPI(t), begin(t, "ES256")
	m := w.make("hydrator", `{"api":{"url":"`+s.url+`","retry":{"max_delay":"1ms"}},"cache":{"ttl":"1m"}}`)
	refuse := func(name string) {
		t.Helper()
		p := alice()
		if err := m.Mutate(w.ctx, request(), p); !errors.Is(err, access.ErrUnavailable) || p.Header != nil || p.Extra["role"] != "admin" {
			t.Errorf("%s: %v, %+v", name, err, p)
		}
	}
	for name, answer := range map[string]any{
		"another subject": map[string]any{"subject": "root"}, "no subject": map[string]any{}, "no object": []int{1},
		"a header that frames":  map[string]any{"subject": "alice", "header": map[string][]string{"Content-Length": {"1"}}},
		"a value that ends it":  map[string]any{"subject": "alice", "header": map[string][]string{"X-A": {"1", "1\r\nX-User: root"}}},
		"a header that is none": map[string]any{"subject": "alice", "header": map[string][]string{"a b": {"1"}}},
	} {
		s.answer = func(map[string]any) any { return answer }
		refuse(name)
	}
	for _, status := range []int{401, 404, 500} {
		s.status = status
		refuse(http.StatusText(status))
	}
	s.status = 429
	if f := fault.From(m.Mutate(w.ctx, request(), alice())); f.Kind != fault.Limited || f.RetryAfter != 6*time.Second {
		t.Errorf("got %+v", f)
	}
	s.status, s.answer = 0, func(sent map[string]any) any { return sent }
	w.mutate(m, alice()) // what was refused is not kept
}

// Every kind is there, and no other.
func TestKinds(t *testing.T) {
	got := slices.Sorted(maps.Keys(begin(t, "ES256").kinds))
	if diff := cmp.Diff([]string{"cookie", "header", "hydrator", "id_token", "noop"}, got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkIDToken(b *testing.B) {
	w := begin(b, "ES256")
	m := w.make("id_token", `{"issuer_url":"https://id","claims":"{\"role\":\"{{ .Extra.role }}\"}"}`)
	r, p := request(), alice()
	w.mutate(m, p)
	b.ReportAllocs()
	for b.Loop() {
		p.Header = nil
		if err := m.Mutate(w.ctx, r, p); err != nil {
			b.Fatal(err)
		}
	}
}
