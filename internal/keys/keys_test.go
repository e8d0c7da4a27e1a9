package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// The life of a token's key as a relying party sees it: whatever it verified once it can verify until it expires, and
// a key is never used before it was published.
func TestTokensOutliveRotation(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	k := newServer(t, db, clock)
	must(t, k.Ensure(ctx))
	must(t, k.Step(ctx))

	kids := func() map[string]bool {
		set, err := k.Public(ctx)
		must(t, err)
		m := map[string]bool{}
		for _, key := range set.Keys {
			m[key.KeyID] = true
			if !key.IsPublic() {
				t.Fatalf("key %s is published with its private part", key.KeyID)
			}
		}
		return m
	}
	known := kids()
	for range 5 {
		token, err := k.Sign(ctx, AccessToken, TypeAccessToken, claimsExample)
		must(t, err)
		jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
		must(t, err)
		kid := jws.Signatures[0].Header.KeyID
		if !known[kid] {
			t.Errorf("key %s signs but was not published a day ago", kid)
		}
		if told, err := k.SigningKey(ctx, AccessToken); err != nil || told != kid {
			t.Errorf("SigningKey says %q, %v, and %s signs", told, err, kid)
		}
		known = kids()
		clock.Advance(k.Config.RotateEvery)
		must(t, k.Step(ctx))
		clock.Advance(k.Config.KeepRetired - time.Microsecond)
		if _, err := k.Verify(ctx, AccessToken, token, TypeAccessToken); err != nil {
			t.Errorf("a token is refused %s after its key retired: %v", k.Config.KeepRetired, err)
		}
		clock.Advance(time.Microsecond)
		if _, err := k.Verify(ctx, AccessToken, token, TypeAccessToken); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("a token is accepted after its key is gone: %v", err)
		}
		must(t, k.Step(ctx))
	}
	if n := len(kids()); n != 4 {
		t.Errorf("%d keys are published, want an active and a next one in each set", n)
	}
}

func TestRetiredKeysStayAsLongAsTheLongestToken(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	k := newServer(t, db, clock, func(o *Options) { o.LongestToken = 100 * 24 * time.Hour })
	must(t, k.Ensure(ctx))
	token, err := k.Sign(ctx, IDToken, TypeJWT, claimsExample)
	must(t, err)
	must(t, k.Rotate(ctx, IDToken))
	clock.Advance(100*24*time.Hour - time.Microsecond)
	must(t, k.Step(ctx))
	if _, err := k.Verify(ctx, IDToken, token, TypeJWT); err != nil {
		t.Error(err)
	}
}

func TestEmergencyEndsOldTokens(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	k := newServer(t, db, clock)
	token, err := k.Sign(ctx, IDToken, TypeJWT, claimsExample)
	must(t, err)
	must(t, k.RotateEmergency(ctx, IDToken))
	if _, err := k.Verify(ctx, IDToken, token, TypeJWT); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a token of the old key gives %v", err)
	}
	again, err := k.Sign(ctx, IDToken, TypeJWT, claimsExample)
	must(t, err)
	if _, err := k.Verify(ctx, IDToken, again, TypeJWT); err != nil {
		t.Error(err)
	}
	if err := k.Rotate(ctx, "nobody's"); !errors.Is(err, ErrNotFound) {
		t.Errorf("rotation of a set that is not there: %v", err)
	}
}

// No statement is executed for signing, verifying and publishing once the sets are in memory.
func TestNoStatementOnTheHotPath(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	k := newServer(t, db, clock)
	must(t, k.Ensure(ctx))
	before := db.Statements()
	for range 100 {
		token, err := k.Sign(ctx, AccessToken, TypeAccessToken, claimsExample)
		must(t, err)
		_, err = k.Verify(ctx, AccessToken, token, TypeAccessToken)
		must(t, err)
		_, err = k.Public(ctx)
		must(t, err)
		_ = k.Alg(ctx, IDToken)
	}
	if n := db.Statements() - before; n != 0 {
		t.Errorf("%d statements were executed", n)
	}
}

func TestTenantsHaveTheirOwnKeys(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		clock := new(testkit.Clock)
		k := newServer(t, db, clock)
		a, b := tenant.With(t.Context(), "a"), tenant.With(t.Context(), "b")
		token, err := k.Sign(a, IDToken, TypeJWT, claimsExample)
		must(t, err)
		if _, err := k.Verify(b, IDToken, token, TypeJWT); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("tenant b takes a token of tenant a: %v", err)
		}
		if _, err := k.Sign(t.Context(), IDToken, TypeJWT, claimsExample); err == nil {
			t.Error("a token is signed for no tenant")
		}
		must(t, k.Step(t.Context())) // without a tenant: for all of them
		for _, ctx := range []context.Context{a, b} {
			if n := states(t, k, ctx, IDToken)[Scheduled]; n != 1 {
				t.Errorf("%d next keys", n)
			}
		}
		must(t, k.RotateEmergency(a, IDToken))
		if token, err = k.Sign(b, IDToken, TypeJWT, claimsExample); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Verify(b, IDToken, token, TypeJWT); err != nil {
			t.Errorf("an emergency of tenant a harms b: %v", err)
		}
	})
}

func TestAlgorithmOfTheConfigurationTakesOver(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	must(t, newServer(t, db, clock).Ensure(ctx))
	k := newServer(t, db, clock, func(o *Options) { o.Config.AccessToken.Algorithm = "EdDSA" })

	// What Run does first after the restart.
	k.pass(ctx, k.Store.all)
	if diff := cmp.Diff([]string{"ES256", "EdDSA"}, k.Algs(ctx, AccessToken)); diff != "" {
		t.Error(diff)
	}
	if alg := k.Alg(ctx, AccessToken); alg != "ES256" {
		t.Errorf("signs with %s at once", alg)
	}
	clock.Advance(k.Config.PublishAhead)
	must(t, k.Step(ctx))
	if alg := k.Alg(ctx, AccessToken); alg != "EdDSA" {
		t.Errorf("signs with %s after publish_ahead", alg)
	}
}

// Run makes what is missing without being asked, and ends with its context.
func TestRun(t *testing.T) {
	clock, db := new(testkit.Clock), testkit.SQLite(t, "oauth")
	k := newServer(t, db, clock)
	ctx, stop := context.WithCancel(testkit.Context(t))
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	testkit.Eventually(t, "the next keys are made", func() bool {
		return states(t, k, ctx, IDToken)[Scheduled]+states(t, k, ctx, AccessToken)[Scheduled] == 2
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Everybody who needs the first key while it is being made gets that one.
func TestFirstUseByMany(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	k := newServer(t, db, clock, func(o *Options) { o.Config = DefaultConfig() })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			set, err := k.Public(ctx)
			if err != nil || len(set.Keys) < 2 {
				t.Errorf("the public set has %d keys, %v", len(set.Keys), err)
			}
			if _, err := k.Sign(ctx, IDToken, TypeJWT, claimsExample); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := states(t, k, ctx, IDToken)[Active]; n != 1 {
		t.Errorf("%d active keys", n)
	}
	if alg := k.Alg(ctx, IDToken); alg != "RS256" {
		t.Errorf("ID tokens are signed with %s", alg)
	}
}

// A request that goes away does not take the load with it that others wait for.
func TestLoadOutlivesItsRequest(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	k := newServer(t, db, clock)
	gone, leave := context.WithCancel(ctx)
	leave()
	if _, err := k.Sign(gone, IDToken, TypeJWT, claimsExample); err == nil {
		t.Log("the key was there before the request was seen to be gone")
	}
	if _, err := k.Sign(ctx, IDToken, TypeJWT, claimsExample); err != nil {
		t.Error(err)
	}
}

// What was loaded before a change must not be remembered after it.
func TestShelfForgetsWhatWasLoadedTooEarly(t *testing.T) {
	var s shelf
	s.init()
	p := place{"a", "set"}
	since := s.now(p)
	s.drop(p.tenant, p.set)
	s.put(p, &snapshot{}, since)
	if s.get(p) != nil {
		t.Error("a set that changed meanwhile is kept")
	}
	s.put(p, &snapshot{}, s.now(p))
	if s.get(p) == nil {
		t.Error("a set is not kept")
	}
	s.drop("a", "another set")
	s.drop("b", "")
	if s.get(p) == nil {
		t.Error("a set went along with others")
	}
	s.drop("", "")
	if s.get(p) != nil {
		t.Error("a set is kept when everything may have changed")
	}
}

// A rotation is used by every other server within a second.
func TestServersHearOfARotation(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		if db.Dialect() == sqldb.SQLite {
			return // has one server only
		}
		ctx, clock := testkit.Context(t), new(testkit.Clock)
		servers := make([]*Keys, 2)
		for i := range servers {
			feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
			servers[i] = newServer(t, db, clock, func(o *Options) { o.Store = NewStore(db, feed, testkit.Ring(t)) })
			testkit.RunFeed(t, feed)
			must(t, servers[i].Ensure(ctx))
		}
		testkit.Within(t, time.Second, "the other server hears of a rotation", func(int) func() bool {
			must(t, servers[0].RotateEmergency(ctx, AccessToken))
			want := activeKey(t, servers[0], ctx, AccessToken)
			return func() bool {
				s, err := servers[1].get(ctx, AccessToken)
				must(t, err)
				return s.signer.kid == want
			}
		})
	})
}

// The log tells what happened to which key, and nothing of the material.
func TestLog(t *testing.T) {
	ctx, clock, db := testkit.Context(t), new(testkit.Clock), testkit.SQLite(t, "oauth")
	var out bytes.Buffer
	k := newServer(t, db, clock, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&out, nil)) })
	must(t, k.Ensure(ctx))
	must(t, k.Rotate(ctx, AccessToken))
	must(t, k.DeleteSet(ctx, AccessToken))
	text := out.String()
	for _, want := range []string{`"event":"added"`, `"event":"changed state"`, `"event":"removed"`, `"tenant":"default"`,
		`"set":"hydra.jwt.access-token"`, `"state":"retired"`, `"alg":"ES256"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
	set, err := k.Get(ctx, IDToken)
	must(t, err)
	raw, err := json.Marshal(set.Keys[0])
	must(t, err)
	var material struct{ D, X string }
	must(t, json.Unmarshal(raw, &material))
	if material.D == "" || strings.Contains(text, material.D) || strings.Contains(text, `"d"`) {
		t.Error("the log holds private material")
	}
}

// While writes are held off, nothing is done and nothing is complained of; then what was due is done.
func TestScheduleWhileWritesAreHeldOff(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		ctx, clock, log := testkit.Context(t), new(testkit.Clock), new(testkit.Log)
		k := newServer(t, db, clock, func(o *Options) {
			o.Log, o.Tenants = log.Logger(), func() []tenant.ID { return []tenant.ID{tenant.Default} }
		})
		must(t, db.Freeze(ctx, "a copy"))
		k.first(ctx)
		if err := k.Ensure(ctx); !errors.Is(err, sqldb.ErrFrozen) {
			t.Errorf("keys are made while writes are held off: %v", err)
		}
		db.Thaw()
		must(t, k.Ensure(ctx))
		must(t, k.Step(ctx))
		before := activeKey(t, k, ctx, AccessToken)
		clock.Advance(365 * 24 * time.Hour)
		must(t, db.Freeze(ctx, "a copy"))
		if k.pass(ctx, k.Store.all) {
			t.Error("a pass went well that could write nothing")
		}
		if text := log.String(); strings.Contains(text, "level=ERROR") || strings.Contains(text, "level=WARN") {
			t.Errorf("the log complains of what was asked for:\n%s", text)
		}
		db.Thaw()
		if !k.pass(ctx, k.Store.all) || activeKey(t, k, ctx, AccessToken) == before {
			t.Error("what was due while writes were held off is not done afterwards")
		}
	})
}

// What a token request pays for its signature when the set is in memory.
func BenchmarkKeysSign(b *testing.B) {
	ctx := tenant.With(b.Context(), tenant.Default)
	db, err := sqldb.Open(ctx, "memory", sqldb.Options{Name: "oauth", Now: new(testkit.Clock).Now})
	must(b, err)
	defer db.Close()
	k := newServer(b, db, new(testkit.Clock))
	snap := testSnapshot(b, testSet(time.Time{}, testKeys["ES256"]))
	snap.followed = true
	k.shelf.put(place{tenant.Default, AccessToken}, snap, k.shelf.now(place{tenant.Default, AccessToken}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Sign(ctx, AccessToken, TypeAccessToken, claimsExample); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		b.Run(alg, func(b *testing.B) {
			for b.Loop() {
				if _, err := newJWK("k", alg, useSignature, 2048); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
