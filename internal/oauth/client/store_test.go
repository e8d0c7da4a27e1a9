package client_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestStore(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		t.Run("a client comes back as it went in", func(t *testing.T) { storeRoundTrip(t, db) })
		t.Run("ids are told apart by every letter", func(t *testing.T) { storeIDs(t, db) })
		t.Run("lists go by key", func(t *testing.T) { storeLists(t, db) })
		t.Run("changes do not overwrite each other", func(t *testing.T) { storeChanges(t, db) })
		t.Run("a changed client is seen at once", func(t *testing.T) { storeCache(t, db) })
		t.Run("tenants do not see each other", func(t *testing.T) { storeTenants(t, db) })
		t.Run("an assertion works once", func(t *testing.T) { storeAssertions(t, db) })
		t.Run("origins of clients are known", func(t *testing.T) { storeOrigins(t, db) })
		t.Run("expired assertions are swept", func(t *testing.T) { storeSweep(t, db) })
	})
}

func storeRoundTrip(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	skip := true
	want := f.add(t, &client.Client{
		ID: "round-trip", Name: "Ünï 漢字 🚪", Owner: "somebody's", RedirectURIs: []string{"https://a.example.com/cb"},
		Metadata: []byte(`{"b":[1,2.50,"\u0000 <&>"],"a":null}`), SkipLogoutConsent: &skip, Contacts: []string{"a@example.com"},
		Lifespans: client.Lifespans{ImplicitID: client.NullDuration{Duration: 90 * time.Minute, Valid: true}},
	}, "").Client
	got, err := f.store.Get(f.ctx, "round-trip")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(client.Client{})); diff != "" {
		t.Error(diff)
	}
	if _, err := f.register.Create(f.ctx, client.Registration{Client: basicClient("round-trip")}); !errors.Is(err, client.ErrExists) {
		t.Errorf("a second client of that id: %v", err)
	}
	if err := f.store.Delete(f.ctx, "round-trip"); err != nil {
		t.Error(err)
	}
	if _, err := f.store.Get(f.ctx, "round-trip"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
	if err := f.store.Delete(f.ctx, "round-trip"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("deleting it again: %v", err)
	}
}

func storeIDs(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.add(t, basicClient("Case"), "")
	for _, id := range []string{"case", "CASE", "Case ", "Cas\u00e9", "", "a\x00b", "a'b", "%"} {
		if _, err := f.store.Get(f.ctx, id); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	f.add(t, basicClient("case"), "")
}

func storeLists(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "lists")
	for i := range 7 {
		c := basicClient(fmt.Sprintf("list-%d", i))
		c.Name, c.Owner = []string{"even", "odd"}[i%2], "owner"
		f.add(t, c, "")
	}
	for _, tc := range []struct {
		filter client.Filter
		want   []string
	}{
		{client.Filter{Limit: 3}, []string{"list-0", "list-1", "list-2"}},
		{client.Filter{Limit: 3, After: "list-4"}, []string{"list-5", "list-6"}},
		{client.Filter{Limit: 9, Name: "odd"}, []string{"list-1", "list-3", "list-5"}},
		{client.Filter{Limit: 9, Name: "Odd"}, nil},
		{client.Filter{Limit: 9, Name: "even", Owner: "owner", After: "list-2"}, []string{"list-4", "list-6"}},
		{client.Filter{Limit: 9, Owner: "nobody"}, nil},
	} {
		list, err := f.store.List(f.ctx, tc.filter)
		var got []string
		for _, c := range list {
			got = append(got, c.ID)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%+v: %v %s", tc.filter, err, diff)
		}
	}
}

// Ten writers each add their own contact; none may get lost.
func storeChanges(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.add(t, basicClient("busy"), "")
	const writers = 6
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			for {
				_, errs[i] = f.store.Change(f.ctx, "busy", func(c *client.Client) (*client.Client, error) {
					c.Contacts = append(c.Contacts, fmt.Sprint(i))
					return c, nil
				})
				if !errors.Is(errs[i], client.ErrChanged) {
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	c, err := f.store.Get(f.ctx, "busy")
	if err != nil || len(c.Contacts) != writers {
		t.Errorf("%v, %v", c.Contacts, err)
	}
	if _, err := f.store.Change(f.ctx, "nobody", nil); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a client that is not there: %v", err)
	}
}

func storeCache(t *testing.T, db *sqldb.DB) {
	feed := testkit.Feed(t, db)
	f := newFixture(t, db)
	f.store = client.NewStore(client.StoreOptions{DB: db, Feed: feed, CacheSize: 10, Now: f.clock.Now})
	t.Cleanup(f.store.Close)
	f.register.Store = f.store
	f.add(t, basicClient("cached"), "")
	for range 2 {
		if _, err := f.store.Get(f.ctx, "cached"); err != nil {
			t.Fatal(err)
		}
	}
	before := db.Statements()
	for range 100 {
		if _, err := f.store.Get(f.ctx, "cached"); err != nil {
			t.Fatal(err)
		}
	}
	if n := db.Statements() - before; n != 0 {
		t.Errorf("%d statements for a client that is kept", n)
	}
	_, err := f.store.Change(f.ctx, "cached", func(c *client.Client) (*client.Client, error) {
		c.Name = "new"
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := f.store.Get(f.ctx, "cached"); err != nil || c.Name != "new" {
		t.Errorf("%+v, %v", c, err)
	}
	if err := f.store.Delete(f.ctx, "cached"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Get(f.ctx, "cached"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
}

func storeTenants(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.add(t, basicClient("shared"), "")
	other := tenant.With(f.ctx, "other")
	if _, err := f.store.Get(other, "shared"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("another tenant's client: %v", err)
	}
	if err := f.store.Delete(other, "shared"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("deleting another tenant's client: %v", err)
	}
	if list, err := f.store.List(other, client.Filter{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("listing another tenant's clients: %v, %v", list, err)
	}
	if _, err := f.register.Create(other, client.Registration{Client: basicClient("shared")}); err != nil {
		t.Errorf("the same id in another tenant: %v", err)
	}
	if _, err := f.store.Get(t.Context(), "shared"); err == nil {
		t.Error("a context without a tenant was answered")
	}
}

func storeAssertions(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	until := f.clock.Now().Add(time.Hour)
	const parallel = 10
	errs := make([]error, parallel)
	var wg sync.WaitGroup
	for i := range parallel {
		wg.Go(func() { errs[i] = f.store.UseAssertion(f.ctx, "race", until) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, oauth.ErrInvalidClient):
			t.Errorf("a loser got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d won", won, parallel)
	}
	if err := f.store.UseAssertion(tenant.With(f.ctx, "other"), "race", until); err != nil {
		t.Errorf("another tenant: %v", err)
	}
	if err := f.store.UseAssertion(f.ctx, "fresh", until); err != nil {
		t.Errorf("another assertion: %v", err)
	}
}

func storeSweep(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	start := f.clock.Now().Add(-24 * time.Hour)
	for i := range 5 {
		if err := f.store.UseAssertion(f.ctx, fmt.Sprint("sweep-", i), start.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	now := start.Add(3*time.Minute + time.Second) // four have ended
	for _, want := range []int{3, 1, 0} {
		if n, err := f.store.Sweep(t.Context(), now, 3); n != want || err != nil {
			t.Errorf("swept %d, %v, want %d", n, err, want)
		}
	}
	if err := f.store.UseAssertion(f.ctx, "sweep-4", start); fault.From(err).Code != "invalid_client" {
		t.Errorf("one that has not expired is forgotten: %v", err)
	}
}

func storeOrigins(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	feed := testkit.Feed(t, db)
	f.store = client.NewStore(client.StoreOptions{DB: db, Feed: feed, CacheSize: 10, Now: f.clock.Now})
	t.Cleanup(f.store.Close)
	f.register.Store = f.store
	allowed := func(origin string, want bool) {
		t.Helper()
		if got, err := f.store.OriginAllowed(f.ctx, origin); got != want || err != nil {
			t.Errorf("%s: %v, %v", origin, got, err)
		}
	}
	allowed("https://spa.example.com", false)
	for _, id := range []string{"spa", "twin"} {
		c := basicClient(id)
		c.AllowedCORSOrigins = []string{"https://SPA.example.com:443/", "https://spa.example.com", "https://*.example.org"}
		f.add(t, c, "")
	}
	allowed("https://spa.example.com", true)
	allowed("https://a.example.org", true)
	before := db.Statements()
	for i := range 50 {
		allowed(fmt.Sprintf("https://made-up-%d.example.com", i), false)
	}
	if n := db.Statements() - before; n != 0 {
		t.Errorf("%d statements for origins that are made up", n)
	}
	if other, err := f.store.OriginAllowed(tenant.With(f.ctx, "elsewhere"), "https://spa.example.com"); other || err != nil {
		t.Errorf("another tenant: %v, %v", other, err)
	}
	if err := f.store.Delete(f.ctx, "twin"); err != nil {
		t.Fatal(err)
	}
	allowed("https://spa.example.com", true)
	_, err := f.store.Change(f.ctx, "spa", func(c *client.Client) (*client.Client, error) {
		c.AllowedCORSOrigins = []string{"https://new.example.com"}
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	allowed("https://spa.example.com", false)
	allowed("https://new.example.com", true)
}
