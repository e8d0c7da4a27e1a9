package sqldb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Coalescer lets concurrent callers share transactions: what they want to write leaves in one batch, and each
// waits for the commit that holds its own. Nothing waits for a batch to fill; what comes while one is written
// goes into the next. A row in a batch costs a fraction of a transaction of its own.
//
// A flush is told the items of one tenant and answers an error for each, or nil when all went well. An error of
// an item does not stop the commit; a statement that fails does: then the batch is written again in halves,
// down to single items, so that an item that cannot be written fails alone. So flush may see an item more than
// once, but only one of these times is committed. It must not keep the slice.
//
// A caller whose context ends stops waiting; its item may be committed all the same.
type Coalescer[T any] struct {
	db      *DB
	flush   func(ctx context.Context, tx *Tx, items []T) []error
	alone   func(ctx context.Context, items []T) error // instead of flush: one statement, which is its own transaction
	mixed   bool                                       // a batch may hold items of several tenants
	enough  int                                        // waiting items for which a further worker begins
	batch   int
	workers int

	mu      sync.Mutex
	queue   []*waiting[T]
	running int
	closed  bool
	idle    sync.Cond // signals that running fell

	free           sync.Pool
	items, flushes atomic.Uint64
}

// CoalescerOptions bound a Coalescer. The zero value is right for small rows.
type CoalescerOptions struct {
	// MaxBatch is the largest number of items in one transaction; 0 means 128.
	MaxBatch int
	// Workers is how many transactions may be under way at once; 0 means one on SQLite, which has one writer,
	// and four elsewhere. A further one only begins when so much waits that it is worth a transaction, or what
	// waits is of several tenants: where commits are fast, few large transactions cost less than many small ones;
	// where they are slow, several at once share the waiting.
	Workers int
}

// worthwhile is the number of items for which a further transaction begins. A transaction waits for several answers of
// the database and for the disk, which another can use meanwhile; with fewer items it costs more than it gains.
const worthwhile = 16

// flushTimeout ends a batch that the database does not answer. Those who wait have limits of their own.
const flushTimeout = 30 * time.Second

// ErrClosed says that a Coalescer was closed before it was given the item.
var ErrClosed = errors.New("the server is stopping")

// waiting is one caller in the queue.
type waiting[T any] struct {
	item   T
	tenant tenant.ID
	gone   atomic.Bool
	done   chan error // holds one
}

// NewCoalescer returns a Coalescer that writes with flush.
func NewCoalescer[T any](db *DB, o CoalescerOptions, flush func(ctx context.Context, tx *Tx, items []T) []error) *Coalescer[T] {
	c := &Coalescer[T]{db: db, flush: flush, batch: o.MaxBatch, workers: o.Workers, enough: worthwhile}
	if c.batch <= 0 {
		c.batch = 128
	}
	if c.workers <= 0 {
		c.workers = 4
		if db.Dialect() == SQLite {
			c.workers = 1
		}
	}
	c.idle.L = &c.mu
	c.free.New = func() any { return &waiting[T]{done: make(chan error, 1)} }
	return c
}

// Do returns after the commit that holds the item, with the item's own error. It must not be called inside a
// transaction of the same database.
func (c *Coalescer[T]) Do(ctx context.Context, item T) error {
	if ctx.Value(txKey{c.db.core}) != nil {
		return &Error{cause: errNested}
	}
	id, ok := tenant.From(ctx)
	if !ok && !c.db.all {
		return &Error{cause: ErrNoTenant}
	}
	if err := ctx.Err(); err != nil {
		return &Error{cause: err}
	}
	w := c.free.Get().(*waiting[T])
	if c.mixed {
		id = "" // rows name their tenant themselves, so a batch may hold those of several
	}
	w.item, w.tenant = item, id
	if err := c.enqueue(w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		c.recycle(w)
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-w.done: // it came at the same time, and it is what counts
		c.recycle(w)
		return err
	default:
		w.gone.Store(true)
		return &Error{cause: ctx.Err()}
	}
}

func (c *Coalescer[T]) recycle(w *waiting[T]) {
	var zero T
	w.item = zero
	c.free.Put(w)
}

func (c *Coalescer[T]) enqueue(w *waiting[T]) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return &Error{kind: ErrUnavailable, cause: ErrClosed}
	}
	c.queue = append(c.queue, w)
	if c.running == 0 || c.running < c.workers && c.crowded() {
		c.running++
		go c.work()
	}
	return nil
}

// work writes batches until there is nothing left for this worker.
func (c *Coalescer[T]) work() {
	var batch []*waiting[T]
	for {
		batch = c.take(batch)
		if len(batch) == 0 {
			return
		}
		c.write(batch)
	}
}

// crowded reports whether the queue is worth a further transaction. The lock is held.
func (c *Coalescer[T]) crowded() bool {
	n := len(c.queue)
	return n >= min(c.batch, c.enough) || n > 1 && c.queue[0].tenant != c.queue[n-1].tenant
}

// take moves the first item of the queue, and those of the same tenant, to batch. When there is none, or what there is
// can be left to another worker, this worker is counted out, in the same breath, so that nothing is left in the queue
// without a worker.
func (c *Coalescer[T]) take(batch []*waiting[T]) []*waiting[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(batch)
	batch = batch[:0]
	if c.running > 1 && !c.crowded() {
		c.running--
		return nil
	}
	rest := c.queue[:0]
	for _, w := range c.queue {
		switch {
		case w.gone.Load():
		case len(batch) < c.batch && (len(batch) == 0 || batch[0].tenant == w.tenant):
			batch = append(batch, w)
		default:
			rest = append(rest, w)
		}
	}
	clear(c.queue[len(rest):])
	c.queue = rest
	if len(batch) == 0 {
		c.running--
		c.idle.Broadcast()
	}
	return batch
}

// write commits the batch and tells everybody.
func (c *Coalescer[T]) write(batch []*waiting[T]) {
	items := make([]T, len(batch))
	for i, w := range batch {
		items[i] = w.item
	}
	errs, err := c.commit(batch[0].tenant, items)
	if err != nil && len(batch) > 1 && !errors.Is(err, ErrUnavailable) {
		c.write(batch[:len(batch)/2])
		c.write(batch[len(batch)/2:])
		return
	}
	for i, w := range batch {
		switch {
		case err != nil:
			w.done <- err
		case errs != nil:
			w.done <- errs[i]
		default:
			w.done <- nil
		}
	}
}

// commit runs flush in a transaction of the tenant. errs are the items' own, err is the whole batch's.
func (c *Coalescer[T]) commit(id tenant.ID, items []T) (errs []error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if id != "" {
		ctx = tenant.With(ctx, id)
	}
	c.items.Add(uint64(len(items)))
	c.flushes.Add(1)
	defer func() {
		if r := recover(); r != nil { // InTx has rolled back by now
			err = c.panicked(ctx, r)
		}
		if err != nil && ctx.Err() != nil {
			err = &Error{kind: ErrUnavailable, cause: err}
		}
	}()
	if c.alone != nil {
		return nil, c.alone(ctx, items)
	}
	err = c.db.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if errs = c.flush(ctx, tx, items); errs != nil && len(errs) != len(items) {
			return fmt.Errorf("a flush answered %d errors for %d items", len(errs), len(items))
		}
		return nil
	})
	return errs, err
}

// panicked keeps a panic in flush from ending the server. What was thrown may hold an item, so only the runtime's
// own errors are told.
func (c *Coalescer[T]) panicked(ctx context.Context, r any) error {
	err := fmt.Errorf("a flush panicked with %T", r)
	if told, ok := r.(runtime.Error); ok {
		err = fmt.Errorf("a flush panicked: %w", told)
	}
	c.db.core.log.ErrorContext(ctx, "a flush panicked", "error", err, "stack", string(debug.Stack()))
	return err
}

// Close refuses new items and returns when those in the queue are written.
func (c *Coalescer[T]) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for c.running > 0 {
		c.idle.Wait()
	}
}

// Written returns how many items were handed to flush, in how many transactions.
func (c *Coalescer[T]) Written() (items, flushes uint64) { return c.items.Load(), c.flushes.Load() }
