package browser

import (
	"regexp"
	"testing"
)

// otherStyles is what an operator may choose instead of the defaults.
const otherStyles = `selfservice:
  flows:
    login: {style: identifier_first}
    registration: {style: unified}
    recovery: {use: link}
  methods: {code: {passwordless_enabled: true}, link: {enabled: true}}
limits: {lockout: {failures: 1}}
`

// The styles that an operator may choose make pages of their own, and they are as good as the others.
func TestStyles(t *testing.T) {
	s := newSite(t, otherStyles)
	for _, d := range []device{desktop, phone, plain} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t, s, d)
			identifierFirst(t, p, mailbox("emmy", d))
			allAtOnce(t, p, mailbox("hedy", d))
			byLink(t, newPerson(t, s, d), newPerson(t, s, d), mailbox("lise", d))
			nowhere(newPerson(t, s, d))
		})
	}
}

// identifierFirst asks who somebody is, and then for what proves it; too many guesses have to wait, and a code helps.
func identifierFirst(t *testing.T, p *person, address string) {
	t.Helper()
	p.site.account(t, address)
	p.opens(p.site.Public + "/account/login")
	p.at("login identifier", "Sign in")
	p.fills("E-mail address", address)
	p.presses("Continue")
	p.at("login credential", "Sign in")
	if got := p.holds("E-mail address"); got != address {
		t.Errorf("the password is asked for %q", got)
	}
	p.follows("Change")
	p.at("login identifier", "Sign in")
	p.fills("E-mail address", address)
	p.presses("Continue")
	for range 2 {
		p.fills("Password", "not that one")
		p.presses("Sign in")
	}
	p.fills("Password", password)
	p.presses("Sign in")
	p.at("login locked", "Sign in")
	p.refused()
	p.presses("Send me a code")
	p.at("login code", "Enter the code")
	p.fills("Login code", p.site.post.code(t, address))
	p.presses("Continue")
	p.at("account", "Your account")
	p.follows("Sign out")
	p.presses("Sign out")
}

// allAtOnce asks for everything that a new account needs on one page; a code may stand for the password.
func allAtOnce(t *testing.T, p *person, address string) {
	t.Helper()
	p.opens(p.site.Public + "/account/registration")
	p.at("registration unified", "Create your account")
	p.fills("E-mail address", address)
	p.presses("Send me a code")
	p.at("registration code", "Enter the code")
	p.fills("Registration code", p.site.post.code(t, address))
	p.presses("Continue")
	p.at("account", "Your account")
	p.sees(address)
}

var recoveryLink = regexp.MustCompile(`http://\S+/self-service/recovery\?\S+`)

// byLink recovers an account by a link. Opened in another browser than the one that asked it has to be confirmed, for machines
// open links too.
func byLink(t *testing.T, p, other *person, address string) {
	t.Helper()
	p.site.account(t, address)
	p.opens(p.site.Public + "/account/recovery")
	p.fills("E-mail address", address)
	p.presses("Continue")
	p.at("recovery link", "Check your messages")
	other.opens(recoveryLink.FindString(p.site.post.take(t, address).text))
	other.at("recovery link opened", "Recover your account")
	other.presses("Continue")
	other.at("recovered by link", "Settings")
}

// nowhere goes where there is no page, and where an address sends nobody on.
func nowhere(p *person) {
	p.t.Helper()
	p.opens(p.site.Public + "/account/nowhere")
	p.at("nowhere", "Page not found")
	p.opens(p.site.Public + "/self-service/login/browser?return_to=https%3A%2F%2Fexample.com")
	p.at("not returning", "That did not work")
	p.follows("Start again")
	p.at("login identifier", "Sign in")
}
