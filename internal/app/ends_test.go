package app

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// caller calls the listeners of a server without a network, and keeps cookies.
type caller struct {
	*testing.T

	app     *App
	host    string
	key     string // of the admin listener
	client  string // the application
	cookies map[string]string
	headers map[string]string // of the next requests
}

func (c *caller) do(listener int, method, address, contentType, body string) *http.Response {
	c.Helper()
	u, err := url.Parse(address)
	if err != nil {
		c.Fatal(err)
	}
	r := httptest.NewRequestWithContext(c.Context(), method, u.RequestURI(), strings.NewReader(body))
	r.Host = c.host
	if c.key != "" && listener == 1 {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	r.Header.Set("Content-Type", contentType)
	for name, value := range c.headers {
		r.Header.Set(name, value)
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	c.app.listeners[listener].Handler.ServeHTTP(w, r)
	answer := w.Result()
	for _, k := range answer.Cookies() {
		c.cookies[k.Name] = k.Value
	}
	return answer
}

// call sends JSON to the admin listener.
func (c *caller) call(method, address, body string, want int) map[string]any {
	c.Helper()
	return c.read(c.do(1, method, address, "application/json", body), want)
}

// form sends a form to the public (0) or the admin (1) listener.
func (c *caller) form(listener int, address string, values url.Values) map[string]any {
	c.Helper()
	return c.read(c.do(listener, http.MethodPost, address, "application/x-www-form-urlencoded", values.Encode()), http.StatusOK)
}

func (c *caller) read(answer *http.Response, want int) map[string]any {
	c.Helper()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		c.Fatalf("%d, not %d: %s %v", answer.StatusCode, want, text, err)
	}
	var out map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			c.Fatal(err)
		}
	}
	return out
}

// follow opens an address as a browser does and gives where it is sent.
func (c *caller) follow(address string) *url.URL {
	c.Helper()
	answer := c.do(0, http.MethodGet, address, "", "")
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || answer.StatusCode/100 != 3 {
		text, _ := io.ReadAll(answer.Body)
		c.Fatalf("%s leads nowhere: %d %s %v", address, answer.StatusCode, text, err)
	}
	return to
}

// tokens has an application get tokens for a subject.
func (c *caller) tokens(subject string) (access, refresh string) {
	c.Helper()
	const pkce = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
	if c.client == "" {
		c.client = c.register()
	}
	id := c.client
	to := c.ask()
	for _, step := range []struct{ name, answer string }{
		{"login", `{"subject":"` + subject + `","remember":true}`}, {"consent", `{"grant_scope":["openid","offline_access"]}`},
	} {
		challenge := to.Query().Get(step.name + "_challenge")
		next := c.call(http.MethodPut, "/admin/oauth2/auth/requests/"+step.name+"/accept?"+step.name+"_challenge="+url.QueryEscape(challenge),
			step.answer, http.StatusOK)
		address, _ := next["redirect_to"].(string)
		to = c.follow(address)
	}
	got := c.form(0, "/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {id}, "code": {to.Query().Get("code")}, "redirect_uri": {"http://127.0.0.1/cb"},
		"code_verifier": {pkce},
	})
	access, _ = got["access_token"].(string)
	refresh, _ = got["refresh_token"].(string)
	return access, refresh
}

// register registers an application and gives its id.
func (c *caller) register() string {
	c.Helper()
	made := c.call(http.MethodPost, "/admin/clients", `{"token_endpoint_auth_method":"none","scope":"openid offline_access",
		"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"redirect_uris":["http://127.0.0.1/cb"]}`, http.StatusCreated)
	id, _ := made["client_id"].(string)
	return id
}

// ask begins an authorization request of the application.
func (c *caller) ask() *url.URL {
	c.Helper()
	ask := url.Values{
		"client_id": {c.client}, "response_type": {"code"}, "scope": {"openid offline_access"}, "redirect_uri": {"http://127.0.0.1/cb"},
		"state": {"state-0123456789"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	return c.follow("/oauth2/auth?" + ask.Encode())
}

// remembered tells whether the browser would be let in without being asked.
func (c *caller) remembered() bool {
	c.Helper()
	challenge := c.ask().Query().Get("login_challenge")
	skip, _ := c.call(http.MethodGet, "/admin/oauth2/auth/requests/login?login_challenge="+url.QueryEscape(challenge), "", http.StatusOK)["skip"].(bool)
	return skip
}

// active tells which tokens are good.
func (c *caller) active(tokens ...string) []bool {
	c.Helper()
	out := make([]bool, len(tokens))
	for i, token := range tokens {
		out[i], _ = c.form(1, "/admin/oauth2/introspect", url.Values{"token": {token}})["active"].(bool)
	}
	return out
}

func (c *caller) person(email string) string {
	c.Helper()
	id, _ := c.call(http.MethodPost, "/admin/identities", `{"schema_id":"default","traits":{"email":"`+email+`"}}`, http.StatusCreated)["id"].(string)
	return id
}

func newCaller(t *testing.T, a *App) *caller {
	t.Helper()
	if err := a.features.keys.Ensure(tenant.With(t.Context(), tenant.Default)); err != nil {
		t.Fatal(err)
	}
	return &caller{T: t, app: a, host: "localhost:4444", cookies: map[string]string{}}
}

func TestTokensEndWithTheIdentity(t *testing.T) {
	c := newCaller(t, newApp(t, ""))
	for name, end := range map[string]func(id string){
		"deleted": func(id string) { c.call(http.MethodDelete, "/admin/identities/"+id, "", http.StatusNoContent) },
		"disabled": func(id string) {
			c.call(http.MethodPatch, "/admin/identities/"+id, `[{"op":"replace","path":"/state","value":"inactive"}]`, http.StatusOK)
		},
	} {
		id := c.person(name + "@example.com")
		access, refresh := c.tokens(id)
		if diff := cmp.Diff([]bool{true, true}, c.active(access, refresh)); diff != "" {
			t.Fatal(name, diff)
		}
		if !c.remembered() {
			t.Error(name, "the browser is asked again although its login is remembered")
		}
		end(id)
		if c.remembered() {
			t.Error(name, "the browser is let in still")
		}
		if diff := cmp.Diff([]bool{false, false}, c.active(access, refresh)); diff != "" {
			t.Error(name, diff)
		}
	}
}

// TestTokensEndAfterACrash: the identity is gone, the process dies before the tokens are.
func TestTokensEndAfterACrash(t *testing.T) {
	dir := t.TempDir()
	before := openApp(t, dir, "")
	c := newCaller(t, before)
	id := c.person("ada@example.com")
	access, refresh := c.tokens(id)
	// What comes after the commit finds no database any more.
	if err := before.databases.byName["oauth"].Close(); err != nil {
		t.Fatal(err)
	}
	c.call(http.MethodDelete, "/admin/identities/"+id, "", http.StatusNoContent)
	closeApp(t, before)

	after := openApp(t, dir, "")
	defer closeApp(t, after)
	c = newCaller(t, after)
	if diff := cmp.Diff([]bool{true, true}, c.active(access, refresh)); diff != "" {
		t.Fatal("nothing is left to be done:", diff)
	}
	// The server was away for a while.
	if n, err := after.databases.byName["management"].AllTenants().Exec(t.Context(), `UPDATE identity_end SET due_at = ?`, now().Add(-time.Minute)); err != nil || n != 1 {
		t.Fatalf("%d ends are kept: %v", n, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	wait := after.background(ctx)
	defer wait()
	defer stop()
	testkit.Eventually(t, "the tokens of an identity that is gone are good no longer", func() bool {
		got := c.active(access, refresh)
		return !got[0] && !got[1]
	})
}
