package selfservice_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/method/code"
	"github.com/gatehouse-iam/gatehouse/internal/method/link"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

func passwordless(c *code.Method, _ *link.Method) { c.Config.PasswordlessEnabled = true }

func TestSigningInByCode(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs(passwordless))
	who := s.known("ada@example.com")
	app := s.app()
	f := app.begin("login", "")
	if _, ok := f.node("identifier"); !ok {
		t.Fatal(f.body)
	}
	f = app.submit(f, map[string]any{"method": "code", "identifier": "Ada@example.com"})
	expect(t, "status", f.status, http.StatusBadRequest)
	expect(t, "state", f.text("state"), ui.StateSentEmail)
	expect(t, "said", f.said(), []int{1010014})
	expect(t, "nodes", f.names(), []string{"csrf_token=hidden", "code=text", "method=hidden", "method=submit", "resend=submit", "identifier=hidden"})
	expect(t, "template", s.letters("ada@example.com")[0].Template, "login_code_valid")
	sent := s.sentCode("ada@example.com")
	a := app.submit(f, map[string]any{"method": "code", "identifier": "ada@example.com", "code": wrongCode(sent)})
	expect(t, "status of a wrong code", a.status, http.StatusBadRequest)
	expect(t, "said of a wrong code", a.said(), []int{4010008})
	expect(t, "said of no code", app.submit(f, map[string]any{"method": "code"}).said(), []int{4000002})
	a = app.submit(f, map[string]any{"method": "code", "code": sent})
	expect(t, "status", a.status, http.StatusOK)
	app.token = a.text("session_token")
	expect(t, "methods", app.methods(), []string{"code"})
	expect(t, "level", app.asWhoami().text("authenticator_assurance_level"), session.AAL1)
	if !s.reload(who).VerifiableAddresses[0].Verified {
		t.Error("the address to which the code went is not verified")
	}
}

func TestSigningInByCodeTellsNobodyWhoHasAnAccount(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs(passwordless))
	s.known("ada@example.com")
	try := func(identifier string) (sent, tried answer) {
		app := s.app()
		sent = app.submit(app.begin("login", ""), map[string]any{"method": "code", "identifier": identifier})
		return sent, app.submit(sent, map[string]any{"method": "code", "code": "123456"})
	}
	knownSent, knownTried := try("ada@example.com")
	otherSent, otherTried := try("bob@example.com")
	expect(t, "sent", strings.ReplaceAll(unnamed(otherSent), "bob@", "ada@"), unnamed(knownSent))
	expect(t, "tried", strings.ReplaceAll(unnamed(otherTried), "bob@", "ada@"), unnamed(knownTried))
	expect(t, "letters", len(s.letters("bob@example.com")), 0)
}

func TestSigningInByCodeTakesFiveTriesAndAnotherCode(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), func(s *server) { s.handler.Limits = nil }, proofs(passwordless))
	s.known("ada@example.com")
	b := s.browser()
	f := b.flow("login", b.submit(b.begin("login", ""), map[string]any{"method": "code", "identifier": "ada@example.com"}))
	first := s.sentCode("ada@example.com")
	for range 5 {
		f = b.flow("login", b.submit(f, map[string]any{"method": "code", "code": wrongCode(first)}))
		expect(t, "said", f.said(), []int{4010008})
	}
	f = b.flow("login", b.submit(f, map[string]any{"method": "code", "code": first}))
	expect(t, "said of the right one", f.said(), []int{4000001})
	f = b.flow("login", b.submit(f, map[string]any{"method": "code", "resend": "code"}))
	expect(t, "said of another one", f.said(), []int{1010014})
	a := b.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
	expect(t, "status", a.status, http.StatusSeeOther)
	expect(t, "methods", b.methods(), []string{"code"})
}

func TestSigningInByCodeIsOffWhereItIsNotSwitchedOn(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	app := s.app()
	f := app.begin("login", "")
	if strings.Contains(f.body, `"group":"code"`) {
		t.Error("codes are offered")
	}
	expect(t, "said", app.submit(f, map[string]any{"method": "code", "identifier": "ada@example.com"}).said(), []int{4010002})
	f = app.begin("registration", "")
	a := app.submit(f, map[string]any{"method": "code", "traits": map[string]any{"email": "ada@example.com"}})
	expect(t, "said", a.said(), []int{4010003})
}

func TestRegisteringByCode(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) {
		c.Flows.Registration.Style = selfservice.StyleUnified
	}), proofs(passwordless))
	app := s.app()
	traits := map[string]any{"email": "ada@example.com", "name": map[string]any{"first": "Ada"}}
	f := app.submit(app.begin("registration", ""), map[string]any{"method": "code", "traits": traits})
	expect(t, "status", f.status, http.StatusBadRequest)
	expect(t, "state", f.text("state"), ui.StateSentEmail)
	expect(t, "said", f.said(), []int{1040005})
	expect(t, "what was typed", value(f, "traits.name.first"), any("Ada"))
	expect(t, "template", s.letters("ada@example.com")[0].Template, "registration_code_valid")
	sent := s.sentCode("ada@example.com")

	other := app.submit(f, map[string]any{"method": "code", "code": sent, "traits": map[string]any{"email": "eve@example.com"}})
	expect(t, "said of other traits", other.said(), []int{4000036})
	wrong := app.submit(f, map[string]any{"method": "code", "code": wrongCode(sent), "traits": traits})
	expect(t, "said of a wrong code", wrong.said(), []int{4040003})
	a := app.submit(f, map[string]any{"method": "code", "code": sent, "traits": traits})
	expect(t, "status", a.status, http.StatusOK)
	app.token = a.text("session_token")
	expect(t, "methods", app.methods(), []string{"code"})
	who, err := s.people.ByIdentifier(s.ctx, identity.Code, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if !who.VerifiableAddresses[0].Verified {
		t.Error("the address is not verified")
	}
	var config struct {
		Addresses []struct{ Channel, Address string }
	}
	if err := json.Unmarshal(who.Credentials[identity.Code].Config, &config); err != nil || len(config.Addresses) != 1 ||
		config.Addresses[0].Channel != "email" || config.Addresses[0].Address != "ada@example.com" {
		t.Errorf("the credential is %s", who.Credentials[identity.Code].Config)
	}
	expect(t, "letters", len(s.letters("ada@example.com")), 1)

	t.Run("with an address that somebody has", func(t *testing.T) {
		app := s.app()
		f := app.submit(app.begin("registration", ""), map[string]any{"method": "code", "traits": traits})
		expect(t, "said", f.said(), []int{1040005})
		a := app.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com"), "traits": traits})
		expect(t, "said to its owner", a.said(), []int{4000007})
	})
}

func TestRegisteringByCodeInTwoSteps(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs(passwordless))
	b := s.browser()
	traits := func() map[string]any { return map[string]any{"email": "ada@example.com"} }
	f := b.flow("registration", b.submit(b.begin("registration", ""), map[string]any{"method": "profile", "traits": traits()}))
	f = b.flow("registration", b.submit(f, map[string]any{"method": "code", "traits": traits()}))
	expect(t, "said", f.said(), []int{1040005})
	back := b.flow("registration", b.submit(f, map[string]any{"screen": "previous"}))
	expect(t, "what was typed", value(back, "traits.email"), any("ada@example.com"))
	f = b.flow("registration", b.submit(back, map[string]any{"method": "profile", "traits": traits()}))
	f = b.flow("registration", b.submit(f, map[string]any{"method": "code", "traits": traits()}))
	f = b.flow("registration", b.submit(f, map[string]any{"method": "code", "resend": "code", "traits": traits()}))
	expect(t, "said", f.said(), []int{1040005})
	a := b.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com"), "traits": traits()})
	expect(t, "status", a.status, http.StatusSeeOther)
	expect(t, "methods", b.methods(), []string{"code"})
}

func TestSigningInByTextMessage(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), several(t), proofs(passwordless, func(c *code.Method, _ *link.Method) { c.SMS = true }))
	who := &identity.Identity{SchemaID: "several", State: identity.Active, Traits: json.RawMessage(`{"email":"ada@example.com","phone":"+4915112345678"}`)}
	if err := s.people.Create(s.ctx, who); err != nil {
		t.Fatal(err)
	}
	app := s.app()
	f := app.submit(app.begin("login", ""), map[string]any{"method": "code", "identifier": "+49 151 12345678"})
	expect(t, "channel", s.letters("+4915112345678")[0].Channel, "sms")
	expect(t, "letters by mail", len(s.letters("ada@example.com")), 0)
	a := app.submit(f, map[string]any{"method": "code", "code": s.sentCode("+4915112345678")})
	expect(t, "status", a.status, http.StatusOK)
}

func TestOneLoginCodeUsedByTenAtOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, unlimited, proofs(passwordless))
		s.known("ada@example.com")
		app := s.app()
		f := app.submit(app.begin("login", ""), map[string]any{"method": "code", "identifier": "ada@example.com"})
		body := `{"method":"code","code":"` + s.sentCode("ada@example.com") + `"}`
		won := 0
		for _, a := range race(func(int) answer { return app.do(http.MethodPost, f.text("ui.action"), "application/json", body) }) {
			switch {
			case a.status == http.StatusOK && a.text("session_token") != "":
				won++
			case a.status == http.StatusGone && a.text("error.id") == "self_service_flow_replaced":
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		expect(t, "winners", won, 1)
		expect(t, "sessions", s.countSessions(), 1)
	})
}

func TestOneRegistrationCodeUsedByTenAtOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, unlimited, config(func(c *selfservice.Config) {
			c.Flows.Registration.Style = selfservice.StyleUnified
		}), proofs(passwordless))
		app := s.app()
		f := app.submit(app.begin("registration", ""), map[string]any{"method": "code", "traits": map[string]any{"email": "ada@example.com"}})
		body := `{"method":"code","traits":{"email":"ada@example.com"},"code":"` + s.sentCode("ada@example.com") + `"}`
		won := 0
		for _, a := range race(func(int) answer { return app.do(http.MethodPost, f.text("ui.action"), "application/json", body) }) {
			switch {
			case a.status == http.StatusOK && a.text("session_token") != "":
				won++
			case a.status == http.StatusGone && a.text("error.id") == "self_service_flow_replaced":
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		expect(t, "winners", won, 1)
		expect(t, "sessions", s.countSessions(), 1)
	})
}
