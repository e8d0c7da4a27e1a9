package limit_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// slow is a rate that a test can count.
func slow() limit.Config {
	c := limit.DefaultConfig()
	c.Login = limit.Rate{Requests: 6, Per: time.Minute, Burst: 3} // one in ten seconds, three at once
	c.Lockout = limit.Lockout{Failures: 3, FailuresAnywhere: 6, First: 10 * time.Second, Longest: time.Minute, Forget: time.Hour}
	return c
}

func memory(t *testing.T, c limit.Config) (*limit.Limits, *testkit.Clock) {
	t.Helper()
	clock := &testkit.Clock{}
	return limit.New(limit.Options{Config: c, Now: clock.Now}), clock
}

func wait(t *testing.T, err, is error) time.Duration {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("error is %v, not %v", err, is)
	}
	f := fault.From(err)
	if f.Kind != fault.Limited || f.RetryAfter <= 0 {
		t.Fatalf("kind %v, retry after %s", f.Kind, f.RetryAfter)
	}
	return f.RetryAfter
}

func TestAllow(t *testing.T) {
	l, clock := memory(t, slow())
	ctx := testkit.Context(t)
	const home, away = "192.0.2.1", "192.0.2.2"
	for i := range 3 {
		if err := l.Allow(ctx, limit.Login, home); err != nil {
			t.Fatalf("request %d of the burst: %v", i+1, err)
		}
	}
	if d := wait(t, l.Allow(ctx, limit.Login, home), limit.ErrLimited); d != 10*time.Second {
		t.Errorf("wait %s", d)
	}
	clock.Advance(4 * time.Second)
	if d := wait(t, l.Allow(ctx, limit.Login, home), limit.ErrLimited); d != 6*time.Second {
		t.Errorf("a refused request moved the time: wait %s", d)
	}
	for name, err := range map[string]error{
		"another address": l.Allow(ctx, limit.Login, away),
		"another rule":    l.Allow(ctx, limit.Flow, home),
		"another tenant":  l.Allow(tenant.With(ctx, "other"), limit.Login, home),
		"nobody":          l.Allow(ctx, limit.Login, ""),
		"no key":          l.Allow(ctx, limit.Login),
		"an unknown rule": l.Allow(ctx, "no such rule", home),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	clock.Advance(6 * time.Second)
	if err := l.Allow(ctx, limit.Login, home); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	clock.Advance(time.Hour)
	for i := range 3 {
		if err := l.Allow(ctx, limit.Login, home); err != nil {
			t.Fatalf("request %d after a pause: %v", i+1, err)
		}
	}
	wait(t, l.Allow(ctx, limit.Login, home), limit.ErrLimited)
}

// TestAllowRecipient: one mailbox has one rate, whichever flow writes to it and from wherever it was asked for.
func TestAllowRecipient(t *testing.T) {
	c := slow()
	c.Recipient = limit.Rate{Requests: 2, Per: time.Minute, Burst: 2}
	l, clock := memory(t, c)
	ctx := testkit.Context(t)
	if err := errors.Join(
		l.Allow(ctx, limit.Recovery, limit.To+"ada@example.com"), l.Allow(ctx, limit.Verification, limit.To+"ada@example.com"),
		l.Allow(ctx, limit.Recovery, limit.To+"bob@example.com"), l.Allow(ctx, limit.Recovery, "192.0.2.1"),
	); err != nil {
		t.Fatal(err)
	}
	if d := wait(t, l.Allow(ctx, "no such rule", limit.To+"ada@example.com"), limit.ErrLimited); d != 30*time.Second {
		t.Errorf("wait %s", d)
	}
	clock.Advance(30 * time.Second)
	if err := l.Allow(ctx, limit.Login, limit.To+"ada@example.com"); err != nil {
		t.Error(err)
	}
}

func TestAllowWhatIsSwitchedOff(t *testing.T) {
	off, rateless := slow(), slow()
	off.Enabled = false
	rateless.Login.Requests = 0
	for name, c := range map[string]limit.Config{"all": off, "the rule": rateless} {
		l, _ := memory(t, c)
		for range 50 {
			if err := l.Allow(testkit.Context(t), limit.Login, "192.0.2.1"); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	var none *limit.Limits
	ctx := testkit.Context(t)
	if err := errors.Join(none.Allow(ctx, limit.Login, "x"), none.Locked(ctx, "x"), none.Failed(ctx, "x"), none.Succeeded(ctx, "x")); err != nil {
		t.Errorf("no limits: %v", err)
	}
}

// TestAllowCountsNetworks: who has an IPv6 network has 2^64 addresses, and an IPv4 address has several spellings.
func TestAllowCountsNetworks(t *testing.T) {
	for name, addresses := range map[string][]string{
		"a /64":         {"2001:db8:1:2::1", "2001:db8:1:2:ffff::", "2001:0db8:0001:0002:0:0:0:3", "2001:db8:1:2::1%eth0"},
		"IPv4 as IPv6":  {"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "::ffff:c000:201"},
		"other strings": {"device 1", "device 1", "device 1", "device 1"},
	} {
		l, _ := memory(t, slow())
		for i, a := range addresses {
			if err := l.Allow(testkit.Context(t), limit.Login, a); (err != nil) != (i == 3) {
				t.Errorf("%s: request %d: %v", name, i+1, err)
			}
		}
		if err := l.Allow(testkit.Context(t), limit.Login, "2001:db8:1:3::1"); err != nil {
			t.Errorf("%s: another network: %v", name, err)
		}
	}
}

// TestAllowTogether: of many requests at once, exactly the burst passes.
func TestAllowTogether(t *testing.T) {
	l, _ := memory(t, slow())
	ctx := testkit.Context(t)
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if l.Allow(ctx, limit.Login, "192.0.2.1") == nil {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n != 3 {
		t.Errorf("%d requests passed", n)
	}
}

// TestAllowIsBounded: an attacker with more addresses than fit neither takes all memory nor is let through unseen.
func TestAllowIsBounded(t *testing.T) {
	c := slow()
	c.MaxAddresses = 1600
	l, clock := memory(t, c)
	ctx := testkit.Context(t)
	address := netip.MustParseAddr("10.0.0.0")
	for range 20_000 {
		address = address.Next()
		if err := l.Allow(ctx, limit.Login, address.String()); err != nil {
			t.Fatal(err)
		}
		if n := l.Counted(); n > c.MaxAddresses {
			t.Fatalf("%d addresses are counted", n)
		}
	}
	if n := l.Counted(); n < c.MaxAddresses/2 {
		t.Errorf("only %d addresses are counted", n)
	}
	clock.Advance(time.Minute)
	for range 2000 {
		address = address.Next()
		_ = l.Allow(ctx, limit.Login, address.String())
	}
	if n := l.Counted(); n > c.MaxAddresses {
		t.Errorf("%d addresses are counted", n)
	}
}

// guarded is limits over a database.
func guarded(t *testing.T, db *sqldb.DB, c limit.Config) (*limit.Limits, *testkit.Clock) {
	t.Helper()
	clock := &testkit.Clock{}
	store := limit.NewStore(limit.StoreOptions{DB: db, Ring: testkit.Ring(t).For("limits")})
	return limit.New(limit.Options{Config: c, Store: store, Now: clock.Now}), clock
}

func failed(ctx context.Context, t *testing.T, l *limit.Limits, n int, key string, address ...string) {
	t.Helper()
	for range n {
		if err := l.Failed(ctx, key, address...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockout(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		l, clock := guarded(t, db, slow())
		ctx := testkit.Context(t)
		const key, home = "password:ada@example.com", "192.0.2.1"
		failed(ctx, t, l, 3, key, home)
		if err := l.Locked(ctx, key, home); err != nil {
			t.Fatalf("after the free failures: %v", err)
		}
		// Each further failure locks for twice as long, up to a minute.
		for _, want := range []time.Duration{10, 20, 40, 60, 60} {
			failed(ctx, t, l, 1, key, home)
			if d := wait(t, l.Locked(ctx, key, home), limit.ErrLocked); d != want*time.Second {
				t.Errorf("locked for %s, want %ds", d, want)
			}
			clock.Advance(want*time.Second - time.Second)
			if d := wait(t, l.Locked(ctx, key, home), limit.ErrLocked); d != time.Second {
				t.Errorf("locked for another %s, want 1s", d)
			}
			clock.Advance(time.Second)
			if err := l.Locked(ctx, key, home); err != nil {
				t.Errorf("after the lock: %v", err)
			}
		}
		for name, err := range map[string]error{
			"another name":   l.Locked(ctx, "password:bob@example.com", home),
			"another tenant": l.Locked(tenant.With(ctx, "other"), key, home),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		clock.Advance(time.Hour)
		failed(ctx, t, l, 1, key, home)
		if err := l.Locked(ctx, key, home); err != nil {
			t.Errorf("the failures of an hour ago count still: %v", err)
		}
	})
}

// TestLockoutFromAfar: nobody locks somebody else out from one other address; many failures lock the name everywhere.
func TestLockoutFromAfar(t *testing.T) {
	db := testkit.SQLite(t, "management")
	l, _ := guarded(t, db, slow())
	ctx := testkit.Context(t)
	const key, home, away = "password:ada@example.com", "192.0.2.1", "2001:db8::1"
	failed(ctx, t, l, 4, key, away)
	wait(t, l.Locked(ctx, key, away), limit.ErrLocked)
	wait(t, l.Locked(ctx, key, "2001:db8::2"), limit.ErrLocked) // the same network
	if err := l.Locked(ctx, key, home); err != nil {
		t.Errorf("the owner's address: %v", err)
	}
	failed(ctx, t, l, 3, key, "198.51.100.7")
	wait(t, l.Locked(ctx, key, home), limit.ErrLocked)
	wait(t, l.Locked(ctx, key, "203.0.113.9"), limit.ErrLocked)
}

// TestKnownDevices: strangers lock a name everywhere, but not where its owner signed in before; that browser counts for itself.
func TestKnownDevices(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		l, clock := guarded(t, db, slow())
		ctx := testkit.Context(t)
		const key, home, hers, his = "password:ada@example.com", "192.0.2.1", limit.Device + "hers", limit.Device + "his"
		failed(ctx, t, l, 9, key, "198.51.100.7")
		wait(t, l.Locked(ctx, key, home), limit.ErrLocked)
		if err := l.Locked(ctx, key, hers); err != nil {
			t.Errorf("her browser: %v", err)
		}
		failed(ctx, t, l, 4, key, hers)
		if d := wait(t, l.Locked(ctx, key, hers), limit.ErrLocked); d != 10*time.Second {
			t.Errorf("locked for %s", d)
		}
		if err := errors.Join(l.Locked(ctx, key, his), l.Locked(ctx, "password:bob@example.com", hers)); err != nil {
			t.Errorf("another browser, another name: %v", err)
		}
		clock.Advance(10 * time.Second)
		if err := l.Succeeded(ctx, key, hers); err != nil {
			t.Fatal(err)
		}
		failed(ctx, t, l, 3, key, hers)
		if err := l.Locked(ctx, key, hers); err != nil {
			t.Errorf("failures from before the success count: %v", err)
		}
		wait(t, l.Locked(ctx, key, home), limit.ErrLocked) // her success is no stranger's
	})
	off := slow()
	off.Lockout.Failures, off.Lockout.KnownDevice = 0, time.Hour
	l, _ := memory(t, off)
	var none *limit.Limits
	if l.KnownDevice() != 0 || none.KnownDevice() != 0 {
		t.Error("without lock-outs nobody needs to be known")
	}
}

// TestManyKnownDevices: who knew a password once may be known in any number of browsers, and has no more tries for that.
func TestManyKnownDevices(t *testing.T) {
	l, _ := guarded(t, testkit.SQLite(t, "management"), slow())
	ctx := testkit.Context(t)
	const key = "password:ada@example.com"
	for i := range 7 {
		failed(ctx, t, l, 1, key, limit.Device+strconv.Itoa(i))
	}
	wait(t, l.Locked(ctx, key, limit.Device+"another"), limit.ErrLocked)
	if err := l.Locked(ctx, key, "192.0.2.1"); err != nil {
		t.Errorf("an address: %v", err)
	}
}

// TestOvertaken: an attempt that was let in is held against the failures that came meanwhile, at no cost where there were none.
func TestOvertaken(t *testing.T) {
	db := testkit.SQLite(t, "management")
	l, _ := guarded(t, db, slow())
	ctx := testkit.Context(t)
	const key, home = "password:ada@example.com", "192.0.2.1"
	before := db.Statements()
	if err := l.Overtaken(ctx, key, home); err != nil || db.Statements() != before {
		t.Errorf("%v, %d statements", err, db.Statements()-before)
	}
	failed(ctx, t, l, 3, key, home)
	if err := l.Overtaken(ctx, key, home); err != nil {
		t.Error(err)
	}
	failed(ctx, t, l, 1, key, home)
	wait(t, l.Overtaken(ctx, key, home), limit.ErrLocked)
	var none *limit.Limits
	if err := none.Overtaken(ctx, key, home); err != nil {
		t.Error(err)
	}
}

// TestLockoutWithoutAddress: a key alone has the strict bound.
func TestLockoutWithoutAddress(t *testing.T) {
	l, _ := guarded(t, testkit.SQLite(t, "management"), slow())
	ctx := testkit.Context(t)
	failed(ctx, t, l, 4, "code:ada@example.com")
	wait(t, l.Locked(ctx, "code:ada@example.com"), limit.ErrLocked)
	if err := l.Locked(ctx, "password:ada@example.com"); err != nil {
		t.Error(err)
	}
}

func TestSucceededForgets(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		l, _ := guarded(t, db, slow())
		ctx := testkit.Context(t)
		const key, home = "password:ada@example.com", "192.0.2.1"
		statements := func(what string, want uint64, do func() error) {
			t.Helper()
			before := db.Statements()
			if err := do(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if n := db.Statements() - before; n != want {
				t.Errorf("%s took %d statements, want %d", what, n, want)
			}
		}
		statements("Locked", 1, func() error { return l.Locked(ctx, key, home) })
		statements("Succeeded without failures", 0, func() error { return l.Succeeded(ctx, key, home) })
		failed(ctx, t, l, 3, key, home)
		statements("Locked", 1, func() error { return l.Locked(ctx, key, home) })
		statements("Succeeded", 1, func() error { return l.Succeeded(ctx, key, home) })
		statements("Succeeded again", 0, func() error { return l.Succeeded(ctx, key, home) })
		failed(ctx, t, l, 3, key, home)
		if err := l.Locked(ctx, key, home); err != nil {
			t.Errorf("failures from before the success count: %v", err)
		}
	})
}

// TestFailedTogether: failures at the same time, also in several replicas, are all counted.
func TestFailedTogether(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		c := slow()
		c.Lockout.Failures, c.Lockout.FailuresAnywhere = 19, 39
		here, _ := guarded(t, db, c)
		there, _ := guarded(t, db, c)
		ctx := testkit.Context(t)
		var wg sync.WaitGroup
		for i := range 40 {
			l := []*limit.Limits{here, there}[i%2]
			wg.Go(func() {
				if err := l.Failed(ctx, "password:ada", fmt.Sprint("192.0.2.", 1+i%2)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} { // 20, 20 and 40 failures: one too many each
			if d := wait(t, here.Locked(ctx, "password:ada", address), limit.ErrLocked); d != 10*time.Second {
				t.Errorf("%s: locked for %s", address, d)
			}
		}
	})
}

func TestSweep(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		l, clock := guarded(t, db, slow())
		ctx := testkit.Context(t)
		other := tenant.With(ctx, "other")
		failed(ctx, t, l, 1, "old")
		failed(other, t, l, 1, "old")
		clock.Advance(30 * time.Minute)
		failed(ctx, t, l, 4, "young")
		clock.Advance(31 * time.Minute)
		for _, want := range []int{1, 1, 0} {
			if n, err := l.Sweep(t.Context(), clock.Now(), 1); n != want || err != nil {
				t.Errorf("swept %d, %v; want %d", n, err, want)
			}
		}
		failed(ctx, t, l, 1, "young")
		wait(t, l.Locked(ctx, "young"), limit.ErrLocked)
	})
}

func TestConfigFaults(t *testing.T) {
	if faults := limit.DefaultConfig().Validate(); len(faults) > 0 {
		t.Errorf("the default: %v", faults)
	}
	for want, change := range map[string]func(*limit.Config){
		"lockout.longest: must be at least first (30s), is 10s":      func(c *limit.Config) { c.Lockout.Longest = 10 * time.Second },
		"lockout.forget: must be at least longest (1h0m0s), is 1m0s": func(c *limit.Config) { c.Lockout.Forget = time.Minute },
	} {
		c := limit.DefaultConfig()
		change(&c)
		if faults := c.Validate(); len(faults) != 1 || faults[0].Error() != want {
			t.Errorf("%v, want %s", faults, want)
		}
	}
}

func BenchmarkAllow(b *testing.B) {
	clock := &testkit.Clock{}
	l := limit.New(limit.Options{Config: limit.DefaultConfig(), Now: clock.Now})
	ctx := testkit.Context(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Allow(ctx, limit.Login, "192.0.2.1")
	}
}

// TestAttempt: tries that are under way count as failures, for as long as they are.
func TestAttempt(t *testing.T) {
	l, clock := guarded(t, testkit.SQLite(t, "management"), limit.DefaultConfig())
	ctx := testkit.Context(t)
	const key, home = "code:ada@example.com", "192.0.2.1"
	begin := func(key string, address ...string) func() {
		t.Helper()
		done, err := l.Attempt(ctx, key, address...)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	failed(ctx, t, l, 3, key, home) // long ago, by then
	clock.Advance(25 * time.Hour)
	var done []func()
	for range limit.DefaultConfig().Lockout.Failures + 1 {
		done = append(done, begin(key, home))
	}
	_, err := l.Attempt(ctx, key, home)
	wait(t, err, limit.ErrLocked)
	begin(key, "192.0.2.2")()
	begin("code:bob@example.com")()
	for _, end := range done {
		end()
	}
	begin(key, home)()
	var none *limit.Limits
	if end, err := none.Attempt(ctx, key, home); err != nil {
		t.Error(err)
	} else {
		end()
	}
}
