package activity

import (
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Damper bounds events that strangers can bring about as often as they like: of those with one key one is told at once, and those
// that follow within a time are counted and told with the next. It may be used by many goroutines.
type Damper struct {
	// Every is the time within which of one key one event is told.
	Every time.Duration
	// Most is how many events are told within that time in all.
	Most int
	// Now is the clock.
	Now func() time.Time

	mu    sync.Mutex
	begun time.Time
	told  int
	keys  map[string]*damped
}

// damped is what is known of a key.
type damped struct {
	since time.Time
	more  int
}

// maxDamped is how many keys are remembered; beyond it the counts begin anew.
const maxDamped = 10_000

// Tell reports whether an event with the key is to be told, and how many were not since the last one. Of a key only the first
// 512 bytes count: it may be a stranger's word, and thousands are remembered.
func (d *Damper) Tell(key string) (suppressed int, ok bool) {
	key = strings.Clone(spell.Fit(key, maxWord))
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.Now()
	if now.Sub(d.begun) >= d.Every {
		d.begun, d.told = now, 0
	}
	k := d.keys[key]
	if k == nil {
		if len(d.keys) >= maxDamped || d.keys == nil {
			d.keys = make(map[string]*damped)
		}
		k = &damped{}
		d.keys[key] = k
	}
	if d.told >= d.Most || !k.since.IsZero() && now.Sub(k.since) < d.Every {
		k.more++
		return 0, false
	}
	suppressed = k.more
	k.since, k.more = now, 0
	d.told++
	return suppressed, true
}
