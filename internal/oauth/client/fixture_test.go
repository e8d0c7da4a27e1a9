package client_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	issuer   = "https://id.example.com"
	tokenURL = "https://id.example.com/oauth2/token"
)

// fixture is the package put together on one database.
type fixture struct {
	clock    *testkit.Clock
	db       *sqldb.DB
	store    *client.Store
	hasher   *secret.Hasher
	register *client.Register
	auth     *client.Authenticator
	handler  *client.Handler
	keys     *client.RemoteKeys
	ctx      context.Context
	// documents are what the world publishes, by URL.
	documents map[string]string
	fetched   int
}

func newFixture(t testing.TB, db *sqldb.DB) *fixture {
	t.Helper()
	f := &fixture{clock: new(testkit.Clock), db: db, ctx: tenant.With(t.Context(), tenant.Default), documents: map[string]string{}}
	hasher, err := secret.NewHasher(secret.HashConfig{
		Memory: 8 << 10, Time: 1, Parallelism: 1, MaxMemory: 64 << 10, MaxWaiting: 64, Remember: time.Minute, RememberMax: 100,
	}, testkit.Ring(t), f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.hasher = hasher
	f.store = client.NewStore(client.StoreOptions{DB: db, Feed: sqldb.NewFeed(db, sqldb.FeedOptions{}), CacheSize: 100, Now: f.clock.Now})
	t.Cleanup(f.store.Close)
	fetch := func(_ context.Context, url string) ([]byte, error) {
		f.fetched++
		if text, ok := f.documents[url]; ok {
			return []byte(text), nil
		}
		return nil, http.ErrMissingFile
	}
	f.keys = &client.RemoteKeys{Fetch: fetch, Now: f.clock.Now}
	f.register = &client.Register{
		Store: f.store, Rules: client.Rules{DefaultScope: "offline_access offline openid", Pairwise: true},
		Hasher: hasher, Fetch: fetch, Now: f.clock.Now,
	}
	f.auth = &client.Authenticator{
		Store: f.store, Hasher: hasher, Keys: f.keys, Audiences: func(context.Context) []string { return []string{issuer, tokenURL} },
		AssertionMaxLifetime: time.Hour, Now: f.clock.Now,
	}
	f.handler = &client.Handler{Register: f.register, Ring: testkit.Ring(t).For("client page")}
	return f
}

// memory returns a migrated database in memory, for benchmarks too.
func memory(t testing.TB) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), "memory", sqldb.Options{Name: "oauth", Now: new(testkit.Clock).Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Up(t.Context(), db, "oauth"); err != nil {
		t.Fatal(err)
	}
	return db
}

// serve serves the admin API.
func (f *fixture) serve(t testing.TB) string {
	t.Helper()
	mux := web.NewMux(web.HydraErrors, web.Options{Bare: "/admin"})
	f.handler.MountAdmin(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// add registers a client and returns it with its secret.
func (f *fixture) add(t testing.TB, c *client.Client, given string) client.Registration {
	t.Helper()
	made, err := f.register.Create(f.ctx, client.Registration{Client: c, Secret: given})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// basicClient is the least that can authenticate with a secret.
func basicClient(id string) *client.Client {
	return &client.Client{ID: id, GrantTypes: []string{oauth.GrantClientCredentials}}
}

// forget notes which client was forgotten.
func forget(id *string) func(context.Context, string) error {
	return func(_ context.Context, gone string) error {
		*id = gone
		return nil
	}
}

// rings returns a ring of a new and the tests' old secret, and one of the new alone.
func rings(t testing.TB) (both, only *secret.Ring) {
	t.Helper()
	const fresh, old = secret.String("a secret that came after the first one"), secret.String("a secret that tests alone may know")
	both, err := secret.NewRing([]secret.String{fresh, old})
	if err != nil {
		t.Fatal(err)
	}
	if only, err = secret.NewRing([]secret.String{fresh}); err != nil {
		t.Fatal(err)
	}
	return both, only
}

// rekey makes the fixture verify secrets under another ring.
func (f *fixture) rekey(t testing.TB, ring *secret.Ring) {
	t.Helper()
	config := secret.DefaultHashConfig()
	config.Memory, config.Time = 8<<10, 1
	hasher, err := secret.NewHasher(config, ring, f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.hasher, f.register.Hasher, f.auth.Hasher = hasher, hasher, hasher
}
