package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func ring(t *testing.T, secrets ...secret.String) *secret.Ring {
	t.Helper()
	r, err := secret.NewRing(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return r.For("cookie")
}

func set(t *testing.T, c Cookies, name, value string, o CookieOptions) *http.Cookie {
	t.Helper()
	rec := httptest.NewRecorder()
	if err := c.SetSealed(rec, with(), name, value, o); err != nil {
		t.Fatal(err)
	}
	cookies := rec.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%v", rec.Header())
	}
	return cookies[0]
}

func with(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

func TestCookieAttributes(t *testing.T) {
	for base, want := range map[string]string{
		"https://a.test/":      "__Host-session; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=None",
		"https://a.test/auth/": "session; Path=/auth; Max-Age=3600; HttpOnly; Secure; SameSite=None",
		"http://127.0.0.1:1/":  "session; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax",
	} {
		rec := httptest.NewRecorder()
		c := Cookies{Ring: ring(t, "0123456789abcdef"), Base: NewBaseURLs(mustBase(base), nil)}
		if err := c.SetSealed(rec, with(), "session", "v", CookieOptions{MaxAge: time.Hour, SameSite: http.SameSiteNoneMode}); err != nil {
			t.Fatal(err)
		}
		line := rec.Header().Get("Set-Cookie")
		name, rest, _ := strings.Cut(line, "=")
		_, attributes, _ := strings.Cut(rest, "; ")
		if name+"; "+attributes != want {
			t.Errorf("%s: %s", base, line)
		}
	}
	c := Cookies{Ring: ring(t, "0123456789abcdef"), Base: NewBaseURLs(mustBase("https://a.test/"), nil), Domain: "a.test"}
	if got := set(t, c, "session", "v", CookieOptions{}); got.Name != "session" || got.Domain != "a.test" || got.SameSite != http.SameSiteLaxMode || got.MaxAge != 0 {
		t.Errorf("%+v", got)
	}
}

func TestSealedCookies(t *testing.T) {
	old := Cookies{Ring: ring(t, "old-old-old-old-old"), Base: NewBaseURLs(mustBase("https://a.test/"), nil)}
	now := Cookies{Ring: ring(t, "new-new-new-new-new", "old-old-old-old-old"), Base: NewBaseURLs(mustBase("https://a.test/"), nil)}
	other := Cookies{Ring: ring(t, "someone-elses-secret"), Base: NewBaseURLs(mustBase("https://a.test/"), nil)}
	value := "ünï; code \"x\""
	cookie := set(t, old, "flow", value, CookieOptions{})
	if strings.Contains(cookie.Value, "; code") {
		t.Error("readable")
	}
	if got, ok := now.ReadSealed(with(cookie), "flow"); !ok || got != value {
		t.Errorf("after rotation: %q %v", got, ok)
	}
	if _, ok := other.ReadSealed(with(cookie), "flow"); ok {
		t.Error("a foreign key opens it")
	}
	renamed := *cookie
	renamed.Name = "__Host-session"
	if _, ok := now.ReadSealed(with(&renamed), "session"); ok {
		t.Error("one cookie passes for another")
	}
	planted := *cookie
	planted.Value = "x" + cookie.Value
	if got, ok := now.ReadSealed(with(&planted, set(t, other, "flow", "evil", CookieOptions{}), cookie), "flow"); !ok || got != value {
		t.Errorf("among planted ones: %q %v", got, ok)
	}
	if _, ok := now.ReadSealed(with(&planted), "flow"); ok {
		t.Error("a changed one opens")
	}
	if _, ok := now.ReadSealed(with(), "flow"); ok {
		t.Error("none opens")
	}
	rec := httptest.NewRecorder()
	now.Clear(rec, with(), "flow")
	if got := rec.Header().Get("Set-Cookie"); got != "__Host-flow=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None" {
		t.Error(got) // in another site's frame browsers would ignore it with Lax
	}
	if err := now.SetSealed(rec, with(), "flow", strings.Repeat("x", 4000), CookieOptions{}); err == nil {
		t.Error("a cookie that browsers drop was sent")
	}
	if err := now.SetSealed(rec, with(), "fl ow", "x", CookieOptions{}); err == nil {
		t.Error("a malformed name was sent")
	}
}
