package browser

import (
	"fmt"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// Both servers are on one host, where cookies know no ports.
const providerConfig = `session: {cookie: {name: acme_session}}
account: {brand: {name: Acme}}
`

const federatedConfig = `selfservice:
  methods:
    oidc:
      enabled: true
      config:
        providers:
          - {id: acme, label: Acme, issuer_url: %q, client_id: %q, client_secret: %q, scope: [email]}
`

// federated are two servers: people of the second can sign in with their accounts at the first.
func federated(t *testing.T) (acme, s *site) {
	t.Helper()
	acme, mails := newSite(t, providerConfig), newPost(t)
	s = &site{Server: process.Configure(t, process.Options{Config: fmt.Sprintf(siteConfig, mails.uri())}), post: mails}
	made := acme.administers(t, "/admin/clients", map[string]any{
		"client_name": "The Corner Shop", "scope": "openid email", "grant_types": []string{"authorization_code"}, "response_types": []string{"code"},
		"redirect_uris": []string{s.Public + "/self-service/methods/oidc/callback/acme"}, "skip_consent": true,
	})
	s.Override(fmt.Sprintf(federatedConfig, acme.Public+"/", made["client_id"], made["client_secret"]))
	s.Run()
	t.Cleanup(s.Stop)
	return acme, s
}

// TestProvider: a person who has an account at another server signs in with it, links it, and says no.
func TestProvider(t *testing.T) {
	acme, s := federated(t)
	for _, d := range []device{desktop, phone, plain} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			p, address := newPerson(t, s, d), mailbox("grace", d)
			acme.account(t, address)
			p.opens(s.Public + "/account/login")
			p.at("login with provider", "Sign in")
			p.presses("Sign in with Acme")
			p.sees("The Corner Shop")
			p.signsIn(address, password)
			p.at("account by provider", "Your account")
			p.sees(address)
			p.seesNot("not confirmed")
			p.follows("Settings")
			p.at("settings by provider", "Settings")
			p.seesNot("Unlink Acme") // nothing else signs in
			p.fills("New password", another)
			p.presses("Save", "Password")
			p.succeeded()
			p.at("settings with both", "Settings")
			p.presses("Unlink Acme")
			p.succeeded()
			p.presses("Link Acme")
			p.succeeded()
			p.at("settings linked", "Settings")
			p.follows("Account")
			p.follows("Sign out")
			p.presses("Sign out")

			// Who is signed in there is asked nothing more.
			p.opens(s.Public + "/account/registration")
			p.at("registration with provider", "Create your account")
			p.presses("Sign up with Acme")
			p.at("account", "Your account")
			p.sees(address)

			// An account with the same address is linked by who has it.
			other, name := newPerson(t, s, d), mailbox("owner", d)
			acme.account(t, name)
			s.account(t, name)
			other.opens(s.Public + "/account/login")
			other.presses("Sign in with Acme")
			other.signsIn(name, password)
			other.at("login that links", "Sign in")
			other.sees("already used by another account")
			if got := other.holds("E-mail address"); got != name {
				t.Errorf("the password is asked for %q", got)
			}
			other.fills("Password", password)
			other.presses("Sign in")
			other.at("account", "Your account")
			other.follows("Settings")
			other.find("button", "Unlink Acme")
		})
	}
}
