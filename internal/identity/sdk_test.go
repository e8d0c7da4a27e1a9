package identity_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Ory's own client goes through everything that it can ask of identities.
func TestSDK(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	config := kratos.NewConfiguration()
	config.Servers = kratos.ServerConfigurations{{URL: f.serve(t)}}
	api, ctx := kratos.NewAPIClient(config).IdentityAPI, t.Context()

	made, res, err := api.CreateIdentity(ctx).CreateIdentityBody(kratos.CreateIdentityBody{
		SchemaId: "default", Traits: object{"email": "sdk@example.com", "name": object{"first": "S"}}, State: new("active"),
		MetadataAdmin: object{"a": 1.0}, MetadataPublic: object{"p": true},
		VerifiableAddresses: []kratos.VerifiableIdentityAddress{{Value: "sdk@example.com", Via: "email", Verified: true, Status: "completed"}},
		RecoveryAddresses:   []kratos.RecoveryIdentityAddress{{Value: "sdk@example.com", Via: "email"}},
		Credentials: &kratos.IdentityWithCredentials{
			Password: &kratos.IdentityWithCredentialsPassword{Config: &kratos.IdentityWithCredentialsPasswordConfig{Password: new("chosen by a person")}},
			Oidc: &kratos.IdentityWithCredentialsOidc{Config: &kratos.IdentityWithCredentialsOidcConfig{
				Providers: []kratos.IdentityWithCredentialsOidcConfigProvider{{Provider: "google", Subject: "7"}},
			}},
		},
	}).Execute()
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("%v %v", res, err)
	}
	if len(made.VerifiableAddresses) != 1 || !made.VerifiableAddresses[0].Verified || made.GetState() != "active" || !cmp.Equal(made.MetadataAdmin, any(object{"a": 1.0})) {
		t.Errorf("%+v", made)
	}

	got, _, err := api.GetIdentity(ctx, made.Id).IncludeCredential([]string{"oidc", "password"}).Execute()
	if err != nil || len(got.GetCredentials()) != 3 || got.GetCredentials()["oidc"].Identifiers[0] != "google:7" || got.GetCredentials()["oidc"].Config == nil {
		t.Errorf("%+v %v", got, err)
	}
	updated, _, err := api.UpdateIdentity(ctx, made.Id).UpdateIdentityBody(kratos.UpdateIdentityBody{
		SchemaId: "default", State: "inactive", Traits: object{"email": "sdk2@example.com"},
	}).Execute()
	if err != nil || updated.GetState() != "inactive" || updated.MetadataPublic != nil {
		t.Errorf("%+v %v", updated, err)
	}
	patched, _, err := api.PatchIdentity(ctx, made.Id).JsonPatch([]kratos.JsonPatch{{Op: "replace", Path: "/state", Value: "active"}}).Execute()
	if err != nil || patched.GetState() != "active" {
		t.Errorf("%+v %v", patched, err)
	}

	batch, _, err := api.BatchPatchIdentities(ctx).PatchIdentitiesBody(kratos.PatchIdentitiesBody{Identities: []kratos.IdentityPatch{
		{Create: &kratos.CreateIdentityBody{SchemaId: "default", Traits: object{"email": "sdk3@example.com"}}},
		{Create: &kratos.CreateIdentityBody{SchemaId: "default", Traits: object{"email": "sdk2@example.com"}}},
	}}).Execute()
	if err != nil || len(batch.Identities) != 2 || batch.Identities[0].GetAction() != "create" || batch.Identities[1].GetAction() != "error" || batch.Identities[1].Error == nil {
		t.Errorf("%+v %v", batch, err)
	}

	list, res, err := api.ListIdentities(ctx).PageSize(1).Execute()
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	second, err := url.Parse(next(res.Header))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err = api.ListIdentities(ctx).PageSize(1).PageToken(second.Query().Get("page_token")).Execute()
	if err != nil || len(list) != 1 || list[0].Id == made.Id {
		t.Errorf("%+v %v", list, err)
	}
	list, _, err = api.ListIdentities(ctx).CredentialsIdentifier("sdk2@example.com").Execute()
	if err != nil || len(list) != 1 || list[0].Id != made.Id || len(list[0].GetCredentials()) != 3 {
		t.Errorf("%+v %v", list, err)
	}
	list, _, err = api.ListIdentities(ctx).Ids([]string{made.Id}).IncludeCredential([]string{"password"}).Execute()
	if err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if list, _, err = api.ListIdentities(ctx).PreviewCredentialsIdentifierSimilar("sdk").Execute(); err != nil || len(list) != 2 {
		t.Errorf("%+v %v", list, err)
	}
	if list, _, err = api.ListIdentities(ctx).PerPage(10).Page(1).Execute(); err != nil || len(list) != 2 {
		t.Errorf("%+v %v", list, err)
	}

	if _, err := api.DeleteIdentityCredentials(ctx, made.Id, "oidc").Identifier("google:7").Execute(); err != nil {
		t.Error(err)
	}
	schemas, _, err := api.ListIdentitySchemas(ctx).Execute()
	if err != nil || len(schemas) != 2 || schemas[0].GetId() != "default" {
		t.Errorf("%+v %v", schemas, err)
	}
	if schema, _, err := api.GetIdentitySchema(ctx, "default").Execute(); err != nil || schema["properties"] == nil {
		t.Errorf("%v %v", schema, err)
	}
	if _, err := api.DeleteIdentity(ctx, made.Id).Execute(); err != nil {
		t.Error(err)
	}
	_, res, err = api.GetIdentity(ctx, made.Id).Execute()
	failure, ok := errors.AsType[*kratos.GenericOpenAPIError](err)
	if !ok || res.StatusCode != http.StatusNotFound {
		t.Fatalf("%v %v", res, err)
	}
	if said, ok := failure.Model().(kratos.ErrorGeneric); !ok || said.Error.GetCode() != 404 || said.Error.GetReason() == "" {
		t.Errorf("%+v", failure.Model())
	}
}
