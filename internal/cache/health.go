package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// errBusy says that so much is being asked that one question more would have to wait.
var errBusy = errors.New("too many questions are under way")

// health says whether a Remote is asked. Answers that do not come weigh more than those that do, so that it is given up after
// a few in a row, and also where one node of a cluster is gone and the others answer.
type health struct {
	up    atomic.Bool
	score atomic.Int32
	down  chan struct{} // wakes who looks after it
}

const (
	weightOfFailure = 3
	tolerated       = 12
)

func (h *health) answered() {
	if n := h.score.Load(); n > 0 {
		h.score.CompareAndSwap(n, n-1)
	}
}

func (h *health) failed() {
	if h.score.Add(weightOfFailure) < tolerated || !h.up.Swap(false) {
		return
	}
	select {
	case h.down <- struct{}{}:
	default:
	}
}

const (
	writeTimeout = time.Second // for no request waits for it; where a test lets requests wait for longer, as long as these
	probes       = 16          // at a time, so that each node of a cluster is likely to be asked
	probePause   = 250 * time.Millisecond
	probePauses  = 4 * time.Second // at most
	renewAfter   = 10 * time.Second
)

// tend connects, and looks after a cache that does not answer until it does. No request waits for that.
func (r *Remote) tend(ctx context.Context) {
	told := false
	for ctx.Err() == nil {
		if err := r.revive(ctx, func(err error) {
			if !told {
				r.log.WarnContext(ctx, "the shared cache does not answer; the databases are asked until it does", "error", err)
			}
			told = true
		}); err != nil {
			return
		}
		told = false
		r.log.InfoContext(ctx, "the shared cache answers and is used")
		select {
		case <-ctx.Done():
		case <-r.health.down:
			r.log.WarnContext(ctx, "the shared cache does not answer in time; the databases are asked until it does", "timeout", r.config.Timeout.String())
			told = true
		}
	}
}

// revive tries until the cache answers. A connection that does not come back by itself is replaced: all nodes of a cluster may
// be others than before.
func (r *Remote) revive(ctx context.Context, failed func(error)) error {
	pause, good, since := probePause, 0, time.Duration(0)
	for good < 2 {
		err := r.probe(ctx)
		if err == nil {
			good++
			continue
		}
		failed(err)
		good = 0
		if !wait.For(ctx, pause) {
			return ctx.Err()
		}
		if since += pause; since >= renewAfter {
			since = 0
			r.drop()
		}
		pause = min(2*pause, probePauses)
	}
	r.health.score.Store(0)
	r.health.up.Store(true)
	return ctx.Err()
}

// drop gives the connection up.
func (r *Remote) drop() {
	if l := r.current.Swap(nil); l != nil {
		go l.client.Close() // which waits for what is under way
	}
}

// probe asks for keys that nobody has, several at a time.
func (r *Remote) probe(ctx context.Context) error {
	l := r.current.Load()
	if l == nil {
		var err error
		if l, err = dial(r.options); err != nil {
			return r.config.Redis.unconnected(err)
		}
		r.current.Store(l)
	}
	errs := make([]error, probes)
	var wg sync.WaitGroup
	for i := range probes {
		wg.Go(func() {
			_, errs[i] = r.ask(ctx, func(ctx context.Context) ([]byte, error) {
				return l.get(ctx, r.config.Redis.Prefix+":probe:"+strconv.Itoa(i))
			})
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("a question was not answered: %w", refused(err))
		}
	}
	return nil
}
