package selfservice_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// client of an OAuth server: it asks for one login.
type asking struct {
	mu       sync.Mutex
	login    selfservice.OAuthLogin
	accepted []selfservice.AcceptedLogin
	rejected []string
	ended    []string
}

func (a *asking) LoginRequest(_ context.Context, challenge string) (*selfservice.OAuthLogin, error) {
	if challenge != "the-challenge" {
		return nil, fault.New(fault.NotFound, "not_found", "There is no such challenge.")
	}
	l := a.login
	l.Document = map[string]any{"challenge": challenge}
	return &l, nil
}

func (a *asking) AcceptLogin(_ context.Context, _ string, l selfservice.AcceptedLogin) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accepted = append(a.accepted, l)
	return "https://client.example.com/accepted", nil
}

func (a *asking) RejectLogin(_ context.Context, _, code, _ string) (string, error) {
	a.rejected = append(a.rejected, code)
	return "https://client.example.com/rejected", nil
}

func (a *asking) EndSession(_ context.Context, id string) error {
	a.ended = append(a.ended, id)
	return nil
}

func bridged(t *testing.T, change ...setup) (*server, *asking) {
	o := &asking{login: selfservice.OAuthLogin{MaxAge: -1}}
	s := newServer(t, testkit.SQLite(t, "management"), append([]setup{config(plain), func(s *server) { s.handler.OAuth = o }}, change...)...)
	s.person("ada@example.com", goodPassword)
	return s, o
}

var adasLogin = map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword}

func TestLoginForAnOAuthClient(t *testing.T) {
	s, o := bridged(t)
	o.login.LoginHint = "ada@example.com"
	b := s.browser()
	f := b.begin("login", "login_challenge=the-challenge")
	if f.text("oauth2_login_challenge") != "the-challenge" || f.text("oauth2_login_request.challenge") != "the-challenge" {
		t.Errorf("the flow is %s", f.body)
	}
	if v, _ := f.node("identifier"); v != "ada@example.com" {
		t.Errorf("the hint became %v", v)
	}
	end := b.submit(f, clone(adasLogin))
	if end.status != http.StatusSeeOther || end.header.Get("Location") != "https://client.example.com/accepted" {
		t.Fatalf("%d %s", end.status, end.header.Get("Location"))
	}
	me := b.asScript().get("/sessions/whoami")
	a := o.accepted[0]
	if a.Subject != me.text("identity.id") || a.SessionID != me.text("id") || a.ACR != "aal1" || len(a.AMR) != 1 || a.AMR[0] != "password" || !a.Remember || a.RememberFor != 24*3600 {
		t.Errorf("accepted was %+v", a)
	}
	// A second client of the same browser asks no more.
	if again := b.get("/self-service/login/browser?login_challenge=the-challenge"); again.header.Get("Location") != "https://client.example.com/accepted" {
		t.Errorf("%d %s", again.status, again.header.Get("Location"))
	}
	if again := b.asScript().get("/self-service/login/browser?login_challenge=the-challenge"); again.status != http.StatusUnprocessableEntity ||
		again.text("redirect_browser_to") != "https://client.example.com/accepted" || again.text("error.id") != "browser_location_change_required" {
		t.Errorf("%d %s", again.status, again.body)
	}
	if again := b.get("/self-service/registration/browser?login_challenge=the-challenge"); again.header.Get("Location") != "https://client.example.com/accepted" {
		t.Errorf("%d %s", again.status, again.header.Get("Location"))
	}
}

func TestOAuthClientWantsAFreshProof(t *testing.T) {
	for name, want := range map[string]selfservice.OAuthLogin{
		"prompt":              {MaxAge: -1, Prompt: []string{"login"}},
		"max_age":             {MaxAge: 60},
		"max_age to a second": {MaxAge: 120},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := bridged(t)
			b := s.browser()
			b.submit(b.begin("login", ""), clone(adasLogin))
			s.clock.Advance(2 * time.Minute)
			o.login = want
			to := b.get("/self-service/registration/browser?login_challenge=the-challenge")
			if !strings.HasSuffix(to.header.Get("Location"), "/self-service/login/browser?login_challenge=the-challenge") {
				t.Errorf("a registration leads to %s", to.header.Get("Location"))
			}
			f := b.begin("login", "login_challenge=the-challenge")
			if f.at("refresh") != true || len(o.accepted) > 0 {
				t.Fatalf("the flow is %s", f.body)
			}
			if end := b.asScript().submit(f, clone(adasLogin)); end.status != http.StatusUnprocessableEntity || len(o.accepted) != 1 {
				t.Errorf("%d %s", end.status, end.body)
			}
		})
	}
}

// TestOAuthClientThatWantsAFreshProofIsNotServedByAnotherTab: a flow that was begun by nobody and is submitted by somebody whom
// another tab has signed in is looked at anew.
func TestOAuthClientThatWantsAFreshProofIsNotServedByAnotherTab(t *testing.T) {
	s, o := bridged(t)
	o.login.Prompt = []string{"login"}
	b := s.browser()
	f := b.begin("login", "login_challenge=the-challenge")
	b.submit(b.begin("login", ""), clone(adasLogin))
	end := b.submit(f, map[string]any{"method": "password", "identifier": "x", "password": "x"})
	if to := end.header.Get("Location"); !strings.HasSuffix(to, "/self-service/login/browser?login_challenge=the-challenge") || len(o.accepted) > 0 {
		t.Errorf("%d %s, accepted %v", end.status, to, o.accepted)
	}
}

func TestOAuthClientWantsNoPage(t *testing.T) {
	s, o := bridged(t)
	o.login.Prompt = []string{"none"}
	if a := s.browser().get("/self-service/login/browser?login_challenge=the-challenge"); a.header.Get("Location") != "https://client.example.com/rejected" || o.rejected[0] != "login_required" {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
}

func TestUnknownChallenge(t *testing.T) {
	s, o := bridged(t)
	if a := s.browser().asScript().get("/self-service/login/browser?login_challenge=another"); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.app().get("/self-service/login/api?login_challenge=the-challenge"); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
	b := s.browser()
	b.submit(b.begin("login", ""), clone(adasLogin))
	id := b.asScript().get("/sessions/whoami").text("id")
	b.get(b.asScript().get("/self-service/logout/browser").text("logout_url"))
	if len(o.ended) != 1 || o.ended[0] != id {
		t.Errorf("at the OAuth server %v ended", o.ended)
	}
}

func TestRegistrationForAnOAuthClient(t *testing.T) {
	s, o := bridged(t)
	b := s.browser()
	f := b.begin("registration", "login_challenge=the-challenge")
	end := b.submit(f, registering("eve@example.com"))
	if end.header.Get("Location") != "https://client.example.com/accepted" || len(o.accepted) != 1 || o.accepted[0].Identity == nil {
		t.Errorf("%d %s %s", end.status, end.header.Get("Location"), end.body)
	}
}

// TestRegistrationForAnOAuthClientVerifiesFirst: the client waits until the new person's address is proven, whether the session
// comes with the registration or with the proof.
func TestRegistrationForAnOAuthClientVerifiesFirst(t *testing.T) {
	for name, mitigate := range map[string]bool{"session at once": false, "session after the proof": true} {
		t.Run(name, func(t *testing.T) {
			o := &asking{login: selfservice.OAuthLogin{MaxAge: -1}}
			s := newServer(t, testkit.SQLite(t, "management"), proofs(), func(s *server) { s.handler.OAuth = o }, config(func(c *selfservice.Config) {
				unified(c)
				c.AccountEnumeration.Mitigate = mitigate
			}))
			b := s.browser()
			end := b.submit(b.begin("registration", "login_challenge=the-challenge"), registering("eve@example.com"))
			if b.asScript().get("/sessions/whoami").status == http.StatusOK == mitigate {
				t.Error("the session did not come when it should")
			}
			if len(o.accepted) > 0 {
				t.Error("the client did not wait")
			}
			proven := b.submit(b.flow("verification", end), map[string]any{"method": "code", "code": s.sentCode("eve@example.com")})
			v := proven
			if mitigate {
				if to := proven.header.Get("Location"); !strings.HasSuffix(to, "/self-service/login/browser?login_challenge=the-challenge") {
					t.Fatalf("the proof leads to %d %s", proven.status, to)
				}
				v = b.get(proven.header.Get("Location"))
			} else {
				page := b.flow("verification", proven)
				v = b.get(page.text("ui.action"))
			}
			if v.header.Get("Location") != "https://client.example.com/accepted" || len(o.accepted) != 1 {
				t.Errorf("%d %s", v.status, v.header.Get("Location"))
			}
		})
	}
}

func TestExchangeOfCodes(t *testing.T) {
	s, _ := bridged(t)
	app := s.app()
	f := app.begin("login", "return_session_token_exchange_code=true")
	code := f.text("session_token_exchange_code")
	if code == "" {
		t.Fatalf("the flow is %s", f.body)
	}
	stored, err := s.store.Get(s.ctx, selfservice.KindLogin, f.text("id"))
	if err != nil || stored.Internal.ReturnCode == "" {
		t.Fatal(err)
	}
	if a := app.submit(f, clone(adasLogin)); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := app.get("/sessions/token-exchange?init_code=" + code + "&return_to_code=" + stored.Internal.ReturnCode)
	if a.status != http.StatusOK || a.text("session_token") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func clone(m map[string]any) map[string]any {
	return maps.Clone(m)
}
