package account

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

func TestLoginPage(t *testing.T) {
	w := newWorld(t)
	w.put(loginFlow())
	a := w.browser(nil, "").get("/account/login?flow=login-1")
	a.wants(t, http.StatusOK,
		`<html lang="en">`, `<h1>Sign in</h1>`, `<form method="POST" action="http://localhost:4444/self-service/login?flow=login-1">`,
		`<input type="hidden" name="csrf_token" value="mask==">`,
		`<label for="f1">E-mail address</label>`, `<input id="f1" name="identifier" type="text" value="" autocomplete="username" required`,
		`name="password" type="password" value="" autocomplete="current-password" required`,
		`name="method" value="password">Sign in</button>`,
		`name="method" value="code" class="quiet" formnovalidate>Send me a code</button>`,
		`<a href="/self-service/registration/browser">Create an account</a>`, `<a href="/self-service/recovery/browser">Recover your account</a>`,
	)
	if strings.Index(a.body, `value="password"`) > strings.Index(a.body, `value="code"`) {
		t.Error("the Enter key sends the form by the other way: its button comes first")
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", a.header)
	}
}

// Who was named in a first step is shown, goes with the form once, and can be changed without scripts.
func TestSecondStepOfLogin(t *testing.T) {
	w := newWorld(t)
	f := loginFlow()
	f.ReturnTo = "https://shop.example/back"
	f.UI.RemoveNodes("identifier")
	f.UI.Add(ui.Input(ui.GroupIdentifierFirst, "identifier", ui.KindHidden, ui.WithValue("ada@example.com"), ui.WithRequired(),
		ui.WithAutocomplete("username webauthn"), ui.WithLabel(ui.Label("E-Mail", "email"))))
	w.put(f)
	a := w.browser(nil, "").get("/account/login?flow=login-1")
	a.wants(t, http.StatusOK, `<label for="f1">E-mail address</label>`,
		`<input id="f1" name="identifier" type="text" value="ada@example.com" autocomplete="username webauthn" readonly>`,
		`<a href="/self-service/login/browser?return_to=https%3A%2F%2Fshop.example%2Fback">Change</a>`)
	if n := strings.Count(a.body, `name="identifier"`); n != 1 {
		t.Errorf("the identifier is sent %d times:\n%s", n, a.body)
	}

	sent := loginFlow()
	sent.State = ui.StateSentEmail
	sent.UI.Nodes = nil
	sent.UI.Add(ui.Hidden(ui.GroupDefault, "identifier", "ada@example.com"), ui.Input(ui.GroupCode, "code", ui.KindText, ui.WithRequired()))
	w.put(sent)
	w.browser(nil, "").get("/account/login?flow=login-1").wants(t, http.StatusOK, `<label for="f1">Account</label>`, `value="ada@example.com" autocomplete="username" readonly>`)
	sent.Refresh = true
	w.put(sent)
	w.browser(nil, "").get("/account/login?flow=login-1").wants(t, http.StatusOK, `<input type="hidden" name="identifier" value="ada@example.com">`)
}

// Nothing in any page breaks the policy that it is sent with.
func TestPagesKeepTheirPolicy(t *testing.T) {
	w := newWorld(t)
	who := w.person("ada@example.com")
	b := w.browser(who, firefoxOnLinux)
	w.put(loginFlow())
	w.put(settingsFlow())
	w.consents.asked["c"] = &Consent{Client: Client{ID: "shop", LogoURL: "https://shop.example/logo.png"}, Subject: who.ID, Scopes: []string{"openid", "email"}}
	inline := regexp.MustCompile(`(?i)\sstyle=|<style|<script>|\son[a-z]+=|javascript:`)
	for path, want := range map[string]string{
		"/account": "form-action 'none'", "/account/login?flow=login-1": "script-src 'self'", "/account/settings?flow=settings-1": "script-src 'self'",
		"/account/sessions": "script-src 'self'", "/account/logout": "script-src 'self'", "/account/consent?consent_challenge=c": "img-src 'self' data: https://shop.example;",
		"/account/error": "form-action 'none'",
	} {
		a := b.get(path)
		a.wants(t, http.StatusOK)
		csp := a.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, want) || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q lacks %s", path, csp, want)
		}
		if m := inline.FindString(a.body); m != "" {
			t.Errorf("%s holds %q, which its policy forbids", path, m)
		}
	}
}

// Every type of node and input, of a group that this package never heard of.
func TestAnyNodeIsShown(t *testing.T) {
	w := newWorld(t)
	f := flowOf(ui.Login,
		ui.Input("retina", "eye", ui.KindNumber, ui.WithValue(2.0), ui.WithLabel(ui.Label("Eye", "eye")), ui.WithRequired()),
		ui.Input("retina", "colour", ui.KindText, ui.WithValue("green"), ui.WithChoices("blue", "green"), ui.WithLabel(ui.Label("Colour", "colour"))),
		ui.Input("retina", "born", ui.KindDate, ui.WithLabel(ui.Label("Born", "born"))),
		ui.Input("retina", "glasses", ui.KindCheckbox, ui.WithValue(true), ui.WithLabel(ui.Label("Glasses", "glasses"))),
		ui.TextNode("retina", "note", ui.Generic("Look up")),
		ui.Image("retina", "picture", "data:image/png;base64,AA==", 10, 20, ui.WithLabel(ui.Generic("A picture"))),
		ui.Anchor("retina", "help", "https://example.com/help", ui.Generic("Help me")),
		ui.Script("retina", "script", "/.well-known/ory/webauthn.js", "sha512-x", "nonce"),
		ui.Div("retina", "place", "widget", map[string]string{"sitekey": "1"}),
		ui.Button("retina", "scan", "", ui.Generic("Scan"), ui.WithClickTrigger("oryScan")),
		ui.Submit("retina", "method", "retina", ui.Generic("Go")),
	)
	w.put(f)
	w.browser(nil, "").get("/account/login?flow=login-1").wants(t, http.StatusOK,
		`name="eye" type="number" value="2"`, `required`,
		`<select id="f2" name="colour"><option value=""></option><option value="blue">blue</option><option value="green" selected>green</option></select>`,
		`name="born" type="date"`,
		`<input type="hidden" name="glasses" value="false">`, `name="glasses" type="checkbox" value="true" checked`,
		`<code>Look up</code>`, `<img src="data:image/png;base64,AA==" width="10" height="20" alt="A picture">`,
		`<a class="button" href="https://example.com/help">Help me</a>`,
		`<script src="/.well-known/ory/webauthn.js" id="script" async integrity="sha512-x" crossorigin="anonymous" referrerpolicy="no-referrer"></script>`,
		`<div id="place" class="widget" data-sitekey="1"></div>`,
		`type="button" name="scan" value="" class="link" formnovalidate data-click="oryScan">Scan</button>`,
		`type="submit" name="method" value="retina">Go</button>`)
}

func TestMessagesStandByTheirFields(t *testing.T) {
	w := newWorld(t)
	f := loginFlow()
	f.UI.Message(ui.InvalidCredentials())
	f.UI.FieldMessage("password", ui.Required("password"))
	f.UI.Node("password").Attributes.Value = "what somebody typed"
	w.put(f)
	a := w.browser(nil, "").get("/account/login?flow=login-1")
	a.wants(t, http.StatusOK, `<title>Please check: Sign in`, `role="alert"><p>That did not match.`,
		`autofocus aria-invalid="true" aria-describedby="f2-1"`, `<p class="said error" id="f2-1">Please fill this in.</p>`)
	a.lacks(t, "what somebody typed")
	b := w.browser(nil, "")
	b.header.Set("Accept-Language", "de-CH, en;q=0.5")
	b.get("/account/login?flow=login-1").wants(t, http.StatusOK, `<html lang="de">`, `<h1>Anmelden</h1>`, `Bitte füllen Sie dieses Feld aus.`, `E-Mail-Adresse`, `>Passwort<`)
}

func TestStrangersTextIsEscaped(t *testing.T) {
	w := newWorld(t)
	evil := `"><script>alert(1)</script>`
	f := fromShop(loginFlow())
	f.OAuth2LoginRequest = map[string]any{"client": map[string]any{"client_id": evil, "client_name": evil, "logo_uri": "javascript:alert(1)"}}
	f.UI.SetValue("identifier", evil)
	f.UI.Message(ui.Generic(evil))
	f.UI.Add(ui.Anchor(ui.GroupDefault, "a", "javascript:alert(1)", ui.Generic(evil)))
	f.ReturnTo = `https://e.com/?"><b>`
	w.put(f)
	a := w.browser(nil, "").get("/account/login?flow=login-1")
	a.wants(t, http.StatusOK, "&lt;script&gt;")
	a.lacks(t, "<script>alert", "javascript:alert", `"><b>`)
}

// The application's name stands above the form, its languages count more than the browser's, and other flows keep its request.
func TestApplicationThatAsks(t *testing.T) {
	w := newWorld(t)
	f := fromShop(loginFlow())
	f.ReturnTo = "https://shop.example/back"
	w.put(f)
	w.browser(nil, "").get("/account/login?flow=login-1").wants(t, http.StatusOK, `<html lang="de">`, `<small>Weiter zu</small><strong>The Corner Shop</strong>`,
		`/self-service/registration/browser?login_challenge=challenge-1&amp;return_to=https%3A%2F%2Fshop.example%2Fback`)
}

func TestLanguageThatTheAddressAsksFor(t *testing.T) {
	w := newWorld(t)
	f := loginFlow()
	f.RequestURL = baseURL + "self-service/login/browser?ui_locales=fr+de"
	w.put(f)
	b := w.browser(nil, "")
	b.header.Set("Accept-Language", "en")
	b.get("/account/login?flow=login-1").wants(t, http.StatusOK, `<html lang="de">`)
	b.get("/account/error?ui_locales=de").wants(t, http.StatusOK, `<html lang="de">`)
}

// Who is asked once more but is somebody else signs out, and the same login begins anew.
func TestSomebodyElse(t *testing.T) {
	w := newWorld(t)
	f := fromShop(loginFlow())
	f.Refresh = true
	w.put(f)
	b := w.browser(w.person("ada@example.com"), firefoxOnLinux)
	b.get("/account/login?flow=login-1").wants(t, http.StatusOK,
		`href="http://localhost:4444/self-service/logout?token=of-`+b.session.ID+`&amp;return_to=http://localhost:4444/self-service/login/browser?login_challenge=challenge-1"`)
	w.browser(nil, "").get("/account/login?flow=login-1").lacks(t, "/self-service/logout", "signed in as")
}

// Who is asked once more sees whose password is asked for, in both languages, and a login from scratch names nobody.
func TestAPageThatAsksOnceMoreSaysWho(t *testing.T) {
	w := newWorld(t)
	fresh, again, second := loginFlow(), loginFlow(), loginFlow()
	fresh.ID, again.ID, second.ID = "fresh", "again", "second"
	again.Refresh, second.RequestedAAL = true, "aal2"
	for _, f := range []*ui.Flow{fresh, again, second} {
		w.put(f)
	}
	b := w.browser(w.person("ada@example.com"), firefoxOnLinux)
	b.get("/account/login?flow=fresh").lacks(t, "ada@example.com")
	b.get("/account/login?flow=second").lacks(t, "ada@example.com")
	b.get("/account/login?flow=again").wants(t, http.StatusOK, `<p class="lead">You are signed in as ada@example.com.</p>`)
	b.header.Set("Accept-Language", "de")
	b.get("/account/login?flow=again").wants(t, http.StatusOK, `<p class="lead">Sie sind als ada@example.com angemeldet.</p>`)
}

func TestFlowsThatAreOffThatNobodyIsLedTo(t *testing.T) {
	w := newWorld(t)
	w.handler.Offers = Offers{}
	w.put(loginFlow())
	a := w.browser(nil, "").get("/account/login?flow=login-1")
	a.lacks(t, "/self-service/registration", "/self-service/recovery")
}

func TestHeadings(t *testing.T) {
	w := newWorld(t)
	refresh, second := loginFlow(), loginFlow()
	refresh.Refresh = true
	second.RequestedAAL = "aal2"
	done := flowOf(ui.Verification, ui.Anchor(ui.GroupCode, "continue", "/account/", ui.LabelContinue()))
	done.State = ui.StatePassedChallenge
	credential := flowOf(ui.Registration, ui.Hidden(ui.GroupDefault, "traits.email", "a@b.c"), ui.Input(ui.GroupPassword, "password", ui.KindPassword))
	link := flowOf(ui.Recovery, ui.Input(ui.GroupLink, "email", ui.KindEmail))
	link.State = ui.StateSentEmail
	for heading, f := range map[string]*ui.Flow{
		"Confirm it’s you": refresh, "One more step": second, "Address confirmed": done, "Almost done": credential,
		"Check your messages": link, "Enter the code": codeFlow(ui.Recovery), "Create your account": registrationFlow(), "Settings": settingsFlow(),
	} {
		w.put(f, "x")
		w.browser(nil, "").get("/account/"+string(f.Kind)+"?flow=x").wants(t, http.StatusOK, "<h1>"+heading+"</h1>")
	}
}

func TestSettingsSaveOneThingAtATime(t *testing.T) {
	w := newWorld(t)
	w.put(settingsFlow())
	a := w.browser(nil, "").get("/account/settings?flow=settings-1")
	a.wants(t, http.StatusOK, `<h2>About you</h2>`, `<h2>Password</h2>`, `aria-current="page">Settings`)
	if n := strings.Count(a.body, `name="csrf_token"`); n != 2 {
		t.Errorf("%d of 2 forms have the token", n)
	}
	forms := strings.Split(a.body, "<form ")
	if len(forms) != 3 || strings.Contains(forms[1], `name="password"`) || strings.Contains(forms[2], `name="traits.email"`) {
		t.Error("the forms are mixed up")
	}
}

func TestWhoIsBackInChoosesAPasswordFirst(t *testing.T) {
	w := newWorld(t)
	f := w.put(settingsFlow())
	page := func() string { return w.browser(nil, "").get("/account/settings?flow=" + f.ID).body }
	if body := page(); strings.Index(body, `name="password"`) < strings.Index(body, `name="traits.email"`) {
		t.Error("the password is first for everybody")
	}
	now := w.clock.Now()
	f.UI.Message(ui.RecoverySuccessful(now.Add(time.Hour), now))
	if body := page(); strings.Index(body, `name="password"`) > strings.Index(body, `name="traits.email"`) {
		t.Error("who is back in has to look for the password")
	}
}

func TestVerificationCanWait(t *testing.T) {
	w := newWorld(t)
	f := w.put(codeFlow(ui.Verification))
	who := w.browser(w.person("ada@example.com"), "")
	at := func() answer { return who.get("/account/verification?flow=" + f.ID) }
	for returnTo, want := range map[string]string{
		"":                   `<a href="/account/">Go to your account</a>`,
		"/account/":          `<a href="/account/">Go to your account</a>`,
		baseURL + "account/": `<a href="/account/">Go to your account</a>`,
		"/self-service/login/browser?login_challenge=1": `<a href="/self-service/login/browser?login_challenge=1">Skip for now</a>`,
	} {
		f.ReturnTo = returnTo
		at().wants(t, http.StatusOK, want)
	}
	// Who is not signed in cannot go on without the code, but may have an account already.
	for returnTo, want := range map[string]string{
		"": `<a href="/self-service/login/browser">Sign in</a>`,
		baseURL + "self-service/login/browser?login_challenge=1": `<a href="http://localhost:4444/self-service/login/browser?login_challenge=1">Sign in</a>`,
		"https://shop.example/":                                  `<a href="/self-service/login/browser?return_to=https%3A%2F%2Fshop.example%2F">Sign in</a>`,
	} {
		f.ReturnTo = returnTo
		a := w.browser(nil, "").get("/account/verification?flow=" + f.ID)
		a.wants(t, http.StatusOK, want)
		a.lacks(t, "Skip for now", "Go to your account")
	}
}

func TestPageWithoutAFlowBeginsOne(t *testing.T) {
	w := newWorld(t)
	b := w.browser(nil, "")
	for path, want := range map[string]string{
		"/account/login":    "/self-service/login/browser",
		"/account/settings": "/self-service/settings/browser",
		"/account/login?return_to=https%3A%2F%2Fa.example%2F&login_challenge=abc&refresh=true&evil=1": "/self-service/login/browser?login_challenge=abc&refresh=true&return_to=https%3A%2F%2Fa.example%2F",
		"/account/registration?identity_schema=customer":                                              "/self-service/registration/browser?identity_schema=customer",
	} {
		b.get(path).leads(t, want)
	}
}

func TestFlowThatCannotBeShown(t *testing.T) {
	w := newWorld(t)
	b := w.browser(nil, "")
	b.get("/account/login?flow=swept").leads(t, "/self-service/login/browser")

	w.refusal = fault.New(fault.Gone, "self_service_flow_expired", "The flow has expired.").WithDetail("return_to", "https://a.example/")
	b.get("/account/recovery?flow=x").leads(t, "/self-service/recovery/browser?return_to=https%3A%2F%2Fa.example%2F")

	w.refusal = fault.New(fault.Unauthenticated, "session_inactive", "No session.")
	b.get("/account/settings?flow=x").leads(t, "/self-service/login/browser?return_to=http%3A%2F%2Flocalhost%3A4444%2Faccount%2Fsettings")

	w.refusal = fault.New(fault.Forbidden, "session_aal2_required", "More.").WithDetail("redirect_browser_to", "http://localhost:4444/self-service/login/browser?aal=aal2")
	b.get("/account/settings?flow=x").leads(t, "http://localhost:4444/self-service/login/browser?aal=aal2")

	w.refusal = fault.New(fault.Limited, "too_many_requests", "Too often.").After(90 * time.Second)
	a := b.get("/account/login?flow=x")
	a.wants(t, http.StatusTooManyRequests, "Please wait 2 minutes before you try again.")
	if a.header.Get("Retry-After") != "90" {
		t.Errorf("headers: %v", a.header)
	}

	// A browser without cookies would go round in circles.
	w.refusal = fault.New(fault.Forbidden, "security_csrf_violation", "A security violation was detected.")
	b.get("/account/login?flow=x").wants(t, http.StatusForbidden, "<h1>This page was opened somewhere else</h1>", `href="http://localhost:4444/self-service/login/browser">Start again`)
}

func TestErrorPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser(nil, "")
	b.get("/account/error").wants(t, http.StatusOK, "<h1>Everything is fine</h1>")
	b.get("/account/error?id=unknown").wants(t, http.StatusOK, "<h1>Everything is fine</h1>")
	w.failures["1"] = fault.New(fault.Invalid, "self_service_flow_return_to_forbidden", "The return_to address is not allowed.").WithDetail("request", "req-of-then")
	b.get("/account/error?id=1").wants(t, http.StatusOK, "<h1>That did not work</h1>", "The return_to address is not allowed.", "self_service_flow_return_to_forbidden", "req-of-then")
	w.failures["2"] = fault.New(fault.Internal, "server_error", "Something went wrong on our side.").Because(http.ErrAbortHandler)
	a := b.get("/account/error?id=2")
	a.wants(t, http.StatusOK, "<h1>Something went wrong</h1>")
	a.lacks(t, "abort")
	b.header.Set("Accept-Language", "de")
	w.failures["3"] = fault.New(fault.Limited, "too_many_requests", "Too often.")
	b.get("/account/error?id=3").wants(t, http.StatusOK, `<html lang="de">`, "<h1>Zu viele Versuche</h1>", `<dd lang="en">Too often.</dd>`)
}

// Both languages say everything, with the same values in it.
func TestTextsOfBothLanguagesFit(t *testing.T) {
	w := newWorld(t)
	en, de := words{w.handler.Site, "en"}, words{w.handler.Site, "de"}
	values := regexp.MustCompile(`\{[a-z_]+\}`)
	keys := regexp.MustCompile(`(?m)^  "([^"]+)":`)
	for _, lang := range []string{"en", "de"} {
		raw, err := assets.ReadFile("assets/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range keys.FindAllStringSubmatch(string(raw), -1) {
			key := m[1]
			if strings.HasPrefix(key, "label.") || strings.Trim(key, "0123456789") == "" {
				continue // texts of package ui, which has German ones
			}
			if _, ok := w.handler.Site.TextIn("de", key); !ok {
				t.Errorf("German lacks %s", key)
			}
			if _, ok := w.handler.Site.TextIn("en", key); !ok {
				t.Errorf("English lacks %s", key)
			}
			if a, b := values.FindAllString(en.say(key), -1), values.FindAllString(de.say(key), -1); strings.Join(a, "") != strings.Join(b, "") {
				t.Errorf("%s: %v and %v", key, a, b)
			}
		}
	}
}

// An operator's words for a text of the flows, by its number.
func TestOperatorsWordsForAFlow(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/en.json", `{"1010001": "Come in", "label.E-Mail": "Your e-mail", "4000003": "{min_length}, please", "login.title": "Welcome"}`)
	w := newWorld(t, func(c *Config) { c.OverridePath = dir })
	f := loginFlow()
	f.UI.FieldMessage("password", ui.MinLength(8, 3))
	w.put(f)
	w.browser(nil, "").get("/account/login?flow=login-1").wants(t, http.StatusOK, ">Come in</button>", ">Your e-mail</label>", ">8, please</p>", "<h1>Welcome</h1>")
}
