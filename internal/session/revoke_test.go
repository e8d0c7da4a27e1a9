package session_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// An ended session is refused at once by the server that ended it, and within a second by the others, which had kept it.
// The servers are stores with feeds of their own, as processes have; an embedded SQLite serves one process alone.
func TestRevocationIsSeenEverywhere(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		server := func() *fixture {
			f := newFixtureOn(t, sqldb.NewFeed(db, sqldb.FeedOptions{}), db)
			testkit.RunFeed(t, f.feed)
			return f
		}
		here := server()
		there := here
		if db.Dialect() != sqldb.SQLite {
			there = server()
		}
		who := here.person(t)
		for name, end := range map[string]func(s *session.Session) error{
			"revoke":     func(s *session.Session) error { return here.store.Revoke(here.ctx, s.ID) },
			"revoke all": func(s *session.Session) error { _, err := here.store.RevokeAll(here.ctx, s.IdentityID); return err },
			"delete all": func(s *session.Session) error { _, err := here.store.DeleteAll(here.ctx, s.IdentityID); return err },
			"everybody": func(*session.Session) error {
				_, _, err := here.store.Manage(here.ctx, session.Bulk{Everybody: true})
				return err
			},
			"another token": func(s *session.Session) error {
				here.store.Renew(s, s.Identity, byPassword(), firefox(), here.clock.Now())
				return here.store.Update(here.ctx, s)
			},
			"a disabled identity": func(s *session.Session) error {
				here.changePerson(t, s.IdentityID, "state", "inactive")
				return nil
			},
		} {
			testkit.Within(t, time.Second, name+": the other server refuses the session", func(int) func() bool {
				here.changePerson(t, who.ID, "state", "active")
				made, token := here.login(t, who)
				testkit.Eventually(t, "the session is kept", func() bool { return kept(t, there, token) })
				here.mustBe(t, token, nil)
				if err := end(made); err != nil {
					t.Fatal(err)
				}
				here.mustBe(t, token, session.ErrNoSession)
				return func() bool {
					_, err := there.store.ByToken(there.ctx, token)
					if err != nil && !errors.Is(err, session.ErrNoSession) {
						t.Fatal(err)
					}
					return err != nil
				}
			})
		}
	})
}

// kept reports whether the server answers for the token without a statement.
func kept(t testing.TB, f *fixture, token string) bool {
	t.Helper()
	before := f.db.Statements()
	f.mustBe(t, token, nil)
	return f.db.Statements() == before
}

// Whoever begins to ask after a revocation returned is refused, however many ask all the time and fill the memory anew.
func TestNobodyGetsInAfterRevocation(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		testkit.RunFeed(t, f.feed)
		who := f.person(t)
		for range 8 {
			made, token := f.login(t, who)
			var revoked atomic.Bool
			ctx, stop := context.WithCancel(f.ctx)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for ctx.Err() == nil {
						was := revoked.Load()
						_, err := f.store.ByToken(f.ctx, token)
						if was && err == nil {
							t.Error("let in after the revocation")
							return
						}
						if err != nil && !errors.Is(err, session.ErrNoSession) {
							t.Error(err)
							return
						}
					}
				})
			}
			// Word about the identity makes everybody read the session again and again while it is revoked.
			for range 3 {
				f.changePerson(t, who.ID, "metadata_public", `{}`)
			}
			if err := f.store.Revoke(f.ctx, made.ID); err != nil {
				t.Error(err)
			}
			revoked.Store(true)
			f.mustBe(t, token, session.ErrNoSession)
			time.Sleep(2 * time.Millisecond)
			stop()
			wg.Wait()
		}
	})
}

// While the feed is not heard, nothing that is kept counts.
func TestNothingKeptCountsWithoutTheFeed(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		if db.Dialect() == sqldb.SQLite {
			return // one process: there is nobody to hear
		}
		f := newFixture(t, db)
		_, token := f.login(t, f.person(t))
		before := db.Statements()
		for range 3 {
			f.mustBe(t, token, nil)
		}
		if n := db.Statements() - before; n != 3 {
			t.Errorf("%d statements for 3 questions", n)
		}
	})
}
