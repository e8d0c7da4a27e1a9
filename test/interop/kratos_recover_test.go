package interop

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

func (s *site) recoverBy(flow string, m *kratos.UpdateRecoveryFlowWithCodeMethod) (*kratos.RecoveryFlow, *http.Response, error) {
	m.Method = "code"
	return s.front.UpdateRecoveryFlow(s.t.Context()).Flow(flow).
		UpdateRecoveryFlowBody(kratos.UpdateRecoveryFlowWithCodeMethodAsUpdateRecoveryFlowBody(m)).Execute()
}

func (s *site) verifyBy(flow string, m *kratos.UpdateVerificationFlowWithCodeMethod) (*kratos.VerificationFlow, *http.Response, error) {
	m.Method = "code"
	return s.front.UpdateVerificationFlow(s.t.Context()).Flow(flow).
		UpdateVerificationFlowBody(kratos.UpdateVerificationFlowWithCodeMethodAsUpdateVerificationFlowBody(m)).Execute()
}

// A native app leads somebody back into an account by a code, and a new password is chosen with the session that comes of it.
func recovery(t *testing.T, s *site) {
	ctx := t.Context()
	const email = "carl@example.com"
	s.create(email)
	unknown := ok[*kratos.RecoveryFlow](t)(s.front.CreateNativeRecoveryFlow(ctx).Execute())
	if u := ok[*kratos.RecoveryFlow](t)(s.recoverBy(unknown.Id, &kratos.UpdateRecoveryFlowWithCodeMethod{Email: new("nobody@example.com")})); u.State != "sent_email" {
		t.Errorf("an address that nobody has is answered %v", u.State)
	}
	flow := ok[*kratos.RecoveryFlow](t)(s.front.CreateNativeRecoveryFlow(ctx).Execute())
	if flow.State != "choose_method" || flow.GetActive() != "code" {
		t.Errorf("a recovery begins as %+v", flow)
	}
	sent := ok[*kratos.RecoveryFlow](t)(s.recoverBy(flow.Id, &kratos.UpdateRecoveryFlowWithCodeMethod{Email: new(email)}))
	if sent.State != "sent_email" {
		t.Fatalf("the flow is %v", sent.State)
	}
	says(t, sent.Ui, 1060003)
	wrong := ok[*kratos.RecoveryFlow](t)(s.recoverBy(flow.Id, &kratos.UpdateRecoveryFlowWithCodeMethod{Code: new("000000")}))
	says(t, wrong.Ui, 4060006)
	code := s.code(email, "recovery_code_valid")
	passed := ok[*kratos.RecoveryFlow](t)(s.recoverBy(flow.Id, &kratos.UpdateRecoveryFlowWithCodeMethod{Code: code}))
	var token, change string
	for _, c := range passed.ContinueWith {
		if c.ContinueWithSetOrySessionToken != nil {
			token = c.ContinueWithSetOrySessionToken.OrySessionToken
		}
		if c.ContinueWithSettingsUi != nil {
			change = c.ContinueWithSettingsUi.Flow.Id
		}
	}
	if passed.State != "passed_challenge" || token == "" || change == "" {
		t.Fatalf("the flow is %v and goes on with %+v", passed.State, passed.ContinueWith)
	}
	ok[*kratos.SettingsFlow](t)(s.front.GetSettingsFlow(ctx).Id(change).XSessionToken(token).Execute())
	done := ok[*kratos.SettingsFlow](t)(s.front.UpdateSettingsFlow(ctx).Flow(change).XSessionToken(token).UpdateSettingsFlowBody(newPassword(goodPassword + "-again")).Execute())
	if done.State != "success" {
		t.Errorf("the settings end as %v", done.State)
	}
	ok[*kratos.SuccessfulNativeLogin](t)(s.signIn(email, goodPassword+"-again"))
	who := ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(token).Execute())
	if m := who.AuthenticationMethods; len(m) == 0 || m[0].GetMethod() != "code_recovery" || !who.Identity.VerifiableAddresses[0].Verified {
		t.Errorf("the session of the recovery: %+v", who)
	}
	again, resp, err := s.recoverBy(flow.Id, &kratos.UpdateRecoveryFlowWithCodeMethod{Code: code})
	no[*kratos.RecoveryFlow](t, http.StatusGone, "self_service_flow_replaced")(again, resp, err)

	// A code that nobody was sent takes as many tries as one that somebody was, and then is void.
	for range 5 {
		tried := ok[*kratos.RecoveryFlow](t)(s.recoverBy(unknown.Id, &kratos.UpdateRecoveryFlowWithCodeMethod{Code: new("000000")}))
		says(t, tried.Ui, 4060006)
	}
	tried, resp, err := s.recoverBy(unknown.Id, &kratos.UpdateRecoveryFlowWithCodeMethod{Code: new("000000")})
	no[*kratos.RecoveryFlow](t, http.StatusGone, "")(tried, resp, err)
}

// The same in a browser: it ends signed in, and is led to the settings.
func recoveryInBrowser(t *testing.T, s *site) {
	ctx, p := t.Context(), s.page()
	const email = "carla@example.com"
	s.create(email)
	flow := ok[*kratos.RecoveryFlow](t)(p.CreateBrowserRecoveryFlow(ctx).Execute())
	send := func(m *kratos.UpdateRecoveryFlowWithCodeMethod) (*kratos.RecoveryFlow, *http.Response, error) {
		m.Method = "code"
		return p.UpdateRecoveryFlow(ctx).Flow(flow.Id).UpdateRecoveryFlowBody(kratos.UpdateRecoveryFlowWithCodeMethodAsUpdateRecoveryFlowBody(m)).Execute()
	}
	no[*kratos.RecoveryFlow](t, http.StatusForbidden, "security_csrf_violation")(send(&kratos.UpdateRecoveryFlowWithCodeMethod{Email: new(email)}))
	no[*kratos.RecoveryFlow](t, http.StatusForbidden, "security_csrf_violation")(s.page().GetRecoveryFlow(ctx).Id(flow.Id).Execute())
	token := csrf(t, flow.Ui)
	ok[*kratos.RecoveryFlow](t)(send(&kratos.UpdateRecoveryFlowWithCodeMethod{Email: new(email), CsrfToken: token}))
	shown := ok[*kratos.RecoveryFlow](t)(p.GetRecoveryFlow(ctx).Id(flow.Id).Execute())
	if shown.State != "sent_email" {
		t.Errorf("the flow is %v", shown.State)
	}
	passed := ok[*kratos.RecoveryFlow](t)(send(&kratos.UpdateRecoveryFlowWithCodeMethod{Code: s.code(email, "recovery_code_valid"), CsrfToken: token}))
	settings := ""
	for _, c := range passed.ContinueWith {
		if c.ContinueWithSetOrySessionToken != nil {
			t.Error("a browser was given a session token")
		}
		if c.ContinueWithSettingsUi != nil {
			settings = c.ContinueWithSettingsUi.Flow.Id
		}
	}
	change := ok[*kratos.SettingsFlow](t)(p.GetSettingsFlow(ctx).Id(settings).Execute())
	says(t, change.Ui, 1060001)
	ok[*kratos.Session](t)(p.ToSession(ctx).Execute())
}

// What an administrator hands over by telephone.
func handedRecovery(t *testing.T, s *site) {
	ctx := t.Context()
	who := s.create("phone@example.com")
	handed := ok[*kratos.RecoveryCodeForIdentity](t)(s.people.CreateRecoveryCodeForIdentity(ctx).CreateRecoveryCodeForIdentityBody(
		kratos.CreateRecoveryCodeForIdentityBody{IdentityId: who.Id, FlowType: new("api"), ExpiresIn: new("10m")}).Execute())
	link, err := url.Parse(handed.RecoveryLink)
	if err != nil || len(handed.RecoveryCode) != 6 || link.Query().Get("flow") == "" || time.Until(handed.GetExpiresAt()) > 10*time.Minute {
		t.Fatalf("an administrator's code: %+v", handed)
	}
	passed := ok[*kratos.RecoveryFlow](t)(s.recoverBy(link.Query().Get("flow"), &kratos.UpdateRecoveryFlowWithCodeMethod{Code: &handed.RecoveryCode}))
	if passed.State != "passed_challenge" {
		t.Errorf("the flow is %v", passed.State)
	}

	// In a browser, which was not there when the administrator began.
	handed = ok[*kratos.RecoveryCodeForIdentity](t)(s.people.CreateRecoveryCodeForIdentity(ctx).CreateRecoveryCodeForIdentityBody(
		kratos.CreateRecoveryCodeForIdentityBody{IdentityId: who.Id}).Execute())
	if link, err = url.Parse(handed.RecoveryLink); err != nil || link.Path != s.path("/account/recovery") {
		t.Fatalf("an administrator's code for a browser: %+v, %v", handed, err)
	}

	// One that has had its time.
	soon := ok[*kratos.RecoveryCodeForIdentity](t)(s.people.CreateRecoveryCodeForIdentity(ctx).CreateRecoveryCodeForIdentityBody(
		kratos.CreateRecoveryCodeForIdentityBody{IdentityId: who.Id, FlowType: new("api"), ExpiresIn: new("1ms")}).Execute())
	if link, err = url.Parse(soon.RecoveryLink); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	late, resp, err := s.recoverBy(link.Query().Get("flow"), &kratos.UpdateRecoveryFlowWithCodeMethod{Code: &soon.RecoveryCode})
	b := no[*kratos.RecoveryFlow](t, http.StatusGone, "self_service_flow_expired")(late, resp, err)
	if b["expired_at"] == nil || b["since"] == nil {
		t.Errorf("an expired flow is answered %v", b)
	}
	next := ok[*kratos.RecoveryFlow](t)(s.front.GetRecoveryFlow(ctx).Id(b["use_flow_id"].(string)).Execute())
	says(t, next.Ui, 4060005)
	no[*kratos.RecoveryFlow](t, http.StatusGone, "self_service_flow_expired")(s.front.GetRecoveryFlow(ctx).Id(link.Query().Get("flow")).Execute())

	no[*kratos.RecoveryCodeForIdentity](t, http.StatusNotFound, "")(s.people.CreateRecoveryCodeForIdentity(ctx).CreateRecoveryCodeForIdentityBody(
		kratos.CreateRecoveryCodeForIdentityBody{IdentityId: unknownID}).Execute())
	no[*kratos.RecoveryCodeForIdentity](t, http.StatusBadRequest, "")(s.people.CreateRecoveryCodeForIdentity(ctx).CreateRecoveryCodeForIdentityBody(
		kratos.CreateRecoveryCodeForIdentityBody{IdentityId: who.Id, ExpiresIn: new("tomorrow")}).Execute())
}

// Addresses are verified by codes, each of which works once.
func verification(t *testing.T, s *site) {
	ctx := t.Context()
	const email = "vera@example.com"
	s.create(email)
	for _, who := range []string{"nobody@example.com", email} {
		flow := ok[*kratos.VerificationFlow](t)(s.front.CreateNativeVerificationFlow(ctx).Execute())
		sent := ok[*kratos.VerificationFlow](t)(s.verifyBy(flow.Id, &kratos.UpdateVerificationFlowWithCodeMethod{Email: new(who)}))
		if sent.State != "sent_email" {
			t.Fatalf("the flow is %v", sent.State)
		}
		says(t, sent.Ui, 1080003)
	}
	p := s.page()
	flow := ok[*kratos.VerificationFlow](t)(p.CreateBrowserVerificationFlow(ctx).ReturnTo("https://app.example.com/home").Execute())
	send := func(m *kratos.UpdateVerificationFlowWithCodeMethod) *kratos.VerificationFlow {
		m.Method, m.CsrfToken = "code", csrf(t, flow.Ui)
		return ok[*kratos.VerificationFlow](t)(p.UpdateVerificationFlow(ctx).Flow(flow.Id).
			UpdateVerificationFlowBody(kratos.UpdateVerificationFlowWithCodeMethodAsUpdateVerificationFlowBody(m)).Execute())
	}
	send(&kratos.UpdateVerificationFlowWithCodeMethod{Email: new(email)})
	says(t, send(&kratos.UpdateVerificationFlowWithCodeMethod{Code: new("000000")}).Ui, 4070006)
	done := send(&kratos.UpdateVerificationFlowWithCodeMethod{Code: s.code(email, "verification_code_valid")})
	if done.State != "passed_challenge" {
		t.Errorf("the flow is %v", done.State)
	}
	says(t, done.Ui, 1080002)
	shown := ok[*kratos.VerificationFlow](t)(p.GetVerificationFlow(ctx).Id(flow.Id).Execute())
	if shown.State != "passed_challenge" {
		t.Errorf("afterwards it is %v", shown.State)
	}
	all := ok[[]kratos.Identity](t)(s.people.ListIdentities(ctx).CredentialsIdentifier(email).Execute())
	if len(all) != 1 || len(all[0].VerifiableAddresses) != 1 || !all[0].VerifiableAddresses[0].Verified || all[0].VerifiableAddresses[0].Status != "completed" {
		t.Fatalf("the address is not verified: %+v", all)
	}
	no[*kratos.VerificationFlow](t, http.StatusForbidden, "security_csrf_violation")(s.page().GetVerificationFlow(ctx).Id(flow.Id).Execute())
}

// Links instead of codes: opened by the browser that asked for them, they work at once; elsewhere they ask first.
func links(t *testing.T, _ *site) {
	s := newSite(t, process.Start(t, process.Options{Config: forgiving + "    link: {enabled: true}\n  flows: {recovery: {use: link}, verification: {use: link}}\n"}))
	ctx := t.Context()
	who := s.create("linked@example.com")
	p := s.page()
	flow := ok[*kratos.VerificationFlow](t)(p.CreateBrowserVerificationFlow(ctx).Execute())
	m := &kratos.UpdateVerificationFlowWithLinkMethod{Method: "link", Email: "linked@example.com", CsrfToken: csrf(t, flow.Ui)}
	ok[*kratos.VerificationFlow](t)(p.UpdateVerificationFlow(ctx).Flow(flow.Id).UpdateVerificationFlowBody(kratos.UpdateVerificationFlowWithLinkMethodAsUpdateVerificationFlowBody(m)).Execute())
	if to := opened(t, p, s.link("linked@example.com", "verification_valid").String()); !strings.Contains(to, flow.Id) {
		t.Errorf("the link leads to %s", to)
	}
	if got := ok[*kratos.Identity](t)(s.people.GetIdentity(ctx, who.Id).Execute()); !got.VerifiableAddresses[0].Verified {
		t.Error("the address is not verified")
	}

	p = s.page()
	back := ok[*kratos.RecoveryFlow](t)(p.CreateBrowserRecoveryFlow(ctx).Execute())
	ask := &kratos.UpdateRecoveryFlowWithLinkMethod{Method: "link", Email: "linked@example.com", CsrfToken: csrf(t, back.Ui)}
	ok[*kratos.RecoveryFlow](t)(p.UpdateRecoveryFlow(ctx).Flow(back.Id).UpdateRecoveryFlowBody(kratos.UpdateRecoveryFlowWithLinkMethodAsUpdateRecoveryFlowBody(ask)).Execute())
	link := s.link("linked@example.com", "recovery_valid").String()
	opened(t, s.page(), link) // a program that looks into mails uses nothing up
	to, err := url.Parse(opened(t, p, link))
	if err != nil || to.Path != s.path("/account/settings") {
		t.Fatalf("the link leads to %v, %v", to, err)
	}
	ok[*kratos.SettingsFlow](t)(p.GetSettingsFlow(ctx).Id(to.Query().Get("flow")).Execute())
	if m := ok[*kratos.Session](t)(p.ToSession(ctx).Execute()).AuthenticationMethods; m[0].GetMethod() != "link_recovery" {
		t.Errorf("signed in by %v", m)
	}

	handed := ok[*kratos.RecoveryLinkForIdentity](t)(s.people.CreateRecoveryLinkForIdentity(ctx).ReturnTo("https://app.example.com/home").
		CreateRecoveryLinkForIdentityBody(kratos.CreateRecoveryLinkForIdentityBody{IdentityId: who.Id, ExpiresIn: new("1h")}).Execute())
	s.useElsewhere(handed.RecoveryLink)
}

// useElsewhere opens a link in a browser that did not ask for it, and confirms it there.
func (s *site) useElsewhere(link string) {
	s.t.Helper()
	p := s.page()
	to, err := url.Parse(opened(s.t, p, link))
	if err != nil || to.Path != s.path("/account/recovery") {
		s.t.Fatalf("a link that was handed over leads to %v, %v", to, err)
	}
	asked := ok[*kratos.RecoveryFlow](s.t)(p.GetRecoveryFlow(s.t.Context()).Id(to.Query().Get("flow")).Execute())
	form := url.Values{"csrf_token": {*csrf(s.t, asked.Ui)}, "method": {"link"}, "token": {value(asked.Ui, "token").(string)}}
	header := http.Header{"Accept": {"text/html"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	resp := s.ask(p.http, asked.Ui.Method, asked.Ui.Action, header, form.Encode(), nil)
	if to := resp.Header.Get("Location"); !strings.Contains(to, "/account/settings?flow=") {
		s.t.Errorf("the button leads to %s", to)
	}
	ok[*kratos.Session](s.t)(p.ToSession(s.t.Context()).Execute())
}

// opened is where a link leads that a browser opens.
func opened(t *testing.T, p *page, link string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	by := *p.http
	by.Transport = nil // opening a submission's path is no operation of the API
	resp, err := by.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("the link answers %d", resp.StatusCode)
	}
	return resp.Header.Get("Location")
}
