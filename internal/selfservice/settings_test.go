package selfservice_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// signedIn is an app that somebody has just signed in with.
func (s *server) signedIn(email string) *client {
	s.t.Helper()
	app := s.app()
	a := app.submit(app.begin("login", ""), map[string]any{"method": "password", "identifier": email, "password": goodPassword})
	if app.token = a.text("session_token"); app.token == "" {
		s.t.Fatalf("%d %s", a.status, a.body)
	}
	return app
}

func TestSettings(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	app := s.signedIn("ada@example.com")
	f := app.begin("settings", "")
	if f.text("state") != "show_form" || f.text("identity.traits.email") != "ada@example.com" {
		t.Fatalf("the flow is %s", f.body)
	}
	a := app.submit(f, map[string]any{"method": "profile", "traits": map[string]any{"email": "ada@example.com", "name": map[string]any{"first": "Augusta"}}})
	if a.status != http.StatusOK || a.text("state") != "success" || a.text("identity.traits.name.first") != "Augusta" || !contains(a.said(), 1050001) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if v, _ := a.node("traits.name.first"); v != "Augusta" {
		t.Errorf("the page shows %v", v)
	}
	// The same flow takes a second change.
	a = app.submit(f, map[string]any{"method": "password", "password": "another-long-passphrase"})
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	other := s.app()
	in := other.submit(other.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": "another-long-passphrase"})
	if in.status != http.StatusOK {
		t.Errorf("the new password: %d %s", in.status, in.body)
	}
	out := s.app()
	if a := out.submit(out.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword}); a.status != http.StatusBadRequest {
		t.Errorf("the old password: %d", a.status)
	}
	if a := app.get("/sessions/whoami"); a.text("identity.traits.name.first") != "Augusta" {
		t.Errorf("whoami still says %s", a.body)
	}
}

func TestSettingsAskForAFreshProof(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	b := s.browser()
	b.submit(b.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	s.clock.Advance(59 * time.Minute)
	f := b.begin("settings", "")
	s.clock.Advance(2 * time.Minute)
	change := map[string]any{"method": "password", "password": "another-long-passphrase"}
	a := b.asScript().submit(f, change)
	if a.status != http.StatusForbidden || a.text("error.id") != "session_refresh_required" ||
		!strings.Contains(a.text("redirect_browser_to"), "/self-service/login/browser?refresh=true&return_to=") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	login := b.flow("login", b.get(a.text("redirect_browser_to")))
	back := b.submit(login, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	if to := back.header.Get("Location"); to != s.http.URL+"/account/settings?flow="+f.text("id") {
		t.Errorf("after the proof the browser is sent to %s", to)
	}
	if a := b.asScript().submit(b.flow("settings", back), change); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestSettingsAreOnesOwn(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	s.person("eve@example.com", goodPassword)
	ada, eve := s.signedIn("ada@example.com"), s.signedIn("eve@example.com")
	f := ada.begin("settings", "")
	if a := eve.get("/self-service/settings/flows?id=" + f.text("id")); a.status != http.StatusForbidden || a.text("error.id") != "security_identity_mismatch" {
		t.Errorf("fetching: %d %s", a.status, a.body)
	}
	if a := eve.submit(f, map[string]any{"method": "password", "password": "another-long-passphrase"}); a.status != http.StatusForbidden {
		t.Errorf("submitting: %d %s", a.status, a.body)
	}
	if a := s.app().get("/self-service/settings/api"); a.status != http.StatusUnauthorized || a.text("error.id") != "session_inactive" {
		t.Errorf("nobody: %d %s", a.status, a.body)
	}
	page := s.browser()
	page.submit(page.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	mine := page.begin("settings", "")
	page.get(page.asScript().get("/self-service/logout/browser").text("logout_url"))
	if a := page.asScript().get("/self-service/settings/flows?id=" + mine.text("id")); a.status != http.StatusUnauthorized ||
		!strings.Contains(a.text("redirect_browser_to"), "/self-service/login/browser?return_to=") {
		t.Errorf("after logging out: %d %s", a.status, a.body)
	}
	b := s.browser().get("/self-service/settings/browser")
	if b.status != http.StatusSeeOther || !strings.Contains(b.header.Get("Location"), "/self-service/login/browser?return_to=") {
		t.Errorf("nobody's browser: %d %s", b.status, b.header.Get("Location"))
	}
}

func TestTakenAddressInSettings(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	s.person("eve@example.com", goodPassword)
	eve := s.signedIn("eve@example.com")
	a := eve.submit(eve.begin("settings", ""), map[string]any{"method": "profile", "traits": map[string]any{"email": "ada@example.com"}})
	if a.status != http.StatusBadRequest || !contains(a.said(), 4000007) || a.text("state") != "show_form" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
