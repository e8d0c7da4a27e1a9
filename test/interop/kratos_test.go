package interop

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// Ory's SDK for Kratos drives every operation of its API.
func TestKratos(t *testing.T) {
	parts := []struct {
		name string
		run  func(*testing.T, *site)
	}{
		{"Native", native}, {"Browser", browserApp}, {"Forms", forms}, {"TwoSteps", twoSteps}, {"Taken", taken},
		{"Recovery", recovery}, {"RecoveryInBrowser", recoveryInBrowser}, {"HandedRecovery", handedRecovery}, {"Verification", verification},
		{"Settings", settings}, {"SettingsInBrowser", settingsInBrowser},
		{"Sessions", sessions}, {"Levels", levels}, {"Tokenized", tokenized}, {"SessionAdmin", sessionAdmin},
		{"Identities", identities}, {"Lists", lists}, {"Credentials", credentials}, {"Batch", batch}, {"Mails", mails}, {"Schemas", schemas},
		{"Refusals", refusals}, {"ReturnTo", returnTo}, {"Flows", strangeFlows}, {"Errors", flowErrors}, {"Health", health},
		{"OAuth", oauthLogins}, {"Transient", transient},
		{"Codes", codes}, {"Links", links}, {"IdentifierFirst", identifierFirst}, {"Silence", silence}, {"Limits", limits},
	}
	server := process.Start(t, process.Options{Config: forgiving + tokenizing})
	ran := 0
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			ran++
			p.run(t, newSite(t, server))
		})
	}
	t.Run("below a prefix", func(t *testing.T) {
		below := server.Tenant(`{"id":"acme","path_prefix":"/t/acme"}`)
		for _, p := range parts {
			t.Run(p.name, func(t *testing.T) { p.run(t, newSite(t, below)) })
		}
	})
	t.Run("Provider", func(t *testing.T) {
		ran++
		provider(t)
	})
	if ran <= len(parts) { // somebody asked for some of them
		return
	}
	d, err := api()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range d.missing() {
		t.Errorf("nothing here has driven %s", name)
	}
}

// A native app: registration, login, whoami, logout.
func native(t *testing.T, s *site) {
	ctx := t.Context()
	made := s.signUp("Ann@Example.com")
	if made.Identity.Id == "" || made.Identity.SchemaId != "default" || made.GetSessionToken() == "" || made.Session.Identity.Id != made.Identity.Id {
		t.Fatalf("registered %+v", made)
	}
	if len(made.ContinueWith) == 0 || !slices.ContainsFunc(made.ContinueWith, func(c kratos.ContinueWith) bool {
		return c.ContinueWithVerificationUi != nil && c.ContinueWithVerificationUi.Flow.VerifiableAddress == "ann@example.com"
	}) {
		t.Errorf("the registration goes on with %+v", made.ContinueWith)
	}

	in := ok[*kratos.SuccessfulNativeLogin](t)(s.signIn("ANN@example.com ", goodPassword))
	token := in.GetSessionToken()
	if token == "" || !in.Session.GetActive() || in.Session.Identity.Id != made.Identity.Id {
		t.Fatalf("signed in %+v", in)
	}
	who, resp, err := s.front.ToSession(ctx).XSessionToken(token).Execute()
	if err != nil || who.Id != in.Session.Id || resp.Header.Get("X-Kratos-Authenticated-Identity-Id") != made.Identity.Id {
		t.Fatalf("whoami: %+v, %v", who, err)
	}
	if len(who.AuthenticationMethods) != 1 || who.AuthenticationMethods[0].GetMethod() != "password" || who.GetAuthenticatorAssuranceLevel() != "aal1" || len(who.Devices) != 1 {
		t.Errorf("the session: %+v", who)
	}
	if who.Identity.MetadataAdmin != nil || who.Identity.Credentials != nil {
		t.Errorf("the person is shown %+v", who.Identity)
	}

	// A wrong password and an identifier that nobody has are answered alike.
	for _, wrong := range []string{"ann@example.com", "nobody@example.com"} {
		b := no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(s.signIn(wrong, "quiet-harbour-lantern-48"))
		says(t, b["ui"], 4000006)
	}

	flow := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).XSessionToken(token).Refresh(true).Execute())
	if !flow.GetRefresh() || flow.Type != "api" || flow.State != "choose_method" {
		t.Errorf("a refresh is %+v", flow)
	}
	says(t, flow.Ui, 1010003)
	shown := ok[*kratos.LoginFlow](t)(s.front.GetLoginFlow(ctx).Id(flow.Id).Execute())
	if shown.Id != flow.Id || !shown.ExpiresAt.Equal(flow.ExpiresAt) {
		t.Errorf("the flow %+v is shown as %+v", flow, shown)
	}
	before := who.GetAuthenticatedAt()
	again := ok[*kratos.SuccessfulNativeLogin](t)(s.front.UpdateLoginFlow(ctx).Flow(flow.Id).XSessionToken(token).
		UpdateLoginFlowBody(byPassword("ann@example.com", goodPassword, nil)).Execute())
	if again.Session.Id != in.Session.Id || !again.Session.GetAuthenticatedAt().After(before) {
		t.Errorf("a refresh gave %+v after %v", again.Session, before)
	}
	if fresh := again.GetSessionToken(); fresh != "" {
		token = fresh
	}
	no[*kratos.LoginFlow](t, http.StatusBadRequest, "session_already_available")(s.front.CreateNativeLoginFlow(ctx).XSessionToken(token).Execute())

	yes(t)(s.front.PerformNativeLogout(ctx).PerformNativeLogoutBody(kratos.PerformNativeLogoutBody{SessionToken: token}).Execute())
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ToSession(ctx).XSessionToken(token).Execute())
	nothing(t, http.StatusForbidden, "")(s.front.PerformNativeLogout(ctx).PerformNativeLogoutBody(kratos.PerformNativeLogoutBody{SessionToken: token}).Execute())
}

// A single-page application: cookies, CSRF, error ids, logout by a URL.
func browserApp(t *testing.T, s *site) {
	ctx, p := t.Context(), s.page()
	flow := ok[*kratos.RegistrationFlow](t)(p.CreateBrowserRegistrationFlow(ctx).Execute())
	if flow.Type != "browser" || flow.ExpiresAt.Sub(flow.IssuedAt) != time.Hour || flow.RequestUrl != s.Public+"/self-service/registration/browser" || !strings.HasPrefix(flow.Ui.Action, s.Public) {
		t.Errorf("the flow: %+v", flow)
	}
	m := &kratos.UpdateRegistrationFlowWithPasswordMethod{Method: "password", Password: "short", Traits: map[string]any{"email": "bob@example.com"}}
	submit := func() (*kratos.SuccessfulNativeRegistration, *http.Response, error) {
		return p.UpdateRegistrationFlow(ctx).Flow(flow.Id).UpdateRegistrationFlowBody(kratos.UpdateRegistrationFlowWithPasswordMethodAsUpdateRegistrationFlowBody(m)).Execute()
	}
	no[*kratos.SuccessfulNativeRegistration](t, http.StatusForbidden, "security_csrf_violation")(submit())
	m.CsrfToken = new("a-token-of-another-browser")
	no[*kratos.SuccessfulNativeRegistration](t, http.StatusForbidden, "security_csrf_violation")(submit())
	m.CsrfToken = csrf(t, flow.Ui)
	b := no[*kratos.SuccessfulNativeRegistration](t, http.StatusBadRequest, "")(submit())
	says(t, b["ui"], 4000032)
	got := ok[*kratos.RegistrationFlow](t)(p.GetRegistrationFlow(ctx).Id(flow.Id).Execute())
	says(t, got.Ui, 4000032)
	if value(got.Ui, "traits.email") != "bob@example.com" || value(got.Ui, "password") != nil {
		t.Error("the form forgot the e-mail address or kept the password")
	}
	m.Password = goodPassword
	made := ok[*kratos.SuccessfulNativeRegistration](t)(submit())
	if made.GetSessionToken() != "" {
		t.Error("a browser was given a session token")
	}
	if who := ok[*kratos.Session](t)(p.ToSession(ctx).Execute()); who.Identity.Id != made.Identity.Id {
		t.Errorf("signed in as %s", who.Identity.Id)
	}
	no[*kratos.SuccessfulNativeRegistration](t, http.StatusBadRequest, "session_already_available")(submit())

	no[*kratos.LoginFlow](t, http.StatusBadRequest, "session_already_available")(p.CreateBrowserLoginFlow(ctx).Execute())
	no[*kratos.RegistrationFlow](t, http.StatusBadRequest, "session_already_available")(p.CreateBrowserRegistrationFlow(ctx).Execute())
	no[*kratos.RecoveryFlow](t, http.StatusBadRequest, "session_already_available")(p.CreateBrowserRecoveryFlow(ctx).Execute())
	again := ok[*kratos.LoginFlow](t)(p.CreateBrowserLoginFlow(ctx).Refresh(true).Execute())
	if !again.GetRefresh() {
		t.Error("a login that asks for the password again does not say so")
	}
	ok[*kratos.SuccessfulNativeLogin](t)(p.UpdateLoginFlow(ctx).Flow(again.Id).UpdateLoginFlowBody(byPassword("bob@example.com", goodPassword, csrf(t, again.Ui))).Execute())

	out := ok[*kratos.LogoutFlow](t)(p.CreateBrowserLogoutFlow(ctx).ReturnTo("https://app.example.com/home/bye").Execute())
	if out.LogoutToken == "" || !strings.Contains(out.LogoutUrl, "/self-service/logout?") {
		t.Errorf("logout: %+v", out)
	}
	nothing(t, http.StatusForbidden, "security_csrf_violation")(p.UpdateLogoutFlow(ctx).Token("gh_lo_wrong").Execute())
	ok[*kratos.Session](t)(p.ToSession(ctx).Execute())
	yes(t)(p.UpdateLogoutFlow(ctx).Token(out.LogoutToken).Execute())
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(p.ToSession(ctx).Execute())
	no[*kratos.LogoutFlow](t, http.StatusUnauthorized, "session_inactive")(p.CreateBrowserLogoutFlow(ctx).Execute())

	in := s.browserSignIn(p, "bob@example.com")
	if in.GetSessionToken() != "" || in.Session.Identity.Id != made.Identity.Id {
		t.Errorf("signed in %+v", in)
	}
}
