package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// endpoint is a server on SQLite with the client "shop", and a browser.
func endpoint(t *testing.T, change ...func(*authorize.Policy)) (*server, *browser) {
	t.Helper()
	s := start(t, testkit.SQLite(t, "oauth"), change...)
	s.register("shop")
	return s, s.browser()
}

func TestRFC6749_3_1_RepeatedParameters(t *testing.T) {
	_, b := endpoint(t)
	for _, name := range []string{"client_id", "redirect_uri", "state", "response_type", "response_mode"} {
		v := request("shop", "response_mode", "query")
		v[name] = append(v[name], v[name][0]) // even the same value
		wantShown(t, b.auth(v), http.StatusBadRequest)
	}
	for _, name := range []string{"scope", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age", "id_token_hint",
		"login_hint", "acr_values", "ui_locales", "display", "claims", "request", "request_uri", "registration"} {
		v := request("shop")
		v[name] = []string{"login", "login"}
		wantError(t, b.auth(v), "invalid_request")
	}
	// Half in the query, half in the form, is twice as well.
	wantShown(t, b.post("/oauth2/auth?client_id=shop", request("shop")), http.StatusBadRequest)
}

func TestRFC6749_3_1_UnknownAndEmptyParameters(t *testing.T) {
	s, b := endpoint(t)
	v := request("shop")
	v["utm_source"] = []string{"a", "b"}
	v["max_age"] = []string{""}
	v["prompt"] = []string{""}
	_, lr := s.get("login", challengeOf(t, b.auth(v), "login"))
	if lr["skip"] != false {
		t.Errorf("login request: %v", lr)
	}
	w := b.get("/oauth2/auth?client_id=shop&%zz")
	wantShown(t, w, http.StatusBadRequest)
	wantShown(t, b.get("/oauth2/auth?client_id=shop&x="+strings.Repeat("x", 17<<10)), http.StatusBadRequest)
}

func TestRFC6749_3_1_PostIsUnderstood(t *testing.T) {
	s, b := endpoint(t)
	v := request("shop")
	login := challengeOf(t, b.post("/oauth2/auth", v), "login")
	_, lr := s.get("login", login)
	if lr["request_url"] != baseURL+"/oauth2/auth?"+v.Encode() {
		t.Errorf("the request cannot be started again at %v", lr["request_url"])
	}
	consent := challengeOf(t, b.get(s.accept("login", login, alice)), "consent")
	if answerOf(t, b.get(s.accept("consent", consent, object{}))).Get("code") == "" {
		t.Error("no code")
	}
}

func TestRFC6749_3_1_1_ResponseType(t *testing.T) {
	s, b := endpoint(t)
	wantError(t, b.auth(request("shop", "response_type", "")), "invalid_request")
	for _, unknown := range []string{"foo", "code foo", "code code", "Code", "none", "code,id_token"} {
		wantError(t, b.auth(request("shop", "response_type", unknown)), "unsupported_response_type")
	}
	for _, anyOrder := range []string{"id_token code", "token id_token", "token code id_token"} {
		challengeOf(t, b.auth(request("shop", "response_type", anyOrder)), "login")
	}
	s.register("narrow", func(c *client.Client) { c.ResponseTypes = []string{"code"} })
	wantError(t, b.auth(request("narrow", "response_type", "code id_token")), "unauthorized_client")
}

func TestRFC6749_3_1_2_QueryOfTheRedirectURIIsKept(t *testing.T) {
	s, b := endpoint(t)
	for id, registered := range map[string]string{"one": redirectURI + "?a=b", "two": redirectURI + "?", "three": redirectURI + "?a=b&"} {
		s.register(id, func(c *client.Client) { c.RedirectURIs = []string{registered} })
		to := location(t, b.through(request(id, "redirect_uri", registered), alice, nil))
		if !strings.HasPrefix(to.String(), registered) || strings.Contains(to.RawQuery, "&&") || to.Query().Get("code") == "" {
			t.Errorf("%s: sent to %s", registered, to)
		}
	}
}

func TestRFC6749_3_1_2_3_MissingRedirectURI(t *testing.T) {
	s, b := endpoint(t)
	s.register("two", func(c *client.Client) { c.RedirectURIs = []string{redirectURI, redirectURI + "2"} })
	wantShown(t, b.auth(request("two", "redirect_uri", "", "scope", "read")), http.StatusBadRequest)
	v := request("shop", "redirect_uri", "", "scope", "read")
	code := answerOf(t, b.through(v, alice, nil)).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {"shop"}, "code": {code}, "code_verifier": {verifier}}
	if w := b.post("/oauth2/token", form); w.Code != http.StatusOK { // §4.1.3: need not be repeated
		t.Errorf("token: %d %s", w.Code, w.Body)
	}
}

func TestRFC6749_3_1_2_4_InvalidRedirectURIIsNeverFollowed(t *testing.T) {
	_, b := endpoint(t)
	for _, uri := range []string{
		"https://evil.example.com/cb", redirectURI + "/", redirectURI + "?x=y", redirectURI + "#x", "https://app.example.com/CB",
		"https://app.example.com:443/cb", "http://app.example.com/cb", "https://app.example.com/cb/../cb", "//app.example.com/cb", "/cb",
		"https://app.example.com@evil.example.com/cb", "https://app.example.com\\@evil.example.com/cb", "javascript:alert(1)",
		"https://app.example.com/cb%0d%0aX:y",
	} {
		wantShown(t, b.auth(request("shop", "redirect_uri", uri)), http.StatusBadRequest)
	}
}

func TestRFC6749_3_3_Scope(t *testing.T) {
	_, b := endpoint(t)
	for _, scope := range []string{"openid admin", "openid \"x\"", "openid b\\c", "openid é", strings.Repeat("read ", 1000)} {
		wantError(t, b.auth(request("shop", "scope", scope)), "invalid_scope")
	}
}

func TestRFC6749_4_1_1_Client(t *testing.T) {
	_, b := endpoint(t)
	wantShown(t, b.auth(request("nobody")), http.StatusUnauthorized)
	wantShown(t, b.auth(request("shop", "client_id", "")), http.StatusBadRequest)
}

func TestRFC6749_4_1_2_1_ErrorResponse(t *testing.T) {
	s, b := endpoint(t)
	got := wantError(t, b.auth(request("shop", "scope", "admin")), "invalid_scope")
	if got.Get("state") != "state-0123456789" {
		t.Error("the state is not repeated")
	}
	for _, c := range got.Get("error_description") {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			t.Errorf("error_description contains %q", c)
		}
	}
	s.register("service", func(c *client.Client) { c.GrantTypes = []string{"client_credentials"} })
	wantError(t, b.auth(request("service")), "unauthorized_client")
	s.register("pure", func(c *client.Client) { c.GrantTypes = []string{"authorization_code"} })
	wantError(t, b.auth(request("pure", "response_type", "token")), "unauthorized_client")
	wantError(t, b.auth(request("pure", "response_type", "id_token")), "unauthorized_client")
}

func TestRFC6749_4_1_2_1_ErrorsOfOursKeepTheirCause(t *testing.T) {
	s, b := endpoint(t)
	challengeOf(t, b.auth(request("shop")), "login") // the client is in memory, so where the answer goes is known
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	v := answerOf(t, b.auth(request("shop")))
	if e := v.Get("error"); e != "server_error" && e != "temporarily_unavailable" || strings.Contains(v.Get("error_description"), "sql") {
		t.Errorf("answer: %v", v)
	}
}

func TestRFC6749_4_2_2_ImplicitAnswer(t *testing.T) {
	_, b := endpoint(t)
	w := b.through(request("shop", "response_type", "token", "scope", "read write", "code_challenge", "", "code_challenge_method", ""), alice, object{"grant_scope": []string{"read"}})
	to := location(t, w)
	if to.RawQuery != "" {
		t.Errorf("something stands in the query: %s", to)
	}
	got := answerOf(t, w)
	if got.Get("access_token") == "" || got.Get("token_type") != "bearer" || got.Get("expires_in") != "3600" || got.Get("scope") != "read" || got.Get("state") != "state-0123456789" {
		t.Errorf("answer: %v", got)
	}
	for _, never := range []string{"refresh_token", "code", "id_token"} {
		if got.Has(never) {
			t.Errorf("the answer brings a %s", never)
		}
	}
}

func TestRFC6749_10_12_State(t *testing.T) {
	_, b := endpoint(t)
	wantError(t, b.auth(request("shop", "state", "1234567")), "invalid_state")
	bare := request("shop", "state", "", "scope", "read", "nonce", "", "response_type", "token")
	wantError(t, b.auth(bare), "invalid_state")                   // nothing binds the answer to the browser
	challengeOf(t, b.auth(request("shop", "state", "")), "login") // PKCE does (RFC 9700 §2.1)
}

// State comes back as it was sent (§4.1.2). What cannot be kept exactly is refused instead of changed.
func TestRFC6749_A_5_StateIsNeverChanged(t *testing.T) {
	_, b := endpoint(t)
	const odd = "\xff-0123456789"
	if got := wantError(t, b.auth(request("shop", "state", odd)), "invalid_request").Get("state"); got != odd {
		t.Errorf("state is %q", got)
	}
	wantError(t, b.auth(request("shop", "nonce", "nonce\x00-0123456789")), "invalid_request")
	wantError(t, b.auth(request("shop", "login_hint", "\x1b[31malice")), "invalid_request")
	const strange = "über 100 % \"&=#+"
	if got := answerOf(t, b.through(request("shop", "state", strange), alice, nil)).Get("state"); got != strange {
		t.Errorf("state is %q", got)
	}
}
