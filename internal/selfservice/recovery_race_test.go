package selfservice_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

const racers = 10

// unlimited takes away the limits, which ten at once would run into.
func unlimited(s *server) { s.handler.Limits = nil }

// race runs fn for each racer at once.
func race(fn func(i int) answer) []answer {
	answers := make([]answer, racers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			<-start
			answers[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// sessions counts the sessions of all people.
func (s *server) countSessions() (n int) {
	s.t.Helper()
	rows, err := s.db.Query(s.ctx, `SELECT COUNT(*) FROM session WHERE tenant_id = :tenant`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			s.t.Fatal(err)
		}
	}
	return n
}

func TestOneCodeUsedByTenAtOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, unlimited, proofs())
		for _, kind := range []string{"recovery", "verification"} {
			email := kind + "@example.com"
			s.known(email)
			app := s.app()
			f := app.submit(app.begin(kind, ""), map[string]any{"method": "code", "email": email})
			body := `{"method":"code","code":"` + s.sentCode(email) + `"}`
			won := 0
			for _, a := range race(func(int) answer { return app.do(http.MethodPost, f.text("ui.action"), "application/json", body) }) {
				switch {
				case a.status == http.StatusOK && a.text("state") == ui.StatePassedChallenge:
					won++
				case a.status == http.StatusGone && a.text("error.id") == "self_service_flow_replaced":
				default:
					t.Errorf("%s: %d %s", kind, a.status, a.body)
				}
			}
			expect(t, kind+": winners", won, 1)
		}
		expect(t, "sessions", s.countSessions(), 1)
	})
}

func TestOneLinkUsedByTenAtOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(byLink), proofs())
		for _, kind := range []string{"recovery", "verification"} {
			email := kind + "@example.com"
			who := s.known(email)
			b := s.browser()
			b.submit(b.begin(kind, ""), map[string]any{"method": "link", "email": email})
			link := s.sentLink(email)
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			flow := u.Query().Get("flow")
			won := 0
			for _, a := range race(func(int) answer { return b.get(link) }) {
				to := a.header.Get("Location")
				switch {
				case a.status != http.StatusSeeOther || strings.Contains(to, "/account/error"):
					t.Errorf("%s: %d %s", kind, a.status, to)
				case kind == "recovery" && strings.Contains(to, "/account/settings"), kind == "verification" && strings.Contains(to, flow):
					won++
				}
			}
			expect(t, kind+": winners", won, 1)
			if !s.reload(who).VerifiableAddresses[0].Verified {
				t.Errorf("%s: the address is not verified", kind)
			}
		}
		expect(t, "sessions", s.countSessions(), 1)
	})
}

func TestALinkOpenedInTenBrowsersIsUsedOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, unlimited, config(byLink), proofs())
		s.known("ada@example.com")
		b := s.browser()
		b.submit(b.begin("recovery", ""), map[string]any{"method": "link", "email": "ada@example.com"})
		link := s.sentLink("ada@example.com")
		browsers, shown := make([]*client, racers), make([]answer, racers)
		for i := range browsers {
			browsers[i] = s.browser()
			shown[i] = browsers[i].flow("recovery", browsers[i].get(link))
		}
		won := 0
		for _, a := range race(func(i int) answer {
			return browsers[i].submit(shown[i], map[string]any{"method": "link", "token": value(shown[i], "token")})
		}) {
			if to := a.header.Get("Location"); strings.Contains(to, "/account/settings") {
				won++
			} else if !strings.Contains(to, "/account/recovery") {
				t.Errorf("%d %s", a.status, to)
			}
		}
		expect(t, "winners", won, 1)
		expect(t, "sessions", s.countSessions(), 1)
	})
}

// Of guesses at once, those that do not count must not learn anything: the right code among them either wins or is void.
func TestGuessesAtOnceAreCounted(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, unlimited, proofs())
		s.known("ada@example.com")
		app := s.app()
		f := app.submit(app.begin("recovery", ""), map[string]any{"method": "code", "email": "ada@example.com"})
		sent := s.sentCode("ada@example.com")
		told := 0
		for range 3 {
			for i, a := range race(func(i int) answer {
				guess := fmt.Sprintf("%06d", i)
				if guess == sent {
					guess = "999999"
				}
				return app.do(http.MethodPost, f.text("ui.action"), "application/json", `{"method":"code","code":"`+guess+`"}`)
			}) {
				switch {
				case a.status == http.StatusOK && a.text("state") == ui.StateSentEmail:
					told++
				case a.status == http.StatusBadRequest, a.status == http.StatusGone:
				default:
					t.Errorf("guess %d: %d %s", i, a.status, a.body)
				}
			}
		}
		if told > 5 {
			t.Errorf("%d guesses were told that they were wrong, where 5 may be", told)
		}
		f2, err := s.store.Get(s.ctx, selfservice.KindRecovery, f.text("id"))
		if err != nil {
			t.Fatal(err)
		}
		if c := f2.Internal.Code; c != nil && c.Tries != told {
			t.Errorf("%d were told, %d are counted", told, c.Tries)
		}
	})
}

func TestStatementsOfRecoveriesAndVerifications(t *testing.T) {
	db := testkit.SQLite(t, "management")
	s := newServer(t, db, proofs())
	s.known("ada@example.com")
	count := func(what string, most uint64, fn func() answer) answer {
		t.Helper()
		before := db.Statements()
		a := fn()
		if n := db.Statements() - before; n > most {
			t.Errorf("%s runs %d statements, %d are enough", what, n, most)
		}
		return a
	}
	app := s.app()
	f := count("beginning", 1, func() answer { return app.begin("recovery", "") })
	f = count("asking for a code", 4, func() answer { return app.submit(f, map[string]any{"method": "code", "email": "ada@example.com"}) })
	sent := s.sentCode("ada@example.com")
	f = count("a wrong code", 5, func() answer { return app.submit(f, map[string]any{"code": wrongCode(sent)}) })
	count("the right code, of an address that nobody proved before", 13, func() answer { return app.submit(f, map[string]any{"code": sent}) })
	f = app.submit(app.begin("verification", ""), map[string]any{"method": "code", "email": "ada@example.com"})
	sent = s.sentCode("ada@example.com")
	count("verifying", 5, func() answer { return app.submit(f, map[string]any{"code": sent}) })
}
