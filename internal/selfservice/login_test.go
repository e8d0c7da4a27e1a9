package selfservice_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

const goodPassword = "quite-a-long-passphrase"

func TestLoginOfNativeApp(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	app := s.app()
	f := app.begin("login", "")
	if f.text("type") != "api" || f.text("requested_aal") != "aal1" || f.text("state") != "choose_method" {
		t.Fatalf("the flow is %s", f.body)
	}
	wrong := app.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": "wrong-password"})
	if wrong.status != http.StatusBadRequest || !contains(wrong.said(), 4000006) {
		t.Fatalf("a wrong password was answered %d %s", wrong.status, wrong.body)
	}
	if v, _ := wrong.node("identifier"); v != "ada@example.com" {
		t.Errorf("the identifier that was typed is %v", v)
	}
	if strings.Contains(wrong.body, "wrong-password") {
		t.Error("the password comes back")
	}
	right := app.submit(f, map[string]any{"method": "password", "identifier": " ADA@example.com ", "password": goodPassword})
	if right.status != http.StatusOK {
		t.Fatalf("the right password was answered %d %s", right.status, right.body)
	}
	app.token = right.text("session_token")
	if app.token == "" || right.text("session.identity.traits.email") != "ada@example.com" {
		t.Fatalf("no session in %s", right.body)
	}
	if got := app.get("/sessions/whoami"); got.status != http.StatusOK {
		t.Errorf("whoami: %d %s", got.status, got.body)
	}
	if again := app.get("/self-service/login/api"); again.status != http.StatusBadRequest || again.text("error.id") != "session_already_available" {
		t.Errorf("a second login was answered %d %s", again.status, again.body)
	}
}

func TestLoginOfBrowser(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), config(func(c *selfservice.Config) {
		c.AllowedReturnURLs = []string{"https://app.example.com/"}
	}))
	s.person("ada@example.com", goodPassword)
	b := s.browser()
	first := b.get("/self-service/login/browser?return_to=https://app.example.com/in")
	if first.status != http.StatusSeeOther || !strings.HasPrefix(first.header.Get("Location"), s.http.URL+"/account/login?flow=") {
		t.Fatalf("the browser is sent to %d %s", first.status, first.header.Get("Location"))
	}
	f := b.flow("login", first)
	wrong := b.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": "wrong-password"})
	if said := b.flow("login", wrong); !contains(said.said(), 4000006) {
		t.Errorf("the page says %v", said.said())
	}
	right := b.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	if right.status != http.StatusSeeOther || right.header.Get("Location") != "https://app.example.com/in" {
		t.Fatalf("%d %s %s", right.status, right.header.Get("Location"), right.body)
	}
	if got := b.get("/sessions/whoami"); got.status != http.StatusOK {
		t.Errorf("whoami: %d %s", got.status, got.body)
	}
	if again := b.get("/self-service/login/browser"); again.header.Get("Location") != s.http.URL+"/account/" {
		t.Errorf("who is signed in is sent to %s", again.header.Get("Location"))
	}
	if scripted := b.asScript().get("/self-service/login/browser"); scripted.text("error.id") != "session_already_available" {
		t.Errorf("a script of who is signed in gets %s", scripted.body)
	}
}

func TestLoginOfScript(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	b := s.browser().asScript()
	f := b.begin("login", "")
	right := b.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	if right.status != http.StatusOK || right.text("session_token") != "" || right.text("session.id") == "" {
		t.Fatalf("%d %s", right.status, right.body)
	}
	if got := b.get("/sessions/whoami"); got.status != http.StatusOK {
		t.Errorf("whoami: %d %s", got.status, got.body)
	}
}

func TestRefreshKeepsTheSessionAndChangesItsToken(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	app := s.app()
	first := app.submit(app.begin("login", ""), map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	app.token = first.text("session_token")
	s.clock.Advance(time.Minute)
	f := app.begin("login", "refresh=true")
	if f.at("refresh") != true {
		t.Errorf("the flow is %s", f.body)
	}
	second := app.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	if second.status != http.StatusOK || second.text("session.id") != first.text("session.id") {
		t.Fatalf("%d %s", second.status, second.body)
	}
	if got := app.get("/sessions/whoami"); got.status != http.StatusUnauthorized {
		t.Errorf("the old token is answered %d", got.status)
	}
	app.token = second.text("session_token")
	if got := app.get("/sessions/whoami"); got.status != http.StatusOK {
		t.Errorf("the new token is answered %d", got.status)
	}
}

func TestSecondFactorNeedsAFirst(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	app := s.app()
	if a := app.get("/self-service/login/api?aal=aal2"); a.status != http.StatusUnauthorized || a.text("error.id") != "session_aal1_required" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := app.get("/self-service/login/api?aal=aal9"); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestIdentifierFirst(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), config(func(c *selfservice.Config) {
		c.Flows.Login.Style = selfservice.StyleIdentifierFirst
	}))
	s.person("ada@example.com", goodPassword)
	for _, who := range []string{"ada@example.com", "nobody@example.com"} {
		app := s.app()
		f := app.begin("login", "")
		if _, asks := f.node("password"); asks {
			t.Error("the first step asks for a password")
		}
		asked := regexp.MustCompile(`"group":"identifier_first","attributes":\{"name":"identifier","type":"(\w+)",[^}]*"autocomplete":"username webauthn"[^}]*\},"messages":\[\],"meta":\{"label":\{"id":1070002,`)
		if m := asked.FindStringSubmatch(f.body); m == nil || m[1] != "text" {
			t.Errorf("the first step does not ask for what the schema calls it: %s", f.body)
		}
		second := app.submit(f, map[string]any{"method": "identifier_first", "identifier": who})
		if _, asks := second.node("password"); !asks || second.status != http.StatusBadRequest {
			t.Fatalf("%s: the second step is %d %s", who, second.status, second.body)
		}
		if m := asked.FindStringSubmatch(second.body); m == nil || m[1] != "hidden" || strings.Count(second.body, `"name":"identifier"`) != 1 {
			t.Errorf("the second step does not keep the field of the first: %s", second.body)
		}
		end := app.submit(second, map[string]any{"method": "password", "identifier": who, "password": goodPassword})
		if known := strings.HasPrefix(who, "ada"); (end.status == http.StatusOK) != known {
			t.Errorf("%s: %d %s", who, end.status, end.body)
		}
	}
}

func TestOldFlowIsReplaced(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain))
	s.person("ada@example.com", goodPassword)
	app := s.app()
	f := app.begin("login", "")
	s.clock.Advance(time.Hour)
	if a := app.get("/self-service/login/flows?id=" + f.text("id")); a.status != http.StatusGone || a.text("error.id") != "self_service_flow_expired" {
		t.Errorf("fetching it: %d %s", a.status, a.body)
	}
	a := app.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
	if a.status != http.StatusGone || a.text("error.id") != "self_service_flow_expired" || a.at("since") == nil || a.text("expired_at") == "" {
		t.Fatalf("submitting it: %d %s", a.status, a.body)
	}
	fresh := app.get("/self-service/login/flows?id=" + a.text("use_flow_id"))
	if fresh.status != http.StatusOK || !contains(fresh.said(), 4010001) {
		t.Fatalf("the new one: %d %s", fresh.status, fresh.body)
	}
	if end := app.submit(fresh, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword}); end.status != http.StatusOK {
		t.Errorf("%d %s", end.status, end.body)
	}
	b := s.browser()
	page := b.begin("login", "")
	s.clock.Advance(time.Hour)
	if moved := b.submit(page, map[string]any{"method": "password"}); !contains(b.flow("login", moved).said(), 4010001) {
		t.Error("the browser is not told that the flow has expired")
	}
}

func TestRequiredVerifiedAddress(t *testing.T) {
	s := newServer(t, testkit.SQLite(t, "management"), config(plain), config(func(c *selfservice.Config) {
		c.Flows.Login.After.Hooks = []selfservice.HookConfig{{Hook: "require_verified_address"}}
	}))
	who := s.person("ada@example.com", goodPassword)
	app := s.app()
	f := app.begin("login", "")
	login := map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword}
	if a := app.submit(f, login); !contains(a.said(), 4000010) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if err := s.people.MarkVerified(s.ctx, who.ID, "email", "ada@example.com", s.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if a := app.submit(f, login); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestOneFlowSubmittedTwice: two submissions of one flow at once sign in once; the other is told so.
func TestOneFlowSubmittedTwice(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(plain))
		s.person("ada@example.com", goodPassword)
		app := s.app()
		f := app.begin("login", "")
		const n = 6
		var mu sync.Mutex
		statuses := map[int]int{}
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				a := app.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
				mu.Lock()
				defer mu.Unlock()
				statuses[a.status]++
				if a.status == http.StatusGone && (a.text("error.id") != "self_service_flow_replaced" || a.text("use_flow_id") == "") {
					t.Errorf("the loser is told %s", a.body)
				}
			})
		}
		wg.Wait()
		if statuses[http.StatusOK] != 1 || statuses[http.StatusGone] != n-1 {
			t.Errorf("the answers were %v", statuses)
		}
	})
}

// TestLoginStatements holds what a login costs.
func TestLoginStatements(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(plain))
		s.person("ada@example.com", goodPassword)
		for _, c := range []*client{s.app(), s.browser().asScript()} {
			f := c.begin("login", "")
			before := db.Statements()
			a := c.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": goodPassword})
			if n := db.Statements() - before; a.status != http.StatusOK || n > 6 {
				t.Errorf("%d statements for %d %s", n, a.status, a.body)
			} else {
				t.Logf("%d statements", n)
			}
		}
	})
}

func contains(ids []int, id int) bool {
	return slices.Contains(ids, id)
}
