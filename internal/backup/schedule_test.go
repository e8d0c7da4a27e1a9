package backup_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Of several servers one makes each backup that is due; one that died in the midst is followed by another when its claim has lapsed.
func TestServersTakeTurns(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		p := newPlace(t)
		p.Config.Schedule = "0 * * * *"
		p.Config.Prune, p.Config.FullEvery, p.Config.Keep = true, 0, backup.KeepConfig{Last: 2}
		add(t, db, "first", 20)
		var told, pruned, unpruned atomic.Int64
		server := func(name string) *backup.Schedule {
			return &backup.Schedule{
				Backups: p.Backups, Store: backup.NewStore(db), Read: reading(db), Holder: name,
				Tell: func(context.Context, *backup.Created, error) error { told.Add(1); return nil },
				Pruned: func(_ context.Context, done []backup.Pruned, fault error) error {
					pruned.Add(int64(len(done)))
					if fault != nil {
						unpruned.Add(1)
					}
					return nil
				},
			}
		}
		all := func(want int64) {
			t.Helper()
			var ran atomic.Int64
			var wg sync.WaitGroup
			for _, name := range []string{"a", "b", "c"} {
				wg.Go(func() {
					did, err := server(name).Once(t.Context())
					if err != nil {
						t.Error(err)
					}
					if did {
						ran.Add(1)
					}
				})
			}
			wg.Wait()
			if ran.Load() != want {
				t.Errorf("%d servers made a backup, and not %d", ran.Load(), want)
			}
		}
		all(1)
		all(0)
		p.clock.Advance(time.Hour)
		all(1)
		if list, err := p.List(t.Context()); err != nil || len(list) != 2 || told.Load() != 2 {
			t.Errorf("%d backups, %d are told of, %v", len(list), told.Load(), err)
		}
		last, err := backup.NewStore(db).Last(t.Context())
		if err != nil || last.SucceededAt.IsZero() || last.Bytes == 0 || last.Failures != 0 || last.Fault != "" {
			t.Errorf("%+v %v", last, err)
		}
		// One dies: its claim stays.
		p.clock.Advance(time.Hour)
		if _, err := db.AllTenants().Exec(t.Context(), `UPDATE backup_job SET due_at = ?, holder = 'dead', held_until = ?`,
			p.clock.Now().Truncate(time.Hour), p.clock.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		all(0)
		if pruned.Load() != 0 {
			t.Errorf("%d were removed while there were two", pruned.Load())
		}
		p.clock.Advance(2 * time.Minute)
		all(1)
		// The third has the first one go, from each destination.
		if list, err := p.List(t.Context()); err != nil || len(list) != 2 || pruned.Load() != int64(len(p.dirs)) {
			t.Errorf("%d backups are left, %d were removed, %v", len(list), pruned.Load(), err)
		}
		// Where nothing can be written, that is known.
		p.clock.Advance(time.Hour)
		for _, dir := range p.dirs {
			if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		all(1)
		if pruned.Load() != int64(len(p.dirs)) || unpruned.Load() != 0 {
			t.Error("something was removed after a backup that failed")
		}
		if last, err := backup.NewStore(db).Last(t.Context()); err != nil || last.Failures != 1 || last.Fault == "" || last.FailedAt.Before(last.SucceededAt) {
			t.Errorf("%+v %v", last, err)
		}
	})
}

// What is made from outside counts as what servers make by themselves, and is no reason for them to leave out what is due.
func TestBackupsFromOutsideCount(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		p, store := newPlace(t), backup.NewStore(db)
		p.Config.Schedule = "0 * * * *"
		note := func(made *backup.Created, fault error) backup.Job {
			t.Helper()
			p.clock.Advance(time.Minute)
			if err := store.Note(t.Context(), made, fault, p.clock.Now()); err != nil {
				t.Fatal(err)
			}
			last, err := store.Last(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return last
		}
		made := p.create(t, db, backup.CreateOptions{})
		first := note(made, nil)
		if !first.SucceededAt.Equal(p.clock.Now()) || first.Bytes != made.Data.Size || first.Millis != made.Millis || first.Failures != 0 {
			t.Errorf("%+v", first)
		}
		failed := note(made, &backup.Failed{Unreachable: backup.Unreachable{"far": errors.New("is away")}, Anywhere: true})
		if !failed.SucceededAt.Equal(first.SucceededAt) || !failed.FailedAt.Equal(p.clock.Now()) || failed.Failures != 1 || !strings.Contains(failed.Fault, "far") {
			t.Errorf("%+v", failed)
		}
		if again := note(made, nil); again.Failures != 1 || again.Fault != "" || !again.SucceededAt.Equal(p.clock.Now()) {
			t.Errorf("%+v", again)
		}
		server := &backup.Schedule{
			Backups: p.Backups, Store: store, Read: reading(db), Holder: "a",
			Tell: func(context.Context, *backup.Created, error) error { return nil },
		}
		for _, due := range []bool{true, false} {
			if ran, err := server.Once(t.Context()); ran != due || err != nil {
				t.Errorf("it ran: %v, %v", ran, err)
			}
		}
		note(made, nil)
		if ran, err := server.Once(t.Context()); ran || err != nil {
			t.Errorf("it ran once more: %v, %v", ran, err)
		}
	})
}
