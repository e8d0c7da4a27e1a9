package dataset_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// far is a server on databases that others use, too.
type far struct {
	db   *sqldb.DB
	gate *dataset.Gate
	run  func()
	stop func()
}

func begins(t *testing.T, name, dsn string) far {
	t.Helper()
	db := opened(t, dsn)
	feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
	gate := dataset.NewGate(dataset.GateOptions{Databases: dataset.Databases{"management": db}, Feed: feed, Log: slog.New(slog.DiscardHandler), Server: name})
	dataset.Lease(gate, time.Minute) // a busy machine is no halted one
	if err := gate.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	stop := func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return far{db: db, gate: gate, stop: stop, run: func() {
		wg.Go(func() { _ = feed.Run(ctx) })
		wg.Go(func() { _ = gate.Run(ctx) })
	}}
}

func eachServer(t *testing.T, fn func(t *testing.T, dsn string)) {
	t.Helper()
	for name, empty := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mariadb": testkit.MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := empty(t)
			if _, err := migrations.Up(t.Context(), opened(t, dsn), "management"); err != nil {
				t.Fatal(err)
			}
			fn(t, dsn)
		})
	}
}

func command(t *testing.T, dsn string) dataset.Origin {
	t.Helper()
	db := opened(t, dsn)
	return dataset.NewOrigin(dataset.Databases{"management": db}, sqldb.NewFeed(db, sqldb.FeedOptions{}))
}

func second(_ dataset.State, err error) error { return err }

// A freeze returns when every server holds writes and what had begun on each is over, however long a server takes to hear of it.
func TestAFreezeIsHeldByAllServers(t *testing.T) {
	eachServer(t, func(t *testing.T, dsn string) {
		origin, one, other := command(t, dsn), begins(t, "one", dsn), begins(t, "other", dsn)
		one.run()
		begun, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			err := other.db.AllTenants().InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				close(begun)
				<-finish
				_, err := tx.Exec(ctx, `INSERT INTO limit_failure (tenant_id, subject, failures, failed_at) VALUES ('default', 'begun', 1, ?)`, tx.Now())
				return err
			})
			if err != nil {
				t.Errorf("what had begun: %v", err)
			}
		})
		<-begun
		wg.Go(func() { done <- second(origin.Freeze(t.Context(), "a test")) })
		until(t, one.db.Frozen)
		time.Sleep(100 * time.Millisecond) // the other is halted: it does not even know
		other.run()
		until(t, other.db.Frozen)
		select {
		case err := <-done:
			t.Errorf("a write has not ended: %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		close(finish)
		if err := <-done; err != nil {
			t.Error(err)
		}
		wg.Wait()
		for _, server := range []far{one, other} {
			if err := write(t.Context(), server.db, "refused"); !errors.Is(err, sqldb.ErrFrozen) {
				t.Errorf("a write: %v", err)
			}
		}
		if err := origin.Thaw(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, server := range []far{one, other} {
			until(t, func() bool { return write(t.Context(), server.db, server.db.Now().String()) == nil })
		}
	})
}

// A server that says nothing is waited for until it cannot write any more, and is not waited for again; one that has left is not waited for.
func TestAFreezeOfWhoIsSilent(t *testing.T) {
	eachServer(t, func(t *testing.T, dsn string) {
		origin, halted := command(t, dsn), begins(t, "halted", dsn)
		dataset.Hurry(origin, halted.gate, 2*time.Second, time.Minute, time.Minute)
		freeze := func() time.Duration {
			t.Helper()
			begun := time.Now()
			if _, err := origin.Freeze(t.Context(), "a test"); err != nil {
				t.Fatal(err)
			}
			return time.Since(begun)
		}
		if took := freeze(); took < 2*time.Second {
			t.Errorf("a halted server was given %v", took)
		}
		dataset.Hurry(origin, halted.gate, time.Hour, time.Minute, time.Minute)
		freeze()
		if err := origin.Thaw(t.Context()); err != nil {
			t.Fatal(err)
		}
		halted.run() // it wakes, and is known again
		until(t, func() bool { return rows(t, halted.db, "server halted") == 1 })
		freeze()
		if !halted.db.Frozen() {
			t.Error("it takes writes")
		}
		halted.stop()
		if err := halted.gate.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		freeze()
	})
}

func rows(t *testing.T, db *sqldb.DB, name string) (n int) {
	t.Helper()
	if err := db.AllTenants().QueryRow(t.Context(), `SELECT COUNT(*) FROM data_state WHERE name = ?`, name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Who froze is told where it cannot be kept: a write does not end, or somebody ended the freeze.
func TestAFreezeThatCannotBeHeld(t *testing.T) {
	eachServer(t, func(t *testing.T, dsn string) {
		origin, busy := command(t, dsn), begins(t, "busy", dsn)
		dataset.Hurry(origin, busy.gate, 2*time.Second, 100*time.Millisecond, time.Minute)
		busy.run()
		err := busy.db.AllTenants().InTx(t.Context(), func(context.Context, *sqldb.Tx) error {
			_, err := origin.Freeze(t.Context(), "a test")
			if err == nil || !strings.Contains(err.Error(), "busy") {
				t.Errorf("a write does not end: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Errorf("what had begun: %v", err)
		}
		busy.stop()
		dataset.Hurry(origin, busy.gate, time.Hour, time.Minute, time.Minute)
		done := make(chan error, 1)
		go func() { done <- second(origin.Freeze(t.Context(), "a test")) }()
		until(t, func() bool { return rows(t, busy.db, "frozen") == 1 })
		if err := command(t, dsn).Thaw(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err == nil || !strings.Contains(err.Error(), "ended the freeze") {
			t.Errorf("somebody ended it: %v", err)
		}
	})
}

// A server writes only while it hears whether it may, and does again once it hears.
func TestWhoHearsNothingWritesNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, dsn string) {
		over, line := testkit.NewLineTo(t, dsn)
		server := begins(t, "deaf", over)
		here := opened(t, dsn)
		dataset.Hurry(command(t, dsn), server.gate, time.Minute, time.Minute, time.Second)
		server.run()
		until(t, func() bool { return write(t.Context(), server.db, server.db.Now().String()) == nil })
		line.Cut()
		until(t, func() bool {
			err := write(t.Context(), server.db, "deaf")
			return err != nil && strings.Contains(err.Error(), "held off") && errors.Is(err, sqldb.ErrUnavailable)
		})
		if err := write(t.Context(), here, "a command"); err != nil {
			t.Errorf("who is no server: %v", err)
		}
		line.Mend()
		until(t, func() bool { return write(t.Context(), server.db, server.db.Now().String()) == nil })
	})
}

// A server that stops writes nothing any more before others hear that it has gone, and stays known while something that it had begun has not
// ended.
func TestWhoLeavesWritesNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, dsn string) {
		server := begins(t, "leaving", dsn)
		dataset.Hurry(command(t, dsn), server.gate, time.Minute, 100*time.Millisecond, time.Minute)
		err := server.db.AllTenants().InTx(t.Context(), func(context.Context, *sqldb.Tx) error {
			if err := server.gate.Leave(t.Context()); err == nil || rows(t, server.db, "server leaving") != 1 {
				t.Errorf("it has gone while it writes: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Errorf("what had begun: %v", err)
		}
		if err := server.gate.Leave(t.Context()); err != nil || rows(t, server.db, "server leaving") != 0 {
			t.Errorf("it has not gone: %v", err)
		}
		if _, err := server.gate.Thaw(t.Context()); err == nil || rows(t, server.db, "server leaving") != 0 {
			t.Errorf("it comes back: %v", err)
		}
		if err := write(t.Context(), server.db, "gone"); !errors.Is(err, sqldb.ErrFrozen) {
			t.Errorf("a write: %v", err)
		}
	})
}
