package selfservice_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// listener is another service that hooks call.
type listener struct {
	url    string
	mu     sync.Mutex
	heard  map[string][]map[string]any
	answer map[string]string // by path; 400 where it begins with {"messages"
}

func listen(t *testing.T) *listener {
	l := &listener{heard: map[string][]map[string]any{}, answer: map[string]string{}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var v map[string]any
		_ = json.Unmarshal(raw, &v)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.heard[r.URL.Path] = append(l.heard[r.URL.Path], v)
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(l.answer[r.URL.Path], `{"messages"`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, l.answer[r.URL.Path])
	}))
	t.Cleanup(srv.Close)
	l.url = srv.URL
	return l
}

// told is what the hook of the path was told last.
func (l *listener) told(path string) map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.heard[path]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

func (l *listener) hook(path string, parse bool) selfservice.HookConfig {
	const program = `function(ctx) { flow: ctx.flow.id, kind: ctx.flow.ui.action,
		email: if "identity" in ctx && ctx.identity != null then ctx.identity.traits.email else null,
		secret: if "identity" in ctx && ctx.identity != null then std.objectHas(ctx.identity, "credentials") else false,
		failure: std.get(ctx, "failure"), session: "session" in ctx && ctx.session != null,
		address: std.get(ctx.request_headers, "True-Client-Ip"), cookies: std.get(ctx, "request_cookies"),
		typed: [n.attributes.value for n in ctx.flow.ui.nodes if std.get(n.attributes, "name") == "identifier"],
		csrf: [n for n in ctx.flow.ui.nodes if std.get(n.attributes, "name") == "csrf_token"] }`
	return selfservice.HookConfig{Hook: "web_hook", Config: hook.Config{
		URL: l.url + path, Method: http.MethodPost, Body: "base64://" + base64.StdEncoding.EncodeToString([]byte(program)),
		BodyFormat: "jsonnet", Response: hook.ResponseConfig{Parse: parse}, Timeout: 5e9, MaxRetries: -1,
	}}
}

// unhurried runs programs, and gives each more than its usual second, which a busy machine may need for itself.
func unhurried() *hook.Jsonnet { return hook.NewJsonnet(hook.Limits{Timeout: time.Minute}) }

func hooked(t *testing.T, change func(*selfservice.Config)) *server {
	return newServer(t, testkit.SQLite(t, "management"), config(plain), config(change), func(s *server) {
		s.handler.Hooks = hook.New(hook.Options{
			Clients: hook.DefaultClientsConfig(), Jsonnet: unhurried(), Now: s.clock.Now, Log: slog.New(slog.DiscardHandler),
		})
	})
}

func TestHooksOfLogin(t *testing.T) {
	l := listen(t)
	s := hooked(t, func(c *selfservice.Config) {
		c.Flows.Login.Before.Hooks = []selfservice.HookConfig{l.hook("/before", true)}
		c.Flows.Login.After.Hooks = []selfservice.HookConfig{l.hook("/check", true), l.hook("/after", false)}
		c.Flows.Login.After.Failed.Hooks = []selfservice.HookConfig{l.hook("/failed", false)}
	})
	s.person("ada@example.com", goodPassword)
	b := s.browser().asScript()
	f := b.begin("login", "")
	if told := l.told("/before"); told == nil || len(told["csrf"].([]any)) > 0 {
		t.Errorf("before it the hook was told %v", told)
	}
	wrong := clone(adasLogin)
	wrong["password"] = "wrong-password"
	b.submit(f, wrong)
	told := l.told("/failed")
	if address, _ := told["address"].([]any); len(address) != 1 || address[0] != "127.0.0.1" || len(told["typed"].([]any)) != 1 || told["typed"].([]any)[0] != "ada@example.com" {
		t.Errorf("of the failure the hook was told %v", told)
	}
	l.answer["/check"] = `{"messages":[{"instance_ptr":"#/method","messages":[{"id":1234,"text":"not on Sundays","type":"error"}]}]}`
	if a := b.submit(f, clone(adasLogin)); a.status != http.StatusBadRequest || !strings.Contains(a.body, "not on Sundays") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.get("/sessions/whoami"); a.status != http.StatusUnauthorized {
		t.Error("a refused login has a session")
	}
	delete(l.answer, "/check")
	if a := b.submit(f, clone(adasLogin)); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	told = l.told("/after")
	if told == nil || told["session"] != true || told["email"] != "ada@example.com" || told["secret"] != false {
		t.Errorf("after it the hook was told %v", told)
	}
	if cookies, _ := told["cookies"].(map[string]any); len(cookies) > 0 {
		t.Errorf("the hook sees %v", cookies)
	}
	if len(l.heard["/failed"]) != 1 {
		t.Errorf("%d failures were told", len(l.heard["/failed"]))
	}
}

// Whoever watches failed logins is told why each failed, whom it claimed to be, and whose account that is.
func TestHooksOfFailedLogins(t *testing.T) {
	l := listen(t)
	s := hooked(t, func(c *selfservice.Config) {
		c.Flows.Login.After.Failed.Hooks = []selfservice.HookConfig{l.hook("/failed", false)}
	})
	ada := s.person("ada@example.com", goodPassword)
	b := s.browser().asScript()
	wrong := func(identifier string) map[string]any {
		return map[string]any{"method": "password", "identifier": identifier, "password": "wrong-password"}
	}
	told := func(want map[string]any, email any) {
		t.Helper()
		got := l.told("/failed")
		if diff := cmp.Diff(want, got["failure"]); diff != "" || got["email"] != email || got["secret"] != false {
			t.Errorf("the hook was told %v: %s", got, diff)
		}
	}
	refused := func(identifier string) map[string]any {
		said := ui.InvalidCredentials()
		return map[string]any{
			"reason": "rejected", "message_id": float64(said.ID), "message": said.Text, "method": "password", "identifier": identifier,
		}
	}
	b.submit(b.begin("login", ""), wrong("Ada@example.com"))
	told(refused("Ada@example.com"), "ada@example.com")
	b.submit(b.begin("login", ""), wrong("eve@example.com"))
	told(refused("eve@example.com"), nil)

	b.submit(b.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com"})
	if n := len(l.heard["/failed"]); n != 2 {
		t.Errorf("a form that was not filled in was told as a failure: %d", n)
	}

	if _, err := s.people.Change(s.ctx, ada.ID, func(id *identity.Identity) error { id.State = identity.Inactive; return nil }); err != nil {
		t.Fatal(err)
	}
	b.submit(b.begin("login", ""), clone(adasLogin))
	if got := l.told("/failed"); got["email"] != "ada@example.com" || got["failure"].(map[string]any)["reason"] != session.ErrIdentityDisabled.Code {
		t.Errorf("of a login to a disabled account the hook was told %v", got)
	}

	for range 20 {
		b.submit(b.begin("login", ""), wrong("grace@example.com"))
	}
	if got := l.told("/failed")["failure"].(map[string]any); got["reason"] != limit.ErrLocked.Code || got["message_id"] != 0.0 {
		t.Errorf("of one that has to wait the hook was told %v", got)
	}
}

func TestHooksOfRegistration(t *testing.T) {
	l := listen(t)
	s := hooked(t, func(c *selfservice.Config) {
		c.Flows.Registration.After.Password.Hooks = []selfservice.HookConfig{l.hook("/fill", true), l.hook("/done", false), {Hook: "session"}}
	})
	app := s.app()
	f := app.begin("registration", "")
	l.answer["/fill"] = `{"messages":[{"instance_ptr":"#/traits/email","messages":[{"id":1,"text":"not from there","type":"error"}]}]}`
	if a := app.submit(f, registering("ada@example.com")); a.status != http.StatusBadRequest || !strings.Contains(a.body, "not from there") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if l.told("/done") != nil {
		t.Error("a refused registration was told as one that is done")
	}
	l.answer["/fill"] = `{"identity":{"metadata_public":{"plan":"gold"},"traits":{"email":"ada@example.com","name":{"first":"Ada"}}}}`
	a := app.submit(f, registering("ada@example.com"))
	if a.status != http.StatusOK || a.text("identity.metadata_public.plan") != "gold" || a.text("identity.traits.name.first") != "Ada" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	app.token = a.text("session_token")
	if me := app.get("/sessions/whoami"); me.text("identity.metadata_public.plan") != "gold" {
		t.Errorf("whoami: %s", me.body)
	}
	if told := l.told("/done"); told == nil || told["session"] != true || told["secret"] != false {
		t.Errorf("the hook was told %v", told)
	}
}

func TestHookThatRefusesABeginning(t *testing.T) {
	l := listen(t)
	l.answer["/before"] = `{"messages":[{"instance_ptr":"#/","messages":[{"id":1,"text":"closed today","type":"error"}]}]}`
	s := hooked(t, func(c *selfservice.Config) {
		c.Flows.Login.Before.Hooks = []selfservice.HookConfig{l.hook("/before", true)}
	})
	if a := s.app().get("/self-service/login/api"); a.status != http.StatusBadRequest || a.text("error.reason") != "closed today" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestRevokingHook(t *testing.T) {
	s := hooked(t, func(c *selfservice.Config) {
		c.Flows.Login.After.Hooks = []selfservice.HookConfig{{Hook: "revoke_active_sessions"}}
		c.Flows.Settings.After.Hooks = []selfservice.HookConfig{{Hook: "revoke_active_sessions"}}
	})
	s.person("ada@example.com", goodPassword)
	first := s.signedIn("ada@example.com")
	second := s.signedIn("ada@example.com")
	if a := first.get("/sessions/whoami"); a.status != http.StatusUnauthorized {
		t.Errorf("the first session: %d", a.status)
	}
	if a := second.get("/sessions/whoami"); a.status != http.StatusOK {
		t.Errorf("the second session: %d", a.status)
	}
	if a := second.submit(second.begin("settings", ""), map[string]any{"method": "password", "password": "another-long-passphrase"}); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := second.get("/sessions/whoami"); a.status != http.StatusOK {
		t.Errorf("the session that changed the password: %d", a.status)
	}
}
