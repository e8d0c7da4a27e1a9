package token_test

import (
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestRFC9068_2_JWTAccessToken(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app", jwtTokens)
	login := s.login(a)
	header, got := decodeJWT(t, login.text("access_token"))
	if header["typ"] != "at+jwt" || header["alg"] != "ES256" || header["kid"] == "" {
		t.Errorf("header %v", header)
	}
	now := float64(s.clock.Now().Unix())
	id, _ := got["jti"].(string)
	if len(id) < 32 {
		t.Errorf("jti %q", id)
	}
	delete(got, "jti")
	want := map[string]any{
		"iss": issuerURL, "sub": "alice", "aud": []any{"reports"}, "client_id": "app",
		"exp": now + 3600, "iat": now, "nbf": now,
		"scope": "openid offline_access read write", "scp": []any{"openid", "offline_access", "read", "write"},
		"auth_time": now, "acr": "aal1", "amr": []any{"pwd"}, "ext": map[string]any{"role": "admin"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if _, err := s.keys.Verify(s.ctx, keys.AccessToken, login.text("access_token"), "at+jwt"); err != nil {
		t.Errorf("the signature does not hold: %v", err)
	}
}

func TestRFC9068_2_2_SubjectOfClientCredentialsIsTheClient(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app", jwtTokens)
	got := claims(t, s.wantOK(s.token(a, clientCredentials("scope", "read"))).text("access_token"))
	if got["sub"] != "app" || got["client_id"] != "app" {
		t.Errorf("claims %v", got)
	}
}

func TestRFC9068_3_AudienceIsNeverEmpty(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app", jwtTokens)
	got := claims(t, s.wantOK(s.token(a, clientCredentials())).text("access_token"))
	if diff := cmp.Diff([]any{issuerURL}, got["aud"]); diff != "" {
		t.Error(diff)
	}
}

func TestRFC9068_4_IDTokenIsNoAccessToken(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	login := s.login(s.register("app", jwtTokens))
	if _, err := s.store.Lookup(s.ctx, login.text("id_token")); err == nil {
		t.Error("an ID token was taken for an access token")
	}
}

func TestJWTsCanBeRevoked(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app", jwtTokens)
	text := s.wantOK(s.token(a, clientCredentials())).text("access_token")
	found, err := s.store.Lookup(s.ctx, text)
	if err != nil || !found.Active(s.clock.Now()) {
		t.Fatalf("%+v, %v", found, err)
	}
	before := s.db.Statements()
	if _, err := s.store.Lookup(s.ctx, text); err != nil || s.db.Statements() != before {
		t.Errorf("%v; %d statements for a cached JWT", err, s.db.Statements()-before)
	}
	if err := s.store.RevokeToken(s.ctx, found.Digest); err != nil {
		t.Fatal(err)
	}
	if s.active(text) {
		t.Error("a revoked JWT is active")
	}
}

func TestScopeClaim(t *testing.T) {
	for setting, want := range map[string][2]bool{"list": {false, true}, "string": {true, false}, "both": {true, true}} {
		s := start(t, testkit.SQLite(t, "oauth"), func(c *token.Config) { c.JWT.ScopeClaim = setting; c.AccessTokenStrategy = "jwt" })
		got := claims(t, s.wantOK(s.token(s.register("app"), clientCredentials("scope", "read"))).text("access_token"))
		_, text := got["scope"].(string)
		_, list := got["scp"].([]any)
		if [2]bool{text, list} != want {
			t.Errorf("%s: %v", setting, got)
		}
	}
}

func TestTopLevelClaims(t *testing.T) {
	odd := map[string]any{"role": "admin", "a\"b": "<c>", "count": json.Number("9007199254740993"), "sub": "mallory", "deep": map[string]any{"x": []any{1.5}}}
	for mirror, wantExt := range map[bool]map[string]any{
		true:  {"role": "admin", "a\"b": "<c>", "count": json.Number("9007199254740993"), "sub": "mallory", "deep": map[string]any{"x": []any{json.Number("1.5")}}},
		false: {"sub": "mallory", "deep": map[string]any{"x": []any{json.Number("1.5")}}},
	} {
		s := start(t, testkit.SQLite(t, "oauth"), func(c *token.Config) {
			c.JWT.AllowedTopLevelClaims = []string{"role", "a\"b", "count", "absent"}
			c.JWT.MirrorTopLevelClaims = mirror
		})
		login := s.login(s.register("app", jwtTokens), func(g *token.Grant) { g.AccessClaims = odd })
		raw, err := s.keys.Verify(s.ctx, keys.AccessToken, login.text("access_token"), "at+jwt")
		if err != nil {
			t.Fatal(err)
		}
		var got token.Claims
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		if got["role"] != "admin" || got["a\"b"] != "<c>" || got["count"] != json.Number("9007199254740993") || got["sub"] != "alice" {
			t.Errorf("claims %s", raw)
		}
		if _, there := got["absent"]; there {
			t.Error("a claim out of nothing")
		}
		if diff := cmp.Diff(wantExt, got["ext"]); diff != "" {
			t.Errorf("mirror %v: ext (-want +got):\n%s", mirror, diff)
		}
	}
}

func TestOIDCCore_2_IDToken(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	g := s.grant(a)
	s.clock.Advance(90 * time.Second)
	login := s.wantOK(s.redeem(a, s.code(g)))
	header, got := decodeJWT(t, login.text("id_token"))
	if header["typ"] != "JWT" || header["alg"] != "ES256" {
		t.Errorf("header %v", header)
	}
	if id, _ := got["jti"].(string); id == "" {
		t.Error("no jti")
	}
	delete(got, "jti")
	now, then := float64(s.clock.Now().Unix()), float64(s.clock.Now().Unix()-90)
	want := map[string]any{
		"iss": issuerURL, "sub": "alice", "aud": []any{"app"}, "exp": now + 3600, "iat": now, "nonce": "n-0S6_WzA2Mj",
		"auth_time": then, "rat": then, "acr": "aal1", "amr": []any{"pwd"}, "sid": "session-1", "email": "alice@example.com",
		"at_hash": atHash(login.text("access_token")),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func atHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64url.EncodeToString(sum[:16])
}

func TestOIDCCore_3_1_3_3_IDTokenNeedsOpenIDScope(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a, func(g *token.Grant) { g.Scope = []string{"read", "offline"} })
	if login.text("id_token") != "" || s.wantOK(s.refresh(a, login.text("refresh_token"))).text("id_token") != "" {
		t.Error("an ID token without the scope openid")
	}
}

func TestOIDCCore_12_2_IDTokenOfARefresh(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a)
	first := claims(t, login.text("id_token"))
	s.clock.Advance(time.Hour)
	fresh := s.wantOK(s.refresh(a, login.text("refresh_token")))
	second := claims(t, fresh.text("id_token"))
	for _, same := range []string{"iss", "sub", "aud", "auth_time", "acr", "amr", "sid", "rat", "email"} {
		if diff := cmp.Diff(first[same], second[same]); diff != "" {
			t.Errorf("%s changed: %s", same, diff)
		}
	}
	if _, there := second["nonce"]; there {
		t.Error("the nonce came again")
	}
	if second["iat"].(float64) != first["iat"].(float64)+3600 || second["jti"] == first["jti"] || second["at_hash"] != atHash(fresh.text("access_token")) {
		t.Errorf("claims %v", second)
	}
}

func TestOIDCCore_2_ServersClaimsCannotBeOverridden(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	evil := map[string]any{"ok": true}
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "auth_time", "acr", "amr", "azp", "sid", "at_hash", "c_hash"} {
		evil[name] = "evil"
	}
	login := s.login(s.register("app"), func(g *token.Grant) { g.IDClaims = evil })
	got := claims(t, login.text("id_token"))
	for name, v := range got {
		if v == "evil" {
			t.Errorf("the consent app could set %s", name)
		}
	}
	if got["ok"] != true {
		t.Error("an honest claim got lost")
	}
}

func TestOIDCCore_3_3_2_11_HybridHashes(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	jwt, err := s.issuer.IDToken(s.ctx, a.Client, s.grant(a), "the-access-token", "the-code")
	if err != nil {
		t.Fatal(err)
	}
	if got := claims(t, jwt); got["at_hash"] != atHash("the-access-token") || got["c_hash"] != atHash("the-code") {
		t.Errorf("claims %v", got)
	}
	jwt, err = s.issuer.IDToken(s.ctx, a.Client, s.grant(a), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := claims(t, jwt); got["at_hash"] != nil || got["c_hash"] != nil {
		t.Errorf("hashes of nothing: %v", got)
	}
}

func TestOIDCCore_5_5_ClaimsGoWhereTheyWereAskedFor(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a, func(g *token.Grant) {
		g.IDClaims = map[string]any{"email": "a@b", "phone_number": "1", "name": "Alice", "nickname": "al"}
		g.ClaimsRequest = json.RawMessage(`{"id_token":{"email":null,"nickname":null},"userinfo":{"phone_number":{"essential":true},"nickname":null}}`)
	})
	got := claims(t, login.text("id_token"))
	for name, want := range map[string]bool{"email": true, "phone_number": false, "name": true, "nickname": true} {
		if _, there := got[name]; there != want {
			t.Errorf("%s in the ID token: %v", name, there)
		}
	}
	found, err := s.store.Lookup(s.ctx, login.text("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	o := token.NewObject(0)
	if err := found.UserClaims(o); err != nil {
		t.Fatal(err)
	}
	var user map[string]any
	if err := json.Unmarshal(o.Bytes(), &user); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"email": false, "phone_number": true, "name": true, "nickname": true} {
		if _, there := user[name]; there != want {
			t.Errorf("%s in userinfo: %v", name, there)
		}
	}
}

func TestOIDCCore_8_1_PairwiseSubject(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app", jwtTokens)
	login := s.login(a, func(g *token.Grant) { g.Subject, g.RealSubject = "pairwise-1", "alice" })
	for _, jwt := range []string{login.text("access_token"), login.text("id_token")} {
		if got := claims(t, jwt); got["sub"] != "pairwise-1" {
			t.Errorf("sub %v", got["sub"])
		}
	}
	found, err := s.store.Lookup(s.ctx, login.text("access_token"))
	if err != nil || found.Real() != "alice" || found.Subject != "pairwise-1" {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestObjectEscapes(t *testing.T) {
	for _, s := range []string{"", "plain", `quo"te`, `back\slash`, "line\nbreak", "<&>", "\u2028", "é", "\xff", "\x00"} {
		o := token.NewObject(0)
		o.String("a", s)
		o.Strings("b", []string{s, "x", s})
		o.Joined("c", []string{"x", s, "y"})
		if err := o.Any(s, s); err != nil {
			t.Fatal(err)
		}
		o.Bool("d", true)
		var got map[string]any
		text := o.Bytes()
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v: %s", s, err, text)
		}
		var as string // what encoding/json makes of invalid UTF-8
		raw, _ := json.Marshal(s)
		if err := json.Unmarshal(raw, &as); err != nil {
			t.Fatal(err)
		}
		if got["a"] != as || got["c"] != "x "+as+" y" {
			t.Errorf("%q came out as %s", s, text)
		}
	}
	if got := string(new(token.Object).Bytes()); got != "{}" {
		t.Errorf("an empty object is %s", got)
	}
}

func TestConfigTellsAllFaults(t *testing.T) {
	c := token.Config{AccessTokenStrategy: "paseto"}
	c.JWT.AllowedTopLevelClaims = []string{"role", "sub", "cnf", ""}
	if n := len(c.Validate()); n != 5 {
		t.Errorf("%d faults: %v", n, c.Validate())
	}
	if faults := token.DefaultConfig().Validate(); len(faults) != 0 {
		t.Errorf("the default is not valid: %v", faults)
	}
}
