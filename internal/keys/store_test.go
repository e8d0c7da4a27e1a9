package keys

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// fastConfig has no RSA, which makes tests wait.
func fastConfig() Config {
	c := DefaultConfig()
	c.IDToken.Algorithm = "EdDSA"
	return c
}

// newServer is one server on the database; several on one database are replicas.
func newServer(t testing.TB, db *sqldb.DB, clock *testkit.Clock, change ...func(*Options)) *Keys {
	t.Helper()
	o := Options{
		Store: NewStore(db, sqldb.NewFeed(db, sqldb.FeedOptions{}), testkit.Ring(t)), Config: fastConfig(), Now: clock.Now,
		Tenants: func() []tenant.ID { return []tenant.ID{tenant.Default} },
	}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

// states counts the keys of a set by state.
func states(t testing.TB, k *Keys, ctx context.Context, set string) map[State]int {
	t.Helper()
	s, err := k.Store.Load(ctx, set)
	if err != nil {
		t.Fatal(err)
	}
	n := map[State]int{}
	for _, key := range s.Keys {
		n[key.State]++
	}
	return n
}

func activeKey(t testing.TB, k *Keys, ctx context.Context, set string) string {
	t.Helper()
	s, err := k.Store.Load(ctx, set)
	if err != nil {
		t.Fatal(err)
	}
	return s.active().ID
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is written is read back, bound to its place.
func TestStoreKeepsEachAlgorithm(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		ctx, clock := testkit.Context(t), new(testkit.Clock)
		k := newServer(t, db, clock)
		for _, jwk := range testKeys {
			must(t, k.edit(ctx, "all", func(s *Set, p policy, now time.Time) error {
				s.put(jwk, p, now)
				return nil
			}))
			clock.Advance(time.Second)
		}
		got, err := k.Store.Load(ctx, "all")
		must(t, err)
		if len(got.Keys) != len(testKeys) {
			t.Fatalf("%d keys are stored, want %d", len(got.Keys), len(testKeys))
		}
		for i, key := range got.Keys {
			if !same(key.jwk, testKeys[key.Algorithm]) || key.ID != "key-"+key.Algorithm {
				t.Errorf("key %s is another after reading", key.ID)
			}
			if i > 0 && key.CreatedAt.After(got.Keys[i-1].CreatedAt) {
				t.Error("keys are not newest first")
			}
			if strings.Contains(key.sealed, `"kty"`) || key.State != Active || key.Origin != ByOperator || !key.RetiredAt.IsZero() {
				t.Errorf("key %s is stored in another state", key.ID)
			}
		}

		sets, err := k.Store.Sets(ctx)
		must(t, err)
		if len(sets) != 1 || sets[0].Name != "all" || len(sets[0].Keys) != len(testKeys) {
			t.Errorf("the list of sets is %d long", len(sets))
		}

		// A row that is copied under another id, or to another tenant, cannot be opened.
		n, err := db.Exec(ctx, `UPDATE signing_key SET kid = 'moved' WHERE tenant_id = :tenant AND set_name = 'all' AND kid = 'key-ES256'`)
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if _, err := k.Store.Load(ctx, "all"); err == nil || !strings.Contains(err.Error(), "moved") {
			t.Errorf("a moved row opens: %v", err)
		}
		other, err := k.Store.Load(tenant.With(ctx, "other"), "all")
		if err != nil || len(other.Keys) != 0 {
			t.Errorf("another tenant sees %d keys, %v", len(other.Keys), err)
		}
	})
}

func TestStoreSaysWhichSecretIsMissing(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	must(t, newServer(t, db, clock).Ensure(ctx))
	ring, err := secret.NewRing([]secret.String{"quite another secret of the system"})
	must(t, err)
	k := newServer(t, db, clock, func(o *Options) {
		o.Store = NewStore(db, sqldb.NewFeed(db, sqldb.FeedOptions{}), ring)
	})
	if err := k.Ensure(ctx); err == nil || !strings.Contains(err.Error(), "secrets.system") {
		t.Errorf("error is %v", err)
	}
}

// After a new secret was put in front, one start is enough to be able to leave out the old one.
func TestKeysAreSealedAnew(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	with := func(secrets ...secret.String) *Keys {
		ring, err := secret.NewRing(secrets)
		must(t, err)
		return newServer(t, db, clock, func(o *Options) { o.Store = NewStore(db, sqldb.NewFeed(db, sqldb.FeedOptions{}), ring) })
	}
	const older, newer = secret.String("the secret that was there first"), secret.String("the secret that comes after it")
	must(t, with(older).Ensure(ctx))
	k := with(newer, older)
	if !k.pass(ctx, k.Store.all) {
		t.Fatal("the first pass failed")
	}
	must(t, with(newer).Ensure(ctx))
}

// Many servers begin on an empty database: one key per set signs, and all use it.
func TestServersThatStartTogetherAgree(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		ctx, clock := testkit.Context(t), new(testkit.Clock)
		servers := make([]*Keys, 6)
		for i := range servers {
			servers[i] = newServer(t, db, clock)
		}
		together(t, servers, func(k *Keys) error {
			if err := k.Ensure(ctx); err != nil {
				return err
			}
			return k.Step(ctx)
		})
		for _, set := range []string{IDToken, AccessToken} {
			if diff := cmp.Diff(map[State]int{Active: 1, Scheduled: 1}, states(t, servers[0], ctx, set)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", set, diff)
			}
			want := activeKey(t, servers[0], ctx, set)
			for _, k := range servers {
				s, err := k.get(ctx, set)
				must(t, err)
				if s.signer.kid != want {
					t.Errorf("%s: a server signs with %s, the others with %s", set, s.signer.kid, want)
				}
			}
		}
	})
}

// Many servers find at once that a rotation is due, and many operators press the button at once: one rotation each.
func TestOneOfManyServersRotates(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		ctx, clock := testkit.Context(t), new(testkit.Clock)
		servers := make([]*Keys, 8)
		for i := range servers {
			servers[i] = newServer(t, db, clock)
		}
		k := servers[0]
		must(t, k.Ensure(ctx))
		must(t, k.Step(ctx))

		clock.Advance(k.Config.RotateEvery)
		first := activeKey(t, k, ctx, AccessToken)
		together(t, servers, func(k *Keys) error { return k.Step(ctx) })
		if diff := cmp.Diff(map[State]int{Active: 1, Scheduled: 1, Retired: 1}, states(t, k, ctx, AccessToken)); diff != "" {
			t.Errorf("on schedule (-want +got):\n%s", diff)
		}
		second := activeKey(t, k, ctx, AccessToken)
		if second == first {
			t.Error("no server rotated")
		}

		// They all look at the key before anybody changes it, as requests do that arrive together.
		s, err := k.Store.Load(ctx, AccessToken)
		must(t, err)
		seen := s.active().ID
		together(t, servers, func(k *Keys) error { return k.rotateFrom(ctx, AccessToken, seen, (*Set).rotate) })
		if diff := cmp.Diff(map[State]int{Active: 1, Scheduled: 1, Retired: 2}, states(t, k, ctx, AccessToken)); diff != "" {
			t.Errorf("by hand (-want +got):\n%s", diff)
		}
		seen = activeKey(t, k, ctx, AccessToken)
		together(t, servers, func(k *Keys) error { return k.rotateFrom(ctx, AccessToken, seen, (*Set).replaceAll) })
		if diff := cmp.Diff(map[State]int{Active: 1, Scheduled: 1}, states(t, k, ctx, AccessToken)); diff != "" {
			t.Errorf("in an emergency (-want +got):\n%s", diff)
		}
	})
}

// Of many who create a key of one id one succeeds.
func TestCreateOnce(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		ctx, clock := testkit.Context(t), new(testkit.Clock)
		servers := make([]*Keys, 8)
		for i := range servers {
			servers[i] = newServer(t, db, clock)
		}
		var mu sync.Mutex
		var made, refused int
		together(t, servers, func(k *Keys) error {
			_, err := k.Create(ctx, "mine", NewKey{Algorithm: "ES256", ID: "the-one"})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case errors.Is(err, ErrExists):
				refused++
			default:
				return err
			}
			return nil
		})
		if made != 1 || refused != len(servers)-1 {
			t.Errorf("%d made it, %d were told that it is there", made, refused)
		}
	})
}

// together runs fn on all servers at the same time.
func together(t *testing.T, servers []*Keys, fn func(*Keys) error) {
	t.Helper()
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(len(servers))
	for _, k := range servers {
		done.Go(func() {
			ready.Done()
			<-start
			if err := fn(k); err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}
