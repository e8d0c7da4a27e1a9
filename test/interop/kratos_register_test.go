package interop

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// Browsers without scripts: every answer leads somewhere.
func forms(t *testing.T, s *site) {
	s.create("forms@example.com")
	p := s.page()
	html := http.Header{"Accept": {"text/html"}}
	begun := s.ask(p.http, http.MethodGet, s.Public+"/self-service/login/browser?return_to=https://app.example.com/home/in", html, "", nil)
	at, err := begun.Location()
	if err != nil || begun.StatusCode != http.StatusSeeOther || at.Path != s.path("/account/login") || at.Query().Get("flow") == "" {
		t.Fatalf("a login begins with %d %v, %v", begun.StatusCode, at, err)
	}
	flow := ok[*kratos.LoginFlow](t)(p.GetLoginFlow(t.Context()).Id(at.Query().Get("flow")).Execute())
	send := func(password string) string {
		form := url.Values{"csrf_token": {*csrf(t, flow.Ui)}, "method": {"password"}, "identifier": {"forms@example.com"}, "password": {password}}
		header := http.Header{"Accept": {"text/html"}, "Content-Type": {"application/x-www-form-urlencoded"}}
		resp := s.ask(p.http, flow.Ui.Method, flow.Ui.Action, header, form.Encode(), nil)
		if resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("a form is answered %d", resp.StatusCode)
		}
		return resp.Header.Get("Location")
	}
	if to := send("quiet-harbour-lantern-48"); to != at.String() {
		t.Errorf("a wrong password leads to %s", to)
	}
	flow = ok[*kratos.LoginFlow](t)(p.GetLoginFlow(t.Context()).Id(flow.Id).Execute())
	says(t, flow.Ui, 4000006)
	if value(flow.Ui, "identifier") != "forms@example.com" {
		t.Error("the form forgot the identifier")
	}
	if to := send(goodPassword); to != "https://app.example.com/home/in" {
		t.Errorf("the login leads to %s", to)
	}
	ok[*kratos.Session](t)(p.ToSession(t.Context()).Execute())
	if to := send(goodPassword); strings.Contains(to, "/account/login") {
		t.Errorf("a login that has ended leads to %s", to)
	}
	change := s.ask(p.http, http.MethodGet, s.Public+"/.well-known/change-password", html, "", nil)
	if to := change.Header.Get("Location"); change.StatusCode != http.StatusSeeOther || !strings.HasSuffix(to, "/self-service/settings/browser") {
		t.Errorf("a password manager is led to %s", to)
	}
	out := ok[*kratos.LogoutFlow](t)(p.CreateBrowserLogoutFlow(t.Context()).Execute())
	left := s.ask(p.http, http.MethodGet, out.LogoutUrl, html, "", nil)
	if left.StatusCode != http.StatusSeeOther || left.Header.Get("Location") == "" {
		t.Errorf("the logout answers %d", left.StatusCode)
	}
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(p.ToSession(t.Context()).Execute())
}

// Registration in two steps: what is known of the person first, then the credential.
func twoSteps(t *testing.T, s *site) {
	ctx := t.Context()
	flow := ok[*kratos.RegistrationFlow](t)(s.front.CreateNativeRegistrationFlow(ctx).Execute())
	send := func(m *kratos.UpdateRegistrationFlowWithProfileMethod) map[string]any {
		return no[*kratos.SuccessfulNativeRegistration](t, http.StatusBadRequest, "")(s.front.UpdateRegistrationFlow(ctx).Flow(flow.Id).
			UpdateRegistrationFlowBody(kratos.UpdateRegistrationFlowWithProfileMethodAsUpdateRegistrationFlowBody(m)).Execute())
	}
	if has(flow.Ui, "password", "") || !has(flow.Ui, "traits.email", "") {
		t.Error("the first step asks for a password already, or for no e-mail address")
	}
	b := send(&kratos.UpdateRegistrationFlowWithProfileMethod{Method: "profile", Traits: map[string]any{"email": "no address"}})
	if ui := ok[*kratos.RegistrationFlow](t)(s.front.GetRegistrationFlow(ctx).Id(flow.Id).Execute()).Ui; has(ui, "password", "") {
		t.Errorf("a wrong e-mail address leads on: %v", b)
	}
	send(&kratos.UpdateRegistrationFlowWithProfileMethod{Method: "profile", Traits: map[string]any{"email": "two@example.com", "name": map[string]any{"first": "Two"}}})
	second := ok[*kratos.RegistrationFlow](t)(s.front.GetRegistrationFlow(ctx).Id(flow.Id).Execute())
	if !has(second.Ui, "password", "password") {
		t.Fatalf("the second step asks for no password: %+v", second.Ui.Nodes)
	}
	send(&kratos.UpdateRegistrationFlowWithProfileMethod{Method: "profile", Screen: new("previous"), Traits: map[string]any{}})
	if first := ok[*kratos.RegistrationFlow](t)(s.front.GetRegistrationFlow(ctx).Id(flow.Id).Execute()); has(first.Ui, "password", "") || value(first.Ui, "traits.email") != "two@example.com" {
		t.Error("there is no way back to the first step, or it forgot what was typed")
	}
	send(&kratos.UpdateRegistrationFlowWithProfileMethod{Method: "profile", Traits: map[string]any{"email": "two@example.com", "name": map[string]any{"first": "Two"}}})
	made := ok[*kratos.SuccessfulNativeRegistration](t)(s.registerBy(flow.Id, &kratos.UpdateRegistrationFlowWithPasswordMethod{
		Method: "password", Password: goodPassword, Traits: map[string]any{"email": "two@example.com", "name": map[string]any{"first": "Two"}},
	}))
	if name := made.Identity.Traits.(map[string]any)["name"].(map[string]any)["first"]; name != "Two" {
		t.Errorf("registered as %v", made.Identity.Traits)
	}
	gone := no[*kratos.SuccessfulNativeRegistration](t, http.StatusGone, "self_service_flow_replaced")(s.registerBy(flow.Id, &kratos.UpdateRegistrationFlowWithPasswordMethod{
		Method: "password", Password: goodPassword, Traits: map[string]any{"email": "twice@example.com"},
	}))
	ok[*kratos.RegistrationFlow](t)(s.front.GetRegistrationFlow(ctx).Id(gone["use_flow_id"].(string)).Execute())
}

// Where identifiers may be told, one that is taken is told.
func taken(t *testing.T, s *site) {
	s.create("taken@example.com")
	flow := ok[*kratos.RegistrationFlow](t)(s.front.CreateNativeRegistrationFlow(t.Context()).Execute())
	b := no[*kratos.SuccessfulNativeRegistration](t, http.StatusBadRequest, "")(s.registerBy(flow.Id, &kratos.UpdateRegistrationFlowWithPasswordMethod{
		Method: "password", Password: goodPassword, Traits: map[string]any{"email": "Taken@example.com"},
	}))
	says(t, b["ui"], 4000007)
	for _, wrong := range []struct {
		password string
		traits   map[string]any
		id       int64
	}{
		{"short", map[string]any{"email": "p1@example.com"}, 4000032},
		{"p1@example.com", map[string]any{"email": "p1@example.com"}, 4000031},
		{goodPassword, map[string]any{"email": "p1"}, 4000040},
		{goodPassword, map[string]any{}, 4000002},
	} {
		b := no[*kratos.SuccessfulNativeRegistration](t, http.StatusBadRequest, "")(s.registerBy(flow.Id, &kratos.UpdateRegistrationFlowWithPasswordMethod{
			Method: "password", Password: wrong.password, Traits: wrong.traits,
		}))
		says(t, b["ui"], wrong.id)
	}
}

// Signing in and up by a code that was sent.
func codes(t *testing.T, _ *site) {
	s := newSite(t, process.Start(t, process.Options{Config: forgiving + "    code: {passwordless_enabled: true}\n"}))
	ctx := t.Context()
	flow := ok[*kratos.RegistrationFlow](t)(s.front.CreateNativeRegistrationFlow(ctx).Execute())
	traits := map[string]any{"email": "coded@example.com"}
	send := func(code *string) (*kratos.SuccessfulNativeRegistration, *http.Response, error) {
		m := &kratos.UpdateRegistrationFlowWithCodeMethod{Method: "code", Traits: traits, Code: code}
		return s.front.UpdateRegistrationFlow(ctx).Flow(flow.Id).UpdateRegistrationFlowBody(kratos.UpdateRegistrationFlowWithCodeMethodAsUpdateRegistrationFlowBody(m)).Execute()
	}
	b := no[*kratos.SuccessfulNativeRegistration](t, http.StatusBadRequest, "")(send(nil))
	if b["state"] != "sent_email" {
		t.Fatalf("the registration is %v", b["state"])
	}
	no[*kratos.SuccessfulNativeRegistration](t, http.StatusBadRequest, "")(send(new("000000")))
	made := ok[*kratos.SuccessfulNativeRegistration](t)(send(s.code("coded@example.com", "registration_code_valid")))
	if a := made.Identity.VerifiableAddresses; len(a) != 1 || !a[0].Verified {
		t.Errorf("who proved the address has %+v", a)
	}

	login := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).Execute())
	try := func(m *kratos.UpdateLoginFlowWithCodeMethod) (*kratos.SuccessfulNativeLogin, *http.Response, error) {
		m.Method = "code"
		return s.front.UpdateLoginFlow(ctx).Flow(login.Id).UpdateLoginFlowBody(kratos.UpdateLoginFlowWithCodeMethodAsUpdateLoginFlowBody(m)).Execute()
	}
	identifier := new("coded@example.com")
	b = no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(try(&kratos.UpdateLoginFlowWithCodeMethod{Identifier: identifier}))
	says(t, b["ui"], 1010014)
	first := s.code("coded@example.com", "login_code_valid")
	no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(try(&kratos.UpdateLoginFlowWithCodeMethod{Identifier: identifier, Resend: new("code")}))
	if second := s.code("coded@example.com", "login_code_valid"); *second != *first {
		b = no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(try(&kratos.UpdateLoginFlowWithCodeMethod{Identifier: identifier, Code: first}))
		says(t, b["ui"], 4010008)
	}
	in := ok[*kratos.SuccessfulNativeLogin](t)(try(&kratos.UpdateLoginFlowWithCodeMethod{Identifier: identifier, Code: s.code("coded@example.com", "login_code_valid")}))
	if m := in.Session.AuthenticationMethods; len(m) != 1 || m[0].GetMethod() != "code" || in.Session.Identity.Id != made.Identity.Id {
		t.Errorf("signed in %+v", in.Session)
	}
	no[*kratos.SuccessfulNativeLogin](t, http.StatusGone, "self_service_flow_replaced")(try(&kratos.UpdateLoginFlowWithCodeMethod{Identifier: identifier, Code: first}))
}

// The identifier first, and then what is needed for it.
func identifierFirst(t *testing.T, _ *site) {
	s := newSite(t, process.Start(t, process.Options{Config: forgiving + "  flows: {login: {style: identifier_first}, registration: {style: unified}}\n"}))
	ctx := t.Context()
	s.signUp("first@example.com")
	for _, who := range []string{"first@example.com", "nobody@example.com"} {
		flow := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).Execute())
		if has(flow.Ui, "password", "") || !has(flow.Ui, "identifier", "") || !has(flow.Ui, "method", "identifier_first") {
			t.Fatalf("the first step is %+v", flow.Ui.Nodes)
		}
		m := &kratos.UpdateLoginFlowWithIdentifierFirstMethod{Method: "identifier_first", Identifier: who}
		no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(s.front.UpdateLoginFlow(ctx).Flow(flow.Id).
			UpdateLoginFlowBody(kratos.UpdateLoginFlowWithIdentifierFirstMethodAsUpdateLoginFlowBody(m)).Execute())
		second := ok[*kratos.LoginFlow](t)(s.front.GetLoginFlow(ctx).Id(flow.Id).Execute())
		if !has(second.Ui, "password", "password") || value(second.Ui, "identifier") != who {
			t.Errorf("the second step for %s is %+v", who, second.Ui.Nodes)
		}
		in, resp, err := s.front.UpdateLoginFlow(ctx).Flow(flow.Id).UpdateLoginFlowBody(byPassword(who, goodPassword, nil)).Execute()
		if who == "first@example.com" {
			ok[*kratos.SuccessfulNativeLogin](t)(in, resp, err)
			continue
		}
		says(t, no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(in, resp, err)["ui"], 4000006)
	}
}

// As it is installed, the server does not tell who has an account: a registration that ends in nothing looks like one that does not.
func silence(t *testing.T, _ *site) {
	s := newSite(t, process.Start(t, process.Options{Config: strings.Replace(forgiving, "mitigate: false", "mitigate: true", 1)}))
	s.create("owner@example.com")
	shape := func(email string) string {
		p := s.page()
		flow := ok[*kratos.RegistrationFlow](t)(p.CreateBrowserRegistrationFlow(t.Context()).Execute())
		made := ok[*kratos.SuccessfulNativeRegistration](t)(p.UpdateRegistrationFlow(t.Context()).Flow(flow.Id).
			UpdateRegistrationFlowBody(kratos.UpdateRegistrationFlowWithPasswordMethodAsUpdateRegistrationFlowBody(&kratos.UpdateRegistrationFlowWithPasswordMethod{
				Method: "password", Password: goodPassword, Traits: map[string]any{"email": email}, CsrfToken: csrf(t, flow.Ui),
			})).Execute())
		no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(p.ToSession(t.Context()).Execute())
		var actions []string
		for _, c := range made.ContinueWith {
			switch {
			case c.ContinueWithVerificationUi != nil:
				actions = append(actions, "verify")
				v := ok[*kratos.VerificationFlow](t)(p.GetVerificationFlow(t.Context()).Id(c.ContinueWithVerificationUi.Flow.Id).Execute())
				actions = append(actions, v.State.(string))
			case c.ContinueWithRedirectBrowserTo != nil:
				actions = append(actions, "redirect")
			default:
				actions = append(actions, "other")
			}
		}
		if made.Session != nil {
			actions = append(actions, "session")
		}
		return strings.Join(actions, " ")
	}
	free, owned := shape("free@example.com"), shape("owner@example.com")
	if free != owned || !strings.Contains(free, "verify sent_email") {
		t.Errorf("a free identifier is answered %q, a taken one %q", free, owned)
	}
	s.code("free@example.com", "verification_code_valid")
	for _, m := range ok[[]kratos.Message](t)(s.mails.ListCourierMessages(t.Context()).Recipient("owner@example.com").Execute()) {
		if strings.HasPrefix(m.TemplateType, "verification") {
			t.Errorf("the owner was sent a %s", m.TemplateType)
		}
	}
}

// Who fails too often has to wait, and is told for how long.
func limits(t *testing.T, _ *site) {
	s := newSite(t, process.Start(t, process.Options{Config: strings.Replace(forgiving, "limits: {enabled: false}", "limits: {lockout: {failures: 2}, recovery: {requests: 1, per: 1m, burst: 2}}", 1)}))
	s.create("locked@example.com")
	for range 2 {
		no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(s.signIn("locked@example.com", "quiet-harbour-lantern-48"))
	}
	_, _, _ = s.signIn("locked@example.com", "quiet-harbour-lantern-48") // this failure locks, whatever it is answered
	_, resp, err := s.signIn("locked@example.com", goodPassword)
	no[*kratos.SuccessfulNativeLogin](t, http.StatusTooManyRequests, "")(nil, resp, err)
	if resp.Header.Get("Retry-After") == "" {
		t.Error("nobody says how long to wait")
	}
	flow := ok[*kratos.RecoveryFlow](t)(s.front.CreateNativeRecoveryFlow(t.Context()).Execute())
	var last *http.Response
	for range 4 {
		_, last, _ = s.recoverBy(flow.Id, &kratos.UpdateRecoveryFlowWithCodeMethod{Email: new("nobody@example.com")})
	}
	if last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
		t.Errorf("asking for mails without end is answered %d", last.StatusCode)
	}
}
