package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// replica is a server of its own on the fixture's database and the shared cache.
func (f *fixture) replica(t *testing.T, remote *cache.Remote) *fixture {
	t.Helper()
	r := newFixtureOn(t, testkit.SharingFeed(t, f.db), f.db)
	r.store = session.NewStore(session.StoreOptions{
		DB: r.db, Feed: r.feed, Identities: r.people, Tokens: session.NewTokens("gh", testkit.Ring(t)), Config: r.config, Remote: remote, Now: r.clock.Now,
	})
	t.Cleanup(r.store.Close)
	return r
}

// What one server has read costs the others no statement, and they hear of every change all the same.
func TestSharedSessions(t *testing.T) {
	redis := testkit.StartRedis(t)
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		if db.Dialect() == sqldb.SQLite {
			return // it has one server
		}
		remote := testkit.Remote(t, redis)
		f := newFixture(t, db)
		warm, cold := f.replica(t, remote), f.replica(t, remote)
		cold.clock.Set(warm.clock.Now())
		who := f.person(t)
		made, token := warm.login(t, who)
		testkit.Settled(t, db, warm.feed)
		want := warm.mustBe(t, token, nil)
		asked := func(s *fixture) uint64 {
			before := db.Statements()
			if got := s.mustBe(t, token, nil); got != nil {
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(session.Session{}), cmpopts.IgnoreUnexported(identity.Identity{}), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("(-read +shared)\n%s", diff)
				}
			}
			return db.Statements() - before
		}
		testkit.Eventually(t, "a server that just started asks nothing", func() bool { return asked(f.replica(t, remote)) == 0 })
		testkit.Settled(t, db, cold.feed) // it has heard of the mark that the session was read at
		if n := asked(cold); n != 0 {
			t.Errorf("%d statements", n)
		}
		if got := cold.mustBe(t, token, nil); got.Identity == nil || identity.AvailableAAL(got.Identity) != identity.AvailableAAL(want.Identity) {
			t.Error("another identity")
		}
		f.changePerson(t, who.ID, "state", identity.Inactive)
		testkit.Eventually(t, "an identity that is inactive is signed in nowhere", func() bool {
			_, err := cold.store.ByToken(cold.ctx, token)
			return err != nil
		})
		cold.changePerson(t, who.ID, "state", identity.Active)
		cold.mustBe(t, token, nil)
		if err := cold.store.Revoke(cold.ctx, made.ID); err != nil {
			t.Fatal(err)
		}
		cold.mustBe(t, token, session.ErrNoSession)
		f.replica(t, remote).mustBe(t, token, session.ErrNoSession)
	})
}
