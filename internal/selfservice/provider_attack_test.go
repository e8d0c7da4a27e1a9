package selfservice_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/method/oidc"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// TestProviderProofIsNotTheBeginners: whoever begins a flow as an app does, and has somebody else's browser come back for it, learns
// nothing of that person and cannot go on with what was proven.
func TestProviderProofIsNotTheBeginners(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s, _ := federated(t, db, nil)
		eve, ada := s.app(), s.browser()
		f := eve.begin("registration", "return_session_token_exchange_code=true")
		a := eve.submit(f, map[string]any{"provider": "acme", "traits": map[string]any{"email": "none"}})
		end := ada.get(ada.at(a.text("redirect_browser_to")))
		back, err := url.Parse(end.header.Get("Location"))
		if err != nil || back.Query().Get("code") == "" {
			t.Fatalf("%d %s %s", end.status, end.header.Get("Location"), end.body)
		}
		if seen := eve.get("/self-service/registration/flows?id=" + f.text("id")); strings.Contains(seen.body, "Lovelace") {
			t.Errorf("who began it reads %s", seen.body)
		}
		whole := map[string]any{"provider": "acme", "traits": map[string]any{"email": "ada@example.com"}}
		if got := eve.submit(f, clone(whole)); got.status == http.StatusOK || got.text("session_token") != "" {
			t.Fatalf("who began it ends it: %d %s", got.status, got.body)
		}
		if _, err := s.people.ByIdentifier(s.ctx, identity.OIDC, "acme:ada-1"); err == nil {
			t.Error("somebody was registered")
		}
		// Who has both codes goes on.
		next := eve.get("/sessions/token-exchange?init_code=" + f.text("session_token_exchange_code") + "&return_to_code=" + back.Query().Get("code"))
		if got := eve.submit(next, clone(whole)); got.status != http.StatusOK || got.text("session.identity.traits.name.last") != "Lovelace" {
			t.Errorf("%d %s, for %s", got.status, got.body, next.body)
		}
	})
}

// TestProviderProvesOneAddress: an address that somebody types in the place of the proven one tells nobody whether it is taken.
func TestProviderProvesOneAddress(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil, proofs())
	s.known("victim@example.com")
	for _, email := range []string{"victim@example.com", "nobody@example.com"} {
		p.SignIn(map[string]any{"sub": "eve:" + email, "email": "eve@example.com", "email_verified": true})
		b := s.browser()
		end := b.get(b.at(b.depart(b.begin("registration", ""), map[string]any{"provider": "acme", "traits": map[string]any{"email": email}})))
		if to := end.header.Get("Location"); !strings.Contains(to, "/verification?flow=") || b.who().status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s, %s", email, end.status, to, b.who().body)
		}
	}
}

// TestProviderProvesAnotherAddress: who registered and has not proven the address is told what the account waits for, though the
// provider proves another one by now.
func TestProviderProvesAnotherAddress(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil, proofs())
	p.SignIn(map[string]any{"sub": "bob-7", "email": "bob@example.com"})
	s.browser().signInAt("acme", "login", "")
	p.SignIn(map[string]any{"sub": "bob-7", "email": "robert@example.com", "email_verified": true})
	for _, kind := range []string{"login", "registration"} {
		b := s.browser()
		end := b.signInAt("acme", kind, "")
		if end.status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", kind, end.status, end.body)
		}
		shown := "login"
		if strings.Contains(end.header.Get("Location"), "/registration") {
			shown = "registration"
		}
		if f := b.flow(shown, end); !contains(f.said(), 4000010) || b.who().status != http.StatusUnauthorized {
			t.Errorf("%s: %s", kind, f.body)
		}
	}
}

// TestProviderSaysTooMuch: what is kept of a provider's answer is bounded.
func TestProviderSaysTooMuch(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil)
	ada := adas()
	ada["groups"] = strings.Repeat("g", 100<<10)
	p.SignIn(ada)
	b := s.browser()
	if f := b.flow("login", b.signInAt("acme", "login", "")); !contains(f.said(), 4009003) {
		t.Errorf("claims of 100 KiB: %v", f.said())
	}
	ada = adas()
	ada["acr"], ada["amr"] = strings.Repeat("a", 5000), []string{"pwd"}
	p.SignIn(ada)
	b.signInAt("acme", "login", "")
	if me := b.who(); me.status != http.StatusOK || len(me.body) > 5000 {
		t.Errorf("the session holds %d bytes", len(me.body))
	}
}

// TestProviderProvesAnew: who has to prove it once more, and whom the provider lets through because of an old proof, has not.
func TestProviderProvesAnew(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil)
	b := s.browser()
	b.signInAt("acme", "login", "")
	for name, c := range map[string]struct {
		proven time.Duration
		good   bool
	}{"an hour ago": {-time.Hour, false}, "now": {0, true}} {
		ada := adas()
		ada["auth_time"] = s.clock.Now().Add(c.proven).Unix()
		p.SignIn(ada)
		end := b.signInAt("acme", "login", "refresh=true")
		if good := end.header.Get("Location") == s.http.URL+"/account/"; good != c.good {
			t.Errorf("%s: %d %s", name, end.status, end.header.Get("Location"))
		}
	}
}

// TestProviderRegistrationRace: one person who registers several times at once has one account, and is signed in to it every time.
func TestProviderRegistrationRace(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s, _ := federated(t, db, nil)
		browsers, backs := make([]*client, 6), make([]string, 6)
		for i := range browsers {
			browsers[i] = s.browser()
			backs[i] = browsers[i].at(browsers[i].depart(browsers[i].begin("registration", ""), map[string]any{"provider": "acme"}))
		}
		var all sync.WaitGroup
		for i, b := range browsers {
			all.Go(func() { b.get(backs[i]) })
		}
		all.Wait()
		first := browsers[0].who().text("identity.id")
		for _, b := range browsers {
			if me := b.who(); first == "" || me.text("identity.id") != first {
				t.Errorf("%d %s", me.status, me.body)
			}
		}
	})
}

// TestProviderIsAskedOnce: a link that has to be written twice, because an administrator changes the account meanwhile, spends the
// code once.
func TestProviderIsAskedOnce(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil)
	ada := s.person("ada@example.com", goodPassword)
	b := s.browser()
	b.submit(b.begin("login", ""), clone(adasLogin))
	back := b.at(b.depart(b.begin("settings", ""), map[string]any{"link": "acme"}))
	p.Token = func(map[string]any) {
		who, err := s.people.WithCredentials(s.ctx, ada.ID)
		if err != nil {
			t.Error(err)
			return
		}
		who.MetadataAdmin = json.RawMessage(`{"changed":true}`)
		if err := s.people.Update(s.ctx, who); err != nil {
			t.Error(err)
		}
	}
	if f := b.flow("settings", b.get(back)); !contains(f.said(), 1050001) || p.Asked["/token"] != 1 {
		t.Errorf("the provider was asked %d times: %v", p.Asked["/token"], f.said())
	}
	who, err := s.people.ByIdentifier(s.ctx, identity.OIDC, "acme:ada-1")
	if err != nil {
		t.Fatal(err)
	}
	if string(who.MetadataAdmin) != `{"changed":true}` {
		t.Errorf("the administrator's change is lost: %s", who.MetadataAdmin)
	}
}

// TestProviderTokenOfAnApp: an app that has an ID token of its own signs in with it, where the provider is for that.
func TestProviderTokenOfAnApp(t *testing.T) {
	native := func(c *oidc.ProviderConfig) { c.AdditionalIDTokenAudiences = []string{"app"} }
	set := func(name string, value any) func(*testkit.Issuer) {
		return func(p *testkit.Issuer) { p.Token = func(claims map[string]any) { claims[name] = value } }
	}
	for name, c := range map[string]struct {
		lie    func(*testkit.Issuer)
		change func(*oidc.ProviderConfig)
		nonce  string
		status int
	}{
		"for this client":      {nil, native, "n", http.StatusOK},
		"for the app":          {set("aud", "app"), native, "n", http.StatusOK},
		"for another client":   {set("aud", "another"), native, "n", http.StatusBadRequest},
		"made for another":     {set("azp", "another"), native, "n", http.StatusBadRequest},
		"of another issuer":    {set("iss", "https://evil.example.com"), native, "n", http.StatusBadRequest},
		"of another question":  {nil, native, "m", http.StatusBadRequest},
		"without a nonce":      {set("nonce", ""), native, "", http.StatusBadRequest},
		"made long ago":        {set("iat", 1000), native, "n", http.StatusBadRequest},
		"expired":              {set("exp", 1000), native, "n", http.StatusBadRequest},
		"signed by nobody":     {func(p *testkit.Issuer) { p.Key = testkit.NewIssuer(t, time.Now).Key }, native, "n", http.StatusBadRequest},
		"where none are taken": {nil, nil, "n", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := federated(t, testkit.SQLite(t, "management"), c.change)
			if c.lie != nil {
				c.lie(p)
			}
			for _, kind := range []string{"registration", "login"} {
				app := s.app()
				a := app.submit(app.begin(kind, ""), map[string]any{"provider": "acme", "id_token": p.IDToken("n"), "id_token_nonce": c.nonce})
				if a.status != c.status || (a.text("session_token") != "") != (c.status == http.StatusOK) {
					t.Errorf("%s: %d %s", kind, a.status, a.body)
				}
				if c.status == http.StatusOK && (a.text("session.identity.traits.email") != "ada@example.com" || strings.Contains(a.body, p.IDToken("n")[:40])) {
					t.Errorf("%s: %s", kind, a.body)
				}
			}
		})
	}
}
