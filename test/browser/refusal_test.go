package browser

import "testing"

// What goes wrong is told in words, and leads on.
func TestRefusals(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		p, other := newPerson(t, s, d), newPerson(t, s, d)
		p.opens(s.Public + "/account/login")
		other.opens(p.address())
		other.at("elsewhere", "This page was opened somewhere else")
		other.follows("Start again")
		other.at("login", "Sign in")

		// A flow that is gone, or never was, begins anew.
		p.opens(s.Public + "/account/registration?flow=00000000-0000-7000-8000-000000000000")
		p.at("registration", "Create your account")
		p.opens(s.Public + "/account/error?id=00000000-0000-7000-8000-000000000000")
		p.at("nothing wrong", "Everything is fine")

		// An application that nobody knows is refused, and nobody is sent anywhere.
		p.opens(s.Public + "/oauth2/auth?client_id=nobody&response_type=code&redirect_uri=https%3A%2F%2Fexample.com")
		p.audited("unknown application")
		p.fits("unknown application")
		p.photographed("unknown application")
	})
}

// Whoever presses the button of a page twice, or comes back to it with the browser's button, is not lost.
func TestBackAndAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		p, address := newPerson(t, s, d), mailbox("rosalind", d)
		s.account(t, address)
		p.opens(s.Public + "/account/login")
		p.signsIn(address, password)
		p.at("account", "Your account")
		p.leads("going back", p.back)
		if p.address() != s.Public+"/account/" { // the browser may show the form as it was
			p.signsIn(address, password)
		}
		p.at("account", "Your account")
	})
}
