package selfservice

import (
	"net/url"
	"strings"
	"testing"
)

func someRules() returnRules {
	return newReturnRules("https://id.example.com/auth/", []string{
		"https://app.example.com/in", "https://*.apps.example.com/", "http://localhost:3000", "myapp://callback/", "://broken", "relative",
	})
}

func TestReturnTo(t *testing.T) {
	for to, want := range map[string]string{
		"https://app.example.com/in":               "same",
		"https://app.example.com/in/":              "same",
		"https://app.example.com/in/side?a=b#c":    "same",
		"https://app.example.com:443/in":           "same",
		"https://APP.example.com/in":               "same",
		"https://app.example.com/inside":           "",
		"https://app.example.com/":                 "",
		"https://app.example.com/in/../admin":      "",
		"https://app.example.com/in/%2e%2E/admin":  "",
		"https://app.example.com/in/..%2f../admin": "",
		"https://app.example.com/in/x%2F..%5C../a": "",
		"https://app.example.com/in/a%2Fb":         "same",
		"https://app.example.com:444/in":           "",
		"http://app.example.com/in":                "",
		"https://app.example.com.evil.org/in":      "",
		"https://user@app.example.com/in":          "",
		"https://app.example.com@evil.org/in":      "",
		`https://app.example.com\@evil.org/in`:     "",
		"https://a.apps.example.com/x":             "same",
		"https://a.b.apps.example.com/":            "same",
		"https://apps.example.com/":                "",
		"https://badapps.example.com/":             "",
		"https://.apps.example.com/":               "",
		"http://localhost:3000/welcome":            "same",
		"http://localhost:3001/welcome":            "",
		"myapp://callback/x":                       "same",
		"myapp://other/":                           "",
		"/auth/self-service/settings?a=b":          "https://id.example.com/auth/self-service/settings?a=b",
		"/auth":                                    "https://id.example.com/auth",
		"/":                                        "",
		"/authors":                                 "",
		"https://id.example.com/auth/anything":     "same",
		"https://id.example.com/anything":          "",
		"//evil.org/":                              "",
		"///evil.org/":                             "",
		`/\evil.org/`:                              "",
		"/\t/evil.org":                             "",
		"javascript:alert(1)":                      "",
		"data:text/html,x":                         "",
		"evil.org":                                 "",
		"":                                         "",
		"https:evil.org":                           "",
		"https:///evil.org":                        "",
		" https://app.example.com/in":              "",
		"https://äpp.example.com/":                 "",
		"https://app.example.com/in%":              "",
		strings.Repeat("/a", 3000):                 "",
	} {
		got, err := someRules().check(to)
		if want == "same" {
			want = to
		}
		if (err == nil) != (want != "") || got != want {
			t.Errorf("%q: %q, %v", to, got, err)
		}
	}
}

// FuzzReturnTo: whatever is let through leads, as browsers read it, to one of the places that are allowed.
func FuzzReturnTo(f *testing.F) {
	for _, seed := range []string{
		"/", "//evil.org", "https://app.example.com/in/x?y#z", `https:\\evil.org`, "https://a.apps.example.com:443/", "myapp://callback/",
		"https://id.example.com\t.evil.org/", "/%2e%2e//evil.org", "https://[::1]/", "http://localhost:3000?x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got, err := someRules().check(to)
		if err != nil {
			return
		}
		if strings.ContainsAny(got, "\\\t\r\n ") {
			t.Fatalf("%q became %q, which browsers read otherwise", to, got)
		}
		u, err := url.Parse(got)
		if err != nil || u.User != nil {
			t.Fatalf("%q became %q: %v", to, got, err)
		}
		host := strings.ToLower(u.Hostname())
		ours := u.Scheme == "https" && (host == "id.example.com" && strings.HasPrefix(u.Path, "/auth") || host == "app.example.com" || strings.HasSuffix(host, ".apps.example.com")) ||
			u.Scheme == "http" && host == "localhost" || u.Scheme == "myapp" && host == "callback"
		if !ours {
			t.Fatalf("%q leads to %q", to, got)
		}
		if again, err := someRules().check(got); err != nil || again != got {
			t.Fatalf("%q became %q, which is not allowed: %v", to, got, err)
		}
	})
}
