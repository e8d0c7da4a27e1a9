package dataset_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// served is a source as a server has it: what is frozen refuses writes in this process.
type served struct {
	dataset.Origin

	gate *dataset.Gate
}

func (s served) Freeze(ctx context.Context, why string) (dataset.State, error) {
	return s.gate.Freeze(ctx, why)
}

func (s served) Thaw(ctx context.Context) error {
	_, err := s.gate.Thaw(ctx)
	return err
}

func serve(db *sqldb.DB) (served, *dataset.Gate) {
	dbs, feed := dataset.Databases{"management": db}, sqldb.NewFeed(db, sqldb.FeedOptions{})
	gate := dataset.NewGate(dataset.GateOptions{Databases: dbs, Feed: feed, Log: slog.New(slog.DiscardHandler)})
	return served{dataset.NewOrigin(dbs, feed), gate}, gate
}

// copyInto copies into a database of its own.
func copyInto(ctx context.Context, from dataset.Origin, db *sqldb.DB, o dataset.CopyOptions) (*dataset.Copied, error) {
	o.Feed = sqldb.NewFeed(db, sqldb.FeedOptions{})
	return dataset.Copy(ctx, from, dataset.Databases{"management": db}, o)
}

func write(ctx context.Context, db *sqldb.DB, name string) error {
	_, err := db.AllTenants().Exec(ctx, `INSERT INTO limit_failure (tenant_id, subject, failures, failed_at) VALUES (?, ?, ?, ?)`,
		"default", name, 1, db.Now())
	return err
}

// forget makes sure that the activity log of a target is told once how its content came, and takes that out again: a source has no
// such event.
func forget(t *testing.T, target *sqldb.DB, like string) {
	t.Helper()
	n, err := target.AllTenants().Exec(t.Context(), `DELETE FROM management_activity_outbox WHERE document LIKE ?`, like)
	if err != nil || n != 1 {
		t.Errorf("%d events tell how the content came: %v", n, err)
	}
}

// Whatever was acknowledged while the copy ran is there, and after it nothing more is.
func TestCopyWhileWritten(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, source *sqldb.DB) {
		target := testkit.SQLite(t, "management")
		fill(t, rand.New(rand.NewPCG(5, 6)), "management", source, 700, "identity", "session")
		origin, _ := serve(source)
		var written atomic.Int64
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := 0; ; n++ {
				switch err := write(t.Context(), source, fmt.Sprintf("while %d", n)); {
				case errors.Is(err, sqldb.ErrFrozen):
					return
				case err != nil:
					t.Errorf("a write that was not refused: %v", err)
					return
				}
				written.Add(1)
			}
		})
		done, err := copyInto(t.Context(), origin, target, dataset.CopyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		var there int64
		if err := target.AllTenants().QueryRow(t.Context(), `SELECT COUNT(*) FROM limit_failure WHERE subject LIKE 'while %'`).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if there != written.Load() {
			t.Errorf("%d rows were acknowledged, %d are there", written.Load(), there)
		}
		forget(t, target, `%"data.copied"%`)
		if diff := cmp.Diff(done.Tables, summary(t, dataset.Databases{"management": target})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(done.Tables, summary(t, dataset.Databases{"management": source})); diff != "" {
			t.Error(diff)
		}
		if !source.Frozen() || done.Thawed {
			t.Error("the source takes writes, which the target lacks")
		}
		if again, err := copyInto(t.Context(), origin, target, dataset.CopyOptions{}); err != nil || !again.Already || !source.Frozen() {
			t.Errorf("the same copy once more: %v, frozen %v", err, source.Frozen())
		}
		// Whoever was given back and held still again may have been written to.
		thawed := origin.Thaw(t.Context())
		_, frozen := origin.Freeze(t.Context(), "again")
		if err := errors.Join(thawed, frozen); err != nil {
			t.Fatal(err)
		}
		if _, err := copyInto(t.Context(), origin, target, dataset.CopyOptions{}); !errors.Is(err, dataset.ErrNotEmpty) {
			t.Errorf("a second copy over the first: %v", err)
		}
		if _, err := copyInto(t.Context(), origin, target, dataset.CopyOptions{Replace: true, Thaw: true}); err != nil || source.Frozen() {
			t.Errorf("a rehearsal ends with %v, frozen %v", err, source.Frozen())
		}
	})
}

// A copy that was ended leaves a source that takes writes and a target that nobody serves; the same call goes on, and another is
// refused.
func TestCopyGoesOn(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, target *sqldb.DB) {
		source, other := testkit.SQLite(t, "management"), testkit.SQLite(t, "management")
		fill(t, rand.New(rand.NewPCG(7, 8)), "management", source, 1100, "identity", "session")
		origin, _ := serve(source)
		_, gate := serve(target)
		if err := gate.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, phase := range []dataset.Phase{dataset.Copying, dataset.CatchingUp, dataset.Comparing} {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := copyInto(ctx, origin, target, dataset.CopyOptions{Progress: func(s dataset.Step) {
				if s.Phase == phase && (s.Rows > 0 || phase == dataset.Comparing) {
					cancel()
				}
			}})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: %v", phase, err)
			}
			if err := gate.Open(t.Context()); !errors.Is(err, dataset.ErrArriving) {
				t.Errorf("%s: a server starts on a part: %v", phase, err)
			}
			if source.Frozen() {
				t.Errorf("%s: the source was not given back", phase)
			}
		}
		// A run that was killed had the source held still: who goes on and fails gives it back, too.
		if _, err := origin.Freeze(t.Context(), "a run that was killed"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := copyInto(ctx, origin, target, dataset.CopyOptions{Progress: func(dataset.Step) { cancel() }}); !errors.Is(err, context.Canceled) || source.Frozen() {
			t.Errorf("after a kill: %v, and held still: %v", err, source.Frozen())
		}
		stranger, _ := serve(other)
		if _, err := copyInto(t.Context(), stranger, target, dataset.CopyOptions{}); !errors.Is(err, dataset.ErrOtherCopy) {
			t.Errorf("another source: %v", err)
		}
		unfit := errors.New("unfit")
		if _, err := copyInto(t.Context(), origin, target, dataset.CopyOptions{Fits: func(context.Context) error { return unfit }}); !errors.Is(err, unfit) {
			t.Errorf("secrets that do not fit: %v", err)
		}
		if _, err := copyInto(t.Context(), origin, target, dataset.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := gate.Open(t.Context()); err != nil {
			t.Errorf("no server starts on the whole: %v", err)
		}
		forget(t, target, `%"data.copied"%`)
		if diff := cmp.Diff(summary(t, dataset.Databases{"management": source}), summary(t, dataset.Databases{"management": target})); diff != "" {
			t.Error(diff)
		}
	})
}

func opened(t *testing.T, dsn string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "management", Now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func until(t *testing.T, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("it did not come about")
		}
	}
}

func TestAFreezeWithoutAReasonIsOne(t *testing.T) {
	db := testkit.SQLite(t, "management")
	origin, gate := serve(db)
	if _, err := origin.Origin.Freeze(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if err := gate.Open(t.Context()); err != nil || !db.Frozen() || gate.Last().Frozen == "" {
		t.Errorf("%v, %+v", err, gate.Last())
	}
}

// halfway is an origin whose freezes are interrupted when writes are refused already.
type halfway struct{ dataset.Origin }

func (h halfway) Freeze(ctx context.Context, why string) (dataset.State, error) {
	state, err := h.Origin.Freeze(ctx, why)
	return state, errors.Join(err, context.Canceled)
}

// Who ends a freeze half-way is told what became of it.
func TestAFreezeThatIsInterrupted(t *testing.T) {
	origin, _ := serve(testkit.SQLite(t, "management"))
	_, err := dataset.Freeze(t.Context(), halfway{origin.Origin}, "a test")
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "gatehouse data thaw") {
		t.Error(err)
	}
}

// Health is asked while writes that had begun are waited for.
func TestTheStateIsToldWhileWritesEnd(t *testing.T) {
	management, oauth := testkit.SQLite(t, "management"), testkit.SQLite(t, "oauth")
	gate := dataset.NewGate(dataset.GateOptions{
		Databases: dataset.Databases{"management": management, "oauth": oauth},
		Feed:      sqldb.NewFeed(management, sqldb.FeedOptions{}), Log: slog.New(slog.DiscardHandler),
	})
	var wg sync.WaitGroup
	err := oauth.InTx(t.Context(), func(context.Context, *sqldb.Tx) error {
		wg.Go(func() {
			if _, err := gate.Freeze(t.Context(), "a test"); err != nil {
				t.Error(err)
			}
		})
		until(t, oauth.Frozen)
		if told := gate.Last().Frozen; told != "a test" {
			t.Errorf("%q", told)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
}

func TestCopyRefuses(t *testing.T) {
	source := testkit.SQLite(t, "management")
	origin, _ := serve(source)
	if _, err := copyInto(t.Context(), origin, source, dataset.CopyOptions{Replace: true}); !errors.Is(err, dataset.ErrSame) {
		t.Errorf("to itself: %v", err)
	}
	memory, err := sqldb.Open(t.Context(), "memory", sqldb.Options{Name: "management"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	if _, err := copyInto(t.Context(), origin, memory, dataset.CopyOptions{}); !errors.Is(err, dataset.ErrEphemeral) {
		t.Errorf("into memory: %v", err)
	}
}

// Who has the source held still says when that ends: a copy that fails does not, and one during which it ended has not succeeded.
func TestCopyOfASourceThatOthersHold(t *testing.T) {
	source, target := testkit.SQLite(t, "management"), testkit.SQLite(t, "management")
	fill(t, rand.New(rand.NewPCG(9, 10)), "management", source, 300, "identity", "session")
	origin, _ := serve(source)
	given := dataset.CopyOptions{Progress: func(s dataset.Step) {
		if s.Phase == dataset.Comparing {
			if err := origin.Thaw(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}}
	if _, err := copyInto(t.Context(), origin, target, given); !errors.Is(err, dataset.ErrThawed) {
		t.Errorf("given back meanwhile: %v", err)
	}
	again := dataset.CopyOptions{Progress: func(s dataset.Step) {
		if s.Phase == dataset.Comparing {
			thawed := origin.Thaw(t.Context())
			_, frozen := origin.Freeze(t.Context(), "a move")
			if err := errors.Join(thawed, frozen); err != nil {
				t.Error(err)
			}
		}
	}}
	if _, err := copyInto(t.Context(), origin, target, again); !errors.Is(err, dataset.ErrThawed) || !source.Frozen() {
		t.Errorf("given back, and taken again by somebody, for whom it is held: %v", err)
	}
	twice := dataset.CopyOptions{Progress: func(s dataset.Step) {
		if s.Phase == dataset.Comparing {
			if _, err := origin.Freeze(t.Context(), "a move, too"); err != nil {
				t.Error(err)
			}
		}
	}}
	if _, err := copyInto(t.Context(), origin, testkit.SQLite(t, "management"), twice); err != nil {
		t.Errorf("held still twice: %v", err)
	}
	if _, gate := serve(target); !errors.Is(gate.Open(t.Context()), dataset.ErrArriving) {
		t.Error("a server starts on it")
	}
	if _, err := origin.Freeze(t.Context(), "a move"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		target *sqldb.DB
		during func()
		frozen bool
	}{
		{"a run that goes on where another was killed", target, func() {}, false},
		{"held still before", testkit.SQLite(t, "management"), func() {}, true},
		{"filled by another run", target, func() {
			if _, err := target.AllTenants().DespiteFreeze().Exec(t.Context(), `DELETE FROM data_state WHERE name = 'arriving'`); err != nil {
				t.Error(err)
			}
		}, true},
	} {
		if _, err := origin.Freeze(t.Context(), "a move"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := copyInto(ctx, origin, c.target, dataset.CopyOptions{Progress: func(s dataset.Step) {
			if s.Phase == dataset.Comparing {
				c.during()
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) || source.Frozen() != c.frozen || strings.Contains(err.Error(), "somebody else") != c.frozen {
			t.Errorf("%s: frozen %v, %v", c.name, source.Frozen(), err)
		}
	}
}

// What is refused changes nothing: a target that turns out to be somebody else's keeps the schema that its servers know.
func TestCopyLeavesAForeignTargetAsItIs(t *testing.T) {
	origin, _ := serve(testkit.SQLite(t, "management"))
	for _, version := range []int64{dataset.StateVersion - 1, dataset.StateVersion} {
		target := older(t, version)
		o := dataset.CopyOptions{Prepare: func(ctx context.Context) error {
			_, err := migrations.Up(ctx, target, "management")
			return err
		}}
		if _, err := copyInto(t.Context(), origin, target, o); !errors.Is(err, dataset.ErrNotEmpty) {
			t.Errorf("version %d: %v", version, err)
		}
		if now, err := migrations.Version(t.Context(), target, "management"); err != nil || now != version {
			t.Errorf("version %d: it is at version %d: %v", version, now, err)
		}
		o.Replace, o.Thaw = true, true
		if _, err := copyInto(t.Context(), origin, target, o); err != nil {
			t.Errorf("version %d: over it: %v", version, err)
		}
	}
}

// Nothing is removed where servers run; what is left of another copy has none.
func TestReplaceAsksForServers(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, target *sqldb.DB) {
		source := testkit.SQLite(t, "management")
		origin, _ := serve(source)
		if err := write(t.Context(), target, "there"); err != nil {
			t.Fatal(err)
		}
		before := summary(t, dataset.Databases{"management": target})
		busy := errors.New("servers run")
		idle := func(context.Context) error { return busy }
		if _, err := copyInto(t.Context(), origin, target, dataset.CopyOptions{Replace: true, Idle: idle}); !errors.Is(err, busy) {
			t.Errorf("a copy: %v", err)
		}
		if _, err := load(t.Context(), source, target, dataset.LoadOptions{From: "one", Replace: true, Idle: idle}); !errors.Is(err, busy) {
			t.Errorf("a load: %v", err)
		}
		if _, gate := serve(target); gate.Open(t.Context()) != nil {
			t.Error("it counts as being filled")
		}
		if diff := cmp.Diff(before, summary(t, dataset.Databases{"management": target})); diff != "" {
			t.Error(diff)
		}
		marked(t, target)
		if _, err := copyInto(t.Context(), origin, target, dataset.CopyOptions{Replace: true, Idle: idle, Thaw: true}); err != nil {
			t.Errorf("over a part: %v", err)
		}
	})
}
