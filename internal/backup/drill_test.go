package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// drill tells of a drill, an hour after what was before.
func (p *place) drill(t *testing.T, d backup.Drill) {
	t.Helper()
	p.clock.Advance(time.Hour)
	if kept, err := p.Record(t.Context(), d); err != nil || len(kept) != len(p.dirs) {
		t.Fatal(kept, err)
	}
}

// look has a server look for drills.
func (p *place) look(t *testing.T, db *sqldb.DB) int {
	t.Helper()
	noted, err := (&backup.Watch{Backups: p.Backups, Store: backup.NewStore(db)}).Once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return noted
}

// told are the events of drills.
func told(t *testing.T, db *sqldb.DB) (events []string) {
	t.Helper()
	waiting, err := activity.Outbox{DB: db, Logical: "management"}.Pending(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range waiting {
		if strings.Contains(string(one.Document), `"backup.drill`) {
			events = append(events, string(one.Document))
		}
	}
	return events
}

// Servers learn of drills by the destinations, also where one of them is lost; each drill is told once, whoever of them is first.
func TestServersLearnOfDrills(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		p := newPlace(t)
		if n := p.look(t, db); n != 0 {
			t.Errorf("%d before there was one", n)
		}
		p.drill(t, backup.Drill{Backup: "one", Destination: "dir0", Millis: 1234})
		var noted atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { noted.Add(int64(p.look(t, db))) })
		}
		wg.Wait()
		last, err := backup.NewStore(db).LastDrill(t.Context())
		if err != nil || noted.Load() != 1 || !last.SucceededAt.Equal(p.clock.Now().Truncate(time.Millisecond)) || !last.FailedAt.IsZero() || last.Millis != 1234 || last.Failures != 0 {
			t.Errorf("%d noted, %+v %v", noted.Load(), last, err)
		}
		good := last.SucceededAt
		p.drill(t, backup.Drill{Backup: "two", Destination: "dir0", Fault: "load"})
		for _, file := range files(t, p.dirs[0], ".drill") {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		if n := p.look(t, db); n != 1 {
			t.Errorf("%d noted of the one that failed", n)
		}
		last, err = backup.NewStore(db).LastDrill(t.Context())
		if err != nil || !last.SucceededAt.Equal(good) || !last.FailedAt.Equal(p.clock.Now().Truncate(time.Millisecond)) || last.Fault != "load" || last.Failures != 1 || last.Millis != 1234 {
			t.Errorf("%+v %v", last, err)
		}
		events := told(t, db)
		if len(events) != 2 || !strings.Contains(events[0], `"backup.drilled"`) || !strings.Contains(events[1], `"backup.drill_failed"`) || !strings.Contains(events[1], `"load"`) {
			t.Errorf("%q", events)
		}
		if job, err := backup.NewStore(db).Last(t.Context()); err != nil || !job.SucceededAt.IsZero() {
			t.Errorf("it counts as a backup: %+v %v", job, err)
		}
	})
}

// What others put there, what was changed, and what comes from the future counts for nothing.
func TestForeignDrills(t *testing.T) {
	db := testkit.SQLite(t, "management")
	p, other := newPlace(t), newPlace(t)
	other.Backups.Destinations, other.Backups.Ring, other.clock, other.Backups.Now = p.Backups.Destinations, ring(t, "somebody else's secrets"), p.clock, p.clock.Now
	other.drill(t, backup.Drill{Backup: "foreign"})
	p.drill(t, backup.Drill{Backup: "changed", Fault: "load"})
	for _, dir := range p.dirs {
		change(t, files(t, dir, ".drill")[1], func(b []byte) []byte { return []byte(strings.Replace(string(b), `"fault": "load",`, "", 1)) })
	}
	p.clock.Advance(48 * time.Hour)
	p.drill(t, backup.Drill{Backup: "later"})
	p.clock.Advance(-49 * time.Hour)
	if n := p.look(t, db); n != 0 {
		t.Errorf("%d were noted", n)
	}
	if list, err := p.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("drills are listed as backups: %v %v", list, err)
	}
	p.clock.Advance(50 * time.Hour)
	if n := p.look(t, db); n != 1 {
		t.Errorf("%d were noted when their time had come", n)
	}
}

// Whoever can write to one destination hides no drill that another one tells of.
func TestManyForeignDrills(t *testing.T) {
	db := testkit.SQLite(t, "management")
	p, other := newPlace(t), newPlace(t)
	p.drill(t, backup.Drill{Backup: "one"})
	other.Backups.Destinations, other.Backups.Ring = p.Backups.Destinations[:1], ring(t, "somebody else's secrets")
	for i := range 30 {
		other.Backups.Now = func() time.Time { return p.clock.Now().Add(time.Duration(i+1) * time.Second) }
		if _, err := other.Record(t.Context(), backup.Drill{Backup: "foreign"}); err != nil {
			t.Fatal(err)
		}
	}
	p.clock.Advance(time.Minute)
	if n := p.look(t, db); n != 1 {
		t.Errorf("%d were noted", n)
	}
}

// A destination that takes no drill is named, and the others are told.
func TestADrillThatReachesOneDestination(t *testing.T) {
	p := newPlace(t)
	if err := os.RemoveAll(p.dirs[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.dirs[0], nil, 0o600); err != nil { // where a directory was
		t.Fatal(err)
	}
	kept, err := p.Record(t.Context(), backup.Drill{Backup: "one"})
	lost, ok := errors.AsType[backup.Unreachable](err)
	if !ok || lost["dir0"] == nil || len(kept) != 1 || kept[0] != "dir1" {
		t.Errorf("%v %v", kept, err)
	}
	if all, err := p.Drills(t.Context(), time.Time{}); err == nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
}

// Prune removes drills with the backups of their time, but for the last of ours, and leaves what others told.
func TestPruneDrills(t *testing.T) {
	p := newPlace(t)
	p.Config.Keep = backup.KeepConfig{Last: 1, For: 100 * time.Hour}
	ours := p.Backups.Ring
	p.Backups.Ring = ring(t, "somebody else's secrets")
	p.drill(t, backup.Drill{Backup: "foreign"})
	p.Backups.Ring = ours
	for range 3 {
		p.drill(t, backup.Drill{Backup: "one"})
	}
	left := func(want int, names ...string) {
		t.Helper()
		if _, err := p.Prune(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		for _, dir := range p.dirs {
			if got := files(t, dir, ".drill"); len(got) != want {
				t.Errorf("%d are left: %v", len(got), got)
			}
			for _, name := range names {
				if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Error(err)
				}
			}
		}
	}
	left(4)
	foreign, last := filepath.Base(files(t, p.dirs[0], ".drill")[0]), filepath.Base(files(t, p.dirs[0], ".drill")[3])
	p.clock.Advance(98*time.Hour + 30*time.Minute)
	left(3, foreign, last)
	p.clock.Advance(1000 * time.Hour)
	left(2, foreign, last)
}

// Where the secret that signed the last full backup was taken out, nothing can be built on it: the next one is full by itself, and
// says why.
func TestAfterASecretWasTakenOut(t *testing.T) {
	db := testkit.SQLite(t, "management")
	p := newPlace(t)
	p.create(t, db, backup.CreateOptions{})
	p.Backups.Ring = ring(t, "the secrets that came after")
	made := p.create(t, db, backup.CreateOptions{})
	if made.Kind != backup.Full || !strings.Contains(made.Why, "its secret was taken out") {
		t.Errorf("a %s one: %s", made.Kind, made.Why)
	}
	if next := p.create(t, db, backup.CreateOptions{}); next.Kind != backup.Incremental || next.Parent != made.ID {
		t.Errorf("the next is a %s one: %s", next.Kind, next.Why)
	}
}
