package flow

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func all() Config {
	c := DefaultConfig()
	c.Enabled = true
	return c
}

func newFlow(t *testing.T, db *sqldb.DB, c Config) (*Flow, *Store) {
	t.Helper()
	store := NewStore(db, c.Retention)
	t.Cleanup(store.Close)
	return New(Options{Config: c, Store: store, Chance: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)}), store
}

// finish writes what waits: a Run whose time is over.
func finish(t *testing.T, f *Flow) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func event(at time.Time) Event {
	return Event{
		Tenant: tenant.Default, Time: at, Rule: "orders", Subject: "ann", Method: "GET", Host: "api.example.com", Path: "/orders/7",
		Verdict: Allowed, Reason: "noop", Duration: 1500 * time.Microsecond, Bytes: 42,
	}
}

func TestWhatIsRecordedIsListed(t *testing.T) {
	testkit.EachDB(t, "flow", func(t *testing.T, db *sqldb.DB) {
		f, store := newFlow(t, db, all())
		clock := &testkit.Clock{}
		first, second := event(clock.Now()), event(clock.Now().Add(time.Second))
		second.Verdict, second.Rule, second.Subject, second.Reason = Forbidden, "admin", "", "deny"
		f.Record(first)
		finish(t, f)
		f.Record(second)
		finish(t, f)

		ctx := testkit.Context(t)
		before := db.Statements()
		got, err := store.List(ctx, Filter{Limit: 10})
		if err != nil || len(got) != 2 {
			t.Fatalf("%d events, %v", len(got), err)
		}
		if n := db.Statements() - before; n != 1 {
			t.Errorf("a list costs %d statements", n)
		}
		for i, want := range []Event{second, first} {
			want.ID = got[i].ID
			if diff := cmp.Diff(want, got[i]); diff != "" {
				t.Errorf("event %d (-want +got):\n%s", i, diff)
			}
		}
		for _, filter := range []Filter{{Rule: "orders"}, {Verdict: Allowed}, {Subject: "ann"}, {Before: got[0].ID}} {
			filter.Limit = 10
			if one, err := store.List(ctx, filter); err != nil || len(one) != 1 || one[0].ID != got[1].ID {
				t.Errorf("%+v: %d events, %v", filter, len(one), err)
			}
		}
		if other, err := store.List(tenant.With(t.Context(), "other"), Filter{Limit: 10}); err != nil || len(other) != 0 {
			t.Errorf("another tenant sees %d events, %v", len(other), err)
		}
	})
}

func TestManyEventsLeaveInFewStatements(t *testing.T) {
	testkit.EachDB(t, "flow", func(t *testing.T, db *sqldb.DB) {
		f, store := newFlow(t, db, all())
		const n = 200
		for i := range n {
			e := event(time.Unix(int64(i), 0))
			if i%2 == 1 {
				e.Tenant = "other"
			}
			f.Record(e)
		}
		before := db.Statements()
		finish(t, f)
		if used := db.Statements() - before; used > 10 {
			t.Errorf("%d events cost %d statements", n, used)
		}
		if s := f.Stats(); s.Written != n || s.Dropped+s.Failed != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		for _, id := range []tenant.ID{tenant.Default, "other"} {
			if got, err := store.List(tenant.With(t.Context(), id), Filter{Limit: n}); err != nil || len(got) != n/2 {
				t.Errorf("tenant %s has %d events, %v", id, len(got), err)
			}
		}
	})
}

// What strangers write into requests must not cost the rows beside it.
func TestStrangeTextsAreStored(t *testing.T) {
	testkit.EachDB(t, "flow", func(t *testing.T, db *sqldb.DB) {
		f, store := newFlow(t, db, all())
		for _, text := range []string{"a\x00b", "\xff\xfe", strings.Repeat("ä", 3000), "🙂" + strings.Repeat("x", 2000), "' OR 1=1 --", ""} {
			e := event(time.Unix(1, 0))
			e.Rule, e.Subject, e.Method, e.Host, e.Path, e.Reason = text, text, text, text, text, text
			f.Record(e)
		}
		finish(t, f)
		if s := f.Stats(); s.Written != 6 {
			t.Errorf("%+v", s)
		}
		if got, err := store.List(testkit.Context(t), Filter{Limit: 10}); err != nil || len(got) != 6 {
			t.Errorf("%d events, %v", len(got), err)
		}
	})
}

func TestSweep(t *testing.T) {
	testkit.EachDB(t, "flow", func(t *testing.T, db *sqldb.DB) {
		c := all()
		c.Retention = time.Hour
		f, store := newFlow(t, db, c)
		clock := &testkit.Clock{}
		for i := range 5 {
			e := event(clock.Now().Add(time.Duration(i) * time.Minute))
			if i == 1 {
				e.Tenant = "other"
			}
			f.Record(e)
		}
		finish(t, f)
		clock.Advance(time.Hour + 150*time.Second) // the first three are too old
		for i, want := range []int{2, 1, 0} {
			before := db.Statements()
			if n, err := store.Sweep(t.Context(), clock.Now(), 2); err != nil || n != want {
				t.Errorf("sweep %d deleted %d, %v; want %d", i, n, err, want)
			}
			if used := db.Statements() - before; used > 3 {
				t.Errorf("a sweep costs %d statements", used)
			}
		}
		if got, err := store.List(testkit.Context(t), Filter{Limit: 10}); err != nil || len(got) != 2 {
			t.Errorf("%d events are left, %v", len(got), err)
		}
	})
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	c := all()
	c.Queue = 100
	f, _ := newFlow(t, testkit.SQLite(t, "flow"), c)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 50 {
				f.Record(event(time.Unix(1, 0)))
			}
		})
	}
	writers.Wait()
	if s := f.Stats(); s.Dropped != 100 || s.Waiting != 100 {
		t.Errorf("%+v", s)
	}
	finish(t, f)
	if s := f.Stats(); s.Written != 100 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

func TestALostDatabaseCostsEventsAndNothingElse(t *testing.T) {
	db := testkit.SQLite(t, "flow")
	f, store := newFlow(t, db, all())
	store.Close() // refuses from now on
	f.Record(event(time.Unix(1, 0)))
	finish(t, f)
	if s := f.Stats(); s.Failed != 1 || s.Written != 0 {
		t.Errorf("%+v", s)
	}
}

func TestRunWritesAsEventsCome(t *testing.T) {
	f, store := newFlow(t, testkit.SQLite(t, "flow"), all())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	f.Record(event(time.Unix(1, 0)))
	testkit.Eventually(t, "the event is written", func() bool { return f.Stats().Written > 0 })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got, err := store.List(testkit.Context(t), Filter{Limit: 10}); err != nil || len(got) != 1 {
		t.Errorf("%d events, %v", len(got), err)
	}
}

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		name             string
		enabled          bool
		allowed, refused float64
		want             int // of one allowed and one refused; the dice shows 0.5
	}{
		{"off", false, 1, 1, 0}, {"all", true, 1, 1, 2}, {"none", true, 0, 0, 0}, {"refused alone", true, 0.5, 0.6, 1}, {"both drawn", true, 0.51, 0.51, 2},
	} {
		config := DefaultConfig()
		config.Enabled, config.SampleAllowed, config.SampleRefused = c.enabled, c.allowed, c.refused
		f := New(Options{Config: config, Chance: func() float64 { return 0.5 }})
		f.Record(Event{Verdict: Allowed})
		f.Record(Event{Verdict: Unmatched})
		if got := f.Stats().Waiting; got != c.want {
			t.Errorf("%s: %d events, want %d", c.name, got, c.want)
		}
	}
}

func TestSubjectsAreLeftOut(t *testing.T) {
	c := all()
	c.Subjects = false
	f := New(Options{Config: c})
	f.Record(event(time.Unix(1, 0)))
	if e := <-f.queue; e.Subject != "" {
		t.Errorf("the subject %q is recorded", e.Subject)
	}
}

func TestVerdictOf(t *testing.T) {
	for status, want := range map[int]Verdict{0: Allowed, 401: Unauthorized, 403: Forbidden, 404: Unmatched, 400: Invalid, 413: Invalid, 429: Invalid, 500: Failed, 503: Failed} {
		if got := VerdictOf(status); got != want || !got.valid() {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) != 0 {
		t.Errorf("the defaults are wrong: %v", faults)
	}
	wrong := Config{SampleAllowed: 1.1, SampleRefused: math.NaN()}
	text := fmt.Sprint(wrong.Validate())
	for _, key := range []string{"sample_allowed: ", "sample_refused: "} {
		if !strings.Contains(text, key) {
			t.Errorf("no fault of %s in %s", key, text)
		}
	}
}
