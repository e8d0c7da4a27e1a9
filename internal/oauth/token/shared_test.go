package token_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// replica is a server of its own on the database and the shared cache.
func replica(t *testing.T, db *sqldb.DB, remote *cache.Remote) *server {
	t.Helper()
	s := start(t, db)
	feed := testkit.SharingFeed(t, db)
	s.store = token.NewStore(token.StoreOptions{
		DB: db, Feed: feed, Tokens: s.tokens, Keys: s.keys, Config: s.issuer.Config, Remote: remote, Now: s.clock.Now,
	})
	s.clients = client.NewStore(client.StoreOptions{DB: db, Feed: feed, CacheSize: 100, Remote: remote, Now: s.clock.Now})
	s.feed = feed
	t.Cleanup(s.store.Close)
	return s
}

// What one server has read of tokens and clients costs the others no statement, and they hear of every change all the same.
func TestSharedTokensAndClients(t *testing.T) {
	redis := testkit.StartRedis(t)
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		if db.Dialect() == sqldb.SQLite {
			return // it has one server
		}
		remote := testkit.Remote(t, redis)
		warm := replica(t, db, remote)
		a := warm.register("app")
		login := warm.login(a)
		testkit.Settled(t, db, warm.feed)
		text := login.text("access_token")
		look := func(s *server) (*token.Token, *client.Client) {
			t.Helper()
			found, err := s.store.Lookup(s.ctx, text)
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.clients.Get(s.ctx, "app")
			if err != nil {
				t.Fatal(err)
			}
			return found, c
		}
		wantToken, wantClient := look(warm)
		testkit.Eventually(t, "a server that just started asks nothing", func() bool {
			cold := replica(t, db, remote)
			before := db.Statements()
			found, c := look(cold)
			opaque := cmpopts.IgnoreFields(token.Token{}, "Shown", "Seen")
			if diff := cmp.Diff(wantToken, found, opaque, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-read +shared)\n%s", diff)
			}
			if diff := cmp.Diff(wantClient, c, cmpopts.IgnoreUnexported(client.Client{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-read +shared)\n%s", diff)
			}
			return db.Statements() == before
		})
		cold := replica(t, db, remote)
		look(cold)
		if err := cold.store.RevokeFamilies(cold.ctx, wantToken.Family); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*server{cold, replica(t, db, remote)} {
			if found, err := s.store.Lookup(s.ctx, text); err != nil || found.Active(s.clock.Now()) {
				t.Errorf("a revoked token is active: %v", err)
			}
		}
		if err := cold.clients.Delete(cold.ctx, "app"); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*server{cold, replica(t, db, remote)} {
			if _, err := s.clients.Get(s.ctx, "app"); err == nil {
				t.Error("a deleted client is there")
			}
		}
	})
}
