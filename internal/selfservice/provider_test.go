package selfservice_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/method/oidc"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// adas is what a provider says of somebody.
func adas() map[string]any {
	return map[string]any{"sub": "ada-1", "email": "ada@example.com", "email_verified": true, "given_name": "Ada", "family_name": "Lovelace"}
}

// with adds a provider, which people call Acme, as the method oidc.
func with(p *testkit.Issuer, change func(*oidc.ProviderConfig)) setup {
	return func(s *server) {
		c := oidc.ProviderConfig{
			ID: "acme", Provider: "generic", Label: "Acme", ClientID: p.ClientID, ClientSecret: secret.String(p.Secret), IssuerURL: p.URL, Scope: []string{"email"},
		}
		if change != nil {
			change(&c)
		}
		other := c
		other.ID, other.Label = "other", "Other"
		config := oidc.Config{Enabled: true, Config: oidc.ProvidersConfig{Providers: []oidc.ProviderConfig{c, other}}}
		if faults := config.Validate(); len(faults) > 0 {
			s.t.Fatal(faults)
		}
		m, err := oidc.New(oidc.Options{
			Config: config, Identities: s.people, Schemas: s.handler.Schemas, Join: s.handler.Base.Join,
			Jsonnet: unhurried().EvaluateWith, Now: s.clock.Now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.handler.Methods = append(s.handler.Methods, m)
	}
}

// federated is a server whose people can sign in at a provider.
func federated(t *testing.T, db *sqldb.DB, change func(*oidc.ProviderConfig), more ...setup) (*server, *testkit.Issuer) {
	t.Helper()
	var p *testkit.Issuer
	s := newServer(t, db, append(more, func(s *server) {
		p = testkit.NewIssuer(t, s.clock.Now)
		p.SignIn(adas())
		with(p, change)(s)
	})...)
	return s, p
}

// depart sends the submission that leads to the provider, and returns where it leads.
func (c *client) depart(flow answer, values map[string]any) string {
	c.s.t.Helper()
	a := c.submit(flow, values)
	if a.status != http.StatusSeeOther {
		c.s.t.Fatalf("%d %s", a.status, a.body)
	}
	return a.header.Get("Location")
}

// at signs in at the provider, and returns the address with which the browser comes back.
func (c *client) at(provider string) string {
	c.s.t.Helper()
	a := bareGet(c.s.t, provider)
	if a.StatusCode != http.StatusFound {
		c.s.t.Fatalf("the provider at %s answered %d", provider, a.StatusCode)
	}
	return a.Header.Get("Location")
}

func bareGet(t testing.TB, address string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := bare(nil).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}

// signInAt goes the whole way.
func (c *client) signInAt(provider, kind, query string) answer {
	c.s.t.Helper()
	return c.get(c.at(c.depart(c.begin(kind, query), map[string]any{"provider": provider})))
}

// who is signed in with the browser.
func (c *client) who() answer {
	c.s.t.Helper()
	return c.asScript().get("/sessions/whoami")
}

func TestProviderSignsUpAndIn(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s, p := federated(t, db, nil)
		b := s.browser()
		f := b.begin("login", "")
		if label := f.body; !strings.Contains(label, "Sign in with Acme") || !strings.Contains(label, "Sign in with Other") {
			t.Fatalf("the providers are not offered: %s", f.body)
		}
		to := b.depart(f, map[string]any{"provider": "acme"})
		asked, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		q := asked.Query()
		if !strings.HasPrefix(to, p.URL+"/authorize?") || q.Get("scope") != "openid email" || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" ||
			len(q.Get("nonce")) < 16 || len(q.Get("state")) < 64 || q.Get("redirect_uri") != s.http.URL+"/self-service/methods/oidc/callback/acme" {
			t.Errorf("the provider is asked %s", to)
		}
		end := b.get(b.at(to))
		if end.status != http.StatusSeeOther || end.header.Get("Location") != s.http.URL+"/account/" {
			t.Fatalf("%d %s %s", end.status, end.header.Get("Location"), end.body)
		}
		me := b.who()
		if me.text("identity.traits.email") != "ada@example.com" || me.text("identity.traits.name.first") != "Ada" || me.text("identity.traits.name.last") != "Lovelace" {
			t.Errorf("who signed in is %s", me.body)
		}
		if !strings.Contains(me.body, `"provider":"acme"`) || !strings.Contains(me.body, `"method":"oidc"`) || !strings.Contains(me.body, `"verified":true`) {
			t.Errorf("the session is %s", me.body)
		}
		again := s.browser()
		before := db.Statements()
		if end := again.get(again.at(again.depart(again.begin("login", ""), map[string]any{"provider": "acme"}))); end.status != http.StatusSeeOther {
			t.Fatalf("%d %s", end.status, end.body)
		}
		if n := db.Statements() - before; n > 13 {
			t.Errorf("a login from its first page to its end is %d statements", n)
		} else {
			t.Logf("a login from its first page to its end is %d statements", n)
		}
		if other := again.who(); other.text("identity.id") != me.text("identity.id") {
			t.Errorf("the second login is of %s", other.body)
		}
		// A registration by who has an account signs in to it.
		third := s.browser()
		if end := third.signInAt("acme", "registration", ""); end.status != http.StatusSeeOther || third.who().text("identity.id") != me.text("identity.id") {
			t.Errorf("%d %s", end.status, third.who().body)
		}
		// The same subject at another provider is somebody else, whose address is taken.
		fourth := s.browser()
		if f := fourth.flow("login", fourth.signInAt("other", "login", "")); !contains(f.said(), 1010016) {
			t.Errorf("%s", f.body)
		}
	})
}

// TestProviderAnswersWrongly: each clause that an ID token or an answer can break.
func TestProviderAnswersWrongly(t *testing.T) {
	otherKey := testkit.NewIssuer(t, time.Now).Key
	set := func(name string, value any) func(*testkit.Issuer) {
		return func(p *testkit.Issuer) {
			p.Token = func(claims map[string]any) {
				if claims[name] = value; value == nil {
					delete(claims, name)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		lie  func(*testkit.Issuer)
		ask  func(*oidc.ProviderConfig)
		said int
	}{
		"signed by another key": {lie: func(p *testkit.Issuer) { p.Key = otherKey }, said: 4009003},
		"iss of another":        {lie: set("iss", "https://evil.example.com"), said: 4009003},
		"aud of another client": {lie: set("aud", "another"), said: 4009003},
		"aud of two, azp of another": {lie: func(p *testkit.Issuer) {
			p.Token = func(c map[string]any) { c["aud"], c["azp"] = []string{p.ClientID, "another"}, "another" }
		}, said: 4009003},
		"expired":                   {lie: set("exp", 1000), said: 4009003},
		"no exp":                    {lie: set("exp", nil), said: 4009003},
		"nonce of another question": {lie: set("nonce", "another"), said: 4009003},
		"no nonce":                  {lie: set("nonce", nil), said: 4009003},
		"at_hash of another token":  {lie: set("at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng"), said: 4009003},
		"no sub":                    {lie: set("sub", nil), said: 4009003},
		"sub beyond 255 characters": {lie: set("sub", strings.Repeat("a", 256)), said: 4009003},
		"sub of two lines":          {lie: set("sub", "a\nb"), said: 4009003},
		"the person said no": {lie: func(p *testkit.Issuer) {
			p.Answer = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }
		}, said: 4009002},
		"an error": {lie: func(p *testkit.Issuer) {
			p.Answer = func(q url.Values) { q.Del("code"); q.Set("error", "server_error\r\nx") }
		}, said: 4009003},
		"neither code nor error":       {lie: func(p *testkit.Issuer) { p.Answer = func(q url.Values) { q.Del("code") } }, said: 4009003},
		"a code that nobody gave":      {lie: func(p *testkit.Issuer) { p.Answer = func(q url.Values) { q.Set("code", "made-up") } }, said: 4009003},
		"the answer names another iss": {lie: func(p *testkit.Issuer) { p.Answer = func(q url.Values) { q.Set("iss", "https://evil.example.com") } }, said: 4009003},
		"the answer lacks its iss": {lie: func(p *testkit.Issuer) {
			p.Configuration = func(d map[string]any) { d["authorization_response_iss_parameter_supported"] = true }
		}, said: 4009003},
		"another client's secret": {lie: func(p *testkit.Issuer) { p.Secret = "changed" }, said: 4009003},
		"userinfo of somebody else": {
			lie:  func(p *testkit.Issuer) { p.UserInfo = map[string]any{"sub": "eve", "email": "eve@example.com"} },
			ask:  func(c *oidc.ProviderConfig) { c.ClaimsSource = "userinfo" },
			said: 4009003,
		},
		"the mapper fails": {
			lie:  func(*testkit.Issuer) {},
			ask:  func(c *oidc.ProviderConfig) { c.MapperURL = "base64://ZXJyb3IgJ25vJw==" },
			said: 4009003,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := federated(t, testkit.SQLite(t, "management"), c.ask)
			c.lie(p)
			b := s.browser()
			end := b.signInAt("acme", "login", "")
			kind := "login"
			if strings.Contains(end.header.Get("Location"), "/registration") {
				kind = "registration"
			}
			f := b.flow(kind, end)
			if !contains(f.said(), c.said) {
				t.Errorf("said %v, want %d: %s", f.said(), c.said, f.body)
			}
			if got := b.who(); got.status != http.StatusUnauthorized {
				t.Errorf("somebody is signed in: %s", got.body)
			}
			if _, err := s.people.ByIdentifier(s.ctx, identity.OIDC, "acme:ada-1"); err == nil {
				t.Error("somebody was registered")
			}
		})
	}
}

// TestProviderIsDown: nobody is sent to a provider that cannot be asked, which is left alone for a while.
func TestProviderIsDown(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil)
	p.Down = true
	b := s.browser()
	for range 3 {
		f := b.flow("login", b.submit(b.begin("login", ""), map[string]any{"provider": "acme"}))
		if !contains(f.said(), 4009003) {
			t.Errorf("%s", f.body)
		}
	}
	if n := p.Asked["/.well-known/openid-configuration"]; n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	p.Down = false
	s.clock.Advance(6 * time.Second)
	if end := b.signInAt("acme", "login", ""); end.status != http.StatusSeeOther || b.who().status != http.StatusOK {
		t.Errorf("back again: %d %s", end.status, end.body)
	}
	// What is known of it is good for an hour, and better than nothing after that.
	p.Down = true
	s.clock.Advance(2 * time.Hour)
	c := s.browser()
	if to := c.depart(c.begin("login", ""), map[string]any{"provider": "acme"}); !strings.HasPrefix(to, p.URL) {
		t.Errorf("the browser is sent to %s", to)
	}
}

// TestProviderCallbackIsTheBrowsersOwn: what comes back counts once, from the browser that was sent, for the provider it was sent to.
func TestProviderCallbackIsTheBrowsersOwn(t *testing.T) {
	s, _ := federated(t, testkit.SQLite(t, "management"), nil)
	b := s.browser()
	back := b.at(b.depart(b.begin("login", ""), map[string]any{"provider": "acme"}))
	stranger := s.browser()
	stranger.begin("login", "")
	for name, try := range map[string]func() answer{
		"by another browser":     func() answer { return stranger.asScript().get(back) },
		"by one without cookies": func() answer { return s.browser().asScript().get(back) },
		"for another provider":   func() answer { return b.asScript().get(strings.Replace(back, "/callback/acme", "/callback/other", 1)) },
		"for another method":     func() answer { return b.asScript().get(strings.Replace(back, "/oidc/", "/password/", 1)) },
		"with a state made up":   func() answer { return b.asScript().get(back + "x") },
		"without a state":        func() answer { return b.asScript().get(back[:strings.Index(back, "?")]) },
		"of a flow of another kind": func() answer {
			return b.asScript().get(strings.Replace(back, "state=login.", "state=registration.", 1))
		},
	} {
		if a := try(); a.status != http.StatusForbidden && a.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if b.who().status != http.StatusUnauthorized || stranger.who().status != http.StatusUnauthorized {
		t.Fatal("somebody is signed in")
	}
	// The other server fills in no form.
	if a := b.get(back + "&method=password&traits.email=eve@example.com&identifier=eve&transient_payload=x"); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	me := b.who()
	if me.text("identity.traits.email") != "ada@example.com" {
		t.Errorf("%s", me.body)
	}
	// Once more it opens nothing: who is signed in is sent on.
	if a := b.get(back); a.status != http.StatusSeeOther || a.header.Get("Location") != s.http.URL+"/account/" {
		t.Errorf("once more: %d %s", a.status, a.header.Get("Location"))
	}
}

func TestProviderCallbackRace(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s, p := federated(t, db, nil)
		b := s.browser()
		back := b.at(b.depart(b.begin("login", ""), map[string]any{"provider": "acme"}))
		ends := make([]answer, 8)
		var all sync.WaitGroup
		for i := range ends {
			all.Go(func() {
				mine := *b
				mine.http = bare(b.http.Jar)
				ends[i] = mine.get(back)
			})
		}
		all.Wait()
		if n := p.Asked["/token"]; n != 1 {
			t.Errorf("the code was spent %d times", n)
		}
		signed := 0
		for _, a := range ends {
			if strings.Contains(strings.Join(a.header.Values("Set-Cookie"), ";"), "ory_kratos_session=") {
				signed++
			}
		}
		if signed != 1 {
			t.Errorf("%d sessions were opened", signed)
		}
	})
}

// TestProviderAsksForWhatIsMissing: what the provider does not say is asked for, without another way to it.
func TestProviderAsksForWhatIsMissing(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil, proofs())
	p.SignIn(map[string]any{"sub": "bob-7", "given_name": "Bob"})
	b := s.browser()
	f := b.flow("registration", b.signInAt("acme", "login", ""))
	if f.at("ui.messages") == nil && len(f.said()) == 0 {
		t.Errorf("nothing is said to be missing: %s", f.body)
	}
	if first, _ := f.node("traits.name.first"); first != "Bob" {
		t.Errorf("what is known is not filled in: %s", f.body)
	}
	if _, there := f.node("password"); there || strings.Contains(f.body, "Sign up with Other") {
		t.Errorf("other ways are offered: %s", f.body)
	}
	end := b.submit(f, map[string]any{"provider": "acme", "traits": map[string]any{"email": "bob@example.com", "name": map[string]any{"first": "Robert"}}})
	if end.status != http.StatusSeeOther || !strings.Contains(end.header.Get("Location"), "/verification?flow=") {
		t.Fatalf("%d %s %s", end.status, end.header.Get("Location"), end.body)
	}
	if n := p.Asked["/token"]; n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
	who, err := s.people.ByIdentifier(s.ctx, identity.OIDC, "acme:bob-7")
	if err != nil {
		t.Fatal(err)
	}
	var traits struct{ Name struct{ First string } }
	if err := json.Unmarshal(who.Traits, &traits); err != nil || traits.Name.First != "Robert" {
		t.Errorf("the traits are %s", who.Traits)
	}
	if who.VerifiableAddresses[0].Verified {
		t.Error("an address counts as proven that the provider did not name")
	}
	if b.who().status != http.StatusUnauthorized {
		t.Error("somebody is signed in whose address nobody has proven")
	}
}

// TestProviderWithAnUnprovenAddress: an address that the provider has not proven tells nobody whether it is taken, opens no account,
// and links none.
func TestProviderWithAnUnprovenAddress(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil, proofs())
	s.known("victim@example.com")
	var shown []string
	for _, email := range []string{"victim@example.com", "nobody@example.com"} {
		p.SignIn(map[string]any{"sub": "eve:" + email, "email": email, "email_verified": false})
		for range 2 {
			b := s.browser()
			end := b.signInAt("acme", "login", "")
			u, err := url.Parse(end.header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			shown = append(shown, u.Path)
			if b.who().status != http.StatusUnauthorized {
				t.Fatalf("%s: somebody is signed in", email)
			}
		}
	}
	for _, path := range shown {
		if path != "/account/verification" {
			t.Errorf("the answers differ: %v", shown)
			break
		}
	}
	victim, err := s.people.ByIdentifier(s.ctx, identity.Password, "victim@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if whole, err := s.people.WithCredentials(s.ctx, victim.ID); err != nil || whole.Credentials[identity.OIDC].Type != "" {
		t.Errorf("the victim's account was linked: %v, %v", whole.Credentials, err)
	}
}

// TestProviderIsLinkedByWhoSignsIn: an account with the same address is linked once its owner has signed in, and to that one alone.
func TestProviderIsLinkedByWhoSignsIn(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s, _ := federated(t, db, nil)
		ada, eve := s.person("ada@example.com", goodPassword), s.person("eve@example.com", goodPassword)
		b := s.browser()
		f := b.flow("login", b.signInAt("acme", "login", ""))
		if !contains(f.said(), 1010016) || strings.Contains(f.body, "Sign in with Acme") {
			t.Fatalf("%s", f.body)
		}
		if typed, _ := f.node("identifier"); typed != "ada@example.com" {
			t.Errorf("who has to sign in is to type it: %v", typed)
		}
		wrong := b.flow("login", b.submit(f, map[string]any{"method": "password", "identifier": "eve@example.com", "password": goodPassword}))
		if !contains(wrong.said(), 4010009) || b.who().status != http.StatusUnauthorized {
			t.Fatalf("%s", wrong.body)
		}
		if end := b.submit(wrong, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword}); end.status != http.StatusSeeOther {
			t.Fatalf("%d %s", end.status, end.body)
		}
		if me := b.who(); me.text("identity.id") != ada.ID {
			t.Fatalf("%s", me.body)
		}
		c := s.browser()
		if end := c.signInAt("acme", "login", ""); end.status != http.StatusSeeOther || c.who().text("identity.id") != ada.ID {
			t.Errorf("%d %s", end.status, c.who().body)
		}
		if whole, err := s.people.WithCredentials(s.ctx, eve.ID); err != nil || whole.Credentials[identity.OIDC].Type != "" {
			t.Errorf("%v, %v", whole.Credentials, err)
		}
	})
}

func TestProviderInSettings(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil)
	p.SignIn(map[string]any{"sub": "work"})
	ada := s.person("ada@example.com", goodPassword)
	b := s.browser()
	b.submit(b.begin("login", ""), clone(adasLogin))
	f := b.begin("settings", "")
	if !strings.Contains(f.body, "Link Acme") || strings.Contains(f.body, "Unlink") {
		t.Fatalf("%s", f.body)
	}
	end := b.get(b.at(b.depart(f, map[string]any{"link": "acme"})))
	f = b.flow("settings", end)
	if !contains(f.said(), 1050001) || !strings.Contains(f.body, "Unlink Acme") || !strings.Contains(f.body, "Link Other") {
		t.Fatalf("%s", f.body)
	}
	whole, err := s.people.WithCredentials(s.ctx, ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	linked, err := whole.Links()
	if err != nil || len(linked) != 1 || linked[0].Subject != "work" || linked[0].AccessToken != "access" || linked[0].RefreshToken != "refresh" || linked[0].IDToken == "" {
		t.Fatalf("%+v, %v", linked, err)
	}
	// It is hers: nobody else can have it.
	s.person("eve@example.com", goodPassword)
	eve := s.browser()
	eve.submit(eve.begin("login", ""), map[string]any{"method": "password", "identifier": "eve@example.com", "password": goodPassword})
	taken := eve.flow("settings", eve.get(eve.at(eve.depart(eve.begin("settings", ""), map[string]any{"link": "acme"}))))
	if !contains(taken.said(), 4000007) {
		t.Errorf("%s", taken.body)
	}
	// Who is asked once more is asked at the provider too, and only at this one.
	refresh := b.begin("login", "refresh=true")
	if strings.Contains(refresh.body, "Sign in with Other") {
		t.Errorf("%s", refresh.body)
	}
	to, err := url.Parse(b.depart(refresh, map[string]any{"provider": "acme"}))
	if err != nil || to.Query().Get("prompt") != "login" {
		t.Errorf("the provider is asked %s", to)
	}
	end = b.submit(f, map[string]any{"unlink": "acme"})
	if f = b.flow("settings", end); !contains(f.said(), 1050001) || strings.Contains(f.body, "Unlink") {
		t.Errorf("%s", f.body)
	}
	// Another answer for another's flow is another's.
	if a := eve.asScript().get(b.at(b.depart(f, map[string]any{"link": "acme"}))); a.status != http.StatusForbidden {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Too long after signing in, the person proves it again first.
	s.clock.Advance(2 * time.Hour)
	late := b.submit(b.begin("settings", ""), map[string]any{"link": "acme"})
	if !strings.Contains(late.header.Get("Location"), "refresh=true") {
		t.Errorf("%d %s", late.status, late.header.Get("Location"))
	}
}

// TestProviderIsTheLastWayIn: who has no other way in keeps it.
func TestProviderIsTheLastWayIn(t *testing.T) {
	s, _ := federated(t, testkit.SQLite(t, "management"), nil)
	b := s.browser()
	b.signInAt("acme", "login", "")
	f := b.begin("settings", "")
	if strings.Contains(f.body, "Unlink") {
		t.Errorf("%s", f.body)
	}
	if f = b.flow("settings", b.submit(f, map[string]any{"unlink": "acme"})); !contains(f.said(), 4010004) {
		t.Errorf("%s", f.body)
	}
}

// TestProviderForANativeApp: the app gets one code, its browser the other.
func TestProviderForANativeApp(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil, config(func(c *selfservice.Config) { c.AllowedReturnURLs = []string{"com.example.app:/back"} }))
	app := s.app()
	if a := app.submit(app.begin("login", ""), map[string]any{"method": "oidc", "provider": "acme"}); a.status != http.StatusBadRequest || !strings.Contains(a.body, "return_session_token_exchange_code") {
		t.Errorf("%d %s", a.status, a.body)
	}
	f := app.begin("login", "return_session_token_exchange_code=true&return_to=com.example.app:/back")
	a := app.submit(f, map[string]any{"method": "oidc", "provider": "acme", "upstream_parameters": map[string]any{"login_hint": "ada", "evil": "x"}})
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d %s", a.status, a.body)
	}
	to := a.text("redirect_browser_to")
	if !strings.Contains(to, "login_hint=ada") || strings.Contains(to, "evil") {
		t.Errorf("the provider is asked %s", to)
	}
	browser := s.browser() // which is somebody else's, for all that is known
	s.person("eve@example.com", goodPassword)
	browser.submit(browser.begin("login", ""), map[string]any{"method": "password", "identifier": "eve@example.com", "password": goodPassword})
	p.SignIn(map[string]any{"sub": "ada-1", "email": "ada@example.com", "email_verified": true})
	end := browser.get(browser.at(to))
	u, err := url.Parse(end.header.Get("Location"))
	if err != nil || end.status != http.StatusSeeOther || u.Scheme != "com.example.app" || u.Query().Get("code") == "" {
		t.Fatalf("%d %s %s", end.status, end.header.Get("Location"), end.body)
	}
	if browser.who().text("identity.traits.email") != "eve@example.com" {
		t.Error("the browser is signed in as who uses the app")
	}
	got := app.get("/sessions/token-exchange?init_code=" + f.text("session_token_exchange_code") + "&return_to_code=" + u.Query().Get("code"))
	if got.status != http.StatusOK || got.text("session.identity.traits.email") != "ada@example.com" || got.text("session_token") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestProviderForAnOAuthClient: the client that waits for the login gets it, through the registration on the way.
func TestProviderForAnOAuthClient(t *testing.T) {
	o := &asking{login: selfservice.OAuthLogin{MaxAge: -1}}
	s, _ := federated(t, testkit.SQLite(t, "management"), nil, func(s *server) { s.handler.OAuth = o })
	b := s.browser()
	for range 2 {
		end := b.signInAt("acme", "login", "login_challenge=the-challenge")
		if end.status != http.StatusSeeOther || end.header.Get("Location") != "https://client.example.com/accepted" {
			t.Fatalf("%d %s", end.status, end.header.Get("Location"))
		}
		b = s.browser()
	}
	if len(o.accepted) != 2 || o.accepted[1].AMR[0] != "oidc" || o.accepted[0].Subject != o.accepted[1].Subject {
		t.Errorf("%+v", o.accepted)
	}
}

func TestProviderWithoutRegistration(t *testing.T) {
	s, _ := federated(t, testkit.SQLite(t, "management"), nil, config(func(c *selfservice.Config) { c.Flows.Registration.Enabled = false }))
	b := s.browser()
	if f := b.flow("login", b.signInAt("acme", "login", "")); !contains(f.said(), 4000037) {
		t.Errorf("%s", f.body)
	}
}

// TestProviderForAScript: a script is told where its browser has to go.
func TestProviderForAScript(t *testing.T) {
	s, p := federated(t, testkit.SQLite(t, "management"), nil)
	b := s.browser()
	script := b.asScript()
	a := script.submit(script.begin("registration", ""), map[string]any{"provider": "acme", "traits": map[string]any{"name": map[string]any{"first": "A."}}})
	if a.status != http.StatusUnprocessableEntity || !strings.HasPrefix(a.text("redirect_browser_to"), p.URL) || a.text("error.id") != "browser_location_change_required" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.get(b.at(a.text("redirect_browser_to")))
	if me := b.who(); me.text("identity.traits.name.first") != "A." || me.text("identity.traits.name.last") != "Lovelace" {
		t.Errorf("what was typed before is lost: %s", me.body)
	}
}

// TestProviderMapper: a program says what becomes of claims.
func TestProviderMapper(t *testing.T) {
	program := `local claims = std.extVar('claims'); {identity: {
		traits: {email: claims.email, name: {first: claims.raw_claims.nick}},
		verified_addresses: [{via: 'email', value: claims.email}], metadata_admin: {groups: claims.groups}}}`
	file := t.TempDir() + "/mapper.jsonnet"
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	s, p := federated(t, testkit.SQLite(t, "management"), func(c *oidc.ProviderConfig) { c.MapperURL, c.ClaimsSource = "file://"+file, "userinfo" })
	p.UserInfo = map[string]any{"sub": "ada-1", "nick": "Countess", "groups": []string{"staff"}}
	b := s.browser()
	b.signInAt("acme", "login", "")
	me := b.who()
	if me.text("identity.traits.name.first") != "Countess" || !strings.Contains(me.body, `"verified":true`) || strings.Contains(me.body, "staff") {
		t.Errorf("%s", me.body)
	}
	who, err := s.people.Get(s.ctx, me.text("identity.id"))
	if err != nil || string(who.MetadataAdmin) != `{"groups":["staff"]}` {
		t.Errorf("%s, %v", who.MetadataAdmin, err)
	}
}
