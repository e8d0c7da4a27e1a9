package session_test

import (
	"testing"

	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Ory's client understands every answer. It decodes strictly: a member of another type is an error.
func TestSDK(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"), func(c *session.Config) { c.Whoami.RequiredAAL = session.AAL1 })
	config := kratos.NewConfiguration()
	config.Servers = kratos.ServerConfigurations{{URL: f.serve(t)}}
	api := kratos.NewAPIClient(config)
	who := f.person(t)
	made, token := f.login(t, who)
	cookie, _ := f.cookie(t, made, token)
	cookie = cookie[len("Cookie: "):]
	other, _ := f.login(t, who)
	third, _ := f.login(t, who)

	mine, _, err := api.FrontendAPI.ToSession(t.Context()).Cookie(cookie).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if mine.Id != made.ID || !mine.GetActive() || mine.Identity.Id != who.ID || !mine.ExpiresAt.Equal(made.ExpiresAt) || len(mine.Devices) != 1 ||
		mine.AuthenticationMethods[0].GetMethod() != "password" || mine.GetAuthenticatorAssuranceLevel() != kratos.AUTHENTICATORASSURANCELEVEL_AAL1 {
		t.Errorf("%+v", mine)
	}
	if _, res, err := api.FrontendAPI.ToSession(t.Context()).XSessionToken("forged").Execute(); err == nil || res.StatusCode != 401 {
		t.Errorf("forged: %v", err)
	}
	list, _, err := api.FrontendAPI.ListMySessions(t.Context()).XSessionToken(token).Execute()
	if err != nil || len(list) != 2 || list[0].Id != third.ID {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := api.FrontendAPI.DisableMySession(t.Context(), other.ID).XSessionToken(token).Execute(); err != nil {
		t.Error(err)
	}
	count, _, err := api.FrontendAPI.DisableMyOtherSessions(t.Context()).XSessionToken(token).Execute()
	if err != nil || count.GetCount() != 1 {
		t.Errorf("%v, %v", count, err)
	}
	initCode, returnCode, err := f.exchanges.New(f.ctx, "flow")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.exchanges.Finish(f.ctx, "flow", made.ID); err != nil {
		t.Fatal(err)
	}
	login, _, err := api.FrontendAPI.ExchangeSessionToken(t.Context()).InitCode(initCode).ReturnToCode(returnCode).Execute()
	if err != nil || login.Session.Id != made.ID {
		t.Fatal(err)
	}
	f.mustBe(t, login.GetSessionToken(), nil)

	got, _, err := api.IdentityAPI.GetSession(t.Context(), made.ID).Expand([]string{"identity", "devices"}).Execute()
	if err != nil || got.Identity.GetMetadataAdmin() == nil {
		t.Errorf("%v, %v", got, err)
	}
	if bare, _, err := api.IdentityAPI.GetSession(t.Context(), made.ID).Execute(); err != nil || bare.Identity != nil {
		t.Errorf("%v, %v", bare, err)
	}
	all, _, err := api.IdentityAPI.ListSessions(t.Context()).Active(true).PageSize(10).Expand([]string{"identity"}).Execute()
	if err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if of, _, err := api.IdentityAPI.ListIdentitySessions(t.Context(), who.ID).Execute(); err != nil || len(of) != 3 {
		t.Errorf("%v, %v", of, err)
	}
	if extended, _, err := api.IdentityAPI.ExtendSession(t.Context(), made.ID).Execute(); err != nil || extended.Id != made.ID {
		t.Errorf("%v, %v", extended, err)
	}
	if _, err := api.IdentityAPI.DisableSession(t.Context(), made.ID).Execute(); err != nil {
		t.Error(err)
	}
	if _, err := api.IdentityAPI.DeleteIdentitySessions(t.Context(), who.ID).Execute(); err != nil {
		t.Error(err)
	}
}
