package door

import (
	"context"
	"sync"
	"time"
)

// patience is a context that ends when deciding has taken too long. Most decisions wait for nothing, so it takes no timer before
// somebody asks when it ends.
type patience struct {
	context.Context //nolint:containedctx // it implements a context around the door's, and ends with the decision that it is made for
	limit           time.Duration
	now             func() time.Time

	mu    sync.Mutex
	began time.Time
	timed context.Context //nolint:containedctx // it is the door's with a timer, made when somebody first asks for Done; a method has no argument to pass it by
	// ends let the timers go. There is another timer after each body that was waited for: a context cannot end later than it once
	// said, and what a handler has derived from the earlier one must not be cancelled before the decision is over.
	ends []context.CancelFunc
}

func (p *patience) withTimer() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		timed, end := context.WithTimeout(p.Context, p.limit-p.now().Sub(p.began))
		p.timed, p.ends = timed, append(p.ends, end)
	}
	return p.timed
}

// known is the context that knows whether there was a timer.
func (p *patience) known() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		return p.Context
	}
	return p.timed
}

// Deadline implements context.Context.
func (p *patience) Deadline() (time.Time, bool) { return p.withTimer().Deadline() }

// Done implements context.Context.
func (p *patience) Done() <-chan struct{} { return p.withTimer().Done() }

// Err implements context.Context.
func (p *patience) Err() error { return p.known().Err() }

// Value implements context.Context.
func (p *patience) Value(key any) any { return p.known().Value(key) }

// excuse has the time not count that a client takes to send a body which a handler wants to see: that is the door's to bound.
func (p *patience) excuse(read func(limit int64) ([]byte, error)) func(limit int64) ([]byte, error) {
	if read == nil {
		return nil
	}
	return func(limit int64) ([]byte, error) {
		began := p.now()
		defer func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.began, p.timed = p.began.Add(p.now().Sub(began)), nil
		}()
		return read(limit)
	}
}

// spent reports whether time ran out, and not that whoever asked has gone.
func (p *patience) spent() bool { return p.Err() != nil && p.Context.Err() == nil }

// end lets the timers go.
func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, end := range p.ends {
		end()
	}
}
