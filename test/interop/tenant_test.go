package interop

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	kratos "github.com/ory/kratos-client-go"
	"golang.org/x/oauth2"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// application is a client's web server: it keeps the address at which each browser came back.
type application struct {
	*httptest.Server
	back chan *url.URL
}

func newApplication(t *testing.T) *application {
	t.Helper()
	a := &application{back: make(chan *url.URL, 1)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case a.back <- r.URL:
		default:
		}
	}))
	t.Cleanup(a.Close)
	return a
}

// came gives where the browser came back.
func (a *application) came(t *testing.T, p *process.Person) url.Values {
	t.Helper()
	select {
	case u := <-a.back:
		return u.Query()
	default:
		t.Fatalf("the browser did not come back: %s\n%s", p.URL, p.Page)
		return nil
	}
}

// TestTenantsAsClientsSeeThem: a Go client finds a tenant by its issuer, has a person sign in on its pages, and gets what the tenant
// alone issues and knows; at a tenant by host and at one below a path prefix, which shares its host with the root.
func TestTenantsAsClientsSeeThem(t *testing.T) {
	root := process.Start(t, process.Options{Config: forgiving})
	worlds := map[string]*process.Server{
		"root": root, "below": root.Tenant(`{"id":"acme","path_prefix":"/t/acme"}`), "neighbour": root.Tenant(`{"id":"beta","path_prefix":"/t/beta"}`),
		"host": root.Tenant(`{"id":"gamma","hosts":["login.gamma.example"]}`),
	}
	for name, s := range worlds {
		t.Run(name, func(t *testing.T) {
			p := process.NewPerson(t)
			signInByGo(t, s, p)
			if len(p.Cookies(s.Public+"/account/")) == 0 {
				t.Error("the browser got no cookie of the tenant")
			}
			for other, o := range worlds {
				// A tenant at the root of the host gives cookies that the browser sends below it too: there they count for nothing.
				if got := p.Cookies(o.Public + "/account/"); len(got) > 0 && other != name && name != "root" {
					t.Errorf("the browser would send %d cookies of %s to %s", len(got), name, other)
				}
			}
			for other, o := range worlds {
				if other == name {
					continue
				}
				if p.Open(o.Public + "/account/"); !p.Has("identifier") && !strings.Contains(p.URL.Path, "/login") {
					t.Errorf("who is signed in at %s is at %s: %s\n%s", name, other, p.URL, p.Page)
				}
			}
		})
	}
}

// signInByGo has a person register and sign in to an application that uses x/oauth2 and go-oidc, and sign out again.
func signInByGo(t *testing.T, s *process.Server, p *process.Person) {
	t.Helper()
	ctx, app := oidc.ClientContext(t.Context(), &http.Client{Transport: process.Names()}), newApplication(t)
	c := webClient()
	c.SetRedirectUris([]string{app.URL})
	c.SetPostLogoutRedirectUris([]string{app.URL + "/bye"})
	made := register(t, s, c)
	provider, err := oidc.NewProvider(ctx, s.Public+"/")
	if err != nil {
		t.Fatal(err)
	}
	var says struct {
		End string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&says); err != nil || !strings.HasPrefix(says.End, s.Public+"/") {
		t.Fatalf("logout is at %q: %v", says.End, err)
	}
	config := oauth2.Config{
		ClientID: made.GetClientId(), ClientSecret: made.GetClientSecret(), Endpoint: provider.Endpoint(), RedirectURL: app.URL, Scopes: []string{oidc.ScopeOpenID, "offline", "read"},
	}
	verifier := oauth2.GenerateVerifier()
	p.Open(config.AuthCodeURL("a-long-enough-state", oidc.Nonce("a-long-enough-nonce"), oauth2.S256ChallengeOption(verifier)))
	if !strings.HasPrefix(p.URL.String(), s.Public+"/") {
		t.Fatalf("the login page is at %s", p.URL)
	}
	p.Follow("/registration/")
	p.Press("method", "profile", url.Values{"traits.email": {"ann@example.com"}})
	p.Press("method", "password", url.Values{"password": {goodPassword}})
	if strings.Contains(p.URL.Path, "/account/verification") {
		p.Follow("login_challenge")
	}
	p.Press("said", "yes", nil)
	back := app.came(t, p)
	if back.Get("state") != "a-long-enough-state" || back.Get("iss") != s.Public+"/" { // RFC 9207 §2
		t.Fatalf("came back with %v", back)
	}
	token, err := config.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw)
	if err != nil || id.Nonce != "a-long-enough-nonce" || id.Issuer != s.Public+"/" {
		t.Fatalf("ID token: %+v %v", id, err)
	}
	if info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token)); err != nil || info.Subject != id.Subject {
		t.Fatalf("userinfo: %+v, %v", info, err)
	}
	fresh, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil || fresh.AccessToken == token.AccessToken {
		t.Fatalf("refreshed: %v", err)
	}
	p.Open(says.End + "?" + url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {app.URL + "/bye"}, "state": {"bye-for-now"}}.Encode())
	if strings.HasPrefix(p.URL.String(), s.Public) { // the page asks once more
		p.Press("said", "yes", nil)
	}
	if bye := app.came(t, p); bye.Get("state") != "bye-for-now" {
		t.Errorf("signed out with %v", bye)
	}
	p.Open(s.Public + "/account/login")
	p.Press("method", "password", url.Values{"identifier": {"ann@example.com"}, "password": {goodPassword}})
	if !strings.Contains(p.Page, "ann@example.com") || !strings.HasPrefix(p.URL.String(), s.Public+"/account/") {
		t.Errorf("signed in at %s\n%s", p.URL, p.Page)
	}
}

// TestCookiesOfANeighbour: what a browser is given by a tenant below one prefix counts for nothing when a program sends it to
// another one, whatever its path says.
func TestCookiesOfANeighbour(t *testing.T) {
	root := process.Start(t, process.Options{Config: forgiving})
	acme := newSite(t, root.Tenant(`{"id":"acme","path_prefix":"/t/acme"}`))
	beta := newSite(t, root.Tenant(`{"id":"beta","path_prefix":"/t/beta"}`))
	acme.create("ann@example.com")
	beta.create("ann@example.com")
	signedIn := acme.page()
	acme.browserSignIn(signedIn, "ann@example.com")
	ok[*kratos.Session](t)(signedIn.ToSession(t.Context()).Execute())
	at, err := url.Parse(acme.Public + "/sessions/whoami")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range signedIn.http.Jar.Cookies(at) {
		all = append(all, c.Name+"="+c.Value)
	}
	cookies := strings.Join(all, "; ")
	for name, s := range map[string]*site{"neighbour": beta, "root": newSite(t, root)} {
		no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ToSession(t.Context()).Cookie(cookies).Execute())
		if _, _, err := s.front.ToSession(t.Context()).Cookie(cookies).Execute(); err == nil {
			t.Errorf("the cookies count at the %s", name)
		}
	}
	in := ok[*kratos.SuccessfulNativeLogin](t)(acme.signIn("ann@example.com", goodPassword))
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(beta.front.ToSession(t.Context()).XSessionToken(in.GetSessionToken()).Execute())
	_, admin := sdk(beta.Server)
	c := register(t, acme.Server, webClient())
	if _, resp, err := admin.OAuth2API.GetOAuth2Client(t.Context(), c.GetClientId()).Execute(); err == nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("the client of one tenant is the other's: %v", explain(err))
	}
}
