package selfservice_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/method/code"
	"github.com/gatehouse-iam/gatehouse/internal/method/link"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// proofs adds the methods that send codes and links.
func proofs(change ...func(*code.Method, *link.Method)) setup {
	return func(s *server) {
		h := s.handler
		sending := selfservice.Sending{Identities: s.people, Limits: h.Limits, Flows: h.Config.Flows, Now: s.clock.Now}
		c := &code.Method{Sending: sending, Config: code.DefaultConfig(), Schemas: h.Schemas, Ring: testkit.Ring(s.t).For("codes")}
		l := &link.Method{Sending: sending, Config: link.DefaultConfig()}
		for _, fn := range change {
			fn(c, l)
		}
		h.Methods = append(h.Methods, c, l)
	}
}

// byLink has recoveries and verifications send links.
func byLink(c *selfservice.Config) { c.Flows.Recovery.Use, c.Flows.Verification.Use = "link", "link" }

// known stores somebody who never signed in.
func (s *server) known(email string) *identity.Identity {
	s.t.Helper()
	who := &identity.Identity{SchemaID: "default", State: identity.Active, Traits: json.RawMessage(`{"email":"` + email + `"}`)}
	if err := s.people.Create(s.ctx, who); err != nil {
		s.t.Fatal(err)
	}
	return who
}

// reload reads somebody again.
func (s *server) reload(who *identity.Identity) *identity.Identity {
	s.t.Helper()
	now, err := s.people.Get(s.ctx, who.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return now
}

type letter struct {
	Recipient string `json:"recipient"`
	Template  string `json:"template_type"`
	Channel   string `json:"channel"`
	Body      string `json:"body"`
}

// letters are the messages to somebody, the newest first.
func (s *server) letters(to string) []letter {
	s.t.Helper()
	m := web.NewMux(web.KratosErrors, web.Options{})
	(&courier.Handler{Courier: s.courier, Ring: testkit.Ring(s.t)}).MountAdmin(m)
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, "/admin/courier/messages?recipient="+url.QueryEscape(to), nil))
	var list []letter
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		s.t.Fatalf("%v: %s", err, w.Body)
	}
	return list
}

var (
	sixDigits = regexp.MustCompile(`\b\d{6}\b`)
	address   = regexp.MustCompile(`http://[^\s"<>]+/self-service/[^\s"<>]+`)
)

// sentCode is the code in the newest message to somebody.
func (s *server) sentCode(to string) string {
	s.t.Helper()
	list := s.letters(to)
	if len(list) == 0 {
		s.t.Fatalf("nothing was sent to %s", to)
	}
	found := sixDigits.FindString(list[0].Body)
	if found == "" {
		s.t.Fatalf("there is no code in %s", list[0].Body)
	}
	return found
}

// sentLink is the link in the newest message to somebody.
func (s *server) sentLink(to string) string {
	s.t.Helper()
	list := s.letters(to)
	if len(list) == 0 {
		s.t.Fatalf("nothing was sent to %s", to)
	}
	found := address.FindString(list[0].Body)
	if found == "" {
		s.t.Fatalf("there is no link in %s", list[0].Body)
	}
	return strings.ReplaceAll(found, "&amp;", "&")
}

// wrongCode is another code than the right one.
func wrongCode(right string) string {
	if right == "000000" {
		return "000001"
	}
	return "000000"
}

// actions lists what continue_with tells to do, and next is the member of it that has the action.
func (a answer) actions() []string {
	var names []string
	list, _ := a.at("continue_with").([]any)
	for _, one := range list {
		name, _ := one.(map[string]any)["action"].(string)
		names = append(names, name)
	}
	return names
}

func (a answer) next(action string) map[string]any {
	list, _ := a.at("continue_with").([]any)
	for _, one := range list {
		if m := one.(map[string]any); m["action"] == action {
			return m
		}
	}
	return nil
}

// names lists the nodes of the flow's document as name=type.
func (a answer) names() []string {
	var out []string
	nodes, _ := a.at("ui.nodes").([]any)
	for _, n := range nodes {
		attributes, _ := n.(map[string]any)["attributes"].(map[string]any)
		name, _ := attributes["name"].(string)
		if name == "" {
			name, _ = attributes["id"].(string)
		}
		kind, _ := attributes["type"].(string)
		out = append(out, name+"="+kind)
	}
	return out
}

func expect[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// methods lists what the session of a client names.
func (c *client) methods() []string {
	c.s.t.Helper()
	a := c.asWhoami()
	if a.status != http.StatusOK {
		c.s.t.Fatalf("whoami: %d %s", a.status, a.body)
	}
	var names []string
	list, _ := a.at("authentication_methods").([]any)
	for _, m := range list {
		name, _ := m.(map[string]any)["method"].(string)
		names = append(names, name)
	}
	return names
}

func (c *client) asWhoami() answer {
	script := *c
	script.headers = http.Header{"Accept": {"application/json"}}
	return script.get("/sessions/whoami")
}

func TestRecoveryByCodeInANativeApp(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	who := s.known("ada@example.com")
	app := s.app()
	f := app.begin("recovery", "")
	expect(t, "state", f.text("state"), ui.StateChooseMethod)
	expect(t, "active", f.text("active"), "code")
	expect(t, "nodes", f.names(), []string{"csrf_token=hidden", "email=email", "method=submit"})

	f = app.submit(f, map[string]any{"method": "code", "email": " Ada@Example.com "})
	expect(t, "status", f.status, http.StatusOK)
	expect(t, "state", f.text("state"), ui.StateSentEmail)
	expect(t, "said", f.said(), []int{1060003})
	expect(t, "nodes", f.names(), []string{"csrf_token=hidden", "code=text", "method=hidden", "method=submit", "email=submit"})
	sent := s.sentCode("ada@example.com")

	f = app.submit(f, map[string]any{"code": wrongCode(sent)})
	expect(t, "status of a wrong code", f.status, http.StatusOK)
	expect(t, "said of a wrong code", f.said(), []int{4060006})

	f = app.submit(f, map[string]any{"method": "code", "code": sent[:3] + " " + sent[3:]})
	expect(t, "status", f.status, http.StatusOK)
	expect(t, "state", f.text("state"), ui.StatePassedChallenge)
	expect(t, "actions", f.actions(), []string{ui.ActionSetSessionToken, ui.ActionShowSettings})
	app.token, _ = f.next(ui.ActionSetSessionToken)["ory_session_token"].(string)
	expect(t, "methods", app.methods(), []string{"code_recovery"})
	settings, _ := f.next(ui.ActionShowSettings)["flow"].(map[string]any)
	id, _ := settings["id"].(string)
	a := app.get("/self-service/settings/flows?id=" + id)
	expect(t, "the settings say so", a.said(), []int{1060001})
	a = app.submit(a, map[string]any{"method": "password", "password": "short"})
	expect(t, "status of a bad password", a.status, http.StatusBadRequest)
	expect(t, "the settings still say so", a.said(), []int{1060001, 4000032})
	a = app.submit(a, map[string]any{"method": "password", "password": "a new one that nobody had"})
	expect(t, "status of the new password", a.status, http.StatusOK)
	if !s.reload(who).VerifiableAddresses[0].Verified {
		t.Error("the address that proved the account is not verified")
	}

	other := s.app()
	gone := other.submit(f, map[string]any{"method": "code", "code": sent})
	expect(t, "status of a second use", gone.status, http.StatusGone)
	expect(t, "id of a second use", gone.text("error.id"), "self_service_flow_replaced")
	again := other.get("/self-service/recovery/flows?id=" + gone.text("use_flow_id"))
	expect(t, "the new flow says why", again.said(), []int{4060001})
}

func TestRecoveryByCodeInABrowser(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	s.known("ada@example.com")
	b := s.browser()
	f := b.begin("recovery", "return_to=/account/somewhere")
	f = b.flow("recovery", b.submit(f, map[string]any{"method": "code", "email": "ada@example.com"}))
	sent := s.sentCode("ada@example.com")
	f = b.flow("recovery", b.submit(f, map[string]any{"method": "code", "code": wrongCode(sent)}))
	expect(t, "said", f.said(), []int{4060006})
	a := b.submit(f, map[string]any{"method": "code", "code": sent})
	settings := b.flow("settings", a)
	expect(t, "said", settings.said(), []int{1060001})
	expect(t, "return_to", settings.text("return_to"), s.http.URL+"/account/somewhere")
	expect(t, "methods", b.methods(), []string{"code_recovery"})

	t.Run("who is signed in recovers nothing", func(t *testing.T) {
		a := b.asScript().get("/self-service/recovery/browser")
		expect(t, "status", a.status, http.StatusBadRequest)
		expect(t, "id", a.text("error.id"), "session_already_available")
		expect(t, "status of a page load", b.get("/self-service/recovery/browser").status, http.StatusSeeOther)
	})
}

func TestRecoveryByCodeInAScript(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	s.known("ada@example.com")
	b := s.browser()
	script := b.asScript()
	f := script.begin("recovery", "skip_settings=true&return_to=/account/x")
	f = script.submit(f, map[string]any{"method": "code", "email": "ada@example.com"})
	f = script.submit(f, map[string]any{"code": s.sentCode("ada@example.com")})
	expect(t, "status", f.status, http.StatusOK)
	expect(t, "actions", f.actions(), []string{ui.ActionRedirectBrowser})
	expect(t, "where to", f.next(ui.ActionRedirectBrowser)["redirect_browser_to"], any(s.http.URL+"/account/x"))
	expect(t, "methods", b.methods(), []string{"code_recovery"})
}

// unnamed is a document without what differs by nature.
func unnamed(a answer) string {
	body := regexp.MustCompile(`"(csrf_token|value)":"[A-Za-z0-9+/=]{60,}"`).ReplaceAllString(a.body, `"value":"-"`)
	return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(body, "-")
}

func TestNobodyFindsOutWhoHasAnAddress(t *testing.T) {
	for _, kind := range []string{"recovery", "verification"} {
		for _, method := range []string{"code", "link"} {
			t.Run(kind+" by "+method, func(t *testing.T) {
				s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) {
					c.Flows.Recovery.Use, c.Flows.Verification.Use = method, method
				}), proofs())
				s.known("ada@example.com")
				ask := func(email string) (sent, tried answer) {
					app := s.app()
					f := app.begin(kind, "")
					sent = app.submit(f, map[string]any{"method": method, "email": email})
					proof := map[string]any{"method": method, "code": "123456"}
					if method == "link" {
						proof = map[string]any{"method": method, "token": "no such token"}
					}
					return sent, app.submit(sent, proof)
				}
				knownSent, knownTried := ask("ada@example.com")
				otherSent, otherTried := ask("bob@example.com")
				for _, pair := range [][2]answer{{knownSent, otherSent}, {knownTried, otherTried}} {
					expect(t, "status", pair[1].status, pair[0].status)
					expect(t, "document", strings.ReplaceAll(unnamed(pair[1]), "bob@", "ada@"), unnamed(pair[0]))
				}
				if n := len(s.letters("bob@example.com")); n != 0 {
					t.Errorf("%d messages to somebody who has no account", n)
				}
			})
		}
	}
}

func TestUnknownRecipientsAreToldWhereTheConfigurationSaysSo(t *testing.T) {
	for _, kind := range []string{"recovery", "verification"} {
		for _, method := range []string{"code", "link"} {
			s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) {
				c.Flows.Recovery.Use, c.Flows.Verification.Use = method, method
				c.Flows.Recovery.NotifyUnknownRecipients, c.Flows.Verification.NotifyUnknownRecipients = true, true
			}), proofs())
			app := s.app()
			app.submit(app.begin(kind, ""), map[string]any{"method": method, "email": "bob@example.com"})
			want := kind + "_code_invalid"
			if method == "link" {
				want = kind + "_invalid"
			}
			list := s.letters("bob@example.com")
			if len(list) != 1 || list[0].Template != want {
				t.Errorf("%s by %s: %+v", kind, method, list)
			}
		}
	}
}

func TestACodeTakesFiveTries(t *testing.T) {
	for _, kind := range []string{"recovery", "verification"} {
		t.Run(kind, func(t *testing.T) {
			s := newServer(t, testkit.SQLite(t, "management"), proofs())
			s.known("ada@example.com")
			b := s.browser()
			script := b.asScript()
			f := script.submit(script.begin(kind, ""), map[string]any{"method": "code", "email": "ada@example.com"})
			sent := s.sentCode("ada@example.com")
			for range 5 {
				f = script.submit(f, map[string]any{"code": wrongCode(sent)})
				if f.status != http.StatusOK {
					t.Fatalf("%d %s", f.status, f.body)
				}
			}
			a := script.submit(f, map[string]any{"code": sent})
			expect(t, "status of the right code", a.status, http.StatusGone)
			expect(t, "id", a.text("error.id"), "self_service_flow_replaced")
			next := script.get("/self-service/" + kind + "/flows?id=" + a.text("use_flow_id"))
			expect(t, "state", next.text("state"), ui.StateChooseMethod)
			expect(t, "said", next.said(), []int{4000001})
			over := script.submit(f, map[string]any{"code": sent})
			expect(t, "status afterwards", over.status, http.StatusGone)

			f = b.flow(kind, b.submit(next, map[string]any{"method": "code", "email": "ada@example.com"}))
			locked := b.submit(f, map[string]any{"method": "code", "code": wrongCode(s.sentCode("ada@example.com"))})
			locked = b.submit(b.flow(kind, locked), map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
			expect(t, "said when the address is locked", b.flow(kind, locked).said(), []int{4009001})
			s.clock.Advance(31 * time.Second)
			done := b.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
			if done.status != http.StatusSeeOther || strings.Contains(done.header.Get("Location"), "error") {
				t.Errorf("after the lock: %d %s", done.status, done.header.Get("Location"))
			}
		})
	}
}

func TestAnotherCodeVoidsTheOneBefore(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	s.known("ada@example.com")
	app := s.app()
	f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	first := s.sentCode("ada@example.com")
	resend, _ := f.node("email")
	second := first
	for second == first { // once in a million times they are the same
		f = app.submit(f, map[string]any{"method": "code", "email": resend})
		expect(t, "said", f.said(), []int{1060003})
		second = s.sentCode("ada@example.com")
	}
	f = app.submit(f, map[string]any{"code": first})
	expect(t, "said of the first", f.said(), []int{4060006})
	f = app.submit(f, map[string]any{"code": second})
	expect(t, "state after the second", f.text("state"), ui.StatePassedChallenge)
}

func TestACodeGrowsOld(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	s.known("ada@example.com")
	app := s.app()
	f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	s.clock.Advance(15 * time.Minute)
	f = app.submit(f, map[string]any{"code": s.sentCode("ada@example.com")})
	expect(t, "said", f.said(), []int{4060006})
	s.clock.Advance(45 * time.Minute)
	a := app.submit(f, map[string]any{"email": "ada@example.com"})
	expect(t, "status of an old flow", a.status, http.StatusGone)
	expect(t, "id of an old flow", a.text("error.id"), "self_service_flow_expired")
}

func TestACodeFitsNoOtherFlow(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	s.known("ada@example.com")
	app := s.app()
	one := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	sent := s.sentCode("ada@example.com")
	two := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	for s.sentCode("ada@example.com") == sent { // once in a million times they are the same
		two = app.submit(two, map[string]any{"method": "code", "email": "ada@example.com"})
	}
	expect(t, "said", app.submit(two, map[string]any{"code": sent}).said(), []int{4060006})
	expect(t, "state", app.submit(one, map[string]any{"code": sent}).text("state"), ui.StatePassedChallenge)
}

func TestWhatIsMissingOrNoAddressIsSaid(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	app := s.app()
	for _, kind := range []string{"recovery", "verification"} {
		f := app.begin(kind, "")
		for _, tc := range []struct {
			values map[string]any
			said   int
		}{
			{map[string]any{"method": "code"}, 4000002},
			{map[string]any{"method": "code", "email": "no address"}, 4000040},
			{map[string]any{"method": "code", "email": "a@b.example,c@d.example"}, 4000040},
			{map[string]any{"method": "link", "email": "ada@example.com"}, map[string]int{"recovery": 4010005, "verification": 4010006}[kind]},
			{map[string]any{"method": "password", "email": "ada@example.com"}, map[string]int{"recovery": 4010005, "verification": 4010006}[kind]},
		} {
			a := app.submit(f, tc.values)
			expect(t, kind+": status", a.status, http.StatusBadRequest)
			expect(t, kind+": said", a.said(), []int{tc.said})
		}
		f = app.submit(f, map[string]any{"method": "code", "email": "ada@example.com"})
		a := app.submit(f, map[string]any{"method": "code"})
		expect(t, kind+": said without a code", a.said(), []int{4000002})
	}
}

func TestRecoveryEndsOtherSessionsWhereAHookSaysSo(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), config(func(c *selfservice.Config) {
		c.Flows.Recovery.After.Hooks = []selfservice.HookConfig{{Hook: "revoke_active_sessions"}}
	}), proofs())
	s.person("ada@example.com", goodPassword)
	thief := s.app()
	in := thief.submit(thief.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	thief.token = in.text("session_token")
	app := s.app()
	f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	f = app.submit(f, map[string]any{"code": s.sentCode("ada@example.com")})
	app.token, _ = f.next(ui.ActionSetSessionToken)["ory_session_token"].(string)
	expect(t, "the new session", app.asWhoami().status, http.StatusOK)
	expect(t, "the old session", thief.asWhoami().status, http.StatusUnauthorized)
}

func TestWhoIsDisabledRecoversNothing(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	who := s.known("ada@example.com")
	app := s.app()
	f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	who = s.reload(who)
	who.State = identity.Inactive
	if err := s.people.Update(s.ctx, who); err != nil {
		t.Fatal(err)
	}
	f = app.submit(f, map[string]any{"code": s.sentCode("ada@example.com")})
	expect(t, "status", f.status, http.StatusBadRequest)
	expect(t, "said", f.said(), []int{4010011})
}

func TestRecoveryLink(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(byLink), proofs())
	who := s.known("ada@example.com")
	b := s.browser()
	f := b.begin("recovery", "")
	expect(t, "active", f.text("active"), "link")
	f = b.flow("recovery", b.submit(f, map[string]any{"method": "link", "email": "ada@example.com"}))
	expect(t, "said", f.said(), []int{1060002})
	typed, _ := f.node("email")
	expect(t, "what was typed", typed, any("ada@example.com"))
	link := s.sentLink("ada@example.com")
	settings := b.flow("settings", b.get(link))
	expect(t, "said", settings.said(), []int{1060001})
	expect(t, "methods", b.methods(), []string{"link_recovery"})
	if !s.reload(who).VerifiableAddresses[0].Verified {
		t.Error("the address that proved the account is not verified")
	}

	again := s.browser()
	fresh := again.flow("recovery", again.get(link))
	expect(t, "said of a second use", fresh.said(), []int{4060001})
}

func TestARecoveryLinkOpenedElsewhereWaitsForAButton(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(byLink), proofs())
	s.known("ada@example.com")
	for _, native := range []bool{false, true} {
		b := s.browser()
		if native {
			b = s.app()
		}
		f := b.begin("recovery", "")
		b.submit(f, map[string]any{"method": "link", "email": "ada@example.com"})
		link := s.sentLink("ada@example.com")

		scanner := s.browser()
		seen := scanner.flow("recovery", scanner.get(link))
		expect(t, "nodes", seen.names(), []string{"csrf_token=hidden", "token=hidden", "method=submit"})
		if scanner.asWhoami().status == http.StatusOK {
			t.Error("opening a link signed somebody in")
		}

		phone := s.browser()
		shown := phone.flow("recovery", phone.get(link))
		if native || !strings.Contains(b.asScript().get("/self-service/recovery/flows?id="+f.text("id")).body, "token\",\"type\":\"hidden\",\"value\":\""+strings.Split(link, "token=")[1]) {
			settings := phone.flow("settings", phone.submit(shown, map[string]any{"method": "link", "token": value(shown, "token")}))
			expect(t, "said", settings.said(), []int{1060001})
			expect(t, "methods", phone.methods(), []string{"link_recovery"})
		} else {
			t.Error("who began the flow sees the token")
		}
		late := scanner.submit(seen, map[string]any{"method": "link", "token": value(seen, "token")})
		expect(t, "said to the one who came late", scanner.flow("recovery", late).said(), []int{4060001})
	}
}

func value(a answer, name string) any {
	v, _ := a.node(name)
	return v
}

func TestARecoveryLinkWorksAtOnceWhereTheConfigurationSaysSo(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(byLink), proofs(func(_ *code.Method, l *link.Method) { l.Config.Config.Confirm = false }))
	s.known("ada@example.com")
	app := s.app()
	app.submit(app.begin("recovery", ""), map[string]any{"method": "link", "email": "ada@example.com"})
	phone := s.browser()
	phone.flow("settings", phone.get(s.sentLink("ada@example.com")))
	expect(t, "methods", phone.methods(), []string{"link_recovery"})
}

func TestAWrongLinkLeavesTheRightOneAlone(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(byLink), proofs())
	s.known("ada@example.com")
	b := s.browser()
	b.submit(b.begin("recovery", ""), map[string]any{"method": "link", "email": "ada@example.com"})
	link := s.sentLink("ada@example.com")
	wrong := b.flow("recovery", b.get(link+"x"))
	expect(t, "said", wrong.said(), []int{4060004})
	head := b.do(http.MethodHead, link, "", "")
	if head.status == http.StatusOK || b.asWhoami().status == http.StatusOK {
		t.Error("asking for the head of a link used it")
	}
	b.flow("settings", b.get(link))
	t.Run("a link that is too old", func(t *testing.T) {
		c := s.browser()
		c.submit(c.begin("recovery", ""), map[string]any{"method": "link", "email": "ada@example.com"})
		s.clock.Advance(16 * time.Minute)
		expect(t, "said", c.flow("recovery", c.get(s.sentLink("ada@example.com"))).said(), []int{4060004})
	})
}

func (s *server) admin(path, body string) answer {
	s.t.Helper()
	m := web.NewMux(web.KratosErrors, web.Options{})
	s.handler.MountAdmin(m)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	m.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), body: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &a.json); err != nil {
		s.t.Fatalf("%v: %s", err, w.Body)
	}
	return a
}

func TestAdministratorsIssueCodes(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	who := s.known("ada@example.com")
	a := s.admin("/admin/recovery/code", `{"identity_id":"`+who.ID+`","expires_in":"48h","something":"else"}`)
	expect(t, "status", a.status, http.StatusCreated)
	expect(t, "good until", a.text("expires_at"), s.clock.Now().Add(48*time.Hour).Format(time.RFC3339Nano))
	s.clock.Advance(47 * time.Hour)
	b := s.browser()
	u, err := url.Parse(a.text("recovery_link"))
	if err != nil {
		t.Fatal(err)
	}
	f := b.asScript().get("/self-service/recovery/flows?id=" + u.Query().Get("flow"))
	expect(t, "nodes", f.names(), []string{"csrf_token=hidden", "code=text", "method=hidden", "method=submit"})
	f = b.flow("recovery", b.submit(f, map[string]any{"method": "code", "code": wrongCode(a.text("recovery_code"))}))
	expect(t, "said", f.said(), []int{4060006})
	b.flow("settings", b.submit(f, map[string]any{"method": "code", "code": a.text("recovery_code")}))
	expect(t, "methods", b.methods(), []string{"code_recovery"})
	if s.reload(who).VerifiableAddresses[0].Verified {
		t.Error("a code that was handed over proves no address")
	}

	native := s.admin("/admin/recovery/code", `{"identity_id":"`+who.ID+`","flow_type":"api"}`)
	u, _ = url.Parse(native.text("recovery_link"))
	app := s.app()
	f = app.get("/self-service/recovery/flows?id=" + u.Query().Get("flow"))
	f = app.submit(f, map[string]any{"method": "code", "code": native.text("recovery_code")})
	expect(t, "actions", f.actions(), []string{ui.ActionSetSessionToken, ui.ActionShowSettings})

	for body, status := range map[string]int{
		`{"identity_id":"` + who.ID + `","expires_in":"soon"}`:   http.StatusBadRequest,
		`{"identity_id":"` + who.ID + `","expires_in":"-1h"}`:    http.StatusBadRequest,
		`{"identity_id":"` + who.ID + `","expires_in":"9999h"}`:  http.StatusBadRequest,
		`{"identity_id":"` + who.ID + `","flow_type":"x"}`:       http.StatusBadRequest,
		`{"identity_id":"019cb3a0-0000-7000-8000-000000000000"}`: http.StatusNotFound,
		`{"identity_id":"nobody"}`:                               http.StatusNotFound,
	} {
		expect(t, body, s.admin("/admin/recovery/code", body).status, status)
	}
}

func TestAdministratorsIssueLinks(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	who := s.known("ada@example.com")
	a := s.admin("/admin/recovery/link?return_to=/account/there", `{"identity_id":"`+who.ID+`"}`)
	expect(t, "status", a.status, http.StatusOK)
	b := s.browser()
	shown := b.flow("recovery", b.get(a.text("recovery_link")))
	settings := b.flow("settings", b.submit(shown, map[string]any{"method": "link", "token": value(shown, "token")}))
	expect(t, "return_to", settings.text("return_to"), s.http.URL+"/account/there")
	expect(t, "methods", b.methods(), []string{"link_recovery"})
	refused := s.admin("/admin/recovery/link?return_to=https://evil.example/", `{"identity_id":"`+who.ID+`"}`)
	expect(t, "status of a foreign return_to", refused.status, http.StatusBadRequest)
}

func TestRecoveryLetsChooseAmongAddresses(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), several(t), proofs(func(c *code.Method, _ *link.Method) {
		c.Config.Config.ChooseRecoveryAddress, c.SMS = true, true
	}))
	who := &identity.Identity{SchemaID: "several", State: identity.Active, Traits: json.RawMessage(`{"email":"ada@example.com","phone":"+4915112345678"}`)}
	if err := s.people.Create(s.ctx, who); err != nil {
		t.Fatal(err)
	}
	app := s.app()
	begin := func() answer {
		f := app.begin("recovery", "")
		expect(t, "state", f.text("state"), ui.StateAwaitingAddress)
		return app.submit(f, map[string]any{"method": "code", "recovery_address": "ada@example.com"})
	}
	f := begin()
	expect(t, "state", f.text("state"), ui.StateAwaitingAddressChoice)
	expect(t, "said", f.said(), []int{1060006})
	if strings.Contains(f.body, "15112345678") {
		t.Error("the other address is shown in full")
	}
	choices := f.choices()
	expect(t, "choices", slices.Sorted(mapKeys(choices)), []string{"+49****78", "ad****@example.com"})

	t.Run("the one that was typed", func(t *testing.T) {
		f := app.submit(f, map[string]any{"method": "code", "recovery_select_address": choices["ad****@example.com"]})
		expect(t, "state", f.text("state"), ui.StateAwaitingCode)
		expect(t, "said", f.said(), []int{1060004})
		f = app.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
		expect(t, "state", f.text("state"), ui.StatePassedChallenge)
	})
	t.Run("another one", func(t *testing.T) {
		f := begin()
		f = app.submit(f, map[string]any{"method": "code", "recovery_select_address": f.choices()["+49****78"]})
		expect(t, "state", f.text("state"), ui.StateConfirmingAddress)
		f = app.submit(f, map[string]any{"method": "code", "recovery_confirm_address": "+49 151 12345678"})
		expect(t, "state", f.text("state"), ui.StateAwaitingCode)
		expect(t, "channel", s.letters("+4915112345678")[0].Channel, "sms")
		back := app.submit(f, map[string]any{"method": "code", "screen": "previous"})
		expect(t, "state", back.text("state"), ui.StateAwaitingAddress)
		f = app.submit(back, map[string]any{"method": "code", "recovery_address": "+4915112345678"})
		f = app.submit(f, map[string]any{"method": "code", "recovery_select_address": f.choices()["+49****78"]})
		f = app.submit(f, map[string]any{"method": "code", "code": s.sentCode("+4915112345678")})
		expect(t, "state", f.text("state"), ui.StatePassedChallenge)
	})
	t.Run("nobody's", func(t *testing.T) {
		f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "recovery_address": "bob@example.com"})
		expect(t, "state", f.text("state"), ui.StateAwaitingCode)
		expect(t, "said", app.submit(f, map[string]any{"method": "code", "code": "123456"}).said(), []int{4060006})
	})
	t.Run("a handle that was made up", func(t *testing.T) {
		f := app.submit(begin(), map[string]any{"method": "code", "recovery_select_address": "x"})
		expect(t, "status", f.status, http.StatusBadRequest)
	})
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// choices are the addresses that a recovery offers, by what is shown.
func (a answer) choices() map[string]string {
	out := map[string]string{}
	nodes, _ := a.at("ui.nodes").([]any)
	for _, n := range nodes {
		node := answer{json: n.(map[string]any)}
		if node.text("attributes.name") == "recovery_select_address" {
			out[node.text("meta.label.text")] = node.text("attributes.value")
		}
	}
	return out
}

func TestARecoveryKeepsTheSecondFactor(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	s.known("ada@example.com")
	app := s.app()
	f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	f = app.submit(f, map[string]any{"code": s.sentCode("ada@example.com")})
	app.token, _ = f.next(ui.ActionSetSessionToken)["ory_session_token"].(string)
	expect(t, "level", app.asWhoami().text("authenticator_assurance_level"), session.AAL1)
}

func FuzzOpenedLinks(f *testing.F) {
	for _, s := range []string{"", "x", "123456", "%", "\x00", "a&flow=b", strings.Repeat("9", 200)} {
		f.Add("recovery", s, true)
		f.Add("verification", s, false)
	}
	f.Fuzz(func(t *testing.T, kind, proof string, token bool) {
		if kind != "recovery" {
			kind = "verification"
		}
		s := newServer(t, testkit.SQLite(t, "management"), unlimited, config(byLink), proofs())
		s.known("ada@example.com")
		b := s.browser()
		flow := b.begin(kind, "")
		b.submit(flow, map[string]any{"method": "link", "email": "ada@example.com"})
		name := "code"
		if token {
			name = "token"
		}
		for _, who := range []*client{b, s.browser(), s.app()} {
			a := who.get("/self-service/" + kind + "?" + url.Values{"flow": {flow.text("id")}, name: {proof}}.Encode())
			if a.status >= http.StatusInternalServerError {
				t.Errorf("%s %q: %d %s", name, proof, a.status, a.body)
			}
		}
		expect(t, "sessions", s.countSessions(), 0)
	})
}

func TestNobodysMailboxIsFilled(t *testing.T) {
	for _, method := range []string{"code", "link"} {
		s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) {
			c.Flows.Recovery.Use, c.Flows.Verification.Use = method, method
		}), proofs())
		s.known("ada@example.com")
		for _, email := range []string{"ada@example.com", "nobody@example.com"} {
			app := s.app()
			f := app.begin("recovery", "")
			ask := func(f answer) int { return app.submit(f, map[string]any{"method": method, "email": email}).status }
			for range limit.DefaultConfig().Recipient.Burst {
				expect(t, "status", ask(f), http.StatusOK)
			}
			expect(t, "status of one too many", ask(f), http.StatusTooManyRequests)
			expect(t, "status in another flow", ask(app.begin("verification", "")), http.StatusTooManyRequests)
			s.clock.Advance(3 * time.Minute)
			expect(t, "status after a while", ask(f), http.StatusOK)
		}
		expect(t, "letters", len(s.letters("ada@example.com")), limit.DefaultConfig().Recipient.Burst+1)
	}
}
