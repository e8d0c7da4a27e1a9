package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Options describe a cache.
type Options struct {
	// Name is what errors and metrics call it.
	Name string
	// Max is the largest number of entries; 0 means 10,000.
	Max int
	// TTL is how long an entry is believed; 0 means a minute. It is the second line of defence: changes drop
	// entries at once.
	TTL time.Duration
	// Feed and Topic tell what changed elsewhere. Without a Feed the cache hears of changes by Drop alone.
	Feed  *sqldb.Feed
	Topic string
	// Now is the clock; required.
	Now func() time.Time
}

// Cache remembers values by tenant and key. Make it with New.
type Cache[V any] struct {
	o Options
	// entries holds *entry[V]. It is of no type of the cache's own, so that the program has the code of one otter.Cache and
	// not one for each V.
	entries *otter.Cache[id, any]

	mu    sync.Mutex
	loads map[id]*load[V]
}

type id struct {
	tenant tenant.ID
	key    string
}

type entry[V any] struct {
	value   V
	expires time.Time
}

// load is a load that runs.
type load[V any] struct {
	done  chan struct{}
	value V
	err   error
	stale bool // a change came meanwhile; guarded by Cache.mu
}

// ErrNoTenant says that the context of a Fetch names no tenant.
var ErrNoTenant = errors.New("the context names no tenant")

// New returns an empty cache that follows its feed.
func New[V any](o Options) *Cache[V] {
	if o.Max <= 0 {
		o.Max = 10_000
	}
	if o.TTL <= 0 {
		o.TTL = time.Minute
	}
	c := &Cache[V]{
		o: o,
		// Entries carry their end themselves, by the injected clock; what is too old goes when it is asked for or
		// when room is needed.
		entries: otter.Must(&otter.Options[id, any]{MaximumSize: o.Max}),
		loads:   make(map[id]*load[V]),
	}
	if o.Feed != nil {
		o.Feed.Subscribe(o.Topic, c.Drop)
	}
	return c
}

// believed reports whether what is remembered can be used.
func (c *Cache[V]) believed() bool { return c.o.Feed == nil || c.o.Feed.Healthy() }

// Get returns what is remembered for the key of the context's tenant.
func (c *Cache[V]) Get(ctx context.Context, key string) (V, bool) {
	t, ok := tenant.From(ctx)
	if !ok {
		var none V
		return none, false
	}
	return c.get(id{t, key})
}

func (c *Cache[V]) get(k id) (V, bool) {
	if found, ok := c.entries.GetIfPresent(k); ok && c.believed() {
		if e := found.(*entry[V]); c.o.Now().Before(e.expires) {
			return e.value, true
		}
		c.entries.Invalidate(k)
	}
	var none V
	return none, false
}

// Set remembers a value for the key of the context's tenant, for the cache's TTL or the shorter one given. The
// caller must know that the value is true now: right after the commit that made it, for example. A value that
// was read belongs into Fetch.
func (c *Cache[V]) Set(ctx context.Context, key string, value V, ttl ...time.Duration) {
	t, ok := tenant.From(ctx)
	if !ok {
		return
	}
	life := c.o.TTL
	if len(ttl) > 0 {
		life = min(life, ttl[0])
	}
	if life <= 0 {
		return
	}
	c.entries.Set(id{t, key}, &entry[V]{value, c.o.Now().Add(life)})
}

// Drop forgets a key of a tenant, everything of the tenant when key is empty, or everything when tenant is too.
// Loads that run are not kept.
func (c *Cache[V]) Drop(t tenant.ID, key string) {
	hit := func(k id) bool { return k.tenant == t && (key == "" || k.key == key) || t == "" && key == "" }
	c.mu.Lock()
	defer c.mu.Unlock()
	if key != "" {
		c.stale(id{t, key})
		c.entries.Invalidate(id{t, key})
		return
	}
	for k := range c.loads {
		if hit(k) {
			c.stale(k)
		}
	}
	if t == "" {
		c.entries.InvalidateAll()
		return
	}
	for k := range c.entries.Keys() {
		if hit(k) {
			c.entries.Invalidate(k)
		}
	}
}

// stale cuts a running load off: it is not kept, and nobody joins it any more. c.mu is held.
func (c *Cache[V]) stale(k id) {
	if l, ok := c.loads[k]; ok {
		l.stale = true
		delete(c.loads, k)
	}
}

// Fetch returns what is remembered for the key, or loads it; of many callers at once one loads. A caller whose
// context ends stops waiting, and the load goes on for the others, with the values of the context that started
// it. It must not be called inside a transaction.
func (c *Cache[V]) Fetch(ctx context.Context, key string, fetch func(ctx context.Context) (V, error)) (V, error) {
	t, ok := tenant.From(ctx)
	if !ok {
		var none V
		return none, fmt.Errorf("cache %s: %w", c.o.Name, ErrNoTenant)
	}
	k := id{t, key}
	if !c.believed() {
		return fetch(ctx) // without joining a load that may have begun before a change nobody told us
	}
	if v, ok := c.get(k); ok {
		return v, nil
	}
	l := c.join(ctx, k, fetch)
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// join returns the load that runs for the key, and starts one where none does.
func (c *Cache[V]) join(ctx context.Context, k id, fetch func(ctx context.Context) (V, error)) *load[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.loads[k]; ok {
		return l
	}
	l := &load[V]{done: make(chan struct{})}
	if v, ok := c.get(k); ok { // one ended since we looked
		l.value = v
		close(l.done)
		return l
	}
	c.loads[k] = l
	go c.run(context.WithoutCancel(ctx), k, l, fetch)
	return l
}

// loadTimeout ends a load that nobody may be waiting for any more.
const loadTimeout = 30 * time.Second

func (c *Cache[V]) run(ctx context.Context, k id, l *load[V], fetch func(ctx context.Context) (V, error)) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	// The end is counted from before the load: what it reads may be that old.
	expires := c.o.Now().Add(c.o.TTL)
	believed := c.believed()
	finished := false
	defer func() {
		if !finished { // a panic is not the process's: many may wait. Without one it was runtime.Goexit.
			l.err = fmt.Errorf("cache %s: the load %w", c.o.Name, wait.Panicked(recover()))
		}
		c.finish(k, l, &entry[V]{l.value, expires}, believed)
	}()
	l.value, l.err = fetch(ctx)
	finished = true
}

// finish keeps the answer unless a change came meanwhile, and hands it out. Whether the feed could be believed
// counts at both ends of the load: in between, a change may have been missed.
func (c *Cache[V]) finish(k id, l *load[V], e *entry[V], believed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !l.stale {
		delete(c.loads, k)
		if l.err == nil && believed && c.believed() {
			c.entries.Set(k, e)
		}
	}
	close(l.done)
}

// Len returns about how many entries there are.
func (c *Cache[V]) Len() int { return c.entries.EstimatedSize() }
