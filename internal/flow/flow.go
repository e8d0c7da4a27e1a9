package flow

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Verdict is how a decision ended.
type Verdict string

// The verdicts. Each but Failed is what was meant to happen.
const (
	// Allowed let the request through.
	Allowed Verdict = "allowed"
	// Unauthorized asked for a credential, or for a better one: 401.
	Unauthorized Verdict = "unauthorized"
	// Forbidden knew who asked and refused: 403.
	Forbidden Verdict = "forbidden"
	// Unmatched found no rule: 404.
	Unmatched Verdict = "unmatched"
	// Invalid could not take the request for one thing alone: other answers from 400 to 499.
	Invalid Verdict = "invalid"
	// Failed could not decide and so turned away: 500 and above.
	Failed Verdict = "failed"
)

// VerdictOf gives the verdict for the HTTP status of a refusal; 0 is a request that passed.
func VerdictOf(status int) Verdict {
	switch {
	case status == 0:
		return Allowed
	case status == 401:
		return Unauthorized
	case status == 403:
		return Forbidden
	case status == 404:
		return Unmatched
	case status >= 400 && status < 500:
		return Invalid
	default:
		return Failed
	}
}

func (v Verdict) valid() bool {
	switch v {
	case Allowed, Unauthorized, Forbidden, Unmatched, Invalid, Failed:
		return true
	}
	return false
}

// Event is one decision.
type Event struct {
	// Tenant is whose rule matched; empty where none did.
	Tenant tenant.ID
	// ID names the event once it is stored; UUIDv7, in the order of writing.
	ID string
	// Time is when it was decided.
	Time time.Time
	// Rule is the id of the rule that matched, or empty.
	Rule string
	// Subject is who asked, or empty.
	Subject string
	// Method, Host and Path are what was asked for, after normalization; as they were sent where there is no reading of them.
	Method, Host, Path string
	// Verdict is how it ended.
	Verdict Verdict
	// Reason says why in a word or a sentence; it holds no credential.
	Reason string
	// Duration is what deciding took, and of a proxied request the upstream's answer too.
	Duration time.Duration
	// Bytes is the size of the body that a proxied request was answered with; 0 at the other doors.
	Bytes int64
}

// Stats counts events since the start.
type Stats struct {
	// Written are in the database; Dropped found the queue full; Failed could not be written.
	Written, Dropped, Failed uint64
	// Waiting are in the queue now.
	Waiting int
}

// Flow takes events. Make it with New and have it Run.
type Flow struct {
	config Config
	chance func() float64
	log    *slog.Logger
	store  *Store
	queue  chan Event

	written, dropped, failed atomic.Uint64
	failing                  bool // belongs to Run
}

// Options are what a Flow needs.
type Options struct {
	// Config says what is recorded.
	Config Config
	// Store writes.
	Store *Store
	// Chance gives random numbers from 0 to below 1, to draw samples with. Many call it at once.
	Chance func() float64
	// Log learns when events cannot be written.
	Log *slog.Logger
}

// New returns a Flow.
func New(o Options) *Flow {
	return &Flow{config: o.Config, chance: o.Chance, log: o.Log, store: o.Store, queue: make(chan Event, max(1, o.Config.Queue))}
}

// Enabled reports whether anything is recorded, so that nobody makes events for nothing.
func (f *Flow) Enabled() bool { return f.config.Enabled }

// Record takes an event, if it is drawn as a sample. It never waits.
func (f *Flow) Record(e Event) {
	if !f.config.Enabled || !f.drawn(e.Verdict) {
		return
	}
	if !f.config.Subjects {
		e.Subject = ""
	}
	select {
	case f.queue <- e:
	default:
		f.dropped.Add(1)
	}
}

func (f *Flow) drawn(v Verdict) bool {
	share := f.config.SampleRefused
	if v == Allowed {
		share = f.config.SampleAllowed
	}
	return share >= 1 || share > 0 && f.chance() < share
}

// Stats returns the counts.
func (f *Flow) Stats() Stats {
	return Stats{Written: f.written.Load(), Dropped: f.dropped.Load(), Failed: f.failed.Load(), Waiting: len(f.queue)}
}

const (
	// largestBatch is how many events are written at once.
	largestBatch = 256
	// writeLimit is the time that a batch has.
	writeLimit = 10 * time.Second
	// recovery is the pause after a batch that could not be written: meanwhile events wait, then they are dropped.
	recovery = time.Second
	// lastWords is the time for what waits when the server stops.
	lastWords = 3 * time.Second
)

// Run writes events until ctx ends, and then those that still wait.
func (f *Flow) Run(ctx context.Context) error {
	batch := make([]Event, 0, largestBatch)
	for {
		select {
		case <-ctx.Done():
			f.drain(ctx, batch)
			return nil
		case e := <-f.queue:
			batch = f.gather(append(batch[:0], e))
			if !f.write(ctx, batch) {
				wait.For(ctx, recovery)
			}
		}
	}
}

// gather adds what waits, without waiting for more.
func (f *Flow) gather(batch []Event) []Event {
	for len(batch) < largestBatch {
		select {
		case e := <-f.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

func (f *Flow) drain(ctx context.Context, batch []Event) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	for {
		batch = f.gather(batch[:0])
		if len(batch) == 0 || !f.write(ctx, batch) {
			return
		}
	}
}

// write stores a batch, those of several tenants at once so that they share a statement. False says that some could not
// be written.
func (f *Flow) write(ctx context.Context, batch []Event) bool {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	of := map[tenant.ID][]Event{}
	for i := range batch {
		e := tidy(batch[i])
		of[e.Tenant] = append(of[e.Tenant], e)
	}
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for id, events := range of {
		all.Go(func() {
			if err := f.store.insert(tenant.With(limited, id), events); err != nil {
				failed.Store(&err)
				f.failed.Add(uint64(len(events)))
				return
			}
			f.written.Add(uint64(len(events)))
		})
	}
	all.Wait()
	err := failed.Load()
	if err != nil && !f.failing {
		f.log.WarnContext(ctx, "decisions could not be recorded; those that come until the database answers are lost", "error", *err)
	}
	f.failing = err != nil
	return err == nil
}

// The longest texts that are kept, in bytes. Strangers write some of them.
const (
	longestName = 190 // what an indexed column holds
	longestText = 1024
)

// tidy makes an event fit its row: strangers' texts may be endless, or hold what databases do not take.
func tidy(e Event) Event {
	if e.Tenant == "" {
		e.Tenant = tenant.Default
	}
	e.Rule, e.Method = spell.Fit(e.Rule, longestName), spell.Fit(e.Method, 32)
	e.Subject, e.Host = spell.Fit(e.Subject, longestName), spell.Fit(e.Host, 255)
	e.Path, e.Reason = spell.Fit(e.Path, longestText), spell.Fit(e.Reason, longestText)
	return e
}
