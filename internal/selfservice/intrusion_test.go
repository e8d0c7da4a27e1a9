package selfservice_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// More attacks, each as somebody would run it.

// TestSigningInByCodeToAnAccountThatSomebodyElsePrepared: somebody registers another person's address with a password, and
// waits for its owner to come, to sign in by a code, and to use the account.
func TestSigningInByCodeToAnAccountThatSomebodyElsePrepared(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(unified), config(telling), proofs(passwordless))
		var disowned []string
		s.people.OnEnd(func(_ context.Context, id string) error {
			disowned = append(disowned, id)
			return nil
		})
		thief := s.browser()
		thief.submit(thief.begin("registration", ""), registering("ada@example.com"))
		login := map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword}
		expect(t, "whoami of the thief before", thief.asWhoami().status, http.StatusOK)

		ada := s.browser()
		f := ada.flow("login", ada.submit(ada.begin("login", ""), map[string]any{"method": "code", "identifier": "ada@example.com"}))
		ada.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
		expect(t, "whoami of the owner", ada.asWhoami().status, http.StatusOK)
		expect(t, "whoami of the thief", thief.asWhoami().status, http.StatusUnauthorized)
		again := s.app()
		expect(t, "login of the thief", again.submit(again.begin("login", ""), login).said(), []int{4000006})
		expect(t, "identities whose applications lose what they hold", len(disowned), 1)
	})
}

// TestSigningInByCodeToAnAccountOfOnesOwnKeepsThePassword: where the address was proven before, or the person is signed in with
// the password already, nothing is taken away.
func TestSigningInByCodeToAnAccountOfOnesOwnKeepsThePassword(t *testing.T) {
	byCode := func(s *server, b *client, query string) {
		f := b.flow("login", b.submit(b.begin("login", query), map[string]any{"method": "code", "identifier": "ada@example.com"}))
		b.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
	}
	t.Run("proven", func(t *testing.T) {
		s := newServer(t, testkit.SQLite(t, "management"), config(unified), proofs(passwordless))
		b := s.browser()
		v := b.flow("verification", b.submit(b.begin("registration", ""), registering("ada@example.com")))
		b.submit(v, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
		byCode(s, s.browser(), "")
		expect(t, "whoami where the person was signed in", b.asWhoami().status, http.StatusOK)
		expect(t, "login", s.browserLogin("ada@example.com", goodPassword).status, http.StatusSeeOther)
	})
	t.Run("signed in", func(t *testing.T) {
		s := newServer(t, testkit.SQLite(t, "management"), config(unified), config(telling), proofs(passwordless))
		b := s.browser()
		b.submit(b.begin("registration", ""), registering("ada@example.com"))
		byCode(s, b, "refresh=true")
		expect(t, "methods", b.methods(), []string{"password", "code"})
		expect(t, "login", s.browserLogin("ada@example.com", goodPassword).status, http.StatusSeeOther)
	})
}

// TestALoginThatIsOvertaken: somebody keeps on signing in with a password that they know while its owner takes the account back.
// What was proved before must not open a session afterwards.
func TestALoginThatIsOvertaken(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(s *server, who *identity.Identity) error
		status int
	}{
		"another password": {func(s *server, who *identity.Identity) error {
			_, err := s.people.Change(s.ctx, who.ID, func(id *identity.Identity) error {
				id.SetCredential(identity.Credential{Type: identity.Password, Config: []byte(`{"hashed_password":"$md5$CY9rzUYh03PK3k6DJie09g=="}`)})
				return nil
			})
			if err == nil {
				_, err = s.sessions.RevokeAll(s.ctx, who.ID)
			}
			return err
		}, http.StatusUnauthorized},
		"none": {func(s *server, who *identity.Identity) error {
			_, err := s.people.Change(s.ctx, who.ID, func(id *identity.Identity) error {
				delete(id.Credentials, identity.Password)
				return nil
			})
			return err
		}, http.StatusUnauthorized},
		"deleted": {func(s *server, who *identity.Identity) error { return s.people.Delete(s.ctx, who.ID) }, http.StatusUnauthorized},
		"other news": {func(s *server, who *identity.Identity) error {
			return s.people.MarkVerified(s.ctx, who.ID, identity.ViaEmail, "ada@example.com", s.clock.Now())
		}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			during := func() error { return nil }
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if err := during(); err != nil {
					t.Error(err)
				}
				w.WriteHeader(http.StatusNoContent)
			}))
			t.Cleanup(srv.Close)
			s := hooked(t, func(c *selfservice.Config) {
				c.Flows.Login.After.Hooks = []selfservice.HookConfig{{Hook: "web_hook", Config: hook.Config{
					URL: srv.URL, Method: http.MethodPost, CanInterrupt: true, Timeout: 5e9, MaxRetries: -1,
				}}}
			})
			who := s.person("ada@example.com", goodPassword)
			during = func() error { return tc.change(s, who) }
			app := s.app()
			a := app.submit(app.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
			expect(t, "status", a.status, tc.status)
			if tc.status == http.StatusOK {
				return
			}
			var open int
			if err := s.db.QueryRow(s.ctx, `SELECT COUNT(*) FROM session s JOIN identity i ON i.tenant_id = s.tenant_id AND i.id = s.identity_id
				WHERE s.tenant_id = :tenant AND s.active = ?`, true).Scan(&open); err != nil || open > 1 { // that of the registration
				t.Errorf("%d sessions, %v", open, err)
			}
			if strings.Contains(a.body, "gh_st_") {
				t.Error("a session token was given out")
			}
		})
	}
}

// TestARegistrationCountsTheSameWhoeverHasTheAddress: what may still be sent to an address must not tell whether somebody had it.
func TestARegistrationCountsTheSameWhoeverHasTheAddress(t *testing.T) {
	left := func(known bool) (n int) {
		s := newServer(t, testkit.SQLite(t, "management"), config(unified), proofs())
		if known {
			s.known("ada@example.com")
		}
		app := s.app()
		app.submit(app.begin("registration", ""), registering("ada@example.com"))
		for n < 100 {
			if app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"}).status != http.StatusOK {
				return n
			}
			n++
		}
		return n
	}
	expect(t, "letters after a registration", left(true), left(false))
}

// TestWhatIsTypedDoesNotFillTheDatabase: a form is kept with what was typed into it, and shown again, but not a megabyte of it.
func TestWhatIsTypedDoesNotFillTheDatabase(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(unified), proofs(passwordless))
	long := strings.Repeat("x", 500_000) + "@example.com"
	app := s.app()
	for kind, values := range map[string]map[string]any{
		"login":        {"method": "password", "identifier": long, "password": "x"},
		"registration": {"method": "password", "password": goodPassword, "traits": map[string]any{"email": long}},
		"recovery":     {"method": "code", "email": long},
		"verification": {"method": "code", "email": long},
	} {
		a := app.submit(app.begin(kind, ""), values)
		if a.status != http.StatusBadRequest || len(a.body) > 20_000 {
			t.Errorf("%s: %d, %d bytes", kind, a.status, len(a.body))
		}
	}
}

// TestARecoveryDoesNotSignInOverSomebodyElse: who clicks on a link that another person sent stays signed in as who they are.
func TestARecoveryDoesNotSignInOverSomebodyElse(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(unified), config(telling), config(byLink), proofs())
	s.person("ada@example.com", goodPassword)
	eve := s.known("eve@example.com")
	b := s.browser()
	b.submit(b.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	link := s.admin("/admin/recovery/link", `{"identity_id":"`+eve.ID+`"}`).text("recovery_link")
	f := b.flow("recovery", b.get(link))
	token, _ := f.node("token")
	for range 2 {
		b.submit(f, map[string]any{"method": "link", "token": token})
	}
	expect(t, "who is signed in", b.asWhoami().text("identity.traits.email"), "ada@example.com")

	t.Run("the link is not used up", func(t *testing.T) {
		other := s.browser()
		f := other.flow("recovery", other.get(link))
		token, _ := f.node("token")
		other.submit(f, map[string]any{"method": "link", "token": token})
		expect(t, "who is signed in", other.asWhoami().text("identity.traits.email"), "eve@example.com")
	})
}

// TestAnotherSiteCannotSignInByAnAdministratorsCode: such a recovery belongs to no browser yet, so nothing else keeps a page
// elsewhere from submitting it in a visitor's browser.
func TestAnotherSiteCannotSignInByAnAdministratorsCode(t *testing.T) {
	for name, tc := range map[string]struct {
		header http.Header
		status int
	}{
		"another site":            {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, http.StatusForbidden},
		"another site's frame":    {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"null"}}, http.StatusForbidden},
		"an old browser":          {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"the page":                {http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"null"}}, http.StatusOK},
		"an application's page":   {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://app.example.com"}}, http.StatusOK},
		"no browser":              {http.Header{}, http.StatusOK},
		"the page's, old browser": {http.Header{"Origin": {"null"}}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) {
				c.Flows.Recovery.UIURL = "https://app.example.com/recovery"
			}), proofs())
			who := s.known("eve@example.com")
			issued := s.admin("/admin/recovery/code", `{"identity_id":"`+who.ID+`"}`)
			_, id, _ := strings.Cut(issued.text("recovery_link"), "flow=")
			b := s.browser().asScript()
			b.headers = tc.header
			b.headers.Set("Accept", "application/json")
			a := b.do(http.MethodPost, "/self-service/recovery?flow="+id, "application/x-www-form-urlencoded", "method=code&code="+issued.text("recovery_code"))
			expect(t, "status", a.status, tc.status)
		})
	}
}

// TestAProofFromBeforeThePasswordWasChanged: who could read the mail of somebody, and had a code or link sent, does not get in by it
// after its owner took measures.
func TestAProofFromBeforeThePasswordWasChanged(t *testing.T) {
	for name, tc := range map[string]struct {
		change []setup
		proof  func(s *server, app *client, sent answer) answer
	}{
		"a code": {nil, func(s *server, app *client, sent answer) answer {
			return app.submit(sent, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
		}},
		"a link": {[]setup{config(byLink)}, func(s *server, app *client, sent answer) answer {
			u, err := url.Parse(s.sentLink("ada@example.com"))
			if err != nil {
				t.Fatal(err)
			}
			return app.submit(sent, map[string]any{"method": "link", "token": u.Query().Get("token")})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, testkit.SQLite(t, "management"), append([]setup{config(unified), proofs()}, tc.change...)...)
			s.handler.Config.AccountEnumeration.Mitigate = false
			s.person("ada@example.com", goodPassword)
			method, _, _ := strings.Cut(strings.TrimPrefix(name, "a "), " ")
			send := func(app *client) answer {
				return app.submit(app.begin("recovery", ""), map[string]any{"method": method, "email": "ada@example.com"})
			}
			ada, thief := s.signedIn("ada@example.com"), s.app()
			sent := send(thief)
			s.clock.Advance(time.Second)
			a := ada.submit(ada.begin("settings", ""), map[string]any{"method": "password", "password": "another-long-passphrase"})
			expect(t, "settings", a.status, http.StatusOK)
			if a := tc.proof(s, thief, sent); a.text("state") == ui.StatePassedChallenge || strings.Contains(a.body, "gh_st_") {
				t.Errorf("%d %s", a.status, a.body)
			}
			s.clock.Advance(time.Second)
			owner := s.app()
			expect(t, "one that was sent later", tc.proof(s, owner, send(owner)).text("state"), ui.StatePassedChallenge)
		})
	}
}
