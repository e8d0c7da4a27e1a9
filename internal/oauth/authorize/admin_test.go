package authorize_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

const consentSessions = "/admin/oauth2/auth/sessions/consent"

// tokens takes a browser through a flow and gives the tokens.
func (b *browser) tokens(id string, login, consent object) object {
	b.s.t.Helper()
	code := answerOf(b.s.t, b.through(request(id), login, consent)).Get("code")
	status, answer := b.s.redeem(id, code)
	if status != http.StatusOK {
		b.s.t.Fatalf("token: %d %v", status, answer)
	}
	return answer
}

func (s *server) active(tokens object) bool {
	s.t.Helper()
	found, err := s.tokens.Lookup(s.ctx, tokens["access_token"].(string))
	if err != nil {
		s.t.Fatal(err)
	}
	return found.Active(s.clock.Now())
}

func (s *server) consents(query string) ([]any, string) {
	s.t.Helper()
	status, answer, header := s.call(http.MethodGet, consentSessions+"?"+query, nil)
	if status != http.StatusOK {
		s.t.Fatalf("list consents: %d %v", status, answer)
	}
	list, _ := answer["list"].([]any)
	return list, header.Get("Link")
}

func TestConsentList(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		s.register("mail")
		b := s.browser()
		var sids []any
		for i := range 5 {
			id := []string{"shop", "mail"}[i%2]
			s.clock.Advance(time.Second)
			consent := b.signIn(request(id, "audience", "reports", "prompt", "consent"), object{"subject": "alice", "context": object{"n": i}})
			_, cr := s.get("consent", consent)
			sids = append(sids, cr["login_session_id"])
			b.get(s.accept("consent", consent, object{"grant_scope": []string{"openid"}, "remember": i == 4, "remember_for": 60 * i,
				"session": object{"id_token": object{"n": i}}, "context": object{"said": i}}))
		}
		s.browser().through(request("shop"), object{"subject": "bob"}, nil)
		if list, link := s.consents("subject=nobody"); len(list) != 0 || strings.Contains(link, "next") {
			t.Errorf("nobody's consents: %v, %s", list, link)
		}
		var all []object
		query := "subject=alice&page_size=2"
		for range 5 {
			list, link := s.consents(query)
			for _, item := range list {
				all = append(all, item.(object))
			}
			_, next, more := strings.Cut(link, `rel="first",<`+consentSessions+"?")
			if !more {
				break
			}
			query, _, _ = strings.Cut(next, ">")
		}
		if len(all) != 5 {
			t.Fatalf("listed %d consents, want 5: %v", len(all), all)
		}
		newest := all[0]
		cr, _ := newest["consent_request"].(object)
		if newest["remember"] != true || newest["remember_for"] != 240.0 || !has(newest["grant_scope"], "openid") || newest["handled_at"] != s.clock.Now().Format(time.RFC3339Nano) ||
			cr["subject"] != "alice" || cr["client"].(object)["client_id"] != "shop" || !has(cr["requested_access_token_audience"], "reports") ||
			cr["consent_request_id"] != newest["consent_request_id"] || fmt.Sprint(cr["context"]) != "map[n:4]" || fmt.Sprint(newest["context"]) != "map[said:4]" ||
			fmt.Sprint(newest["session"]) != "map[id_token:map[n:4]]" {
			t.Errorf("newest: %v", newest)
		}
		if list, _ := s.consents("subject=alice&login_session_id=" + sids[1].(string)); len(list) != 1 {
			t.Errorf("of one session: %v", list)
		}
		for _, bad := range []string{"", "subject=alice&page_size=-1", "subject=alice&page_token=x"} {
			if status, answer, _ := s.call(http.MethodGet, consentSessions+"?"+bad, nil); status != http.StatusBadRequest {
				t.Errorf("%q: %d %v", bad, status, answer)
			}
		}
	})
}

func TestRevokeConsents(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		s.register("mail")
		s.register("own", func(c *client.Client) { c.SkipConsent = true })
		b := s.browser()
		remember := object{"grant_scope": []string{"openid", "offline", "read"}, "remember": true}
		shop, mail, own := b.tokens("shop", rememberAlice, remember), b.tokens("mail", alice, remember), b.tokens("own", alice, remember)
		bob := s.browser().tokens("shop", object{"subject": "bob"}, remember)
		revoke := func(query string, want int) {
			t.Helper()
			if status, answer, _ := s.call(http.MethodDelete, consentSessions+"?"+query, nil); status != want {
				t.Fatalf("DELETE %s: %d %v", query, status, answer)
			}
		}
		for _, bad := range []string{"", "subject=alice", "client=shop", "all=true", "consent_request_id=x&subject=alice", "subject=alice&all=false"} {
			revoke(bad, http.StatusBadRequest)
		}
		revoke("subject=alice&client=shop", http.StatusNoContent)
		if s.active(shop) || !s.active(mail) || !s.active(own) || !s.active(bob) {
			t.Error("not exactly the tokens of one client are revoked")
		}
		if _, cr := s.get("consent", b.signIn(request("shop"), alice)); cr["skip"] != false {
			t.Error("a revoked consent is remembered")
		}
		list, _ := s.consents("subject=alice")
		if len(list) != 1 { // the one to mail; nobody was asked for own
			t.Fatalf("after revoking: %v", list)
		}
		mail2 := b.tokens("mail", alice, object{"grant_scope": []string{"openid", "offline", "read"}})
		id, _ := list[0].(object)["consent_request_id"].(string)
		revoke("consent_request_id="+id, http.StatusNoContent)
		if s.active(mail) || !s.active(mail2) {
			t.Error("not exactly the tokens of one consent are revoked")
		}
		revoke("subject=alice&all=true", http.StatusNoContent)
		if s.active(mail2) || s.active(own) || !s.active(bob) {
			t.Error("not all tokens of a subject are revoked, or another's are")
		}
		revoke("consent_request_id=unknown", http.StatusNoContent)
	})
}

// A revoked consent must not free its flow: the browser still has the verifier.
func TestRevokedConsentDoesNotComeBack(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b := s.browser()
	consent := b.signIn(request("shop"), alice)
	_, cr := s.get("consent", consent)
	back := s.accept("consent", consent, object{"grant_scope": []string{"openid"}})
	kept := maps.Clone(b.Cookies)
	answerOf(t, b.get(back))
	if err := s.handler.Flows.RevokeConsents(s.ctx, "", "", cr["consent_request_id"].(string), false); err != nil {
		t.Fatal(err)
	}
	b.Cookies = kept
	wantShown(t, b.get(back), http.StatusGone)
}

func TestRevokeLoginSessions(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		one, two, other := s.browser(), s.browser(), s.browser()
		sid, _ := claimsOf(t, one.hint("shop", rememberAlice))["sid"].(string)
		two.hint("shop", rememberAlice)
		other.hint("shop", object{"subject": "bob", "remember": true})
		skips := func(b *browser) any {
			_, lr := s.get("login", challengeOf(t, b.auth(request("shop")), "login"))
			return lr["skip"]
		}
		for _, b := range []*browser{one, two, other} { // also so that all are in memory
			if skips(b) != true {
				t.Fatal("the login is not remembered")
			}
		}
		end := func(query string, want int) {
			t.Helper()
			if status, answer, _ := s.call(http.MethodDelete, "/admin/oauth2/auth/sessions/login?"+query, nil); status != want {
				t.Fatalf("DELETE %s: %d %v", query, status, answer)
			}
		}
		end("", http.StatusBadRequest)
		end("sid="+sid, http.StatusNoContent)
		if skips(one) != false || skips(two) != true {
			t.Error("not exactly one session ended")
		}
		end("sid=unknown", http.StatusNoContent)

		// A flow that was spared the login by a session that then ends is not spared it any more.
		login := challengeOf(t, two.auth(request("shop")), "login")
		back := s.accept("login", login, alice)
		end("subject=alice", http.StatusNoContent)
		if again := location(t, two.get(back)); again.String() != baseURL+"/oauth2/auth?"+request("shop").Encode() {
			t.Errorf("the session ended, and the browser is sent to %s", again)
		}
		end("subject=alice", http.StatusNoContent)
		if skips(two) != false || skips(other) != true {
			t.Error("not all sessions of a subject ended, or another's did")
		}
	})
}

// A session that was ended, for example because its cookie was stolen, does not come back to life under its old id when
// the person signs in again in a flow that had begun before.
func TestEndedSessionKeepsItsEnd(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b, thief := s.browser(), s.browser()
	remember := object{"subject": "alice", "remember": true}
	b.through(request("shop"), remember, nil)
	maps.Copy(thief.Cookies, b.Cookies)
	login := challengeOf(t, b.auth(request("shop", "prompt", "login")), "login")
	if status, _, _ := s.call(http.MethodDelete, "/admin/oauth2/auth/sessions/login?subject=alice", nil); status != http.StatusNoContent {
		t.Fatal(status)
	}
	challengeOf(t, b.get(s.accept("login", login, remember)), "consent")
	for who, skip := range map[*browser]bool{b: true, thief: false} {
		if _, lr := s.get("login", challengeOf(t, who.auth(request("shop")), "login")); lr["skip"] != skip {
			t.Errorf("skip is %v, want %t", lr["skip"], skip)
		}
	}
}

// Who signs out of a shared computer does not leave a consent page behind with which the next one gets his tokens.
func TestEndedSessionEndsTheConsentThatWaits(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b := s.browser()
	b.through(request("shop"), object{"subject": "alice", "remember": true}, nil)
	consent := b.signIn(request("shop"), alice)
	if status, _, _ := s.call(http.MethodDelete, "/admin/oauth2/auth/sessions/login?subject=alice", nil); status != http.StatusNoContent {
		t.Fatal(status)
	}
	back := s.accept("consent", consent, object{"grant_scope": []string{"openid"}})
	if again := location(t, b.get(back)); again.String() != baseURL+"/oauth2/auth?"+request("shop").Encode() {
		t.Errorf("the session ended, and the browser is sent to %s", again)
	}
}

func TestManySessionsOfOneSubject(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		var browsers []*browser
		for range 130 { // more than one step ends
			b := s.browser()
			b.through(request("shop"), rememberAlice, nil)
			browsers = append(browsers, b)
		}
		if err := s.store.EndSessions(s.ctx, "alice"); err != nil {
			t.Fatal(err)
		}
		if err := s.handler.Flows.RevokeConsents(s.ctx, "alice", "", "", true); err != nil {
			t.Fatal(err)
		}
		if list, _ := s.consents("subject=alice"); len(list) != 0 {
			t.Errorf("%d consents are left", len(list))
		}
		for _, b := range browsers {
			if _, lr := s.get("login", challengeOf(t, b.auth(request("shop")), "login")); lr["skip"] != false {
				t.Fatal("a session is left")
			}
		}
	})
}

// Who gets the id of a deleted client gets nothing else of it.
func TestClientIDsThatComeAgain(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	s.register("shop")
	b := s.browser()
	b.through(request("shop"), rememberAlice, object{"grant_scope": []string{"openid", "offline", "read"}, "remember": true})
	halfway := s.browser()
	back := s.accept("consent", halfway.signIn(request("shop"), alice), object{"grant_scope": []string{"openid"}})
	s.clock.Advance(time.Minute)
	if err := s.clients.Delete(s.ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	s.register("shop")
	if _, cr := s.get("consent", b.signIn(request("shop"), alice)); cr["skip"] != false {
		t.Error("the consent to the client before answers for the new one")
	}
	wantShown(t, halfway.get(back), http.StatusGone)
}

// A redirect URI that was taken away is not followed any more, not even by flows under way.
func TestRedirectURITakenAway(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	c := s.register("shop")
	b := s.browser()
	back := s.accept("consent", b.signIn(request("shop"), alice), object{"grant_scope": []string{"openid"}})
	register := &client.Register{Store: s.clients, Hasher: s.hasher, Now: s.clock.Now}
	patch := `[{"op":"replace","path":"/redirect_uris","value":["https://new.example.com/cb"]}]`
	if _, err := register.Patch(s.ctx, c.ID, json.RawMessage(patch)); err != nil {
		t.Fatal(err)
	}
	wantShown(t, b.get(back), http.StatusGone)
}

// The cost of a flow does not grow with what a subject did before.
func TestLongHistoryCostsNothing(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		b := s.browser()
		b.through(request("shop"), rememberAlice, object{"grant_scope": []string{"openid", "offline", "read"}, "remember": true})
		fillHistory(t, s, 3000)
		before := db.Statements()
		if _, cr := s.get("consent", b.signIn(request("shop"), alice)); cr["skip"] != true {
			t.Error("the remembered consent is lost among the others")
		}
		if n := db.Statements() - before; n > 5 {
			t.Errorf("%d statements", n)
		}
		if plan := queryPlan(t, s); plan != "" && !strings.Contains(plan, "oauth_consent_remembered") {
			t.Errorf("the history is searched: %s", plan)
		}
	})
}

// fillHistory gives alice many consents to shop that are not remembered.
func fillHistory(t *testing.T, s *server, n int) {
	t.Helper()
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{"default", fmt.Sprintf("ffffffff-ffff-7fff-bfff-%012d", i), secret.Digest("alice"), "shop", "sid", false, false,
			"[]", "[]", "{}", s.clock.Now()}
	}
	columns := []string{"tenant_id", "id", "subject_hash", "client_id", "session_id", "listed", "remembered", "scope", "audience", "document", "granted_at"}
	for chunk := range slices.Chunk(rows, 500) {
		if _, err := s.db.InsertRows(s.ctx, "oauth_consent", columns, chunk); err != nil {
			t.Fatal(err)
		}
	}
}

// queryPlan gives how SQLite looks for remembered consents; "" on other databases.
func queryPlan(t *testing.T, s *server) string {
	t.Helper()
	if s.db.Dialect() != sqldb.SQLite {
		return ""
	}
	rows, err := s.db.AllTenants().Query(s.ctx, `EXPLAIN QUERY PLAN SELECT id, scope, audience, remembered_until FROM oauth_consent
		WHERE tenant_id = 'default' AND subject_hash = 'x' AND client_id = 'shop' AND remembered = 1 ORDER BY id DESC LIMIT 8`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var a, b, c int64
		var detail string
		if err := rows.Scan(&a, &b, &c, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}

func TestSweep(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		b := s.browser()
		b.through(request("shop"), object{"subject": "alice", "remember": true, "remember_for": 60}, object{"grant_scope": []string{"openid"}})
		b.through(request("shop", "prompt", "consent"), alice, object{"grant_scope": []string{"openid"}, "remember": true})
		b.through(request("shop", "prompt", "consent"), alice, object{"grant_scope": []string{"openid"}, "remember": true, "remember_for": 60})
		sweep := func(want int) {
			t.Helper()
			n, err := s.store.Sweep(s.ctx, s.clock.Now(), 1000)
			if err != nil || n != want {
				t.Fatalf("swept %d rows, want %d; %v", n, want, err)
			}
		}
		sweep(0)
		s.clock.Advance(2 * time.Minute)
		sweep(1) // the login session
		s.clock.Advance(2 * time.Hour)
		sweep(12) // four steps of each flow
		s.clock.Advance(25 * time.Hour)
		sweep(2) // what was not remembered, and what no longer is
		s.clock.Advance(1000 * time.Hour)
		sweep(0) // what is remembered for ever stays
		if list, _ := s.consents("subject=alice"); len(list) != 1 {
			t.Errorf("left: %v", list)
		}
	})
}

func TestRaces(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		s.register("shop")
		b := s.browser()
		count := func(statuses []int, want int) (n int) {
			for _, status := range statuses {
				if status == want {
					n++
				}
			}
			return n
		}
		const many = 10
		login := challengeOf(t, b.auth(request("shop")), "login")
		statuses, tos := make([]int, many), make([]string, many)
		atOnce(many, func(i int) {
			var answer object
			statuses[i], answer = s.answer("login", "accept", login, object{"subject": fmt.Sprintf("subject-%d", i), "remember": true})
			if statuses[i] == http.StatusOK {
				tos[i], _ = answer["redirect_to"].(string)
			}
		})
		if count(statuses, http.StatusOK) != 1 || count(statuses, http.StatusGone) != many-1 {
			t.Fatalf("accepting a login at once: %v", statuses)
		}
		to := strings.Join(tos, "")

		consents := make([]string, many)
		atOnce(many, func(i int) {
			w := b.get(to)
			u, _ := url.Parse(w.Header().Get("Location"))
			consents[i] = u.Query().Get("consent_challenge")
		})
		for _, c := range consents {
			if c != consents[0] || c == "" {
				t.Fatalf("the browser is sent to several places: %v", consents)
			}
		}
		atOnce(many, func(i int) {
			statuses[i], _ = s.answer("consent", "accept", consents[0], object{"grant_scope": []string{"openid"}, "remember_for": i})
		})
		if count(statuses, http.StatusOK) != 1 || count(statuses, http.StatusGone) != many-1 {
			t.Fatalf("accepting a consent at once: %v", statuses)
		}
		var back string
		for i := range many { // who won gets the address again
			if status, answer := s.answer("consent", "accept", consents[0], object{"grant_scope": []string{"openid"}, "remember_for": i}); status == http.StatusOK {
				back, _ = answer["redirect_to"].(string)
			}
		}
		codes := make([]string, many)
		cookies := b.Cookies
		atOnce(many, func(i int) {
			own := s.browser()
			maps.Copy(own.Cookies, cookies)
			w := own.get(back)
			u, _ := url.Parse(w.Header().Get("Location"))
			codes[i] = u.Query().Get("code")
			statuses[i] = w.Code
		})
		if count(statuses, http.StatusSeeOther) != 1 || count(statuses, http.StatusGone) != many-1 {
			t.Fatalf("using the verifier at once: %v", statuses)
		}
		if status, answer := s.redeem("shop", strings.Join(codes, "")); status != http.StatusOK {
			t.Errorf("the one code does not work: %v", answer)
		}
	})
}

// Two servers on one database know nothing of each other's memory.
func TestTwoServers(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		one, two := start(t, db), start(t, db)
		one.register("shop")
		b := one.browser()
		login := challengeOf(t, b.auth(request("shop")), "login")
		one.get("login", login)
		to := two.accept("login", login, alice)
		if status, _ := one.answer("login", "accept", login, object{"subject": "bob"}); status != http.StatusGone {
			t.Errorf("the other server lets the login be accepted again: %d", status)
		}
		consent := challengeOf(t, b.get(to), "consent")
		if status, _ := two.get("consent", consent); status != http.StatusOK {
			t.Errorf("get consent at the other server: %d", status)
		}
		back := two.accept("consent", consent, object{"grant_scope": []string{"openid"}})
		code := answerOf(t, b.get(back)).Get("code")
		if status, answer := two.redeem("shop", code); status != http.StatusOK {
			t.Errorf("token: %v", answer)
		}
	})
}

func TestDeveloperPages(t *testing.T) {
	none := func(p *authorize.Policy) { p.URLs.Login, p.URLs.Consent = "", "" }
	s, b := endpoint(t, none)
	w := b.auth(request("shop", "login_hint", "<alice>"))
	w = b.get(location(t, w).String())
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Development only") || !strings.Contains(w.Body.String(), "&lt;alice&gt;") || !strings.Contains(w.Body.String(), "The shop") {
		t.Fatalf("login form: %d %s", w.Code, w.Body)
	}
	challenge := challengeIn(t, w.Body.String(), "login_challenge")
	wantShown(t, s.browser().get("/oauth2/fallbacks/login?login_challenge="+challenge), http.StatusForbidden) // another browser
	wantShown(t, s.browser().post("/oauth2/fallbacks/login", url.Values{"login_challenge": {challenge}, "subject": {"mallory"}}), http.StatusForbidden)
	again := b.post("/oauth2/fallbacks/login", url.Values{"login_challenge": {challenge}, "subject": {" "}})
	if again.Code != http.StatusOK || !strings.Contains(again.Body.String(), "subject") {
		t.Errorf("without a name: %d %s", again.Code, again.Body)
	}
	w = b.post("/oauth2/fallbacks/login", url.Values{"login_challenge": {challenge}, "subject": {"alice"}, "said": {"yes"}, "remember": {"true"}})
	w = b.get(location(t, b.get(location(t, w).String())).String())
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "alice") || !strings.Contains(w.Body.String(), "offline") {
		t.Fatalf("consent form: %d %s", w.Code, w.Body)
	}
	challenge = challengeIn(t, w.Body.String(), "consent_challenge")
	w = b.post("/oauth2/fallbacks/consent", url.Values{"consent_challenge": {challenge}, "grant_scope": {"openid", "read"}, "said": {"yes"}, "remember": {"true"}})
	code := answerOf(t, b.get(location(t, w).String())).Get("code")
	if status, tokens := s.redeem("shop", code); status != http.StatusOK || tokens["scope"] != "openid read" {
		t.Fatalf("token: %d %v", status, tokens)
	}

	// Remembered, the pages let the browser through without a question.
	w = b.auth(request("shop", "scope", "openid read", "prompt", "none"))
	for range 4 {
		w = b.get(location(t, w).String())
	}
	if answerOf(t, w).Get("code") == "" {
		t.Error("no code")
	}

	// Refusing.
	w = b.get(location(t, b.auth(request("shop", "prompt", "login"))).String())
	w = b.post("/oauth2/fallbacks/login", url.Values{"login_challenge": {challengeIn(t, w.Body.String(), "login_challenge")}, "said": {"no"}})
	wantError(t, b.get(location(t, w).String()), "access_denied")
}

// challengeIn finds a hidden field of a form.
func challengeIn(t *testing.T, page, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `name="`+name+`" value="`)
	if !ok {
		t.Fatalf("the page has no field %s: %s", name, page)
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func TestNoDeveloperPagesInProduction(t *testing.T) {
	_, b := endpoint(t, func(p *authorize.Policy) { p.Development, p.URLs.Login, p.URLs.Consent = false, "", "" })
	w := b.get(location(t, b.auth(request("shop"))).String())
	wantShown(t, w, http.StatusServiceUnavailable)
	if !strings.Contains(w.Body.String(), "oauth.urls.login") {
		t.Errorf("the page does not say what to set: %s", w.Body)
	}
	wantShown(t, b.post("/oauth2/fallbacks/login", url.Values{"subject": {"alice"}}), http.StatusServiceUnavailable)
	wantShown(t, b.get("/oauth2/fallbacks/consent?consent_challenge=x"), http.StatusServiceUnavailable)
	wantShown(t, b.post("/oauth2/fallbacks/consent", url.Values{}), http.StatusServiceUnavailable)
	w = b.get("/oauth2/fallbacks/error?error=invalid_request&error_description=Call+this+number")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "invalid_request") || strings.Contains(w.Body.String(), "number") {
		t.Errorf("error page: %d %s", w.Code, w.Body)
	}
}

func TestForeignFormsAreRefused(t *testing.T) {
	_, b := endpoint(t, func(p *authorize.Policy) { p.URLs.Login = "" })
	w := b.get(location(t, b.auth(request("shop"))).String())
	form := url.Values{"login_challenge": {challengeIn(t, w.Body.String(), "login_challenge")}, "subject": {"mallory"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/fallbacks/login", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost:4444"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	wantShown(t, b.do(r), http.StatusForbidden)
}
