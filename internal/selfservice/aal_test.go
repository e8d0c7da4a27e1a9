package selfservice_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// knock is a second factor that takes one word.
type knock struct{ s *server }

func (knock) ID() string { return identity.TOTP }

func (knock) LoginNodes(_ context.Context, f *selfservice.Flow) ([]*ui.Node, error) {
	if f.AAL != session.AAL2 {
		return nil, nil
	}
	return []*ui.Node{ui.Input(ui.GroupTOTP, "totp_code", ui.KindText), ui.Submit(ui.GroupTOTP, "method", identity.TOTP, ui.UseTOTP())}, nil
}

func (k knock) Login(ctx context.Context, _ *selfservice.Flow, in *selfservice.Submission) (*selfservice.Identified, error) {
	if in.String("totp_code") != "sesame" {
		return nil, ui.RejectField("totp_code", ui.TOTPInvalid())
	}
	who := in.Session.IdentityID
	if as := in.String("as"); as != "" {
		who = as
	}
	found, err := k.s.people.Get(ctx, who)
	return &selfservice.Identified{Identity: found, Method: session.AuthMethod{Method: identity.TOTP, AAL: session.AAL2}}, err
}

// guarded is a server on which Ada has a second factor.
func guarded(t *testing.T) (*server, *identity.Identity) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), func(s *server) {
		s.handler.Methods = append(s.handler.Methods, knock{s})
	})
	s.person("ada@example.com", goodPassword)
	who, err := s.people.ByIdentifier(s.ctx, identity.Password, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := identity.Credential{Type: identity.TOTP, Identifiers: []string{who.ID}, Config: json.RawMessage(`{"totp_url":"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}`)}
	if err := s.people.SetCredential(s.ctx, who.ID, c, who.Version); err != nil {
		t.Fatal(err)
	}
	return s, who
}

func TestSecondFactorInABrowser(t *testing.T) {
	s, _ := guarded(t)
	b := s.browser()
	first := b.submit(b.begin("login", "return_to=/account/after"), clone(adasLogin))
	to := first.header.Get("Location")
	if !strings.Contains(to, "/self-service/login/browser?aal=aal2") {
		t.Fatalf("after the first factor the browser is sent to %s", to)
	}
	if a := b.get("/self-service/settings/browser"); !strings.Contains(a.header.Get("Location"), "aal=aal2") {
		t.Errorf("with the first factor the settings lead to %s", a.header.Get("Location"))
	}
	if a := b.asScript().get("/self-service/settings/browser"); a.status != http.StatusForbidden || a.text("error.id") != "session_aal2_required" ||
		!strings.Contains(a.text("redirect_browser_to"), "aal=aal2") {
		t.Errorf("%d %s", a.status, a.body)
	}
	f := b.flow("login", b.get(to))
	if f.text("requested_aal") != "aal2" || !contains(f.said(), 1010004) {
		t.Errorf("the flow is %s", f.body)
	}
	if _, asks := f.node("password"); asks {
		t.Error("the password is asked for again")
	}
	if wrong := b.asScript().submit(f, map[string]any{"method": "totp", "totp_code": "x"}); wrong.status != http.StatusBadRequest {
		t.Errorf("%d %s", wrong.status, wrong.body)
	}
	end := b.submit(f, map[string]any{"method": "totp", "totp_code": "sesame"})
	if end.header.Get("Location") != s.http.URL+"/account/after" {
		t.Errorf("%d %s %s", end.status, end.header.Get("Location"), end.body)
	}
	if me := b.asScript().get("/sessions/whoami"); me.text("authenticator_assurance_level") != "aal2" {
		t.Errorf("whoami: %d %s", me.status, me.body)
	}
	if a := b.begin("settings", ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.asScript().get("/self-service/login/browser?aal=aal2"); a.text("error.id") != "session_already_available" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSecondFactorOfSomebodyElse: the second factor belongs to whoever gave the first.
func TestSecondFactorOfSomebodyElse(t *testing.T) {
	s, _ := guarded(t)
	eve := s.person("eve@example.com", goodPassword)
	app := s.signedIn("ada@example.com")
	f := app.begin("login", "aal=aal2")
	a := app.submit(f, map[string]any{"method": "totp", "totp_code": "sesame", "as": eve.ID})
	if a.status != http.StatusForbidden || a.text("error.id") != "security_identity_mismatch" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestShow(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	b := s.browser()
	f := b.begin("login", "")
	u, err := url.Parse(s.http.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(s.ctx, http.MethodGet, "/account/login", nil)
	if _, err := s.handler.Show(r, "login", f.text("id")); err == nil {
		t.Error("the flow is shown to another browser")
	}
	for _, c := range b.http.Jar.Cookies(u) {
		r.AddCookie(c)
	}
	got, err := s.handler.Show(r, "login", f.text("id"))
	if err != nil {
		t.Fatal(err)
	}
	n := got.UI.Node("csrf_token")
	if token, _ := n.Attributes.Value.(string); got.ID != f.text("id") || len(token) != 88 {
		t.Errorf("%+v", got)
	}
	for _, kind := range []string{"settings", "error", "nonsense"} {
		if _, err := s.handler.Show(r, kind, f.text("id")); err == nil {
			t.Errorf("it is shown as a flow of kind %s", kind)
		}
	}
	doc, err := s.handler.Document(s.ctx, f.text("id"))
	if err != nil || doc.(*ui.Flow).ID != f.text("id") {
		t.Error(doc, err)
	}
}

// TestShowIsForBrowsers: what a native app began has no cookie that tells whose it is, so any browser that is led there could go on
// with it.
func TestShowIsForBrowsers(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), proofs())
	for _, kind := range []string{"login", "registration", "recovery"} {
		f := s.app().begin(kind, "")
		_, err := s.handler.Show(httptest.NewRequestWithContext(s.ctx, http.MethodGet, "/account/"+kind, nil), kind, f.text("id"))
		if fault.From(err).Kind != fault.NotFound {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestALinkThatAnAppAskedForIsShown: the message to the person of a native app is opened in a browser.
func TestALinkThatAnAppAskedForIsShown(t *testing.T) {
	for _, method := range []string{"code", "link"} {
		s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) { c.Flows.Verification.Use = method }), proofs())
		s.known("ada@example.com")
		app, b := s.app(), s.browser()
		app.submit(app.begin("verification", ""), map[string]any{"method": method, "email": "ada@example.com"})
		f := b.flow("verification", b.get(s.sentLink("ada@example.com")))
		expect(t, "type", f.text("type"), ui.TypeBrowser)
	}
}
