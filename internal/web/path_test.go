package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestPathPrefix(t *testing.T) {
	m := NewMux(OAuthErrors, Options{BaseURL: mustBase("https://api.example.com/auth/")})
	m.Handle("GET /oauth2/auth", where)
	m.Handle("GET /things/{id}", where)
	m.Handle("GET /{$}", where)
	(&Health{}).Mount(m)
	for target, want := range map[string]string{
		"/auth/oauth2/auth": "GET /oauth2/auth|/oauth2/auth|", "/oauth2/auth": "GET /oauth2/auth|/oauth2/auth|",
		"/auth/things/a%2Fb": "GET /things/{id}|/things/a/b|a/b", "/things/a%2Fb": "GET /things/{id}|/things/a/b|a/b",
		"/auth": "GET /{$}|/|", "/auth/": "GET /{$}|/|", "/": "GET /{$}|/|",
		"/auth/oauth2/auth/": "GET /oauth2/auth|/oauth2/auth|", "/auth/health/alive": `{"status":"ok"}`, "/health/alive": `{"status":"ok"}`,
	} {
		if rec := testkit.Ask(m, "GET", target, ""); rec.Code != 200 || rec.Body.String() != want {
			t.Errorf("%s: %d %s", target, rec.Code, rec.Body)
		}
	}
	for _, target := range []string{"/authx/oauth2/auth", "/auth/auth/oauth2/auth", "/authoauth2/auth", "/auth/nothing"} {
		if rec := testkit.Ask(m, "GET", target, ""); rec.Code != 404 {
			t.Errorf("%s: %d %s", target, rec.Code, rec.Body)
		}
	}
	if rec := testkit.Ask(m, "POST", "/auth/oauth2/auth", ""); rec.Code != 405 || rec.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("405 under the prefix: %d %v", rec.Code, rec.Header())
	}
	// What ServeMux cleans is redirected to a URL that the outside can reach.
	for _, target := range []string{"/auth//oauth2/./auth?x=1", "//oauth2/../oauth2/auth?x=1"} {
		rec := testkit.Ask(m, "GET", "http://api.example.com"+target, "")
		if rec.Code < 301 || rec.Code > 308 || rec.Header().Get("Location") != "/auth/oauth2/auth?x=1" {
			t.Errorf("%s: %d to %q", target, rec.Code, rec.Header().Get("Location"))
		}
	}
}

// The prefix may be the beginning of a route of ours.
func TestPathPrefixThatLooksLikeARoute(t *testing.T) {
	m := NewMux(OAuthErrors, Options{BaseURL: mustBase("https://api.example.com/oauth2/")})
	m.Handle("GET /oauth2/auth", where)
	for _, target := range []string{"/oauth2/oauth2/auth", "/oauth2/auth"} {
		if rec := testkit.Ask(m, "GET", target, ""); rec.Code != 200 || rec.Body.String() != "GET /oauth2/auth|/oauth2/auth|" {
			t.Errorf("%s: %d %s", target, rec.Code, rec.Body)
		}
	}
}

func TestBarePaths(t *testing.T) {
	for _, base := range []string{"http://127.0.0.1:4445/", "http://127.0.0.1:4445/gate/"} {
		m := NewMux(HydraErrors, Options{Bare: "/admin", BaseURL: mustBase(base)})
		m.Handle("GET /admin/clients", where)
		m.Handle("GET /admin/clients/{id}", where)
		m.Handle("POST /admin/clients", where)
		h := &Health{Version: "1"}
		h.Mount(m)
		h.MountVersion(m)
		for target, want := range map[string]string{
			"/admin/clients": "GET /admin/clients|", "/clients": "GET /admin/clients|", "/admin/clients/": "GET /admin/clients|", "/clients/": "GET /admin/clients|",
			"/clients/a": "GET /admin/clients/{id}|/admin/clients/a|a", "/clients/a/": "GET /admin/clients/{id}|/admin/clients/a|a",
			"/clients/admin": "GET /admin/clients/{id}|/admin/clients/admin|admin", "/clients/a%2Fb": "GET /admin/clients/{id}|/admin/clients/a/b|a/b",
			"/health/alive": `{"status"`, "/version": `{"version":"1"}`, "/version/": `{"version":"1"}`,
		} {
			for _, prefix := range []string{"", mustBase(base).Prefix()} {
				if rec := testkit.Ask(m, "GET", prefix+target, ""); rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), want) {
					t.Errorf("%s: %s: %d %s", base, prefix+target, rec.Code, rec.Body)
				}
			}
		}
		for _, target := range []string{"/admin", "/admin/nothing", "/adminclients", "/admin/admin/clients", "/"} {
			if rec := testkit.Ask(m, "GET", target, ""); rec.Code != 404 {
				t.Errorf("%s: %d", target, rec.Code)
			}
		}
		if rec := testkit.Ask(m, "PUT", "/clients", ""); rec.Code != 405 || rec.Header().Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("405 of a bare path: %d %v", rec.Code, rec.Header())
		}
	}
}

func TestTheCallersURLIsLeftAlone(t *testing.T) {
	m := NewMux(OAuthErrors, Options{BaseURL: mustBase("https://a.test/auth/"), Bare: "/admin"})
	m.Handle("GET /admin/x", where)
	r, err := http.NewRequest("GET", "http://a.test/auth/x/?q=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.ServeHTTP(&sink{h: http.Header{}}, r)
	if r.URL.String() != "http://a.test/auth/x/?q=1" {
		t.Error(r.URL)
	}
}

func FuzzPaths(f *testing.F) {
	for _, s := range []string{"/auth/oauth2/auth", "//", "/auth//", "/%2e%2e/x", "/a%2Fb/", "/auth/%", "*", "", "/admin"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		m := NewMux(OAuthErrors, Options{BaseURL: mustBase("https://a.test/auth/"), Bare: "/admin"})
		m.Handle("GET /admin/{id}", where)
		m.Handle("GET /{$}", where)
		r, err := http.NewRequest("GET", "http://a.test"+target, nil)
		if err != nil || r.URL.Host != "a.test" {
			return
		}
		w := &sink{h: http.Header{}}
		m.ServeHTTP(w, r)
		if l := w.h.Get("Location"); l != "" && !strings.HasPrefix(l, "/auth/") {
			t.Errorf("%q is sent to %q", target, l)
		}
		if strings.HasPrefix(w.h.Get("Location"), "//") {
			t.Errorf("%q leaves the host: %q", target, w.h.Get("Location"))
		}
	})
}
