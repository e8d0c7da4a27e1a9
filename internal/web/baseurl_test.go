package web

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestBaseURL(t *testing.T) {
	for in, want := range map[string][4]string{ // Join("/a?b=c"), CookiePath, Origin, String
		"https://login.example.com":           {"https://login.example.com/a?b=c", "/", "https://login.example.com", "https://login.example.com/"},
		"https://login.example.com/":          {"https://login.example.com/a?b=c", "/", "https://login.example.com", "https://login.example.com/"},
		"HTTPS://Login.Example.com:443/auth/": {"https://login.example.com/auth/a?b=c", "/auth", "https://login.example.com", "https://login.example.com/auth/"},
		"http://127.0.0.1:4444/":              {"http://127.0.0.1:4444/a?b=c", "/", "http://127.0.0.1:4444", "http://127.0.0.1:4444/"},
		"http://[::1]:4444/x/y":               {"http://[::1]:4444/x/y/a?b=c", "/x/y", "http://[::1]:4444", "http://[::1]:4444/x/y/"},
		"http://a.test:80":                    {"http://a.test/a?b=c", "/", "http://a.test", "http://a.test/"},
	} {
		b, err := ParseBaseURL(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := [4]string{b.Join("/a?b=c"), b.CookiePath(), b.Origin(), b.String()}; got != want {
			t.Errorf("%s: %v", in, got)
		}
		if b.Join("a") != b.Join("/a") || b.Path("a") != b.Prefix()+"/a" || b.Join("") != b.String() {
			t.Errorf("%s: slashes", in)
		}
		if again, err := ParseBaseURL(b.String()); err != nil || again != b {
			t.Errorf("%s: does not read itself: %v", in, err)
		}
		if b.Secure() != strings.HasPrefix(b.String(), "https") || b.IsZero() || !strings.HasSuffix(b.Origin(), b.Host()) {
			t.Errorf("%s: %v", in, b)
		}
	}
	for _, in := range []string{
		"", "/", "login.example.com", "ftp://a.test/", "https://", "https:///x", "https://u:secret-pw@a.test/", "https://a.test/?x", "https://a.test/#", "https://a.test/?",
		"https://a.test/../x", "https://a.test//x", "https://a.test/x//", "https://a.test/a%2Fb", "https://a.test/a;b", "https://a.test/a b", "https://a.test/ä", "https://a.test:port/", "https:a.test",
		"https://u:secret-pw@a.test:x/",
	} {
		b, err := ParseBaseURL(in)
		if err == nil {
			t.Errorf("%q is taken as %s", in, b)
		} else if strings.Contains(err.Error(), "secret-pw") {
			t.Errorf("the fault tells the password: %v", err)
		}
	}
	if (BaseURL{}).String() != "" || !(BaseURL{}).IsZero() || (BaseURL{}).Secure() || (BaseURL{}).CookiePath() != "/" {
		t.Error("zero value")
	}
}

func FuzzBaseURL(f *testing.F) {
	for _, s := range []string{"https://a.test/auth/", "http://[::1]:1/", "https://a.test:443", "https://a.test/x/../y", "https://a/%2e"} {
		f.Add(s, "/oauth2/auth?x=1")
	}
	f.Fuzz(func(t *testing.T, base, rest string) {
		b, err := ParseBaseURL(base)
		if err != nil {
			return
		}
		if again, err := ParseBaseURL(b.String()); err != nil || again != b {
			t.Fatalf("%q: %q is not read again: %v", base, b, err)
		}
		if p := b.Prefix(); p != "" && (path.Clean(p) != p || p[0] != '/' || strings.ContainsAny(p, ";,\r\n \"\\")) {
			t.Errorf("%q: prefix %q", base, p)
		}
		if rest != "" && rest[0] != '/' {
			return
		}
		joined, err := url.Parse(b.Join(rest))
		if err != nil {
			return
		}
		if joined.Scheme+"://"+joined.Host != b.Origin() {
			t.Errorf("%q + %q leaves the origin: %s", base, rest, joined)
		}
		if _, ok := b.strip(b.Path(rest)); b.Prefix() != "" && !ok {
			t.Errorf("%q + %q does not carry its prefix", base, rest)
		}
	})
}
