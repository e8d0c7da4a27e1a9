package logout_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// builtIn is a login that is built in; it notes which of its sessions were ended.
type builtIn struct {
	ended []string
	fails error
}

func (b *builtIn) Live(context.Context, string) (bool, error) { return true, nil }

func (b *builtIn) End(_ context.Context, session string) error {
	if b.fails != nil {
		return b.fails
	}
	b.ended = append(b.ended, session)
	return nil
}

func (b *builtIn) EndAll(context.Context, string) error { return nil }

// Signing out at the wish of an application ends the session that the login came of, too.
func TestLogoutEndsTheSessionOfTheBuiltInLogin(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	login := &builtIn{}
	s.logouts.Login, s.flows.Login = login, login
	s.session = "people-1"
	b, hint := s.signedIn("shop")
	u := to(t, b.get(logoutPath("id_token_hint", hint, "post_logout_redirect_uri", goodbye)))
	challenge := u.Query().Get("logout_challenge")
	next, err := s.logouts.Accept(s.ctx, challenge)
	if err != nil {
		t.Fatal(err)
	}
	if len(login.ended) > 0 {
		t.Error("the session ended before the browser came back")
	}

	// What fails half-way can be tried again.
	login.fails = errors.New("the database is away")
	if w := b.get(next); w.Code != http.StatusInternalServerError {
		t.Errorf("status %d", w.Code)
	}
	login.fails = nil
	if got := to(t, b.get(next)).String(); got != goodbye {
		t.Errorf("sent to %s", got)
	}
	if !slices.Equal(login.ended, []string{"people-1"}) {
		t.Errorf("ended %v", login.ended)
	}
	if w := b.get(next); w.Code != http.StatusGone || len(login.ended) != 1 {
		t.Errorf("the second time: %d, ended %v", w.Code, login.ended)
	}
}

// Who said no stays signed in, whatever address is opened.
func TestRefusedLogoutEndsNothing(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	login := &builtIn{}
	s.logouts.Login, s.flows.Login = login, login
	s.session = "people-1"
	b, hint := s.signedIn("shop")
	u := to(t, b.get(logoutPath("id_token_hint", hint)))
	challenge := u.Query().Get("logout_challenge")
	if err := s.logouts.Reject(s.ctx, challenge); err != nil {
		t.Fatal(err)
	}
	if _, err := s.logouts.Accept(s.ctx, challenge); err == nil {
		t.Error("a refused logout was accepted")
	}
	if len(login.ended) > 0 {
		t.Errorf("ended %v", login.ended)
	}
}

// A client for which nobody is asked.
func TestLogoutWithoutAsking(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	yes := true
	s.register("own", func(c *client.Client) { c.SkipLogoutConsent = &yes })
	login := &builtIn{}
	s.logouts.Login, s.flows.Login = login, login
	s.session = "people-1"
	b, hint := s.signedIn("own")
	login.fails = errors.New("the database is away")
	if w := b.get(logoutPath("id_token_hint", hint)); w.Code != http.StatusInternalServerError {
		t.Errorf("status %d", w.Code)
	}
	login.fails = nil
	to(t, b.get(logoutPath("id_token_hint", hint)))
	if !slices.Equal(login.ended, []string{"people-1"}) || len(b.Cookies) != 0 {
		t.Errorf("ended %v, cookies %v", login.ended, b.Cookies)
	}
}

var _ authorize.Login = (*builtIn)(nil)
