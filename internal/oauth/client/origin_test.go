package client

import "testing"

func TestOriginSet(t *testing.T) {
	set := &originSet{exact: map[string]bool{}, below: map[string]bool{}}
	for _, o := range []string{"https://app.example.com", "https://*.example.org", "http://*.localhost:3000"} {
		set.add(o)
	}
	for origin, want := range map[string]bool{
		"https://app.example.com":         true,
		"https://a.example.org":           true,
		"https://a.b.example.org":         true,
		"http://x.localhost:3000":         true,
		"http://app.example.com":          false,
		"https://app.example.com:8443":    false,
		"https://example.org":             false,
		"https://.example.org":            false,
		"https://evilexample.org":         false,
		"https://a.example.org.evil.test": false,
		"https://a.example.org:444":       false,
		"https://evil.test/.example.org":  false,
		"https://evil.test@a.example.org": false,
		"https://*.example.org":           false,
		"http://x.localhost:3001":         false,
		"null":                            false,
		"":                                false,
	} {
		if got := set.allows(origin); got != want {
			t.Errorf("%q: %v", origin, got)
		}
	}
}
