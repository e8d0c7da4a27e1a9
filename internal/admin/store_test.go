package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestLifeOfAKey(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		ctx := testkit.Context(t)
		h := f.listener()
		if there, err := f.store.Any(ctx); err != nil || there {
			t.Fatalf("a key out of nothing: %t %v", there, err)
		}
		made := f.add(t, admin.New{Tenant: "acme", Name: "deploys", Role: actor.RoleOperator, Only: []string{"clients", "clients"}})
		if there, err := f.store.Any(ctx); err != nil || !there {
			t.Fatalf("no key: %t %v", there, err)
		}
		if !strings.HasPrefix(made.Text, "gh_admin_") || made.State != admin.Active || len(made.Only) != 1 {
			t.Errorf("%+v", made)
		}
		asks := func(text string, want int) {
			t.Helper()
			if w := ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer "+text); w.Code != want {
				t.Errorf("status %d, want %d: %s", w.Code, want, w.Body)
			}
		}
		asks(made.Text, http.StatusOK)
		if k, err := f.store.Get(ctx, made.ID, "acme"); err != nil || !k.UsedAt.Equal(f.clock.Now()) || !k.ExpiresAt.Equal(f.clock.Now().Add(24*time.Hour)) {
			t.Errorf("%+v %v", k, err)
		}
		if _, err := f.store.Get(ctx, made.ID, "other"); !errors.Is(err, admin.ErrNotFound) {
			t.Errorf("another tenant sees it: %v", err)
		}
		if err := f.store.Revoke(ctx, made.ID, "other"); !errors.Is(err, admin.ErrNotFound) {
			t.Errorf("another tenant revokes it: %v", err)
		}

		// Its successor is like it, and it goes on for an hour.
		next, err := f.store.Rotate(ctx, made.ID, admin.All, time.Hour, time.Time{}, false)
		if err != nil {
			t.Fatal(err)
		}
		if next.Name != made.Name || next.Role != made.Role || next.Tenant != made.Tenant || !next.ExpiresAt.Equal(made.ExpiresAt) || next.Text == made.Text || len(next.Only) != 1 {
			t.Errorf("%+v is no successor of %+v", next, made)
		}
		if _, err := f.store.Rotate(ctx, made.ID, admin.All, 0, time.Time{}, false); !errors.Is(err, admin.ErrOver) {
			t.Errorf("rotated twice: %v", err)
		}
		asks(made.Text, http.StatusOK)
		asks(next.Text, http.StatusOK)
		f.clock.Advance(time.Hour)
		asks(made.Text, http.StatusUnauthorized)
		asks(next.Text, http.StatusOK)

		for range 2 { // the second time changes nothing
			if err := f.store.Revoke(ctx, next.ID, "acme"); err != nil {
				t.Fatal(err)
			}
			asks(next.Text, http.StatusUnauthorized)
		}
		if _, err := f.store.Rotate(ctx, next.ID, admin.All, 0, time.Time{}, false); !errors.Is(err, admin.ErrOver) {
			t.Errorf("a revoked key is rotated: %v", err)
		}
		for action, want := range map[activity.Action]int{
			activity.AdminKeyCreated: 2, activity.AdminKeyChanged: 1, activity.AdminKeyRevoked: 1, activity.AdminKeyUsed: 2,
		} {
			if got := f.told(t, action); got != want {
				t.Errorf("%d events %s, want %d", got, action, want)
			}
		}
		for _, e := range f.events(t) {
			encoded, _ := json.Marshal(e)
			if e.Tenant != "acme" || strings.Contains(string(encoded), made.Text[9:]) || strings.Contains(string(encoded), next.Text[9:]) {
				t.Errorf("%s", encoded)
			}
		}
	})
}

// TestKeysThatAreLongOverAreDeleted: those that have expired or were revoked, after ninety days and not before.
func TestKeysThatAreLongOverAreDeleted(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f, ctx := newFixture(t, db), testkit.Context(t)
		f.add(t, admin.New{Tenant: "acme", Name: "expires", Role: actor.RoleViewer})
		revoked := f.add(t, admin.New{Tenant: admin.All, Name: "revoked", Role: actor.RoleViewer, Expires: f.clock.Now().Add(1000 * time.Hour)})
		kept := f.add(t, admin.New{Tenant: "acme", Name: "kept", Role: actor.RoleViewer, Expires: f.clock.Now().Add(10000 * time.Hour)})
		if err := f.store.Revoke(ctx, revoked.ID, admin.All); err != nil {
			t.Fatal(err)
		}
		const ninety = 90 * 24 * time.Hour
		if n, err := f.store.Sweep(ctx, f.clock.Now().Add(ninety-time.Minute), 10); n != 0 || err != nil {
			t.Errorf("before that %d go: %v", n, err)
		}
		if n, err := f.store.Sweep(ctx, f.clock.Now().Add(ninety+25*time.Hour), 10); n != 2 || err != nil {
			t.Errorf("%d of 2 go: %v", n, err)
		}
		if left, err := f.store.List(ctx, admin.Filter{Tenant: admin.All, Limit: 10}); err != nil || len(left) != 1 || left[0].ID != kept.ID {
			t.Errorf("left are %v: %v", left, err)
		}
	})
}

func TestListOfKeys(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		for _, of := range []tenant.ID{"acme", admin.All, "default", "acme", "acme"} {
			f.add(t, admin.New{Tenant: of, Role: actor.RoleViewer})
		}
		for of, want := range map[tenant.ID]int{admin.All: 5, "acme": 3, "default": 1, "nobody": 0} {
			seen := map[string]bool{}
			after := ""
			for {
				page, err := f.store.List(t.Context(), admin.Filter{Tenant: of, After: after, Limit: 2})
				if err != nil {
					t.Fatal(err)
				}
				for _, k := range page {
					if seen[k.ID] || k.ID <= after || of != admin.All && k.Tenant != of {
						t.Errorf("%s: %+v", of, k)
					}
					seen[k.ID], after = true, k.ID
				}
				if len(page) < 2 {
					break
				}
			}
			if len(seen) != want {
				t.Errorf("%s has %d keys, want %d", of, len(seen), want)
			}
		}
	})
}

// The keys of a tenant that is deleted open nothing any more, also for who used them a moment before: the id may be another's next.
func TestTheKeysOfATenantEndWithIt(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		feed := testkit.Feed(t, db)
		f.store = f.another(t, feed)
		f.guard.Store = f.store
		h := f.listener()
		made := f.add(t, admin.New{Tenant: "acme", Role: actor.RoleAdmin})
		asks := func() int {
			return ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer "+made.Text).Code
		}
		if code := asks(); code != http.StatusOK {
			t.Fatalf("status %d", code)
		}
		err := db.InTx(tenant.With(t.Context(), "acme"), func(ctx context.Context, tx *sqldb.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM admin_key WHERE tenant_id = :tenant`); err != nil {
				return err
			}
			return feed.PublishAll(ctx, tx)
		})
		if err != nil {
			t.Fatal(err)
		}
		if code := asks(); code != http.StatusUnauthorized {
			t.Errorf("status %d", code)
		}
	})
}

// Once a key is known, asking who sends a request costs no statement.
func TestAKnownKeyCostsNoStatement(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		h := f.listener()
		made := f.add(t, admin.New{Tenant: admin.All, Role: actor.RoleOperator})
		asks := func(authorization string, want int) uint64 {
			t.Helper()
			before := db.Statements()
			if w := ask(t, h, http.MethodPost, "http://acme.test/admin/clients", authorization); w.Code != want {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			return db.Statements() - before
		}
		asks("Bearer "+made.Text, http.StatusOK)
		for range 3 {
			if n := asks("Bearer "+made.Text, http.StatusOK); n != 0 {
				t.Errorf("%d statements", n)
			}
		}
		// The last of the 43 characters that 32 bytes make has no low bits, so this one is another.
		forged := made.Text[:len(made.Text)-1] + "_"
		asks("Bearer "+forged, http.StatusUnauthorized) // is told of once
		if n := asks("Bearer "+forged, http.StatusUnauthorized); n != 0 {
			t.Errorf("a key that somebody made up costs %d statements", n)
		}
		asks("", http.StatusUnauthorized)
		if n := asks("", http.StatusUnauthorized); n != 0 {
			t.Errorf("no credential costs %d statements", n)
		}
		if n := asks("Bearer "+configured, http.StatusOK); n != 0 {
			t.Errorf("a key of the configuration costs %d statements", n)
		}
	})
}

// When a key was used is written once an hour, whoever uses it however often.
func TestUseIsWrittenRarely(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		h := f.listener()
		made := f.add(t, admin.New{Tenant: "default", Role: actor.RoleViewer})
		for step := range 3 {
			begun := f.clock.Now()
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if w := ask(t, h, http.MethodGet, "http://default.test/admin/clients/1", "bearer "+made.Text); w.Code != http.StatusOK {
						t.Errorf("status %d: %s", w.Code, w.Body)
					}
				})
			}
			all.Wait()
			f.clock.Advance(30 * time.Minute)
			if w := ask(t, h, http.MethodGet, "http://default.test/admin/clients/1", "Bearer "+made.Text); w.Code != http.StatusOK {
				t.Fatal(w.Body)
			}
			if k, err := f.store.Get(t.Context(), made.ID, admin.All); err != nil || !k.UsedAt.Equal(begun) {
				t.Errorf("step %d: used at %s, want %s: %v", step, k.UsedAt, begun, err)
			}
			f.clock.Advance(time.Hour)
		}
		if n := f.told(t, activity.AdminKeyUsed); n != 1 {
			t.Errorf("%d events tell of the first use", n)
		}
		for _, e := range f.events(t) {
			if e.Action == activity.AdminKeyUsed && (e.Actor.Kind != string(actor.AdminKey) || e.Actor.ID != made.ID) {
				t.Errorf("it was used by %+v", e.Actor)
			}
		}
	})
}

// A key that was revoked opens nothing any more once that is answered, however many requests come with it at the same time, and
// in another server within a second.
func TestRevokedWhileInUse(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		here, there := f.listener(), f.listener()
		if !db.Embedded() {
			f.guard.Store = f.another(t, testkit.Feed(t, db))
			there = f.listener()
		}
		status := func(h http.Handler, text string) int {
			return ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer "+text).Code
		}
		testkit.Within(t, time.Second, "a revoked key is refused everywhere", func(int) func() bool {
			made := f.add(t, admin.New{Tenant: "acme", Role: actor.RoleViewer})
			if status(there, made.Text) != http.StatusOK {
				t.Fatal("the key opens nothing")
			}
			var revoked atomic.Bool
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					for !revoked.Load() {
						status(here, made.Text)
					}
					for range 20 {
						if got := status(here, made.Text); got != http.StatusUnauthorized {
							t.Errorf("status %d after the key was revoked", got)
						}
					}
				})
			}
			if err := f.store.Revoke(testkit.Context(t), made.ID, admin.All); err != nil {
				t.Error(err)
			}
			revoked.Store(true)
			all.Wait()
			return func() bool { return status(there, made.Text) == http.StatusUnauthorized }
		})
	})
}

// Of several who rotate a key at once one makes a successor.
func TestRotatedOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		made := f.add(t, admin.New{Tenant: admin.All, Role: actor.RoleViewer})
		var succeeded atomic.Int32
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				_, err := f.store.Rotate(testkit.Context(t), made.ID, admin.All, 0, time.Time{}, true)
				switch {
				case err == nil:
					succeeded.Add(1)
				case !errors.Is(err, admin.ErrOver):
					t.Error(err)
				}
			})
		}
		all.Wait()
		keys, err := f.store.List(t.Context(), admin.Filter{Tenant: admin.All, Limit: 10})
		if err != nil || succeeded.Load() != 1 || len(keys) != 2 || keys[0].State != admin.Expired || keys[0].ReplacedBy != keys[1].ID || !keys[1].ExpiresAt.IsZero() {
			t.Errorf("%d succeeded, there are %d keys: %v", succeeded.Load(), len(keys), err)
		}
	})
}

// While nobody can find out whether a key is good, it opens nothing.
func TestWithoutDatabaseKeysOpenNothing(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	made := f.add(t, admin.New{Tenant: admin.All, Role: actor.RoleAdmin})
	h := f.listener()
	if err := f.db.Close(); err != nil {
		t.Fatal(err)
	}
	if w := ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer "+made.Text); w.Code < 500 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer "+configured); w.Code != http.StatusOK {
		t.Errorf("a key of the configuration needs the database: %d %s", w.Code, w.Body)
	}
}
