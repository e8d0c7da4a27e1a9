package sqldb

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/maphash"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Position is a place in a Feed that a server had passed before it read something: whatever that reading did not see is a
// change behind this place. A server that is given what another one read, with its Position, finds out by Feed.Unchanged
// whether it is still true. A Position goes from process to process as text.
//
// Rows are numbered before they are committed, so a place lies as far back as a row may stay uncommitted. It is always that
// of a mark, a row with a random text: a database that was restored, or that took over from one whose last rows it did not
// have, may number its rows as before, and does not make the same marks.
type Position struct {
	id   int64
	mark string
}

// String gives the text that ParsePosition reads: digits, a dot, letters and digits.
func (p Position) String() string { return strconv.FormatInt(p.id, 10) + "." + p.mark }

// ParsePosition reads what String wrote.
func ParsePosition(text string) (Position, error) {
	number, mark, found := strings.Cut(text, ".")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !found || id <= 0 || mark == "" {
		return Position{}, errors.New("this is no position in a change feed")
	}
	return Position{id: id, mark: mark}, nil
}

// Subject is what a change is of: the topic and the key that were given to Publish.
type Subject struct{ Topic, Key string }

// Position returns the newest place of which everything before is settled: take it before reading what is to be given to
// other servers. There is none for some seconds after Run began, and none without FeedOptions.Marks.
func (f *Feed) Position() (Position, bool) {
	if f.history == nil || !f.Healthy() {
		return Position{}, false
	}
	if p := f.history.place.Load(); p != nil {
		return *p, true
	}
	return Position{}, false
}

// Unchanged reports whether what was read behind a position is still true, as far as it hangs on the subjects of a tenant:
// whether this server knows all changes since then and none is of one of them. It may say no where the answer is yes. What
// others changed within FeedOptions.Limit may be unknown here, as it is to all that is remembered; what this process changed
// is known as soon as InTx returns.
func (f *Feed) Unchanged(p Position, of tenant.ID, subjects ...Subject) bool {
	if f.history == nil || !f.Healthy() || f.doubt.Load() > 0 {
		return false // while a commit is in doubt, its row may have any number, or none yet
	}
	k := f.history.known.Load()
	return k.passed(p) && f.history.unchanged(k, p.id, of, subjects) && f.Healthy() && f.history.known.Load() == k
}

const (
	markTopic = "mark"
	markEvery = 5 * time.Second
	marksKept = 1024

	historyPages = 512
	ownPlaces    = 4096
)

// history remembers the changes that a feed has told, in a bounded space: of each subject the number of its last change.
// Subjects that share a place make each other look changed, which costs a statement and harms nothing. All methods may be
// called on nil, which remembers nothing.
type history struct {
	seed  maphash.Seed
	known atomic.Pointer[known]    // since the feed last began
	place atomic.Pointer[Position] // the newest mark of which all before is settled

	begun, done atomic.Int64 // readings of the feed
	// own holds for what this process changed which reading of the feed brings the number of that change. Until then nobody
	// else's word on it counts.
	own [ownPlaces]atomic.Int64
}

// known is what was read since a feed began.
type known struct {
	seed maphash.Seed
	last [historyPages]atomic.Pointer[numbers]

	mu    sync.RWMutex
	marks map[int64]string
}

// numbers are 4 KiB of them, made when they are first needed.
type numbers [512]atomic.Int64

func newHistory() *history {
	h := &history{seed: maphash.MakeSeed()}
	h.known.Store(h.anew())
	return h
}

// anew returns an empty memory.
func (h *history) anew() *known {
	if h == nil {
		return nil
	}
	return &known{seed: h.seed, marks: make(map[int64]string)}
}

// begin puts a memory that was filled meanwhile in the place of the one there is: the feed may be another one.
func (h *history) begin(fresh *known) {
	if h != nil {
		h.place.Store(nil)
		h.known.Store(fresh)
	}
}

// reading is called before the feed is read, and what it returns after that worked.
func (h *history) reading() (done func()) {
	if h == nil {
		return func() {}
	}
	n := h.begun.Add(1)
	return func() { h.done.Store(n) }
}

// block has nobody else's word count on a subject that changes, until a reading that begins from now on is done.
func (h *history) block(e event) {
	if h != nil {
		raise(&h.own[hashOf(h.seed, e)%ownPlaces], h.begun.Load()+1)
	}
}

// note remembers a change.
func (h *history) note(id int64, e event) {
	if h != nil {
		h.known.Load().note(id, e)
	}
}

// settled moves the place that Position gives up to the newest mark that is not behind low.
func (h *history) settled(low int64) {
	if h == nil {
		return
	}
	if p, ok := h.known.Load().markBefore(low); ok {
		h.place.Store(&p)
	}
}

// unchanged reports whether no change of the subjects is behind a number.
func (h *history) unchanged(k *known, since int64, of tenant.ID, subjects []Subject) bool {
	for _, s := range subjects {
		for _, e := range [...]event{{of, s.Topic, s.Key}, {of, s.Topic, ""}} { // itself, and everything of the tenant's
			if h.own[hashOf(h.seed, e)%ownPlaces].Load() > h.done.Load() || k.lastOf(e) > since {
				return false
			}
		}
	}
	return true
}

func (k *known) note(id int64, e event) {
	if k == nil {
		return
	}
	if e.topic == markTopic {
		k.mark(id, e.key)
		return
	}
	page, i := k.slot(e)
	if page.Load() == nil {
		page.CompareAndSwap(nil, new(numbers))
	}
	raise(&page.Load()[i], id)
}

// mark remembers a mark and forgets the older half of too many: what was read before those is not believed any more.
func (k *known) mark(id int64, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.marks[id] = text
	if len(k.marks) <= marksKept {
		return
	}
	for _, old := range slices.Sorted(maps.Keys(k.marks))[:marksKept/2] {
		delete(k.marks, old)
	}
}

// passed reports whether a position is one of this feed, and everything behind it known.
func (k *known) passed(p Position) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	mark, ok := k.marks[p.id]
	return ok && mark == p.mark
}

// markBefore returns the newest mark that is not behind a number.
func (k *known) markBefore(low int64) (newest Position, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for id, mark := range k.marks {
		if id <= low && id > newest.id {
			newest, ok = Position{id, mark}, true
		}
	}
	return newest, ok
}

// lastOf returns the number of the last change of a subject, or a later one.
func (k *known) lastOf(e event) int64 {
	page, i := k.slot(e)
	if all := page.Load(); all != nil {
		return all[i].Load()
	}
	return 0
}

func (k *known) slot(e event) (page *atomic.Pointer[numbers], i uint64) {
	n := hashOf(k.seed, e)
	return &k.last[n/uint64(len(numbers{}))%historyPages], n % uint64(len(numbers{}))
}

func hashOf(seed maphash.Seed, e event) uint64 { return maphash.Comparable(seed, e) }

// raise sets a number to at, unless a later one was faster.
func raise(number *atomic.Int64, at int64) {
	for {
		old := number.Load()
		if old >= at || number.CompareAndSwap(old, at) {
			return
		}
	}
}

// marking puts a mark between the changes now and then. One of all servers does, mostly: each looks at a time of its own
// whether there is a new one.
func (f *Feed) marking(ctx context.Context) {
	every := min(markEvery, f.settle/4)
	newest := int64(0)
	for wait.For(ctx, every/2+mathrand.N(every)) {
		last, _ := f.history.known.Load().markBefore(1<<63 - 1)
		if last.id != newest {
			newest = last.id
			continue
		}
		limited, cancel := context.WithTimeout(ctx, feedLimit)
		_, err := f.db.Exec(limited, "INSERT INTO "+f.table+" (source, tenant_id, topic, item, changed_at) VALUES (?, ?, ?, ?, ?)",
			f.source, "", markTopic, rand.Text(), f.db.core.now())
		cancel()
		if err != nil && ctx.Err() == nil {
			f.db.core.log.DebugContext(ctx, "no mark was written; the next turn tries again", "database", f.db.Name(), "error", err)
		}
	}
}
