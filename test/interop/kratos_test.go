package interop

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// people gives Ory's SDK for Kratos, once for the public and once for the admin listener.
func people(s *process.Server) (public, admin *kratos.APIClient) {
	make := func(at string) *kratos.APIClient {
		c := kratos.NewConfiguration()
		c.Servers = kratos.ServerConfigurations{{URL: at}}
		return kratos.NewAPIClient(c)
	}
	return make(s.Public), make(s.Admin)
}

// browsing is the SDK as a single-page application uses it: with cookies.
func browsing(t *testing.T, s *process.Server) *kratos.APIClient {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := kratos.NewConfiguration()
	c.Servers = kratos.ServerConfigurations{{URL: s.Public}}
	c.HTTPClient = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return kratos.NewAPIClient(c)
}

// ok fails the test with what the server answered.
func ok[T any](t *testing.T) func(v T, resp *http.Response, err error) T {
	return func(v T, resp *http.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(told(err))
		}
		return v
	}
}

func told(err error) string {
	if api, is := errors.AsType[*kratos.GenericOpenAPIError](err); is {
		return api.Error() + ": " + string(api.Body())
	}
	return err.Error()
}

// body is the JSON that a refused call was answered with.
func body(t *testing.T, err error) map[string]any {
	t.Helper()
	api, is := errors.AsType[*kratos.GenericOpenAPIError](err)
	if !is {
		t.Fatalf("no answer of the API: %v", err)
	}
	var v map[string]any
	if err := json.Unmarshal(api.Body(), &v); err != nil {
		t.Fatalf("%v: %s", err, api.Body())
	}
	return v
}

// csrf is the token of a flow's form.
func csrf(t *testing.T, ui kratos.UiContainer) string {
	t.Helper()
	for _, n := range ui.Nodes {
		if in := n.Attributes.UiNodeInputAttributes; in != nil && in.Name == "csrf_token" {
			return in.GetValue().(string)
		}
	}
	t.Fatal("the form has no csrf_token")
	return ""
}

// messageIDs are the ids of everything that a form says.
func messageIDs(ui kratos.UiContainer) (ids []int64) {
	for _, m := range ui.Messages {
		ids = append(ids, m.Id)
	}
	for _, n := range ui.Nodes {
		for _, m := range n.Messages {
			ids = append(ids, m.Id)
		}
	}
	return ids
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

const goodPassword = "quiet-harbour-lantern-47"

// signUp makes a person by the API flow of native apps and gives the answer.
func signUp(t *testing.T, api *kratos.APIClient, email string) *kratos.SuccessfulNativeRegistration {
	t.Helper()
	flow := ok[*kratos.RegistrationFlow](t)(api.FrontendAPI.CreateNativeRegistrationFlow(t.Context()).Execute())
	method := kratos.UpdateRegistrationFlowWithPasswordMethod{Method: "password", Password: goodPassword, Traits: map[string]any{"email": email}}
	return ok[*kratos.SuccessfulNativeRegistration](t)(api.FrontendAPI.UpdateRegistrationFlow(t.Context()).Flow(flow.Id).
		UpdateRegistrationFlowBody(kratos.UpdateRegistrationFlowWithPasswordMethodAsUpdateRegistrationFlowBody(&method)).Execute())
}

// signIn signs in by the API flow and gives the session token.
func signIn(t *testing.T, api *kratos.APIClient, identifier, password string) (*kratos.SuccessfulNativeLogin, *http.Response, error) {
	t.Helper()
	flow := ok[*kratos.LoginFlow](t)(api.FrontendAPI.CreateNativeLoginFlow(t.Context()).Execute())
	method := kratos.UpdateLoginFlowWithPasswordMethod{Method: "password", Identifier: identifier, Password: password}
	return api.FrontendAPI.UpdateLoginFlow(t.Context()).Flow(flow.Id).
		UpdateLoginFlowBody(kratos.UpdateLoginFlowWithPasswordMethodAsUpdateLoginFlowBody(&method)).Execute()
}

// A native app: registration, login, whoami, settings, sessions, logout.
func TestKratosNative(t *testing.T) {
	s := process.Start(t, process.Options{Config: withoutMitigation})
	public, _ := people(s)
	ctx, front := t.Context(), public.FrontendAPI
	made := signUp(t, public, "Ann@Example.com")
	if made.Identity.Id == "" || made.Identity.SchemaId != "default" {
		t.Fatalf("registered %+v", made)
	}

	in := ok[*kratos.SuccessfulNativeLogin](t)(signIn(t, public, "ann@example.com", goodPassword))
	token := in.GetSessionToken()
	if token == "" || !in.Session.GetActive() || in.Session.Identity.Id != made.Identity.Id {
		t.Fatalf("signed in %+v", in)
	}
	who, resp, err := front.ToSession(ctx).XSessionToken(token).Execute()
	if err != nil || who.Id != in.Session.Id || resp.Header.Get("X-Kratos-Authenticated-Identity-Id") != made.Identity.Id {
		t.Fatalf("whoami: %+v, %v", who, err)
	}
	if len(who.AuthenticationMethods) != 1 || who.AuthenticationMethods[0].GetMethod() != "password" || who.GetAuthenticatorAssuranceLevel() != "aal1" || len(who.Devices) != 1 {
		t.Errorf("the session: %+v", who)
	}

	settings := ok[*kratos.SettingsFlow](t)(front.CreateNativeSettingsFlow(ctx).XSessionToken(token).Execute())
	profile := kratos.UpdateSettingsFlowWithProfileMethod{Method: "profile", Traits: map[string]any{"email": "ann@example.com", "name": map[string]any{"first": "Ann", "last": "Miller"}}}
	changed := ok[*kratos.SettingsFlow](t)(front.UpdateSettingsFlow(ctx).Flow(settings.Id).XSessionToken(token).
		UpdateSettingsFlowBody(kratos.UpdateSettingsFlowWithProfileMethodAsUpdateSettingsFlowBody(&profile)).Execute())
	if changed.State != "success" {
		t.Errorf("settings end as %v, %v", changed.State, messageIDs(changed.Ui))
	}
	settings = ok[*kratos.SettingsFlow](t)(front.CreateNativeSettingsFlow(ctx).XSessionToken(token).Execute())
	password := kratos.UpdateSettingsFlowWithPasswordMethod{Method: "password", Password: goodPassword + "-new"}
	ok[*kratos.SettingsFlow](t)(front.UpdateSettingsFlow(ctx).Flow(settings.Id).XSessionToken(token).
		UpdateSettingsFlowBody(kratos.UpdateSettingsFlowWithPasswordMethodAsUpdateSettingsFlowBody(&password)).Execute())

	if _, resp, err := signIn(t, public, "ann@example.com", goodPassword); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Fatalf("the old password: %v", err)
	} else if ids := idsOf(body(t, err)); !contains(ids, 4000006) {
		t.Errorf("the old password is answered with %v", ids)
	}
	second := ok[*kratos.SuccessfulNativeLogin](t)(signIn(t, public, "ann@example.com", goodPassword+"-new"))
	others := ok[[]kratos.Session](t)(front.ListMySessions(ctx).XSessionToken(token).Execute())
	if len(others) == 0 {
		t.Error("no other session is listed")
	}
	if _, err := front.DisableMySession(ctx, second.Session.Id).XSessionToken(token).Execute(); err != nil {
		t.Error(told(err))
	}
	if _, resp, err := front.ToSession(ctx).XSessionToken(second.GetSessionToken()).Execute(); err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a revoked session is taken: %v", err)
	}
	if _, err := front.PerformNativeLogout(ctx).PerformNativeLogoutBody(kratos.PerformNativeLogoutBody{SessionToken: token}).Execute(); err != nil {
		t.Error(told(err))
	}
	if _, resp, err := front.ToSession(ctx).XSessionToken(token).Execute(); err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the logout: %v", err)
	}
}

// withoutMitigation has registrations answered as they are, with a session at once.
const withoutMitigation = `selfservice:
  account_enumeration: {mitigate: false}
  flows:
    registration: {after: {password: {hooks: [{hook: session}]}}}
`

func idsOf(flow map[string]any) (ids []int64) {
	ui, _ := flow["ui"].(map[string]any)
	collect := func(v any) {
		list, _ := v.([]any)
		for _, m := range list {
			if id, is := m.(map[string]any)["id"].(float64); is {
				ids = append(ids, int64(id))
			}
		}
	}
	collect(ui["messages"])
	nodes, _ := ui["nodes"].([]any)
	for _, n := range nodes {
		collect(n.(map[string]any)["messages"])
	}
	return ids
}

func contains(ids []int64, want int64) bool {
	for _, id := range ids {
		if id == want {
			return true
		}
	}
	return false
}

// A single-page application: cookies, CSRF, error ids, logout by a URL.
func TestKratosBrowser(t *testing.T) {
	s := process.Start(t, process.Options{Config: withoutMitigation})
	api := browsing(t, s)
	ctx, front := t.Context(), api.FrontendAPI
	flow := ok[*kratos.RegistrationFlow](t)(front.CreateBrowserRegistrationFlow(ctx).Execute())
	if flow.Type != "browser" || !flow.ExpiresAt.After(flow.IssuedAt) || !strings.HasPrefix(flow.RequestUrl, s.Public) || !strings.HasPrefix(flow.Ui.Action, s.Public) {
		t.Errorf("the flow: %+v", flow)
	}
	token := csrf(t, flow.Ui)
	method := kratos.UpdateRegistrationFlowWithPasswordMethod{Method: "password", Password: "short", Traits: map[string]any{"email": "bob@example.com"}}
	body := func() kratos.UpdateRegistrationFlowBody {
		return kratos.UpdateRegistrationFlowWithPasswordMethodAsUpdateRegistrationFlowBody(&method)
	}
	if _, resp, err := front.UpdateRegistrationFlow(ctx).Flow(flow.Id).UpdateRegistrationFlowBody(body()).Execute(); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("without the csrf token: %v", err)
	}
	method.CsrfToken = &token
	if _, resp, err := front.UpdateRegistrationFlow(ctx).Flow(flow.Id).UpdateRegistrationFlowBody(body()).Execute(); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a short password: %v", err)
	}
	got := ok[*kratos.RegistrationFlow](t)(front.GetRegistrationFlow(ctx).Id(flow.Id).Execute())
	if ids := messageIDs(got.Ui); !contains(ids, 4000032) {
		t.Errorf("a short password is answered with %v", ids)
	}
	method.Password = goodPassword
	done := ok[*kratos.SuccessfulNativeRegistration](t)(front.UpdateRegistrationFlow(ctx).Flow(flow.Id).UpdateRegistrationFlowBody(body()).Execute())
	who := ok[*kratos.Session](t)(front.ToSession(ctx).Execute())
	if who.Identity.Id != done.Identity.Id {
		t.Errorf("signed in as %s", who.Identity.Id)
	}
	if _, resp, err := front.CreateBrowserLoginFlow(ctx).Execute(); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a login while signed in: %v", err)
	}
	again := ok[*kratos.LoginFlow](t)(front.CreateBrowserLoginFlow(ctx).Refresh(true).Execute())
	if !again.GetRefresh() {
		t.Error("a login that asks for the password again does not say so")
	}
	if _, resp, err := front.CreateBrowserLoginFlow(ctx).ReturnTo("https://evil.example").Execute(); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a strange return_to: %v", err)
	}
	out := ok[*kratos.LogoutFlow](t)(front.CreateBrowserLogoutFlow(ctx).Execute())
	if out.LogoutToken == "" || !strings.Contains(out.LogoutUrl, "/self-service/logout?token=") {
		t.Errorf("logout: %+v", out)
	}
	if _, err := front.UpdateLogoutFlow(ctx).Token(out.LogoutToken).Execute(); err != nil {
		t.Error(told(err))
	}
	if _, resp, err := front.ToSession(ctx).Execute(); err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the logout: %v", err)
	}
}

// Recovery and verification by code; the mails are read where the admin API shows them.
func TestKratosCodes(t *testing.T) {
	s := process.Start(t, process.Options{Config: withoutMitigation})
	public, admin := people(s)
	ctx, front := t.Context(), public.FrontendAPI
	signUp(t, public, "carl@example.com")

	flow := ok[*kratos.RecoveryFlow](t)(front.CreateNativeRecoveryFlow(ctx).Execute())
	email := "carl@example.com"
	method := kratos.UpdateRecoveryFlowWithCodeMethod{Method: "code", Email: &email}
	sent := ok[*kratos.RecoveryFlow](t)(front.UpdateRecoveryFlow(ctx).Flow(flow.Id).
		UpdateRecoveryFlowBody(kratos.UpdateRecoveryFlowWithCodeMethodAsUpdateRecoveryFlowBody(&method)).Execute())
	if sent.State != "sent_email" {
		t.Fatalf("the flow is %v, %v", sent.State, messageIDs(sent.Ui))
	}
	wrong := "000000"
	bad := kratos.UpdateRecoveryFlowWithCodeMethod{Method: "code", Code: &wrong}
	if _, resp, err := front.UpdateRecoveryFlow(ctx).Flow(flow.Id).UpdateRecoveryFlowBody(kratos.UpdateRecoveryFlowWithCodeMethodAsUpdateRecoveryFlowBody(&bad)).Execute(); err == nil && resp.StatusCode != http.StatusOK {
		t.Errorf("a wrong code: HTTP %d", resp.StatusCode)
	}
	code := mailed(t, admin, "carl@example.com", "recovery_code_valid")
	good := kratos.UpdateRecoveryFlowWithCodeMethod{Method: "code", Code: &code}
	passed := ok[*kratos.RecoveryFlow](t)(front.UpdateRecoveryFlow(ctx).Flow(flow.Id).
		UpdateRecoveryFlowBody(kratos.UpdateRecoveryFlowWithCodeMethodAsUpdateRecoveryFlowBody(&good)).Execute())
	if passed.State != "passed_challenge" || len(passed.ContinueWith) == 0 {
		t.Fatalf("the flow is %v and goes on with %+v", passed.State, passed.ContinueWith)
	}

	verify := ok[*kratos.VerificationFlow](t)(front.CreateNativeVerificationFlow(ctx).Execute())
	ask := kratos.UpdateVerificationFlowWithCodeMethod{Method: "code", Email: &email}
	ok[*kratos.VerificationFlow](t)(front.UpdateVerificationFlow(ctx).Flow(verify.Id).
		UpdateVerificationFlowBody(kratos.UpdateVerificationFlowWithCodeMethodAsUpdateVerificationFlowBody(&ask)).Execute())
	code = mailed(t, admin, "carl@example.com", "verification_code_valid")
	answer := kratos.UpdateVerificationFlowWithCodeMethod{Method: "code", Code: &code}
	verified := ok[*kratos.VerificationFlow](t)(front.UpdateVerificationFlow(ctx).Flow(verify.Id).
		UpdateVerificationFlowBody(kratos.UpdateVerificationFlowWithCodeMethodAsUpdateVerificationFlowBody(&answer)).Execute())
	if verified.State != "passed_challenge" {
		t.Errorf("the flow is %v, %v", verified.State, messageIDs(verified.Ui))
	}

	// What an administrator hands over by phone.
	all := ok[[]kratos.Identity](t)(admin.IdentityAPI.ListIdentities(ctx).CredentialsIdentifier(email).Execute())
	if len(all) != 1 || len(all[0].VerifiableAddresses) != 1 || !all[0].VerifiableAddresses[0].Verified {
		t.Fatalf("the address is not verified: %+v", all)
	}
	handed := ok[*kratos.RecoveryCodeForIdentity](t)(admin.IdentityAPI.CreateRecoveryCodeForIdentity(ctx).
		CreateRecoveryCodeForIdentityBody(kratos.CreateRecoveryCodeForIdentityBody{IdentityId: all[0].Id}).Execute())
	if len(handed.RecoveryCode) != 6 || !strings.Contains(handed.RecoveryLink, "flow=") {
		t.Errorf("an administrator's code: %+v", handed)
	}
}

// mailed finds the newest message of a kind for somebody, and the code in it.
func mailed(t *testing.T, admin *kratos.APIClient, to, template string) string {
	t.Helper()
	for _, m := range ok[[]kratos.Message](t)(admin.CourierAPI.ListCourierMessages(t.Context()).Recipient(to).Execute()) {
		if m.TemplateType != template {
			continue
		}
		whole := ok[*kratos.Message](t)(admin.CourierAPI.GetCourierMessage(t.Context(), m.Id).Execute())
		if code := sixDigits.FindString(whole.Body); code != "" {
			return code
		}
		t.Fatalf("no code in %q", whole.Body)
	}
	t.Fatalf("no %s for %s", template, to)
	return ""
}

// What an operator does with people.
func TestKratosAdmin(t *testing.T) {
	s := process.Start(t, process.Options{Config: withoutMitigation})
	public, admin := people(s)
	ctx, api := t.Context(), admin.IdentityAPI
	body := *kratos.NewCreateIdentityBody("default", map[string]any{"email": "dora@example.com"})
	body.SetMetadataAdmin(map[string]any{"ticket": "4711"})
	password := kratos.IdentityWithCredentialsPassword{Config: &kratos.IdentityWithCredentialsPasswordConfig{}}
	password.Config.SetPassword(goodPassword)
	body.SetCredentials(kratos.IdentityWithCredentials{Password: &password})
	made := ok[*kratos.Identity](t)(api.CreateIdentity(ctx).CreateIdentityBody(body).Execute())
	if _, resp, err := api.CreateIdentity(ctx).CreateIdentityBody(body).Execute(); err == nil || resp.StatusCode != http.StatusConflict {
		t.Errorf("a duplicate: %v", err)
	}
	in := ok[*kratos.SuccessfulNativeLogin](t)(signIn(t, public, "dora@example.com", goodPassword))

	got := ok[*kratos.Identity](t)(api.GetIdentity(ctx, made.Id).IncludeCredential([]string{"password"}).Execute())
	if got.GetState() != "active" || (*got.Credentials)["password"].Config["hashed_password"] == nil {
		t.Errorf("got %+v", got)
	}
	patch := *kratos.NewJsonPatch("replace", "/traits/email")
	patch.SetValue("dora.new@example.com")
	patched := ok[*kratos.Identity](t)(api.PatchIdentity(ctx, made.Id).JsonPatch([]kratos.JsonPatch{patch}).Execute())
	if patched.Traits.(map[string]any)["email"] != "dora.new@example.com" {
		t.Errorf("patched %+v", patched)
	}
	update := *kratos.NewUpdateIdentityBody("default", "inactive", map[string]any{"email": "dora.new@example.com"})
	ok[*kratos.Identity](t)(api.UpdateIdentity(ctx, made.Id).UpdateIdentityBody(update).Execute())
	if _, _, err := signIn(t, public, "dora.new@example.com", goodPassword); err == nil {
		t.Error("an inactive person signs in")
	}
	sessions := ok[[]kratos.Session](t)(api.ListIdentitySessions(ctx, made.Id).Execute())
	if len(sessions) != 1 {
		t.Errorf("%d sessions", len(sessions))
	}
	shown := ok[*kratos.Session](t)(api.GetSession(ctx, in.Session.Id).Expand([]string{"identity", "devices"}).Execute())
	if shown.Identity.GetId() != made.Id {
		t.Errorf("the session %+v", shown)
	}
	if _, err := api.DeleteIdentitySessions(ctx, made.Id).Execute(); err != nil {
		t.Error(told(err))
	}
	if _, resp, err := public.FrontendAPI.ToSession(ctx).XSessionToken(in.GetSessionToken()).Execute(); err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("after all sessions were ended: %v", err)
	}

	batch := kratos.PatchIdentitiesBody{}
	for _, mail := range []string{"e1@example.com", "dora.new@example.com", "e2@example.com"} {
		create := *kratos.NewCreateIdentityBody("default", map[string]any{"email": mail})
		batch.Identities = append(batch.Identities, kratos.IdentityPatch{Create: &create})
	}
	result := ok[*kratos.BatchPatchIdentitiesResponse](t)(api.BatchPatchIdentities(ctx).PatchIdentitiesBody(batch).Execute())
	var actions []string
	for _, r := range result.Identities {
		actions = append(actions, r.GetAction())
	}
	if strings.Join(actions, " ") != "create error create" {
		t.Errorf("the batch: %v", actions)
	}

	seen := 0
	page := ok[[]kratos.Identity](t)(api.ListIdentities(ctx).PageSize(2).Execute())
	seen += len(page)
	_, resp, err := api.ListIdentities(ctx).PageSize(2).Execute()
	if err != nil || len(page) != 2 {
		t.Fatalf("a page of %d, %v", len(page), err)
	}
	if next := nextPageToken(resp.Header); next == "" {
		t.Error("no next page")
	} else {
		seen += len(ok[[]kratos.Identity](t)(api.ListIdentities(ctx).PageSize(2).PageToken(next).Execute()))
	}
	if seen != 3 {
		t.Errorf("%d identities on both pages", seen)
	}
	if _, err := api.DeleteIdentity(ctx, made.Id).Execute(); err != nil {
		t.Error(told(err))
	}
	if _, resp, err := api.GetIdentity(ctx, made.Id).Execute(); err == nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("after the deletion: %v", err)
	}
	schemas := ok[[]kratos.IdentitySchemaContainer](t)(public.IdentityAPI.ListIdentitySchemas(ctx).Execute())
	if len(schemas) != 1 || schemas[0].GetId() != "default" {
		t.Errorf("schemas: %+v", schemas)
	}
}

func nextPageToken(h http.Header) string {
	for _, line := range h.Values("Link") {
		for link := range strings.SplitSeq(line, ",") {
			target, params, is := strings.Cut(link, ";")
			if !is || !strings.Contains(params, `rel="next"`) {
				continue
			}
			u, err := url.Parse(strings.Trim(strings.TrimSpace(target), "<>"))
			if err != nil {
				return ""
			}
			return u.Query().Get("page_token")
		}
	}
	return ""
}

// What curl shows (the fields that a newcomer looks at).
func TestKratosByHand(t *testing.T) {
	s := process.Start(t, process.Options{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Public+"/self-service/registration/browser", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var flow struct {
		ID         string `json:"id"`
		Type       string `json:"type"`
		RequestURL string `json:"request_url"`
		UI         struct {
			Nodes []map[string]any `json:"nodes"`
		} `json:"ui"`
	}
	if err := json.Unmarshal(raw, &flow); err != nil || flow.ID == "" || flow.Type != "browser" || flow.RequestURL != s.Public+"/self-service/registration/browser" || len(flow.UI.Nodes) < 3 {
		t.Errorf("%v: %s", err, raw)
	}
	for _, n := range flow.UI.Nodes {
		for _, key := range []string{"type", "group", "attributes", "messages", "meta"} {
			if _, is := n[key]; !is {
				t.Errorf("a node without %s: %v", key, n)
			}
		}
	}
}
