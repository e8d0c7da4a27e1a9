package token_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// atOnce runs f n times at the same time.
func atOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-gate; f(i) })
	}
	close(gate)
	wg.Wait()
}

func TestRFC6749_4_1_2_TenRedeemOneCode(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		// Two servers on one database, so that not one batch decides but the database.
		s, other := start(t, db), start(t, db)
		a := s.register("app")
		for range 5 {
			code := s.code(s.grant(a))
			answers := make([]answer, 10)
			atOnce(10, func(i int) { answers[i] = []*server{s, other}[i%2].redeem(a, code) })
			s.oneWinner(answers)
		}
	})
}

func TestRFC9700_4_14_2_TenRefreshOneToken(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s, other := start(t, db), start(t, db)
		a := s.register("app")
		for range 5 {
			login := s.login(a)
			answers := make([]answer, 10)
			atOnce(10, func(i int) { answers[i] = []*server{s, other}[i%2].refresh(a, login.text("refresh_token")) })
			s.oneWinner(answers)
		}
	})
}

// oneWinner holds that one of the answers brought tokens, and that the others made them worthless.
func (s *server) oneWinner(answers []answer) {
	s.t.Helper()
	winners := 0
	for _, got := range answers {
		if got.Code != http.StatusOK {
			s.wantError(got, 400, "invalid_grant")
			continue
		}
		winners++
		for _, name := range []string{"access_token", "refresh_token"} {
			found, err := s.store.Lookup(s.ctx, got.text(name))
			if err != nil {
				s.t.Fatal(err)
			}
			if found.Active(s.clock.Now()) {
				s.t.Errorf("the %s of the first outlived the second", name)
			}
		}
	}
	if winners != 1 {
		s.t.Errorf("%d of %d got tokens", winners, len(answers))
	}
}

func TestTenRefreshWithinTheGracePeriod(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		grace := func(c *token.Config) { c.Refresh.GracePeriod = time.Minute }
		s, other := start(t, db, grace), start(t, db, grace)
		a := s.register("app")
		login := s.login(a)
		answers := make([]answer, 10)
		atOnce(10, func(i int) { answers[i] = []*server{s, other}[i%2].refresh(a, login.text("refresh_token")) })
		seen := map[string]bool{}
		for _, got := range answers {
			s.wantOK(got)
			seen[got.text("refresh_token")] = true
			s.wantOK(s.refresh(a, got.text("refresh_token")))
		}
		if len(seen) != 10 {
			t.Errorf("%d different refresh tokens", len(seen))
		}
	})
}

// Whoever revokes a family while its members are being exchanged must get them all.
func TestRevocationBeatsExchangesInFlight(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s, other := start(t, db), start(t, db)
		a := s.register("app")
		for range 10 {
			g := s.grant(a)
			last := s.wantOK(s.redeem(a, s.code(g)))
			issued := []answer{last}
			done := make(chan error)
			go func() { done <- other.store.RevokeFamilies(other.ctx, g.Family) }()
			for range 20 {
				if last = s.refresh(a, last.text("refresh_token")); last.Code != http.StatusOK {
					break
				}
				issued = append(issued, last)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			for _, got := range issued {
				for _, name := range []string{"access_token", "refresh_token"} {
					if digest, _ := s.tokens.Check(map[string]string{"access_token": "at", "refresh_token": "rt"}[name], got.text(name)); !s.gone(digest) {
						t.Fatalf("a %s was stored after its family was revoked", name)
					}
				}
			}
		}
	})
}

// gone asks the database itself whether a token is revoked.
func (s *server) gone(digest string) bool {
	var n int
	err := s.db.QueryRow(s.ctx, `SELECT COUNT(*) FROM oauth_token WHERE tenant_id = :tenant AND digest = ? AND revoked_at IS NULL`, digest).Scan(&n)
	if err != nil {
		s.t.Fatal(err)
	}
	return n == 0
}

func TestRevocationIsSeenHereAtOnceAndElsewhereSoon(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s, other := startHurried(t, db), startHurried(t, db)
		if db.Dialect() == sqldb.SQLite {
			other = s // one process has the file, so there is no elsewhere
		}
		a := s.register("app")
		for by, revoke := range map[string]func(*token.Token) error{
			"token":  func(f *token.Token) error { return s.store.RevokeToken(s.ctx, f.Digest) },
			"family": func(f *token.Token) error { return s.store.RevokeFamilies(s.ctx, f.Family) },
			"client": func(f *token.Token) error { return s.store.DeleteByClient(s.ctx, f.ClientID) },
		} {
			testkit.Within(t, time.Second, "another server refuses what was revoked by "+by, func(int) func() bool {
				text := s.login(a).text("access_token")
				found, err := s.store.Lookup(s.ctx, text)
				if err != nil || !other.active(text) {
					t.Fatal(err)
				}
				if err := revoke(found); err != nil {
					t.Fatal(err)
				}
				if found, err := s.store.Lookup(s.ctx, text); err == nil && found.Active(s.clock.Now()) {
					t.Error("the server that revoked a token still takes it")
				}
				return func() bool {
					found, err := other.store.Lookup(other.ctx, text)
					return err != nil || !found.Active(s.clock.Now())
				}
			})
		}
	})
}

func TestSweep(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		a := s.register("app")
		other := tenant.With(s.ctx, "other")
		kept := s.login(a) // a refresh token that outlives the rest
		for range 5 {
			s.wantOK(s.token(a, clientCredentials()))
		}
		at, err := s.issuer.AccessToken(other, a.Client, s.grant(a))
		if err != nil {
			t.Fatal(err)
		}
		s.wantOK(s.refresh(a, kept.text("refresh_token"))) // and a spent one

		if n, err := s.store.Sweep(s.ctx, s.clock.Now(), 100); err != nil || n != 0 {
			t.Fatalf("swept %d before their time, %v", n, err)
		}
		s.clock.Advance(time.Hour)
		// The code of the login, its two access tokens, the five, and the one of the other tenant.
		for _, want := range []int{4, 4, 1, 0} {
			if n, err := s.store.Sweep(context.Background(), s.clock.Now(), 4); err != nil || n != want {
				t.Fatalf("swept %d, %v; want %d", n, err, want)
			}
		}
		if _, err := s.store.Lookup(other, at.Token); err == nil {
			t.Error("the other tenant's token is still there")
		}
		// The spent refresh token is kept, so its reuse is still noticed.
		s.wantError(s.refresh(a, kept.text("refresh_token")), 400, "invalid_grant")
		if found, err := s.store.Lookup(s.ctx, kept.text("refresh_token")); err != nil || found.RevokedAt.IsZero() {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

func TestLiveFamilies(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		a := s.register("app")
		begin := func(refresh time.Duration) string {
			s.issuer.Lifespans.RefreshToken = refresh
			g := s.grant(a)
			s.wantOK(s.redeem(a, s.code(g)))
			return g.Family
		}
		expired, revoked, live, endless := begin(time.Hour), begin(1000*time.Hour), begin(1000*time.Hour), begin(-1)
		if err := s.store.RevokeFamilies(s.ctx, revoked); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(2 * time.Hour)
		got, err := s.store.LiveFamilies(s.ctx, []string{expired, revoked, live, endless, "unknown"})
		if err != nil || len(got) != 2 || !got[live] || !got[endless] {
			t.Errorf("%v, %v", got, err)
		}
		if got, err := s.store.LiveFamilies(s.ctx, nil); err != nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestDeleteByClient(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		a, b := s.register("a"), s.register("b")
		mine, theirs := s.login(a), s.login(b)
		for range 3 {
			s.wantOK(s.token(a, clientCredentials()))
		}
		if err := s.store.DeleteByClient(s.ctx, "a"); err != nil {
			t.Fatal(err)
		}
		s.wantError(s.refresh(a, mine.text("refresh_token")), 400, "invalid_grant")
		s.wantOK(s.refresh(b, theirs.text("refresh_token")))
	})
}

// A client that goes on getting tokens must not keep the one who deletes them waiting for ever.
func TestDeleteByBusyClientEnds(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"))
	a := s.register("busy")
	s.wantOK(s.token(a, clientCredentials()))
	steps := 0
	s.feed.Subscribe("oauth_token", func(tenant.ID, string) {
		if steps++; steps < 50 {
			s.wantOK(s.token(a, clientCredentials())) // one more, as soon as some were deleted
		}
	})
	if err := s.store.DeleteByClient(s.ctx, "busy"); err != nil || steps > 5 {
		t.Errorf("%d steps, %v", steps, err)
	}
}

func TestTenantsDoNotShareTokens(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		a := s.register("app")
		text := s.wantOK(s.token(a, clientCredentials())).text("access_token")
		if !s.active(text) {
			t.Fatal("not active at home")
		}
		if _, err := s.store.Lookup(tenant.With(s.ctx, "other"), text); err == nil {
			t.Error("another tenant knows the token")
		}
	})
}

func TestManyWritesAtOnce(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		a := s.register("app")
		texts := make([]string, 100)
		atOnce(len(texts), func(i int) { texts[i] = s.token(a, clientCredentials("scope", "read")).text("access_token") })
		for _, text := range texts {
			if !s.active(text) {
				t.Fatal("an issued token is not active")
			}
		}
		// Logins at once: what one batch spends and what it stores must not get mixed up.
		codes := make([]string, 30)
		families := make([]string, len(codes))
		for i := range codes {
			g := s.grant(a, func(g *token.Grant) { g.Subject = "user-" + secret.NewID() })
			codes[i], families[i] = s.code(g), g.Subject
		}
		atOnce(len(codes), func(i int) {
			got := s.redeem(a, codes[i])
			for range 3 {
				if got.Code != http.StatusOK {
					t.Errorf("status %d: %s", got.Code, got.Body)
					return
				}
				if found, err := s.store.Lookup(s.ctx, got.text("access_token")); err != nil || found.Subject != families[i] {
					t.Errorf("a token of somebody else: %v", err)
				}
				got = s.refresh(a, got.text("refresh_token"))
			}
		})
	})
}

// What the hot paths cost in statements is part of the design.
func TestStatementsPerRequest(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		s := start(t, db)
		a := s.register("app")
		warm := s.login(a) // clients, signing keys and statement texts are known from here on
		s.wantOK(s.refresh(a, warm.text("refresh_token")))

		cost := func(f func()) uint64 {
			before := db.Statements()
			f()
			return db.Statements() - before
		}
		var login, fresh answer
		code := s.code(s.grant(a))
		elsewhere := start(t, db)
		elsewhere.wantOK(elsewhere.refresh(a, s.login(a).text("refresh_token")))
		foreign := s.code(s.grant(a))
		for _, c := range []struct {
			what string
			max  uint64
			do   func()
		}{
			{"client_credentials", 1, func() { s.wantOK(s.token(a, clientCredentials())) }},
			{"insert a code", 1, func() { s.code(s.grant(a)) }},
			{"redeem a code made here", 2, func() { login = s.wantOK(s.redeem(a, code)) }},
			{"redeem a code made elsewhere", 3, func() { elsewhere.wantOK(elsewhere.redeem(a, foreign)) }},
			{"refresh", 3, func() { fresh = s.wantOK(s.refresh(a, login.text("refresh_token"))) }},
			{"look up an access token", 1, func() { s.active(fresh.text("access_token")) }},
			{"look up a cached access token", 0, func() { s.active(fresh.text("access_token")) }},
			{"look up a refresh token", 1, func() { s.active(fresh.text("refresh_token")) }},
		} {
			if n := cost(c.do); n > c.max {
				t.Errorf("%s: %d statements, at most %d", c.what, n, c.max)
			}
		}
	})
}
