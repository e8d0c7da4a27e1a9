package token_test

import (
	"bytes"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

var base64url = base64.RawURLEncoding

func clientCredentials(pairs ...string) url.Values {
	return form(append([]string{"grant_type", "client_credentials"}, pairs...)...)
}

func TestRFC6749_2_3_1_CredentialsInTheQueryAreRefused(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, query := range []string{"client_secret=x", "client_id=app&client_secret=" + a.secret, "%63lient_secret=x", "code=x", "refresh_token=x"} {
		r := a.request(clientCredentials())
		r.URL.RawQuery = query
		s.wantError(s.send(r), 400, "invalid_request")
	}
	r := a.request(form())
	r.URL.RawQuery = "grant_type=client_credentials"
	s.wantError(s.send(r), 400, "invalid_request") // what is harmless in the query is not read either
}

func TestRFC6749_3_2_ParametersMustNotRepeat(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, name := range []string{"grant_type", "scope", "client_id", "unknown_to_us"} {
		v := clientCredentials()
		v.Add(name, "client_credentials")
		v.Add(name, "client_credentials")
		s.wantError(s.token(a, v), 400, "invalid_request")
	}
	v := clientCredentials("scope", "")
	v.Add("scope", "read")
	s.wantError(s.token(a, v), 400, "invalid_request")
	// RFC 8707 §2 and Ory's audience are lists.
	v = clientCredentials("audience", "reports", "audience", "https://api.example.com")
	s.wantOK(s.token(a, v))
}

func TestRFC6749_3_2_EmptyParameterIsAbsent(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	s.wantOK(s.token(a, clientCredentials("scope", "", "code", "", "client_secret", "", "anything", "")))
	s.wantError(s.token(a, form("grant_type", "")), 400, "invalid_request")
}

func TestRFC6749_3_2_OnlyPOST(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if got := s.send(httptest.NewRequest(method, "/oauth2/token", nil)); got.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d", method, got.Code)
		}
	}
}

func TestRFC6749_3_2_1_ClientMustAuthenticate(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	code := s.code(s.grant(a))
	wrong := app{a.Client, "wrong"}
	s.wantError(s.token(wrong, redemption(code)), 401, "invalid_client")
	r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(with(redemption(code), "client_id", a.ID).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.wantError(s.send(r), 401, "invalid_client")
	s.wantOK(s.redeem(a, code)) // and none of it spoiled the code
}

func TestRFC6749_3_2_1_PublicClientMustIdentifyItself(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("native", public)
	code := s.code(s.grant(a))
	r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(redemption(code).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.wantError(s.send(r), 401, "invalid_client")
	s.wantOK(s.redeem(a, code))
}

func TestRFC6749_4_1_3_UnknownContentType(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, contentType := range []string{"", "application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencodedd", "@"} {
		r := a.request(clientCredentials())
		r.Header.Set("Content-Type", contentType)
		s.wantError(s.send(r), 400, "invalid_request")
	}
	for _, contentType := range []string{"application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"} {
		r := a.request(clientCredentials())
		r.Header.Set("Content-Type", contentType)
		s.wantOK(s.send(r))
	}
}

func TestMultipartForm(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	send := func(fields [][2]string, file bool) answer {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, f := range fields {
			if err := w.WriteField(f[0], f[1]); err != nil {
				t.Fatal(err)
			}
		}
		if file {
			if _, err := w.CreateFormFile("scope", "scope.txt"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/oauth2/token", &body)
		r.Header.Set("Content-Type", w.FormDataContentType())
		r.SetBasicAuth(a.ID, a.secret)
		return s.send(r)
	}
	got := s.wantOK(send([][2]string{{"grant_type", "client_credentials"}, {"scope", "read"}}, false))
	if got.text("scope") != "read" {
		t.Errorf("scope %q", got.text("scope"))
	}
	s.wantError(send([][2]string{{"grant_type", "client_credentials"}, {"grant_type", "client_credentials"}}, false), 400, "invalid_request")
	s.wantError(send([][2]string{{"grant_type", "client_credentials"}}, true), 400, "invalid_request")

	r := a.request(nil)
	r.Body = http.NoBody
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	s.wantError(s.send(r), 400, "invalid_request")
}

func TestFormIsBounded(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	s.wantError(s.token(a, clientCredentials("padding", strings.Repeat("x", 70<<10))), 413, "invalid_request")
	v := clientCredentials()
	for i := range 100 {
		v.Set("p"+strings.Repeat("x", i), "1")
	}
	s.wantError(s.token(a, v), 400, "invalid_request")
	r := a.request(nil)
	r.Body = http.NoBody
	s.wantError(s.send(r), 400, "invalid_request")
}

func TestRFC6749_5_1_ResponseIsNotCached(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, got := range []answer{s.token(a, clientCredentials()), s.token(a, form("grant_type", "nonsense"))} {
		if got.Header().Get("Cache-Control") != "no-store" || got.Header().Get("Pragma") != "no-cache" {
			t.Errorf("status %d: Cache-Control %q, Pragma %q", got.Code, got.Header().Get("Cache-Control"), got.Header().Get("Pragma"))
		}
	}
}

func TestRFC6749_5_1_Response(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	got := s.login(a)
	if got.json["expires_in"] != float64(3600) || got.text("token_type") != "bearer" || got.text("scope") != "openid offline_access read write" {
		t.Errorf("response %s", got.Body)
	}
	if !strings.HasPrefix(got.text("access_token"), "gh_at_") || !strings.HasPrefix(got.text("refresh_token"), "gh_rt_") {
		t.Errorf("tokens %s", got.Body)
	}
}

func TestRFC6749_5_2_InvalidClientIs401WithChallenge(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	got := s.wantError(s.token(app{a.Client, "wrong"}, clientCredentials()), 401, "invalid_client")
	if !strings.HasPrefix(got.Header().Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("WWW-Authenticate %q", got.Header().Get("WWW-Authenticate"))
	}
	ghost := app{&client.Client{ID: "nobody"}, "x"}
	s.wantError(s.token(ghost, clientCredentials()), 401, "invalid_client")
}

func TestRFC6749_5_2_UnsupportedGrantType(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, name := range []string{"implicit", "urn:ietf:params:oauth:grant-type:saml2-bearer", "Client_Credentials"} {
		s.wantError(s.token(a, form("grant_type", name)), 400, "unsupported_grant_type")
	}
}

func TestRFC6749_5_2_UnauthorizedClient(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	for _, grantType := range []string{"authorization_code", "client_credentials", "refresh_token"} {
		a := s.register("without-"+grantType, func(c *client.Client) { c.GrantTypes = []string{"implicit"} })
		s.wantError(s.token(a, form("grant_type", grantType)), 400, "unauthorized_client")
	}
}

func TestRFC6749_5_2_MissingParameters(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, v := range []url.Values{form(), form("grant_type", "authorization_code"), form("grant_type", "refresh_token")} {
		s.wantError(s.token(a, v), 400, "invalid_request")
	}
}

func TestRFC9700_2_4_PasswordGrantIsRefused(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	s.wantError(s.token(a, form("grant_type", "password", "username", "alice")), 400, "unsupported_grant_type")
}

func TestRFC6749_5_2_DescriptionKeepsToItsCharacters(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, name := range []string{`a"b\c`, "é\n", strings.Repeat("x", 5000)} {
		f := clientCredentials()
		f[name] = []string{"1", "2"}
		got := s.wantError(s.token(a, f), 400, "invalid_request").text("error_description")
		outside := func(c rune) bool { return c < 0x20 || c > 0x7e || c == '"' || c == '\\' }
		if strings.ContainsFunc(got, outside) || len(got) > 400 {
			t.Errorf("error_description %q", got)
		}
	}
}
