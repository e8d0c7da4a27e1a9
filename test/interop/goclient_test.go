package interop

import (
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	hydra "github.com/ory/hydra-client-go/v2"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

func register(t *testing.T, s *process.Server, c hydra.OAuth2Client) *hydra.OAuth2Client {
	t.Helper()
	_, admin := sdk(s)
	made, _, err := admin.OAuth2API.CreateOAuth2Client(t.Context()).OAuth2Client(c).Execute()
	if err != nil {
		t.Fatalf("registering a client: %v", explain(err))
	}
	return made
}

func webClient() hydra.OAuth2Client {
	var c hydra.OAuth2Client
	c.SetClientName("Interop")
	c.SetGrantTypes([]string{"authorization_code", "refresh_token"})
	c.SetResponseTypes([]string{"code"})
	c.SetScope("openid offline read")
	c.SetRedirectUris([]string{callback})
	c.SetPostLogoutRedirectUris([]string{callback})
	return c
}

func TestGoClientCredentials(t *testing.T) {
	s := process.Start(t, process.Options{})
	for _, strategy := range []string{"opaque", "jwt"} {
		t.Run(strategy, func(t *testing.T) {
			var c hydra.OAuth2Client
			c.SetGrantTypes([]string{"client_credentials"})
			c.SetScope("read")
			c.SetAccessTokenStrategy(strategy)
			made := register(t, s, c)
			config := clientcredentials.Config{
				ClientID: made.GetClientId(), ClientSecret: made.GetClientSecret(), TokenURL: s.Public + "/oauth2/token",
				Scopes: []string{"read"}, AuthStyle: oauth2.AuthStyleInHeader,
			}
			token, err := config.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, admin := sdk(s)
			seen, _, err := admin.OAuth2API.IntrospectOAuth2Token(t.Context()).Token(token.AccessToken).Scope("read").Execute()
			if err != nil || !seen.Active || seen.GetScope() != "read" || seen.GetClientId() != made.GetClientId() {
				t.Fatalf("introspection: %+v, %v", seen, err)
			}
			if strategy == "opaque" {
				return
			}
			provider, err := oidc.NewProvider(t.Context(), s.Public+"/")
			if err != nil {
				t.Fatal(err)
			}
			// A resource server checks a JWT access token with the published keys alone.
			if _, err := provider.Verifier(&oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: []string{"ES256"}}).Verify(t.Context(), token.AccessToken); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestGoOIDCLogin(t *testing.T) {
	s := process.Start(t, process.Options{Config: "oauth: {urls: {login: http://127.0.0.1:9/login, consent: http://127.0.0.1:9/consent}}"})
	made := register(t, s, webClient())
	provider, err := oidc.NewProvider(t.Context(), s.Public+"/")
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: made.GetClientId(), ClientSecret: made.GetClientSecret(), Endpoint: provider.Endpoint(),
		RedirectURL: callback, Scopes: []string{oidc.ScopeOpenID, "offline", "read"},
	}
	login := newLoginApp(t, s, "ada")
	login.session = &hydra.AcceptOAuth2ConsentRequestSession{IdToken: map[string]any{"email": "ada@example.com"}}
	verifier := oauth2.GenerateVerifier()
	back := newBrowser(t).visit(config.AuthCodeURL("a-long-enough-state", oidc.Nonce("a-long-enough-nonce"), oauth2.S256ChallengeOption(verifier)), login.answer)
	if back.Query().Get("state") != "a-long-enough-state" || back.Query().Get("iss") != s.Public+"/" {
		t.Fatalf("came back with %s", back.RawQuery)
	}
	token, err := config.Exchange(t.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	checkIDToken(t, provider, config.ClientID, token, "a-long-enough-nonce")
	info, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != "ada" || info.Email != "ada@example.com" {
		t.Fatalf("userinfo: %+v, %v", info, err)
	}
	old := *token
	old.AccessToken = "" // what x/oauth2 refreshes
	fresh, err := config.TokenSource(t.Context(), &old).Token()
	if err != nil {
		t.Fatal(err)
	}
	if fresh.RefreshToken == token.RefreshToken || fresh.AccessToken == token.AccessToken {
		t.Fatal("the refresh gave the same tokens again")
	}
	// OpenID Connect Core §12.2: a refreshed ID token should have no nonce.
	checkIDToken(t, provider, config.ClientID, fresh, "")
	if _, err := config.TokenSource(t.Context(), &old).Token(); err == nil {
		t.Fatal("a spent refresh token was taken again")
	}
	// The reuse ended the family: the newest token is gone, too (RFC 9700 §4.14.2).
	fresh.AccessToken = ""
	if _, err := config.TokenSource(t.Context(), fresh).Token(); err == nil {
		t.Fatal("the family survived the reuse of a spent refresh token")
	}
}

func checkIDToken(t *testing.T, provider *oidc.Provider, clientID string, token *oauth2.Token, nonce string) {
	t.Helper()
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		t.Fatal("no ID token")
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: clientID}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != "ada" || id.Nonce != nonce {
		t.Fatalf("ID token of %q with nonce %q", id.Subject, id.Nonce)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Fatalf("at_hash: %v", err)
	}
	var claims struct {
		Email string `json:"email"`
		ACR   string `json:"acr"`
	}
	if err := id.Claims(&claims); err != nil || claims.Email != "ada@example.com" || claims.ACR != "1" {
		t.Fatalf("claims %+v, %v", claims, err)
	}
}
