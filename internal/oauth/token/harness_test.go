package token_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const issuerURL = "https://id.example.com"

// server is the token endpoint with all that it stands on.
type server struct {
	t       testing.TB
	ctx     context.Context
	db      *sqldb.DB
	feed    *sqldb.Feed
	clock   *testkit.Clock
	tokens  *secret.Tokens
	keys    *keys.Keys
	store   *token.Store
	issuer  *token.Issuer
	clients *client.Store
	hasher  *secret.Hasher
	mux     *web.Mux
}

// start makes a server; change may alter its configuration.
func start(t testing.TB, db *sqldb.DB, change ...func(*token.Config)) *server {
	t.Helper()
	return assemble(t, db, testkit.Feed(t, db), change...)
}

// startHurried makes a server whose change feed keeps its promise, also on a machine that is too busy for it: by believing
// nothing that it remembers.
func startHurried(t testing.TB, db *sqldb.DB) *server {
	t.Helper()
	feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
	testkit.RunFeed(t, feed)
	return assemble(t, db, feed)
}

func assemble(t testing.TB, db *sqldb.DB, feed *sqldb.Feed, change ...func(*token.Config)) *server {
	t.Helper()
	config := token.DefaultConfig()
	for _, f := range change {
		f(&config)
	}
	if faults := config.Validate(); len(faults) > 0 {
		t.Fatalf("the configuration is not valid: %v", faults)
	}
	s := &server{t: t, ctx: testkit.Context(t), db: db, feed: feed, clock: new(testkit.Clock)}
	ring := testkit.Ring(t)
	s.tokens = &secret.Tokens{Prefix: "gh", Ring: ring.For("tokens")}
	keyConfig := keys.DefaultConfig()
	keyConfig.IDToken.Algorithm = "ES256" // RSA keys take long to make
	s.keys = keys.New(keys.Options{Store: keys.NewStore(db, s.feed, ring), Config: keyConfig, Now: s.clock.Now})
	s.store = token.NewStore(token.StoreOptions{DB: db, Feed: s.feed, Tokens: s.tokens, Keys: s.keys, Config: config, Now: s.clock.Now})
	s.issuer = &token.Issuer{
		Config: config, Lifespans: oauth.DefaultLifespans(), Store: s.store, Tokens: s.tokens, Keys: s.keys,
		URL: func(context.Context) string { return issuerURL }, Now: s.clock.Now,
	}
	var err error
	if s.hasher, err = secret.NewHasher(secret.DefaultHashConfig(), ring, s.clock.Now); err != nil {
		t.Fatal(err)
	}
	s.clients = client.NewStore(client.StoreOptions{DB: db, Feed: s.feed, CacheSize: 100, Now: s.clock.Now})
	auth := &client.Authenticator{Store: s.clients, Hasher: s.hasher, Audiences: func(context.Context) []string { return []string{issuerURL} }, Now: s.clock.Now}
	s.mux = web.NewMux(web.OAuthErrors, web.Options{})
	(&token.Handler{Grants: token.NewGrants(s.issuer), Clients: auth}).MountPublic(s.mux)
	return s
}

// app is a registered client with the secret that it was given.
type app struct {
	*client.Client
	secret string
}

// register registers a client that may do all that the token endpoint knows, but for what change takes away.
func (s *server) register(id string, change ...func(*client.Client)) app {
	s.t.Helper()
	c := &client.Client{
		ID: id, Scope: "openid offline_access offline read write", Audience: []string{"https://api.example.com", "reports"},
		GrantTypes:   []string{"authorization_code", "client_credentials", "refresh_token", "implicit"},
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

// The PKCE pair of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

const redirectURI = "https://app.example.com/cb"

// grant is what a user consented to.
func (s *server) grant(a app, change ...func(*token.Grant)) token.Grant {
	g := token.Grant{
		Family: secret.NewID(), ClientID: a.ID, Subject: "alice", GrantType: oauth.GrantAuthorizationCode,
		Scope: []string{"openid", "offline_access", "read", "write"}, Audience: []string{"reports"},
		RedirectURI: redirectURI, CodeChallenge: challenge, Nonce: "n-0S6_WzA2Mj", ACR: "aal1", AMR: []string{"pwd"},
		AuthTime: s.clock.Now(), RequestedAt: s.clock.Now(), SessionID: "session-1",
		IDClaims: map[string]any{"email": "alice@example.com"}, AccessClaims: map[string]any{"role": "admin"},
	}
	for _, f := range change {
		f(&g)
	}
	return g
}

// code has an authorization code made for the grant.
func (s *server) code(g token.Grant) string {
	s.t.Helper()
	codes, rows, err := s.issuer.MintCodes(s.ctx, g)
	if err == nil {
		err = s.db.InsertAll(s.ctx, rows)
	}
	if err != nil {
		s.t.Fatalf("insert a code: %v", err)
	}
	return codes[0]
}

// answer is an HTTP answer with its JSON body.
type answer struct {
	*httptest.ResponseRecorder
	json map[string]any
}

func (a answer) text(name string) string { v, _ := a.json[name].(string); return v }

// form makes form values out of pairs.
func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// with is a copy of v with some values set; an empty one is taken out.
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

// send sends a request to the server.
func (s *server) send(r *http.Request) answer {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	a := answer{ResponseRecorder: w}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.json); err != nil {
			s.t.Fatalf("the answer is not JSON: %v\n%s", err, w.Body)
		}
	}
	return a
}

// request makes a token request of the app, authenticated as it is registered.
func (a app) request(v url.Values) *http.Request {
	if a.Public() {
		v = with(v, "client_id", a.ID)
	}
	r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !a.Public() {
		r.SetBasicAuth(url.QueryEscape(a.ID), url.QueryEscape(a.secret))
	}
	return r
}

// token sends a token request of the app.
func (s *server) token(a app, v url.Values) answer { s.t.Helper(); return s.send(a.request(v)) }

// redeem redeems a code as it should be.
func (s *server) redeem(a app, code string) answer {
	s.t.Helper()
	return s.token(a, redemption(code))
}

func redemption(code string) url.Values {
	return form("grant_type", "authorization_code", "code", code, "redirect_uri", redirectURI, "code_verifier", verifier)
}

func (s *server) refresh(a app, refreshToken string) answer {
	s.t.Helper()
	return s.token(a, form("grant_type", "refresh_token", "refresh_token", refreshToken))
}

// login gets tokens by a code for a default grant.
func (s *server) login(a app, change ...func(*token.Grant)) answer {
	s.t.Helper()
	return s.wantOK(s.redeem(a, s.code(s.grant(a, change...))))
}

func (s *server) wantOK(a answer) answer {
	s.t.Helper()
	if a.Code != http.StatusOK {
		s.t.Fatalf("status %d: %s", a.Code, a.Body)
	}
	return a
}

// wantError holds an answer to be an OAuth error (RFC 6749 §5.2).
func (s *server) wantError(a answer, status int, code string) answer {
	s.t.Helper()
	if a.Code != status || a.text("error") != code {
		s.t.Fatalf("status %d, body %s; want %d %s", a.Code, a.Body, status, code)
	}
	if a.text("error_description") == "" {
		s.t.Error("the error says nothing to a person")
	}
	if a.text("access_token") != "" {
		s.t.Error("the error brings a token")
	}
	return a
}

// active tells whether a token is good.
func (s *server) active(text string) bool {
	s.t.Helper()
	found, err := s.store.Lookup(s.ctx, text)
	if err != nil {
		s.t.Fatalf("look up a token: %v", err)
	}
	return found.Active(s.clock.Now())
}

// claims gives the claims of a JWT without checking its signature.
func claims(t testing.TB, jwt string) map[string]any {
	t.Helper()
	_, c := decodeJWT(t, jwt)
	return c
}

func decodeJWT(t testing.TB, jwt string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %s", jwt)
	}
	for i, dest := range []*map[string]any{&header, &claims} {
		raw, err := base64url.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, dest); err != nil {
			t.Fatalf("part %d of the JWT is not JSON: %v\n%s", i, err, raw)
		}
	}
	return header, claims
}
