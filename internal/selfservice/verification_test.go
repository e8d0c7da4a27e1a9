package selfservice_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/method/code"
	"github.com/gatehouse-iam/gatehouse/internal/method/link"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

const severalSchema = `{"$id":"https://example.com/several","type":"object","properties":{"traits":{"type":"object","properties":{
	"email":{"type":"string","format":"email","ory.sh/kratos":{"credentials":{"password":{"identifier":true},"code":{"identifier":true,"via":"email"}},"verification":{"via":"email"},"recovery":{"via":"email"}}},
	"phone":{"type":"string","format":"tel","ory.sh/kratos":{"credentials":{"code":{"identifier":true,"via":"sms"}},"verification":{"via":"sms"},"recovery":{"via":"sms"}}},
	"nick":{"type":"string"}
}}}}`

// several has people with a mail address and a telephone number.
func several(t *testing.T) setup {
	t.Helper()
	return func(s *server) {
		c := identity.Config{DefaultSchemaID: "several", Schemas: []identity.SchemaConfig{
			{ID: "several", URL: "base64://" + base64.StdEncoding.EncodeToString([]byte(severalSchema))},
			{ID: "default", URL: "base64://" + base64.StdEncoding.EncodeToString([]byte(severalSchema))},
		}}
		if err := s.handler.Schemas.Configure(s.ctx, tenant.Default, c, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerificationByCode(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	who := s.known("ada@example.com")
	app := s.app()
	f := app.begin("verification", "return_to=/account/done")
	expect(t, "nodes", f.names(), []string{"csrf_token=hidden", "email=email", "method=submit"})
	f = app.submit(f, map[string]any{"method": "code", "email": "ada@example.com"})
	expect(t, "said", f.said(), []int{1080003})
	expect(t, "nodes", f.names(), []string{"csrf_token=hidden", "code=text", "method=hidden", "method=submit", "email=submit"})
	expect(t, "status of the address", s.reload(who).VerifiableAddresses[0].Status, identity.AddressSent)
	sent := s.sentCode("ada@example.com")
	f = app.submit(f, map[string]any{"code": wrongCode(sent)})
	expect(t, "said of a wrong code", f.said(), []int{4070006})
	f = app.submit(f, map[string]any{"code": sent})
	expect(t, "status", f.status, http.StatusOK)
	expect(t, "state", f.text("state"), ui.StatePassedChallenge)
	expect(t, "said", f.said(), []int{1080002})
	expect(t, "nodes", f.names(), []string{"continue="})
	expect(t, "where to", f.text("ui.action"), s.http.URL+"/account/done")
	a := s.reload(who).VerifiableAddresses[0]
	if !a.Verified || a.Status != identity.AddressCompleted || a.VerifiedAt == nil || !a.VerifiedAt.Equal(s.clock.Now()) {
		t.Errorf("%+v", a)
	}
	shown := app.get("/self-service/verification/flows?id=" + f.text("id"))
	expect(t, "the page shows it", shown.said(), []int{1080002})
	again := app.do(http.MethodPost, "/self-service/verification?flow="+f.text("id"), "application/json", `{"code":"`+sent+`"}`)
	expect(t, "status of a second use", again.status, http.StatusGone)
	expect(t, "id of a second use", again.text("error.id"), "self_service_flow_replaced")
}

func TestVerificationMailsHoldALink(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	who := s.known("ada@example.com")
	b := s.browser()
	f := b.flow("verification", b.submit(b.begin("verification", ""), map[string]any{"method": "code", "email": "ada@example.com"}))
	link, sent := s.sentLink("ada@example.com"), s.sentCode("ada@example.com")

	t.Run("here it fills in the code", func(t *testing.T) {
		shown := b.flow("verification", b.get(link))
		expect(t, "flow", shown.text("id"), f.text("id"))
		expect(t, "code", value(shown, "code"), any(sent))
	})
	t.Run("elsewhere it does so for that browser alone", func(t *testing.T) {
		app := s.app()
		f := app.submit(app.begin("verification", ""), map[string]any{"method": "code", "email": "ada@example.com"})
		link, sent := s.sentLink("ada@example.com"), s.sentCode("ada@example.com")
		phone := s.browser()
		shown := phone.flow("verification", phone.get(link))
		expect(t, "code", value(shown, "code"), any(sent))
		if seen := app.get("/self-service/verification/flows?id=" + f.text("id")); strings.Contains(seen.body, sent) {
			t.Error("who began the flow, perhaps for somebody else's address, sees the code")
		}
		if s.reload(who).VerifiableAddresses[0].Verified {
			t.Error("opening a link verified the address")
		}
		wrong := phone.flow("verification", phone.submit(shown, map[string]any{"method": "code", "code": wrongCode(sent)}))
		expect(t, "said of a wrong code", wrong.said(), []int{4070006})
		done := phone.flow("verification", phone.submit(wrong, map[string]any{"method": "code", "code": sent}))
		expect(t, "said", done.said(), []int{1080002})
		if !s.reload(who).VerifiableAddresses[0].Verified {
			t.Error("the address is not verified")
		}
		expect(t, "said where the flow began", app.get("/self-service/verification/flows?id="+f.text("id")).said(), []int{1080002})
	})
}

func TestVerificationByLink(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(byLink), proofs())
	who := s.known("ada@example.com")
	b := s.browser()
	f := b.flow("verification", b.submit(b.begin("verification", ""), map[string]any{"method": "link", "email": "ada@example.com"}))
	expect(t, "said", f.said(), []int{1080001})
	link := s.sentLink("ada@example.com")
	phone := s.browser()
	phone.get(link)
	if s.reload(who).VerifiableAddresses[0].Verified {
		t.Error("opening a link elsewhere verified the address")
	}
	done := b.flow("verification", b.get(link))
	expect(t, "said", done.said(), []int{1080002})
	if !s.reload(who).VerifiableAddresses[0].Verified {
		t.Error("the address is not verified")
	}
}

func TestVerificationByTextMessage(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), several(t), proofs(func(c *code.Method, l *link.Method) { c.SMS, l.SMS = true, true }))
	who := &identity.Identity{SchemaID: "several", State: identity.Active, Traits: json.RawMessage(`{"phone":"+4915112345678"}`)}
	if err := s.people.Create(s.ctx, who); err != nil {
		t.Fatal(err)
	}
	app := s.app()
	f := app.begin("verification", "")
	expect(t, "nodes", f.names(), []string{"csrf_token=hidden", "email=text", "method=submit"})
	f = app.submit(f, map[string]any{"method": "code", "email": "+49 151 123 456 78"})
	expect(t, "said", f.said(), []int{1080004})
	expect(t, "channel", s.letters("+4915112345678")[0].Channel, "sms")
	f = app.submit(f, map[string]any{"code": s.sentCode("+4915112345678")})
	expect(t, "said", f.said(), []int{1080005})
	if !s.reload(who).VerifiableAddresses[0].Verified {
		t.Error("the number is not verified")
	}
	expect(t, "said of no number", app.submit(app.begin("verification", ""), map[string]any{"method": "code", "email": "12"}).said(), []int{4000041})
}

func TestARegistrationEndsWithTheVerification(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) {
		c.Flows.Registration.Style = selfservice.StyleUnified
	}), proofs())
	b := s.browser()
	f := b.begin("registration", "return_to=/account/first&after_verification_return_to=/account/welcome")
	a := b.submit(f, map[string]any{"method": "password", "password": goodPassword, "traits": map[string]any{"email": "ada@example.com"}})
	v := b.flow("verification", a)
	expect(t, "state", v.text("state"), ui.StateSentEmail)
	expect(t, "said", v.said(), []int{1080003})
	expect(t, "sent", len(s.letters("ada@example.com")), 1)
	expect(t, "signed in before", b.asWhoami().status, http.StatusUnauthorized)
	done := b.submit(v, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
	expect(t, "status", done.status, http.StatusSeeOther)
	expect(t, "methods", b.methods(), []string{"password"})

	t.Run("in a native app", func(t *testing.T) {
		app := s.app()
		a := app.submit(app.begin("registration", ""), map[string]any{"method": "password", "password": goodPassword, "traits": map[string]any{"email": "bob@example.com"}})
		expect(t, "actions", a.actions(), []string{ui.ActionShowVerification})
		flow, _ := a.next(ui.ActionShowVerification)["flow"].(map[string]any)
		id, _ := flow["id"].(string)
		v := app.get("/self-service/verification/flows?id=" + id)
		v = app.submit(v, map[string]any{"code": s.sentCode("bob@example.com")})
		expect(t, "actions", v.actions(), []string{ui.ActionSetSessionToken})
		app.token = v.text("session_token")
		expect(t, "methods", app.methods(), []string{"password"})
		expect(t, "who it is", v.text("identity.traits.email"), "bob@example.com")
	})
}

func TestAddressesThatAreNoLongerThePersonsAreNotVerified(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), proofs())
	who := s.known("ada@example.com")
	app := s.app()
	f := app.submit(app.begin("verification", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	who = s.reload(who)
	who.Traits = json.RawMessage(`{"email":"other@example.com"}`)
	if err := s.people.Update(s.ctx, who); err != nil {
		t.Fatal(err)
	}
	f = app.submit(f, map[string]any{"code": s.sentCode("ada@example.com")})
	expect(t, "said", f.said(), []int{4070003})
	gone := s.known("carl@example.com")
	f = app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "carl@example.com"})
	if err := s.people.Delete(s.ctx, gone.ID); err != nil {
		t.Fatal(err)
	}
	expect(t, "said for who was deleted", app.submit(f, map[string]any{"code": s.sentCode("carl@example.com")}).said(), []int{4060006})
}

func TestAVerificationElsewhereSignsNobodyIn(t *testing.T) {
	for _, confirm := range []bool{true, false} {
		s := newServer(t, testkit.SQLite(t, "management"), config(byLink), config(func(c *selfservice.Config) {
			c.Flows.Registration.Style = selfservice.StyleUnified
		}), proofs(func(_ *code.Method, l *link.Method) { l.Config.Config.Confirm = confirm }))
		b := s.browser()
		v := b.flow("verification", b.submit(b.begin("registration", ""), map[string]any{
			"method": "password", "password": goodPassword, "traits": map[string]any{"email": "ada@example.com"},
		}))
		phone := s.browser()
		shown := phone.flow("verification", phone.get(s.sentLink("ada@example.com")))
		if confirm {
			shown = phone.flow("verification", phone.submit(shown, map[string]any{"method": "link", "token": value(shown, "token")}))
		}
		expect(t, "said", shown.said(), []int{1080002})
		expect(t, "whoami there", phone.asWhoami().status, http.StatusUnauthorized)
		if confirm {
			expect(t, "said where it began", b.asScript().get("/self-service/verification/flows?id="+v.text("id")).said(), []int{1080002})
		}
		expect(t, "whoami where it began", b.asWhoami().status, http.StatusUnauthorized)
	}
}

func TestTheHookSessionSignsInWhoVerifies(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(func(c *selfservice.Config) {
		c.Flows.Verification.After = selfservice.AfterConfig{
			DefaultBrowserReturnURL: "/account/verified", Hooks: []selfservice.HookConfig{{Hook: "session"}},
		}
	}), proofs())
	s.known("ada@example.com")
	b := s.browser()
	f := b.flow("verification", b.submit(b.begin("verification", ""), map[string]any{"method": "code", "email": "ada@example.com"}))
	a := b.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
	expect(t, "where to", a.header.Get("Location"), s.http.URL+"/account/verified")
	expect(t, "methods", b.methods(), []string{"code"})
}

func TestWhatCannotBeReachedIsNotVerified(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), several(t), config(func(c *selfservice.Config) {
		c.Flows.Registration.Style, c.AccountEnumeration.Mitigate = selfservice.StyleUnified, false
	}), proofs())
	app := s.app()
	a := app.submit(app.begin("registration", ""), map[string]any{
		"method": "password", "password": goodPassword, "traits": map[string]any{"email": "ada@example.com", "phone": "+4915112345678"},
	})
	expect(t, "status", a.status, http.StatusOK)
	expect(t, "letters by mail", len(s.letters("ada@example.com")), 1)
	expect(t, "text messages", len(s.letters("+4915112345678")), 0)
	for _, address := range s.reload(&identity.Identity{ID: a.text("identity.id")}).VerifiableAddresses {
		want := map[string]string{"email": identity.AddressSent, "sms": identity.AddressPending}[address.Via]
		expect(t, address.Via, address.Status, want)
	}
}

func TestACodeOpenedElsewhereTakesFiveTries(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), unlimited, proofs())
	s.known("ada@example.com")
	app := s.app()
	app.submit(app.begin("verification", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	phone := s.browser()
	f := phone.flow("verification", phone.get(s.sentLink("ada@example.com")))
	sent := s.sentCode("ada@example.com")
	for range 5 {
		f = phone.flow("verification", phone.submit(f, map[string]any{"method": "code", "code": wrongCode(sent)}))
		expect(t, "said", f.said(), []int{4070006})
	}
	next := phone.flow("verification", phone.submit(f, map[string]any{"method": "code", "code": sent}))
	expect(t, "said", next.said(), []int{4000001})
	expect(t, "state", next.text("state"), ui.StateChooseMethod)
	over := phone.flow("verification", phone.submit(f, map[string]any{"method": "code", "code": sent}))
	expect(t, "said afterwards", over.said(), []int{4070002})
}
