package interop

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	hydra "github.com/ory/hydra-client-go/v2"
	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// A native app signs somebody in who has an account at another server: the person's browser comes back with one code, the app has the
// other, and gives both for a session.
func provider(t *testing.T) {
	ctx := t.Context()
	acme := newSite(t, process.Start(t, process.Options{Config: forgiving}))
	grace := withPassword("grace@example.com")
	grace.SetVerifiableAddresses([]kratos.VerifiableIdentityAddress{*kratos.NewVerifiableIdentityAddress("completed", "grace@example.com", true, "email")})
	ok[*kratos.Identity](t)(acme.people.CreateIdentity(ctx).CreateIdentityBody(grace).Execute())
	app := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(app.Close)

	server := process.Configure(t, process.Options{})
	var c hydra.OAuth2Client
	c.SetGrantTypes([]string{"authorization_code"})
	c.SetResponseTypes([]string{"code"})
	c.SetScope("openid email")
	c.SetSkipConsent(true)
	c.SetRedirectUris([]string{server.Public + "/self-service/methods/oidc/callback/acme"})
	known := register(t, acme.Server, c)
	server.Override(fmt.Sprintf(`limits: {enabled: false}
session: {cookie: {name: shop_session}}
selfservice:
  allowed_return_urls: [%q]
  methods:
    oidc:
      enabled: true
      config:
        providers: [{id: acme, issuer_url: %q, client_id: %q, client_secret: %q, scope: [email]}]
`, app.URL+"/", acme.Public+"/", known.GetClientId(), known.GetClientSecret()))
	server.Run()
	t.Cleanup(server.Stop)
	s := newSite(t, server)

	flow := ok[*kratos.LoginFlow](t)(s.front.CreateNativeLoginFlow(ctx).ReturnSessionTokenExchangeCode(true).ReturnTo(app.URL + "/back").Execute())
	b := no[*kratos.SuccessfulNativeLogin](t, http.StatusUnprocessableEntity, "browser_location_change_required")(s.front.UpdateLoginFlow(ctx).Flow(flow.Id).
		UpdateLoginFlowBody(kratos.UpdateLoginFlowWithOidcMethodAsUpdateLoginFlowBody(&kratos.UpdateLoginFlowWithOidcMethod{Method: "oidc", Provider: "acme"})).Execute())
	to, _ := b["redirect_browser_to"].(string)
	person := process.NewPerson(t)
	person.Open(to)
	person.Press("method", "password", url.Values{"identifier": {"grace@example.com"}, "password": {goodPassword}})
	if person.URL.Host+person.URL.Path != app.Listener.Addr().String()+"/back" {
		t.Fatalf("the person ends at %s:\n%s", person.URL, person.Page)
	}
	exchange := func(code string) (*kratos.SuccessfulNativeLogin, *http.Response, error) {
		return s.front.ExchangeSessionToken(ctx).InitCode(flow.GetSessionTokenExchangeCode()).ReturnToCode(code).Execute()
	}
	no[*kratos.SuccessfulNativeLogin](t, http.StatusNotFound, "")(exchange("a-guess"))
	in := ok[*kratos.SuccessfulNativeLogin](t)(exchange(person.URL.Query().Get("code")))
	who := ok[*kratos.Session](t)(s.front.ToSession(ctx).XSessionToken(in.GetSessionToken()).Execute())
	if who.Id != in.Session.Id || who.AuthenticationMethods[0].GetMethod() != "oidc" || who.AuthenticationMethods[0].GetProvider() != "acme" {
		t.Errorf("the app is signed in as %+v", who)
	}
	no[*kratos.SuccessfulNativeLogin](t, http.StatusGone, "")(exchange(person.URL.Query().Get("code"))) // they work once
}
