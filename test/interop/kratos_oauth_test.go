package interop

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	kratos "github.com/ory/kratos-client-go"
)

// oauthLogin begins an authorization in the page's browser and gives the login challenge that it is asked to answer.
func (s *site) oauthLogin(p *page, clientID string) string {
	s.t.Helper()
	q := url.Values{
		"client_id": {clientID}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {callback}, "state": {"a-long-enough-state"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	to := s.leads(p, s.Public+"/oauth2/auth?"+q.Encode())
	if to.Path != s.path("/self-service/login/browser") {
		s.t.Fatalf("an authorization leads to %s", to)
	}
	return to.Query().Get("login_challenge")
}

// leads is where an address that is none of Kratos' leads the page's browser.
func (s *site) leads(p *page, address string) *url.URL {
	s.t.Helper()
	to, err := url.Parse(opened(s.t, p, address))
	if err != nil {
		s.t.Fatal(err)
	}
	return to
}

// A login page of the operator's own answers an OAuth client's login with Kratos' SDK.
func oauthLogins(t *testing.T, s *site) {
	ctx := t.Context()
	app := register(t, s.Server, webClient())
	who := s.create("oauth@example.com")
	p := s.page()
	challenge := s.oauthLogin(p, app.GetClientId())
	flow := ok[*kratos.LoginFlow](t)(p.CreateBrowserLoginFlow(ctx).LoginChallenge(challenge).Execute())
	if flow.GetOauth2LoginChallenge() != challenge || flow.Oauth2LoginRequest.Client.GetClientId() != app.GetClientId() || flow.Oauth2LoginRequest.Client.GetClientName() != "Interop" {
		t.Errorf("the flow knows of the client %+v", flow.Oauth2LoginRequest)
	}
	b := no[*kratos.SuccessfulNativeLogin](t, http.StatusUnprocessableEntity, "browser_location_change_required")(p.UpdateLoginFlow(ctx).Flow(flow.Id).
		UpdateLoginFlowBody(byPassword("oauth@example.com", goodPassword, csrf(t, flow.Ui))).Execute())
	onward, _ := b["redirect_browser_to"].(string)
	if to := s.leads(p, onward); to.Path != s.path("/account/consent") {
		t.Errorf("the login leads to %s and then to %s", onward, to)
	}
	if in := ok[*kratos.Session](t)(p.ToSession(ctx).Execute()); in.Identity.Id != who.Id {
		t.Errorf("signed in as %s", in.Identity.Id)
	}

	// Who is signed in need not sign in again for the next client.
	next := s.oauthLogin(p, register(t, s.Server, webClient()).GetClientId())
	b = no[*kratos.LoginFlow](t, http.StatusUnprocessableEntity, "browser_location_change_required")(p.CreateBrowserLoginFlow(ctx).LoginChallenge(next).Execute())
	if to, _ := b["redirect_browser_to"].(string); !strings.Contains(to, "/oauth2/auth?") {
		t.Errorf("who is signed in is led to %s", to)
	}

	// A registration answers it as well.
	p = s.page()
	challenge = s.oauthLogin(p, app.GetClientId())
	fresh := ok[*kratos.RegistrationFlow](t)(p.CreateBrowserRegistrationFlow(ctx).LoginChallenge(challenge).Execute())
	if fresh.GetOauth2LoginChallenge() != challenge {
		t.Errorf("the registration answers %q", fresh.GetOauth2LoginChallenge())
	}
	made := ok[*kratos.SuccessfulNativeRegistration](t)(p.UpdateRegistrationFlow(ctx).Flow(fresh.Id).
		UpdateRegistrationFlowBody(kratos.UpdateRegistrationFlowWithPasswordMethodAsUpdateRegistrationFlowBody(&kratos.UpdateRegistrationFlowWithPasswordMethod{
			Method: "password", Password: goodPassword, Traits: map[string]any{"email": "oauth.new@example.com"}, CsrfToken: csrf(t, fresh.Ui),
		})).Execute())
	verify := ""
	for _, c := range made.ContinueWith {
		if c.ContinueWithVerificationUi != nil {
			verify = c.ContinueWithVerificationUi.Flow.Id
		}
	}
	// The client waits until the address is proven.
	prove := ok[*kratos.VerificationFlow](t)(p.GetVerificationFlow(ctx).Id(verify).Execute())
	done := ok[*kratos.VerificationFlow](t)(p.UpdateVerificationFlow(ctx).Flow(verify).
		UpdateVerificationFlowBody(kratos.UpdateVerificationFlowWithCodeMethodAsUpdateVerificationFlowBody(&kratos.UpdateVerificationFlowWithCodeMethod{
			Method: "code", Code: s.code("oauth.new@example.com", "verification_code_valid"), CsrfToken: csrf(t, prove.Ui),
		})).Execute())
	to := s.leads(p, done.Ui.Action)
	for range 3 {
		if to.Path == s.path("/account/consent") {
			break
		}
		to = s.leads(p, to.String())
	}
	if to.Path != s.path("/account/consent") {
		t.Errorf("the verification leads to %s and then to %s", done.Ui.Action, to)
	}

	no[*kratos.LoginFlow](t, http.StatusNotFound, "")(s.page().CreateBrowserLoginFlow(ctx).LoginChallenge("made-up").Execute())
}

// What a client hands along is handed back, for pages and hooks.
func transient(t *testing.T, s *site) {
	ctx := t.Context()
	flow := ok[*kratos.RegistrationFlow](t)(s.front.CreateNativeRegistrationFlow(ctx).Execute())
	m := &kratos.UpdateRegistrationFlowWithPasswordMethod{
		Method: "password", Password: "short", Traits: map[string]any{"email": "along@example.com"}, TransientPayload: map[string]any{"campaign": "spring"},
	}
	no[*kratos.SuccessfulNativeRegistration](t, http.StatusBadRequest, "")(s.registerBy(flow.Id, m))
	shown := ok[*kratos.RegistrationFlow](t)(s.front.GetRegistrationFlow(ctx).Id(flow.Id).Execute())
	if shown.TransientPayload["campaign"] != "spring" {
		t.Errorf("handed along: %v", shown.TransientPayload)
	}
}
