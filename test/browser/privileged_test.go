package browser

import (
	"testing"
	"time"
)

// Who has been signed in for long is asked who it is before a password is changed, and comes back to where it was.
func TestPrivilegedSettings(t *testing.T) {
	t.Parallel()
	const long = 30 * time.Second
	s := newSite(t, "selfservice: {flows: {settings: {privileged_session_max_age: 30s}}}")
	p, address := newPerson(t, s, phone), mailbox("katherine", phone)
	s.account(t, address)
	p.opens(s.Public + "/account/settings")
	p.signsIn(address, password)
	since := time.Now()
	p.at("settings", "Settings")
	p.fills("First name", "Katherine")
	p.presses("Save", "About you")
	p.succeeded()

	p.wait("having been signed in for long", func() bool { return time.Since(since) > long })
	p.fills("Last name", "Johnson")
	p.presses("Save", "About you") // a name is nobody's credential
	p.succeeded()
	for range 5 { // on a machine that is very busy, it takes so long to come back that one is asked again
		p.fills("New password", another)
		p.presses("Save", "Password")
		if p.heading() == p.word("Settings") {
			break
		}
		p.at("confirm", "Confirm it’s you")
		p.fills("Password", password)
		p.presses("Sign in")
		p.at("settings", "Settings")
	}
	p.succeeded()
	p.opens(s.Public + "/account/logout")
	p.presses("Sign out")
	p.follows("Sign in again")
	p.signsIn(address, another)
	p.at("account", "Your account")
}
