package interop

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	hydra "github.com/ory/hydra-client-go/v2"
	"golang.org/x/oauth2"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// explain shows the answer's body, which Ory's errors keep for themselves.
func explain(err error) string {
	if api, ok := errors.AsType[*hydra.GenericOpenAPIError](err); ok {
		return api.Error() + ": " + string(api.Body())
	}
	return err.Error()
}

func must[T any](t *testing.T) func(v T, _ *http.Response, err error) T {
	return func(v T, _ *http.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(explain(err))
		}
		return v
	}
}

func done(t *testing.T) func(_ *http.Response, err error) {
	return func(_ *http.Response, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(explain(err))
		}
	}
}

func status(t *testing.T, want int) func(_ any, resp *http.Response, err error) {
	return func(_ any, resp *http.Response, err error) {
		t.Helper()
		if err == nil || resp == nil || resp.StatusCode != want {
			t.Fatalf("want HTTP %d, got %v, %v", want, resp, err)
		}
	}
}

func TestHydraClients(t *testing.T) {
	s := process.Start(t, process.Options{})
	_, api := sdk(s)
	ctx, admin := t.Context(), api.OAuth2API
	c := webClient()
	c.SetClientId("my-app")
	c.SetMetadata(map[string]any{"team": "a"})
	c.SetAuthorizationCodeGrantAccessTokenLifespan("10m")
	c.SetOwner("team-a")
	made := must[*hydra.OAuth2Client](t)(admin.CreateOAuth2Client(ctx).OAuth2Client(c).Execute())
	if made.GetClientId() != "my-app" || made.GetClientSecret() == "" || made.GetOwner() != "team-a" {
		t.Fatalf("created %+v", made)
	}
	status(t, http.StatusConflict)(admin.CreateOAuth2Client(ctx).OAuth2Client(c).Execute())
	got := must[*hydra.OAuth2Client](t)(admin.GetOAuth2Client(ctx, "my-app").Execute())
	if got.GetClientSecret() != "" {
		t.Fatal("a secret was shown a second time")
	}
	if d := cmp.Diff(map[string]any{"team": "a"}, got.Metadata); d != "" {
		t.Fatal(d)
	}
	got.SetClientName("Renamed")
	if set := must[*hydra.OAuth2Client](t)(admin.SetOAuth2Client(ctx, "my-app").OAuth2Client(*got).Execute()); set.GetClientName() != "Renamed" {
		t.Fatalf("set %+v", set)
	}
	patch := *hydra.NewJsonPatch("replace", "/scope")
	patch.SetValue("openid")
	if patched := must[*hydra.OAuth2Client](t)(admin.PatchOAuth2Client(ctx, "my-app").JsonPatch([]hydra.JsonPatch{patch}).Execute()); patched.GetScope() != "openid" {
		t.Fatalf("patched %+v", patched)
	}
	var spans hydra.OAuth2ClientTokenLifespans
	spans.SetClientCredentialsGrantAccessTokenLifespan("5m")
	if with := must[*hydra.OAuth2Client](t)(admin.SetOAuth2ClientLifespans(ctx, "my-app").OAuth2ClientTokenLifespans(spans).Execute()); with.GetClientCredentialsGrantAccessTokenLifespan() != "5m0s" {
		t.Fatalf("lifespans %+v", with)
	}
	status(t, http.StatusNotFound)(admin.GetOAuth2Client(ctx, "nobody").Execute())
	done(t)(admin.DeleteOAuth2Client(ctx, "my-app").Execute())
	status(t, http.StatusNotFound)(admin.GetOAuth2Client(ctx, "my-app").Execute())
}

func TestHydraClientPages(t *testing.T) {
	s := process.Start(t, process.Options{})
	_, api := sdk(s)
	for range 7 {
		register(t, s, webClient())
	}
	seen, token := map[string]bool{}, ""
	for pages := 0; ; pages++ {
		call := api.OAuth2API.ListOAuth2Clients(t.Context()).PageSize(3)
		if token != "" {
			call = call.PageToken(token)
		}
		page, resp, err := call.Execute()
		if err != nil {
			t.Fatal(explain(err))
		}
		for _, c := range page {
			seen[c.GetClientId()] = true
		}
		if token = nextToken(t, resp.Header); token == "" {
			if pages != 2 {
				t.Errorf("%d pages of 3 for 7 clients", pages+1)
			}
			break
		}
	}
	if len(seen) != 7 {
		t.Errorf("the pages hold %d of 7 clients", len(seen))
	}
}

func TestHydraKeys(t *testing.T) {
	s := process.Start(t, process.Options{})
	public, api := sdk(s)
	ctx, admin := t.Context(), api.JwkAPI
	for _, alg := range []string{"RS256", "ES256", "ES512", "EdDSA"} {
		set := "set-" + alg
		made := must[*hydra.JsonWebKeySet](t)(admin.CreateJsonWebKeySet(ctx, set).CreateJsonWebKeySet(*hydra.NewCreateJsonWebKeySet(alg, "one", "sig")).Execute())
		if len(made.Keys) != 1 || made.Keys[0].GetKid() != "one" || made.Keys[0].GetAlg() != alg || made.Keys[0].GetD() == "" {
			t.Fatalf("%s: created %+v", alg, made)
		}
		key := must[*hydra.JsonWebKeySet](t)(admin.GetJsonWebKey(ctx, set, "one").Execute()).Keys[0]
		must[*hydra.JsonWebKey](t)(admin.SetJsonWebKey(ctx, set, "one").JsonWebKey(key).Execute())
		must[*hydra.JsonWebKeySet](t)(admin.SetJsonWebKeySet(ctx, set).JsonWebKeySet(*made).Execute())
		if whole := must[*hydra.JsonWebKeySet](t)(admin.GetJsonWebKeySet(ctx, set).Execute()); len(whole.Keys) != 1 {
			t.Fatalf("%s: set of %d keys", alg, len(whole.Keys))
		}
		done(t)(admin.DeleteJsonWebKey(ctx, set, "one").Execute())
		must[*hydra.JsonWebKeySet](t)(admin.CreateJsonWebKeySet(ctx, set).CreateJsonWebKeySet(*hydra.NewCreateJsonWebKeySet(alg, "two", "sig")).Execute())
		done(t)(admin.DeleteJsonWebKeySet(ctx, set).Execute())
		status(t, http.StatusNotFound)(admin.GetJsonWebKeySet(ctx, set).Execute())
	}
	known := must[*hydra.JsonWebKeySet](t)(public.WellknownAPI.DiscoverJsonWebKeys(ctx).Execute())
	if len(known.Keys) < 2 {
		t.Fatalf("%d published keys: ID and access tokens have one each", len(known.Keys))
	}
	for _, k := range known.Keys {
		if k.GetD() != "" || k.GetP() != "" {
			t.Fatal("a private key is published")
		}
	}
}

func TestHydraMetadata(t *testing.T) {
	s := process.Start(t, process.Options{})
	public, admin := sdk(s)
	if v := must[*hydra.GetVersion200Response](t)(admin.MetadataAPI.GetVersion(t.Context()).Execute()); v.GetVersion() == "" {
		t.Fatal("no version")
	}
	must[*hydra.HealthStatus](t)(public.MetadataAPI.IsAlive(t.Context()).Execute())
	must[*hydra.IsReady200Response](t)(public.MetadataAPI.IsReady(t.Context()).Execute())
	config := must[*hydra.OidcConfiguration](t)(public.OidcAPI.DiscoverOidcConfiguration(t.Context()).Execute())
	if config.Issuer != s.Public+"/" {
		t.Fatalf("issuer %q", config.Issuer)
	}
}

// oauthConfig is the client as x/oauth2 sees it.
func oauthConfig(s *process.Server, c *hydra.OAuth2Client) oauth2.Config {
	return oauth2.Config{
		ClientID: c.GetClientId(), ClientSecret: c.GetClientSecret(), RedirectURL: callback, Scopes: []string{"openid", "offline", "read"},
		Endpoint: oauth2.Endpoint{AuthURL: s.Public + "/oauth2/auth", TokenURL: s.Public + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
}

const external = "oauth: {urls: {login: http://127.0.0.1:9/login, consent: http://127.0.0.1:9/consent, logout: http://127.0.0.1:9/logout}}"

func TestHydraLoginConsentLogout(t *testing.T) {
	s := process.Start(t, process.Options{Config: external})
	public, api := sdk(s)
	ctx, admin := t.Context(), api.OAuth2API
	c := register(t, s, webClient())
	config := oauthConfig(s, c)
	login := newLoginApp(t, s, "ada")
	login.remember = true
	login.session = &hydra.AcceptOAuth2ConsentRequestSession{
		AccessToken: map[string]any{"plan": "gold"}, IdToken: map[string]any{"name": "Ada"},
	}
	b := newBrowser(t)
	obtain := func() *oauth2.Token {
		t.Helper()
		verifier := oauth2.GenerateVerifier()
		back := b.visit(config.AuthCodeURL("a-long-enough-state", oauth2.S256ChallengeOption(verifier)), login.answer)
		token, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatalf("%s: %v", back, err)
		}
		return token
	}
	first := obtain()
	if login.skipped["login"]+login.skipped["consent"] != 0 {
		t.Fatalf("a first login skipped questions: %v", login.skipped)
	}
	seen := must[*hydra.IntrospectedOAuth2Token](t)(admin.IntrospectOAuth2Token(ctx).Token(first.AccessToken).Execute())
	if !seen.Active || seen.GetSub() != "ada" || seen.Ext["plan"] != "gold" || seen.GetTokenUse() != "access_token" {
		t.Fatalf("introspection %+v", seen)
	}
	if r := must[*hydra.IntrospectedOAuth2Token](t)(admin.IntrospectOAuth2Token(ctx).Token(first.RefreshToken).Execute()); !r.Active || r.GetTokenUse() != "refresh_token" {
		t.Fatalf("introspection of the refresh token %+v", r)
	}
	withToken := *public.GetConfig()
	withToken.DefaultHeader = map[string]string{"Authorization": "Bearer " + first.AccessToken}
	if info := must[*hydra.OidcUserInfo](t)(hydra.NewAPIClient(&withToken).OidcAPI.GetOidcUserInfo(ctx).Execute()); info.GetSub() != "ada" || info.GetName() != "Ada" {
		t.Fatalf("userinfo %+v", info)
	}
	second := obtain()
	if login.skipped["login"] != 1 || login.skipped["consent"] != 1 {
		t.Fatalf("the remembered login and consent were asked again: %v", login.skipped)
	}
	sessions := must[[]hydra.OAuth2ConsentSession](t)(admin.ListOAuth2ConsentSessions(ctx).Subject("ada").Execute())
	if len(sessions) == 0 || sessions[0].ConsentRequest.GetSubject() != "ada" {
		t.Fatalf("consent sessions %+v", sessions)
	}
	done(t)(admin.RevokeOAuth2ConsentSessions(ctx).Subject("ada").Client(c.GetClientId()).Execute())
	for _, token := range []*oauth2.Token{first, second} {
		if r := must[*hydra.IntrospectedOAuth2Token](t)(admin.IntrospectOAuth2Token(ctx).Token(token.AccessToken).Execute()); r.Active {
			t.Fatal("a token outlived its consent")
		}
	}
	third := obtain()
	if login.skipped["login"] != 2 || login.skipped["consent"] != 1 {
		t.Fatalf("after the consent was revoked: %v", login.skipped)
	}
	end := s.Public + "/oauth2/sessions/logout?" + url.Values{
		"id_token_hint": {third.Extra("id_token").(string)}, "post_logout_redirect_uri": {callback}, "state": {"bye-for-now"},
	}.Encode()
	if back := b.visit(end, login.answer); back.Query().Get("state") != "bye-for-now" || login.seen["logout"] != 1 {
		t.Fatalf("logout came back as %s after %v", back, login.seen)
	}
	obtain()
	if login.skipped["login"] != 2 {
		t.Fatal("the login was still remembered after the logout")
	}
	done(t)(admin.RevokeOAuth2LoginSessions(ctx).Subject("ada").Execute())
	obtain()
	if login.skipped["login"] != 2 {
		t.Fatal("the login was still remembered after its sessions were revoked")
	}
}

func TestHydraRejectsAndRevocation(t *testing.T) {
	s := process.Start(t, process.Options{Config: external})
	public, api := sdk(s)
	ctx, admin := t.Context(), api.OAuth2API
	c := register(t, s, webClient())
	config := oauthConfig(s, c)
	reject := hydra.NewRejectOAuth2Request()
	reject.SetError("access_denied")
	reject.SetErrorDescription("not today")
	start := func() string {
		return config.AuthCodeURL("a-long-enough-state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
	}
	back := newBrowser(t).visit(start(), func(_, challenge string) string {
		return must[*hydra.OAuth2RedirectTo](t)(admin.RejectOAuth2LoginRequest(ctx).LoginChallenge(challenge).RejectOAuth2Request(*reject).Execute()).RedirectTo
	})
	if back.Query().Get("error") != "access_denied" || back.Query().Get("error_description") != "not today" {
		t.Fatalf("rejected login came back as %s", back)
	}
	login := newLoginApp(t, s, "ada")
	back = newBrowser(t).visit(start(), func(kind, challenge string) string {
		if kind == "login" {
			return login.answer(kind, challenge)
		}
		return must[*hydra.OAuth2RedirectTo](t)(admin.RejectOAuth2ConsentRequest(ctx).ConsentChallenge(challenge).RejectOAuth2Request(*reject).Execute()).RedirectTo
	})
	if back.Query().Get("error") != "access_denied" {
		t.Fatalf("rejected consent came back as %s", back)
	}
	verifier, b := oauth2.GenerateVerifier(), newBrowser(t)
	login.remember = true
	back = b.visit(config.AuthCodeURL("a-long-enough-state", oauth2.S256ChallengeOption(verifier)), login.answer)
	token, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	withSecret := *public.GetConfig()
	revoke := hydra.NewAPIClient(&withSecret).OAuth2API.RevokeOAuth2Token(contextWithBasic(ctx, c)).Token(token.RefreshToken)
	if _, err := revoke.Execute(); err != nil {
		t.Fatal(explain(err))
	}
	if r := must[*hydra.IntrospectedOAuth2Token](t)(admin.IntrospectOAuth2Token(ctx).Token(token.AccessToken).Execute()); r.Active {
		t.Fatal("the access token outlived its revoked refresh token")
	}
	// A rejected logout ends nothing.
	end := s.Public + "/oauth2/sessions/logout?" + url.Values{"id_token_hint": {token.Extra("id_token").(string)}}.Encode()
	resp, err := b.http.Get(end)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		t.Fatalf("logout answered %d: %v", resp.StatusCode, err)
	}
	done(t)(admin.RejectOAuth2LogoutRequest(ctx).LogoutChallenge(to.Query().Get("logout_challenge")).Execute())
	b.visit(start(), login.answer)
	if login.skipped["login"] != 1 {
		t.Fatal("a rejected logout ended the login")
	}
	status(t, http.StatusNotFound)(admin.GetOAuth2LoginRequest(ctx).LoginChallenge("forged").Execute())
	done(t)(admin.DeleteOAuth2Token(ctx).ClientId(c.GetClientId()).Execute())
}
