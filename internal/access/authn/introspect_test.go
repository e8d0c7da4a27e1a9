package authn_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestOwnToken(t *testing.T) {
	good := &authn.Token{
		Subject: "alice", ClientID: "app", Issuer: "https://id.example.com", Username: "al", Scope: []string{"orders.read", "profile"},
		Audience: []string{"orders", "reports"}, Expires: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Ext: map[string]any{"role": "admin"},
	}
	w := begin(t, func(o *authn.Options) { o.Tokens = tokens{"gh_1": good} })
	for settings, want := range map[string]*fault.Error{
		`{}`: nil,
		`{"required_scope":["profile","orders.read"]}`:                     nil,
		`{"required_scope":["orders"]}`:                                    access.ErrForbidden,
		`{"required_scope":["orders.read.all"]}`:                           access.ErrForbidden,
		`{"required_scope":["profile.x"],"scope_strategy":"hierarchic"}`:   nil,
		`{"required_scope":["profilex"],"scope_strategy":"hierarchic"}`:    access.ErrForbidden,
		`{"required_scope":["orders.*"],"scope_strategy":"wildcard"}`:      access.ErrForbidden,
		`{"required_scope":["orders.write"],"scope_strategy":"none"}`:      access.ErrForbidden,
		`{"target_audience":["orders"]}`:                                   nil,
		`{"target_audience":["orders","other"]}`:                           access.ErrForbidden,
		`{"trusted_issuers":["https://id.example.com","https://other"]}`:   nil,
		`{"trusted_issuers":["https://other"]}`:                            access.ErrForbidden,
		`{"trusted_issuers":["https://id.example.com/"]}`:                  access.ErrForbidden,
		`{"prefix":"gh_","token_from":null,"cache":{"enabled":true}}`:      nil,
		`{"required_scope":["orders.read"],"scope_strategy":"exact"}`:      nil,
		`{"required_scope":["orders.read","x"],"scope_strategy":"exact"}`:  access.ErrForbidden,
		`{"required_scope":[""],"scope_strategy":"exact"}`:                 access.ErrForbidden,
		`{"required_scope":["orders.read"],"target_audience":["orders2"]}`: access.ErrForbidden,
	} {
		_, err := w.make("oauth2_introspection", settings).Authenticate(w.ctx, bearer("gh_1"))
		if want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: got %v", settings, err)
		}
	}
	want := &access.Principal{
		Subject: "alice", Scopes: good.Scope, Expires: good.Expires,
		Extra: map[string]any{"role": "admin", "username": "al", "client_id": "app", "scope": "orders.read profile", "aud": []any{"orders", "reports"}},
	}
	if diff := cmp.Diff(want, w.pass(w.make("oauth2_introspection", ""), bearer("gh_1"))); diff != "" {
		t.Error(diff)
	}
	gone := errors.New("the database is gone")
	w = begin(t, func(o *authn.Options) { o.Tokens = broken{gone} })
	if _, err := w.make("oauth2_introspection", "").Authenticate(w.ctx, bearer("gh_1")); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// endpoint is an introspection endpoint of another server.
type endpoint struct {
	url    string
	calls  atomic.Int64
	mu     sync.Mutex
	answer map[string]any
	status int
	form   map[string][]string
	header http.Header
	hold   chan struct{}
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{}
	e.url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		e.calls.Add(1)
		_ = r.ParseForm()
		e.mu.Lock()
		e.form, e.header = r.PostForm, r.Header
		status, answer, hold := e.status, e.answer, e.hold
		e.mu.Unlock()
		if hold != nil {
			<-hold
		}
		if status != 0 {
			w.Header().Set("Retry-After", "4")
			w.WriteHeader(status)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	return e
}

func (e *endpoint) says(answer map[string]any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer, e.status = answer, 0
}

func TestForeignToken(t *testing.T) {
	e := newEndpoint(t)
	w := begin(t)
	now := w.clock.Now().Unix()
	base := claims{
		"active": true, "sub": "alice", "iss": "https://id", "client_id": "app", "scope": "a b", "aud": "orders", "exp": now + 60,
		"username": "al", "ext": map[string]any{"n": 12345678901234567}, "token_use": "access_token",
	}
	for _, tc := range []struct {
		name, settings string
		answer         map[string]any
		want           *fault.Error
	}{
		{"active", ``, base, nil},
		{"inactive", ``, claims{"active": false}, access.ErrUnauthorized},
		{"nothing said", ``, claims{}, access.ErrUnauthorized},
		{"active in another spelling", ``, claims{"Active": true}, access.ErrUnauthorized},
		{"active is no boolean", ``, base.with("active", "true"), access.ErrUnavailable},
		{"expired", ``, base.with("exp", now), access.ErrUnauthorized},
		{"not yet good", ``, base.with("nbf", now+60), access.ErrUnauthorized},
		{"no expiry", ``, base.with("exp", nil), nil},
		{"an expiry that is no number", ``, base.with("exp", "soon"), access.ErrUnavailable},
		{"a refresh token", ``, base.with("token_use", "refresh_token"), access.ErrForbidden},
		{"audience", `"target_audience":["orders"]`, base, nil},
		{"another audience", `"target_audience":["reports"]`, base, access.ErrForbidden},
		{"several audiences", `"target_audience":["orders"]`, base.with("aud", []string{"x", "orders"}), nil},
		{"issuer", `"trusted_issuers":["https://id"]`, base, nil},
		{"another issuer", `"trusted_issuers":["https://other"]`, base, access.ErrForbidden},
		{"scope", `"required_scope":["b"],"scope_strategy":"exact"`, base, nil},
		{"scope not granted", `"required_scope":["c"],"scope_strategy":"exact"`, base, access.ErrForbidden},
		{"scope left to the endpoint", `"required_scope":["c"]`, base, nil},
		{"bound in a way nobody knows", ``, base.with("cnf", map[string]any{"kid": "k"}), access.ErrUnauthorized},
		{"an empty binding", ``, base.with("cnf", map[string]any{}), access.ErrUnauthorized},
		{"a binding that is no object", ``, base.with("cnf", "x"), access.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e.says(tc.answer)
			settings := `{"introspection_url":"` + e.url + `"`
			if tc.settings != "" {
				settings += "," + tc.settings
			}
			_, err := w.make("oauth2_introspection", settings+"}").Authenticate(w.ctx, bearer("t"))
			if tc.want == nil && err != nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	e.says(base)
	p := w.pass(w.make("oauth2_introspection", `{"introspection_url":"`+e.url+`","required_scope":["a","x"],"preserve_host":true,"introspection_request_headers":{"X-A":"b"}}`), bearer("t"))
	if p.Extra["n"] != json.Number("12345678901234567") || p.Extra["aud"].([]any)[0] != "orders" || p.Extra["username"] != "al" || p.Expires.Unix() != now+60 {
		t.Errorf("got %+v", p)
	}
	if e.form["token"][0] != "t" || e.form["scope"][0] != "a x" || e.header.Get("X-A") != "b" || e.header.Get("X-Forwarded-Host") != "api.example.com" {
		t.Errorf("asked with %v, %v", e.form, e.header)
	}
}

// Answers are kept for as long as the settings and the token itself say, and only good ones.
func TestForeignTokenCache(t *testing.T) {
	e := newEndpoint(t)
	w := begin(t)
	exp := w.clock.Now().Add(60 * time.Second).Unix()
	a := w.make("oauth2_introspection", `{"introspection_url":"`+e.url+`","cache":{"enabled":true}}`)
	short := w.make("oauth2_introspection", `{"introspection_url":"`+e.url+`","cache":{"enabled":true,"ttl":"5s"},"introspection_request_headers":{"a":"b"}}`)
	count := func(want int64) {
		t.Helper()
		if got := e.calls.Swap(0); got != want {
			t.Errorf("%d calls, want %d", got, want)
		}
	}
	e.says(claims{"active": true, "sub": "alice", "exp": exp})
	for range 3 {
		w.pass(a, bearer("t"))
		w.pass(short, bearer("t"))
	}
	count(2)
	// Rules that ask for other things share the answer, and are held against it each.
	w.refuse(w.make("oauth2_introspection", `{"introspection_url":"`+e.url+`","cache":{"enabled":true},"target_audience":["x"],"scope_strategy":"exact"}`), bearer("t2"), access.ErrForbidden)
	count(1)
	w.clock.Advance(5 * time.Second)
	w.pass(a, bearer("t"))
	count(0)
	w.pass(short, bearer("t"))
	count(1)
	w.clock.Advance(55 * time.Second)
	w.refuse(a, bearer("t"), access.ErrUnauthorized)
	count(1)
	e.says(claims{"active": false})
	w.refuse(a, bearer("u"), access.ErrUnauthorized)
	w.refuse(a, bearer("u"), access.ErrUnauthorized)
	count(2)
	e.says(claims{"active": true})
	w.pass(a, bearer("u"))
	w.clock.Advance(59 * time.Second)
	w.pass(a, bearer("u"))
	count(1)
	w.clock.Advance(2 * time.Second) // a minute where the endpoint does not say
	w.pass(a, bearer("u"))
	count(1)
	for _, status := range []int{500, 404, 302} {
		e.status = status
		w.refuse(w.make("oauth2_introspection", `{"introspection_url":"`+e.url+`","retry":{"max_delay":"1ms"}}`), bearer("v"), access.ErrUnavailable)
	}
	e.status = 429
	_, err := a.Authenticate(w.ctx, bearer("v"))
	if f := fault.From(err); f.Kind != fault.Limited || f.RetryAfter != 4*time.Second {
		t.Errorf("got %v", err)
	}
}

// watched is a context that counts the requests which wait for an answer, or for their own end.
type watched struct {
	context.Context
	waiting *atomic.Int64
	once    sync.Once
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { w.waiting.Add(1) })
	return w.Context.Done()
}

// Many requests with one token at a time make one call, whether answers are kept or not.
func TestForeignTokenIsAskedOnce(t *testing.T) {
	e := newEndpoint(t)
	e.says(claims{"active": true, "sub": "alice"})
	e.hold = make(chan struct{})
	w := begin(t)
	a := w.make("oauth2_introspection", `{"introspection_url":"`+e.url+`"}`)
	const many = 20
	var wg sync.WaitGroup
	var waiting atomic.Int64
	for range many {
		wg.Go(func() {
			ctx := &watched{Context: w.ctx, waiting: &waiting}
			if _, err := a.Authenticate(ctx, bearer("t")); err != nil {
				t.Error(err)
			}
		})
	}
	testkit.Eventually(t, "all wait for the answer", func() bool { return waiting.Load() == many })
	close(e.hold)
	wg.Wait()
	if n := e.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestPreAuthorization(t *testing.T) {
	var tokenCalls, introspections atomic.Int64
	var valid atomic.Value
	valid.Store("one")
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			tokenCalls.Add(1)
			id, secret, _ := r.BasicAuth()
			if id != "gateway" || secret != "hush" || r.FormValue("scope") != "introspect" || r.FormValue("audience") != "id" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = w.Write([]byte(`{"access_token":"` + valid.Load().(string) + `","expires_in":100}`))
		case "/introspect":
			introspections.Add(1)
			if r.Header.Get("Authorization") != "Bearer "+valid.Load().(string) {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = w.Write([]byte(`{"active":true,"sub":"alice"}`))
		}
	})
	w := begin(t)
	settings := func(secret string) string {
		return `{"introspection_url":"` + url + `/introspect","pre_authorization":{"enabled":true,"client_id":"gateway","client_secret":"` + secret +
			`","token_url":"` + url + `/token","scope":["introspect"],"audience":"id"}}`
	}
	a := w.make("oauth2_introspection", settings("hush"))
	for range 3 {
		w.pass(a, bearer("t"))
	}
	if tokenCalls.Load() != 1 || introspections.Load() != 3 {
		t.Errorf("%d tokens, %d introspections", tokenCalls.Load(), introspections.Load())
	}
	valid.Store("two") // the old one was revoked
	w.pass(a, bearer("t"))
	if tokenCalls.Load() != 2 {
		t.Errorf("%d tokens, want a second one", tokenCalls.Load())
	}
	w.clock.Advance(90 * time.Second)
	w.pass(a, bearer("t"))
	if tokenCalls.Load() != 3 {
		t.Errorf("%d tokens, want a third one before the second expires", tokenCalls.Load())
	}
	w.refuse(w.make("oauth2_introspection", settings("wrong")), bearer("t"), access.ErrUnavailable)
	// What is kept was said to who has the secret.
	kept := func(secret string) access.Authenticator {
		return w.make("oauth2_introspection", strings.TrimSuffix(settings(secret), "}")+`,"cache":{"enabled":true}}`)
	}
	w.pass(kept("hush"), bearer("t"))
	w.refuse(kept("wrong"), bearer("t"), access.ErrUnavailable)
}
