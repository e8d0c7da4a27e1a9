package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	hydra "github.com/ory/hydra-client-go/v2"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func sdk(t *testing.T) (hydra.OAuth2API, context.Context) {
	t.Helper()
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	f.documents["https://sector.example.com/uris"] = `["https://app.example.com/cb","http://127.0.0.1/cb"]`
	config := hydra.NewConfiguration()
	config.Servers = hydra.ServerConfigurations{{URL: f.serve(t)}}
	return hydra.NewAPIClient(config).OAuth2API, t.Context()
}

// everyField is a client in which nothing has its default.
func everyField() hydra.OAuth2Client {
	p := hydra.PtrString
	yes := new(true)
	return hydra.OAuth2Client{
		ClientId: p("every-field"), ClientName: p("Every field"), ClientSecret: p("chosen by a person"), ClientUri: p("https://app.example.com"),
		ClientSecretExpiresAt: hydra.PtrInt64(4102444800), Owner: p("somebody"), Scope: p("openid photos.*"),
		AccessTokenStrategy: p("jwt"), AllowedCorsOrigins: []string{"https://app.example.com"}, Audience: []string{"https://api.example.com"},
		AuthorizationCodeGrantAccessTokenLifespan: p("1h0m0s"), AuthorizationCodeGrantIdTokenLifespan: p("2h0m0s"), AuthorizationCodeGrantRefreshTokenLifespan: p("3h0m0s"),
		BackchannelLogoutSessionRequired: yes, BackchannelLogoutUri: p("https://app.example.com/back"),
		ClientCredentialsGrantAccessTokenLifespan: p("4h0m0s"), Contacts: []string{"help@example.com"},
		FrontchannelLogoutSessionRequired: yes, FrontchannelLogoutUri: p("https://app.example.com/front"),
		GrantTypes:                       []string{"authorization_code", "refresh_token", "implicit"},
		ImplicitGrantAccessTokenLifespan: p("5h0m0s"), ImplicitGrantIdTokenLifespan: p("6h0m0s"),
		JwksUri: p("https://app.example.com/keys"), JwtBearerGrantAccessTokenLifespan: p("7h0m0s"), LogoUri: p("https://app.example.com/logo.png"),
		Metadata: map[string]any{"team": "blue", "tags": []any{"a", 1.5}}, PolicyUri: p("https://app.example.com/policy"),
		PostLogoutRedirectUris: []string{"https://app.example.com/bye"}, RedirectUris: []string{"https://app.example.com/cb", "http://127.0.0.1/cb"},
		RefreshTokenGrantAccessTokenLifespan: p("8h0m0s"), RefreshTokenGrantIdTokenLifespan: p("9h0m0s"), RefreshTokenGrantRefreshTokenLifespan: p("10h0m0s"),
		RequestObjectSigningAlg: p("RS256"), RequestUris: []string{"https://app.example.com/request"}, ResponseTypes: []string{"code", "token id_token"},
		SectorIdentifierUri: p("https://sector.example.com/uris"), SkipConsent: yes, SkipLogoutConsent: yes, SubjectType: p("pairwise"),
		TokenEndpointAuthMethod: p("client_secret_post"), TokenEndpointAuthSigningAlg: p("ES256"), TosUri: p("https://app.example.com/tos"),
		UserinfoSignedResponseAlg: p("RS256"),
	}
}

func TestSDKRoundTripOfEveryField(t *testing.T) {
	api, ctx := sdk(t)
	want := everyField()
	made, res, err := api.CreateOAuth2Client(ctx).OAuth2Client(want).Execute()
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("%v %v", res, err)
	}
	compare := func(when string, got *hydra.OAuth2Client, secret *string) {
		t.Helper()
		expected := want
		expected.ClientSecret = secret
		expected.CreatedAt, expected.UpdatedAt = made.CreatedAt, got.UpdatedAt
		copied := *got
		copied.AdditionalProperties = nil // lifetimes that this SDK does not know yet
		if diff := cmp.Diff(expected, copied); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		if got.CreatedAt.IsZero() || got.UpdatedAt.IsZero() {
			t.Errorf("%s: no times", when)
		}
	}
	compare("create", made, want.ClientSecret)
	got, _, err := api.GetOAuth2Client(ctx, "every-field").Execute()
	if err != nil {
		t.Fatal(err)
	}
	compare("get", got, nil)
	set, _, err := api.SetOAuth2Client(ctx, "every-field").OAuth2Client(*got).Execute()
	if err != nil {
		t.Fatal(err)
	}
	compare("what was got can be set", set, nil)
	list, _, err := api.ListOAuth2Clients(ctx).Owner("somebody").ClientName("Every field").Execute()
	if err != nil || len(list) != 1 {
		t.Fatalf("%d, %v", len(list), err)
	}
	compare("list", &list[0], nil)
}

func TestSDKChanges(t *testing.T) {
	api, ctx := sdk(t)
	made, _, err := api.CreateOAuth2Client(ctx).OAuth2Client(*hydra.NewOAuth2Client()).Execute()
	if err != nil || made.GetClientSecret() == "" || made.GetScope() != "offline_access offline openid" {
		t.Fatalf("%+v, %v", made, err)
	}
	id := made.GetClientId()
	patched, _, err := api.PatchOAuth2Client(ctx, id).JsonPatch([]hydra.JsonPatch{
		{Op: "replace", Path: "/client_name", Value: "patched"},
		{Op: "replace", Path: "/backchannel_logout_uri", Value: "https://app.example.com/out"},
	}).Execute()
	if err != nil || patched.GetClientName() != "patched" || patched.GetBackchannelLogoutUri() == "" {
		t.Errorf("%+v, %v", patched, err)
	}
	spans, _, err := api.SetOAuth2ClientLifespans(ctx, id).OAuth2ClientTokenLifespans(hydra.OAuth2ClientTokenLifespans{
		RefreshTokenGrantRefreshTokenLifespan: new("48h"),
	}).Execute()
	if err != nil || spans.GetRefreshTokenGrantRefreshTokenLifespan() != "48h0m0s" || spans.GetClientName() != "patched" {
		t.Errorf("%+v, %v", spans, err)
	}
	if _, err := api.DeleteOAuth2Client(ctx, id).Execute(); err != nil {
		t.Error(err)
	}
	if _, res, err := api.GetOAuth2Client(ctx, id).Execute(); err == nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("%v, %v", res, err)
	}
	_, res, err := api.CreateOAuth2Client(ctx).OAuth2Client(hydra.OAuth2Client{GrantTypes: []string{"password"}}).Execute()
	var told *hydra.GenericOpenAPIError
	if err == nil || res.StatusCode != http.StatusBadRequest {
		t.Fatalf("%v, %v", res, err)
	}
	if !errors.As(err, &told) {
		t.Fatal(err)
	}
	if m, ok := told.Model().(hydra.ErrorOAuth2); !ok || m.GetError() != "invalid_client_metadata" {
		t.Errorf("%+v", told.Model())
	}
}
