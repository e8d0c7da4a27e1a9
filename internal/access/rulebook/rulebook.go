package rulebook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// errWaits says that rules are well by themselves, but cannot be loaded before others are.
var errWaits = errors.New("these rules wait: those of another source are refused or could not be read yet")

// tracked is a source of rules with what is known of it. Its lower half is guarded by the Book's lock.
type tracked struct {
	kind, name string
	tenant     tenant.ID // empty where rules bring their own
	reader     source.Reader
	every      time.Duration // between two reads; the feed may ask for one in between
	most       time.Duration // the longest pause after failures
	limit      time.Duration // for one read; 0 means none
	wake       chan struct{}

	reading sync.Mutex // held from reading to loading, so that older rules never replace newer ones

	offered  []access.Rule // as they were read last
	fresh    bool          // offered are not in force
	accepted []access.Rule // those that are in force
	inForce  bool          // there are accepted ones, be it none at all
	wrong    error         // why what was read last is not in force
	silent   error         // why the last reading failed
	changed  time.Time
	checked  time.Time
	refusals uint64

	copyName string           // under which the database keeps what came into force; "" where it keeps nothing
	maxBytes int64            // of a document
	said     *source.Document // what offered was read from
	unkept   *source.Document // is in force, and not written down yet
	recalled bool             // the database has said what it has of the copy
	again    time.Time        // before then it is not asked to keep or give the copy, as it did not answer last time
	fallback *fallback
	keptAt   time.Time // when the rules in force were read, where they are those of the copy; else zero
}

// kindAPI is the source of the rules that the admin API was given.
const kindAPI = "api"

// Book keeps the engine's rules as the sources have them: all sources are one set, which is loaded whole. What cannot be
// loaded leaves the rules in force as they are, and is said in the log, in Status and to metrics. Make it with New.
type Book struct {
	engine *engine.Engine
	store  *Store
	now    func() time.Time
	log    *slog.Logger

	changing sync.Mutex // held by one change after the other: each of several at once would check all rules, to be overtaken by one

	mu      sync.Mutex // guards the sources' state and the order of loads
	sources []*tracked
	api     *tracked     // one of them; nil without a store
	stored  *storeReader // the api's reader
}

// Options are what a Book needs.
type Options struct {
	// Engine gets the rules.
	Engine *engine.Engine
	// Config says where they are read.
	Config Config
	// Store has those of the admin API; nil where there are none.
	Store *Store
	// Now is the clock.
	Now func() time.Time
	// Log is told what happens to the rules.
	Log *slog.Logger
}

// apiPoll is how often the database is asked though the change feed told nothing.
const apiPoll = time.Minute

// New returns a Book that has read nothing yet: Start it.
func New(o Options) (*Book, error) {
	b := &Book{engine: o.Engine, store: o.Store, now: o.Now, log: o.Log}
	named := map[string]int{}
	for _, c := range o.Config.all() {
		at, err := source.Locate(c.URL)
		if err != nil {
			return nil, err
		}
		if named[at.Name]++; named[at.Name] > 1 { // metrics need names of their own, and so do readers of logs
			at.Name += fmt.Sprintf("#%d", named[at.Name])
		}
		s, err := track(at, c, o.Config)
		if err != nil {
			return nil, err
		}
		b.sources = append(b.sources, s)
	}
	if o.Store != nil {
		b.stored = &storeReader{store: o.Store}
		b.api = &tracked{kind: kindAPI, name: kindAPI, reader: b.stored, every: apiPoll, most: apiPoll, limit: o.Config.Timeout}
		b.sources = append(b.sources, b.api)
	}
	for _, s := range b.sources {
		s.wake = make(chan struct{}, 1)
	}
	if o.Store != nil {
		o.Store.watch(b.api.nudge)
	}
	return b, nil
}

// track makes what is known of a source as it is configured.
func track(at source.Location, c source.Config, all Config) (t *tracked, err error) {
	t = &tracked{kind: at.Kind, name: at.Name, tenant: c.Tenant, every: all.RemotePoll, most: 10 * all.RemotePoll, limit: all.Timeout}
	switch at.Kind {
	case source.KindFile:
		t.every, t.most, t.limit = all.FilePoll, all.FilePoll, 0
	case source.KindInline:
		t.every, t.most = 24*time.Hour, 24*time.Hour
	}
	t.reader, err = at.Open(c, source.Limits{Bytes: all.MaxBytes, FirstLook: min(all.FilePoll, 100*time.Millisecond)})
	if _, remote := t.reader.(source.Remembering); remote {
		t.copyName, t.maxBytes = copyName(c), all.MaxBytes
	}
	return t, err
}

func (s *tracked) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Start reads all sources once, all at the same time, and loads their rules. What could not be read or loaded is no error: it
// is said by Ready and Status, and tried again by Run.
func (b *Book) Start(ctx context.Context) {
	var reads sync.WaitGroup
	for _, s := range b.sources {
		reads.Go(func() { b.check(ctx, s) })
	}
	reads.Wait()
}

// Run follows the sources until ctx ends.
func (b *Book) Run(ctx context.Context) error {
	var follow sync.WaitGroup
	for _, s := range b.sources {
		follow.Go(func() { b.follow(ctx, s) })
	}
	follow.Wait()
	return ctx.Err()
}

// follow reads one source again and again. A failure is soon followed by the next attempt; many are not.
func (b *Book) follow(ctx context.Context, s *tracked) {
	failures := 0
	if !b.heard(s) {
		failures = 1
	}
	for s.waits(ctx, s.pause(failures)) {
		if b.check(ctx, s) {
			failures = 0
		} else {
			failures++
		}
	}
}

func (b *Book) heard(s *tracked) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return s.silent == nil
}

// pause is how long to wait before the next reading.
func (s *tracked) pause(failures int) time.Duration {
	if failures == 0 {
		return s.every
	}
	return min(s.most, firstPause<<min(failures-1, 16))
}

// firstPause is the pause after the first failure; each further one doubles it.
const firstPause = time.Second

// waits returns after the pause, give or take a tenth so that servers do not ask in step, or when something changed; false
// says that ctx ended.
func (s *tracked) waits(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause - pause/10 + rand.N(pause/5+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.wake:
	case <-t.C:
	}
	return ctx.Err() == nil
}

// check reads a source and loads what it has, where that is something new. False says that it could not be read.
func (b *Book) check(ctx context.Context, s *tracked) bool {
	s.reading.Lock()
	defer s.reading.Unlock()
	limited := ctx
	if s.limit > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	rules, err := s.reader.Read(limited)
	if ctx.Err() != nil {
		return false
	}
	if err == nil {
		if s.tenant != "" {
			for i := range rules {
				rules[i].Tenant = s.tenant
			}
		}
		b.take(ctx, s, access.Compact(rules), nil)
	}
	could := b.listen(ctx, s, err)
	if b.lacks(s) {
		b.recall(ctx, s)
	}
	b.others(ctx, s)
	return could
}

// others sees to the other sources when one has said something new.
func (b *Book) others(ctx context.Context, s *tracked) {
	for _, one := range b.sources { // what s has may have shown that another's rules cannot be
		if one != s && b.lacks(one) {
			one.nudge()
		}
	}
	b.keep(ctx)
}

// take loads the rules that a source has now. They may be prepared for that; else nil. The source's reading lock is held.
func (b *Book) take(ctx context.Context, s *tracked, rules []access.Rule, p *engine.Prepared) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.checked = b.now()
	b.hear(ctx, s)
	s.offered, s.fresh, s.wrong, s.said = rules, true, errWaits, nil
	if r, ok := s.reader.(source.Remembering); ok {
		s.said = r.Said()
		s.said.Read = s.checked
	}
	b.load(ctx, s, p)
}

// listen notes what came of reading a source, where it was not rules. False says that it could not be read.
func (b *Book) listen(ctx context.Context, s *tracked, err error) bool {
	if err == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.checked = b.now()
	faults, refused := errors.AsType[access.Faults](err)
	switch {
	case errors.Is(err, source.ErrUnchanged):
		b.hear(ctx, s)
		if s.wrong == nil {
			s.keptAt = time.Time{} // the source says so itself
		}
	case refused:
		b.hear(ctx, s)
		s.offered, s.fresh = nil, false // what was read before is not there any more
		b.refuse(ctx, s, faults)
	default:
		b.miss(ctx, s, err)
		return false
	}
	return true
}
