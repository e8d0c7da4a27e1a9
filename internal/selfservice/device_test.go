package selfservice_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

const deviceCookie = "gatehouse_known_device"

// try logs in and gives the status.
func (c *client) try(who, pass string) int {
	c.s.t.Helper()
	script := c
	if !c.native {
		script = c.asScript()
	}
	return script.submit(script.begin("login", "refresh=true"), map[string]any{"method": "password", "identifier": who, "password": pass}).status
}

// leave forgets the session, and nothing else.
func (c *client) leave() {
	c.s.t.Helper()
	u, err := url.Parse(c.s.http.URL)
	if err != nil {
		c.s.t.Fatal(err)
	}
	c.http.Jar.SetCookies(u, []*http.Cookie{{Name: "ory_kratos_session", MaxAge: -1, Path: "/"}})
}

// known is the cookie of a browser that signed in, "" where it has none.
func (c *client) knownDevice() string {
	u, err := url.Parse(c.s.http.URL)
	if err != nil {
		c.s.t.Fatal(err)
	}
	for _, k := range c.http.Jar.Cookies(u) {
		if k.Name == deviceCookie {
			return k.Value
		}
	}
	return ""
}

// withDevice is a new browser that brings such a cookie.
func (s *server) withDevice(value string) *client {
	s.t.Helper()
	b := s.browser()
	u, err := url.Parse(s.http.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: deviceCookie, Value: value, Path: "/"}})
	return b
}

// besieged is a server on which strangers have locked ada's name everywhere, after she and mallory signed in once each.
func besieged(t *testing.T) (s *server, ada, mallory *client) {
	t.Helper()
	s = newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	s.person("mallory@example.com", goodPassword)
	ada, mallory = s.browser(), s.browser()
	for who, b := range map[string]*client{"ada@example.com": ada, "mallory@example.com": mallory} {
		if b.knownDevice() != "" {
			t.Fatal("known before the first login")
		}
		if status := b.try(who, goodPassword); status != http.StatusOK {
			t.Fatalf("login of %s: %d", who, status)
		}
		b.leave()
	}
	for range limit.DefaultConfig().Lockout.FailuresAnywhere + 5 {
		if err := s.handler.Limits.Failed(s.ctx, "password:ada@example.com", "198.51.100.7"); err != nil {
			t.Fatal(err)
		}
	}
	return s, ada, mallory
}

func TestStrangersDoNotLockOutAKnownBrowser(t *testing.T) {
	s, ada, mallory := besieged(t)
	if status := s.browser().try("ada@example.com", goodPassword); status != http.StatusTooManyRequests {
		t.Errorf("a browser that nobody knows: %d", status)
	}
	if status := s.app().try("ada@example.com", goodPassword); status != http.StatusTooManyRequests {
		t.Errorf("an app: %d", status)
	}
	if status := ada.try("Ada@example.com ", goodPassword); status != http.StatusOK {
		t.Errorf("her own browser: %d", status)
	}
	if status := mallory.try("ada@example.com", goodPassword); status != http.StatusTooManyRequests {
		t.Errorf("a browser that is known for another name: %d", status)
	}
}

func TestAKnownBrowserHasFailuresOfItsOwn(t *testing.T) {
	s, ada, _ := besieged(t)
	free := limit.DefaultConfig().Lockout.Failures
	for i := range free + 1 {
		if status := ada.try("ada@example.com", "wrong-password"); status != http.StatusBadRequest {
			t.Fatalf("failure %d: %d", i+1, status)
		}
	}
	if status := ada.try("ada@example.com", goodPassword); status != http.StatusTooManyRequests {
		t.Errorf("after %d failures: %d", free+1, status)
	}
	s.clock.Advance(time.Minute)
	if status := ada.try("ada@example.com", goodPassword); status != http.StatusOK {
		t.Errorf("after the wait: %d", status)
	}
}

// TestKnownBrowsersCannotBeMadeUp: neither by writing a cookie nor by taking one from elsewhere.
func TestKnownBrowsersCannotBeMadeUp(t *testing.T) {
	s, ada, mallory := besieged(t)
	hers, his := ada.knownDevice(), mallory.knownDevice()
	session := func() string {
		u, _ := url.Parse(s.http.URL)
		b := s.browser()
		b.try("mallory@example.com", goodPassword)
		for _, k := range b.http.Jar.Cookies(u) {
			if k.Name == "ory_kratos_session" {
				return k.Value
			}
		}
		return ""
	}()
	elsewhere, err := testkit.Ring(t).For("devices of somebody else").Seal([]byte("\x01"+strings.Repeat("x", 40)), []byte(deviceCookie))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"text": "ada@example.com", "another's": his, "a session": session, "sealed elsewhere": elsewhere,
		"cut off": hers[:len(hers)-2], "changed": hers[:len(hers)-1] + string(hers[len(hers)-1]^1),
	} {
		if status := s.withDevice(value).try("ada@example.com", goodPassword); status != http.StatusTooManyRequests {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := s.withDevice(hers).try("ada@example.com", goodPassword); status != http.StatusOK {
		t.Errorf("her own: %d", status)
	}
	s.clock.Advance(limit.DefaultConfig().Lockout.KnownDevice)
	for range limit.DefaultConfig().Lockout.FailuresAnywhere + 5 {
		if err := s.handler.Limits.Failed(s.ctx, "password:ada@example.com", "198.51.100.7"); err != nil {
			t.Fatal(err)
		}
	}
	if status := s.withDevice(hers).try("ada@example.com", goodPassword); status != http.StatusTooManyRequests {
		t.Errorf("from half a year ago: %d", status)
	}
}

// TestABrowserIsKnownForFewNames: the cookie stays small, and forgets who has not signed in for the longest time.
func TestABrowserIsKnownForFewNames(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	b.http.Jar = jar
	longest := 0
	for i := range 12 {
		who := string(rune('a'+i)) + "@example.com"
		s.person(who, goodPassword)
		if status := b.try(who, goodPassword); status != http.StatusOK {
			t.Fatalf("%s: %d", who, status)
		}
		b.leave()
		longest = max(longest, len(b.knownDevice()))
		s.clock.Advance(time.Hour)
	}
	if longest > 600 {
		t.Errorf("the cookie takes %d bytes", longest)
	}
	for range limit.DefaultConfig().Lockout.FailuresAnywhere + 5 {
		for _, who := range []string{"a", "l"} {
			if err := s.handler.Limits.Failed(s.ctx, "password:"+who+"@example.com", "198.51.100.7"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for who, want := range map[string]int{"a": http.StatusTooManyRequests, "l": http.StatusOK} {
		if status := s.withDevice(b.knownDevice()).try(who+"@example.com", goodPassword); status != want {
			t.Errorf("%s: %d, want %d", who, status, want)
		}
	}
}

// TestTheOwnerIsSentACodeAllTheSame: strangers ask for so many codes for an address that no more are sent. Its owner signs in by one
// all the same where they did before, and no more of them than from anywhere else.
func TestTheOwnerIsSentACodeAllTheSame(t *testing.T) {
	for name, first := range map[string]func(s *server, ada *client){
		"by password": func(_ *server, ada *client) { ada.try("ada@example.com", goodPassword) },
		"by code": func(s *server, ada *client) {
			f := ada.flow("login", ada.submit(ada.begin("login", ""), map[string]any{"method": "code", "identifier": "ada@example.com"}))
			ada.submit(f, map[string]any{"method": "code", "code": s.sentCode("ada@example.com")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, testkit.SQLite(t, "management"), config(plain), proofs(passwordless))
			s.person("ada@example.com", goodPassword)
			s.person("mallory@example.com", goodPassword)
			ada, mallory := s.browser(), s.browser()
			first(s, ada)
			ada.leave()
			mallory.try("mallory@example.com", goodPassword)
			mallory.leave()
			s.clock.Advance(time.Hour)
			ask := func(c *client) int {
				script := c
				if !c.native {
					script = c.asScript()
				}
				return script.submit(script.begin("login", ""), map[string]any{"method": "code", "identifier": "Ada@example.com"}).status
			}
			burst := limit.DefaultConfig().Recipient.Burst
			for range burst {
				expect(t, "a stranger", ask(s.app()), http.StatusBadRequest)
			}
			expect(t, "a stranger, once too often", ask(s.app()), http.StatusTooManyRequests)
			expect(t, "somebody who is known as somebody else", ask(mallory), http.StatusTooManyRequests)
			for range burst {
				expect(t, "the owner", ask(ada), http.StatusBadRequest)
			}
			expect(t, "the owner, once too often", ask(ada), http.StatusTooManyRequests)
		})
	}
}
