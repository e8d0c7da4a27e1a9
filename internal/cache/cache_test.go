package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func must(t *testing.T, c *cache.Cache[int], ctx context.Context, key string, load func() int) int {
	t.Helper()
	v, err := c.Fetch(ctx, key, func(context.Context) (int, error) { return load(), nil })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFetch(t *testing.T) {
	var clock testkit.Clock
	c := cache.New[int](cache.Options{Name: "test", TTL: time.Minute, Now: clock.Now})
	ctx, other := testkit.Context(t), tenant.With(t.Context(), "other")
	loads := 0
	load := func() int { loads++; return loads }

	if got := must(t, c, ctx, "a", load); got != 1 {
		t.Errorf("the first is loaded: %d", got)
	}
	if got := must(t, c, ctx, "a", load); got != 1 {
		t.Errorf("the second is remembered: %d", got)
	}
	if got := must(t, c, other, "a", load); got != 2 {
		t.Errorf("another tenant's is another: %d", got)
	}
	clock.Advance(time.Minute - time.Microsecond)
	if got, ok := c.Get(ctx, "a"); !ok || got != 1 {
		t.Errorf("just young enough: %d, %t", got, ok)
	}
	clock.Advance(time.Microsecond)
	if _, ok := c.Get(ctx, "a"); ok {
		t.Error("too old")
	}
	if got := must(t, c, ctx, "a", load); got != 3 {
		t.Errorf("too old is loaded anew: %d", got)
	}
	c.Drop("default", "a")
	if got := must(t, c, ctx, "a", load); got != 4 {
		t.Errorf("dropped is loaded anew: %d", got)
	}

	boom := errors.New("boom")
	if _, err := c.Fetch(ctx, "bad", func(context.Context) (int, error) { return 0, boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
	if got := must(t, c, ctx, "bad", func() int { return 7 }); got != 7 {
		t.Errorf("a failure is not remembered: %d", got)
	}
	if _, err := c.Fetch(t.Context(), "a", func(context.Context) (int, error) { return 0, nil }); !errors.Is(err, cache.ErrNoTenant) {
		t.Errorf("without a tenant: %v", err)
	}
	if _, ok := c.Get(t.Context(), "a"); ok {
		t.Error("found without a tenant")
	}
}

func TestSetAndDrop(t *testing.T) {
	var clock testkit.Clock
	c := cache.New[int](cache.Options{Name: "test", TTL: time.Minute, Now: clock.Now})
	ctx, other := testkit.Context(t), tenant.With(t.Context(), "other")
	set := func() {
		c.Set(ctx, "a", 1)
		c.Set(ctx, "b", 2)
		c.Set(other, "a", 3)
	}
	there := func() string {
		s := ""
		for _, k := range []struct {
			ctx context.Context
			key string
		}{{ctx, "a"}, {ctx, "b"}, {other, "a"}} {
			if v, ok := c.Get(k.ctx, k.key); ok {
				s += fmt.Sprint(v)
			}
		}
		return s
	}
	for _, e := range []struct {
		tenant tenant.ID
		key    string
		want   string
	}{{"default", "a", "23"}, {"default", "", "3"}, {"", "", ""}, {"default", "none", "123"}} {
		set()
		if c.Drop(e.tenant, e.key); there() != e.want {
			t.Errorf("after Drop(%q, %q): %s", e.tenant, e.key, there())
		}
	}
	c.Set(ctx, "short", 1, time.Second)
	c.Set(ctx, "long", 1, time.Hour)
	c.Set(ctx, "never", 1, -time.Second)
	if _, ok := c.Get(ctx, "never"); ok {
		t.Error("set without a life")
	}
	clock.Advance(time.Second)
	if _, ok := c.Get(ctx, "short"); ok {
		t.Error("its own life is over")
	}
	clock.Advance(59 * time.Second)
	if _, ok := c.Get(ctx, "long"); ok {
		t.Error("no life is longer than the cache's")
	}
}

func TestSingleFlight(t *testing.T) {
	c := cache.New[int](cache.Options{Name: "test", Now: new(testkit.Clock).Now})
	var loads atomic.Int32
	release := make(chan struct{})
	started := make(chan struct{}, 100)
	load := func(context.Context) (int, error) {
		loads.Add(1)
		started <- struct{}{}
		<-release
		return 42, nil
	}
	leaving, leave := context.WithCancel(testkit.Context(t))
	left := make(chan error)
	go func() {
		_, err := c.Fetch(leaving, "a", load) // starts the load
		left <- err
	}()
	<-started
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if v, err := c.Fetch(testkit.Context(t), "a", load); v != 42 || err != nil {
				t.Errorf("%d, %v", v, err)
			}
		})
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left is told %v", err)
	}
	close(release)
	wg.Wait()
	if loads.Load() != 1 {
		t.Errorf("%d loads", loads.Load())
	}
}

// The race that caches are wrong by: the value is read, then changed, then remembered.
func TestChangeWhileLoading(t *testing.T) {
	for _, drop := range []struct {
		tenant tenant.ID
		key    string
	}{{"default", "a"}, {"default", ""}, {"", ""}} {
		c := cache.New[int](cache.Options{Name: "test", Now: new(testkit.Clock).Now})
		ctx := testkit.Context(t)
		read, release := make(chan struct{}), make(chan struct{})
		before := make(chan int)
		go func() {
			v, _ := c.Fetch(ctx, "a", func(context.Context) (int, error) {
				close(read)
				<-release
				return 1, nil
			})
			before <- v
		}()
		<-read
		c.Drop(drop.tenant, drop.key)
		if got := must(t, c, ctx, "a", func() int { return 2 }); got != 2 {
			t.Errorf("who asks after the change got what was read before it: %d", got)
		}
		close(release)
		if got := <-before; got != 1 {
			t.Errorf("who asked before the change got %d", got)
		}
		if got, ok := c.Get(ctx, "a"); !ok || got != 2 {
			t.Errorf("what was read before the change is remembered: %d", got)
		}
	}
}

func TestLoadPanics(t *testing.T) {
	c := cache.New[int](cache.Options{Name: "test", Now: new(testkit.Clock).Now})
	for _, load := range []func(context.Context) (int, error){
		func(context.Context) (int, error) { panic("hunter2") },
		func(context.Context) (int, error) { return []int{}[len(t.Name())], nil },
	} {
		_, err := c.Fetch(testkit.Context(t), "a", load)
		if err == nil || !strings.Contains(err.Error(), "panicked") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
	if got := must(t, c, testkit.Context(t), "a", func() int { return 1 }); got != 1 {
		t.Errorf("after a panic: %d", got)
	}
}

func TestBounded(t *testing.T) {
	c := cache.New[int](cache.Options{Name: "test", Max: 100, Now: new(testkit.Clock).Now})
	ctx := testkit.Context(t)
	for i := range 10_000 {
		c.Set(ctx, fmt.Sprint(i), i)
	}
	testkit.Eventually(t, "a full cache is tidied", func() bool { return c.Len() <= 110 })
}

// Two servers on one database: what one changes the other does not believe any longer than a second, and not at
// all when it cannot hear of changes.
func TestCoherence(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
		c := cache.New[int](cache.Options{Name: "test", Feed: feed, Topic: "client", Now: now})
		value := 1
		load := func() int { return value }
		alone := db.Dialect() == sqldb.SQLite
		must(t, c, ctx, "a", load)
		if _, ok := c.Get(ctx, "a"); ok != alone {
			t.Errorf("believed without a feed that runs: %t", ok)
		}
		running, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = feed.Run(running)
		}()
		remembered := func() bool {
			must(t, c, ctx, "a", load)
			_, ok := c.Get(ctx, "a")
			return ok
		}
		testkit.Eventually(t, "the value is remembered", remembered)

		writer := feed // on SQLite the same server, elsewhere another one
		if !alone {
			writer = sqldb.NewFeed(db, sqldb.FeedOptions{})
		}
		testkit.Within(t, time.Second, "the change is seen", func(int) func() bool {
			testkit.Eventually(t, "the value is remembered", remembered)
			value++
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return writer.Publish(ctx, tx, "client", "a") })
			if err != nil {
				t.Fatal(err)
			}
			if alone && must(t, c, ctx, "a", load) != value {
				t.Error("the server that made the change does not see it at once")
			}
			return func() bool { return must(t, c, ctx, "a", load) == value }
		})

		stop()
		<-done
		value++
		if got := must(t, c, ctx, "a", load); !alone && got != value {
			t.Errorf("believed although the feed stopped: %d", got)
		}
	})
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func BenchmarkGet(b *testing.B) {
	c := cache.New[int](cache.Options{Name: "bench", Now: now})
	ctx := tenant.With(b.Context(), tenant.Default)
	c.Set(ctx, "key", 1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := c.Get(ctx, "key"); !ok {
				b.Error("not found")
			}
		}
	})
}
