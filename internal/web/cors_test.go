package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func corsMux(c CORS, ask func(*http.Request, string) bool) *Mux {
	m := NewMux(OAuthErrors, Options{CORS: c, AllowOrigin: ask})
	m.Handle("POST /token", text("x"))
	return m
}

func TestCORSOrigins(t *testing.T) {
	m := corsMux(CORS{Enabled: true, AllowCredentials: true, AllowedOrigins: []string{
		"https://app.example.com", "https://*.example.org", "http://localhost:3000", "https://*.ports.test:8443", "HTTPS://Upper.Test:443/",
	}}, func(_ *http.Request, origin string) bool { return origin == "https://asked.test" })
	for origin, allowed := range map[string]bool{
		"https://app.example.com": true, "http://app.example.com": false, "https://app.example.com:8443": false, "https://x.app.example.com": false,
		"https://app.example.com.evil.test": false, "https://evil.test/https://app.example.com": false, "https://APP.example.com": false,
		"https://a.example.org": true, "https://a.b.example.org": true, "https://example.org": false, "https://evilexample.org": false, "https://.example.org": false,
		"https://a..example.org": false, "https://evil.test?.example.org": false, "https://evil.test#.example.org": false, "https://evil.test/.example.org": false,
		"https://u:p@a.example.org": false, "https://evil.test\\.example.org": false, "https://a.example.org:444": false, "http://a.example.org": false, "https://a.example.org.evil.test": false,
		"http://localhost:3000": true, "http://localhost:3001": false, "http://localhost": false,
		"https://a.ports.test:8443": true, "https://a.ports.test": false, "https://upper.test": true,
		"https://asked.test": true, "null": false, "": false, "*": false, "https://" + strings.Repeat("a.", 200) + "example.org": false,
	} {
		for _, preflight := range []bool{false, true} {
			var h http.Header
			if preflight {
				rec := testkit.Ask(m, "OPTIONS", "/token", "", "Origin", origin, "Access-Control-Request-Method", "POST")
				if h = rec.Header(); rec.Code != 204 {
					t.Errorf("preflight of %q: %d", origin, rec.Code)
				}
			} else {
				rec := testkit.Ask(m, "POST", "/token", "", "Origin", origin)
				if h = rec.Header(); rec.Code != 200 {
					t.Errorf("request of %q: %d", origin, rec.Code)
				}
			}
			want, credentials := "", ""
			if allowed {
				want, credentials = origin, "true"
			}
			if origin == "https://asked.test" { // a client's, not the operator's: never with cookies
				credentials = ""
			}
			if h.Get("Access-Control-Allow-Origin") != want || h.Get("Access-Control-Allow-Credentials") != credentials {
				t.Errorf("%q (preflight %v): %v", origin, preflight, h)
			}
			if (h.Get("Access-Control-Allow-Methods") != "") != (allowed && preflight) {
				t.Errorf("%q (preflight %v): methods %v", origin, preflight, h)
			}
			if !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
				t.Errorf("%q: caches are not told", origin)
			}
		}
	}
}

func TestCORSHeaders(t *testing.T) {
	m := corsMux(CORS{Enabled: true, AllowedOrigins: []string{"https://a.test"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"X-A", "X-B"}, ExposedHeaders: []string{"X-C"}, MaxAge: time.Hour}, nil)
	h := testkit.Ask(m, "OPTIONS", "/anything", "", "Origin", "https://a.test", "Access-Control-Request-Method", "PATCH").Header()
	for k, want := range map[string]string{"Access-Control-Allow-Methods": "GET", "Access-Control-Allow-Headers": "X-A, X-B", "Access-Control-Max-Age": "3600", "Access-Control-Allow-Credentials": ""} {
		if h.Get(k) != want {
			t.Errorf("%s: %q", k, h.Get(k))
		}
	}
	if h := testkit.Ask(m, "POST", "/token", "", "Origin", "https://a.test").Header(); h.Get("Access-Control-Expose-Headers") != "X-C" {
		t.Errorf("exposed: %v", h)
	}
	// Errors carry the headers too, or scripts could not read them.
	if h := testkit.Ask(m, "POST", "/nothing", "", "Origin", "https://a.test").Header(); h.Get("Access-Control-Allow-Origin") != "https://a.test" {
		t.Errorf("404: %v", h)
	}
	if rec := testkit.Ask(m, "OPTIONS", "/token", "", "Origin", "https://a.test"); rec.Code != 405 {
		t.Errorf("OPTIONS that is no preflight: %d", rec.Code)
	}
	if h := testkit.Ask(m, "POST", "/token", "").Header(); h.Get("Vary") != "Origin" || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without origin: %v", h)
	}
}

// RFC 9700 §2.6: the authorization endpoint must not support CORS.
func TestWithoutCORS(t *testing.T) {
	m := NewMux(OAuthErrors, Options{CORS: CORS{Enabled: true, AllowCredentials: true, AllowedOrigins: []string{"https://a.test"}}, BaseURL: mustBase("https://id.test/sso/")})
	m.WithoutCORS().With(KratosErrors).Handle("GET /auth", text("x"))
	m.Handle("GET /token", text("x"))
	for path, want := range map[string]string{"/auth": "", "/auth/": "", "/sso/auth": "", "/%61uth": "", "/token": "https://a.test", "/sso/token": "https://a.test"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			h := testkit.Ask(m, method, path, "", "Origin", "https://a.test", "Access-Control-Request-Method", "GET").Header()
			if h.Get("Access-Control-Allow-Origin") != want || want == "" && h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %s: %v", method, path, h)
			}
		}
	}
}

func TestCORSAnyOriginIsNeverReflected(t *testing.T) {
	m := corsMux(CORS{Enabled: true, AllowedOrigins: []string{"*"}}, nil)
	h := testkit.Ask(m, "POST", "/token", "", "Origin", "https://evil.test").Header()
	if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%v", h)
	}
	// Even when validation was skipped.
	m = corsMux(CORS{Enabled: true, AllowedOrigins: []string{"*"}, AllowCredentials: true}, nil)
	if h := testkit.Ask(m, "POST", "/token", "", "Origin", "https://evil.test").Header(); h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Access-Control-Allow-Origin") == "https://evil.test" {
		t.Errorf("%v", h)
	}
	if h := testkit.Ask(corsMux(CORS{AllowedOrigins: []string{"https://a.test"}}, nil), "POST", "/token", "", "Origin", "https://a.test").Header(); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("switched off: %v", h)
	}
}

func TestCORSValidate(t *testing.T) {
	c := CORS{Enabled: true, AllowCredentials: true, AllowedOrigins: []string{
		"https://ok.test", "*", "https://a.test/path", "a.test", "https://*", "https://*.com", "https://a.*.test", "https://*.*.test", "https://*a.test", "https://u@a.test", "https://a.test?", "https://a.test#", "null", "",
	}, AllowedMethods: []string{"GET", "A B"}, AllowedHeaders: []string{"X-\n"}, ExposedHeaders: []string{""}, MaxAge: -1}
	got := errors.Join(c.Validate()...).Error()
	for _, want := range []string{
		"allowed_origins[1]: \"*\" cannot go", "allowed_origins[2]", "allowed_origins[3]", "allowed_origins[4]", "allowed_origins[5]", "allowed_origins[6]", "allowed_origins[7]", "allowed_origins[8]",
		"allowed_origins[9]", "allowed_origins[10]", "allowed_origins[11]", "allowed_origins[12]", "allowed_origins[13]", "allowed_methods[1]", "allowed_headers[0]", "exposed_headers[0]", "max_age",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no fault %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "allowed_origins[0]") {
		t.Error(got)
	}
	c.Enabled = false
	if c.Validate() != nil {
		t.Error("what is switched off is not used")
	}
}

func FuzzCORSOrigin(f *testing.F) {
	for _, s := range []string{"https://a.example.org", "https://example.org", "https://evilexample.org", "https://a.example.org:1", "https://x@a.example.org", "https://\x00.example.org", "null"} {
		f.Add(s)
	}
	p := CORS{Enabled: true, AllowCredentials: true, AllowedOrigins: []string{"https://app.example.com", "https://*.example.org"}}.policy(nil)
	f.Fuzz(func(t *testing.T, origin string) {
		if !p.listed(origin) {
			return
		}
		// What is allowed must be an https URL on a host that is really under the domain, as a browser reads it.
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q is allowed", origin)
		}
		if u.Host != "app.example.com" && !strings.HasSuffix(u.Host, ".example.org") {
			t.Fatalf("%q is allowed for host %q", origin, u.Host)
		}
	})
}

// What scripts of an application send to the flows, and what they read of the answers, is allowed without further settings.
func TestCORSDefaults(t *testing.T) {
	m := corsMux(CORS{Enabled: true, AllowedOrigins: []string{"https://a.test"}}, nil)
	h := testkit.Ask(m, "OPTIONS", "/token", "", "Origin", "https://a.test", "Access-Control-Request-Method", "POST").Header()
	if got := h.Get("Access-Control-Allow-Headers"); got != "Authorization, Content-Type, X-Request-Id, X-Session-Token, X-CSRF-Token, X-XSRF-Token" {
		t.Errorf("a script may send %s", got)
	}
	h = testkit.Ask(m, "POST", "/token", "", "Origin", "https://a.test").Header()
	if got := h.Get("Access-Control-Expose-Headers"); got != "Link, Retry-After, X-Request-Id, X-Total-Count" {
		t.Errorf("a script may read %s", got)
	}
}
