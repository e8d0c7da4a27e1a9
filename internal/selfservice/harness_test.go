package selfservice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/method/password"
	"github.com/gatehouse-iam/gatehouse/internal/method/profile"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// server is the people wing put together on one database, served over HTTP.
type server struct {
	t        testing.TB
	clock    *testkit.Clock
	db       *sqldb.DB
	people   *identity.Store
	sessions *session.Store
	store    *selfservice.Store
	courier  *courier.Courier
	mail     *courier.Store
	handler  *selfservice.Handler
	http     *httptest.Server
	ctx      context.Context
}

// setup changes a server before it is served.
type setup func(*server)

// config changes the configuration of self-service.
func config(change func(*selfservice.Config)) setup {
	return func(s *server) { change(&s.handler.Config) }
}

// plain switches off what has a test of its own: verification, the hiding of who has an account, the second step.
func plain(c *selfservice.Config) {
	c.Flows.Verification.Enabled = false
	c.AccountEnumeration.Mitigate = false
	c.Flows.Registration.Style = selfservice.StyleUnified
}

func newServer(t testing.TB, db *sqldb.DB, changes ...setup) *server {
	t.Helper()
	s := &server{t: t, clock: new(testkit.Clock), db: db, ctx: tenant.With(t.Context(), tenant.Default)}
	var mux http.Handler
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r) }))
	t.Cleanup(s.http.Close)
	base, err := web.ParseBaseURL(s.http.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	s.assemble(base)
	for _, c := range changes {
		c(s)
	}
	s.handler.Sessions.Flow = s.handler.Document
	if faults := s.handler.Config.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	m := web.NewMux(web.KratosErrors, web.DefaultConfig("127.0.0.1:0", base.String()).Options())
	s.handler.MountPublic(m)
	s.handler.Sessions.MountPublic(m)
	mux = m
	return s
}

func (s *server) assemble(base web.BaseURL) {
	t, ring := s.t, testkit.Ring(s.t)
	feed := sqldb.NewFeed(s.db, sqldb.FeedOptions{})
	schemas, err := identity.NewSchemas(s.ctx, identity.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.people = identity.NewStore(identity.StoreOptions{
		DB: s.db, Feed: feed, Ring: ring.For("identity"), Schemas: schemas, BaseURL: func(context.Context) string { return base.String() }, Now: s.clock.Now,
	})
	sessions := session.DefaultConfig()
	s.sessions = session.NewStore(session.StoreOptions{
		DB: s.db, Feed: feed, Identities: s.people, Tokens: session.NewTokens("gh", ring), Config: sessions, Now: s.clock.Now,
	})
	t.Cleanup(s.sessions.Close)
	s.people.OnCredentials(s.sessions.Outlive)
	exchanges := &session.Exchanges{Store: s.sessions}
	s.mail = courier.NewStore(courier.StoreOptions{DB: s.db, Ring: ring.For("courier"), Now: s.clock.Now})
	if s.courier, err = courier.New(courier.Options{Store: s.mail, Config: courier.DefaultConfig(), Development: true, Now: s.clock.Now}); err != nil {
		t.Fatal(err)
	}
	hashing := secret.DefaultHashConfig()
	hashing.Memory, hashing.Time = 64, 1
	hasher, err := secret.NewHasher(hashing, ring.For("hashes"), s.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	limits := limit.New(limit.Options{
		Config: limit.DefaultConfig(), Store: limit.NewStore(limit.StoreOptions{DB: s.db, Ring: ring.For("limit")}), Now: s.clock.Now,
	})
	passwords := password.DefaultConfig()
	passwords.Config.HaveIBeenPwnedEnabled = false
	s.store = selfservice.NewStore(selfservice.StoreOptions{
		DB: s.db, Ring: ring.For("selfservice"), Identities: s.people, Sessions: s.sessions, Exchanges: exchanges,
		Courier: s.courier, Now: s.clock.Now,
	})
	t.Cleanup(s.store.Close)
	s.handler = &selfservice.Handler{
		Config: selfservice.DefaultConfig(), Store: s.store, Identities: s.people, Schemas: schemas,
		Sessions: &session.Handler{
			Store: s.sessions, Config: sessions, Ring: ring.For("cookies"), Base: web.NewBaseURLs(base, nil), Exchanges: exchanges, Now: s.clock.Now,
		},
		SessionStore: s.sessions, Exchanges: exchanges, Ring: ring.For("logout"), Base: web.NewBaseURLs(base, nil), Now: s.clock.Now, Limits: limits,
		Cookies: web.Cookies{Ring: ring.For("devices"), Base: web.NewBaseURLs(base, nil)},
		Methods: []selfservice.Method{
			&profile.Method{Schemas: schemas},
			&password.Method{Config: passwords, Identities: s.people, Schemas: schemas, Hasher: hasher, Limits: limits, Now: s.clock.Now},
		},
	}
}

// person registers somebody behind the server's back.
func (s *server) person(email, pass string) *identity.Identity {
	s.t.Helper()
	app := s.app()
	f := app.begin("registration", "")
	a := app.submit(f, map[string]any{"method": "password", "password": pass, "traits": map[string]any{"email": email}})
	if a.status != http.StatusOK {
		s.t.Fatalf("registering %s: %d %s", email, a.status, a.body)
	}
	who, err := s.people.ByIdentifier(s.ctx, identity.Password, email)
	if err != nil {
		s.t.Fatal(err)
	}
	return who
}

// client is a browser, a script in one, or a native app.
type client struct {
	s       *server
	http    *http.Client
	native  bool
	script  bool
	token   string // X-Session-Token
	headers http.Header
}

func (s *server) app() *client {
	return &client{s: s, native: true, script: true, http: bare(nil), headers: http.Header{}}
}

func (s *server) browser() *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &client{s: s, http: bare(jar), headers: http.Header{"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}}}
}

// asScript is the same browser, asked by a script.
func (c *client) asScript() *client {
	script := *c
	script.script, script.headers = true, http.Header{"Accept": {"application/json"}}
	return &script
}

func bare(jar http.CookieJar) *http.Client {
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// at returns what stands at a dotted path of the body.
func (a answer) at(path string) any {
	var v any = a.json
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

// said lists the ids of all messages of a flow's document.
func (a answer) said() []int {
	var ids []int
	collect := func(list any) {
		all, _ := list.([]any)
		for _, m := range all {
			id, _ := m.(map[string]any)["id"].(float64)
			ids = append(ids, int(id))
		}
	}
	collect(a.at("ui.messages"))
	nodes, _ := a.at("ui.nodes").([]any)
	for _, n := range nodes {
		collect(n.(map[string]any)["messages"])
	}
	return ids
}

// node returns the value of a node of the flow's document, and whether it is there.
func (a answer) node(name string) (any, bool) {
	nodes, _ := a.at("ui.nodes").([]any)
	for _, n := range nodes {
		attributes, _ := n.(map[string]any)["attributes"].(map[string]any)
		if attributes["name"] == name {
			return attributes["value"], true
		}
	}
	return nil, false
}

func (c *client) do(method, address, contentType, body string) answer {
	c.s.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = c.s.http.URL + address
	}
	r, err := http.NewRequestWithContext(c.s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		c.s.t.Fatal(err)
	}
	r.Header = c.headers.Clone()
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		r.Header.Set("X-Session-Token", c.token)
	}
	res, err := c.http.Do(r)
	if err != nil {
		c.s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.s.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, body: string(raw)}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		if err := json.Unmarshal(raw, &a.json); err != nil {
			c.s.t.Fatalf("%s %s: %v: %s", method, address, err, raw)
		}
	}
	return a
}

func (c *client) get(address string) answer {
	c.s.t.Helper()
	return c.do(http.MethodGet, address, "", "")
}

// begin begins a flow and returns its document.
func (c *client) begin(kind, query string) answer {
	c.s.t.Helper()
	path := "/self-service/" + kind + "/browser"
	if c.native {
		path = "/self-service/" + kind + "/api"
	}
	a := c.get(path + "?" + query)
	if c.script {
		if a.status != http.StatusOK {
			c.s.t.Fatalf("beginning a %s: %d %s", kind, a.status, a.body)
		}
		return a
	}
	return c.flow(kind, a)
}

// flow loads the flow that a redirect leads to.
func (c *client) flow(kind string, redirect answer) answer {
	c.s.t.Helper()
	if redirect.status != http.StatusSeeOther {
		c.s.t.Fatalf("%d %s where a redirect should be", redirect.status, redirect.body)
	}
	u, err := url.Parse(redirect.header.Get("Location"))
	if err != nil || !u.Query().Has("flow") {
		c.s.t.Fatalf("the browser was sent to %s, which names no flow", redirect.header.Get("Location"))
	}
	a := c.asScript().get("/self-service/" + kind + "/flows?id=" + u.Query().Get("flow"))
	if a.status != http.StatusOK {
		c.s.t.Fatalf("fetching a %s: %d %s", kind, a.status, a.body)
	}
	return a
}

// submit sends values to a flow: as JSON, or as a form from a page.
func (c *client) submit(flow answer, values map[string]any) answer {
	c.s.t.Helper()
	if token, ok := flow.node("csrf_token"); ok && values["csrf_token"] == nil {
		values["csrf_token"] = token
	}
	action := flow.text("ui.action")
	if c.script {
		raw, err := json.Marshal(values)
		if err != nil {
			c.s.t.Fatal(err)
		}
		return c.do(http.MethodPost, action, "application/json", string(raw))
	}
	form := url.Values{}
	fill(form, "", values)
	return c.do(http.MethodPost, action, "application/x-www-form-urlencoded", form.Encode())
}

func fill(form url.Values, prefix string, values map[string]any) {
	for name, v := range values {
		switch v := v.(type) {
		case map[string]any:
			fill(form, prefix+name+".", v)
		case string:
			form.Set(prefix+name, v)
		}
	}
}
