package authorize_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// builtIn is a login that is built in: sessions that are live or not.
type builtIn struct {
	live  map[string]bool
	ended []string
	fails error
}

func (b *builtIn) Live(_ context.Context, session string) (bool, error) {
	return b.live[session], b.fails
}

func (b *builtIn) End(_ context.Context, session string) error {
	b.ended = append(b.ended, session)
	delete(b.live, session)
	return b.fails
}

func (b *builtIn) EndAll(_ context.Context, subject string) error {
	b.ended = append(b.ended, "all of "+subject)
	clear(b.live)
	return b.fails
}

// withBuiltIn makes a server whose people are signed in by itself, and a browser in which Alice is.
func withBuiltIn(t *testing.T) (*server, *builtIn, *browser) {
	t.Helper()
	s := start(t, testkit.SQLite(t, "oauth"))
	login := &builtIn{live: map[string]bool{"people-1": true}}
	s.handler.Flows.Login = login
	s.register("app")
	b := s.browser()
	b.through(request("app"), object{"subject": "alice", "remember": true, "remember_for": 3600, "identity_provider_session_id": "people-1"}, nil)
	return s, login, b
}

// skips tells whether a request of the browser needs no login.
func (b *browser) skips() bool {
	b.s.t.Helper()
	_, asked := b.s.get("login", challengeOf(b.s.t, b.auth(request("app")), "login"))
	return asked["skip"] == true
}

func TestRememberedLoginCountsAsLongAsItsSession(t *testing.T) {
	_, login, b := withBuiltIn(t)
	if !b.skips() {
		t.Fatal("a live session asks for a login")
	}
	login.live = nil
	if b.skips() {
		t.Error("the session is over, and nobody is asked to sign in")
	}
	wantError(t, b.auth(request("app", "prompt", "none")), "login_required")
	login.fails = errors.New("the database is away")
	w := b.auth(request("app"))
	wantError(t, w, "server_error")
}

// A session that ends while the person goes through the flow: the request begins anew.
func TestSessionEndsInTheMidstOfAFlow(t *testing.T) {
	s, login, b := withBuiltIn(t)
	verifier := s.accept("login", challengeOf(t, b.auth(request("app")), "login"), alice)
	login.live = nil
	if u := location(t, b.get(verifier)); u.Query().Get("client_id") != "app" {
		t.Errorf("the browser goes to %s", u)
	}
	_, login, b = withBuiltIn(t)
	s = b.s
	c := challengeOf(t, b.get(s.accept("login", challengeOf(t, b.auth(request("app")), "login"), alice)), "consent")
	verifier = s.accept("consent", c, object{"grant_scope": []string{"openid"}})
	login.live = nil
	if u := location(t, b.get(verifier)); u.Query().Get("client_id") != "app" {
		t.Errorf("the browser goes to %s", u)
	}
}

// Sessions of a login app elsewhere are not asked for.
func TestForeignSessionsAreTheirOwnBusiness(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("app")
	b := s.browser()
	b.through(request("app"), object{"subject": "alice", "remember": true, "identity_provider_session_id": "elsewhere"}, nil)
	if !b.skips() {
		t.Error("a remembered login asks again")
	}
}

func TestRevokedLoginEndsTheSessionToo(t *testing.T) {
	s, login, b := withBuiltIn(t)
	c := challengeOf(t, b.auth(request("app")), "login")
	_, asked := s.get("login", c)
	sid, _ := asked["session_id"].(string)
	status, _, _ := s.call(http.MethodDelete, "/admin/oauth2/auth/sessions/login?sid="+sid, nil)
	if status != http.StatusNoContent || !slices.Equal(login.ended, []string{"people-1"}) {
		t.Errorf("%d, ended %v", status, login.ended)
	}
	if b.skips() {
		t.Error("the login was revoked, and nobody is asked to sign in")
	}
	status, _, _ = s.call(http.MethodDelete, "/admin/oauth2/auth/sessions/login?sid=unknown", nil)
	if status != http.StatusNoContent {
		t.Errorf("%d", status)
	}
	status, _, _ = s.call(http.MethodDelete, "/admin/oauth2/auth/sessions/login?subject=alice", nil)
	if status != http.StatusNoContent || !slices.Equal(login.ended, []string{"people-1", "all of alice"}) {
		t.Errorf("%d, ended %v", status, login.ended)
	}
}

// A login app may say that the person proved who they are earlier; then that is the auth_time.
func TestAuthenticatedAt(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("app")
	now := s.clock.Now()
	at := func(d time.Duration) object {
		return object{"subject": "alice", "authenticated_at": now.Add(d).Format(time.RFC3339Nano)}
	}
	for name, c := range map[string]struct {
		login object
		want  time.Duration
	}{"now": {alice, 0}, "earlier": {at(-time.Hour), -time.Hour}, "in the future": {at(time.Hour), 0}} {
		v := answerOf(t, s.browser().through(request("app", "prompt", "consent"), c.login, nil))
		_, answer := s.redeem("app", v.Get("code"))
		idToken, _ := answer["id_token"].(string)
		if got := claimsOf(t, idToken)["auth_time"]; got != float64(now.Add(c.want).Unix()) {
			t.Errorf("%s: auth_time %v, want %d", name, got, now.Add(c.want).Unix())
		}
	}
	for name, c := range map[string]struct {
		login object
		param []string
		ok    bool
	}{
		"young enough":        {at(-59 * time.Second), []string{"max_age", "60"}, true},
		"too old":             {at(-61 * time.Second), []string{"max_age", "60"}, false},
		"not anew":            {at(-time.Second), []string{"prompt", "login"}, false},
		"anew":                {at(0), []string{"prompt", "login"}, true},
		"anew by max_age":     {at(0), []string{"max_age", "0"}, true},
		"old, nobody minds":   {at(-24 * time.Hour), nil, true},
		"an app says no time": {alice, []string{"max_age", "0"}, true},
	} {
		b := s.browser()
		challenge := challengeOf(t, b.auth(request("app", c.param...)), "login")
		w := b.get(s.accept("login", challenge, c.login))
		if c.ok {
			challengeOf(t, w, "consent")
			continue
		}
		if v := wantError(t, w, "login_required"); v == nil {
			t.Error(name)
		}
	}
}
