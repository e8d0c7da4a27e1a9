package inspect_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/inspect"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

func TestIntrospectionAnswer(t *testing.T) {
	s := start(t)
	login := s.login(s.register("app"))
	now := float64(s.clock.Now().Unix())
	want := map[string]any{
		"active": true, "scope": "openid offline_access read", "client_id": "app", "sub": "alice",
		"exp": now + 3600, "iat": now, "nbf": now, "aud": []any{"reports"}, "iss": issuerURL, "username": "al",
		"token_type": "Bearer", "token_use": "access_token", "ext": map[string]any{"role": "admin", "username": "al"},
	}
	for range 2 { // read, and from memory
		if diff := cmp.Diff(want, s.introspect(login.text("access_token")).json); diff != "" {
			t.Errorf("access token (-want +got):\n%s", diff)
		}
	}
	want["exp"], want["token_use"] = now+720*3600, "refresh_token"
	if diff := cmp.Diff(want, s.introspect(login.text("refresh_token")).json); diff != "" {
		t.Errorf("refresh token (-want +got):\n%s", diff)
	}
	jwt := s.login(s.register("jwt", jwtTokens))
	if got := s.introspect(jwt.text("access_token")); got.json["active"] != true || got.text("client_id") != "jwt" {
		t.Errorf("JWT: %s", got.Body)
	}
}

func TestIntrospectionOfPairwiseSubjects(t *testing.T) {
	s := start(t)
	a := s.register("app")
	login := s.login(a, func(g *token.Grant) { g.Subject, g.RealSubject = "pairwise-1", "alice" })
	if got := s.introspect(login.text("access_token")); got.text("sub") != "alice" || got.text("obfuscated_subject") != "pairwise-1" {
		t.Errorf("administrator: %s", got.Body)
	}
	got := s.wantOK(s.ask(a, "/oauth2/introspect", "token", login.text("access_token")))
	if got.text("sub") != "pairwise-1" || strings.Contains(got.Body.String(), "alice") {
		t.Errorf("OIDC Core §8.1: a client learned the real subject: %s", got.Body)
	}
}

func TestRFC7662_2_1_Form(t *testing.T) {
	s := start(t)
	a := s.register("app")
	text := s.alone(a)
	for _, body := range []string{"", "token=", "scope=read", "token=" + text + "&token=" + text, "token=%zz", "token=a;b", "scope=a&scope=b&token=x"} {
		r := post("/admin/oauth2/introspect")
		r.Body = httptest.NewRequest("POST", "/", strings.NewReader(body)).Body
		s.wantError(s.send(s.admin, r), 400, "invalid_request")
	}
	for _, contentType := range []string{"", "application/json", "multipart/form-data; boundary=x"} {
		r := post("/admin/oauth2/introspect", "token", text)
		r.Header.Set("Content-Type", contentType)
		s.wantError(s.send(s.admin, r), 400, "invalid_request")
	}
	r := post("/admin/oauth2/introspect", "token", text, "token_type_hint", "nonsense", "x", "1")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	if got := s.send(s.admin, r); got.json["active"] != true {
		t.Errorf("%s", got.Body)
	}
	if got := s.send(s.admin, post("/admin/oauth2/introspect", "token", strings.Repeat("x", 70<<10))); got.Code != 413 {
		t.Errorf("status %d for a form of 70 KiB", got.Code)
	}
	for _, path := range []string{"/admin/oauth2/introspect", "/oauth2/introspect"} {
		mux := s.admin
		if path == "/oauth2/introspect" {
			mux = s.public
		}
		if got := s.send(mux, httptest.NewRequest("GET", path+"?token="+text, nil)); got.Code != 405 {
			t.Errorf("GET %s: status %d", path, got.Code)
		}
	}
}

func TestRFC7662_2_1_AskerMustAuthenticate(t *testing.T) {
	s := start(t)
	a, native := s.register("app"), s.register("native", public)
	text := s.alone(a)
	s.wantError(s.send(s.public, post("/oauth2/introspect", "token", text)), 401, "invalid_client")
	s.wantError(s.ask(app{a.Client, "wrong"}, "/oauth2/introspect", "token", text), 401, "invalid_client")
	s.wantError(s.ask(native, "/oauth2/introspect", "token", text), 401, "invalid_client")
	s.wantError(s.ask(a, "/oauth2/introspect"), 400, "invalid_request")
	got := s.wantOK(s.ask(a, "/oauth2/introspect", "token", text))
	if got.json["active"] != true || got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s", got.Body)
	}
}

func TestRFC7662_2_2_InactiveSaysNothing(t *testing.T) {
	s := start(t)
	a, stranger := s.register("app"), s.register("stranger")
	login := s.login(a)
	swept, _ := s.tokens.New("at")
	code, _ := s.tokens.New("ac")
	random, _, _ := strings.Cut(swept, ".")
	_, mac, _ := strings.Cut(login.text("access_token"), ".")
	forged := random + "." + mac
	for _, text := range []string{"x", swept, forged, code, login.text("id_token"), "eyJ.a.b", strings.Repeat("ey.", 30)} {
		s.wantInactive(s.introspect(text))
		s.wantInactive(s.ask(a, "/oauth2/introspect", "token", text))
	}
	// What is not the asker's business reads the same as what does not exist (§2.2, §4).
	s.wantInactive(s.ask(stranger, "/oauth2/introspect", "token", login.text("access_token")))
	s.wantInactive(s.ask(stranger, "/oauth2/introspect", "token", login.text("refresh_token")))

	s.clock.Advance(time.Hour)
	s.wantInactive(s.introspect(login.text("access_token")))
	s.wantOK(s.ask(a, "/oauth2/token", "grant_type", "refresh_token", "refresh_token", login.text("refresh_token")))
	s.wantInactive(s.introspect(login.text("refresh_token"))) // spent
}

func TestRFC7662_4_ResourceServersSeeTokensMeantForThem(t *testing.T) {
	s := start(t)
	a, api := s.register("app"), s.register("api")
	login := s.login(a, func(g *token.Grant) { g.Audience = []string{"reports", "api"} })
	if got := s.ask(api, "/oauth2/introspect", "token", login.text("access_token")); got.json["active"] != true {
		t.Errorf("%s", got.Body)
	}
	s.wantInactive(s.ask(api, "/oauth2/introspect", "token", login.text("refresh_token")))
	if got := s.ask(a, "/oauth2/introspect", "token", login.text("refresh_token")); got.json["active"] != true {
		t.Errorf("its own refresh token: %s", got.Body)
	}
}

func TestClientsMayBeAllowedToSeeAll(t *testing.T) {
	s := start(t, func(c *inspect.Config, _ *keys.Config) { c.AllowedClients = []string{"gateway"} })
	login := s.login(s.register("app"))
	gateway := s.register("gateway")
	for _, name := range []string{"access_token", "refresh_token"} {
		if got := s.ask(gateway, "/oauth2/introspect", "token", login.text(name)); got.json["active"] != true {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
	if faults := (inspect.Config{AllowedClients: []string{"a", ""}}).Validate(); len(faults) != 1 {
		t.Errorf("faults %v", faults)
	}
}

func TestRequiredScopes(t *testing.T) {
	s := start(t)
	a := s.register("app")
	text := s.alone(a, "scope", "read write")
	for scope, want := range map[string]bool{"": true, "read": true, "read write": true, "write  read": true, "admin": false, "read admin": false, "rea": false} {
		if got := s.introspect(text, "scope", scope); (got.json["active"] == true) != want {
			t.Errorf("scope %q: %s", scope, got.Body)
		}
		if got := s.ask(a, "/oauth2/introspect", "token", text, "scope", scope); (got.json["active"] == true) != want {
			t.Errorf("scope %q at the public listener: %s", scope, got.Body)
		}
	}
	s.wantInactive(s.introspect(text, "scope", "admin"))
}

func TestIntrospectionStatements(t *testing.T) {
	s := start(t)
	a := s.register("app")
	text := s.alone(a)
	for _, want := range []uint64{1, 0, 0} {
		before := s.db.Statements()
		s.introspect(text)
		if n := s.db.Statements() - before; n != want {
			t.Errorf("%d statements, want %d", n, want)
		}
	}
	before := s.db.Statements()
	s.wantOK(s.ask(a, "/oauth2/introspect", "token", text))
	if n := s.db.Statements() - before; n != 0 {
		t.Errorf("%d statements at the public listener", n)
	}
}
