package browser

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const (
	password = "four good old words"
	another  = "five even better new words"
)

// everywhere runs a test on one server with each kind of device.
func everywhere(t *testing.T, test func(t *testing.T, s *site, d device)) {
	t.Helper()
	everywhereWith(t, "", test)
}

// everywhereWith is everywhere on a server that is configured further.
func everywhereWith(t *testing.T, config string, test func(t *testing.T, s *site, d device)) {
	t.Helper()
	s := newSite(t, config)
	for _, d := range []device{desktop, phone, plain} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			test(t, s, d)
		})
	}
}

// mailbox is an address that nobody else in the test has.
func mailbox(name string, d device) string {
	return name + "-" + strings.ReplaceAll(d.name, " ", "-") + "@example.com"
}

// account makes an account, whose address is confirmed, by the admin API.
func (s *site) account(t *testing.T, address string) {
	t.Helper()
	s.administers(t, "/admin/identities", map[string]any{
		"traits":      map[string]any{"email": address},
		"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": password}}},
		"verifiable_addresses": []any{map[string]any{
			"value": address, "via": "email", "verified": true, "status": "completed",
		}},
	})
}

// administers sends a document to the admin API, and gives the answer.
func (s *site) administers(t *testing.T, path string, document any) map[string]any {
	t.Helper()
	body, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(s.Admin+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s answers %d %v (%v)", path, resp.StatusCode, answer, err)
	}
	return answer
}

// signsIn signs the person in from the login page on.
func (p *person) signsIn(address, password string) {
	p.t.Helper()
	p.fills("E-mail address", address)
	p.fills("Password", password)
	p.presses("Sign in")
}

// A person without an account comes to the account's page, is asked to sign in, and makes one.
func TestRegistration(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		p, address := newPerson(t, s, d), mailbox("ada", d)
		p.opens(s.Public + "/account/")
		p.at("login", "Sign in")
		p.follows("Create an account")
		p.at("registration", "Create your account")
		p.fills("E-mail address", address)
		p.fills("First name", "Ada")
		p.presses("Continue")

		p.at("registration password", "Almost done")
		p.fills("Password", "short")
		p.presses("Create account")
		p.at("registration password short", "Almost done")
		p.refused()
		p.presses("Back")
		p.at("registration again", "Create your account")
		if got := p.holds("First name"); got != "Ada" {
			t.Errorf("after going back the first name is %q", got)
		}
		p.presses("Continue")
		p.fills("Password", password)
		p.presses("Create account")

		p.at("verification", "Enter the code")
		code := s.post.code(t, address)
		p.fills("Verification code", wrong(code))
		p.presses("Continue")
		p.at("verification wrong", "Enter the code")
		p.refused()
		p.presses("Send a new code")
		p.at("verification again", "Enter the code")
		p.fills("Verification code", s.post.code(t, address))
		p.presses("Continue")

		p.at("account", "Your account")
		p.sees(address)
		p.sees("confirmed")
		p.seesNot("not confirmed")
	})
}

// wrong is a code that is not the code.
func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func TestLogin(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		p, address := newPerson(t, s, d), mailbox("grace", d)
		s.account(t, address)
		p.opens(s.Public + "/account/sessions")
		p.at("login", "Sign in")
		p.signsIn(address, "not that one")
		p.at("login wrong", "Sign in")
		p.refused()
		if got := p.holds("E-mail address"); got != address {
			t.Errorf("after a wrong password the field for the address holds %q", got)
		}
		if got := p.holds("Password"); got != "" {
			t.Errorf("after a wrong password the field for it holds %q", got)
		}
		p.signsIn(address, password)
		p.at("sessions", "Devices") // where the person wanted to go

		p.opens(s.Public + "/account/logout")
		p.at("logout", "Sign out?")
		p.presses("Stay signed in")
		p.at("account", "Your account")
		p.follows("Sign out")
		p.presses("Sign out")
		p.at("logged out", "You are signed out")
		p.follows("Sign in again")
		p.at("login", "Sign in")
		p.opens(s.Public + "/account/")
		p.at("login", "Sign in")
	})
}

func TestRecovery(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		p, address := newPerson(t, s, d), mailbox("joan", d)
		s.account(t, address)
		p.opens(s.Public + "/account/login")
		p.follows("Recover your account")
		p.at("recovery", "Recover your account")
		nobody := mailbox("nobody", d)
		p.fills("E-mail address", nobody)
		p.presses("Continue")
		p.at("recovery of nobody", "Enter the code")

		p.opens(s.Public + "/account/recovery")
		p.fills("E-mail address", address)
		p.presses("Continue")
		p.at("recovery code", "Enter the code")
		code := s.post.code(t, address)
		p.fills("Recovery code", wrong(code))
		p.presses("Continue")
		p.at("recovery code wrong", "Enter the code")
		p.refused()
		p.fills("Recovery code", code)
		p.presses("Continue")
		p.at("recovered", "Settings")
		p.fills("New password", "short")
		p.presses("Save", "Password")
		p.at("recovered password short", "Settings")
		p.refused()
		if first, err := eval[string](p, "document.querySelector('section').getAttribute('aria-label')"); err != nil || first != p.word("Password") {
			t.Errorf("after a bad password the first thing to do is %q (%v)", first, err)
		}
		p.fills("New password", another)
		p.presses("Save", "Password")
		p.at("recovered password", "Settings")
		p.succeeded()
		if !s.post.empty(nobody) {
			t.Error("somebody without an account got a mail")
		}

		p.opens(s.Public + "/account/logout")
		p.presses("Sign out")
		p.follows("Sign in again")
		p.signsIn(address, password)
		p.refused()
		p.signsIn(address, another)
		p.at("account", "Your account")
	})
}

func TestSettings(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		p, address := newPerson(t, s, d), mailbox("mary", d)
		s.account(t, address)
		p.opens(s.Public + "/account/settings")
		p.signsIn(address, password)
		p.at("settings", "Settings")
		p.fills("First name", "Mary")
		p.fills("Last name", "Jackson")
		p.presses("Save", "About you")
		p.at("settings saved", "Settings")
		p.succeeded()
		p.opens(s.Public + "/account/settings")
		if got := p.holds("Last name"); got != "Jackson" {
			t.Errorf("the last name is %q", got)
		}
		p.fills("New password", "short")
		p.presses("Save", "Password")
		p.at("settings password short", "Settings")
		p.refused()
		p.fills("New password", another)
		p.presses("Save", "Password")
		p.succeeded()

		// A new address has to be confirmed like the first one.
		moved := mailbox("jackson", d)
		p.fills("E-mail address", moved)
		p.presses("Save", "About you")
		p.succeeded()
		p.follows("Account")
		p.at("account unconfirmed", "Your account")
		p.sees("not confirmed")
		p.opens(link(t, s.post.take(t, moved)))
		p.at("settings verification", "Enter the code")
		if p.holds("Verification code") == "" {
			t.Error("whoever comes by the link of a mail has to type the code in it")
		}
		p.presses("Continue")
		p.at("settings verified", "Address confirmed")
		p.follows("Continue")
		p.at("settings", "Settings") // where the person came from
		p.follows("Account")
		p.at("account", "Your account")
		p.sees(moved)
		p.seesNot("not confirmed")
		p.follows("Sign out")
		p.presses("Sign out")
		p.follows("Sign in again")
		p.signsIn(moved, another)
		p.at("account", "Your account")
	})
}

// link is the address in a mail.
func link(t *testing.T, l letter) string {
	t.Helper()
	for word := range strings.FieldsSeq(l.text) {
		if strings.Contains(word, "/self-service/") {
			return word
		}
	}
	t.Fatalf("no link in the mail %q:\n%s", l.subject, l.text)
	return ""
}

func TestDevices(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		address := mailbox("annie", d)
		s.account(t, address)
		other := phone
		if d.name == phone.name {
			other = desktop
		}
		p, there := newPerson(t, s, d), newPerson(t, s, other)
		for _, someone := range []*person{there, p} {
			someone.opens(s.Public + "/account/sessions")
			someone.signsIn(address, password)
		}
		p.at("devices", "Devices")
		p.sees("this device")
		p.presses("Sign out: " + p.names(other))
		p.at("devices ended", "Devices")
		p.succeeded()
		there.opens(s.Public + "/account/")
		there.at("login", "Sign in")
		there.signsIn(address, password)
		there.at("account", "Your account")

		p.opens(s.Public + "/account/sessions")
		p.presses("Sign out everywhere else")
		p.succeeded()
		there.opens(s.Public + "/account/settings")
		there.at("login", "Sign in")
		p.opens(s.Public + "/account/")
		p.at("account", "Your account")
	})
}
