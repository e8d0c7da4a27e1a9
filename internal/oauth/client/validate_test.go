package client

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func production() Rules {
	return Rules{DefaultScope: "offline_access offline openid", Pairwise: true}
}

// Every row is one thing that must not be registered, with a word that the
// answer must hold so that its reader knows what to do.
func TestSettleRefuses(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, tc := range []struct {
		name, body, hint string
		code             string
	}{
		{"id with a space", `{"client_id":"a b"}`, "client_id", ""},
		{"id with a slash", `{"client_id":"a/b"}`, "client_id", ""},
		{"id that is a path", `{"client_id":".."}`, "client_id", ""},
		{"id too long", `{"client_id":"` + long + `"}`, "client_id", ""},
		{"name too long", `{"client_name":"` + long + `"}`, "client_name", ""},
		{"name with a line end", `{"client_name":"a\nb"}`, "control character", ""},
		{"owner with NUL", `{"owner":"a\u0000"}`, "control character", ""},
		{"password grant", `{"grant_types":["password"]}`, "authorization_code", ""},
		{"unknown grant", `{"grant_types":["magic"]}`, "'magic'", ""},
		{"unknown response type", `{"response_types":["code code"]}`, "'code code'", ""},
		{"bad scope", `{"scope":"a\"b"}`, "scope", ""},
		{"bad audience", `{"audience":["a b"]}`, "audience", ""},
		{"client_secret_jwt", `{"token_endpoint_auth_method":"client_secret_jwt"}`, "private_key_jwt", ""},
		{"unknown method", `{"token_endpoint_auth_method":"tls_client_auth"}`, "client_secret_basic", ""},
		{"private_key_jwt without keys", `{"token_endpoint_auth_method":"private_key_jwt"}`, "jwks_uri", ""},
		{"private_key_jwt with keys for encryption", `{"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[` + strings.Replace(publicKey, `"ext":true`, `"use":"enc"`, 1) + `]}}`, "use is sig", ""},
		{"jwks with half a key", `{"jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"AA"}]}}`, "cannot be read", ""},
		{"jwks and jwks_uri", `{"jwks_uri":"https://a/keys","jwks":{"keys":[` + publicKey + `]}}`, "choose one", ""},
		{"private jwk", `{"jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"c"}]}}`, "private", ""},
		{"symmetric jwk", `{"jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}}`, "symmetric", ""},
		{"jwks that is none", `{"jwks":{"keys":"x"}}`, "Key Set", ""},
		{"jwks_uri over http", `{"jwks_uri":"http://a.example.com/keys"}`, "https", ""},
		{"symmetric assertion algorithm", `{"token_endpoint_auth_signing_alg":"HS256"}`, "RS256", ""},
		{"redirect URI with a fragment", `{"redirect_uris":["https://a/#x"]}`, "fragment", "invalid_redirect_uri"},
		{"redirect URI over http", `{"redirect_uris":["http://a.example.com/"]}`, "https", "invalid_redirect_uri"},
		{"redirect URI with a wildcard", `{"redirect_uris":["https://*.example.com/"]}`, "wildcard", "invalid_redirect_uri"},
		{"post-logout on another origin", `{"redirect_uris":["https://a/cb"],"post_logout_redirect_uris":["https://b/"]}`, "same origin", ""},
		{"post-logout on another port", `{"redirect_uris":["https://a/cb"],"post_logout_redirect_uris":["https://a:444/"]}`, "same origin", ""},
		{"post-logout on another scheme", `{"redirect_uris":["https://a/cb"],"post_logout_redirect_uris":["http://a/"]}`, "same origin", ""},
		{"post-logout without redirect URI", `{"post_logout_redirect_uris":["https://a/"]}`, "same origin", ""},
		{"post-logout that is relative", `{"post_logout_redirect_uris":["/bye"]}`, "absolute", ""},
		{"script in a link", `{"policy_uri":"javascript:alert(1)"}`, "policy_uri", ""},
		{"script in a logo", `{"logo_uri":"data:text/html,x"}`, "logo_uri", ""},
		{"logout URI with a fragment", `{"frontchannel_logout_uri":"https://a/#x"}`, "fragment", ""},
		{"request_uri of another scheme", `{"request_uris":["ftp://a/"]}`, "request_uris", ""},
		{"origin with a path", `{"allowed_cors_origins":["https://a/b"]}`, "allowed_cors_origins", ""},
		{"origin that is anything", `{"allowed_cors_origins":["*"]}`, "allowed_cors_origins", ""},
		{"origin with an inner asterisk", `{"allowed_cors_origins":["https://a.*.b"]}`, "first label", ""},
		{"unknown subject type", `{"subject_type":"secret"}`, "pairwise", ""},
		{"pairwise on several hosts", `{"subject_type":"pairwise","redirect_uris":["https://a/","https://b/"]}`, "sector_identifier_uri", ""},
		{"sector over http", `{"sector_identifier_uri":"http://a/"}`, "https", ""},
		{"userinfo algorithm", `{"userinfo_signed_response_alg":"HS256"}`, "RS256", ""},
		{"request object algorithm", `{"request_object_signing_alg":"HS256"}`, "RS256", ""},
		{"access token strategy", `{"access_token_strategy":"paper"}`, "opaque", ""},
		{"lifespan of nothing", `{"implicit_grant_id_token_lifespan":"0s"}`, "implicit_grant_id_token_lifespan", ""},
		{"lifespan without unit", `{"implicit_grant_id_token_lifespan":"10"}`, "units", ""},
		{"negative lifespan", `{"implicit_grant_id_token_lifespan":"-1h"}`, "units", ""},
		{"lifespan as a number", `{"implicit_grant_id_token_lifespan":10}`, "units", ""},
		{"wrong JSON type", `{"client_name":7}`, "client_name", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in, err := decode(json.RawMessage(tc.body))
			if err == nil {
				if in.ID == "" {
					in.ID = "some-client"
				}
				err = production().Settle(in.Client)
			}
			if tc.code == "" {
				tc.code = "invalid_client_metadata"
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != tc.code || f.Kind != fault.Invalid {
				t.Fatalf("got %v, want %s", err, tc.code)
			}
			if !strings.Contains(f.Message, tc.hint) {
				t.Errorf("%q does not tell about %q", f.Message, tc.hint)
			}
			if strings.ContainsAny(f.Message, "\"\\\n") {
				t.Errorf("%q holds what error_description may not (RFC 6749 §5.2)", f.Message)
			}
		})
	}
}

func TestSettleDefaults(t *testing.T) {
	c := &Client{ID: "a"}
	if err := production().Settle(c); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"grant_types": []any{"authorization_code"}, "response_types": []any{"code"}, "scope": "offline_access offline openid",
		"token_endpoint_auth_method": "client_secret_basic", "subject_type": "public", "userinfo_signed_response_alg": "none",
		"redirect_uris": []any{}, "audience": []any{}, "contacts": []any{}, "allowed_cors_origins": []any{},
		"client_secret_expires_at": 0.0, "skip_consent": false, "skip_logout_consent": nil,
		"authorization_code_grant_access_token_lifespan": nil,
	}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for k, v := range want {
		if diff := cmp.Diff(v, got[k]); diff != "" {
			t.Errorf("%s: %s", k, diff)
		}
	}
}

func TestSettleAcceptsWhatOryAccepts(t *testing.T) {
	for name, body := range map[string]string{
		"nothing at all":           `{}`,
		"unknown members":          `{"software_id":"4NRB1-0XZABZI9E6-5SM3R","tls_client_auth_subject_dn":"x"}`,
		"types that do not pair":   `{"grant_types":["client_credentials"],"response_types":["code"]}`,
		"empty key set":            `{"jwks":{}}`,
		"null everywhere":          `{"jwks":null,"metadata":null,"redirect_uris":null,"skip_logout_consent":null,"implicit_grant_id_token_lifespan":null}`,
		"empty lifespan":           `{"implicit_grant_id_token_lifespan":""}`,
		"metadata of any kind":     `{"metadata":["a",{"b":1}]}`,
		"origin with a last slash": `{"allowed_cors_origins":["https://a/"]}`,
		"all grants":               `{"grant_types":["authorization_code","implicit","client_credentials","refresh_token","urn:ietf:params:oauth:grant-type:jwt-bearer","urn:ietf:params:oauth:grant-type:device_code"]}`,
		"parts in any order":       `{"response_types":["token id_token","token id_token code"]}`,
	} {
		in, err := decode(json.RawMessage(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		in.ID = "a"
		if err := production().Settle(in.Client); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLifespan(t *testing.T) {
	hours := func(n int) NullDuration { return NullDuration{Duration: time.Duration(n) * time.Hour, Valid: true} }
	c := &Client{Lifespans: Lifespans{
		AuthorizationCodeAccess: hours(2), AuthorizationCodeID: hours(3), AuthorizationCodeRefresh: hours(4),
		ClientCredentialsAccess: hours(5), ImplicitAccess: hours(6), ImplicitID: hours(7), JWTBearerAccess: hours(8),
		RefreshTokenAccess: hours(9), RefreshTokenID: hours(10), RefreshTokenRefresh: hours(11),
		DeviceAccess: hours(12), DeviceID: hours(13), DeviceRefresh: hours(14),
	}}
	server := oauth.DefaultLifespans()
	for _, tc := range []struct {
		kind  oauth.TokenKind
		grant string
		want  time.Duration
	}{
		{oauth.KindAccess, oauth.GrantAuthorizationCode, 2 * time.Hour},
		{oauth.KindID, oauth.GrantAuthorizationCode, 3 * time.Hour},
		{oauth.KindRefresh, oauth.GrantAuthorizationCode, 4 * time.Hour},
		{oauth.KindAccess, oauth.GrantClientCredentials, 5 * time.Hour},
		{oauth.KindAccess, oauth.GrantImplicit, 6 * time.Hour},
		{oauth.KindID, oauth.GrantImplicit, 7 * time.Hour},
		{oauth.KindAccess, oauth.GrantJWTBearer, 8 * time.Hour},
		{oauth.KindAccess, oauth.GrantRefreshToken, 9 * time.Hour},
		{oauth.KindID, oauth.GrantRefreshToken, 10 * time.Hour},
		{oauth.KindRefresh, oauth.GrantRefreshToken, 11 * time.Hour},
		{oauth.KindAccess, oauth.GrantDeviceCode, 12 * time.Hour},
		{oauth.KindID, oauth.GrantDeviceCode, 13 * time.Hour},
		{oauth.KindRefresh, oauth.GrantDeviceCode, 14 * time.Hour},
		{oauth.KindRefresh, oauth.GrantImplicit, server.RefreshToken},
		{oauth.KindAccess, oauth.GrantTokenExchange, server.AccessToken},
		{oauth.KindCode, oauth.GrantAuthorizationCode, server.AuthorizationCode},
	} {
		if got := c.Lifespan(tc.kind, tc.grant, server); got != tc.want {
			t.Errorf("%s of %s: %s, want %s", tc.kind, tc.grant, got, tc.want)
		}
	}
}

func TestClientAnswers(t *testing.T) {
	c := &Client{
		GrantTypes: []string{"authorization_code"}, ResponseTypes: []string{"code", "token id_token"}, Scope: "openid photos.*",
		Audience: []string{"https://api.example.com"}, AccessTokenStrategy: "jwt", TokenEndpointAuthMethod: "none",
		RedirectURIs: []string{"http://127.0.0.1/cb"},
	}
	if !c.GrantAllowed("authorization_code") || c.GrantAllowed("refresh_token") {
		t.Error("GrantAllowed")
	}
	if !c.ResponseTypeAllowed("id_token token") || c.ResponseTypeAllowed("token") {
		t.Error("ResponseTypeAllowed")
	}
	if err := c.AllowedScope(oauth.ScopeWildcard, []string{"openid", "photos.read"}); err != nil {
		t.Error(err)
	}
	if err := c.AllowedScope(oauth.ScopeExact, []string{"photos.read"}); !errors.Is(err, oauth.ErrInvalidScope) {
		t.Error(err)
	}
	if err := c.AllowedAudience([]string{"https://api.example.com/v1"}); err != nil {
		t.Error(err)
	}
	if err := c.AllowedAudience([]string{"https://other.example.com"}); !errors.Is(err, oauth.ErrInvalidTarget) {
		t.Error(err)
	}
	if got, ok := c.MatchRedirect("http://127.0.0.1:5555/cb"); !ok || got != "http://127.0.0.1:5555/cb" {
		t.Error(got, ok)
	}
	if !c.Public() || c.Strategy("opaque") != "jwt" || (&Client{}).Strategy("opaque") != "opaque" {
		t.Error("Public, Strategy")
	}
}

func TestRotatedSecretsAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	var secrets []storedSecret
	for i := range 9 {
		secrets = rotated(secrets, storedSecret{Encoded: string(rune('a' + i))}, now)
	}
	if len(secrets) != 1+maxRotated || secrets[0].Encoded != "i" || secrets[maxRotated].Encoded != "d" {
		t.Errorf("%+v", secrets)
	}
	secrets[1].ExpiresAt = 999
	secrets = rotated(secrets, storedSecret{Encoded: "j"}, now)
	for _, s := range secrets {
		if s.Encoded == "h" {
			t.Error("a secret that has expired was carried on")
		}
	}
}

const publicKey = `{"kty":"EC","crv":"P-256","kid":"one","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","ext":true}`

func TestKeySetKeepsItsText(t *testing.T) {
	raw := `{"keys":[` + publicKey + `,{"kty":"new","kid":"two"}],"more":1}`
	var s JWKS
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(s)
	if err != nil || string(out) != raw {
		t.Errorf("%s, %v", out, err)
	}
	if len(s.Set.Keys) != 1 {
		t.Errorf("%d keys are of use", len(s.Set.Keys))
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{}`, `null`, `[]`, `{"jwks":{"keys":[` + publicKey + `]}}`, `{"redirect_uris":["a"],"scope":"x"}`, `{"implicit_grant_id_token_lifespan":"1h"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in, err := decode(json.RawMessage(body))
		if err != nil || in.Client == nil {
			return
		}
		if in.ID == "" {
			in.ID = "a"
		}
		if production().Settle(in.Client) != nil {
			return
		}
		document, _, err := encode(in.Client)
		if err != nil {
			t.Fatalf("what was accepted cannot be kept: %v", err)
		}
		again := new(Client)
		if err := json.Unmarshal([]byte(document), again); err != nil {
			t.Fatalf("what was kept cannot be read: %v", err)
		}
		if err := production().Settle(again); err != nil {
			t.Errorf("what was accepted once is refused the second time: %v", err)
		}
	})
}
