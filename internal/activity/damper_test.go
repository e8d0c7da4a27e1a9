package activity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestDamper(t *testing.T) {
	clock := &testkit.Clock{}
	d := &Damper{Every: time.Minute, Most: 3, Now: clock.Now}
	expect := func(key string, suppressed int, ok bool) {
		t.Helper()
		if n, got := d.Tell(key); n != suppressed || got != ok {
			t.Errorf("%s: %d %t, want %d %t", key, n, got, suppressed, ok)
		}
	}
	expect("a", 0, true)
	expect("a", 0, false)
	expect("a", 0, false)
	expect("b", 0, true)
	clock.Advance(time.Minute)
	expect("a", 2, true)
	expect("c", 0, true)
	expect("d", 0, true)
	expect("e", 0, false)
	clock.Advance(time.Minute)
	expect("e", 1, true)
	for i := range 2 * maxDamped {
		d.Tell(fmt.Sprint(i))
	}
	if len(d.keys) > maxDamped {
		t.Errorf("%d keys are remembered", len(d.keys))
	}
	d.Tell(strings.Repeat("a stranger's word ", 50_000))
	for key := range d.keys {
		if len(key) > maxWord {
			t.Errorf("a key of %d bytes is remembered", len(key))
		}
	}
}
