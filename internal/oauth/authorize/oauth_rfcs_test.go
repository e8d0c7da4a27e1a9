package authorize_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

func confidential(c *client.Client) { c.TokenEndpointAuthMethod = "client_secret_basic" }

func TestRFC7636_4_3_PlainIsRefused(t *testing.T) {
	_, b := endpoint(t)
	wantError(t, b.auth(request("shop", "code_challenge_method", "plain")), "invalid_request")
	wantError(t, b.auth(request("shop", "code_challenge_method", "")), "invalid_request") // absent means plain
	wantError(t, b.auth(request("shop", "code_challenge_method", "s256")), "invalid_request")
}

func TestRFC7636_4_4_1_MissingChallenge(t *testing.T) {
	s, b := endpoint(t)
	none := []string{"code_challenge", "", "code_challenge_method", ""}
	wantError(t, b.auth(request("shop", none...)), "invalid_request")
	wantError(t, b.auth(request("shop", append(none, "response_type", "code id_token")...)), "invalid_request")
	wantError(t, b.auth(request("shop", "code_challenge", "")), "invalid_request") // a method without a challenge
	s.register("web", confidential)
	challengeOf(t, b.auth(request("web", none...)), "login")

	strict, b := endpoint(t, func(p *authorize.Policy) { p.PKCE.Required = true })
	strict.register("web", confidential)
	wantError(t, b.auth(request("web", none...)), "invalid_request")

	lax, b := endpoint(t, func(p *authorize.Policy) { p.PKCE.RequiredForPublicClients = false })
	lax.register("web", confidential)
	challengeOf(t, b.auth(request("shop", none...)), "login")
}

func TestRFC7636_4_2_MalformedChallenge(t *testing.T) {
	_, b := endpoint(t)
	for _, c := range []string{challenge[:42], challenge + "A", challenge[:42] + "=", challenge[:42] + "+", strings.Repeat("é", 22)} {
		wantError(t, b.auth(request("shop", "code_challenge", c)), "invalid_request")
	}
}

func TestRFC7636_4_6_CodeIsBoundToTheChallenge(t *testing.T) {
	s, b := endpoint(t)
	code := answerOf(t, b.through(request("shop"), alice, nil)).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {"shop"}, "code": {code}, "redirect_uri": {redirectURI}}
	if w := b.post("/oauth2/token", form); w.Code != http.StatusBadRequest {
		t.Errorf("without the verifier: %d", w.Code)
	}
	form.Set("code_verifier", verifier[:42]+"Z")
	if w := b.post("/oauth2/token", form); w.Code != http.StatusBadRequest {
		t.Errorf("with another verifier: %d", w.Code)
	}
	if status, answer := s.redeem("shop", code); status != http.StatusOK {
		t.Errorf("with the verifier: %v", answer)
	}
}

func TestRFC8252_7_3_LoopbackPort(t *testing.T) {
	s, b := endpoint(t)
	s.register("cli", func(c *client.Client) {
		c.RedirectURIs = []string{"http://127.0.0.1/cb", "http://[::1]:1/cb", "http://localhost:8080/cb"}
	})
	for _, good := range []string{"http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "http://[::1]:51004/cb", "http://localhost:8080/cb"} {
		to := location(t, b.through(request("cli", "redirect_uri", good), alice, nil))
		if !strings.HasPrefix(to.String(), good+"?") {
			t.Errorf("%s: sent to %s", good, to)
		}
	}
	for _, bad := range []string{
		"http://127.0.0.1:51004/other", "http://127.0.0.2:51004/cb", "http://[::2]:1/cb", "http://localhost:8081/cb", "https://127.0.0.1:1/cb",
		"http://127.0.0.1:99999/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:1@evil.example.com/cb", "http://127.0.0.1:1/cb?x=y", "http://127.0.0.1:1/cb#f",
		"http://127.0.0.1.evil.example.com/cb", "http://127.0.0.1:51004\\@evil.example.com/cb",
	} {
		wantShown(t, b.auth(request("cli", "redirect_uri", bad)), http.StatusBadRequest)
	}
}

func TestRFC8252_8_6_ImpersonableClientsAreAsked(t *testing.T) {
	s, b := endpoint(t)
	const app = "com.example.app:/cb"
	s.register("native", func(c *client.Client) { c.RedirectURIs = []string{app, "https://app.example.com/native"} })
	remember := object{"subject": "alice", "remember": true}
	b.through(request("native", "redirect_uri", app, "scope", "openid"), remember, object{"grant_scope": []string{"openid"}, "remember": true})
	if _, cr := s.get("consent", b.signIn(request("native", "redirect_uri", app, "scope", "openid"), alice)); cr["skip"] != false {
		t.Error("whoever registers the scheme gets a code without a question")
	}
	if _, cr := s.get("consent", b.signIn(request("native", "redirect_uri", "https://app.example.com/native", "scope", "openid"), alice)); cr["skip"] != true {
		t.Error("a claimed https address is asked, although nobody else can have it")
	}
}

// A port of this machine is anybody's who runs a program on it, so it proves no client either. Developers are spared.
func TestRFC8252_8_6_LoopbackClientsAreAskedInProduction(t *testing.T) {
	for _, development := range []bool{false, true} {
		s := start(t, testkit.SQLite(t, "oauth"), func(p *authorize.Policy) { p.Development = development })
		b := s.browser()
		for id, to := range map[string]string{"ip": "http://127.0.0.1:8080/cb", "name": "http://localhost:8080/cb"} {
			s.register(id, func(c *client.Client) { c.RedirectURIs = []string{to} })
			v := request(id, "redirect_uri", to, "scope", "openid")
			b.through(v, object{"subject": "alice", "remember": true}, object{"grant_scope": []string{"openid"}, "remember": true})
			if _, cr := s.get("consent", b.signIn(v, alice)); cr["skip"] != development {
				t.Errorf("%s, development %t: skip is %v", to, development, cr["skip"])
			}
		}
	}
}

// What is taken from a client's registration while somebody signs in is not granted any more.
func TestRFC6749_3_3_GrantFollowsTheRegistration(t *testing.T) {
	s, b := endpoint(t)
	for _, c := range []struct {
		name, want string
		request    []string
		take       func(c *client.Client)
	}{
		{"scope", "invalid_scope", nil, func(c *client.Client) { c.Scope = "openid" }},
		{"audience", "invalid_target", []string{"audience", "reports"}, func(c *client.Client) { c.Audience = nil }},
		{"response type", "unauthorized_client", []string{"response_type", "code id_token"}, func(c *client.Client) { c.ResponseTypes = []string{"code"} }},
		{"grant type", "unauthorized_client", nil, func(c *client.Client) { c.GrantTypes = []string{"client_credentials"} }},
	} {
		id := strings.ReplaceAll(c.name, " ", "-")
		s.register(id)
		v := request(id, c.request...)
		consent := b.signIn(v, alice)
		back := s.accept("consent", consent, object{"grant_scope": strings.Fields(v.Get("scope")), "grant_access_token_audience": strings.Fields(v.Get("audience"))})
		if _, err := s.clients.Change(s.ctx, id, func(cl *client.Client) (*client.Client, error) { c.take(cl); return cl, nil }); err != nil {
			t.Fatal(err)
		}
		wantError(t, b.get(back), c.want)
	}
}

func TestRFC9700_2_6_NoCORS(t *testing.T) {
	s, _ := endpoint(t)
	base, err := web.ParseBaseURL(baseURL)
	if err != nil {
		t.Fatal(err)
	}
	m := web.NewMux(web.OAuthErrors, web.Options{BaseURL: base, CORS: web.CORS{Enabled: true, AllowCredentials: true, AllowedOrigins: []string{"https://spa.example.com"}}})
	s.handler.MountPublic(m)
	for _, path := range []string{"/oauth2/auth?" + request("shop").Encode(), "/oauth2/fallbacks/login", "/oauth2/fallbacks/consent"} {
		r := httptest.NewRequestWithContext(s.ctx, http.MethodGet, path, nil)
		r.Host = "localhost:4444"
		r.Header.Set("Origin", "https://spa.example.com")
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: scripts of %s may read the answer", path, got)
		}
	}
}

func TestRFC9207_2_IssuerInEveryAnswer(t *testing.T) {
	_, b := endpoint(t)
	for _, responseType := range []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token", "token"} {
		got := answerOf(t, b.through(request("shop", "response_type", responseType), alice, nil))
		if got.Get("iss") != baseURL || len(got["iss"]) != 1 {
			t.Errorf("%s: iss is %q", responseType, got["iss"])
		}
		wantError(t, b.auth(request("shop", "response_type", responseType, "scope", "openid admin")), "invalid_scope")
	}
}

func TestRFC9700_2_1_2_TokensStayOutOfTheFrontChannel(t *testing.T) {
	s, b := endpoint(t, func(p *authorize.Policy) {
		p.Development = false
		p.FrontChannelTokens.Clients = []string{"legacy"}
	})
	s.register("legacy")
	for _, responseType := range []string{"id_token", "id_token token", "code id_token", "code token", "code id_token token", "token"} {
		wantError(t, b.auth(request("shop", "response_type", responseType)), "unauthorized_client")
		challengeOf(t, b.auth(request("legacy", "response_type", responseType)), "login")
	}
	challengeOf(t, b.auth(request("shop")), "login")
}

func TestRFC9700_4_2_4_NothingLeaks(t *testing.T) {
	s, b := endpoint(t)
	check := func(what string, w *httptest.ResponseRecorder) {
		t.Helper()
		h := w.Header()
		if h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(h.Get("Cache-Control"), "no-store") || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: headers %v", what, h)
		}
	}
	w := b.auth(request("shop"))
	check("to login", w)
	w = b.get(s.accept("login", challengeOf(t, w, "login"), alice))
	check("to consent", w)
	check("to the client", b.get(s.accept("consent", challengeOf(t, w, "consent"), object{})))
	check("error for the client", b.auth(request("shop", "scope", "admin")))
	check("error for the person", b.auth(request("nobody")))
	check("form_post", b.through(request("shop", "response_mode", "form_post"), alice, nil))
}

func TestRFC9700_4_7_FlowsAreBoundToTheirBrowser(t *testing.T) {
	s, _ := endpoint(t)
	attacker, victim := s.browser(), s.browser()
	// The attacker signs in as himself and gives the address to the victim, who would end up in his account.
	to := s.accept("login", challengeOf(t, attacker.auth(request("shop")), "login"), object{"subject": "mallory", "remember": true})
	wantShown(t, victim.get(to), http.StatusForbidden)
	back := s.accept("consent", challengeOf(t, attacker.get(to), "consent"), object{})
	wantShown(t, victim.get(back), http.StatusForbidden)
	for name := range victim.Cookies {
		t.Errorf("the victim got the cookie %s", name)
	}
	// Neither does a cookie of another flow do, nor one that the attacker changed.
	for name, value := range attacker.Cookies {
		victim.Cookies[name+"x"] = value
	}
	wantShown(t, victim.get(back), http.StatusForbidden)
}

func TestRFC9700_4_11_NoOpenRedirector(t *testing.T) {
	s, b := endpoint(t, func(p *authorize.Policy) { p.URLs.Error = "https://login.example.com/error?lang=en" })
	for _, v := range []url.Values{
		request("nobody"), request("shop", "client_id", ""), request("shop", "redirect_uri", "https://evil.example.com/"),
	} {
		to := location(t, b.auth(v))
		if to.Host != "login.example.com" || to.Query().Get("error") == "" || to.Query().Get("error_description") == "" || to.Query().Get("lang") != "en" {
			t.Errorf("sent to %s", to)
		}
	}
	to := location(t, s.browser().get("/oauth2/auth?login_verifier=x"))
	if to.Host != "login.example.com" {
		t.Errorf("sent to %s", to)
	}
}

func TestRFC9700_4_12_SeeOther(t *testing.T) {
	_, b := endpoint(t)
	if w := b.post("/oauth2/auth", request("shop", "login_hint", "alice")); w.Code != http.StatusSeeOther {
		t.Errorf("status %d: a browser would send the form on", w.Code)
	}
}

func TestFormPostResponseMode_2(t *testing.T) {
	s, b := endpoint(t)
	s.register("native", func(c *client.Client) { c.RedirectURIs = []string{"com.example.app:/cb"} })
	w := b.through(request("shop", "response_mode", "form_post", "response_type", "code id_token", "state", `"><script>alert(1)</script>`), alice, nil)
	page := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(page, `method="post" action="`+redirectURI+`"`) ||
		!strings.Contains(page, `name="code"`) || !strings.Contains(page, `name="id_token"`) || !strings.Contains(page, `name="iss"`) {
		t.Errorf("status %d: %s", w.Code, page)
	}
	if !strings.Contains(page, "<button") || strings.Contains(page, "<script>alert") {
		t.Errorf("the page needs scripts, or runs foreign ones: %s", page)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy: %s", csp)
	}
	if script := b.get("/oauth2/assets/form_post.js"); script.Code != http.StatusOK || !strings.HasPrefix(script.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("script: %d %s", script.Code, script.Header().Get("Content-Type"))
	}
	w = b.auth(request("shop", "response_mode", "form_post", "scope", "admin"))
	if !strings.Contains(w.Body.String(), `value="invalid_scope"`) {
		t.Errorf("an error goes another way: %d %s", w.Code, w.Body)
	}
	w = b.auth(request("native", "redirect_uri", "com.example.app:/cb", "response_mode", "form_post", "scope", "admin"))
	if !strings.Contains(w.Body.String(), `action="com.example.app:/cb"`) {
		t.Errorf("private-use scheme: %s", w.Body)
	}
}

func TestMultipleResponseTypes_5_TokensNeverInTheQuery(t *testing.T) {
	_, b := endpoint(t)
	for _, responseType := range []string{"id_token", "id_token token", "code id_token", "code token", "code id_token token", "token"} {
		w := b.auth(request("shop", "response_type", responseType, "response_mode", "query"))
		wantError(t, w, "invalid_request")
		if location(t, w).RawQuery != "" {
			t.Errorf("%s: the error stands in the query, where no answer would", responseType)
		}
	}
	wantError(t, b.auth(request("shop", "response_mode", "jwt")), "invalid_request")
	to := location(t, b.through(request("shop", "response_mode", "fragment"), alice, nil))
	if to.RawQuery != "" || !strings.Contains(to.Fragment, "code=") {
		t.Errorf("response_mode=fragment: %s", to)
	}
}

func TestRFC8707_2_AudienceMustBeRegistered(t *testing.T) {
	_, b := endpoint(t)
	wantError(t, b.auth(request("shop", "audience", "https://other.example.com")), "invalid_target")
	wantError(t, b.auth(request("shop", "audience", "reports\nadmin")), "invalid_target")
}
