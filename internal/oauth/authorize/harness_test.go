package authorize_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	baseURL     = "http://localhost:4444"
	loginURL    = "https://login.example.com/login"
	consentURL  = "https://login.example.com/consent"
	redirectURI = "https://app.example.com/cb"
	// The PKCE pair of RFC 7636 appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// server is the authorization endpoint with all that it stands on.
type server struct {
	t       testing.TB
	ctx     context.Context
	db      *sqldb.DB
	clock   *testkit.Clock
	tokens  *token.Store
	clients *client.Store
	hasher  *secret.Hasher
	store   *authorize.Store
	handler *authorize.Handler
	public  *web.Mux
	admin   *web.Mux
}

// start makes a server; change may alter its policy.
func start(t testing.TB, db *sqldb.DB, change ...func(*authorize.Policy)) *server {
	t.Helper()
	policy := authorize.Policy{Config: oauth.Defaults(), Development: true}
	policy.URLs = oauth.URLsConfig{Login: loginURL, Consent: consentURL}
	for _, f := range change {
		f(&policy)
	}
	s := &server{t: t, ctx: testkit.Context(t), db: db, clock: new(testkit.Clock)}
	base, err := web.ParseBaseURL(baseURL)
	if err != nil {
		t.Fatal(err)
	}
	ring := testkit.Ring(t)
	feed := testkit.Feed(t, db)
	tokens := &secret.Tokens{Prefix: "gh", Ring: ring.For("tokens")}
	keyConfig := keys.DefaultConfig()
	keyConfig.IDToken.Algorithm = "ES256" // RSA keys take long to make
	signing := keys.New(keys.Options{Store: keys.NewStore(db, feed, ring), Config: keyConfig, Now: s.clock.Now})
	config := token.DefaultConfig()
	s.tokens = token.NewStore(token.StoreOptions{DB: db, Feed: feed, Tokens: tokens, Keys: signing, Config: config, Now: s.clock.Now})
	issuer := &token.Issuer{Config: config, Lifespans: policy.Lifespans, Store: s.tokens, Tokens: tokens, Keys: signing,
		URL: func(context.Context) string { return baseURL }, Now: s.clock.Now}
	if s.hasher, err = secret.NewHasher(secret.DefaultHashConfig(), ring, s.clock.Now); err != nil {
		t.Fatal(err)
	}
	s.clients = client.NewStore(client.StoreOptions{DB: db, Feed: feed, CacheSize: 100, Now: s.clock.Now})
	s.store = authorize.NewStore(authorize.StoreOptions{DB: db, Feed: feed, Tokens: s.tokens, Issuer: issuer, Now: s.clock.Now,
		LiveFamilies: func(context.Context, []string) (map[string]bool, error) { return nil, nil }})
	s.handler = &authorize.Handler{
		Flows: &authorize.Flows{Policy: policy, Clients: s.clients, Issuer: issuer, Keys: signing, Store: s.store,
			Challenges: authorize.NewChallenges(ring), Public: web.NewBaseURLs(base, nil).Join, Now: s.clock.Now},
		Cookies: web.Cookies{Ring: ring.For("cookies"), Base: web.NewBaseURLs(base, nil)},
	}
	s.public = web.NewMux(web.OAuthErrors, web.Options{BaseURL: base})
	s.admin = web.NewMux(web.HydraErrors, web.Options{Bare: "/admin"})
	s.handler.MountPublic(s.public)
	s.handler.MountAdmin(s.admin)
	auth := &client.Authenticator{Store: s.clients, Hasher: s.hasher, Audiences: func(context.Context) []string { return []string{baseURL} }, Now: s.clock.Now}
	(&token.Handler{Grants: token.NewGrants(issuer), Clients: auth}).MountPublic(s.public)
	if err := signing.Ensure(s.ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// register registers a client that may use everything, but for what change takes away.
func (s *server) register(id string, change ...func(*client.Client)) *client.Client {
	s.t.Helper()
	c := &client.Client{
		ID: id, Name: "The " + id, Scope: "openid offline_access offline read write", Audience: []string{"https://api.example.com", "reports"},
		GrantTypes:   []string{"authorization_code", "client_credentials", "refresh_token", "implicit"},
		RedirectURIs: []string{redirectURI}, TokenEndpointAuthMethod: "none",
		ResponseTypes: []string{"code", "token", "id_token", "id_token token", "code id_token", "code token", "code id_token token"},
	}
	for _, f := range change {
		f(c)
	}
	register := &client.Register{Store: s.clients, Hasher: s.hasher, Now: s.clock.Now, Rules: client.Rules{Pairwise: true}}
	made, err := register.Create(s.ctx, client.Registration{Client: c})
	if err != nil {
		s.t.Fatalf("register client %s: %v", id, err)
	}
	return made.Client
}

// request is a good authorization request of the client; pairs set parameters, an empty value takes one out.
func request(id string, pairs ...string) url.Values {
	return with(url.Values{
		"client_id": {id}, "response_type": {"code"}, "scope": {"openid offline read"}, "redirect_uri": {redirectURI},
		"state": {"state-0123456789"}, "nonce": {"nonce-0123456789"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}, pairs...)
}

func with(v url.Values, pairs ...string) url.Values {
	v = maps.Clone(v)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			delete(v, pairs[i])
		} else {
			v[pairs[i]] = []string{pairs[i+1]}
		}
	}
	return v
}

type browser struct {
	testkit.Jar
	s *server
}

func (s *server) browser() *browser {
	return &browser{s: s, Jar: testkit.Jar{Cookies: map[string]string{}}}
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder { return b.Do(b.s.public, r) }

// get opens an address of the server.
func (b *browser) get(address string) *httptest.ResponseRecorder {
	b.s.t.Helper()
	r := httptest.NewRequestWithContext(b.s.ctx, http.MethodGet, strings.TrimPrefix(address, baseURL), nil)
	r.Host = "localhost:4444"
	return b.do(r)
}

// post sends a form to a path of the server.
func (b *browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	b.s.t.Helper()
	r := httptest.NewRequestWithContext(b.s.ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Host = "localhost:4444"
	return b.do(r)
}

// auth sends an authorization request.
func (b *browser) auth(v url.Values) *httptest.ResponseRecorder {
	b.s.t.Helper()
	return b.get("/oauth2/auth?" + v.Encode())
}

// location gives where an answer redirects to.
func location(t testing.TB, w *httptest.ResponseRecorder) *url.URL {
	t.Helper()
	if w.Code != http.StatusSeeOther {
		t.Fatalf("status %d, want 303: %.600s", w.Code, w.Body)
	}
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// answerOf gives the parameters that came back to the client, from query or fragment.
func answerOf(t testing.TB, w *httptest.ResponseRecorder) url.Values {
	t.Helper()
	u := location(t, w)
	if !strings.HasPrefix(u.String(), redirectURI) {
		t.Fatalf("the browser is sent to %s and not to the client", u)
	}
	v := u.Query()
	if u.Fragment != "" {
		var err error
		if v, err = url.ParseQuery(u.EscapedFragment()); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// call sends a request to the admin API.
func (s *server) call(method, path string, body any) (status int, answer map[string]any, header http.Header) {
	s.t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(s.ctx, method, path, strings.NewReader(string(text)))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.admin.ServeHTTP(w, r)
	if w.Body.Len() > 0 && strings.HasPrefix(w.Body.String(), "{") {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			s.t.Fatalf("the answer is not JSON: %v\n%s", err, w.Body)
		}
	}
	if strings.HasPrefix(w.Body.String(), "[") {
		var list []any
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			s.t.Fatalf("the answer is not JSON: %v\n%s", err, w.Body)
		}
		answer = map[string]any{"list": list}
	}
	return w.Code, answer, w.Header()
}

type object = map[string]any

const requests = "/admin/oauth2/auth/requests/"

// get asks for a challenge.
func (s *server) get(kind, challenge string) (int, object) {
	s.t.Helper()
	status, answer, _ := s.call(http.MethodGet, requests+kind+"?"+kind+"_challenge="+url.QueryEscape(challenge), nil)
	return status, answer
}

// answer accepts or rejects a challenge, whatever comes of it.
func (s *server) answer(kind, how, challenge string, body any) (int, object) {
	s.t.Helper()
	status, answer, _ := s.call(http.MethodPut, requests+kind+"/"+how+"?"+kind+"_challenge="+url.QueryEscape(challenge), body)
	return status, answer
}

// accept accepts a challenge and gives where the browser goes on.
func (s *server) accept(kind, challenge string, body any) string {
	s.t.Helper()
	status, answer := s.answer(kind, "accept", challenge, body)
	to, _ := answer["redirect_to"].(string)
	if status != http.StatusOK || to == "" {
		s.t.Fatalf("accept %s: %d %v", kind, status, answer)
	}
	return to
}

// challengeOf gives the challenge with which an answer sends the browser to the login or consent app.
func challengeOf(t testing.TB, w *httptest.ResponseRecorder, kind string) string {
	t.Helper()
	u := location(t, w)
	c := u.Query().Get(kind + "_challenge")
	if c == "" {
		t.Fatalf("the browser is not sent to %s but to %s", kind, u)
	}
	return c
}

// signIn takes the browser through login, up to the consent challenge.
func (b *browser) signIn(v url.Values, login object) (consentChallenge string) {
	b.s.t.Helper()
	c := challengeOf(b.s.t, b.auth(v), "login")
	return challengeOf(b.s.t, b.get(b.s.accept("login", c, login)), "consent")
}

// through takes the browser through login and consent, up to the answer.
func (b *browser) through(v url.Values, login, consent object) *httptest.ResponseRecorder {
	b.s.t.Helper()
	c := b.signIn(v, login)
	if consent == nil {
		consent = object{"grant_scope": strings.Fields(v.Get("scope"))}
	}
	return b.get(b.s.accept("consent", c, consent))
}

var alice = object{"subject": "alice"}

// redeem exchanges a code of a public client.
func (s *server) redeem(id, code string) (int, object) {
	s.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {id}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
	w := s.browser().post("/oauth2/token", form)
	var answer object
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		s.t.Fatalf("the answer is not JSON: %v\n%s", err, w.Body)
	}
	return w.Code, answer
}

// claimsOf gives the claims of a JWT without checking its signature.
func claimsOf(t testing.TB, jwt string) object {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", jwt)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims object
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// wantError holds an answer to the client to be an error, with state and issuer.
func wantError(t testing.TB, w *httptest.ResponseRecorder, code string) url.Values {
	t.Helper()
	v := answerOf(t, w)
	if v.Get("error") != code {
		t.Fatalf("error %q (%s), want %q", v.Get("error"), v.Get("error_description"), code)
	}
	if v.Get("error_description") == "" {
		t.Error("the error says nothing to a person")
	}
	if v.Get("iss") != baseURL {
		t.Errorf("iss is %q (RFC 9207 §2)", v.Get("iss"))
	}
	for _, name := range []string{"code", "access_token", "id_token"} {
		if v.Has(name) {
			t.Errorf("the error brings a %s", name)
		}
	}
	return v
}

// wantShown holds an answer to be an error that the person sees and the client does not.
func wantShown(t testing.TB, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status || w.Header().Get("Location") != "" {
		t.Fatalf("status %d, Location %q, want a page with %d: %.500s", w.Code, w.Header().Get("Location"), status, w.Body)
	}
	if !strings.Contains(w.Body.String(), "<html") {
		t.Errorf("the answer is no page: %.200s", w.Body)
	}
}

// atOnce runs f n times at the same time.
func atOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-gate; f(i) })
	}
	close(gate)
	wg.Wait()
}

func has(list any, value string) bool {
	values, _ := list.([]any)
	return slices.Contains(values, any(value))
}
