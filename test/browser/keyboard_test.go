package browser

import (
	"testing"

	"github.com/chromedp/cdproto/input"
)

// key presses and releases a key; commands are what an editor does with it.
func (p *person) key(key string, commands ...string) {
	p.t.Helper()
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Key: key, Commands: commands}
	switch key {
	case "Tab":
		down.Code, down.WindowsVirtualKeyCode = "Tab", 9
	case "Enter":
		down.Type, down.Code, down.WindowsVirtualKeyCode, down.Text = input.DispatchKeyEventTypeKeyDown, "Enter", 13, "\r"
	case " ":
		down.Type, down.Code, down.WindowsVirtualKeyCode, down.Text = input.DispatchKeyEventTypeKeyDown, "Space", 32, " "
	}
	call(p, input.DispatchKeyEvent, down)
	up := down
	up.Type, up.Text, up.Commands = input.DispatchKeyEventTypeKeyUp, "", nil
	call(p, input.DispatchKeyEvent, up)
}

// focus says what the keyboard is at: what a screen reader would read.
const focus = `((e) => {
  if (!e || e === document.body) return "";
  if (e.labels?.length) return e.labels[0].firstChild.textContent.trim();
  return (e.getAttribute("aria-label") ?? e.textContent).trim();
})(document.activeElement)`

// ring reports whether who looks can see what the keyboard is at.
const ring = `((e) => {
  const s = getComputedStyle(e);
  return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== "none";
})(document.activeElement)`

// tabs goes on by the Tab key until the keyboard is at what has that name, and checks that it can be seen on the way.
func (p *person) tabs(name string) {
	p.t.Helper()
	want := p.word(name)
	var passed []string
	for range 30 {
		at, err := eval[string](p, focus)
		if err != nil {
			p.fail("%v", err)
		}
		if at != "" {
			if seen, err := eval[bool](p, ring); err != nil || !seen {
				p.fail("nobody sees that the keyboard is at %q (%v)", at, err)
			}
		}
		if at == want {
			return
		}
		passed = append(passed, at)
		p.key("Tab")
	}
	p.fail("the Tab key does not lead to %q, but to %q", want, passed)
}

// types types what an input method would.
func (p *person) types(text string) {
	p.t.Helper()
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}

// A person who has no mouse signs in, looks at the password that was typed, and signs out.
func TestKeyboard(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		p, address := newPerson(t, s, d), mailbox("annie", d)
		s.account(t, address)
		p.opens(s.Public + "/account/")
		p.tabs("E-mail address")
		p.types(address)
		p.tabs("Password")
		p.types("not that one")
		p.leads("Enter", func() { p.key("Enter") })
		p.refused()
		p.tabs("Password")
		p.types(password)
		if d.scripts {
			p.tabs("Show password")
			p.key(" ")
			p.wait("showing the password", func() bool {
				shown, err := eval[string](p, p.find("field", "Password")+".type")
				return err == nil && shown == "text"
			})
			p.tabs("Hide password")
			p.key("Enter")
		}
		p.tabs("Sign in")
		p.leads("the button", func() { p.key(" ") })
		p.at("account", "Your account")
		p.tabs("Sign out")
		p.leads("the link", func() { p.key("Enter") })
		p.tabs("Sign out")
		p.leads("the button", func() { p.key("Enter") })
		p.at("logged out", "You are signed out")
	})
}
