package oauth_test

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func TestRedirectRules(t *testing.T) {
	production := oauth.RedirectRules{PlainSchemes: []string{"myapp"}}
	for uri, ok := range map[string]bool{
		"https://app.example.com/callback":          true,
		"https://app.example.com/callback?tenant=1": true,
		"https://app.example.com":                   true,
		"http://localhost/cb":                       true,
		"http://localhost:3000/cb":                  true,
		"http://app.localhost/cb":                   true,
		"http://127.0.0.1/cb":                       true,
		"http://127.0.0.1:8080/cb":                  true,
		"http://[::1]:8080/cb":                      true,
		"com.example.app:/oauth2redirect":           true,
		"com.example.app://callback":                true,
		"myapp://callback":                          true,
		"http://app.example.com/cb":                 false,
		"http://localhost.example.com/cb":           false,
		"http://127.0.0.1.example.com/cb":           false,
		"otherapp://callback":                       false, // RFC 8252 §8.4
		"https://app.example.com/cb#x":              false, // RFC 6749 §3.1.2
		"https://app.example.com/cb#":               false,
		"/callback":                                 false,
		"app.example.com/cb":                        false,
		"//app.example.com/cb":                      false,
		"":                                          false,
		"https://":                                  false,
		"https:///cb":                               false,
		"https://*.example.com/cb":                  false,
		"https://app.example.com/*":                 false,
		"https://user:pw@app.example.com/cb":        false,
		"https://app.example.com/a b":               false,
		"https://app.example.com\\@evil.test/":      false,
		"https://app.example.com/\n":                false,
		"javascript:alert(1)":                       false,
		"JavaScript:alert(1)":                       false,
		"data:text/html,x":                          false,
		"vbscript:x":                                false,
		"file:///etc/passwd":                        false,
		"urn:ietf:wg:oauth:2.0:oob":                 false,
		"https://é.example.com/":                    false,
		"https://app.example.com/" + strings.Repeat("a", oauth.MaxURI): false,
	} {
		err := production.Check(uri)
		if (err == nil) != ok || err != nil && !errors.Is(err, oauth.ErrInvalidRedirectURI) {
			t.Errorf("Check(%q) = %v, want ok = %v", uri, err, ok)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\"\\") {
			t.Errorf("Check(%q): the message has a character that error_description may not have: %v", uri, err)
		}
	}
	development := oauth.RedirectRules{Development: true}
	for uri, ok := range map[string]bool{
		"http://app.example.com/cb":    true,
		"anyapp://callback":            true,
		"javascript:alert(1)":          false,
		"https://app.example.com/cb#x": false,
	} {
		if err := development.Check(uri); (err == nil) != ok {
			t.Errorf("in development Check(%q) = %v", uri, err)
		}
	}
}

func TestMatchRedirect(t *testing.T) {
	registered := []string{
		"https://app.example.com/cb",
		"https://app.example.com/cb?x=1",
		"http://127.0.0.1/cb",
		"http://[::1]:9999/cb?y=2",
		"http://localhost:3000/cb",
		"com.example.app:/cb",
	}
	for asked, ok := range map[string]bool{
		"https://app.example.com/cb":         true,
		"https://app.example.com/cb?x=1":     true,
		"com.example.app:/cb":                true,
		"http://127.0.0.1/cb":                true,
		"http://127.0.0.1:51004/cb":          true, // RFC 8252 §7.3
		"http://[::1]/cb?y=2":                true,
		"http://[::1]:1/cb?y=2":              true,
		"https://app.example.com/cb/":        false,
		"https://app.example.com/CB":         false,
		"https://APP.example.com/cb":         false,
		"https://app.example.com:443/cb":     false,
		"https://app.example.com/cb?x=2":     false,
		"https://app.example.com/cb?":        false,
		"https://app.example.com/cb#x":       false,
		"https://app.example.com/./cb":       false,
		"https://app.example.com.evil/cb":    false,
		"https://app.example.com@evil/cb":    false,
		"https://127.0.0.1:51004/cb":         false,
		"http://127.0.0.1:51004/other":       false,
		"http://127.0.0.1:51004/cb?z":        false,
		"http://127.0.0.1:51004/cb#z":        false,
		"http://127.0.0.2:51004/cb":          false,
		"http://127.0.0.1:/cb":               false,
		"http://127.0.0.1:0/cb":              false,
		"http://127.0.0.1:65536/cb":          false,
		"http://127.0.0.1:80@evil.test/cb":   false,
		"http://127.0.0.1:80\\@evil.test/cb": false,
		"http://127.0.0.1.evil.test/cb":      false,
		"http://127.1/cb":                    false,
		"http://0x7f.0.0.1/cb":               false,
		"http://[::1%25eth0]:1/cb?y=2":       false,
		"http://[::1]evil.test/cb?y=2":       false,
		"http://::1:80/cb?y=2":               false,
		"HTTP://127.0.0.1:51004/cb":          false,
		"http://localhost:3001/cb":           false, // RFC 8252 §8.3: a name is not an address
		"":                                   false, // several are registered
	} {
		got, matched := oauth.MatchRedirect(registered, asked)
		if matched != ok || matched && got != asked {
			t.Errorf("MatchRedirect(%q) = %q, %v, want %v", asked, got, matched, ok)
		}
	}
	if got, ok := oauth.MatchRedirect(registered[:1], ""); got != registered[0] || !ok {
		t.Error("RFC 6749 §3.1.2.3: with one registered and none asked, that one is meant")
	}
	if _, ok := oauth.MatchRedirect(nil, ""); ok {
		t.Error("nothing registered, nothing to redirect to")
	}
}

func FuzzMatchRedirect(f *testing.F) {
	registered := []string{"https://app.example.com/cb", "http://127.0.0.1/cb", "http://[::1]:80/cb?q"}
	for _, s := range []string{"https://app.example.com/cb", "http://127.0.0.1:99/cb", "http://127.0.0.1:80@evil/cb", "http://[::1]:1/cb?q", "http://127.0.0.1:1\\@e/cb", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, asked string) {
		got, ok := oauth.MatchRedirect(registered, asked)
		if !ok || got == registered[0] {
			return
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q was matched and cannot be parsed: %v", got, err)
		}
		ip, err := netip.ParseAddr(u.Hostname())
		if err != nil || !ip.IsLoopback() || u.User != nil || u.Scheme != "http" || u.Path != "/cb" || strings.Contains(got, "#") {
			t.Errorf("%q was matched and leads to %q", asked, u)
		}
	})
}

func FuzzRedirectRules(f *testing.F) {
	for _, s := range []string{"https://a/b", "http://localhost/", "com.a:/x", "javascript:x", "https://a#", "http://[::1]/", "a:b", "://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if (oauth.RedirectRules{}).Check(uri) != nil {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || !u.IsAbs() || strings.ContainsAny(uri, "#*\\ \t\r\n") || u.User != nil {
			t.Errorf("%q was accepted", uri)
		}
		if u.Scheme == "http" && !oauth.LocalHost(u.Hostname()) || u.Scheme == "javascript" {
			t.Errorf("%q was accepted", uri)
		}
		if _, ok := oauth.MatchRedirect([]string{uri}, uri); !ok {
			t.Errorf("%q was accepted, but does not match itself", uri)
		}
	})
}

func TestWithParam(t *testing.T) {
	for to, want := range map[string]string{
		"https://a/b":       "https://a/b?x=%26",
		"https://a/b?c=d":   "https://a/b?c=d&x=%26",
		"https://a/b#c":     "https://a/b?x=%26#c",
		"https://a/b?c=d#e": "https://a/b?c=d&x=%26#e",
	} {
		if got := oauth.WithParam(to, "x", "&"); got != want {
			t.Errorf("%s: %s", to, got)
		}
	}
}
