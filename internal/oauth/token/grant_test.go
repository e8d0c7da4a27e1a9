package token_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestRFC6749_3_3_UnregisteredScopeIsRefused(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, scope := range []string{"admin", "read admin", "read\"", "réad"} {
		s.wantError(s.token(a, clientCredentials("scope", scope)), 400, "invalid_scope")
	}
}

func TestRFC6749_4_1_2_CodeIsSingleUse(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	code := s.code(s.grant(a))
	first := s.wantOK(s.redeem(a, code))
	second := s.wantOK(s.refresh(a, first.text("refresh_token")))

	s.wantError(s.redeem(a, code), 400, "invalid_grant")
	for _, text := range []string{first.text("access_token"), second.text("access_token"), second.text("refresh_token")} {
		if s.active(text) {
			t.Error("a token of the family outlived the second use of its code")
		}
	}
	s.wantError(s.refresh(a, second.text("refresh_token")), 400, "invalid_grant")
	s.wantError(s.redeem(a, code), 400, "invalid_grant")
}

func TestRFC6749_4_1_2_CodeExpires(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	inTime, late := s.code(s.grant(a)), s.code(s.grant(a))
	s.clock.Advance(10*time.Minute - time.Microsecond)
	s.wantOK(s.redeem(a, inTime))
	s.clock.Advance(time.Microsecond)
	s.wantError(s.redeem(a, late), 400, "invalid_grant")
}

func TestRFC6749_4_1_3_CodeIsBoundToTheClient(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a, other, native := s.register("app"), s.register("other"), s.register("native", public)
	code := s.code(s.grant(a))
	s.wantError(s.redeem(other, code), 400, "invalid_grant")
	s.wantError(s.redeem(native, code), 400, "invalid_grant")
	s.wantOK(s.redeem(a, code)) // a stranger cannot spoil it
}

func TestRFC6749_4_1_3_RedirectURIMustMatch(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	code := s.code(s.grant(a))
	for _, uri := range []string{redirectURI + "/", redirectURI + "?x=1", "https://app.example.com/CB", "https://evil.example.com/cb", ""} {
		s.wantError(s.token(a, with(redemption(code), "redirect_uri", uri)), 400, "invalid_grant")
	}
	s.wantOK(s.redeem(a, code))
	// Where the authorization request had none, none is needed.
	code = s.code(s.grant(a, func(g *token.Grant) { g.RedirectURI = "" }))
	s.wantOK(s.token(a, with(redemption(code), "redirect_uri", "")))
}

func TestRFC6749_4_1_3_UnknownCode(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a)
	swept, _ := s.tokens.New("ac") // genuine, but not in the database
	for _, code := range []string{"x", swept, swept + "x", login.text("access_token"), login.text("refresh_token"), strings.Repeat("x", 5000), "\x00"} {
		s.wantError(s.redeem(a, code), 400, "invalid_grant")
	}
}

func TestForgedTokensReachNoDatabase(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	s.login(s.register("jwt", jwtTokens))     // signing keys exist and are in memory from here on
	s.wantOK(s.token(a, clientCredentials())) // and so is the client
	code, _ := s.tokens.New("ac")
	other, _ := s.tokens.New("ac")
	random, _, _ := strings.Cut(code, ".")
	_, mac, _ := strings.Cut(other, ".")
	forged := random + "." + mac
	before := s.db.Statements()
	s.wantError(s.redeem(a, forged), 400, "invalid_grant")
	s.wantError(s.refresh(a, strings.Replace(forged, "_ac_", "_rt_", 1)), 400, "invalid_grant")
	for _, text := range []string{forged, strings.Replace(forged, "_ac_", "_at_", 1), strings.Replace(code, "_ac_", "_at_", 1),
		"eyJhbGciOiJFUzI1NiJ9.e30." + strings.Repeat("A", 86), "", "x"} {
		if _, err := s.store.Lookup(s.ctx, text); err == nil {
			t.Errorf("%q was found", text)
		}
	}
	if n := s.db.Statements() - before; n != 0 {
		t.Errorf("%d statements", n)
	}
}

func TestRFC6749_4_4_PublicClientIsRefused(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("native", public)
	s.wantError(s.token(a, clientCredentials()), 400, "unauthorized_client")
}

func TestRFC6749_4_4_3_NoRefreshToken(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	got := s.wantOK(s.token(a, clientCredentials("scope", "offline_access openid offline read")))
	if got.text("refresh_token") != "" || got.text("id_token") != "" || got.text("scope") != "read" {
		t.Errorf("response %s", got.Body)
	}
}

func TestClientCredentials(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	got := s.wantOK(s.token(a, clientCredentials("scope", "read write", "audience", "reports")))
	found, err := s.store.Lookup(s.ctx, got.text("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	if found.Subject != "app" || found.ClientID != "app" || strings.Join(found.Scope, " ") != "read write" ||
		strings.Join(found.Audience, " ") != "reports" || found.Issuer != issuerURL || found.Family != "" {
		t.Errorf("token %+v", found.Grant)
	}
	if got := s.wantOK(s.token(a, clientCredentials())); got.text("scope") != "" {
		t.Errorf("scope %q without a request for one", got.text("scope"))
	}
}

func TestClientCredentialsMayDefaultToAllScopes(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"), func(c *token.Config) { c.ClientCredentials.DefaultGrantAllowedScope = true })
	got := s.wantOK(s.token(s.register("app"), clientCredentials()))
	if got.text("scope") != "read write" {
		t.Errorf("scope %q", got.text("scope"))
	}
}

func TestRFC8707_2_UnregisteredAudienceIsRefused(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for _, audience := range []string{"other", "reports other", "https://api.example.com.evil.example"} {
		s.wantError(s.token(a, clientCredentials("audience", audience)), 400, "invalid_target")
	}
}

func TestLifespansOfTheClient(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	own := func(d time.Duration) client.NullDuration { return client.NullDuration{Duration: d, Valid: true} }
	a := s.register("app", func(c *client.Client) {
		c.Lifespans = client.Lifespans{
			AuthorizationCodeAccess: own(2 * time.Minute), AuthorizationCodeID: own(3 * time.Minute), AuthorizationCodeRefresh: own(4 * time.Minute),
			RefreshTokenAccess: own(5 * time.Minute), RefreshTokenID: own(6 * time.Minute), RefreshTokenRefresh: own(7 * time.Minute),
			ClientCredentialsAccess: own(8 * time.Minute), ImplicitAccess: own(9 * time.Minute),
		}
	})
	lifetime := func(text string) time.Duration {
		found, err := s.store.Lookup(s.ctx, text)
		if err != nil {
			t.Fatal(err)
		}
		return found.ExpiresAt.Sub(found.IssuedAt)
	}
	idLifetime := func(jwt string) time.Duration {
		c := claims(t, jwt)
		return time.Duration(c["exp"].(float64)-c["iat"].(float64)) * time.Second
	}
	login := s.login(a)
	fresh := s.wantOK(s.refresh(a, login.text("refresh_token")))
	alone := s.wantOK(s.token(a, clientCredentials()))
	front, err := s.issuer.AccessToken(s.ctx, a.Client, s.grant(a))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		got  time.Duration
		want time.Duration
	}{
		{"access by code", lifetime(login.text("access_token")), 2 * time.Minute},
		{"id by code", idLifetime(login.text("id_token")), 3 * time.Minute},
		{"refresh by code", lifetime(login.text("refresh_token")), 4 * time.Minute},
		{"access by refresh", lifetime(fresh.text("access_token")), 5 * time.Minute},
		{"id by refresh", idLifetime(fresh.text("id_token")), 6 * time.Minute},
		{"refresh by refresh", lifetime(fresh.text("refresh_token")), 7 * time.Minute},
		{"access by client_credentials", lifetime(alone.text("access_token")), 8 * time.Minute},
		{"access by implicit", lifetime(front.Token), 9 * time.Minute},
		{"expires_in", time.Duration(alone.json["expires_in"].(float64)) * time.Second, 8 * time.Minute},
	} {
		if c.got != c.want {
			t.Errorf("%s lives %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestRFC6749_6_ScopeMayNotWiden(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a, func(g *token.Grant) { g.Scope = []string{"offline", "read"} })
	s.wantError(s.token(a, form("grant_type", "refresh_token", "refresh_token", login.text("refresh_token"), "scope", "read write")), 400, "invalid_scope")
	s.wantOK(s.refresh(a, login.text("refresh_token"))) // the refusal did not spend it
}

func TestRFC6749_6_RefreshTokenKeepsTheOriginalScope(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a)
	narrow := s.wantOK(s.token(a, form("grant_type", "refresh_token", "refresh_token", login.text("refresh_token"), "scope", "read")))
	if narrow.text("scope") != "read" || narrow.text("id_token") != "" {
		t.Errorf("response %s", narrow.Body)
	}
	found, err := s.store.Lookup(s.ctx, narrow.text("access_token"))
	if err != nil || strings.Join(found.Scope, " ") != "read" {
		t.Errorf("the narrowed token has %v (%v)", found, err)
	}
	whole := s.wantOK(s.refresh(a, narrow.text("refresh_token")))
	if whole.text("scope") != "openid offline_access read write" {
		t.Errorf("scope %q after a narrowed refresh", whole.text("scope"))
	}
}

func TestRFC6749_6_RefreshTokenIsBoundToTheClient(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a, other, native := s.register("app"), s.register("other"), s.register("native", public)
	login := s.login(a)
	s.wantError(s.refresh(other, login.text("refresh_token")), 400, "invalid_grant")
	s.wantError(s.refresh(native, login.text("refresh_token")), 400, "invalid_grant")
	s.wantError(s.refresh(a, login.text("access_token")), 400, "invalid_grant")
	s.wantOK(s.refresh(a, login.text("refresh_token")))
}

func TestRFC6749_6_RefreshTokenExpires(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a)
	s.clock.Advance(720 * time.Hour)
	s.wantError(s.refresh(a, login.text("refresh_token")), 400, "invalid_grant")
}

func TestRefreshTokenWithoutEnd(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.issuer.Lifespans.RefreshToken = -1
	a := s.register("app")
	login := s.login(a)
	s.clock.Advance(100_000 * time.Hour)
	if n, err := s.store.Sweep(s.ctx, s.clock.Now(), 100); err != nil || n != 2 { // the code and the access token
		t.Errorf("swept %d, %v", n, err)
	}
	fresh := s.wantOK(s.refresh(a, login.text("refresh_token")))
	// The spent one is kept for a while, not for ever.
	if n, err := s.store.Sweep(s.ctx, s.clock.Now().Add(24*time.Hour), 100); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	if n, err := s.store.Sweep(s.ctx, s.clock.Now().Add(91*24*time.Hour), 100); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	s.wantOK(s.refresh(a, fresh.text("refresh_token")))
}

func TestOIDCCore_11_RefreshTokenNeedsOfflineAccess(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	for scope, want := range map[string]bool{"openid": false, "openid offline": true, "openid offline_access": true} {
		got := s.login(a, func(g *token.Grant) { g.Scope = strings.Fields(scope) })
		if (got.text("refresh_token") != "") != want {
			t.Errorf("scope %s: %s", scope, got.Body)
		}
	}
	without := s.register("without", func(c *client.Client) { c.GrantTypes = []string{"authorization_code"} })
	if got := s.login(without); got.text("refresh_token") != "" {
		t.Error("a refresh token for a client that may not use it")
	}
}

func TestRFC9700_4_14_2_RefreshTokenRotates(t *testing.T) {
	for _, kind := range []func(*client.Client){func(*client.Client) {}, public} {
		s := start(t, testkit.SQLite(t, "oauth"))
		a := s.register("app", kind)
		login := s.login(a)
		second := s.wantOK(s.refresh(a, login.text("refresh_token")))
		if second.text("refresh_token") == login.text("refresh_token") {
			t.Fatal("the refresh token did not rotate")
		}
		third := s.wantOK(s.refresh(a, second.text("refresh_token")))
		if !s.active(login.text("access_token")) {
			t.Error("a refresh ended an access token that may still be in use")
		}

		s.wantError(s.refresh(a, login.text("refresh_token")), 400, "invalid_grant")
		for _, text := range []string{login.text("access_token"), second.text("access_token"), third.text("access_token"), third.text("refresh_token")} {
			if s.active(text) {
				t.Error("a token of the family outlived the reuse of a refresh token")
			}
		}
		s.wantError(s.refresh(a, third.text("refresh_token")), 400, "invalid_grant")
	}
}

func TestReuseByAnotherClientHarmsNobody(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a, other := s.register("app"), s.register("other")
	login := s.login(a)
	second := s.wantOK(s.refresh(a, login.text("refresh_token")))
	s.wantError(s.refresh(other, login.text("refresh_token")), 400, "invalid_grant")
	if !s.active(second.text("refresh_token")) {
		t.Error("another client could end the family")
	}
}

func TestRefreshWithinTheGracePeriod(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"), func(c *token.Config) { c.Refresh.GracePeriod = 10 * time.Second })
	a := s.register("app")
	login := s.login(a)
	first := s.wantOK(s.refresh(a, login.text("refresh_token")))
	s.clock.Advance(9 * time.Second)
	second := s.wantOK(s.refresh(a, login.text("refresh_token")))
	s.wantOK(s.refresh(a, first.text("refresh_token"))) // both go on
	last := s.wantOK(s.refresh(a, second.text("refresh_token")))
	if found, err := s.store.Lookup(s.ctx, second.text("refresh_token")); err != nil || found.Active(s.clock.Now()) {
		t.Error("a spent refresh token is active within the grace period")
	}

	// Using it again did not renew the period; after it, the whole family ends.
	s.clock.Advance(time.Second)
	s.wantError(s.refresh(a, login.text("refresh_token")), 400, "invalid_grant")
	if s.active(last.text("refresh_token")) || s.active(first.text("access_token")) {
		t.Error("what came of a refresh within the grace period is not of the family")
	}
}

func TestGracePeriodDoesNotOutliveRevocation(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"), func(c *token.Config) { c.Refresh.GracePeriod = 10 * time.Second })
	a := s.register("app")
	g := s.grant(a)
	login := s.wantOK(s.redeem(a, s.code(g)))
	s.wantOK(s.refresh(a, login.text("refresh_token")))
	if err := s.store.RevokeFamilies(s.ctx, g.Family); err != nil {
		t.Fatal(err)
	}
	s.wantError(s.refresh(a, login.text("refresh_token")), 400, "invalid_grant")
}

func TestGracePeriodIsNotForCodes(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"), func(c *token.Config) { c.Refresh.GracePeriod = 10 * time.Second })
	a := s.register("app")
	code := s.code(s.grant(a))
	s.wantOK(s.redeem(a, code))
	s.wantError(s.redeem(a, code), 400, "invalid_grant")
}

func TestRefreshFollowsTheRegistration(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a)
	if _, err := s.clients.Change(s.ctx, a.ID, func(c *client.Client) (*client.Client, error) { c.Scope = "openid offline_access read"; return c, nil }); err != nil {
		t.Fatal(err)
	}
	s.wantError(s.refresh(a, login.text("refresh_token")), 400, "invalid_scope")
	narrow := form("grant_type", "refresh_token", "refresh_token", login.text("refresh_token"), "scope", "read")
	s.wantOK(s.token(a, narrow))

	b := s.register("other")
	login = s.login(b)
	if _, err := s.clients.Change(s.ctx, b.ID, func(c *client.Client) (*client.Client, error) { c.Audience = []string{"mail"}; return c, nil }); err != nil {
		t.Fatal(err)
	}
	s.wantError(s.refresh(b, login.text("refresh_token")), 400, "invalid_target")
}

// What is taken from a client's registration between the consent and the redemption does not go into tokens either.
func TestRedemptionFollowsTheRegistration(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	for id, c := range map[string]struct {
		take func(c *client.Client)
		want string
	}{
		"scope":    {func(c *client.Client) { c.Scope = "openid read" }, "invalid_scope"},
		"audience": {func(c *client.Client) { c.Audience = nil }, "invalid_target"},
	} {
		a := s.register(id)
		code := s.code(s.grant(a))
		if _, err := s.clients.Change(s.ctx, a.ID, func(cl *client.Client) (*client.Client, error) { c.take(cl); return cl, nil }); err != nil {
			t.Fatal(err)
		}
		s.wantError(s.redeem(a, code), 400, c.want)
	}
}

func TestRefreshMayNarrowTheAudience(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	login := s.login(a, func(g *token.Grant) { g.Audience = []string{"reports", "https://api.example.com"} })
	request := form("grant_type", "refresh_token", "refresh_token", login.text("refresh_token"))
	s.wantError(s.token(a, with(request, "audience", "https://api.example.com/x")), 400, "invalid_target")
	got := s.wantOK(s.token(a, with(request, "audience", "reports")))
	if found, err := s.store.Lookup(s.ctx, got.text("access_token")); err != nil || strings.Join(found.Audience, " ") != "reports" {
		t.Errorf("token %+v, %v", found, err)
	}
}

func TestRFC7636_4_1_VerifierMustBeWellFormed(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	code := s.code(s.grant(a))
	for _, v := range []string{verifier[:42], strings.Repeat("a", 129), verifier[:42] + "=", verifier[:42] + "é"} {
		s.wantError(s.token(a, with(redemption(code), "code_verifier", v)), 400, "invalid_grant")
	}
}

func TestRFC7636_4_6_VerifierMustMatch(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("native", public)
	code := s.code(s.grant(a))
	for _, v := range []string{"", "x" + verifier[1:], challenge} {
		s.wantError(s.token(a, with(redemption(code), "code_verifier", v)), 400, "invalid_grant")
	}
	s.wantOK(s.redeem(a, code)) // who has the code but not the verifier cannot spoil it
}

func TestRFC9700_2_1_1_VerifierWithoutChallengeIsRefused(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("app")
	code := s.code(s.grant(a, func(g *token.Grant) { g.CodeChallenge = "" }))
	s.wantError(s.redeem(a, code), 400, "invalid_grant")
	s.wantOK(s.token(a, with(redemption(code), "code_verifier", "")))
}
