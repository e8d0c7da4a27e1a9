package sqldb

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Feed tells every server on a database what changed, so that it drops what it remembers. A change is a topic
// and a key of the tenant's; it is written in the transaction that makes it and reaches this process before InTx
// returns, and other processes within a second, or those that are cut off within FeedOptions.Limit.
//
// It reads the table <name>_change_feed again and again, from some way behind its newest row, because rows are
// numbered when they are written and seen when they are committed, which is not the same order. On PostgreSQL
// each commit also nudges the readers, so that they need not wait for their next turn. An embedded SQLite serves
// one process, which needs neither table nor reader.
type Feed struct {
	db     *DB
	table  string
	source string // names this reader, which need not read what it wrote
	poll   time.Duration
	limit  time.Duration

	mu   sync.RWMutex
	subs map[string][]func(t tenant.ID, key string)

	healthy  atomic.Bool
	failure  atomic.Pointer[error] // of the last reading; nil where it worked
	watchdog *time.Timer
	nudge    chan struct{} // somebody else changed something
	changed  chan struct{} // we did

	doubt   atomic.Int32 // for so many turns, what this process wrote is told again: a commit may have come late
	runs    atomic.Bool
	owedMu  sync.Mutex
	owes    map[event]owed // what is to be published again
	failing atomic.Bool    // publishing it failed the last time

	settle  time.Duration // how long a row may stay uncommitted
	history *history      // nil without FeedOptions.Marks
	prune   atomic.Int64  // everything up to here is the past; 0: not known

	// What follows belongs to Run.
	low    int64              // everything up to here is known
	seen   map[int64]struct{} // what is known behind low
	recent []int64            // the newest row at each of the last turns
	last   time.Time          // when the last reading that worked began
}

// event is one change, waiting for its transaction.
type event struct {
	tenant     tenant.ID
	topic, key string
}

const (
	feedPoll        = 400 * time.Millisecond
	feedLimit       = time.Second      // reading must have worked within this time
	feedPatience    = 5 * time.Second  // a reading that takes longer is begun anew
	feedUncommitted = 20 * time.Second // how long a row may stay uncommitted; a commit is given ten seconds
	feedMinutes     = 10               // how long rows are kept
	feedPage        = 2000
	feedBehind      = 20_000 // how many rows behind the newest may still be uncommitted where reading begins
)

// FeedOptions tune a Feed; the zero value is right.
type FeedOptions struct {
	// Poll is the time between two reads; 0 means 400 ms, and more than 500 ms is not allowed, so that a change
	// is known everywhere within a second.
	Poll time.Duration
	// Limit is how long what is remembered is believed after the last reading that worked; 0 means one second. Tests that
	// count statements need more: a machine that is busy holds a reading up for longer.
	Limit time.Duration
	// Marks has the feed remember changes, and put a mark between them now and then, so that it can tell whether what another
	// server read is still true: see Position. Every server that shares what it read needs it.
	Marks bool
	// Settle is how long a row may stay uncommitted, and so how far a Position lies back; 0 means 20 seconds, which is twice
	// what a commit is given. Tests that hold no transaction open need less.
	Settle time.Duration
}

// NewFeed returns the feed of a database. Subscribe to it, then Run it. Options.Now of the database is needed.
func NewFeed(db *DB, o FeedOptions) *Feed {
	poll := feedPoll
	if o.Poll > 0 {
		poll = min(o.Poll, 500*time.Millisecond)
	}
	limit := feedLimit
	if o.Limit > 0 {
		limit = o.Limit
	}
	f := &Feed{
		db:      &DB{core: db.core, all: true, quiet: true, despite: true},
		table:   db.core.name + "_change_feed",
		source:  rand.Text(),
		poll:    poll,
		limit:   limit,
		subs:    make(map[string][]func(tenant.ID, string)),
		nudge:   make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
		seen:    make(map[int64]struct{}),
		owes:    make(map[event]owed),
		settle:  cmp.Or(o.Settle, feedUncommitted),
	}
	if o.Marks && !f.local() {
		f.history = newHistory()
	}
	f.healthy.Store(f.local())
	return f
}

// local reports whether there are no other processes to tell.
func (f *Feed) local() bool { return f.db.Dialect() == SQLite }

// Publish tells the change with the commit of tx: as one statement at its end, however many changes there are.
// An empty key stands for everything of the tenant under this topic.
func (f *Feed) Publish(ctx context.Context, tx *Tx, topic, key string) error {
	id, ok := tenant.From(ctx)
	if !ok {
		return &Error{Statement: "publish " + topic, cause: ErrNoTenant}
	}
	if tx.core != f.db.core || tx.feed != nil && tx.feed != f {
		return &Error{Statement: "publish " + topic, cause: errors.New("the feed and the transaction are not of one database")}
	}
	tx.feed = f
	tx.events = append(tx.events, event{tenant: id, topic: topic, key: key})
	return nil
}

// PublishAll tells that everything of the tenant has changed, under each topic that somebody in this process listens to.
func (f *Feed) PublishAll(ctx context.Context, tx *Tx) error {
	f.mu.RLock()
	topics := slices.Sorted(maps.Keys(f.subs))
	f.mu.RUnlock()
	for _, topic := range topics {
		if err := f.Publish(ctx, tx, topic, ""); err != nil {
			return err
		}
	}
	return nil
}

// write puts the changes of a transaction into the table and has them told here after the commit.
func (f *Feed) write(ctx context.Context, tx *Tx) error {
	events := tx.events
	// Before all else that comes after the commit, which may take its time: until then caches give out what was changed.
	tx.after = slices.Insert(tx.after, 0, func() {
		f.tellEach(events)
		wake(f.changed)
	})
	if f.local() {
		return nil
	}
	if f.db.core.now == nil {
		return &Error{Statement: "INSERT INTO " + f.table, cause: errors.New("Options.Now is missing")}
	}
	now := f.db.core.now()
	tx.numbered = now
	rows := make([][]any, len(events))
	for i, e := range events {
		rows[i] = []any{f.source, string(e.tenant), e.topic, e.key, now}
	}
	return tx.AllTenants().InsertLater(ctx, f.table, []string{"source", "tenant_id", "topic", "item", "changed_at"}, rows)
}

// Subscribe has fn called for each change of the topic, in this process before the change's InTx returns. fn must
// be quick. An empty key stands for everything of the tenant, an empty tenant for everything of everybody: so it
// is told when the feed was cut off for so long that changes may be lost.
func (f *Feed) Subscribe(topic string, fn func(t tenant.ID, key string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subs[topic] = append(f.subs[topic], fn)
}

func (f *Feed) tellEach(events []event) {
	for _, e := range events {
		f.history.block(e) // before caches drop it and would take it back from elsewhere
		f.tell(e)
	}
}

func (f *Feed) tell(e event) {
	f.mu.RLock()
	subs := f.subs[e.topic]
	f.mu.RUnlock()
	for _, fn := range subs {
		fn(e.tenant, e.key)
	}
}

// tellAll says that anything may have changed.
func (f *Feed) tellAll() {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, subs := range f.subs {
		for _, fn := range subs {
			fn("", "")
		}
	}
}

// Healthy reports whether what others changed is known here: whether the feed was read lately, as FeedOptions.Limit
// says. When it was not, nothing that is remembered may be believed.
func (f *Feed) Healthy() bool { return f.healthy.Load() }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
