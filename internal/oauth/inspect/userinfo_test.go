package inspect_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/inspect"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// userinfo asks with the token in the Authorization header.
func (s *server) userinfo(method, text string) answer {
	s.t.Helper()
	r := httptest.NewRequest(method, "/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	return s.send(s.public, r)
}

func TestOIDCCore_5_3_Userinfo(t *testing.T) {
	s := start(t)
	login := s.login(s.register("app"))
	now := float64(s.clock.Now().Unix())
	want := map[string]any{
		"sub": "alice", "iss": issuerURL, "aud": []any{"reports", "app"}, "auth_time": now, "rat": now,
		"acr": "aal1", "amr": []any{"pwd"}, "email": "alice@example.com",
	}
	for _, method := range []string{"GET", "POST", "GET"} {
		got := s.wantOK(s.userinfo(method, login.text("access_token")))
		if diff := cmp.Diff(want, got.json); diff != "" {
			t.Errorf("%s (-want +got):\n%s", method, diff)
		}
		if got.Header().Get("Cache-Control") != "no-store" {
			t.Error("userinfo may be cached")
		}
	}
	jwt := s.login(s.register("jwt", jwtTokens))
	s.wantOK(s.userinfo("GET", jwt.text("access_token")))
}

func TestOIDCCore_5_3_2_SignedUserinfo(t *testing.T) {
	s := start(t, func(_ *inspect.Config, k *keys.Config) { k.IDToken.Algorithm = "RS256" })
	login := s.login(s.register("app", func(c *client.Client) { c.UserinfoSignedResponseAlg = "RS256" }))
	got := s.wantOK(s.userinfo("GET", login.text("access_token")))
	if got.Header().Get("Content-Type") != "application/jwt" {
		t.Errorf("Content-Type %s", got.Header().Get("Content-Type"))
	}
	raw, err := s.keys.Verify(s.ctx, keys.IDToken, got.Body.String(), "JWT")
	if err != nil {
		t.Fatal(err)
	}
	var user map[string]any
	if err := json.Unmarshal(raw, &user); err != nil {
		t.Fatal(err)
	}
	if user["sub"] != "alice" || user["iss"] != issuerURL || user["email"] != "alice@example.com" {
		t.Errorf("claims %s", raw)
	}
}

func TestOIDCCore_5_3_2_UserinfoThatCannotBeSignedIsRefused(t *testing.T) {
	s := start(t) // ID tokens are signed with ES256
	login := s.login(s.register("app", func(c *client.Client) { c.UserinfoSignedResponseAlg = "RS256" }))
	s.wantError(s.userinfo("GET", login.text("access_token")), 500, "server_error")
}

func TestOIDCCore_5_3_1_NeedsOpenIDScope(t *testing.T) {
	s := start(t)
	a := s.register("app")
	login := s.login(a, func(g *token.Grant) { g.Scope = []string{"read"} })
	got := s.wantError(s.userinfo("GET", login.text("access_token")), 403, "insufficient_scope")
	if !strings.Contains(got.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("WWW-Authenticate %q", got.Header().Get("WWW-Authenticate"))
	}
	s.wantError(s.userinfo("GET", s.alone(a)), 403, "insufficient_scope")
}

func TestRFC6750_2_2_TokenInTheBody(t *testing.T) {
	s := start(t)
	login := s.login(s.register("app"))
	s.wantOK(s.send(s.public, post("/userinfo", "access_token", login.text("access_token"))))
	r := post("/userinfo", "access_token", login.text("access_token"))
	r.Method = "GET"
	if got := s.send(s.public, r); got.Code != 401 {
		t.Errorf("GET with a body: status %d", got.Code)
	}
}

func TestRFC6750_2_OneMethodOnly(t *testing.T) {
	s := start(t)
	login := s.login(s.register("app"))
	r := post("/userinfo", "access_token", login.text("access_token"))
	r.Header.Set("Authorization", "Bearer "+login.text("access_token"))
	s.wantError(s.send(s.public, r), 400, "invalid_request")
	r = post("/userinfo", "access_token", "a", "access_token", "b")
	s.wantError(s.send(s.public, r), 400, "invalid_request")
	r = httptest.NewRequest("GET", "/userinfo", nil)
	r.Header["Authorization"] = []string{"Bearer " + login.text("access_token"), "Bearer x"}
	s.wantError(s.send(s.public, r), 400, "invalid_request")
}

func TestRFC9700_4_3_2_TokenInTheQueryIsRefused(t *testing.T) {
	s := start(t)
	login := s.login(s.register("app"))
	got := s.send(s.public, httptest.NewRequest("GET", "/userinfo?access_token="+login.text("access_token"), nil))
	s.wantError(got, 400, "invalid_request")
}

func TestRFC6750_3_Challenge(t *testing.T) {
	s := start(t)
	a := s.register("app")
	// §3.1: who sent no token is told the scheme and no error.
	for _, authorization := range []string{"", "Basic YTpi", "Negotiate x"} {
		r := httptest.NewRequest("GET", "/userinfo", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		got := s.send(s.public, r)
		if challenge := got.Header().Get("WWW-Authenticate"); got.Code != 401 || challenge != `Bearer realm="gatehouse"` {
			t.Errorf("%q: status %d, WWW-Authenticate %q", authorization, got.Code, challenge)
		}
	}
	login := s.login(a)
	swept, _ := s.tokens.New("at")
	for _, text := range []string{"x", swept, login.text("refresh_token"), login.text("id_token")} {
		got := s.wantError(s.userinfo("GET", text), 401, "invalid_token")
		if challenge := got.Header().Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("WWW-Authenticate %q", challenge)
		}
	}
	s.wantOK(s.userinfo("GET", login.text("access_token")))
	s.clock.Advance(time.Hour)
	s.wantError(s.userinfo("GET", login.text("access_token")), 401, "invalid_token")
}

func TestRFC6750_2_1_MalformedHeader(t *testing.T) {
	s := start(t)
	for _, authorization := range []string{"Bearer", "Bearer ", "Bearer a b", "Bearer a\x7f", "bearer é"} {
		r := httptest.NewRequest("GET", "/userinfo", nil)
		r.Header["Authorization"] = []string{authorization}
		got := s.wantError(s.send(s.public, r), 400, "invalid_request")
		if challenge := got.Header().Get("WWW-Authenticate"); !strings.Contains(challenge, `error="invalid_request"`) {
			t.Errorf("WWW-Authenticate %q", challenge)
		}
	}
	login := s.login(s.register("app"))
	r := httptest.NewRequest("GET", "/userinfo", nil)
	r.Header.Set("Authorization", "bearer "+login.text("access_token"))
	s.wantOK(s.send(s.public, r))
}

func TestUserinfoEndsWithTheClient(t *testing.T) {
	s := start(t)
	login := s.login(s.register("app"))
	if err := s.clients.Delete(s.ctx, "app"); err != nil {
		t.Fatal(err)
	}
	s.wantError(s.userinfo("GET", login.text("access_token")), 401, "invalid_token")
}

func TestUserinfoStatements(t *testing.T) {
	s := start(t)
	login := s.login(s.register("app"))
	s.wantOK(s.userinfo("GET", login.text("access_token")))
	before := s.db.Statements()
	s.wantOK(s.userinfo("GET", login.text("access_token")))
	if n := s.db.Statements() - before; n != 0 {
		t.Errorf("%d statements for a cached token", n)
	}
}
