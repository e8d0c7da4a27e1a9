package interop

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	kratos "github.com/ory/kratos-client-go"
)

// tokenizing has whoami make JWTs, signed with keys that this server publishes.
const tokenizing = `keys: {sets: [{name: sessions, algorithm: ES256}], broadcast: [sessions]}
session: {whoami: {tokenizer: {templates: {app: {ttl: 2m, key_set: sessions, claims: {email: identity.traits.email}}}}}}
`

func newPassword(password string) kratos.UpdateSettingsFlowBody {
	return kratos.UpdateSettingsFlowWithPasswordMethodAsUpdateSettingsFlowBody(&kratos.UpdateSettingsFlowWithPasswordMethod{Method: "password", Password: password})
}

func newTraits(traits map[string]any, csrf *string) kratos.UpdateSettingsFlowBody {
	return kratos.UpdateSettingsFlowWithProfileMethodAsUpdateSettingsFlowBody(&kratos.UpdateSettingsFlowWithProfileMethod{Method: "profile", Traits: traits, CsrfToken: csrf})
}

// A native app changes what is known of a person, and the password.
func settings(t *testing.T, s *site) {
	ctx := t.Context()
	s.create("sid@example.com")
	token := s.token("sid@example.com")
	flow := ok[*kratos.SettingsFlow](t)(s.front.CreateNativeSettingsFlow(ctx).XSessionToken(token).Execute())
	if flow.State != "show_form" || flow.Identity.Id == "" || value(flow.Ui, "traits.email") != "sid@example.com" || !has(flow.Ui, "password", "password") {
		t.Fatalf("the settings: %+v", flow)
	}
	send := func(body kratos.UpdateSettingsFlowBody) (*kratos.SettingsFlow, *http.Response, error) {
		return s.front.UpdateSettingsFlow(ctx).Flow(flow.Id).XSessionToken(token).UpdateSettingsFlowBody(body).Execute()
	}
	full := map[string]any{"email": "sid@example.com", "name": map[string]any{"first": "Sid", "last": "Miller"}}
	changed := ok[*kratos.SettingsFlow](t)(send(newTraits(full, nil)))
	if changed.State != "success" || changed.Identity.Traits.(map[string]any)["name"].(map[string]any)["last"] != "Miller" {
		t.Errorf("settings end as %v with %v", changed.State, changed.Identity.Traits)
	}
	says(t, changed.Ui, 1050001)
	who := ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(token).Execute())
	if who.Identity.Traits.(map[string]any)["name"] == nil {
		t.Error("whoami knows the person as before")
	}
	b := no[*kratos.SettingsFlow](t, http.StatusBadRequest, "")(send(newTraits(map[string]any{"email": "nothing"}, nil)))
	says(t, b["ui"], 4000040)
	b = no[*kratos.SettingsFlow](t, http.StatusBadRequest, "")(send(newPassword("short")))
	says(t, b["ui"], 4000032)
	s.create("sidney@example.com")
	b = no[*kratos.SettingsFlow](t, http.StatusBadRequest, "")(send(newTraits(map[string]any{"email": "sidney@example.com"}, nil)))
	says(t, b["ui"], 4000007)
	ok[*kratos.SettingsFlow](t)(send(newPassword(goodPassword + "-new")))
	says(t, no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(s.signIn("sid@example.com", goodPassword))["ui"], 4000006)

	// A new address has to be verified, and signs in from now on.
	moved := ok[*kratos.SettingsFlow](t)(send(newTraits(map[string]any{"email": "sid.new@example.com"}, nil)))
	if a := moved.Identity.VerifiableAddresses; len(a) != 1 || a[0].Value != "sid.new@example.com" || a[0].Verified {
		t.Errorf("the new address: %+v", a)
	}
	ok[*kratos.SuccessfulNativeLogin](t)(s.signIn("sid.new@example.com", goodPassword+"-new"))

	// Somebody else's settings are nobody's business.
	s.create("other@example.com")
	other := s.token("other@example.com")
	no[*kratos.SettingsFlow](t, http.StatusForbidden, "security_identity_mismatch")(s.front.GetSettingsFlow(ctx).Id(flow.Id).XSessionToken(other).Execute())
	no[*kratos.SettingsFlow](t, http.StatusUnauthorized, "session_inactive")(s.front.GetSettingsFlow(ctx).Id(flow.Id).Execute())
	no[*kratos.SettingsFlow](t, http.StatusForbidden, "security_identity_mismatch")(s.front.UpdateSettingsFlow(ctx).Flow(flow.Id).XSessionToken(other).
		UpdateSettingsFlowBody(newPassword(goodPassword)).Execute())
	no[*kratos.SettingsFlow](t, http.StatusUnauthorized, "session_inactive")(s.front.CreateNativeSettingsFlow(ctx).Execute())
}

func settingsInBrowser(t *testing.T, s *site) {
	ctx, p := t.Context(), s.page()
	s.create("sara@example.com")
	no[*kratos.SettingsFlow](t, http.StatusUnauthorized, "session_inactive")(p.CreateBrowserSettingsFlow(ctx).Execute())
	s.browserSignIn(p, "sara@example.com")
	flow := ok[*kratos.SettingsFlow](t)(p.CreateBrowserSettingsFlow(ctx).ReturnTo("https://app.example.com/home/done").Execute())
	full := map[string]any{"email": "sara@example.com", "name": map[string]any{"first": "Sara"}}
	send := func(token *string) (*kratos.SettingsFlow, *http.Response, error) {
		return p.UpdateSettingsFlow(ctx).Flow(flow.Id).UpdateSettingsFlowBody(newTraits(full, token)).Execute()
	}
	no[*kratos.SettingsFlow](t, http.StatusForbidden, "security_csrf_violation")(send(nil))
	done := ok[*kratos.SettingsFlow](t)(send(csrf(t, flow.Ui)))
	if done.State != "success" || done.GetReturnTo() != "https://app.example.com/home/done" {
		t.Errorf("the settings end as %v and return to %q", done.State, done.GetReturnTo())
	}
	if shown := ok[*kratos.SettingsFlow](t)(p.GetSettingsFlow(ctx).Id(flow.Id).Execute()); value(shown.Ui, "traits.name.first") != "Sara" {
		t.Errorf("they show %v", value(shown.Ui, "traits.name.first"))
	}
}

// A person looks after the own sessions.
func sessions(t *testing.T, s *site) {
	ctx := t.Context()
	s.create("sess@example.com")
	var tokens []string
	for range 4 {
		tokens = append(tokens, s.token("sess@example.com"))
	}
	mine := tokens[0]
	me := ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(mine).Execute())
	page, resp, err := s.front.ListMySessions(ctx).XSessionToken(mine).PageSize(2).Execute()
	if err != nil || len(page) != 2 || resp.Header.Get("X-Total-Count") != "3" {
		t.Fatalf("%d sessions of %s, %v", len(page), resp.Header.Get("X-Total-Count"), err)
	}
	rest := ok[[]kratos.Session](t)(s.front.ListMySessions(ctx).XSessionToken(mine).PageSize(2).PageToken(nextToken(t, resp.Header)).Execute())
	if len(rest) != 1 || rest[0].Id == page[0].Id || rest[0].Id == page[1].Id || page[0].Id == me.Id {
		t.Errorf("the next page is %+v", rest)
	}
	no[[]kratos.Session](t, http.StatusBadRequest, "")(s.front.ListMySessions(ctx).XSessionToken(mine).PageToken("made-up").Execute())

	second := ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(tokens[1]).Execute())
	yes(t)(s.front.DisableMySession(ctx, second.Id).XSessionToken(mine).Execute())
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ToSession(ctx).XSessionToken(tokens[1]).Execute())
	nothing(t, http.StatusBadRequest, "")(s.front.DisableMySession(ctx, me.Id).XSessionToken(mine).Execute())
	nothing(t, http.StatusBadRequest, "")(s.front.DisableMySession(ctx, "no-uuid").XSessionToken(mine).Execute())
	s.create("stranger@example.com")
	yes(t)(s.front.DisableMySession(ctx, me.Id).XSessionToken(s.token("stranger@example.com")).Execute())
	ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(mine).Execute())

	if n := ok[*kratos.DeleteMySessionsCount](t)(s.front.DisableMyOtherSessions(ctx).XSessionToken(mine).Execute()); n.GetCount() != 2 {
		t.Errorf("%d other sessions were ended", n.GetCount())
	}
	if left := ok[[]kratos.Session](t)(s.front.ListMySessions(ctx).XSessionToken(mine).Execute()); len(left) != 0 {
		t.Errorf("there are still %d others", len(left))
	}
	no[[]kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ListMySessions(ctx).Execute())
	no[*kratos.DeleteMySessionsCount](t, http.StatusUnauthorized, "session_inactive")(s.front.DisableMyOtherSessions(ctx).Execute())
	nothing(t, http.StatusUnauthorized, "session_inactive")(s.front.DisableMySession(ctx, me.Id).Execute())

	// The token is taken as a bearer token, too, and a header wins over a cookie.
	bearer := s.ask(&http.Client{Transport: checked{t}}, http.MethodGet, s.Public+"/sessions/whoami", http.Header{"Authorization": {"Bearer " + mine}}, "", nil)
	if bearer.StatusCode != http.StatusOK {
		t.Errorf("a bearer token is answered %d", bearer.StatusCode)
	}
	p := s.page()
	s.browserSignIn(p, "stranger@example.com")
	if who := ok[*kratos.Session](t)(p.ToSession(ctx).XSessionToken(mine).Execute()); who.Id != me.Id {
		t.Error("the cookie was believed before the header")
	}
	for _, wrong := range []string{"", "gh_st_made.up", mine + "x"} {
		no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ToSession(ctx).XSessionToken(wrong).Execute())
	}

	flow := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).ReturnSessionTokenExchangeCode(true).ReturnTo("https://app.example.com/home").Execute())
	if flow.GetSessionTokenExchangeCode() == "" {
		t.Error("there is no exchange code")
	}
	no[*kratos.SuccessfulNativeLogin](t, http.StatusNotFound, "")(s.front.ExchangeSessionToken(ctx).InitCode(flow.GetSessionTokenExchangeCode()).ReturnToCode("gh_sr_made.up").Execute())
	no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(s.front.ExchangeSessionToken(ctx).InitCode(flow.GetSessionTokenExchangeCode()).ReturnToCode("").Execute())
}

// Assurance levels: who has a second factor is asked for it.
func levels(t *testing.T, s *site) {
	ctx := t.Context()
	no[*kratos.LoginFlow](t, http.StatusUnauthorized, "session_aal1_required")(s.front.CreateNativeLoginFlow(ctx).Aal("aal2").Execute())
	no[*kratos.LoginFlow](t, http.StatusBadRequest, "")(s.front.CreateNativeLoginFlow(ctx).Aal("aal9").Execute())
	body := withPassword("level@example.com")
	body.Credentials.AdditionalProperties = map[string]any{"totp": map[string]any{"config": map[string]any{
		"totp_url": "otpauth://totp/Gatehouse:level@example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Gatehouse&algorithm=SHA1&digits=6&period=30",
	}}}
	ok[*kratos.Identity](t)(s.people.CreateIdentity(ctx).CreateIdentityBody(body).Execute())
	token := s.token("level@example.com")
	b := no[*kratos.Session](t, http.StatusForbidden, "session_aal2_required")(s.front.ToSession(ctx).XSessionToken(token).Execute())
	if b["redirect_browser_to"] == nil {
		t.Errorf("nobody says where the second factor is asked for: %v", b)
	}
	no[*kratos.SettingsFlow](t, http.StatusForbidden, "session_aal2_required")(s.front.CreateNativeSettingsFlow(ctx).XSessionToken(token).Execute())
	no[[]kratos.Session](t, http.StatusForbidden, "session_aal2_required")(s.front.ListMySessions(ctx).XSessionToken(token).Execute())
	flow := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).XSessionToken(token).Aal("aal2").Execute())
	if flow.GetRequestedAal() != "aal2" {
		t.Errorf("the flow asks for %q", flow.GetRequestedAal())
	}
	says(t, flow.Ui, 1010004)
}

// Whoami makes a JWT that a service checks with the published keys.
func tokenized(t *testing.T, s *site) {
	ctx := t.Context()
	made := s.signUp("jwt@example.com")
	who := ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(made.GetSessionToken()).TokenizeAs("app").Execute())
	keys := oidc.NewRemoteKeySet(ctx, s.Public+"/.well-known/jwks.json")
	raw, err := keys.VerifySignature(ctx, who.GetTokenized())
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
		Session string `json:"sid"`
		Email   string `json:"email"`
		Expires int64  `json:"exp"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	life := time.Until(time.Unix(claims.Expires, 0))
	if claims.Subject != made.Identity.Id || claims.Session != who.Id || claims.Email != "jwt@example.com" || claims.Issuer != s.Public+"/" || life <= 0 || life > 2*time.Minute {
		t.Errorf("the JWT says %s", raw)
	}
	no[*kratos.Session](t, http.StatusBadRequest, "")(s.front.ToSession(ctx).XSessionToken(made.GetSessionToken()).TokenizeAs("unknown").Execute())
}

// An administrator looks after everybody's sessions.
func sessionAdmin(t *testing.T, s *site) {
	ctx := t.Context()
	who := s.create("adm@example.com")
	tokens := []string{s.token("adm@example.com"), s.token("adm@example.com"), s.token("adm@example.com")}
	first := ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(tokens[0]).Execute())

	list := ok[[]kratos.Session](t)(s.people.ListIdentitySessions(ctx, who.Id).Active(true).Execute())
	if len(list) != 3 || list[0].Identity.GetId() != who.Id {
		t.Fatalf("the sessions of a person: %+v", list)
	}
	bare := ok[*kratos.Session](t)(s.people.GetSession(ctx, first.Id).Execute())
	whole := ok[*kratos.Session](t)(s.people.GetSession(ctx, first.Id).Expand([]string{"identity", "devices"}).Execute())
	if bare.Identity != nil || whole.Identity.GetId() != who.Id || len(whole.Devices) != 1 {
		t.Errorf("the session is %+v, with all %+v", bare, whole)
	}
	page, resp, err := s.people.ListSessions(ctx).PageSize(2).Active(true).Expand([]string{"identity"}).Execute()
	if err != nil || len(page) != 2 || page[0].Identity == nil {
		t.Fatalf("a page of %+v, %v", page, err)
	}
	ok[[]kratos.Session](t)(s.people.ListSessions(ctx).PageSize(2).Active(true).Expand([]string{"identity"}).PageToken(nextToken(t, resp.Header)).Execute())
	no[[]kratos.Session](t, http.StatusBadRequest, "")(s.people.ListSessions(ctx).Expand([]string{"password"}).Execute())

	extended := ok[*kratos.Session](t)(s.people.ExtendSession(ctx, first.Id).Execute())
	if extended.GetExpiresAt().Before(first.GetExpiresAt()) {
		t.Errorf("extended from %v to %v", first.GetExpiresAt(), extended.GetExpiresAt())
	}
	yes(t)(s.people.DisableSession(ctx, first.Id).Execute())
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ToSession(ctx).XSessionToken(tokens[0]).Execute())
	no[*kratos.Session](t, http.StatusNotFound, "")(s.people.ExtendSession(ctx, first.Id).Execute())
	if ended := ok[*kratos.Session](t)(s.people.GetSession(ctx, first.Id).Execute()); ended.GetActive() {
		t.Error("a session that was ended is active")
	}

	second := ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(tokens[1]).Execute())
	var done struct{ Processed int }
	s.ask(&http.Client{Transport: checked{t}}, http.MethodPost, s.Admin+"/admin/sessions", nil, `{"action":"disable","sessions":["`+second.Id+`"]}`, &done)
	if done.Processed != 1 {
		t.Errorf("%d sessions were ended at once", done.Processed)
	}
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ToSession(ctx).XSessionToken(tokens[1]).Execute())

	yes(t)(s.people.DeleteIdentitySessions(ctx, who.Id).Execute())
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ToSession(ctx).XSessionToken(tokens[2]).Execute())
	if left := ok[[]kratos.Session](t)(s.people.ListIdentitySessions(ctx, who.Id).Execute()); len(left) != 0 {
		t.Errorf("%d sessions are left", len(left))
	}
	nothing(t, http.StatusNotFound, "")(s.people.DeleteIdentitySessions(ctx, who.Id).Execute())
	no[*kratos.Session](t, http.StatusNotFound, "")(s.people.GetSession(ctx, unknownID).Execute())
	nothing(t, http.StatusNotFound, "")(s.people.DisableSession(ctx, unknownID).Execute())
	nothing(t, http.StatusBadRequest, "")(s.people.DisableSession(ctx, "no-uuid").Execute())
}
