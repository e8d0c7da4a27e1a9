package interop

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	kratos "github.com/ory/kratos-client-go"
)

// Submissions that fit nothing.
func refusals(t *testing.T, s *site) {
	ctx := t.Context()
	by := &http.Client{Transport: checked{t}}
	flow := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).Execute())
	for _, c := range []struct {
		name, media, body string
		status            int
	}{
		{"no method", "application/json", `{}`, http.StatusBadRequest},
		{"an unknown method", "application/json", `{"method":"telepathy"}`, http.StatusBadRequest},
		{"a method that is off", "application/json", `{"method":"webauthn"}`, http.StatusBadRequest},
		{"no password", "application/json", `{"method":"password","identifier":"x@example.com"}`, http.StatusBadRequest},
		{"no JSON", "application/json", `{"method":`, http.StatusBadRequest},
		{"a list", "application/json", `[]`, http.StatusBadRequest},
		{"XML", "application/xml", `<method/>`, http.StatusUnsupportedMediaType},
	} {
		resp := s.ask(by, http.MethodPost, flow.Ui.Action, http.Header{"Content-Type": {c.media}}, c.body, nil)
		if resp.StatusCode != c.status {
			t.Errorf("%s is answered %d", c.name, resp.StatusCode)
		}
	}
	ok[*kratos.LoginFlow](t)(s.front.GetLoginFlow(ctx).Id(flow.Id).Execute())

	// Native flows are kept from browsers: cookies and origins.
	for _, h := range []http.Header{{"Cookie": {"a=b"}}, {"Origin": {"https://app.example.com"}}} {
		if resp := s.ask(by, http.MethodGet, s.Public+"/self-service/login/api", h, "", nil); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("a browser begins a native flow and is answered %d", resp.StatusCode)
		}
		if resp := s.ask(by, http.MethodPost, flow.Ui.Action, h, `{"method":"password","identifier":"a","password":"b"}`, nil); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("a browser submits a native flow and is answered %d", resp.StatusCode)
		}
	}

	// A script may send the CSRF token as a header.
	s.create("header@example.com")
	p := s.page()
	login := ok[*kratos.LoginFlow](t)(p.CreateBrowserLoginFlow(ctx).Execute())
	header := http.Header{"X-Csrf-Token": {*csrf(t, login.Ui)}, "Accept": {"application/json"}}
	resp := s.ask(p.http, http.MethodPost, login.Ui.Action, header, `{"method":"password","identifier":"header@example.com","password":"`+goodPassword+`"}`, nil)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("with the token in a header: %d", resp.StatusCode)
	}

	// Other methods than those that there are.
	for path, method := range map[string]string{
		"/self-service/login": http.MethodDelete, "/self-service/login/flows": http.MethodPost, "/sessions": http.MethodPut, "/self-service/logout/api": http.MethodGet,
	} {
		if resp := s.ask(&http.Client{}, method, s.Public+path, nil, "", nil); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s is answered %d, allowed is %q", method, path, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}

	// What is no JSON, and who is nobody.
	for path, body := range map[string]string{
		"/admin/identities":     `{"schema_id":"default","traits":{"email":`,
		"/admin/recovery/code":  `{"identity_id":"no-uuid"}`,
		"/admin/sessions":       `{"action":"forget"}`,
		"/admin/identities?x=1": `{"schema_id":"default","traits":"none"}`,
	} {
		if resp := s.ask(by, http.MethodPost, s.Admin+path, nil, body, nil); resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s with %s is answered %d", path, body, resp.StatusCode)
		}
	}
}

// A server sends browsers only where its operator allows.
func returnTo(t *testing.T, s *site) {
	ctx := t.Context()
	for _, to := range []string{
		"https://evil.example", "//evil.example", "https://app.example.com.evil.example/home", "https://app.example.com@evil.example/home",
		"https://app.example.com/elsewhere", "http://app.example.com/home", "https://apps.example.com/", "javascript:alert(1)",
		"https://app.example.com/home/../elsewhere", `https://app.example.com\@evil.example/home`, "/\\evil.example", "https://app.example.com/homestead",
	} {
		no[*kratos.LoginFlow](t, http.StatusBadRequest, "self_service_flow_return_to_forbidden")(s.page().CreateBrowserLoginFlow(ctx).ReturnTo(to).Execute())
	}
	no[*kratos.RegistrationFlow](t, http.StatusBadRequest, "self_service_flow_return_to_forbidden")(s.page().CreateBrowserRegistrationFlow(ctx).ReturnTo("https://evil.example").Execute())
	no[*kratos.RecoveryFlow](t, http.StatusBadRequest, "self_service_flow_return_to_forbidden")(s.page().CreateBrowserRecoveryFlow(ctx).ReturnTo("https://evil.example").Execute())
	no[*kratos.VerificationFlow](t, http.StatusBadRequest, "self_service_flow_return_to_forbidden")(s.page().CreateBrowserVerificationFlow(ctx).ReturnTo("https://evil.example").Execute())
	for to, want := range map[string]string{
		"https://app.example.com/home":              "",
		"https://app.example.com/home/deep?a=b#c":   "",
		"https://one.apps.example.com/anything":     "",
		"https://far.one.apps.example.com/anything": "",
		s.path("/account/settings"):                 s.Public + "/account/settings",
		s.Public + "/account/":                      "",
	} {
		if want == "" {
			want = to
		}
		if flow := ok[*kratos.LoginFlow](t)(s.page().CreateBrowserLoginFlow(ctx).ReturnTo(to).Execute()); flow.GetReturnTo() != want {
			t.Errorf("%s becomes %q", to, flow.GetReturnTo())
		}
	}
	s.create("strange@example.com")
	p := s.page()
	s.browserSignIn(p, "strange@example.com")
	no[*kratos.LogoutFlow](t, http.StatusBadRequest, "self_service_flow_return_to_forbidden")(p.CreateBrowserLogoutFlow(ctx).ReturnTo("https://evil.example").Execute())
	out := ok[*kratos.LogoutFlow](t)(p.CreateBrowserLogoutFlow(ctx).Execute())
	nothing(t, http.StatusBadRequest, "self_service_flow_return_to_forbidden")(p.UpdateLogoutFlow(ctx).Token(out.LogoutToken).ReturnTo("https://evil.example").Execute())
	ok[*kratos.Session](t)(p.ToSession(ctx).Execute())
}

// Flows that are not there, are of another kind, or of another browser.
func strangeFlows(t *testing.T, s *site) {
	ctx := t.Context()
	s.create("flows@example.com")
	token := s.token("flows@example.com")
	for _, id := range []string{unknownID, "no-uuid", ""} {
		no[*kratos.LoginFlow](t, http.StatusNotFound, "")(s.front.GetLoginFlow(ctx).Id(id).Execute())
		no[*kratos.RegistrationFlow](t, http.StatusNotFound, "")(s.front.GetRegistrationFlow(ctx).Id(id).Execute())
		no[*kratos.RecoveryFlow](t, http.StatusNotFound, "")(s.front.GetRecoveryFlow(ctx).Id(id).Execute())
		no[*kratos.VerificationFlow](t, http.StatusNotFound, "")(s.front.GetVerificationFlow(ctx).Id(id).Execute())
		no[*kratos.SettingsFlow](t, http.StatusNotFound, "")(s.front.GetSettingsFlow(ctx).Id(id).XSessionToken(token).Execute())
		no[*kratos.SuccessfulNativeLogin](t, http.StatusNotFound, "")(s.front.UpdateLoginFlow(ctx).Flow(id).UpdateLoginFlowBody(byPassword("a", "b", nil)).Execute())
		_, resp, err := s.recoverBy(id, &kratos.UpdateRecoveryFlowWithCodeMethod{Email: new("a@example.com")})
		no[*kratos.RecoveryFlow](t, http.StatusNotFound, "")(nil, resp, err)
	}
	login := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).Execute())
	no[*kratos.RegistrationFlow](t, http.StatusNotFound, "")(s.front.GetRegistrationFlow(ctx).Id(login.Id).Execute())
	mine := ok[*kratos.LoginFlow](t)(s.page().CreateBrowserLoginFlow(ctx).Execute())
	no[*kratos.LoginFlow](t, http.StatusForbidden, "security_csrf_violation")(s.page().GetLoginFlow(ctx).Id(mine.Id).Execute())
	no[*kratos.SuccessfulNativeLogin](t, http.StatusForbidden, "security_csrf_violation")(s.page().UpdateLoginFlow(ctx).Flow(mine.Id).
		UpdateLoginFlowBody(byPassword("flows@example.com", goodPassword, csrf(t, mine.Ui))).Execute())

	// A login that is over gives another one.
	first := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).Execute())
	ok[*kratos.SuccessfulNativeLogin](t)(s.front.UpdateLoginFlow(ctx).Flow(first.Id).UpdateLoginFlowBody(byPassword("flows@example.com", goodPassword, nil)).Execute())
	b := no[*kratos.SuccessfulNativeLogin](t, http.StatusGone, "self_service_flow_replaced")(s.front.UpdateLoginFlow(ctx).Flow(first.Id).
		UpdateLoginFlowBody(byPassword("flows@example.com", goodPassword, nil)).Execute())
	ok[*kratos.SuccessfulNativeLogin](t)(s.front.UpdateLoginFlow(ctx).Flow(b["use_flow_id"].(string)).UpdateLoginFlowBody(byPassword("flows@example.com", goodPassword, nil)).Execute())
}

// What goes wrong outside of a form is kept for the error page.
func flowErrors(t *testing.T, s *site) {
	ctx, p := t.Context(), s.page()
	resp := s.ask(p.http, http.MethodGet, s.Public+"/self-service/login/browser?return_to=https://evil.example", http.Header{"Accept": {"text/html"}}, "", nil)
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther || to.Path != s.path("/account/error") {
		t.Fatalf("a strange return_to leads to %v, %v", to, err)
	}
	kept := ok[*kratos.FlowError](t)(s.front.GetFlowError(ctx).Id(to.Query().Get("id")).Execute())
	if kept.Error["id"] != "self_service_flow_return_to_forbidden" || kept.Error["code"] != float64(http.StatusBadRequest) {
		t.Errorf("the error is %v", kept.Error)
	}
	if stub := ok[*kratos.FlowError](t)(s.front.GetFlowError(ctx).Id("stub:500").Execute()); stub.Error["code"] != float64(http.StatusInternalServerError) {
		t.Errorf("the stub is %v", stub.Error)
	}
	no[*kratos.FlowError](t, http.StatusNotFound, "")(s.front.GetFlowError(ctx).Id(unknownID).Execute())
}

// Both listeners say that they are well.
func health(t *testing.T, s *site) {
	for _, at := range []string{s.Public, s.Admin} {
		c := client(at, &http.Client{Transport: checked{t}})
		if at == s.Public { // strangers need not know the version
			no[*kratos.GetVersion200Response](t, http.StatusNotFound, "")(client(at, &http.Client{}).MetadataAPI.GetVersion(t.Context()).Execute())
		} else if v, _, err := c.MetadataAPI.GetVersion(t.Context()).Execute(); err != nil || v.Version == "" {
			t.Errorf("version: %+v, %v", v, err)
		}
		if v, _, err := c.MetadataAPI.IsAlive(t.Context()).Execute(); err != nil || v.Status != "ok" {
			t.Errorf("alive: %+v, %v", v, err)
		}
		if v, _, err := c.MetadataAPI.IsReady(t.Context()).Execute(); err != nil || v.Status != "ok" {
			t.Errorf("ready: %+v, %v", v, err)
		}
	}
	if resp := s.ask(&http.Client{}, http.MethodGet, s.Public+"/admin/identities", nil, "", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the public listener answers %d to an administrator", resp.StatusCode)
	}
	if !strings.HasPrefix(s.Public, "http://127.0.0.1:") {
		t.Error("the server listens elsewhere")
	}
}
