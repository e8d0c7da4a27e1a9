package selfservice_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func registering(email string) map[string]any {
	return map[string]any{"method": "password", "password": goodPassword, "traits": map[string]any{"email": email}}
}

func TestRegistrationInOneStep(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	app := s.app()
	f := app.begin("registration", "")
	for _, name := range []string{"csrf_token", "traits.email", "password"} {
		if _, ok := f.node(name); !ok {
			t.Errorf("no %s in %s", name, f.body)
		}
	}
	bad := app.submit(f, registering("not an address"))
	if bad.status != http.StatusBadRequest || len(bad.said()) == 0 {
		t.Fatalf("%d %s", bad.status, bad.body)
	}
	if v, _ := bad.node("traits.email"); v != "not an address" {
		t.Errorf("what was typed is %v", v)
	}
	a := app.submit(f, registering("ada@example.com"))
	if a.status != http.StatusOK || a.text("session_token") == "" || a.text("identity.traits.email") != "ada@example.com" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if strings.Contains(a.body, "hashed_password") || strings.Contains(a.body, "$argon2id$") {
		t.Error("the answer holds the credential")
	}
	app.token = a.text("session_token")
	if got := app.get("/sessions/whoami"); got.text("identity.id") != a.text("identity.id") {
		t.Errorf("whoami: %s", got.body)
	}
	second := s.app()
	taken := second.submit(second.begin("registration", ""), registering("ADA@example.com"))
	if taken.status != http.StatusBadRequest || !contains(taken.said(), 4000007) {
		t.Errorf("a taken identifier is answered %d %s", taken.status, taken.body)
	}
}

func TestRegistrationInTwoSteps(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), config(func(c *selfservice.Config) {
		c.Flows.Registration.Style = selfservice.StyleProfileFirst
	}))
	b := s.browser()
	f := b.begin("registration", "")
	if _, asks := f.node("password"); asks {
		t.Error("the first step asks for a password")
	}
	traits := map[string]any{"email": "ada@example.com", "name": map[string]any{"first": "Ada", "last": ""}}
	f = b.flow("registration", b.submit(f, map[string]any{"method": "profile", "traits": traits}))
	if _, asks := f.node("password"); !asks {
		t.Fatalf("the second step is %s", f.body)
	}
	if v, _ := f.node("traits.name.first"); v != "Ada" {
		t.Errorf("the second step carries %v", v)
	}
	f = b.flow("registration", b.submit(f, map[string]any{"method": "profile", "screen": "previous", "traits": traits}))
	if _, asks := f.node("password"); asks {
		t.Error("the way back leads nowhere")
	}
	if v, _ := f.node("traits.email"); v != "ada@example.com" {
		t.Errorf("on the way back %v is left of what was typed", v)
	}
	f = b.flow("registration", b.submit(f, map[string]any{"method": "profile", "traits": traits}))
	end := b.submit(f, map[string]any{"method": "password", "password": goodPassword})
	if end.status != http.StatusSeeOther || end.header.Get("Location") != s.http.URL+"/account/" {
		t.Fatalf("%d %s %s", end.status, end.header.Get("Location"), end.body)
	}
	got := b.asScript().get("/sessions/whoami")
	if got.text("identity.traits.name.first") != "Ada" {
		t.Errorf("whoami: %s", got.body)
	}
	if name, _ := got.at("identity.traits.name").(map[string]any); len(name) != 1 {
		t.Errorf("a field that was left empty became a trait: %v", name)
	}
}

func TestRegistrationCanBeSwitchedOff(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) { c.Flows.Registration.Enabled = false }))
	if a := s.app().get("/self-service/registration/api"); a.status != http.StatusBadRequest || a.text("error.id") != "self_service_flow_disabled" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestLoginHints(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), config(func(c *selfservice.Config) { c.Flows.Registration.LoginHints = true }))
	s.person("ada@example.com", goodPassword)
	app := s.app()
	if a := app.submit(app.begin("registration", ""), registering("ada@example.com")); !contains(a.said(), 4000028) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestTenRegistrationsOfOneIdentifier: one identity, nine clear answers.
func TestTenRegistrationsOfOneIdentifier(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(plain))
		const n = 10
		app := s.app()
		var flows [n]answer
		for i := range flows {
			flows[i] = app.begin("registration", "")
		}
		var mu sync.Mutex
		made, told := 0, 0
		var wg sync.WaitGroup
		for _, f := range flows {
			wg.Go(func() {
				a := app.submit(f, registering("ada@example.com"))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case a.status == http.StatusOK && a.text("session_token") != "":
					made++
				case a.status == http.StatusBadRequest && contains(a.said(), 4000007):
					told++
				default:
					t.Errorf("%d %s", a.status, a.body)
				}
			})
		}
		wg.Wait()
		if made != 1 || told != n-1 {
			t.Errorf("%d were registered, %d told", made, told)
		}
		if _, err := s.people.ByIdentifier(s.ctx, identity.Password, "ada@example.com"); err != nil {
			t.Error(err)
		}
	})
}

// TestFailedRegistrationLeavesNothing: the flow goes on, with no session and no identity of the loser.
func TestFailedRegistrationLeavesNothing(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(plain))
		s.person("ada@example.com", goodPassword)
		app := s.app()
		f := app.begin("registration", "")
		if a := app.submit(f, registering("ada@example.com")); a.status != http.StatusBadRequest {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if _, err := s.people.ByIdentifier(s.ctx, identity.Password, "eve@example.com"); !errors.Is(err, identity.ErrNotFound) {
			t.Error(err)
		}
		if a := app.submit(f, registering("eve@example.com")); a.status != http.StatusOK {
			t.Errorf("the flow does not go on: %d %s", a.status, a.body)
		}
	})
}

// TestRegistrationStatements holds what a registration costs.
func TestRegistrationStatements(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(plain))
		app := s.app()
		f := app.begin("registration", "")
		before := db.Statements()
		a := app.submit(f, registering("ada@example.com"))
		if n := db.Statements() - before; a.status != http.StatusOK || n > 8 {
			t.Errorf("%d statements for %d %s", n, a.status, a.body)
		} else {
			t.Logf("%d statements", n)
		}
	})
}
