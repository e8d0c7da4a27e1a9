package account

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const toLogin = "/self-service/login/browser?return_to="

func TestWhoIsNotSignedInIsAskedTo(t *testing.T) {
	w := newWorld(t)
	b := w.browser(nil, "")
	b.get("/account/").leads(t, toLogin+"http%3A%2F%2Flocalhost%3A4444%2Faccount%2F")
	b.get("/account").leads(t, toLogin+"http%3A%2F%2Flocalhost%3A4444%2Faccount%2F")
	b.get("/account/sessions").leads(t, toLogin+"http%3A%2F%2Flocalhost%3A4444%2Faccount%2Fsessions")
	b.post("/account/sessions", url.Values{"others": {"true"}}).leads(t, toLogin+"http%3A%2F%2Flocalhost%3A4444%2Faccount%2Fsessions")
}

// The bare address of the server leads people on, below whatever path it is; programs find nothing there, as ever.
func TestRoot(t *testing.T) {
	w := newWorld(t)
	page, program := w.browser(nil, ""), w.browser(nil, "")
	page.header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	page.get("/").leads(t, "/account/")
	program.header.Set("Accept", "*/*")
	if a := program.get("/"); a.status != http.StatusNotFound || !strings.Contains(a.header.Get("Content-Type"), "json") {
		t.Errorf("a program is answered %d %s", a.status, a.body)
	}
	if a := page.post("/", url.Values{}); a.status != http.StatusNotFound || a.header.Get("Vary") != "Accept" {
		t.Errorf("a form is answered %d %v", a.status, a.header)
	}
	below, err := web.ParseBaseURL("https://example.com/login/")
	if err != nil {
		t.Fatal(err)
	}
	w.handler.Base = web.NewBaseURLs(below, nil)
	page.get("/").leads(t, "/login/account/")
}

// Who has somebody's password and not their second factor sees nothing of the account and signs nobody out.
func TestTheAccountAsksForTheSecondFactor(t *testing.T) {
	w := newWorld(t)
	who := w.person("ada@example.com")
	who.SetCredential(identity.Credential{Type: identity.TOTP, Config: []byte(`{"totp_url":"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}`)})
	if err := w.people.Update(w.ctx, who); err != nil {
		t.Fatal(err)
	}
	b := w.browser(who, firefoxOnLinux)
	const more = "/self-service/login/browser?aal=aal2&return_to=http%3A%2F%2Flocalhost%3A4444%2Faccount%2F"
	b.get("/account/").leads(t, more)
	b.get("/account/sessions").leads(t, more+"sessions")
	b.post("/account/sessions", url.Values{"others": {"true"}}).leads(t, more+"sessions")
	b.get("/account/logout").wants(t, http.StatusOK)
}

func TestOverview(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.person("ada@example.com"), firefoxOnLinux)
	a := b.get("/account/")
	a.wants(t, http.StatusOK, "Signed in as ada@example.com", `<span class="tag open">not confirmed</span>`,
		`/self-service/verification/browser?return_to=`, `href="/account/settings"`, `href="/account/sessions"`, `href="/account/logout"`)
}

func TestDevices(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	phone := w.browser(ada, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1")
	tablet := w.browser(ada, "")
	w.clock.Advance(3 * time.Hour)
	b := w.browser(ada, firefoxOnLinux)
	other := w.browser(w.person("eve@example.com"), firefoxOnLinux)

	a := b.get("/account/sessions")
	a.wants(t, http.StatusOK, "Firefox on Linux", "this device", "Safari on iPhone", "3 hours ago", "Unknown device", "192.0.2.7", "Sign out everywhere else",
		`aria-label="Sign out: Safari on iPhone"`)
	if n := strings.Count(a.body, `name="session"`); n != 2 {
		t.Errorf("%d sessions can be ended, want the two others", n)
	}

	b.post("/account/sessions", url.Values{"session": {phone.session.ID}}).leads(t, "/account/sessions?ended=one")
	phone.get("/account/sessions").leads(t, toLogin+"http%3A%2F%2Flocalhost%3A4444%2Faccount%2Fsessions")
	b.get("/account/sessions?ended=one").wants(t, http.StatusOK, "device was signed out")

	// Nobody signs out others.
	b.post("/account/sessions", url.Values{"session": {other.session.ID}}).leads(t, "/account/sessions?ended=one")
	other.get("/account/sessions").wants(t, http.StatusOK, "this device")

	b.post("/account/sessions", url.Values{"session": {b.session.ID}}).leads(t, "/account/logout")
	b.post("/account/sessions", url.Values{"others": {"true"}}).leads(t, "/account/sessions?ended=others")
	tablet.get("/account/sessions").leads(t, toLogin+"http%3A%2F%2Flocalhost%3A4444%2Faccount%2Fsessions")
	a = b.get("/account/sessions?ended=others")
	a.wants(t, http.StatusOK, "All other devices were signed out")
	a.lacks(t, "Sign out everywhere else")
}

// Forms of other sites change nothing.
func TestFormsOfOtherSites(t *testing.T) {
	w := newWorld(t)
	who := w.person("ada@example.com")
	w.consents.asked["c"] = &Consent{Client: Client{ID: "shop"}, Subject: who.ID, Scopes: []string{"openid"}}
	w.logouts.asked["l"] = &Logout{Subject: who.ID}
	victim := w.browser(who, firefoxOnLinux)
	victim.header.Set("Sec-Fetch-Site", "cross-site")
	for path, form := range map[string]url.Values{
		"/account/sessions": {"others": {"true"}},
		"/account/logout":   {"said": {"yes"}, "logout_challenge": {"l"}},
		"/account/consent":  {"said": {"yes"}, "consent_challenge": {"c"}, "grant_scope": {"openid"}},
	} {
		victim.post(path, form).wants(t, http.StatusForbidden)
	}
	if len(w.consents.granted) > 0 || w.logouts.accepted > 0 {
		t.Error("another site's form was heard")
	}
}

func TestConsent(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Scopes = map[string]map[string]string{"orders": {"en": "See your orders", "de": "Ihre Bestellungen sehen"}}
	})
	who := w.person("ada@example.com")
	b := w.browser(who, firefoxOnLinux)
	w.consents.asked["c"] = &Consent{
		Client:  Client{ID: "shop", Name: "The Corner Shop", PolicyURL: "https://shop.example/privacy", TermsURL: "javascript:alert(1)"},
		Subject: who.ID, Scopes: []string{"orders", "openid", "email", "raw.scope"}, RequestURL: baseURL + "oauth2/auth?client_id=shop",
	}
	a := b.get("/account/consent?consent_challenge=c")
	a.wants(t, http.StatusOK, "<h1>Allow The Corner Shop access?</h1>", "You are signed in as ada@example.com.", "See your orders",
		"See your e-mail address", ">raw.scope<", "https://shop.example/privacy", `name="grant_scope" value="email" checked`,
		`<input type="hidden" name="grant_scope" value="openid">`)
	a.lacks(t, "javascript:")
	b.header.Set("Accept-Language", "de")
	b.get("/account/consent?consent_challenge=c").wants(t, http.StatusOK, "Ihre Bestellungen sehen", "Nicht noch einmal fragen")

	b.post("/account/consent", url.Values{"consent_challenge": {"c"}, "said": {"yes"}, "remember": {"true"}, "grant_scope": {"openid", "email", "admin"}}).
		leads(t, "https://app.example.com/yes")
	want := []Granted{{Scopes: []string{"openid", "email"}, Remember: true, Claims: map[string]any{"email": "ada@example.com", "email_verified": false}}}
	if diff := cmp.Diff(want, w.consents.granted); diff != "" {
		t.Errorf("granted (-want +got):\n%s", diff)
	}
	b.post("/account/consent", url.Values{"consent_challenge": {"c"}, "said": {"no"}, "grant_scope": {"openid"}}).leads(t, "https://app.example.com/no")
	b.post("/account/consent", url.Values{"consent_challenge": {"c"}, "said": {"other"}}).
		leads(t, baseURL+"self-service/logout?token=of-"+b.session.ID+"&return_to="+baseURL+"oauth2/auth?client_id=shop")
	if len(w.consents.granted) != 1 || w.consents.rejected != 1 {
		t.Errorf("granted %d, rejected %d", len(w.consents.granted), w.consents.rejected)
	}
}

func TestConsentThatNobodyIsAskedFor(t *testing.T) {
	w := newWorld(t)
	who := w.person("ada@example.com")
	w.consents.asked["c"] = &Consent{Client: Client{ID: "own"}, Subject: who.ID, Scopes: []string{"openid", "profile"}, Skip: true}
	w.browser(who, firefoxOnLinux).get("/account/consent?consent_challenge=c").leads(t, "https://app.example.com/yes")
	if len(w.consents.granted) != 1 || w.consents.granted[0].Claims["name"] != "Ada Byron" {
		t.Errorf("granted %+v", w.consents.granted)
	}
}

// Only the person whose login it is answers.
func TestConsentOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	ada, eve := w.person("ada@example.com"), w.person("eve@example.com")
	for _, skip := range []bool{false, true} {
		w.consents.asked["c"] = &Consent{Client: Client{ID: "shop"}, Subject: ada.ID, Scopes: []string{"openid"}, Skip: skip, RequestURL: baseURL + "oauth2/auth?client_id=shop"}
		e := w.browser(eve, firefoxOnLinux)
		e.get("/account/consent?consent_challenge=c").wants(t, http.StatusForbidden, "Somebody else is signed in", `href="http://localhost:4444/oauth2/auth?client_id=shop"`)
		e.post("/account/consent", url.Values{"consent_challenge": {"c"}, "said": {"yes"}, "grant_scope": {"openid"}}).wants(t, http.StatusForbidden)
		w.browser(nil, "").get("/account/consent?consent_challenge=c").leads(t, baseURL+"oauth2/auth?client_id=shop")
	}
	if len(w.consents.granted) > 0 {
		t.Errorf("granted %+v", w.consents.granted)
	}
	w.browser(ada, "").get("/account/devices").wants(t, http.StatusNotFound, "Page not found")
	w.browser(ada, "").get("/account/consent?consent_challenge=unknown").wants(t, http.StatusNotFound, "This page has expired")
}

func TestLogout(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.person("ada@example.com"), firefoxOnLinux)
	b.get("/account/logout").wants(t, http.StatusOK, "<h1>Sign out?</h1>", "Stay signed in")
	b.post("/account/logout", url.Values{"said": {"no"}}).leads(t, "/account/")
	b.post("/account/logout", url.Values{"said": {"yes"}}).leads(t, baseURL+"self-service/logout?token=of-"+b.session.ID+"&return_to=")
	nobody := w.browser(nil, "")
	nobody.get("/account/logout").wants(t, http.StatusOK, "<h1>You are signed out</h1>", "Sign in again")
	nobody.post("/account/logout", url.Values{"said": {"yes"}}).leads(t, "/account/logout")
}

func TestLogoutOfAnApplication(t *testing.T) {
	w := newWorld(t)
	ada, eve := w.person("ada@example.com"), w.person("eve@example.com")
	w.logouts.asked["l"] = &Logout{Client: &Client{ID: "shop", Name: "The Corner Shop"}, Subject: ada.ID}
	b := w.browser(ada, firefoxOnLinux)
	b.get("/account/logout?logout_challenge=l").wants(t, http.StatusOK, "The Corner Shop", `name="logout_challenge" value="l"`)
	b.post("/account/logout", url.Values{"logout_challenge": {"l"}, "said": {"no"}}).wants(t, http.StatusOK, "You are still signed in")
	b.post("/account/logout", url.Values{"logout_challenge": {"l"}, "said": {"yes"}}).leads(t, "https://app.example.com/bye")
	w.browser(eve, "").get("/account/logout?logout_challenge=l").wants(t, http.StatusForbidden, "Somebody else is signed in")
	w.browser(eve, "").post("/account/logout", url.Values{"logout_challenge": {"l"}, "said": {"yes"}}).wants(t, http.StatusForbidden)
	if w.logouts.accepted != 1 || w.logouts.rejected != 1 {
		t.Errorf("accepted %d, rejected %d", w.logouts.accepted, w.logouts.rejected)
	}
	// Who is signed out already is not asked.
	w.browser(nil, "").get("/account/logout?logout_challenge=l").leads(t, "https://app.example.com/bye")
	b.get("/account/logout?logout_challenge=unknown").wants(t, http.StatusNotFound)
}

func TestWithoutAnOAuthServer(t *testing.T) {
	w := newWorld(t)
	w.handler.Logouts = nil
	w.browser(nil, "").get("/account/logout?logout_challenge=l").wants(t, http.StatusBadRequest)
}

func TestDeviceNames(t *testing.T) {
	for agent, want := range map[string][2]string{
		firefoxOnLinux: {"Firefox", "Linux"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0": {"Edge", "Windows"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":         {"Safari", "macOS"},
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":         {"Chrome", "Android"},
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1": {"Chrome", "iPad"},
		"curl/8.5.0": {"curl", ""}, "": {"", ""}, "something": {"", ""},
	} {
		if b, s := device(agent); b != want[0] || s != want[1] {
			t.Errorf("%q: %q on %q, want %v", agent, b, s, want)
		}
	}
}

func TestAgo(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration][2]string{
		-time.Second: {"just now", "gerade eben"}, 59 * time.Second: {"just now", "gerade eben"}, time.Minute: {"a minute ago", "vor einer Minute"},
		59 * time.Minute: {"59 minutes ago", "vor 59 Minuten"}, time.Hour: {"an hour ago", "vor einer Stunde"}, 23 * time.Hour: {"23 hours ago", "vor 23 Stunden"},
		24 * time.Hour: {"yesterday", "gestern"}, 59 * 24 * time.Hour: {"59 days ago", "vor 59 Tagen"}, 90 * 24 * time.Hour: {"24 August 2026", "24.8.2026"},
	} {
		for i, lang := range []string{"en", "de"} {
			if got := (words{w.handler.Site, lang}).ago(now.Add(-d), now); got != want[i] {
				t.Errorf("%s ago in %s: %q, want %q", d, lang, got, want[i])
			}
		}
	}
}

func TestOopsNamesWhatCanBeDone(t *testing.T) {
	for e, want := range map[*fault.Error]string{
		fault.New(fault.Forbidden, "security_csrf_violation", ""):    "oops.cookie",
		fault.New(fault.Limited, "too_many", ""):                     "oops.limited",
		fault.New(fault.Unauthenticated, "request_unauthorized", ""): "oops.gone",
		fault.New(fault.Internal, "server_error", ""):                "oops",
		fault.New(fault.Unavailable, "busy", ""):                     "oops",
		fault.New(fault.Invalid, "whatever", ""):                     "oops.mine",
		session.ErrIdentityDisabled:                                  "oops.mine",
		fault.New(fault.NotFound, "page_not_found", ""):              "oops.nowhere",
		fault.New(fault.NotFound, "not_found", ""):                   "oops.gone",
	} {
		if got := oops(e); got != want {
			t.Errorf("%s: %s, want %s", e.Code, got, want)
		}
	}
}
