package selfservice_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// telling tells whoever registers whether somebody has the address, and signs them in at once.
func telling(c *selfservice.Config) { c.AccountEnumeration.Mitigate = false }

func unified(c *selfservice.Config) { c.Flows.Registration.Style = selfservice.StyleUnified }

// TestSettingsTellFew: who is signed in cannot ask for one address after the other whether somebody has it.
func TestSettingsTellFew(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), config(func(c *selfservice.Config) { c.AccountEnumeration.Mitigate = true }))
	s.known("ada@example.com")
	s.handler.Config.AccountEnumeration.Mitigate = false
	s.person("eve@example.com", goodPassword)
	s.handler.Config.AccountEnumeration.Mitigate = true
	eve := s.signedIn("eve@example.com")
	f := eve.begin("settings", "")
	change := func(email, first string) answer {
		return eve.submit(f, map[string]any{"method": "profile", "traits": map[string]any{"email": email, "name": map[string]any{"first": first}}})
	}
	for i := range limit.DefaultConfig().Lockout.Failures + 1 {
		expect(t, "what is told", change("ada@example.com", "").said(), []int{4000007})
		if i < limit.DefaultConfig().Lockout.Failures {
			expect(t, "another change in between", change("eve@example.com", fmt.Sprint("Eve ", i)).status, http.StatusOK)
		}
	}
	for _, email := range []string{"ada@example.com", "free@example.com"} {
		expect(t, "after that, for "+email, change(email, "").status, http.StatusTooManyRequests)
	}
	a := eve.submit(f, map[string]any{"method": "password", "password": "another-long-passphrase"})
	expect(t, "a new password", a.status, http.StatusOK)
	s.clock.Advance(time.Minute)
	expect(t, "after the wait", change("free@example.com", "").status, http.StatusOK)
}

// TestRegistrationTellsNobodyWhoHasAnAccount: by default, registering a taken address looks like registering a free one.
func TestRegistrationTellsNobodyWhoHasAnAccount(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(unified), proofs())
		s.known("ada@example.com")
		old, err := s.people.ByIdentifier(s.ctx, identity.Password, "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		before := len(s.letters("ada@example.com"))
		b := s.browser().asScript()
		free := b.submit(b.begin("registration", ""), registering("eve@example.com"))
		taken := b.submit(b.begin("registration", ""), registering("ADA@example.com"))
		if free.status != http.StatusOK || taken.status != free.status {
			t.Fatalf("%d %s\n%d %s", free.status, free.body, taken.status, taken.body)
		}
		if a, b := shape(free.json), shape(taken.json); !slices.Equal(a, b) {
			t.Errorf("the answers differ in shape:\n%v\n%v", a, b)
		}
		if free.text("session.id") != "" || len(free.header["Set-Cookie"]) != len(taken.header["Set-Cookie"]) {
			t.Error("a registration whose address is not proven signs in")
		}
		if id := taken.text("identity.id"); id == old.ID || id == "" {
			t.Errorf("the answer names identity %q", id)
		}
		letters := s.letters("ada@example.com")
		if len(letters) != before+1 || letters[len(letters)-1].Template != "registration_duplicate" {
			t.Errorf("the owner got %d letters", len(letters)-before)
		}
		if got := s.letters("eve@example.com"); len(got) != 1 || got[0].Template != "verification_code_valid" {
			t.Errorf("the new person got %v", got)
		}
		// The flow of the address that was taken answers wrong codes like the other.
		said := [2][]int{}
		for i, a := range []answer{free, taken} {
			f := b.get("/self-service/verification/flows?id=" + verificationOf(a))
			f = b.submit(f, map[string]any{"method": "code", "code": "000000"})
			said[i] = f.said()
			if f.status != http.StatusOK {
				t.Errorf("%d %s", f.status, f.body)
			}
		}
		if !slices.Equal(said[0], said[1]) {
			t.Errorf("wrong codes are answered %v", said)
		}
		if got := s.browserLogin("ada@example.com", goodPassword); got.status != http.StatusSeeOther {
			t.Errorf("the owner's own password: %d", got.status)
		}
	})
}

func verificationOf(a answer) string {
	list, _ := a.at("continue_with").([]any)
	for _, c := range list {
		m, _ := c.(map[string]any)
		if f, _ := m["flow"].(map[string]any); m["action"] == ui.ActionShowVerification {
			id, _ := f["id"].(string)
			return id
		}
	}
	return ""
}

// browserLogin signs in with a browser of its own.
func (s *server) browserLogin(email, password string) answer {
	b := s.browser()
	return b.submit(b.begin("login", ""), map[string]any{"method": "password", "identifier": email, "password": password})
}

// shape lists the members of a document with their types.
func shape(v any) []string {
	var out []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(path+"."+k, v[k])
			}
		case []any:
			for _, e := range v {
				walk(path+"[]", e)
			}
		case string:
			out = append(out, path+" text")
		default:
			out = append(out, path)
		}
	}
	walk("", v)
	return out
}

// TestStatementsOfARegistrationThatVerifies holds what a registration with its mail costs.
func TestStatementsOfARegistrationThatVerifies(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		for email, change := range map[string]func(*selfservice.Config){
			"later@example.com": unified, // signed in after the verification
			"now@example.com": func(c *selfservice.Config) {
				unified(c)
				c.AccountEnumeration.Mitigate = false
			},
		} {
			s := newServer(t, db, config(change), proofs())
			app := s.app()
			f := app.begin("registration", "")
			before := db.Statements()
			a := app.submit(f, registering(email))
			if n := db.Statements() - before; a.status != http.StatusOK || n > 8 {
				t.Errorf("%s: %d statements for %d %s", email, n, a.status, a.body)
			} else {
				t.Logf("%s: %d statements", email, n)
			}
			if len(s.letters(email)) != 1 || verificationOf(a) == "" {
				t.Errorf("%s: %d letters, and %s", email, len(s.letters(email)), a.body)
			}
		}
	})
}

// TestALoginDoesNotTellThatTheAddressWasFree: somebody registers another person's address with a password of their own, which is
// answered as if it had worked, and then finds out by signing in whether it had.
func TestALoginDoesNotTellThatTheAddressWasFree(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(unified), proofs())
		s.known("ada@example.com")
		var told [2][]string
		for i, email := range []string{"ada@example.com", "free@example.com"} {
			s.clock.Advance(time.Hour)
			b := s.browser().asScript()
			b.submit(b.begin("registration", ""), registering(email))
			for range 8 { // until it is locked, and further
				a := b.submit(b.begin("login", ""), map[string]any{"method": "password", "identifier": email, "password": goodPassword})
				told[i] = append(told[i], fmt.Sprint(a.status, a.said(), shape(a.json)))
			}
			for range 12 { // and what may still be sent there
				a := b.submit(b.begin("recovery", ""), map[string]any{"method": "code", "email": email})
				told[i] = append(told[i], fmt.Sprint(a.status, a.said()))
			}
		}
		if !slices.Equal(told[0], told[1]) {
			for i := range told[0] {
				if told[0][i] != told[1][i] {
					t.Errorf("%d, taken: %v\nfree:  %v", i, told[0][i], told[1][i])
				}
			}
		}
	})
}

// TestSigningInBeforeTheAddressIsVerified: who registered, and lost the mail, is sent another one by signing in, and signs in after
// that.
func TestSigningInBeforeTheAddressIsVerified(t *testing.T) {
	for name, use := range map[string]func(*selfservice.Config){"code": func(*selfservice.Config) {}, "link": byLink} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, testkit.SQLite(t, "management"), config(unified), config(use), proofs())
			b := s.browser()
			b.submit(b.begin("registration", ""), registering("ada@example.com"))
			s.clock.Advance(time.Hour)
			expect(t, "letters", len(s.letters("ada@example.com")), 1)
			again := s.browser()
			login := map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword}
			expect(t, "login", again.flow("login", again.submit(again.begin("login", ""), login)).said(), []int{4000006})
			expect(t, "letters", len(s.letters("ada@example.com")), 2)
			f := again.get(s.sentLink("ada@example.com"))
			if name == "code" {
				f = again.flow("verification", f)
				again.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
			}
			who, err := s.people.ByIdentifier(s.ctx, identity.Password, "ada@example.com")
			if err != nil || !who.VerifiableAddresses[0].Verified || who.Unproven {
				t.Fatalf("%+v, %v", who, err)
			}
			in := s.app()
			if a := in.submit(in.begin("login", ""), login); a.text("session_token") == "" {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

// TestWhoIsLetInOtherwiseKeepsThePassword: an administrator's code lets in whom they know, verified or not.
func TestWhoIsLetInOtherwiseKeepsThePassword(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(unified), proofs())
	b := s.browser().asScript()
	b.submit(b.begin("registration", ""), registering("ada@example.com"))
	who, err := s.people.ByIdentifier(s.ctx, identity.Password, "ada@example.com")
	if err != nil || !who.Unproven {
		t.Fatalf("%+v, %v", who, err)
	}
	issued := s.admin("/admin/recovery/code", `{"identity_id":"`+who.ID+`"}`)
	_, id, _ := strings.Cut(issued.text("recovery_link"), "flow=")
	f := b.get("/self-service/recovery/flows?id=" + id)
	b.submit(f, map[string]any{"method": "code", "code": issued.text("recovery_code")})
	a := b.submit(b.begin("settings", ""), map[string]any{"method": "password", "password": "another-long-passphrase"})
	expect(t, "settings", a.status, http.StatusOK)
	app := s.app()
	a = app.submit(app.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": "another-long-passphrase"})
	expect(t, "login", a.status, http.StatusOK)
}
