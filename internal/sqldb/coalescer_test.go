package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

var errSpent = errors.New("spent already")

// things writes ids. "spent…" is refused without harm to its batch; what is there already fails the batch.
func things(ctx context.Context, tx *sqldb.Tx, ids []string) []error {
	errs := make([]error, len(ids))
	write := make([]string, 0, len(ids))
	for i, id := range ids {
		if strings.HasPrefix(id, "spent") {
			errs[i] = errSpent
			continue
		}
		write = append(write, id)
	}
	if err := insert(ctx, tx, write...); err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}

func TestCoalescer(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "there"); err != nil {
			t.Fatal(err)
		}
		c, _, release := held(db, sqldb.CoalescerOptions{MaxBatch: 64}, things)
		defer c.Close()
		var wg sync.WaitGroup
		const n = 300
		for i := range n {
			id := fmt.Sprint("new-", i)
			switch {
			case i == 100:
				id = "there"
			case i%10 == 3:
				id = fmt.Sprint("spent-", i)
			}
			wg.Go(func() {
				err := c.Do(ctx, id)
				switch {
				case id == "there":
					if !errors.Is(err, sqldb.ErrDuplicate) {
						t.Errorf("the duplicate: %v", err)
					}
				case strings.HasPrefix(id, "spent"):
					if !errors.Is(err, errSpent) {
						t.Errorf("the spent one: %v", err)
					}
				case err != nil:
					t.Errorf("%s: %v", id, err)
				default:
					// What was acknowledged is there.
					if err := db.QueryRow(ctx, "SELECT n FROM thing WHERE tenant_id = :tenant AND id = ?", id).Scan(new(int)); err != nil {
						t.Errorf("%s was acknowledged: %v", id, err)
					}
				}
			})
		}
		testkit.Eventually(t, "all wait", func() bool {
			waiting, _ := c.Queued()
			taken, _ := c.Written()
			return waiting+int(taken) == n
		})
		close(release)
		wg.Wait()
		if got := count(t, db); got != 1+n-30-1 {
			t.Errorf("%d rows", got)
		}
		if items, flushes := c.Written(); flushes >= items {
			t.Errorf("%d items in %d transactions: nothing was coalesced", items, flushes)
		}
	})
}

func TestCoalescerTenants(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		c := sqldb.NewCoalescer(db, sqldb.CoalescerOptions{}, things)
		defer c.Close()
		var wg sync.WaitGroup
		for i := range 60 {
			ctx := tenant.With(t.Context(), tenant.ID(fmt.Sprint("tenant-", i%3)))
			wg.Go(func() {
				if err := c.Do(ctx, fmt.Sprint(i/3)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range 3 {
			var n int
			ctx := tenant.With(t.Context(), tenant.ID(fmt.Sprint("tenant-", i)))
			if err := db.QueryRow(ctx, "SELECT count(*) FROM thing WHERE tenant_id = :tenant").Scan(&n); err != nil || n != 20 {
				t.Errorf("tenant %d has %d rows, %v", i, n, err)
			}
		}
		if err := c.Do(t.Context(), "x"); !errors.Is(err, sqldb.ErrNoTenant) {
			t.Errorf("without a tenant: %v", err)
		}
	})
}

// held is a Coalescer whose first flush waits, so that a test can fill the queue behind it.
func held(db *sqldb.DB, o sqldb.CoalescerOptions, flush func(ctx context.Context, tx *sqldb.Tx, ids []string) []error) (c *sqldb.Coalescer[string], started, release chan struct{}) {
	started, release = make(chan struct{}), make(chan struct{})
	var once sync.Once
	c = sqldb.NewCoalescer(db, o, func(ctx context.Context, tx *sqldb.Tx, ids []string) []error {
		once.Do(func() {
			close(started)
			<-release
		})
		return flush(ctx, tx, ids)
	})
	return c, started, release
}

func TestCoalescerCallersWhoLeave(t *testing.T) {
	db := withThing(t, open(t, "memory://"+t.Name()))
	ctx := testkit.Context(t)
	c, started, release := held(db, sqldb.CoalescerOptions{Workers: 1}, things)
	leaving, leave := context.WithCancel(ctx)
	results := make(chan error, 2)
	go func() { results <- c.Do(leaving, "in the batch") }()
	<-started
	go func() { results <- c.Do(leaving, "in the queue") }()
	stays := make(chan error, 1)
	go func() { stays <- c.Do(ctx, "stays") }()
	testkit.Eventually(t, "both are queued", func() bool { n, _ := c.Queued(); return n == 2 })
	leave()
	for range 2 {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who left is told %v", err)
		}
	}
	close(release)
	if err := <-stays; err != nil {
		t.Errorf("who stayed is told %v", err)
	}
	c.Close()
	if got := count(t, db); got != 2 {
		t.Errorf("%d rows: the one in the batch and the one who stayed were to be written, the other had left in time", got)
	}
	if err := c.Do(leaving, "late"); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestCoalescerClose(t *testing.T) {
	db := withThing(t, open(t, "memory://"+t.Name()))
	ctx := testkit.Context(t)
	c, started, release := held(db, sqldb.CoalescerOptions{Workers: 1}, things)
	results := make(chan error, 10)
	for i := range 10 {
		go func() { results <- c.Do(ctx, fmt.Sprint(i)) }()
	}
	<-started
	testkit.Eventually(t, "all are queued", func() bool {
		n, _ := c.Queued()
		taken, _ := c.Written()
		return n+int(taken) == 10
	})
	closed := make(chan struct{})
	go func() {
		c.Close()
		close(closed)
	}()
	testkit.Eventually(t, "Close has begun, and waits", func() bool { _, closed := c.Queued(); return closed })
	if err := c.Do(ctx, "late"); !errors.Is(err, sqldb.ErrClosed) || !errors.Is(err, sqldb.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
	close(release)
	<-closed
	for range 10 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if got := count(t, db); got != 10 {
		t.Errorf("%d rows", got)
	}
}

func TestCoalescerPanics(t *testing.T) {
	db := withThing(t, open(t, "memory://"+t.Name()))
	ctx := testkit.Context(t)
	var calls atomic.Int32
	c := sqldb.NewCoalescer(db, sqldb.CoalescerOptions{}, func(ctx context.Context, tx *sqldb.Tx, ids []string) []error {
		calls.Add(1)
		for _, id := range ids {
			switch id {
			case "index":
				_ = ids[len(ids)]
			case "throw":
				panic("hunter2")
			case "short":
				return make([]error, len(ids)+1) // never one for each
			}
		}
		return things(ctx, tx, ids)
	})
	defer c.Close()
	var wg sync.WaitGroup
	for _, id := range []string{"a", "index", "b", "throw", "c", "short", "d"} {
		wg.Go(func() {
			err := c.Do(ctx, id)
			if bad := len(id) > 1; (err != nil) != bad {
				t.Errorf("%s: %v", id, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells what was thrown: %v", err)
			}
		})
	}
	wg.Wait()
	if got := count(t, db); got != 4 {
		t.Errorf("%d rows", got)
	}
}

func TestCoalescerInsideTransaction(t *testing.T) {
	db := withThing(t, open(t, "memory://"+t.Name()))
	c := sqldb.NewCoalescer(db, sqldb.CoalescerOptions{}, things)
	defer c.Close()
	err := db.InTx(testkit.Context(t), func(ctx context.Context, _ *sqldb.Tx) error { return c.Do(ctx, "x") })
	if err == nil || !strings.Contains(err.Error(), "use it") {
		t.Errorf("it would wait for itself: %v", err)
	}
}

// When there is no database, everybody is told at once, instead of one after the other.
func TestCoalescerWithoutDatabase(t *testing.T) {
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "sqlite") {
			return
		}
		over, line := testkit.NewLineTo(t, dsn)
		db := withThing(t, open(t, over))
		c := sqldb.NewCoalescer(db, sqldb.CoalescerOptions{}, things)
		defer c.Close()
		ctx := testkit.Context(t)
		if err := c.Do(ctx, "before"); err != nil {
			t.Fatal(err)
		}
		line.Cut()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if err := c.Do(ctx, fmt.Sprint("lost-", i)); !errors.Is(err, sqldb.ErrUnavailable) {
					t.Errorf("without a database: %v", err)
				}
			})
		}
		wg.Wait()
		line.Mend()
		tries := 0
		testkit.Eventually(t, "what is written when the database is back arrives", func() bool {
			tries++
			return c.Do(ctx, fmt.Sprint("after-", tries)) == nil
		})
	})
}
