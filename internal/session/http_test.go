package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

func TestWhoami(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t) + "/sessions/whoami"
	who := f.person(t)
	made, token := f.login(t, who)
	cookie, _ := f.cookie(t, made, token)
	for _, how := range []string{"X-Session-Token: " + token, cookie, "Authorization: Bearer " + token, "Authorization: bearer  " + token} {
		for _, verb := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			got := call(t, verb, base, "", how)
			if got.status != 200 || got.header.Get("X-Kratos-Authenticated-Identity-Id") != who.ID || got.body["id"] != made.ID || got.body["active"] != true {
				t.Fatalf("%s with %.20s: %d %s", verb, how, got.status, got.text)
			}
			if strings.Contains(got.text, "secret remark") || strings.Contains(got.text, token) {
				t.Error("more than the person may see")
			}
		}
	}
	got := call(t, "GET", base, "", cookie)
	if got.header.Get("Ory-Session-Cache-For") != "" || got.header.Get("Set-Cookie") != "" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", got.header)
	}
	if r := call(t, "HEAD", base, "", cookie); r.status != 200 || r.header.Get("X-Kratos-Authenticated-Identity-Id") != who.ID {
		t.Errorf("HEAD: %d", r.status)
	}
	for name, headers := range map[string][]string{
		"nothing":                          nil,
		"a forged token":                   {"X-Session-Token: " + token[:len(token)-2] + "xx"},
		"a forged header before a cookie":  {"X-Session-Token: x", cookie},
		"a forged cookie":                  {"Cookie: ory_kratos_session=" + token},
		"an empty cookie":                  {"Cookie: ory_kratos_session="},
		"another scheme":                   {"Authorization: Basic " + token},
		"a scheme alone":                   {"Authorization: Bearer "},
		"a token of an application's":      {"Authorization: Bearer gh_at_" + secret.Random(32)},
		"a cookie under another's name":    {strings.Replace(cookie, "ory_kratos_session", "other", 1)},
		"a cookie sealed for another name": {"Cookie: ory_kratos_session=" + f.sealed(t, token)},
	} {
		got := call(t, "GET", base, "", headers...)
		want := map[string]any{"error": map[string]any{
			"id": "session_inactive", "code": 401.0, "status": "Unauthorized", "request": got.header.Get("X-Request-Id"),
			"reason": "No valid session credentials found in the request.", "message": "The request could not be authorized",
		}}
		if diff := cmp.Diff(want, got.body); got.status != 401 || diff != "" {
			t.Errorf("%s: %d %s", name, got.status, diff)
		}
	}
	// A cookie that does not open is as good as none.
	if got := call(t, "GET", base, "", "Cookie: ory_kratos_session=stale", "Authorization: Bearer "+token); got.status != 200 {
		t.Errorf("a stale cookie beside a token: %d", got.status)
	}
	if got := call(t, "GET", base, "", "Cookie: ory_kratos_session=stale; "+strings.TrimPrefix(cookie, "Cookie: ")); got.status != 200 {
		t.Errorf("a stale cookie before a good one: %d", got.status)
	}
	if err := f.store.Revoke(f.ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if got := call(t, "GET", base, "", cookie); got.status != 401 {
		t.Errorf("after it was revoked: %d", got.status)
	}
}

// sealed is a token sealed as a cookie of another name would be.
func (f *fixture) sealed(t testing.TB, token string) string {
	t.Helper()
	sealed, err := f.handler.Ring.Seal([]byte(token+" 99999999999"), []byte("session cookie other"))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// Asking who somebody is runs no statement when the session is kept, one when it is not, none for a forged token.
func TestWhoamiStatements(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t) + "/sessions/whoami"
	made, token := f.login(t, f.person(t))
	cookie, _ := f.cookie(t, made, token)
	for _, tc := range []struct {
		name, header string
		status       int
		want         uint64
	}{
		{"the first time", cookie, 200, 1},
		{"the second time", cookie, 200, 0},
		{"by token", "X-Session-Token: " + token, 200, 0},
		{"a forged token", "X-Session-Token: " + token[:20] + token[21:] + "x", 401, 0},
		{"a forged cookie", "Cookie: ory_kratos_session=abc.def", 401, 0},
		{"nothing", "X-Nothing: x", 401, 0},
	} {
		before := f.db.Statements()
		got := call(t, "GET", base, "", tc.header)
		if n := f.db.Statements() - before; got.status != tc.status || n != tc.want {
			t.Errorf("%s: %d, %d statements", tc.name, got.status, n)
		}
	}
}

func TestWhoamiAsksForTheSecondFactor(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t)
	who := f.person(t, func(v map[string]any) { v["available_aal"] = "aal2" })
	made, token := f.login(t, who)
	header := "X-Session-Token: " + token
	const to = publicURL + "self-service/login/browser?aal=aal2"
	for _, path := range []string{"/sessions/whoami", "/sessions"} {
		got := call(t, "GET", base+path, "", header)
		fault, _ := got.body["error"].(map[string]any)
		details, _ := fault["details"].(map[string]any)
		if got.status != 403 || fault["id"] != "session_aal2_required" || fault["code"] != 403.0 || got.body["redirect_browser_to"] != to || details["redirect_browser_to"] != to {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
		if got.header.Get("X-Kratos-Authenticated-Identity-Id") != "" {
			t.Error("a proxy would let it through")
		}
	}
	other, _ := f.login(t, who)
	for _, path := range []string{"/sessions", "/sessions/" + other.ID} {
		if got := call(t, "DELETE", base+path, "", header); got.status != 403 {
			t.Errorf("DELETE %s: %d %s", path, got.status, got.text)
		}
	}
	mine := f.mustBe(t, token, nil)
	token = f.store.Renew(mine, mine.Identity, []session.AuthMethod{method("totp", "aal2")}, firefox(), f.clock.Now())
	if err := f.store.Update(f.ctx, mine); err != nil {
		t.Fatal(err)
	}
	if got := call(t, "GET", base+"/sessions/whoami", "", "X-Session-Token: "+token); got.status != 200 || got.body["authenticator_assurance_level"] != "aal2" || got.body["id"] != made.ID {
		t.Errorf("with both: %d %s", got.status, got.text)
	}

	easy := newFixture(t, testkit.SQLite(t, "management"), func(c *session.Config) { c.Whoami.RequiredAAL = session.AAL1 })
	_, token = easy.login(t, easy.person(t, func(v map[string]any) { v["available_aal"] = "aal2" }))
	if got := call(t, "GET", easy.serve(t)+"/sessions/whoami", "", "X-Session-Token: "+token); got.status != 200 {
		t.Errorf("where one is enough: %d", got.status)
	}
}

func TestCacheHeader(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"), func(c *session.Config) {
		c.Whoami.CacheableSessions, c.Whoami.CacheableSessionsMaxAge = true, time.Hour
	})
	base := f.serve(t) + "/sessions/whoami"
	_, token := f.login(t, f.person(t))
	cacheFor := func(want string, header ...string) {
		t.Helper()
		if got := call(t, "GET", base, "", header...).header.Get("Ory-Session-Cache-For"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	cacheFor("3600", "X-Session-Token: "+token)
	f.clock.Advance(24*time.Hour - 90*time.Second)
	cacheFor("90", "X-Session-Token: "+token)
	cacheFor("60")
	cacheFor("", "X-Session-Token: forged")
}

func TestCookie(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	made, token := f.login(t, f.person(t))
	for _, tc := range []struct {
		name, base string
		change     func(*session.CookieConfig)
		want       string
	}{
		{"over http", publicURL, nil, "; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
		{"over https", "https://id.example.com/", nil, "; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		{"below a path", "https://example.com/auth/", nil, "; Path=/auth; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		{"until the browser is closed", publicURL, func(c *session.CookieConfig) { c.Persistent = false }, "; Path=/; HttpOnly; SameSite=Lax"},
		{"shared", "https://id.example.com/", func(c *session.CookieConfig) {
			c.Domain, c.Path, c.SameSite = "example.com", "/app", "None"
		}, "; Path=/app; Domain=example.com; Max-Age=86400; HttpOnly; Secure; SameSite=None"},
		{"None needs https", publicURL, func(c *session.CookieConfig) { c.SameSite = "None" }, "; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
		{"strict", publicURL, func(c *session.CookieConfig) { c.SameSite = "Strict" }, "; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict"},
	} {
		f.handler.Config.Cookie = session.DefaultConfig().Cookie
		if tc.change != nil {
			tc.change(&f.handler.Config.Cookie)
		}
		base, err := web.ParseBaseURL(tc.base)
		if err != nil {
			t.Fatal(err)
		}
		f.handler.Base = web.NewBaseURLs(base, nil)
		_, set := f.cookie(t, made, token)
		name, rest, _ := strings.Cut(set, "=")
		value, attributes, _ := strings.Cut(rest, ";")
		if name != "ory_kratos_session" || ";"+attributes != tc.want || strings.Contains(value, token) {
			t.Errorf("%s: %s", tc.name, set)
		}
		rec := httptest.NewRecorder()
		f.handler.ClearCookie(rec, httptest.NewRequest("GET", "/", nil))
		if cleared := rec.Header().Get("Set-Cookie"); !strings.Contains(cleared, "ory_kratos_session=;") || !strings.Contains(cleared, "Max-Age=0") {
			t.Errorf("%s: %s", tc.name, cleared)
		}
	}
}

// A session that an administrator extends keeps its browser: the cookie is told the new end.
func TestExtendedCookie(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t)
	made, token := f.login(t, f.person(t))
	cookie, _ := f.cookie(t, made, token)
	f.clock.Advance(time.Hour)
	got := call(t, "PATCH", base+"/admin/sessions/"+made.ID+"/extend", "")
	if got.status != 200 || got.body["expires_at"] != "2026-03-05T06:06:07.089012Z" {
		t.Fatalf("%d %s", got.status, got.text)
	}
	got = call(t, "GET", base+"/sessions/whoami", "", cookie)
	set := got.header.Get("Set-Cookie")
	if got.body["expires_at"] != "2026-03-05T06:06:07.089012Z" || !strings.Contains(set, "Max-Age=86400") {
		t.Errorf("%s %q", got.text, set)
	}
	value, _, _ := strings.Cut(set, ";")
	if got = call(t, "GET", base+"/sessions/whoami", "", "Cookie: "+value); got.status != 200 || got.header.Get("Set-Cookie") != "" {
		t.Errorf("the new one: %d %v", got.status, got.header)
	}
}

func TestSlidingSessions(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"), func(c *session.Config) { c.Sliding, c.MaxLifespan = true, 50*time.Hour })
	base := f.serve(t) + "/sessions/whoami"
	made, token := f.login(t, f.person(t))
	ask := func(want time.Duration, statements uint64) {
		t.Helper()
		before := f.db.Statements()
		got := call(t, "GET", base, "", "X-Session-Token: "+token)
		if n := f.db.Statements() - before; n != statements {
			t.Errorf("%d statements", n)
		}
		if end := made.IssuedAt.Add(want).Format(time.RFC3339Nano); got.body["expires_at"] != end {
			t.Errorf("%s, want %s", got.body["expires_at"], end)
		}
	}
	ask(24*time.Hour, 1)
	f.clock.Advance(11 * time.Hour)
	ask(24*time.Hour, 1) // it is kept for minutes
	ask(24*time.Hour, 0)
	f.clock.Advance(time.Hour)
	ask(36*time.Hour, 2) // half of it is over
	ask(36*time.Hour, 1) // read anew
	ask(36*time.Hour, 0)
	f.clock.Advance(23 * time.Hour) // 35h
	ask(50*time.Hour, 2)            // at most
	f.clock.Advance(14 * time.Hour)
	ask(50*time.Hour, 1)
	f.clock.Advance(time.Hour)
	if got := call(t, "GET", base, "", "X-Session-Token: "+token); got.status != 401 {
		t.Errorf("after its longest life: %d", got.status)
	}
}

func TestMySessions(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t) + "/sessions"
	who, stranger := f.person(t), f.person(t)
	mine, token := f.login(t, who)
	header := "X-Session-Token: " + token
	var others []string
	for range 3 {
		s, _ := f.login(t, who)
		others = append(others, s.ID)
	}
	foreign, foreignToken := f.login(t, stranger)

	got := call(t, "GET", base, "", header)
	if got.status != 200 || len(got.list) != 3 || got.header.Get("X-Total-Count") != "3" || got.list[0]["id"] != others[2] {
		t.Fatalf("%d %s", got.status, got.text)
	}
	if strings.Contains(got.text, "secret remark") || got.list[0]["identity"] == nil || got.list[0]["devices"] == nil {
		t.Error("the document of the list")
	}
	if got := call(t, "DELETE", base+"/"+mine.ID, "", header); got.status != 400 || !strings.Contains(got.text, "logout") {
		t.Errorf("my own: %d %s", got.status, got.text)
	}
	if got := call(t, "DELETE", base+"/"+strings.ToUpper(others[0]), "", header); got.status != 204 {
		t.Errorf("another of mine: %d", got.status)
	}
	for _, id := range []string{foreign.ID, secret.NewID()} { // nobody learns which ids there are
		if got := call(t, "DELETE", base+"/"+id, "", header); got.status != 204 {
			t.Errorf("not mine: %d", got.status)
		}
	}
	f.mustBe(t, foreignToken, nil)
	for _, id := range []string{"x", "a%00b", "00000000000000000000000000000000"} {
		if got := call(t, "DELETE", base+"/"+id, "", header); got.status != 400 {
			t.Errorf("%s: %d", id, got.status)
		}
	}
	if got := call(t, "GET", base, "", header); len(got.list) != 2 {
		t.Errorf("%s", got.text)
	}
	if got := call(t, "DELETE", base, "", header); got.status != 200 || got.body["count"] != 2.0 {
		t.Errorf("all others: %d %s", got.status, got.text)
	}
	if got := call(t, "GET", base, "", header); got.status != 200 || got.list == nil || len(got.list) != 0 {
		t.Errorf("none left: %s", got.text)
	}
	for _, verb := range []string{"GET", "DELETE"} {
		if got := call(t, verb, base, ""); got.status != 401 {
			t.Errorf("%s by a stranger: %d", verb, got.status)
		}
	}
	if got := call(t, "DELETE", base+"/"+mine.ID, ""); got.status != 401 {
		t.Errorf("by a stranger: %d", got.status)
	}
}

func TestListPages(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t)
	who := f.person(t)
	var all []string
	for range 5 {
		s, _ := f.login(t, who)
		all = append([]string{s.ID}, all...)
	}
	next := regexp.MustCompile(`<([^>]+)>; rel="next"`)
	for _, first := range []string{
		"/admin/sessions?page_size=2&active=true", "/admin/identities/" + who.ID + "/sessions?per_page=2", "/sessions?page_size=2&expand=identity",
	} {
		own, token := f.login(t, who)
		want := append([]string{own.ID}, all...)
		if strings.HasPrefix(first, "/sessions") {
			want = all
		}
		var ids []string
		var link string
		for at, pages := first, 0; at != ""; pages++ {
			got := call(t, "GET", base+at, "", "X-Session-Token: "+token)
			link = got.header.Get("Link")
			if got.status != 200 || !strings.Contains(link, `rel="first"`) || pages > 4 {
				t.Fatalf("%s: %d %q %s", at, got.status, link, got.text)
			}
			for _, s := range got.list {
				ids = append(ids, s["id"].(string))
			}
			at = ""
			if m := next.FindStringSubmatch(link); m != nil {
				at = m[1]
			}
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s: %s", first, diff)
		}
		link = next.FindStringSubmatch(call(t, "GET", base+first, "", "X-Session-Token: "+token).header.Get("Link"))[1]
		other := strings.Replace(link, "active=true", "active=false", 1)
		if other == link {
			other += "&active=false"
		}
		if got := call(t, "GET", base+other, "", "X-Session-Token: "+token); got.status != 400 {
			t.Errorf("%s: a page token of another list: %d", first, got.status)
		}
		if n, err := f.store.DeleteAll(f.ctx, who.ID); n < 6 || err != nil {
			t.Fatal(n, err)
		}
		all = nil
		for range 5 {
			s, _ := f.login(t, who)
			all = append([]string{s.ID}, all...)
		}
	}
	for _, bad := range []string{"page_size=0", "page_size=x", "per_page=-1", "page=2", "active=perhaps", "page_token=abc", "expand=secrets"} {
		if got := call(t, "GET", base+"/admin/sessions?"+bad, ""); got.status != 400 {
			t.Errorf("%s: %d", bad, got.status)
		}
	}
}

func TestAdminAPI(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t)
	who := f.person(t)
	made, token := f.login(t, who)
	one := base + "/admin/sessions/" + made.ID

	got := call(t, "GET", one, "")
	if got.status != 200 || got.body["active"] != true || got.body["identity"] != nil || got.body["devices"] != nil {
		t.Errorf("bare: %d %s", got.status, got.text)
	}
	got = call(t, "GET", one+"?expand=Identity&expand=devices", "")
	if got.status != 200 || !strings.Contains(got.text, "secret remark") || got.body["devices"] == nil {
		t.Errorf("expanded: %d %s", got.status, got.text)
	}
	if got := call(t, "GET", base+"/admin/identities/"+who.ID+"/sessions", ""); got.status != 200 || len(got.list) != 1 || got.list[0]["identity"] == nil {
		t.Errorf("of an identity: %d %s", got.status, got.text)
	}
	f.mustBe(t, token, nil)
	if got := call(t, "DELETE", one, ""); got.status != 204 || got.text != "" {
		t.Errorf("disable: %d", got.status)
	}
	f.mustBe(t, token, session.ErrNoSession)
	if got := call(t, "GET", one, ""); got.status != 200 || got.body["active"] != false {
		t.Errorf("disabled: %d %s", got.status, got.text)
	}
	if got := call(t, "PATCH", one+"/extend", ""); got.status != 404 {
		t.Errorf("extending what has ended: %d", got.status)
	}
	if got := call(t, "DELETE", base+"/admin/identities/"+who.ID+"/sessions", ""); got.status != 204 {
		t.Errorf("delete all: %d", got.status)
	}
	for _, r := range [][2]string{
		{"GET", one}, {"DELETE", one}, {"PATCH", one + "/extend"}, {"DELETE", base + "/admin/identities/" + who.ID + "/sessions"},
	} {
		if got := call(t, r[0], r[1], ""); got.status != 404 || got.body["error"] == nil {
			t.Errorf("%s of what is gone: %d %s", r[0], got.status, got.text)
		}
	}
	for _, r := range [][2]string{
		{"GET", "/admin/sessions/x"}, {"DELETE", "/admin/sessions/a%00b"}, {"PATCH", "/admin/sessions/x/extend"},
		{"GET", "/admin/identities/x/sessions"}, {"DELETE", "/admin/identities/x/sessions"}, {"GET", "/admin/sessions/" + made.ID + "?expand=x"},
	} {
		if got := call(t, r[0], base+r[1], ""); got.status != 400 {
			t.Errorf("%s %s: %d", r[0], r[1], got.status)
		}
	}
}

func TestBulkAPI(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	at := f.serve(t) + "/admin/sessions"
	who := f.person(t)
	a, aToken := f.login(t, who)
	_, bToken := f.login(t, who)
	for _, tc := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"action":"disable","sessions":["` + a.ID + `"]}`, 200, `{"processed":1,"more":false}`},
		{`{"action":"disable","sessions":["` + a.ID + `"]}`, 200, `{"processed":0,"more":false}`},
		{`{"action":"disable","identities":["*"]}`, 200, `{"processed":1,"more":false}`},
		{`{"action":"delete","identities":["` + strings.ToUpper(who.ID) + `"]}`, 200, `{"processed":2,"more":false}`},
		{`{"action":"delete","identities":["*"]}`, 200, `{"processed":0,"more":false}`},
		{`{"action":"revive","sessions":["` + a.ID + `"]}`, 400, "action"},
		{`{"action":"delete"}`, 400, "identities"},
		{`{"action":"delete","sessions":[],"identities":[]}`, 400, "identities"},
		{`{"action":"delete","sessions":["` + a.ID + `"],"identities":["` + a.ID + `"]}`, 400, "either"},
		{`{"action":"delete","sessions":["*"]}`, 400, "sessions[0]"},
		{`{"action":"delete","identities":["*","` + a.ID + `"]}`, 400, "identities[0]"},
		{`{"action":"delete","identities":["x"]}`, 400, "UUID"},
		{`{"action":"delete","sessions":[` + strings.Repeat(`"`+a.ID+`",`, 500) + `"` + a.ID + `"]}`, 400, "500"},
		{`{`, 400, "JSON"},
	} {
		got := call(t, "POST", at, tc.body)
		if got.status != tc.status || !strings.Contains(got.text, tc.want) {
			t.Errorf("%.60s: %d %s", tc.body, got.status, got.text)
		}
	}
	f.mustBe(t, aToken, session.ErrNoSession)
	f.mustBe(t, bToken, session.ErrNoSession)
}

func TestTokenExchangeAPI(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	at := f.serve(t) + "/sessions/token-exchange?"
	initCode, returnCode, err := f.exchanges.New(f.ctx, "the-flow")
	if err != nil {
		t.Fatal(err)
	}
	codes := url.Values{"init_code": {initCode}, "return_to_code": {returnCode}}.Encode()
	for query, want := range map[string]int{"": 400, "init_code=x": 400, "return_to_code=x": 400, "init_code=x&return_to_code=y": 404, codes: 404} {
		if got := call(t, "GET", at+query, ""); got.status != want {
			t.Errorf("%.20s: %d %s", query, got.status, got.text)
		}
	}
	f.handler.Flow = func(_ context.Context, id string) (any, error) {
		if id != "the-flow" {
			return nil, errors.New("no such flow")
		}
		return map[string]string{"id": id}, nil
	}
	if got := call(t, "GET", at+codes, ""); got.status != 422 || got.body["id"] != "the-flow" {
		t.Errorf("a flow that has not ended: %d %s", got.status, got.text)
	}
	made, _ := f.login(t, f.person(t))
	if err := f.exchanges.Finish(f.ctx, "the-flow", made.ID); err != nil {
		t.Fatal(err)
	}
	got := call(t, "GET", at+codes, "")
	inner, _ := got.body["session"].(map[string]any)
	token, _ := got.body["session_token"].(string)
	if got.status != 200 || inner["id"] != made.ID || inner["identity"] == nil || strings.Contains(got.text, "secret remark") {
		t.Fatalf("%d %s", got.status, got.text)
	}
	f.mustBe(t, token, nil)
	if got := call(t, "GET", at+codes, ""); got.status != 410 {
		t.Errorf("a second time: %d %s", got.status, got.text)
	}
	f.handler.Exchanges = nil
	if got := call(t, "GET", at+codes, ""); got.status != 404 {
		t.Errorf("where none are made: %d", got.status)
	}
}

func TestClientOf(t *testing.T) {
	for _, tc := range []struct {
		name    string
		trusted web.Networks
		want    session.Client
	}{
		{"straight", nil, session.Client{UserAgent: "Firefox"}},
		{"through a proxy", web.Networks{"127.0.0.1", "::1"}, session.Client{UserAgent: "Firefox", Location: "Paris, FR"}},
	} {
		var got session.Client
		mux := web.NewMux(web.KratosErrors, web.Options{TrustedProxies: tc.trusted})
		mux.Handle("GET /", func(_ http.ResponseWriter, r *http.Request) error {
			got = session.ClientOf(r)
			return nil
		})
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		call(t, "GET", server.URL, "", "User-Agent: Firefox", "X-Forwarded-For: 192.0.2.7", "Cf-Ipcity: Paris", "Cf-Ipcountry: FR")
		if ip := got.IP.String(); ip != map[bool]string{true: "192.0.2.7", false: "127.0.0.1"}[tc.trusted != nil] {
			t.Errorf("%s: %s", tc.name, ip)
		}
		if got.UserAgent != tc.want.UserAgent || got.Location != tc.want.Location {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

// Whatever comes as a cookie, header or token is refused without a statement, unless it is one that was given out. TOKEN
// and COOKIE stand for those, which are other ones in each process.
func FuzzCredentials(f *testing.F) {
	x := newFixture(f, memory(f))
	x.ctx = testkit.Context(f)
	made, token := x.login(f, x.person(f))
	cookie, _ := x.cookie(f, made, token)
	value := strings.TrimPrefix(cookie, "Cookie: ory_kratos_session=")
	for _, seed := range []string{
		"", "TOKEN", "COOKIE", "Bearer TOKEN", "TOKEN 1", "gh_st_.", "gh_st_" + strings.Repeat("A", 43) + "." + strings.Repeat("A", 43),
		"COOKIE ", "COOKIE.", "\x00", "bearer", `"TOKEN"`,
	} {
		f.Add(seed, seed, seed)
	}
	if _, err := x.store.ByToken(x.ctx, token); err != nil {
		f.Fatal(err)
	}
	genuine := strings.NewReplacer("TOKEN", token, "COOKIE", value)
	f.Fuzz(func(t *testing.T, header, cookie, authorization string) {
		header, cookie, authorization = genuine.Replace(header), genuine.Replace(cookie), genuine.Replace(authorization)
		r := httptest.NewRequestWithContext(x.ctx, "GET", "/sessions/whoami", nil)
		r.Header["X-Session-Token"] = []string{header}
		r.Header["Cookie"] = []string{"ory_kratos_session=" + cookie}
		r.Header["Authorization"] = []string{authorization}
		before := x.db.Statements()
		got, err := x.handler.From(r)
		if x.db.Statements() != before {
			t.Errorf("a statement for %q %q %q", header, cookie, authorization)
		}
		known := header == token || strings.Contains(cookie, value) || strings.Contains(authorization, token)
		if err == nil && (!known || got.ID != made.ID) {
			t.Errorf("%q %q %q opened %s", header, cookie, authorization, got.ID)
		}
		if err != nil && !errors.Is(err, session.ErrNoSession) {
			t.Errorf("%v", err)
		}
	})
}

// Codes and page tokens come from strangers too.
func FuzzExchangeAndPages(f *testing.F) {
	x := newFixture(f, memory(f))
	x.ctx = testkit.Context(f)
	initCode, returnCode, err := x.exchanges.New(x.ctx, "flow")
	if err != nil {
		f.Fatal(err)
	}
	base := x.serve(f)
	for _, seed := range []string{"", "INIT", "RETURN", "gh_si_", "\x00", "a.b", strings.Repeat("x", 300)} {
		f.Add(seed, seed)
	}
	genuine := strings.NewReplacer("INIT", initCode, "RETURN", returnCode)
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = genuine.Replace(a), genuine.Replace(b)
		if _, _, err := x.exchanges.Exchange(x.ctx, a, b); !errors.Is(err, session.ErrNoExchange) {
			t.Errorf("%v", err)
		}
		q := url.Values{"page_token": {a}, "page_size": {b}}
		if got := call(t, "GET", base+"/admin/sessions?"+q.Encode(), ""); got.status != 200 && got.status != 400 {
			t.Errorf("%s: %d %s", q.Encode(), got.status, got.text)
		}
	})
}
