package account

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const baseURL = "http://localhost:4444/"

// world is the package with real sessions on SQLite, and with flows and an OAuth server that answer what a test wants.
type world struct {
	t        testing.TB
	ctx      context.Context
	clock    *testkit.Clock
	people   *identity.Store
	sessions *session.Store
	handler  *Handler
	mux      *web.Mux
	flows    map[string]*ui.Flow
	failures map[string]*fault.Error
	refusal  error // of every flow
	consents *consents
	logouts  *logouts
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	db := testkit.SQLite(t, "management")
	config := DefaultConfig()
	for _, c := range change {
		c(&config)
	}
	if faults := config.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	w := &world{t: t, ctx: testkit.Context(t), clock: new(testkit.Clock), flows: map[string]*ui.Flow{}, failures: map[string]*fault.Error{},
		consents: &consents{asked: map[string]*Consent{}}, logouts: &logouts{asked: map[string]*Logout{}}}
	base, err := web.ParseBaseURL(baseURL)
	if err != nil {
		t.Fatal(err)
	}
	ring, feed := testkit.Ring(t), sqldb.NewFeed(db, sqldb.FeedOptions{})
	schemas, err := identity.NewSchemas(w.ctx, identity.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.people = identity.NewStore(identity.StoreOptions{DB: db, Feed: feed, Ring: ring.For("identity"), Schemas: schemas, BaseURL: func(context.Context) string { return baseURL }, Now: w.clock.Now})
	w.sessions = session.NewStore(session.StoreOptions{DB: db, Feed: feed, Identities: w.people, Tokens: session.NewTokens("gh", ring),
		Config: session.DefaultConfig(), Now: w.clock.Now})
	t.Cleanup(w.sessions.Close)
	handler := &session.Handler{Store: w.sessions, Config: session.DefaultConfig(), Ring: ring.For("session cookies"), Base: web.NewBaseURLs(base, nil), Now: w.clock.Now}
	site, err := NewSite(config, nil, w.clock.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.handler = &Handler{Config: config, Site: site, Flows: w, Sessions: handler, SessionStore: w.sessions, Consents: w.consents, Logouts: w.logouts,
		Offers: Offers{Registration: true, Recovery: true, Verification: true}, Base: web.NewBaseURLs(base, nil), Now: w.clock.Now,
		LogoutURL: func(_ context.Context, s *session.Session, to string) string {
			return baseURL + "self-service/logout?token=of-" + s.ID + "&return_to=" + to
		}}
	w.mux = web.NewMux(web.KratosErrors, web.Options{BaseURL: base})
	w.handler.MountPublic(w.mux)
	return w
}

var errNoFlow = fault.New(fault.NotFound, "not_found", "There is no such flow (any more).")

// Show implements Flows.
func (w *world) Show(_ *http.Request, kind, id string) (*ui.Flow, error) {
	f := w.flows[id]
	switch {
	case w.refusal != nil:
		return nil, w.refusal
	case f == nil || string(f.Kind) != kind:
		return nil, errNoFlow
	}
	return f, nil
}

// Failure implements Flows.
func (w *world) Failure(_ *http.Request, id string) (*fault.Error, error) {
	if e := w.failures[id]; e != nil {
		return e, nil
	}
	return nil, errNoFlow
}

// consents is an OAuth server that asks what it is told to.
type consents struct {
	asked    map[string]*Consent
	granted  []Granted
	rejected int
}

func (c *consents) Request(_ context.Context, challenge string) (*Consent, error) {
	if a := c.asked[challenge]; a != nil {
		return a, nil
	}
	return nil, errNoFlow
}

func (c *consents) Accept(_ context.Context, challenge string, g Granted) (string, error) {
	if c.asked[challenge] == nil {
		return "", errors.New("never asked")
	}
	c.granted = append(c.granted, g)
	return "https://app.example.com/yes", nil
}

func (c *consents) Reject(context.Context, string) (string, error) {
	c.rejected++
	return "https://app.example.com/no", nil
}

type logouts struct {
	asked              map[string]*Logout
	accepted, rejected int
}

func (l *logouts) Request(_ context.Context, challenge string) (*Logout, error) {
	if a := l.asked[challenge]; a != nil {
		return a, nil
	}
	return nil, errNoFlow
}

func (l *logouts) Accept(context.Context, string) (string, error) {
	l.accepted++
	return "https://app.example.com/bye", nil
}

func (l *logouts) Reject(context.Context, string) error {
	l.rejected++
	return nil
}

// person makes an identity.
func (w *world) person(email string) *identity.Identity {
	w.t.Helper()
	traits, err := json.Marshal(map[string]any{"email": email, "name": map[string]any{"first": "Ada", "last": "Byron"}})
	if err != nil {
		w.t.Fatal(err)
	}
	who := &identity.Identity{SchemaID: "default", State: identity.Active, Traits: traits}
	if err := w.people.Create(w.ctx, who); err != nil {
		w.t.Fatal(err)
	}
	return who
}

const firefoxOnLinux = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// browser is a person's browser; without a person nobody is signed in.
type browser struct {
	w       *world
	session *session.Session
	cookie  *http.Cookie
	header  http.Header
}

func (w *world) browser(who *identity.Identity, userAgent string) *browser {
	w.t.Helper()
	b := &browser{w: w, header: http.Header{}}
	if who == nil {
		return b
	}
	s, token := w.sessions.New(who, []session.AuthMethod{{Method: "password", AAL: session.AAL1}},
		session.Client{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: userAgent, Location: "Paris, FR"}, w.clock.Now())
	if err := w.sessions.Insert(w.ctx, s); err != nil {
		w.t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	if err := w.handler.Sessions.SetCookie(rec, httptest.NewRequest("GET", "/", nil), s, token); err != nil {
		w.t.Fatal(err)
	}
	b.session, b.cookie = s, rec.Result().Cookies()[0]
	return b
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(r *http.Request) answer {
	b.w.t.Helper()
	r.Host = "localhost:4444"
	maps.Copy(r.Header, b.header)
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	rec := httptest.NewRecorder()
	b.w.mux.ServeHTTP(rec, r)
	res := rec.Result()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (b *browser) get(path string) answer {
	b.w.t.Helper()
	return b.do(httptest.NewRequestWithContext(b.w.ctx, http.MethodGet, path, nil))
}

func (b *browser) post(path string, form url.Values) answer {
	b.w.t.Helper()
	r := httptest.NewRequestWithContext(b.w.ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// wants holds a page against what must be on it.
func (a answer) wants(t testing.TB, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %.800s", a.status, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("the page lacks %s\n%s", text, a.body)
		}
	}
}

// lacks holds a page against what must not be on it.
func (a answer) lacks(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("the page has %s\n%s", text, a.body)
		}
	}
}

// leads holds an answer to be a redirect.
func (a answer) leads(t testing.TB, to string) {
	t.Helper()
	if got := a.header.Get("Location"); a.status != http.StatusSeeOther || got != to {
		t.Fatalf("status %d to %q, want 303 to %q: %.300s", a.status, got, to, a.body)
	}
}

// The flows as package selfservice and the methods make them.

func csrf() *ui.Node { return ui.Hidden(ui.GroupDefault, "csrf_token", "mask==") }

func flowOf(kind ui.Kind, nodes ...*ui.Node) *ui.Flow {
	f := &ui.Flow{Kind: kind, ID: string(kind) + "-1", Type: ui.TypeBrowser, State: ui.StateChooseMethod,
		UI: ui.NewForm(baseURL + "self-service/" + string(kind) + "?flow=" + string(kind) + "-1")}
	f.UI.Add(csrf())
	f.UI.Add(nodes...)
	return f
}

func loginFlow() *ui.Flow {
	return flowOf(ui.Login,
		ui.Input(ui.GroupDefault, "identifier", ui.KindText, ui.WithValue(""), ui.WithRequired(), ui.WithLabel(ui.Label("E-Mail", "email")), ui.WithAutocomplete("username")),
		ui.Submit(ui.GroupCode, "method", "code", ui.SendLoginCode()),
		ui.Input(ui.GroupPassword, "password", ui.KindPassword, ui.WithRequired(), ui.WithLabel(ui.LabelPassword()), ui.WithAutocomplete("current-password")),
		ui.Submit(ui.GroupPassword, "method", "password", ui.SignIn()),
	)
}

func registrationFlow() *ui.Flow {
	return flowOf(ui.Registration,
		ui.Input(ui.GroupDefault, "traits.email", ui.KindEmail, ui.WithRequired(), ui.WithLabel(ui.Label("E-Mail", "email")), ui.WithAutocomplete("email")),
		ui.Input(ui.GroupDefault, "traits.name.first", ui.KindText, ui.WithLabel(ui.Label("First name", "name"))),
		ui.Input(ui.GroupDefault, "traits.name.last", ui.KindText, ui.WithLabel(ui.Label("Last name", "name"))),
		ui.Input(ui.GroupDefault, "traits.newsletter", ui.KindCheckbox, ui.WithLabel(ui.Label("Send me the newsletter", "newsletter"))),
		ui.Submit(ui.GroupProfile, "method", "profile", ui.RegistrationContinue()),
	)
}

func codeFlow(kind ui.Kind) *ui.Flow {
	f := flowOf(kind,
		ui.Input(ui.GroupCode, "code", ui.KindText, ui.WithRequired(), ui.WithLabel(ui.LabelCode(kind)), ui.WithPattern("[0-9]+"), ui.WithMaxLength(6)),
		ui.Submit(ui.GroupCode, "method", "code", ui.LabelContinue()),
		ui.Submit(ui.GroupCode, "email", "ada@example.com", ui.ResendCode()),
	)
	f.State = ui.StateSentEmail
	return f
}

func settingsFlow() *ui.Flow {
	f := flowOf(ui.Settings,
		ui.Input(ui.GroupProfile, "traits.email", ui.KindEmail, ui.WithRequired(), ui.WithValue("ada@example.com"), ui.WithLabel(ui.Label("E-Mail", "email"))),
		ui.Input(ui.GroupProfile, "traits.name.first", ui.KindText, ui.WithValue("Ada"), ui.WithLabel(ui.Label("First name", "name"))),
		ui.Submit(ui.GroupProfile, "method", "profile", ui.LabelSave()),
		ui.Input(ui.GroupPassword, "password", ui.KindPassword, ui.WithRequired(), ui.WithLabel(ui.LabelPassword()), ui.WithAutocomplete("new-password")),
		ui.Submit(ui.GroupPassword, "method", "password", ui.LabelSave()),
	)
	f.State = ui.StateShowForm
	return f
}

func (w *world) put(f *ui.Flow, id ...string) *ui.Flow {
	if len(id) > 0 {
		f.ID = id[0]
	}
	w.flows[f.ID] = f
	return f
}

// fromShop makes a flow one that an application asks for.
func fromShop(f *ui.Flow) *ui.Flow {
	f.OAuth2LoginChallenge = "challenge-1"
	f.OAuth2LoginRequest = json.RawMessage(`{"client":{"client_id":"shop","client_name":"The Corner Shop","logo_uri":""},"oidc_context":{"ui_locales":["de"]}}`)
	return f
}
