package inspect_test

import (
	"net/http/httptest"
	"testing"
)

func TestRFC7009_2_1_RefreshTokenEndsTheFamily(t *testing.T) {
	s := start(t)
	a := s.register("app")
	login, other := s.login(a), s.login(a)
	fresh := s.wantOK(s.ask(a, "/oauth2/token", "grant_type", "refresh_token", "refresh_token", login.text("refresh_token")))
	for _, text := range []string{login.text("access_token"), fresh.text("access_token"), fresh.text("refresh_token")} {
		if !s.active(text) {
			t.Fatal("not active before")
		}
	}
	got := s.wantOK(s.ask(a, "/oauth2/revoke", "token", fresh.text("refresh_token")))
	if got.Body.Len() != 0 {
		t.Errorf("body %q", got.Body)
	}
	for _, text := range []string{login.text("access_token"), fresh.text("access_token"), fresh.text("refresh_token")} {
		if s.active(text) {
			t.Error("a token of the family is still active")
		}
	}
	if !s.active(other.text("access_token")) {
		t.Error("another family was revoked")
	}
	s.wantError(s.ask(a, "/oauth2/token", "grant_type", "refresh_token", "refresh_token", fresh.text("refresh_token")), 400, "invalid_grant")
}

func TestRFC7009_2_1_AccessTokenEndsAlone(t *testing.T) {
	s := start(t)
	for _, a := range []app{s.register("app"), s.register("jwt", jwtTokens), s.register("native", public)} {
		login := s.login(a)
		if !s.active(login.text("access_token")) {
			t.Fatal("not active before")
		}
		s.wantOK(s.ask(a, "/oauth2/revoke", "token", login.text("access_token")))
		if s.active(login.text("access_token")) {
			t.Error("still active")
		}
		if !s.active(login.text("refresh_token")) {
			t.Error("the refresh token ended with it")
		}
		s.wantOK(s.ask(a, "/oauth2/revoke", "token", login.text("access_token"))) // and again
	}
}

func TestRFC7009_2_1_ClientMustAuthenticate(t *testing.T) {
	s := start(t)
	a := s.register("app")
	text := s.alone(a)
	s.wantError(s.send(s.public, post("/oauth2/revoke", "token", text)), 401, "invalid_client")
	s.wantError(s.ask(app{a.Client, "wrong"}, "/oauth2/revoke", "token", text), 401, "invalid_client")
	if !s.active(text) {
		t.Error("revoked all the same")
	}
}

func TestRFC7009_2_1_AnothersTokenIsNotRevoked(t *testing.T) {
	s := start(t)
	a, other := s.register("app"), s.register("other")
	login := s.login(a)
	for _, name := range []string{"access_token", "refresh_token"} {
		s.wantError(s.ask(other, "/oauth2/revoke", "token", login.text(name)), 400, "unauthorized_client")
		if !s.active(login.text(name)) {
			t.Errorf("%s revoked all the same", name)
		}
	}
}

func TestRFC7009_2_1_WrongHintIsIgnored(t *testing.T) {
	s := start(t)
	a := s.register("app")
	for _, hint := range []string{"refresh_token", "nonsense"} {
		text := s.alone(a)
		s.wantOK(s.ask(a, "/oauth2/revoke", "token", text, "token_type_hint", hint))
		if s.active(text) {
			t.Errorf("hint %s: not revoked", hint)
		}
	}
}

func TestRFC7009_2_2_UnknownTokenIsSuccess(t *testing.T) {
	s := start(t)
	a := s.register("app")
	swept, _ := s.tokens.New("rt")
	for _, text := range []string{"x", swept, swept + "x"} {
		s.wantOK(s.ask(a, "/oauth2/revoke", "token", text))
	}
}

func TestRFC7009_2_2_1_UnsupportedTokenType(t *testing.T) {
	s := start(t)
	a := s.register("app")
	login := s.login(a)
	code, _ := s.tokens.New("ac")
	for _, text := range []string{code, login.text("id_token")} {
		s.wantError(s.ask(a, "/oauth2/revoke", "token", text), 400, "unsupported_token_type")
	}
}

func TestRFC7009_2_1_Form(t *testing.T) {
	s := start(t)
	a := s.register("app")
	s.wantError(s.ask(a, "/oauth2/revoke"), 400, "invalid_request")
	s.wantError(s.ask(a, "/oauth2/revoke", "token", "a", "token", "b"), 400, "invalid_request")
	if got := s.send(s.public, httptest.NewRequest("GET", "/oauth2/revoke?token=x", nil)); got.Code != 405 {
		t.Errorf("GET: status %d", got.Code)
	}
	text := s.alone(a)
	r := post("/oauth2/revoke?token=" + text)
	r.SetBasicAuth(a.ID, a.secret)
	s.wantError(s.send(s.public, r), 400, "invalid_request")
}

func TestForgetClient(t *testing.T) {
	s := start(t)
	a, b := s.register("a"), s.register("b")
	mine, theirs := s.login(a), s.alone(b)
	if !s.active(mine.text("access_token")) || !s.active(theirs) {
		t.Fatal("not active before")
	}
	if got := s.send(s.admin, httptest.NewRequest("DELETE", "/admin/oauth2/tokens", nil)); got.Code != 400 {
		t.Errorf("without a client: status %d", got.Code)
	}
	if got := s.send(s.admin, httptest.NewRequest("DELETE", "/admin/oauth2/tokens?client_id=a", nil)); got.Code != 204 {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
	if s.active(mine.text("access_token")) || s.active(mine.text("refresh_token")) || !s.active(theirs) {
		t.Error("the wrong tokens are gone")
	}
	if got := s.send(s.admin, httptest.NewRequest("DELETE", "/admin/oauth2/tokens?client_id=nobody", nil)); got.Code != 204 {
		t.Errorf("an unknown client: status %d", got.Code)
	}
}
