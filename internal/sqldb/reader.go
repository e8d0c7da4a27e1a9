package sqldb

import "context"

// Reader lets concurrent callers share SELECTs: the rows that several look for by key leave as one statement of one
// tenant. Nobody waits for a batch to fill; what is asked while one is read goes into the next.
type Reader[V any] struct {
	wants *Coalescer[*want[V]]
}

// want is one caller's question and answer.
type want[V any] struct {
	key   string
	value V
	found bool
}

// aFew is the number of questions for which a further statement begins: reading has no commit to wait for.
const aFew = 8

// NewReader returns a Reader. read finds the rows of several keys of the context's tenant; keys that it does not answer
// for are not there.
func NewReader[V any](db *DB, read func(ctx context.Context, q Q, keys []string) (map[string]V, error)) *Reader[V] {
	c := NewCoalescer[*want[V]](db, CoalescerOptions{Workers: 4}, nil)
	c.enough = aFew
	c.alone = func(ctx context.Context, wants []*want[V]) error {
		keys := make([]string, len(wants))
		for i, w := range wants {
			keys[i] = w.key
		}
		rows, err := read(ctx, db, keys)
		for _, w := range wants {
			w.value, w.found = rows[w.key]
		}
		return err
	}
	return &Reader[V]{wants: c}
}

// Get returns the row of the key, and false where there is none. It must not be called inside a transaction of the same
// database. The value may be given to several callers at once.
func (r *Reader[V]) Get(ctx context.Context, key string) (value V, found bool, err error) {
	w := &want[V]{key: key}
	if err := r.wants.Do(ctx, w); err != nil {
		return value, false, err // w may still be written
	}
	return w.value, w.found, nil
}

// Close refuses new questions and returns when those in the queue are answered.
func (r *Reader[V]) Close() { r.wants.Close() }
