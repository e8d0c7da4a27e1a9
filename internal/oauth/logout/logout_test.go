package logout_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/logout"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	baseURL     = "http://localhost:4444"
	logoutURL   = "https://login.example.com/logout"
	redirectURI = "https://app.example.com/cb"
	goodbye     = "https://app.example.com/bye"
)

// server is logout with all that it stands on.
type server struct {
	t       testing.TB
	ctx     context.Context
	clock   *testkit.Clock
	clients *client.Store
	hasher  *secret.Hasher
	flows   *authorize.Flows
	store   *logout.Store
	logouts *logout.Logouts
	session string // what the login app calls its session
	public  *web.Mux
	admin   *web.Mux
}

func start(t testing.TB, db *sqldb.DB, change ...func(*oauth.URLsConfig)) *server {
	t.Helper()
	policy := authorize.Policy{Config: oauth.Defaults(), Development: true}
	policy.URLs = oauth.URLsConfig{Login: "https://login.example.com/login", Consent: "https://login.example.com/consent", Logout: logoutURL}
	for _, f := range change {
		f(&policy.URLs)
	}
	s := &server{t: t, ctx: testkit.Context(t), clock: new(testkit.Clock), store: &logout.Store{DB: db}}
	base, err := web.ParseBaseURL(baseURL)
	if err != nil {
		t.Fatal(err)
	}
	ring := testkit.Ring(t)
	feed := testkit.Feed(t, db)
	keyConfig := keys.DefaultConfig()
	keyConfig.IDToken.Algorithm = "ES256" // RSA keys take long to make
	signing := keys.New(keys.Options{Store: keys.NewStore(db, feed, ring), Config: keyConfig, Now: s.clock.Now})
	tokens := &secret.Tokens{Prefix: "gh", Ring: ring.For("tokens")}
	tokenStore := token.NewStore(token.StoreOptions{DB: db, Feed: feed, Tokens: tokens, Keys: signing, Config: token.DefaultConfig(), Now: s.clock.Now})
	issuer := &token.Issuer{Config: token.DefaultConfig(), Lifespans: policy.Lifespans, Store: tokenStore, Tokens: tokens, Keys: signing,
		URL: func(context.Context) string { return baseURL }, Now: s.clock.Now}
	if s.hasher, err = secret.NewHasher(secret.DefaultHashConfig(), ring, s.clock.Now); err != nil {
		t.Fatal(err)
	}
	s.clients = client.NewStore(client.StoreOptions{DB: db, Feed: feed, CacheSize: 100, Now: s.clock.Now})
	sessions := authorize.NewStore(authorize.StoreOptions{DB: db, Feed: feed, Tokens: tokenStore, Issuer: issuer, Now: s.clock.Now})
	s.flows = &authorize.Flows{Policy: policy, Clients: s.clients, Issuer: issuer, Keys: signing, Store: sessions,
		Challenges: authorize.NewChallenges(ring), Public: web.NewBaseURLs(base, nil).Join, Now: s.clock.Now}
	browser := &authorize.Handler{Flows: s.flows, Cookies: web.Cookies{Ring: ring.For("cookies"), Base: web.NewBaseURLs(base, nil)}}
	handler := &logout.Handler{Browser: browser, Logouts: &logout.Logouts{URLs: policy.URLs, Clients: s.clients, Sessions: sessions, Keys: signing,
		Store: s.store, Challenges: authorize.NewChallenges(ring), Issuer: issuer.URL, Public: web.NewBaseURLs(base, nil).Join, Now: s.clock.Now}}
	s.logouts = handler.Logouts
	s.public = web.NewMux(web.OAuthErrors, web.Options{BaseURL: base})
	s.admin = web.NewMux(web.HydraErrors, web.Options{Bare: "/admin"})
	browser.MountPublic(s.public)
	handler.MountPublic(s.public)
	handler.MountAdmin(s.admin)
	return s
}

func (s *server) register(id string, change ...func(*client.Client)) {
	s.t.Helper()
	c := &client.Client{ID: id, Scope: "openid", GrantTypes: []string{"implicit"}, ResponseTypes: []string{"id_token"}, TokenEndpointAuthMethod: "none",
		RedirectURIs: []string{redirectURI}, PostLogoutRedirectURIs: []string{goodbye}}
	for _, f := range change {
		f(c)
	}
	register := &client.Register{Store: s.clients, Hasher: s.hasher, Now: s.clock.Now}
	if _, err := register.Create(s.ctx, client.Registration{Client: c}); err != nil {
		s.t.Fatalf("register client %s: %v", id, err)
	}
}

type browser struct {
	testkit.Jar
	s *server
}

func (s *server) browser(cookies map[string]string) *browser {
	return &browser{s: s, Jar: testkit.Jar{Cookies: cookies}}
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	r.Host = "localhost:4444"
	return b.Do(b.s.public, r)
}

func (b *browser) get(address string) *httptest.ResponseRecorder {
	b.s.t.Helper()
	return b.do(httptest.NewRequestWithContext(b.s.ctx, http.MethodGet, strings.TrimPrefix(address, baseURL), nil))
}

func (b *browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	b.s.t.Helper()
	r := httptest.NewRequestWithContext(b.s.ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

func to(t testing.TB, w *httptest.ResponseRecorder) *url.URL {
	t.Helper()
	if w.Code != http.StatusSeeOther {
		t.Fatalf("status %d, want 303: %.500s", w.Code, w.Body)
	}
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// signedIn is a browser in which alice is signed in, and the ID token that the client got.
func (s *server) signedIn(id string) (*browser, string) {
	s.t.Helper()
	b := s.browser(map[string]string{})
	v := url.Values{"client_id": {id}, "response_type": {"id_token"}, "scope": {"openid"}, "redirect_uri": {redirectURI}, "state": {"state-01234567"}, "nonce": {"nonce-01234567"}}
	u := to(s.t, b.get("/oauth2/auth?"+v.Encode()))
	next, err := s.flows.AcceptLogin(s.ctx, u.Query().Get("login_challenge"), authorize.LoginAccept{Subject: "alice", Remember: true, IdentityProviderSessionID: s.session})
	if err != nil {
		s.t.Fatal(err)
	}
	u = to(s.t, b.get(next))
	next, err = s.flows.AcceptConsent(s.ctx, u.Query().Get("consent_challenge"), authorize.ConsentAccept{GrantScope: []string{"openid"}})
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := url.ParseQuery(to(s.t, b.get(next)).EscapedFragment())
	if err != nil || answer.Get("id_token") == "" || len(b.Cookies) != 1 {
		s.t.Fatalf("answer %v, cookies %v, %v", answer, b.Cookies, err)
	}
	return b, answer.Get("id_token")
}

func (s *server) call(method, path string) (int, map[string]any) {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.admin.ServeHTTP(w, httptest.NewRequestWithContext(s.ctx, method, path, nil))
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			s.t.Fatalf("%s: %v", w.Body, err)
		}
	}
	return w.Code, answer
}

const admin = "/admin/oauth2/auth/requests/logout"

func logoutPath(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return "/oauth2/sessions/logout?" + v.Encode()
}

func shown(t testing.TB, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), "<html") {
		t.Fatalf("status %d, Location %q, want a page with %d: %.500s", w.Code, w.Header().Get("Location"), status, w.Body)
	}
}

func TestRPInitiatedLogout_2_ThePersonIsAsked(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		b, hint := s.signedIn("shop")
		request := logoutPath("id_token_hint", hint, "post_logout_redirect_uri", goodbye, "state", "a&b")
		u := to(t, b.get(request))
		if !strings.HasPrefix(u.String(), logoutURL+"?logout_challenge=") {
			t.Fatalf("sent to %s", u)
		}
		challenge := u.Query().Get("logout_challenge")
		status, r := s.call(http.MethodGet, admin+"?logout_challenge="+challenge)
		if status != http.StatusOK || r["subject"] != "alice" || r["rp_initiated"] != true || r["sid"] == "" || r["challenge"] != challenge ||
			r["client"].(map[string]any)["client_id"] != "shop" || !strings.Contains(r["request_url"].(string), "id_token_hint=") {
			t.Errorf("logout request: %d %v", status, r)
		}
		status, answer := s.call(http.MethodPut, admin+"/accept?logout_challenge="+challenge)
		next, _ := answer["redirect_to"].(string)
		if status != http.StatusOK || next == "" {
			t.Fatalf("accept: %d %v", status, answer)
		}
		if status, again := s.call(http.MethodPut, admin+"/accept?challenge="+challenge); status != http.StatusOK || again["redirect_to"] != next {
			t.Errorf("a double click: %d %v", status, again)
		}
		if len(b.Cookies) != 1 {
			t.Error("the session ended before the browser came back")
		}
		if got := to(t, b.get(next)).String(); got != goodbye+"?state=a%26b" {
			t.Errorf("sent to %s", got)
		}
		if len(b.Cookies) != 0 {
			t.Errorf("cookies are left: %v", b.Cookies)
		}
		if status, answer := s.call(http.MethodGet, admin+"?logout_challenge="+challenge); status != http.StatusGone || answer["redirect_to"] == nil {
			t.Errorf("afterwards: %d %v", status, answer)
		}

		// An ID token of another session speaks for nobody: the client's word does not skip the question.
		other, _ := s.signedIn("shop")
		u = to(t, other.get(logoutPath("id_token_hint", hint)))
		if _, r := s.call(http.MethodGet, admin+"?logout_challenge="+u.Query().Get("logout_challenge")); r["rp_initiated"] != false {
			t.Errorf("logout request: %v", r)
		}
	})
}

func TestRPInitiatedLogout_2_Hint(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	s.register("mail")
	b, hint := s.signedIn("shop")
	shown(t, b.get(logoutPath("id_token_hint", hint+"x")), http.StatusBadRequest)
	shown(t, b.get(logoutPath("id_token_hint", hint, "client_id", "mail")), http.StatusBadRequest)
	shown(t, b.get(logoutPath("client_id", "nobody")), http.StatusUnauthorized)
	shown(t, b.get("/oauth2/sessions/logout?state=a&state=b"), http.StatusBadRequest)
	shown(t, b.get("/oauth2/sessions/logout?x="+strings.Repeat("x", 40<<10)), http.StatusBadRequest)
	s.clock.Advance(48 * time.Hour) // expired hints are good
	to(t, b.post("/oauth2/sessions/logout", url.Values{"id_token_hint": {hint}, "client_id": {"shop"}}))
}

func TestRPInitiatedLogout_3_Redirection(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"), func(u *oauth.URLsConfig) { u.PostLogoutRedirect = "https://example.com/signed-out" })
	s.register("shop")
	b, hint := s.signedIn("shop")
	for _, bad := range []string{"https://evil.example.com/", goodbye + "/", goodbye + "?x=y", redirectURI, "javascript:alert(1)"} {
		shown(t, b.get(logoutPath("id_token_hint", hint, "post_logout_redirect_uri", bad)), http.StatusBadRequest)
	}
	shown(t, b.get(logoutPath("post_logout_redirect_uri", goodbye)), http.StatusBadRequest) // whose is it?
	nobody := s.browser(map[string]string{})
	if got := to(t, nobody.get(logoutPath())).String(); got != "https://example.com/signed-out" {
		t.Errorf("nobody is signed in: sent to %s", got)
	}
	if got := to(t, nobody.get(logoutPath("client_id", "shop", "post_logout_redirect_uri", goodbye, "state", "x"))).String(); got != goodbye+"?state=x" {
		t.Errorf("nobody is signed in: sent to %s", got)
	}
}

func TestRPInitiatedLogout_6_Once(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		b, _ := s.signedIn("shop")
		challenge := to(t, b.get(logoutPath())).Query().Get("logout_challenge")
		_, answer := s.call(http.MethodPut, admin+"/accept?logout_challenge="+challenge)
		next, _ := answer["redirect_to"].(string)
		var wg sync.WaitGroup
		codes := make([]int, 8)
		for i := range codes {
			own := s.browser(maps.Clone(b.Cookies))
			wg.Go(func() { codes[i] = own.get(next).Code })
		}
		wg.Wait()
		n := 0
		for _, code := range codes {
			if code == http.StatusSeeOther {
				n++
			} else if code != http.StatusGone {
				t.Errorf("status %d", code)
			}
		}
		if n != 1 {
			t.Errorf("the logout happened %d times", n)
		}
		if u := to(t, b.get(logoutPath())); u.Path != "/oauth2/fallbacks/logout/callback" {
			t.Errorf("the session is still there: sent to %s", u)
		}
		for _, bad := range []string{"", "x", challenge[:62] + "_"} {
			if status, _ := s.call(http.MethodGet, admin+"?logout_challenge="+bad); status != http.StatusNotFound && status != http.StatusBadRequest {
				t.Errorf("%q: %d", bad, status)
			}
		}
		shown(t, b.get("/oauth2/sessions/logout?logout_verifier="+challenge), http.StatusNotFound) // the challenge is not the verifier
	})
}

func TestRejectedAndExpired(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b, _ := s.signedIn("shop")
	challenge := to(t, b.get(logoutPath())).Query().Get("logout_challenge")
	if status, _ := s.call(http.MethodPut, admin+"/reject?logout_challenge="+challenge); status != http.StatusNoContent {
		t.Errorf("reject: %d", status)
	}
	if status, _ := s.call(http.MethodPut, admin+"/accept?logout_challenge="+challenge); status != http.StatusGone {
		t.Errorf("accept after reject: %d", status)
	}
	late := to(t, b.get(logoutPath())).Query().Get("logout_challenge")
	s.clock.Advance(61 * time.Minute)
	if status, answer := s.call(http.MethodGet, admin+"?logout_challenge="+late); status != http.StatusUnauthorized || answer["error"] != "request_unauthorized" || answer["redirect_to"] == nil {
		t.Errorf("expired: %d %v", status, answer)
	}
	s.clock.Advance(2 * time.Hour)
	if n, err := s.store.Sweep(s.ctx, s.clock.Now(), 100); n != 2 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if status, _ := s.call(http.MethodGet, admin+"?logout_challenge="+late); status != http.StatusUnauthorized {
		t.Errorf("swept: %d", status)
	}
}

func TestSkipLogoutConsent(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	yes := true
	s.register("own", func(c *client.Client) { c.SkipLogoutConsent = &yes })
	b, hint := s.signedIn("own")
	if u := to(t, b.get(logoutPath("client_id", "own"))); u.Host != "login.example.com" {
		t.Errorf("anybody can sign people out: sent to %s", u)
	}
	if got := to(t, b.get(logoutPath("id_token_hint", hint, "post_logout_redirect_uri", goodbye))).String(); got != goodbye {
		t.Errorf("sent to %s", got)
	}
	if len(b.Cookies) != 0 {
		t.Errorf("cookies are left: %v", b.Cookies)
	}
}

func TestBuiltInPages(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"), func(u *oauth.URLsConfig) { u.Logout = "" })
	s.register("shop")
	b, _ := s.signedIn("shop")
	ask := to(t, b.get(logoutPath("client_id", "shop")))
	w := b.get(ask.String())
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Sign out") || !strings.Contains(w.Body.String(), "shop") {
		t.Fatalf("page: %d %s", w.Code, w.Body)
	}
	challenge := ask.Query().Get("logout_challenge")
	stranger := s.browser(map[string]string{})
	shown(t, stranger.get(ask.String()), http.StatusNotFound)
	shown(t, stranger.post("/oauth2/fallbacks/logout", url.Values{"logout_challenge": {challenge}, "said": {"yes"}}), http.StatusNotFound)
	shown(t, b.get("/oauth2/fallbacks/logout"), http.StatusNotFound)
	next := to(t, b.post("/oauth2/fallbacks/logout", url.Values{"logout_challenge": {challenge}, "said": {"yes"}}))
	w = b.get(to(t, b.get(next.String())).String())
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "signed out") || len(b.Cookies) != 0 {
		t.Errorf("in the end: %d %s %v", w.Code, w.Body, b.Cookies)
	}
	b, _ = s.signedIn("shop")
	challenge = to(t, b.get(logoutPath())).Query().Get("logout_challenge")
	w = b.post("/oauth2/fallbacks/logout", url.Values{"logout_challenge": {challenge}, "said": {"no"}})
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "still signed in") || len(b.Cookies) != 1 {
		t.Errorf("no: %d %s", w.Code, w.Body)
	}
}
