package inspect_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/inspect"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const issuerURL = "https://id.example.com"

// server has the endpoints of this package, and the token endpoint to get tokens from.
type server struct {
	t       testing.TB
	ctx     context.Context
	db      *sqldb.DB
	clock   *testkit.Clock
	tokens  *secret.Tokens
	keys    *keys.Keys
	store   *token.Store
	issuer  *token.Issuer
	clients *client.Store
	hasher  *secret.Hasher
	public  *web.Mux
	admin   *web.Mux
}

// start makes a server in memory; change may alter its configuration.
func start(t testing.TB, change ...func(*inspect.Config, *keys.Config)) *server {
	t.Helper()
	config, keyConfig := inspect.DefaultConfig(), keys.DefaultConfig()
	keyConfig.IDToken.Algorithm = "ES256" // RSA keys take long to make
	for _, f := range change {
		f(&config, &keyConfig)
	}
	s := &server{t: t, ctx: testkit.Context(t), clock: new(testkit.Clock)}
	s.db = memory(t, s.clock)
	ring, feed := testkit.Ring(t), sqldb.NewFeed(s.db, sqldb.FeedOptions{})
	s.tokens = &secret.Tokens{Prefix: "gh", Ring: ring.For("tokens")}
	s.keys = keys.New(keys.Options{Store: keys.NewStore(s.db, feed, ring), Config: keyConfig, Now: s.clock.Now})
	s.store = token.NewStore(token.StoreOptions{
		DB: s.db, Feed: feed, Tokens: s.tokens, Keys: s.keys, Config: token.DefaultConfig(), Now: s.clock.Now,
	})
	s.issuer = &token.Issuer{
		Config: token.DefaultConfig(), Lifespans: oauth.DefaultLifespans(), Store: s.store, Tokens: s.tokens, Keys: s.keys,
		URL: func(context.Context) string { return issuerURL }, Now: s.clock.Now,
	}
	var err error
	if s.hasher, err = secret.NewHasher(secret.DefaultHashConfig(), ring, s.clock.Now); err != nil {
		t.Fatal(err)
	}
	s.clients = client.NewStore(client.StoreOptions{DB: s.db, Feed: feed, CacheSize: 100, Now: s.clock.Now})
	auth := &client.Authenticator{Store: s.clients, Hasher: s.hasher, Audiences: func(context.Context) []string { return []string{issuerURL} }, Now: s.clock.Now}
	s.public, s.admin = web.NewMux(web.OAuthErrors, web.Options{}), web.NewMux(web.HydraErrors, web.Options{})
	(&token.Handler{Grants: token.NewGrants(s.issuer), Clients: auth}).MountPublic(s.public)
	h := &inspect.Handler{Config: config, Tokens: s.store, Auth: auth, Clients: s.clients, Keys: s.keys, Now: s.clock.Now}
	h.MountPublic(s.public)
	h.MountAdmin(s.admin)
	return s
}

// memory opens a migrated database in memory.
func memory(t testing.TB, clock *testkit.Clock) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), "memory", sqldb.Options{Name: "oauth", Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Up(testkit.Context(t), db, "oauth"); err != nil {
		t.Fatal(err)
	}
	return db
}

// app is a registered client with the secret that it was given.
type app struct {
	*client.Client
	secret string
}

// register registers a client that may do much, but for what change takes away.
func (s *server) register(id string, change ...func(*client.Client)) app {
	s.t.Helper()
	c := &client.Client{
		ID: id, Scope: "openid offline_access read write", Audience: []string{"reports", "api"},
		GrantTypes:   []string{"authorization_code", "client_credentials", "refresh_token"},
		RedirectURIs: []string{"https://app.example.com/cb"},
	}
	for _, f := range change {
		f(c)
	}
	register := &client.Register{Store: s.clients, Hasher: s.hasher, Now: s.clock.Now, Rules: client.Rules{Pairwise: true}}
	made, err := register.Create(s.ctx, client.Registration{Client: c})
	if err != nil {
		s.t.Fatalf("register client %s: %v", id, err)
	}
	return app{made.Client, made.Secret}
}

func public(c *client.Client) { c.TokenEndpointAuthMethod = "none" }

func jwtTokens(c *client.Client) { c.AccessTokenStrategy = "jwt" }

// answer is an HTTP answer with its JSON body.
type answer struct {
	*httptest.ResponseRecorder
	json map[string]any
}

func (a answer) text(name string) string { v, _ := a.json[name].(string); return v }

func (s *server) send(h http.Handler, r *http.Request) answer {
	s.t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{ResponseRecorder: w}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.json); err != nil {
			s.t.Fatalf("the answer is not JSON: %v\n%s", err, w.Body)
		}
	}
	return a
}

// post makes a form request.
func post(path string, pairs ...string) *http.Request {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// ask sends a form to the public listener as the app, authenticated as it is registered.
func (s *server) ask(a app, path string, pairs ...string) answer {
	s.t.Helper()
	if a.Public() {
		return s.send(s.public, post(path, append(pairs, "client_id", a.ID)...))
	}
	r := post(path, pairs...)
	r.SetBasicAuth(a.ID, a.secret)
	return s.send(s.public, r)
}

// introspect asks at the admin listener.
func (s *server) introspect(text string, pairs ...string) answer {
	s.t.Helper()
	return s.wantOK(s.send(s.admin, post("/admin/oauth2/introspect", append(pairs, "token", text)...)))
}

// login gets tokens by a code.
func (s *server) login(a app, change ...func(*token.Grant)) answer {
	s.t.Helper()
	g := token.Grant{
		Family: secret.NewID(), ClientID: a.ID, Subject: "alice", GrantType: "authorization_code",
		Scope: []string{"openid", "offline_access", "read"}, Audience: []string{"reports"},
		ACR: "aal1", AMR: []string{"pwd"}, AuthTime: s.clock.Now(), RequestedAt: s.clock.Now(), SessionID: "session-1", Nonce: "nonce-1",
		IDClaims: map[string]any{"email": "alice@example.com"}, AccessClaims: map[string]any{"role": "admin", "username": "al"},
	}
	for _, f := range change {
		f(&g)
	}
	codes, rows, err := s.issuer.MintCodes(s.ctx, g)
	if err == nil {
		err = s.db.InsertAll(s.ctx, rows)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s.wantOK(s.ask(a, "/oauth2/token", "grant_type", "authorization_code", "code", codes[0]))
}

// alone gets a token by client_credentials.
func (s *server) alone(a app, pairs ...string) string {
	s.t.Helper()
	return s.wantOK(s.ask(a, "/oauth2/token", append(pairs, "grant_type", "client_credentials")...)).text("access_token")
}

// active tells whether a token is good, as an administrator sees it.
func (s *server) active(text string) bool {
	s.t.Helper()
	return s.introspect(text).json["active"] == true
}

func (s *server) wantOK(a answer) answer {
	s.t.Helper()
	if a.Code != http.StatusOK {
		s.t.Fatalf("status %d: %s", a.Code, a.Body)
	}
	return a
}

// wantError holds an answer to be an OAuth error.
func (s *server) wantError(a answer, status int, code string) answer {
	s.t.Helper()
	if a.Code != status || a.text("error") != code {
		s.t.Fatalf("status %d, body %s; want %d %s", a.Code, a.Body, status, code)
	}
	return a
}

// wantInactive holds an answer to say nothing but that (RFC 7662 §2.2).
func (s *server) wantInactive(a answer) {
	s.t.Helper()
	if a.Code != http.StatusOK || strings.TrimSpace(a.Body.String()) != `{"active":false}` {
		s.t.Errorf("status %d, body %s; want inactive", a.Code, a.Body)
	}
}
