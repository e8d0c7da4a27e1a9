package authorize_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestCodeFlow(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		b := s.browser()
		v := request("shop", "login_hint", "alice@example.com", "ui_locales", "fr en", "acr_values", "aal2 aal1", "display", "page", "audience", "reports")
		w := b.auth(v)
		to := location(t, w)
		if !strings.HasPrefix(to.String(), loginURL+"?login_challenge=") {
			t.Fatalf("the browser is sent to %s", to)
		}
		if n := len(to.Query().Get("login_challenge")); n >= 64 {
			t.Errorf("the challenge has %d characters", n)
		}
		login := to.Query().Get("login_challenge")
		status, lr := s.get("login", login)
		if status != http.StatusOK {
			t.Fatalf("get login: %d %v", status, lr)
		}
		sid, _ := lr["session_id"].(string)
		if lr["skip"] != false || lr["subject"] != "" || lr["challenge"] != login || sid == "" || lr["request_url"] != baseURL+"/oauth2/auth?"+v.Encode() {
			t.Errorf("login request: %v", lr)
		}
		wantContext := object{"acr_values": []any{"aal2", "aal1"}, "display": "page", "login_hint": "alice@example.com", "ui_locales": []any{"fr", "en"}}
		if diff := cmp.Diff(wantContext, lr["oidc_context"]); diff != "" {
			t.Errorf("oidc_context (-want +got):\n%s", diff)
		}
		if c, _ := lr["client"].(object); c["client_id"] != "shop" || c["client_secret"] != nil {
			t.Errorf("client: %v", c)
		}
		verifierURL := s.accept("login", login, object{"subject": "alice", "acr": "aal2", "amr": []string{"pwd"}, "context": object{"x": 1}})
		consent := challengeOf(t, b.get(verifierURL), "consent")
		status, cr := s.get("consent", consent)
		if status != http.StatusOK || cr["subject"] != "alice" || cr["skip"] != false || cr["login_session_id"] != sid ||
			cr["login_challenge"] != login || cr["acr"] != "aal2" || !has(cr["amr"], "pwd") || !has(cr["requested_scope"], "read") ||
			!has(cr["requested_access_token_audience"], "reports") {
			t.Fatalf("consent request: %d %v", status, cr)
		}
		if diff := cmp.Diff(object{"x": 1.0}, cr["context"]); diff != "" {
			t.Errorf("context (-want +got):\n%s", diff)
		}
		back := s.accept("consent", consent, object{
			"grant_scope": []string{"openid", "read"}, "grant_access_token_audience": []string{"reports"},
			"session": object{"id_token": object{"email": "alice@example.com"}, "access_token": object{"role": "admin"}},
		})
		got := answerOf(t, b.get(back))
		if got.Get("state") != "state-0123456789" || got.Get("iss") != baseURL || got.Get("code") == "" || len(got) != 3 {
			t.Errorf("answer: %v", got)
		}
		if len(b.Cookies) != 0 {
			t.Errorf("cookies are left behind: %v", b.Cookies)
		}
		status, tokens := s.redeem("shop", got.Get("code"))
		if status != http.StatusOK {
			t.Fatalf("token: %d %v", status, tokens)
		}
		claims := claimsOf(t, tokens["id_token"].(string))
		for name, want := range map[string]any{"sub": "alice", "sid": sid, "nonce": "nonce-0123456789", "acr": "aal2", "email": "alice@example.com", "iss": baseURL} {
			if claims[name] != want {
				t.Errorf("claim %s is %v, want %v", name, claims[name], want)
			}
		}
		if tokens["scope"] != "openid read" {
			t.Errorf("scope is %v", tokens["scope"])
		}
	})
}

// TestStatements holds the budget of a whole code flow: everything from the authorization request to the tokens.
func TestStatements(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		b := s.browser()
		whole := func(v url.Values, login, consent object) uint64 {
			before := db.Statements()
			w := b.auth(v)
			lc := challengeOf(t, w, "login")
			s.get("login", lc)
			w = b.get(s.accept("login", lc, login))
			cc := challengeOf(t, w, "consent")
			s.get("consent", cc)
			code := answerOf(t, b.get(s.accept("consent", cc, consent))).Get("code")
			if status, answer := s.redeem("shop", code); status != http.StatusOK {
				t.Fatal(answer)
			}
			return db.Statements() - before
		}
		scope := []string{"openid", "offline", "read"}
		whole(request("shop"), alice, object{"grant_scope": scope}) // client and keys are in memory from here on
		for _, flow := range []struct {
			name           string
			login, consent object
			most           uint64
		}{
			// Where the login app asked who it is, one of them tells the activity log.
			{"nothing remembered", alice, object{"grant_scope": scope}, 11},
			{"to be remembered", object{"subject": "alice", "remember": true}, object{"grant_scope": scope, "remember": true}, 12},
			{"first use of what is remembered", alice, object{"grant_scope": scope}, 10},
			{"remembered", alice, object{"grant_scope": scope}, 9},
			{"remembered and extended", object{"subject": "alice", "extend_session_lifespan": true, "remember_for": 3600}, object{"grant_scope": scope}, 11}, // the session changed, so it is read again
		} {
			n := whole(request("shop"), flow.login, flow.consent)
			t.Logf("%s: %d statements", flow.name, n)
			if n > flow.most || n > 12 {
				t.Errorf("%s: %d statements, at most %d are allowed", flow.name, n, min(flow.most, 12))
			}
		}
	})
}

func TestRememberedLoginAndConsent(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		s.register("mail")
		b := s.browser()
		b.through(request("shop", "scope", "openid read"), object{"subject": "alice", "remember": true, "remember_for": 3600, "acr": "aal1"},
			object{"grant_scope": []string{"openid", "read"}, "remember": true})
		authTime := s.clock.Now()
		s.clock.Advance(time.Minute)

		login := challengeOf(t, b.auth(request("shop", "scope", "openid")), "login")
		_, lr := s.get("login", login)
		if lr["skip"] != true || lr["subject"] != "alice" {
			t.Fatalf("the login is not skipped: %v", lr)
		}
		consent := challengeOf(t, b.get(s.accept("login", login, alice)), "consent")
		_, cr := s.get("consent", consent)
		if cr["skip"] != true || cr["login_session_id"] != lr["session_id"] || cr["acr"] != "aal1" {
			t.Fatalf("the consent is not skipped: %v", cr)
		}
		code := answerOf(t, b.get(s.accept("consent", consent, object{"grant_scope": []string{"openid"}}))).Get("code")
		_, tokens := s.redeem("shop", code)
		if got := claimsOf(t, tokens["id_token"].(string))["auth_time"]; got != float64(authTime.Unix()) {
			t.Errorf("auth_time is %v, want that of the first login, %d", got, authTime.Unix())
		}

		t.Run("more than was remembered", func(t *testing.T) {
			_, cr := s.get("consent", b.signIn(request("shop", "scope", "openid read write"), alice))
			if cr["skip"] != false {
				t.Error("a scope that was never granted is skipped")
			}
		})
		t.Run("another client", func(t *testing.T) {
			_, cr := s.get("consent", b.signIn(request("mail", "scope", "openid"), alice))
			if cr["skip"] != false {
				t.Error("the consent to one client answers for another")
			}
		})
		t.Run("prompt=consent", func(t *testing.T) {
			_, cr := s.get("consent", b.signIn(request("shop", "scope", "openid", "prompt", "consent"), alice))
			if cr["skip"] != false {
				t.Error("prompt=consent is skipped")
			}
		})
		t.Run("prompt=none", func(t *testing.T) {
			v := request("shop", "scope", "openid", "prompt", "none")
			got := answerOf(t, b.through(v, alice, nil))
			if got.Get("code") == "" {
				t.Errorf("no code: %v", got)
			}
		})
		t.Run("somebody else at the login app", func(t *testing.T) {
			login := challengeOf(t, b.auth(request("shop")), "login")
			to, _ := url.Parse(s.accept("login", login, object{"subject": "bob"}))
			if to.Query().Get("prompt") != "login" || to.Query().Get("client_id") != "shop" {
				t.Errorf("the browser is sent to %s, not to a fresh login", to)
			}
			_, lr := s.get("login", challengeOf(t, b.get(to.String()), "login"))
			if lr["skip"] != false {
				t.Error("the fresh login is skipped")
			}
		})
		t.Run("expired", func(t *testing.T) {
			s.clock.Advance(time.Hour)
			_, lr := s.get("login", challengeOf(t, b.auth(request("shop")), "login"))
			if lr["skip"] != false {
				t.Error("a login is remembered for longer than it was to be")
			}
		})
	})
}

func TestSkipConsentOfOwnClients(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("own", func(c *client.Client) { c.SkipConsent = true })
	_, cr := s.get("consent", s.browser().signIn(request("own"), alice))
	if cr["skip"] != true {
		t.Error("skip_consent is not heeded")
	}
	_, cr = s.get("consent", s.browser().signIn(request("own", "prompt", "consent"), alice))
	if cr["skip"] != false {
		t.Error("prompt=consent does not ask")
	}
}

func TestUsedChallenges(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		b := s.browser()
		v := request("shop")
		restart := baseURL + "/oauth2/auth?" + v.Encode()
		login := challengeOf(t, b.auth(v), "login")
		to := s.accept("login", login, alice)
		if again := s.accept("login", login, alice); again != to {
			t.Error("a double click gets another address")
		}
		if status, answer := s.answer("login", "accept", login, object{"subject": "bob"}); status != http.StatusGone || answer["redirect_to"] != restart {
			t.Errorf("another subject afterwards: %d %v", status, answer)
		}
		if status, answer := s.answer("login", "reject", login, object{"error": "access_denied"}); status != http.StatusGone {
			t.Errorf("a refusal afterwards: %d %v", status, answer)
		}
		if status, answer := s.get("login", login); status != http.StatusGone || answer["redirect_to"] != restart {
			t.Errorf("get afterwards: %d %v", status, answer)
		}
		consent := challengeOf(t, b.get(to), "consent")
		if status, _ := s.answer("login", "accept", login, alice); status != http.StatusGone {
			t.Errorf("accept after the verifier was used: %d", status)
		}
		if again := challengeOf(t, b.get(to), "consent"); again != consent {
			t.Error("loading the page again leads elsewhere")
		}
		back := s.accept("consent", consent, object{"grant_scope": []string{"openid"}})
		if again := s.accept("consent", consent, object{"grant_scope": []string{"openid"}}); again != back {
			t.Error("a double click gets another address")
		}
		if status, answer := s.answer("consent", "accept", consent, object{"grant_scope": []string{"read"}}); status != http.StatusGone || answer["redirect_to"] != restart {
			t.Errorf("another grant afterwards: %d %v", status, answer)
		}
		if status, answer := s.get("consent", consent); status != http.StatusGone || answer["redirect_to"] != restart {
			t.Errorf("get afterwards: %d %v", status, answer)
		}
		keep := maps.Clone(b.Cookies)
		answerOf(t, b.get(back))
		b.Cookies = keep // a browser that kept its cookie
		wantShown(t, b.get(back), http.StatusGone)
		wantShown(t, b.get(to), http.StatusGone)
	})
}

func TestChallengesThatAreNone(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b := s.browser()
	login := challengeOf(t, b.auth(request("shop")), "login")
	to, _ := url.Parse(s.accept("login", login, alice))
	loginVerifier := to.Query().Get("login_verifier")
	forged := []string{"x", strings.Repeat("A", 63), login[:62] + "_", login + "A", loginVerifier, strings.ToUpper(login)}
	before := s.db.Statements()
	for _, c := range forged {
		if c == login {
			continue
		}
		for _, kind := range []string{"login", "consent"} {
			if status, answer := s.get(kind, c); status != http.StatusNotFound || answer["error"] != "Not Found" {
				t.Errorf("get %s %q: %d %v", kind, c, status, answer)
			}
			if status, _ := s.answer(kind, "accept", c, alice2(kind)); status != http.StatusNotFound {
				t.Errorf("accept %s %q: %d", kind, c, status)
			}
		}
	}
	for _, name := range []string{"login_verifier", "consent_verifier"} {
		wantShown(t, b.get("/oauth2/auth?"+name+"="+login), http.StatusNotFound) // the challenge is not the verifier
	}
	if n := s.db.Statements() - before; n != 0 {
		t.Errorf("made-up challenges cost %d statements", n)
	}
	if status, answer, _ := s.call(http.MethodGet, requests+"login", nil); status != http.StatusBadRequest {
		t.Errorf("without a challenge: %d %v", status, answer)
	}
	if status, answer, _ := s.call(http.MethodGet, "/oauth2/auth/requests/login?challenge="+login, nil); status != http.StatusGone {
		t.Errorf("the older parameter and path: %d %v", status, answer)
	}
}

func alice2(kind string) object {
	if kind == "consent" {
		return object{"grant_scope": []string{}}
	}
	return alice
}

func TestExpiredChallenges(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b := s.browser()
	v := request("shop")
	restart := baseURL + "/oauth2/auth?" + v.Encode()
	login := challengeOf(t, b.auth(v), "login")
	other := challengeOf(t, b.auth(v), "login")
	to := s.accept("login", other, alice)
	s.clock.Advance(31 * time.Minute)
	status, answer := s.get("login", login)
	if status != http.StatusUnauthorized || answer["error"] != "request_unauthorized" || answer["redirect_to"] != restart {
		t.Errorf("get: %d %v", status, answer)
	}
	if status, answer := s.answer("login", "accept", login, alice); status != http.StatusUnauthorized || answer["redirect_to"] != restart {
		t.Errorf("accept: %d %v", status, answer)
	}
	w := b.get(to)
	wantShown(t, w, http.StatusUnauthorized)
	if !strings.Contains(w.Body.String(), "Start again") || !strings.Contains(w.Body.String(), "/oauth2/auth?client_id=shop") {
		t.Errorf("the page offers no way to start again: %s", w.Body)
	}
	s.clock.Advance(2 * time.Hour)
	if n, err := s.store.Sweep(s.ctx, s.clock.Now(), 100); err != nil || n != 3 {
		t.Errorf("swept %d rows, %v", n, err)
	}
	s.clock.Advance(time.Hour) // whatever is in memory has gone
	if status, answer := s.get("login", login); status != http.StatusUnauthorized || answer["error"] != "request_unauthorized" {
		t.Errorf("after the sweep: %d %v", status, answer)
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	refuse := func(kind string) url.Values {
		b := s.browser()
		c := challengeOf(t, b.auth(request("shop")), "login")
		if kind == "consent" {
			c = challengeOf(t, b.get(s.accept("login", c, alice)), "consent")
		}
		status, answer := s.answer(kind, "reject", c, object{"error": "access_denied", "error_description": "The \"person\" said no\n", "error_hint": "Really.", "error_debug": "secret", "status_code": 403})
		if status != http.StatusOK {
			t.Fatal(status, answer)
		}
		got := wantError(t, b.get(answer["redirect_to"].(string)), "access_denied")
		if len(b.Cookies) != 0 {
			t.Errorf("cookies are left behind: %v", b.Cookies)
		}
		return got
	}
	for _, kind := range []string{"login", "consent"} {
		got := refuse(kind)
		if got.Get("error_description") != "The 'person' said no  Really." || got.Get("state") != "state-0123456789" {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

func TestBodiesThatAreWrong(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b := s.browser()
	login := challengeOf(t, b.auth(request("shop")), "login")
	for name, body := range map[string]object{
		"no subject":      {"remember": true},
		"long subject":    {"subject": strings.Repeat("a", 256)},
		"negative time":   {"subject": "alice", "remember_for": -1},
		"our own fields":  {"subject": "alice", "at": "2001-01-01T00:00:00Z"},
		"a refusal in it": {"subject": "alice", "refused": object{"error": "x"}},
	} {
		if status, answer := s.answer("login", "accept", login, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	consent := challengeOf(t, b.get(s.accept("login", login, alice)), "consent")
	for name, body := range map[string]object{
		"scope that was not asked for":    {"grant_scope": []string{"openid", "write"}},
		"audience that was not asked for": {"grant_scope": []string{"openid"}, "grant_access_token_audience": []string{"reports"}},
		"negative time":                   {"remember_for": -1},
	} {
		if status, answer := s.answer("consent", "accept", consent, body); status != http.StatusBadRequest || answer["error"] != "invalid_request" {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	s.accept("consent", consent, object{"handled_at": "2026-01-02T03:04:05Z", "session": object{}})
}

func TestAnotherBrowserCannotGoOn(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b := s.browser()
	login := challengeOf(t, b.auth(request("shop")), "login")
	to := s.accept("login", login, alice)
	w := s.browser().get(to)
	wantShown(t, w, http.StatusForbidden)
	if !strings.Contains(w.Body.String(), "localhost:4444") || !strings.Contains(w.Body.String(), "Start again") {
		t.Errorf("the page does not say what to do: %s", w.Body)
	}
	other := s.browser()
	other.auth(request("shop")) // a flow of its own does not help
	wantShown(t, other.get(to), http.StatusForbidden)

	back := s.accept("consent", challengeOf(t, b.get(to), "consent"), object{"grant_scope": []string{"openid"}})
	wantShown(t, other.get(back), http.StatusForbidden)
	if answerOf(t, b.get(back)).Get("code") == "" {
		t.Error("the right browser gets no code")
	}
}

func TestParallelFlowsInOneBrowser(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b := s.browser()
	var waiting []string
	for range 5 {
		waiting = append(waiting, challengeOf(t, b.auth(request("shop")), "login"))
	}
	for i := range waiting { // the first begun is the last to end
		c := waiting[len(waiting)-1-i]
		consent := challengeOf(t, b.get(s.accept("login", c, alice)), "consent")
		if answerOf(t, b.get(s.accept("consent", consent, object{"grant_scope": []string{"openid"}}))).Get("code") == "" {
			t.Fatal("no code")
		}
	}
	for range 30 {
		b.auth(request("shop"))
	}
	if len(b.Cookies) > 10 {
		t.Errorf("the browser collects %d cookies", len(b.Cookies))
	}
}

func TestLoopbackNamesMeet(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	for host, meets := range map[string]bool{"127.0.0.1:4444": true, "[::1]:4444": true, "127.0.0.1:8080": false, "id.example.com:4444": false, "LOCALHOST:4444": false} {
		r, err := http.NewRequestWithContext(s.ctx, http.MethodGet, "/oauth2/auth?"+request("shop").Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		w := s.browser().do(r)
		if got := w.Code == http.StatusTemporaryRedirect && strings.HasPrefix(w.Header().Get("Location"), baseURL+"/oauth2/auth?"); got != meets {
			t.Errorf("%s: status %d, Location %s", host, w.Code, w.Header().Get("Location"))
		}
	}
}
