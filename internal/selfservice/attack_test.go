package selfservice_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/method/code"
	"github.com/gatehouse-iam/gatehouse/internal/method/link"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// These are attacks, each as somebody would run it.

// TestAMailboxThatWasGivenUpOpensNothing: whoever reads an address that is no longer the person's has a code or link from before.
func TestAMailboxThatWasGivenUpOpensNothing(t *testing.T) {
	moved := func(s *server, who *identity.Identity) {
		who = s.reload(who)
		who.Traits = json.RawMessage(`{"email":"new@example.com"}`)
		if err := s.people.Update(s.ctx, who); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("recovery by code", func(t *testing.T) {
		s := newServer(t, testkit.SQLite(t, "management"), proofs())
		who := s.known("old@example.com")
		app := s.app()
		f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "old@example.com"})
		moved(s, who)
		expect(t, "said", app.submit(f, map[string]any{"code": s.sentCode("old@example.com")}).said(), []int{4060002})
	})
	t.Run("recovery by link", func(t *testing.T) {
		s := newServer(t, testkit.SQLite(t, "management"), config(byLink), proofs())
		who := s.known("old@example.com")
		b := s.browser()
		b.submit(b.begin("recovery", ""), map[string]any{"method": "link", "email": "old@example.com"})
		moved(s, who)
		b.get(s.sentLink("old@example.com"))
		expect(t, "whoami", b.asWhoami().status, http.StatusUnauthorized)
	})
	t.Run("login by code", func(t *testing.T) {
		s := newServer(t, testkit.SQLite(t, "management"), proofs(passwordless))
		who := s.known("old@example.com")
		app := s.app()
		f := app.submit(app.begin("login", ""), map[string]any{"method": "code", "identifier": "old@example.com"})
		moved(s, who)
		expect(t, "said", app.submit(f, map[string]any{"method": "code", "code": s.sentCode("old@example.com")}).said(), []int{4010008})
	})
}

// TestAPutOffSessionIsOnlyThatOfWhoRegistered: the verification that ends a registration signs in; it must not become a way to
// sign in to another account by its mailbox alone.
func TestAPutOffSessionIsOnlyThatOfWhoRegistered(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(unified), proofs())
	s.known("ada@example.com")
	b := s.browser()
	v := b.flow("verification", b.submit(b.begin("registration", ""), registering("eve@example.com")))
	v = b.flow("verification", b.submit(v, map[string]any{"method": "code", "email": "ada@example.com"}))
	b.submit(v, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
	if a := b.asWhoami(); a.status != http.StatusUnauthorized {
		t.Errorf("whoever reads ada's mail is signed in as %s by verifying", a.text("identity.traits.email"))
	}
}

// TestRegistrationsFillNobodysMailbox: each registration of a taken address writes to its owner.
func TestRegistrationsFillNobodysMailbox(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(unified), proofs())
	s.known("ada@example.com")
	app := s.app()
	var last answer
	for range 20 {
		if last = app.submit(app.begin("registration", ""), registering("ada@example.com")); last.status != http.StatusOK {
			t.Fatalf("%d %s", last.status, last.body)
		}
	}
	most := limit.DefaultConfig().Recipient.Burst
	if n := len(s.letters("ada@example.com")); n > most {
		t.Errorf("%d letters, where at most %d may be sent at once", n, most)
	}
	if verificationOf(last) == "" {
		t.Error("that nothing was sent shows")
	}
}

// TestErrorsDoNotFillTheDatabase: every page load that fails leaves a row for the error page.
func TestErrorsDoNotFillTheDatabase(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	b := s.browser()
	for i := range 300 {
		b.get(fmt.Sprintf("/self-service/login?flow=none-%d", i))
	}
	var n int
	if err := s.db.QueryRow(s.ctx, `SELECT COUNT(*) FROM selfservice_flow WHERE tenant_id = :tenant`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if most := limit.DefaultConfig().Flow.Burst; n > most {
		t.Errorf("%d rows of one address, where %d may be begun at once", n, most)
	}
	if a := b.get("/self-service/login?flow=none"); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "/account/error?id=wait") {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
}

// TestRecoveringAnAccountThatSomebodyElsePrepared: somebody registers another person's address, and waits for its owner to
// come, to recover the account, and to use it.
func TestRecoveringAnAccountThatSomebodyElsePrepared(t *testing.T) {
	for _, by := range []string{"code", "link"} {
		t.Run(by, func(t *testing.T) {
			s := newServer(t, testkit.SQLite(t, "management"), config(unified), config(func(c *selfservice.Config) { c.Flows.Recovery.Use = by }), config(telling), proofs())
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
			f := ada.flow("recovery", ada.submit(ada.begin("recovery", ""), map[string]any{"method": by, "email": "ada@example.com"}))
			if by == "code" {
				ada.submit(f, map[string]any{"method": by, "code": s.sentCode("ada@example.com")})
			} else {
				ada.get(s.sentLink("ada@example.com"))
			}
			expect(t, "whoami of the owner", ada.asWhoami().status, http.StatusOK)
			expect(t, "whoami of the thief", thief.asWhoami().status, http.StatusUnauthorized)
			again := s.app()
			expect(t, "login of the thief", again.submit(again.begin("login", ""), login).said(), []int{4000006})
			expect(t, "identities whose applications lose what they hold", len(disowned), 1)
		})
	}
}

// TestRecoveringAnAccountOfOnesOwnKeepsThePassword: where the address was proven before, nothing is taken away.
func TestRecoveringAnAccountOfOnesOwnKeepsThePassword(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(unified), proofs())
	b := s.browser()
	v := b.flow("verification", b.submit(b.begin("registration", ""), registering("ada@example.com")))
	b.submit(v, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
	expect(t, "whoami", b.asWhoami().status, http.StatusOK)
	app := s.app()
	f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	expect(t, "status", app.submit(f, map[string]any{"code": s.sentCode("ada@example.com")}).status, http.StatusOK)
	expect(t, "whoami where the person was signed in", b.asWhoami().status, http.StatusOK)
	expect(t, "login", s.browserLogin("ada@example.com", goodPassword).status, http.StatusSeeOther)
}

// TestALinkDoesNothingButProve: who opens a link submits its token, and nothing else that somebody wrote into it.
func TestALinkDoesNothingButProve(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(byLink), proofs(func(_ *code.Method, l *link.Method) { l.Config.Config.Confirm = false }))
	s.known("ada@example.com")
	thief := s.browser()
	f := thief.begin("recovery", "")
	s.browser().get("/self-service/recovery?flow=" + f.text("id") + "&token=x&method=link&email=ada@example.com")
	s.browser().get("/self-service/recovery?flow=" + f.text("id") + "&token=x&method=code&email=ada@example.com")
	if n := len(s.letters("ada@example.com")); n > 0 {
		t.Errorf("opening a link sent %d letters", n)
	}
}

// TestHooksAreNotToldWhatSignsIn: cookies of this server are left out, those of the OAuth server too.
func TestHooksAreNotToldWhatSignsIn(t *testing.T) {
	other := listen(t)
	s := hooked(t, func(c *selfservice.Config) {
		c.Flows.Login.Before.Hooks = []selfservice.HookConfig{other.hook("/before", false)}
	})
	b := s.browser().asScript()
	b.headers.Set("Cookie", "a=1; gatehouse_oauth_session=secret; __Host-gatehouse_oauth_session=secret; ory_kratos_session=secret")
	b.begin("login", "")
	expect(t, "cookies", fmt.Sprint(other.told("/before")["cookies"]), "map[a:1]")
}

// TestNobodyRegistersWithASchemaOfAdministrators: schemas may mean rights.
func TestNobodyRegistersWithASchemaOfAdministrators(t *testing.T) {
	staff := func(open bool) setup {
		return func(s *server) {
			c := identity.DefaultConfig()
			const raw = `{"type":"object","properties":{"traits":{"type":"object","properties":{"email":{"type":"string",
				"ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}}}}}}`
			c.DefaultSchemaID = "customer"
			c.Schemas = []identity.SchemaConfig{
				{ID: "customer", URL: "base64://" + base64.StdEncoding.EncodeToString([]byte(raw))},
				{ID: "staff", URL: "base64://" + base64.StdEncoding.EncodeToString([]byte(raw)), SelfserviceSelectable: open},
			}
			schemas, err := identity.NewSchemas(s.ctx, c, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.handler.Schemas = schemas
		}
	}
	for open, want := range map[bool]int{false: http.StatusNotFound, true: http.StatusOK} {
		s := newServer(t, testkit.SQLite(t, "management"), config(plain), staff(open))
		expect(t, "status", s.app().get("/self-service/registration/api?identity_schema=staff").status, want)
		expect(t, "status of the default one", s.app().get("/self-service/registration/api?identity_schema=customer").status, http.StatusOK)
	}
}

// TestIdsThatAreNoTextFailNobody: PostgreSQL refuses a statement that holds one, and flows of many people are read by one.
func TestIdsThatAreNoTextFailNobody(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(plain), proofs())
		for _, path := range []string{"/self-service/login/flows?id=%00", "/self-service/login/flows?id=%ff", "/self-service/errors?id=%00", "/self-service/recovery?flow=%00&token=x"} {
			expect(t, path, s.browser().asScript().get(path).status, http.StatusNotFound)
		}
	})
}
