package selfservice_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestCSRF(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	b := s.browser().asScript()
	f := b.begin("login", "")
	token, _ := f.node("csrf_token")
	login := func(csrf any) map[string]any {
		return map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword, "csrf_token": csrf}
	}
	again := b.get("/self-service/login/flows?id=" + f.text("id"))
	if masked, _ := again.node("csrf_token"); masked == token || masked == "" {
		t.Error("the token is not masked anew in each answer")
	}
	for name, try := range map[string]struct {
		c    *client
		csrf any
	}{
		"no token":           {b, ""},
		"another token":      {b, strings.Repeat("A", 88)},
		"garbage":            {b, "%%%"},
		"another browser":    {s.browser().asScript(), token},
		"an old token as is": {b, "x" + token.(string)},
	} {
		a := try.c.submit(f, login(try.csrf))
		if a.status != http.StatusForbidden || a.text("error.id") != "security_csrf_violation" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := s.browser().asScript().get("/self-service/login/flows?id=" + f.text("id")); a.status != http.StatusForbidden {
		t.Errorf("another browser sees the flow: %d", a.status)
	}
	// A second browser with a token of its own is another browser still.
	other := s.browser().asScript()
	g := other.begin("login", "")
	mine, _ := g.node("csrf_token")
	if a := other.submit(f, login(mine)); a.status != http.StatusForbidden {
		t.Errorf("a flow of another browser was taken: %d", a.status)
	}
	h := b.headers.Clone()
	b.headers.Set("X-Csrf-Token", token.(string))
	if a := b.submit(f, login("")); a.status != http.StatusOK {
		t.Errorf("the header: %d %s", a.status, a.body)
	}
	b.headers = h
}

func TestNativeFlowsRefuseBrowsers(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	app := s.app()
	f := app.begin("login", "")
	for _, header := range []string{"Cookie", "Origin"} {
		c := s.app()
		c.headers.Set(header, map[string]string{"Cookie": "a=b", "Origin": "https://evil.example.com"}[header])
		if a := c.get("/self-service/login/api"); a.status != http.StatusBadRequest {
			t.Errorf("%s at the beginning: %d %s", header, a.status, a.body)
		}
		if a := c.submit(f, map[string]any{"method": "password"}); a.status != http.StatusBadRequest || a.text("error.id") != "security_csrf_violation" {
			t.Errorf("%s at the end: %d %s", header, a.status, a.body)
		}
	}
	app.headers.Set("Cookie", "__cfduid=1")
	if a := app.get("/self-service/login/api"); a.status != http.StatusOK {
		t.Errorf("a cookie of the network in between: %d %s", a.status, a.body)
	}
}

func TestForbiddenReturnTo(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	for _, kind := range []string{"login", "registration"} {
		a := s.app().get("/self-service/" + kind + "/api?return_to=https://evil.example.com/")
		if a.status != http.StatusBadRequest || a.text("error.id") != "self_service_flow_return_to_forbidden" {
			t.Errorf("%s: %d %s", kind, a.status, a.body)
		}
	}
}

func TestErrorsOfBrowsersHaveAPage(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	b := s.browser()
	a := b.get("/self-service/login/browser?return_to=https://evil.example.com/")
	to := a.header.Get("Location")
	prefix := s.http.URL + "/account/error?id="
	if a.status != http.StatusSeeOther || !strings.HasPrefix(to, prefix) {
		t.Fatalf("%d %s", a.status, to)
	}
	e := b.asScript().get("/self-service/errors?id=" + strings.TrimPrefix(to, prefix))
	if e.status != http.StatusOK || e.text("error.id") != "self_service_flow_return_to_forbidden" || e.at("error.code") != float64(400) {
		t.Errorf("%d %s", e.status, e.body)
	}
	if e := b.asScript().get("/self-service/errors?id=stub:500"); e.at("error.code") != float64(500) {
		t.Errorf("%d %s", e.status, e.body)
	}
	s.clock.Advance(time.Hour)
	if e := b.asScript().get("/self-service/errors?id=" + strings.TrimPrefix(to, prefix)); e.status != http.StatusNotFound {
		t.Errorf("after an hour: %d", e.status)
	}
	for _, path := range []string{"/self-service/login?flow=none", "/self-service/login", "/self-service/registration?flow=none"} {
		if a := b.get(path); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), prefix) {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
}

func TestLockedIdentifier(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	for _, who := range []string{"ada@example.com", "nobody@example.com"} {
		app := s.app()
		f := app.begin("login", "")
		var a answer
		for range 7 {
			a = app.submit(f, map[string]any{"method": "password", "identifier": who, "password": "wrong-password"})
		}
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", who, a.status, a.body)
		}
	}
}

func TestUnknownMethodAndBody(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	app := s.app()
	f := app.begin("login", "")
	if a := app.submit(f, map[string]any{"method": "telepathy"}); a.status != http.StatusBadRequest || !contains(a.said(), 4010002) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for body, status := range map[string]int{"[1]": 400, "{": 400, `{"a":1}{}`: 400, `{"traits.a":1,"traits":2}`: 400, `null`: 400, `""`: 400} {
		if a := app.do(http.MethodPost, f.text("ui.action"), "application/json", body); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := app.do(http.MethodPost, f.text("ui.action"), "text/plain", "hello"); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("text: %d %s", a.status, a.body)
	}
}

func TestLogout(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	b := s.browser()
	if a := b.asScript().get("/self-service/logout/browser"); a.status != http.StatusUnauthorized {
		t.Errorf("nobody's logout: %d %s", a.status, a.body)
	}
	b.submit(b.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	out := b.asScript().get("/self-service/logout/browser?return_to=/account/login")
	if out.text("logout_token") == "" || !strings.Contains(out.text("logout_url"), "token="+out.text("logout_token")) {
		t.Fatalf("%d %s", out.status, out.body)
	}
	if a := b.asScript().get("/self-service/logout?token=wrong"); a.status != http.StatusForbidden {
		t.Errorf("a wrong token: %d %s", a.status, a.body)
	}
	if a := b.asScript().get("/sessions/whoami"); a.status != http.StatusOK {
		t.Error("a wrong token logged out")
	}
	if a := b.get(out.text("logout_url")); a.status != http.StatusSeeOther || a.header.Get("Location") != s.http.URL+"/account/login" {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
	if a := b.asScript().get("/sessions/whoami"); a.status != http.StatusUnauthorized {
		t.Errorf("after it whoami is %d", a.status)
	}
	if a := b.get(out.text("logout_url")); a.status != http.StatusSeeOther {
		t.Errorf("the second time: %d", a.status)
	}
	app := s.signedIn("ada@example.com")
	if a := s.app().do(http.MethodDelete, "/self-service/logout/api", "application/json", `{"session_token":"`+app.token+`"}`); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.app().do(http.MethodDelete, "/self-service/logout/api", "application/json", `{"session_token":"`+app.token+`"}`); a.status != http.StatusForbidden {
		t.Errorf("the second time: %d %s", a.status, a.body)
	}
}

func TestWellKnown(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"))
	if a := s.browser().get("/.well-known/change-password"); a.header.Get("Location") != s.http.URL+"/self-service/settings/browser" {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
}

// TestFloodOfBeginnings: who begins too many flows is told to wait, by a page that costs no row.
func TestFloodOfBeginnings(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	b := s.browser()
	var a answer
	for range 121 {
		a = b.get("/self-service/login/browser")
	}
	to := a.header.Get("Location")
	if !strings.HasPrefix(to, s.http.URL+"/account/error?id=wait") || a.header.Get("Retry-After") == "" {
		t.Fatalf("%d %s", a.status, to)
	}
	before := s.db.Statements()
	b.get("/self-service/login/browser")
	e := b.asScript().get(strings.Replace(to, "/account/error", "/self-service/errors", 1))
	if e.at("error.code") != float64(http.StatusTooManyRequests) || e.at("error.details.retry_after") == nil {
		t.Errorf("%d %s", e.status, e.body)
	}
	if n := s.db.Statements() - before; n != 0 {
		t.Errorf("it cost %d statements", n)
	}
	if a := s.app().get("/self-service/login/api"); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("an app: %d %s", a.status, a.body)
	}
	s.clock.Advance(time.Hour)
	for range 121 {
		a = b.get("/self-service/login?flow=none")
	}
	if to := a.header.Get("Location"); !strings.Contains(to, "id=wait") {
		t.Errorf("a flood of errors leads to %s", to)
	}
	for _, id := range []string{"wait:-1", "wait:x", "wait:99999999999"} {
		if a := b.asScript().get("/self-service/errors?id=" + id); a.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", id, a.status, a.body)
		}
	}
}

// TestLockedIdentifierInABrowser: the page of the login says so itself.
func TestLockedIdentifierInABrowser(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	b := s.browser()
	f := b.begin("login", "")
	var a answer
	for range 7 {
		a = b.submit(f, map[string]any{"method": "password", "identifier": "nobody@example.com", "password": "wrong-password"})
	}
	if a.header.Get("Retry-After") == "" {
		t.Errorf("%d without Retry-After", a.status)
	}
	if page := b.flow("login", a); len(page.said()) != 1 || contains(page.said(), 4000006) {
		t.Errorf("the page says %v", page.said())
	}
}
