package backup_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A full backup and two that build on it bring back each of the three states, in any kind of database.
func TestPointsInTime(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		p := newPlace(t)
		states := []string{"first", "second", "third"}
		var made []*backup.Created
		for i, series := range states {
			add(t, db, series, []int{3000, 100, 100}[i])
			made = append(made, p.create(t, db, backup.CreateOptions{}))
			if want := []backup.Kind{backup.Full, backup.Incremental, backup.Incremental}[i]; made[i].Kind != want || len(made[i].Destinations) != 2 {
				t.Errorf("backup %d: %+v", i, made[i])
			}
			if i > 0 && (made[i].Data.Size > made[0].Data.Size || made[i].Fresh >= made[i].Chunks) {
				t.Errorf("what changed takes %d bytes, all %d; %d of %d chunks", made[i].Data.Size, made[0].Data.Size, made[i].Fresh, made[i].Chunks)
			}
		}
		target := testkit.SQLite(t, "management")
		for i, wanted := range []backup.Wanted{
			{ID: made[0].ID}, {Before: made[2].CreatedAt.Add(-time.Minute)}, {Destination: "dir1"},
		} {
			done, err := p.Restore(t.Context(), p.into(target, backup.RestoreOptions{Wanted: wanted}, true), p.keys)
			if err != nil {
				t.Fatal(err)
			}
			if done.ID != made[i].ID || done.Files != i+1 {
				t.Errorf("%+v is backup %s of %d files, not %s", wanted, done.ID, done.Files, made[i].ID)
			}
			if diff := cmp.Diff([]int{3000 + 100*i, min(i, 1) * 100, i / 2 * 100}, []int{count(t, target, ""), count(t, target, "second"), count(t, target, "third")}); diff != "" {
				t.Errorf("state %d: %s", i, diff)
			}
		}
		// And from there into another database of the first kind.
		p.create(t, target, backup.CreateOptions{Full: true})
		if _, err := p.Restore(t.Context(), p.into(db, backup.RestoreOptions{}, false), p.keys); !errors.Is(err, dataset.ErrNotEmpty) {
			t.Errorf("over what is there: %v", err)
		}
		if _, err := p.Restore(t.Context(), p.into(db, backup.RestoreOptions{}, true), p.keys); err != nil || count(t, db, "") != 3200 {
			t.Errorf("%d rows, %v", count(t, db, ""), err)
		}
	})
}

// What is written while a backup is made is in it as a whole or not at all.
func TestOneStateWhileWritten(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		p := newPlace(t)
		add(t, db, "before", 1000)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil { // pairs, one row at each end of the table
				err := db.AllTenants().InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
					key := time.Now().Format(time.RFC3339Nano)
					_, err := tx.InsertRows(ctx, "limit_failure", []string{"tenant_id", "subject", "failures", "failed_at"},
						[][]any{{"a", key + " pair", 1, db.Now()}, {"z", key + " pair", 1, db.Now()}})
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		testkit.Eventually(t, "something is written", func() bool { return count(t, db, "pair") > 0 })
		p.create(t, db, backup.CreateOptions{})
		stop()
		wg.Wait()
		target := testkit.SQLite(t, "management")
		if _, err := p.Restore(t.Context(), p.into(target, backup.RestoreOptions{}, false), p.keys); err != nil {
			t.Fatal(err)
		}
		var pairs, firsts int
		row := target.AllTenants().QueryRow(t.Context(), `SELECT COUNT(*), COALESCE(SUM(CASE WHEN tenant_id = 'a' THEN 1 ELSE 0 END), 0) FROM limit_failure WHERE subject LIKE '%pair'`)
		if err := row.Scan(&pairs, &firsts); err != nil || pairs != 2*firsts {
			t.Errorf("%d rows of %d pairs: %v", pairs, firsts, err)
		}
	})
}

// A destination that is down gets nothing, the others do, and it is said; when it is back the next backup stands alone, because
// there the one before is missing.
func TestADestinationIsDown(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	add(t, db, "first", 500)
	p.create(t, db, backup.CreateOptions{})
	away := p.dirs[1] + "-away"
	if err := os.Rename(p.dirs[1], away); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.dirs[1], nil, 0o600); err != nil { // a file where the directory was
		t.Fatal(err)
	}
	p.clock.Advance(time.Hour)
	made, err := p.Create(t.Context(), reading(db), backup.CreateOptions{})
	failed, ok := errors.AsType[*backup.Failed](err)
	if !ok || !failed.Anywhere || failed.Unreachable["dir1"] == nil || len(failed.Unreachable) != 1 {
		t.Fatalf("%v", err)
	}
	if made == nil || made.Kind != backup.Incremental || !cmp.Equal(made.Destinations, []string{"dir0"}) {
		t.Errorf("%+v", made)
	}
	if list, err := p.List(t.Context()); err == nil || len(list) != 2 {
		t.Errorf("%d backups, %v", len(list), err)
	}
	if err := errors.Join(os.Remove(p.dirs[1]), os.Rename(away, p.dirs[1])); err != nil {
		t.Fatal(err)
	}
	if made := p.create(t, db, backup.CreateOptions{}); made.Kind != backup.Full || !strings.Contains(made.Why, "dir1 lacks") {
		t.Errorf("%+v", made)
	}
	// As where nothing is mounted any more.
	if err := os.RemoveAll(p.dirs[1]); err != nil {
		t.Fatal(err)
	}
	if made := p.create(t, db, backup.CreateOptions{}); made.Kind != backup.Full || !strings.Contains(made.Why, "dir1 has none") {
		t.Errorf("%+v", made)
	}
	for _, dir := range p.dirs {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Create(t.Context(), reading(db), backup.CreateOptions{}); err == nil || !strings.Contains(err.Error(), "there is no backup") {
		t.Errorf("with all destinations down: %v", err)
	}
}

// The data failing leaves nothing behind that could be taken for a backup.
func TestTheSourceFails(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	add(t, db, "first", 5000)
	ctx, cancel := context.WithCancelCause(t.Context())
	broken := errors.New("the database went away")
	_, err := p.Create(ctx, reading(db), backup.CreateOptions{Progress: func(int64, int64) { cancel(broken) }})
	if err == nil {
		t.Fatal("it was made")
	}
	for _, dir := range p.dirs {
		if left := files(t, dir, ""); len(left) > 0 {
			t.Errorf("%v are left", left)
		}
	}
}

// Whatever was changed in a backup, or put in its place, is noticed before anything is written.
func TestTampering(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	add(t, db, "first", 500)
	first := p.create(t, db, backup.CreateOptions{})
	add(t, db, "second", 10)
	second := p.create(t, db, backup.CreateOptions{})
	file := func(id, suffix string) string { return filepath.Join(p.dirs[0], "gatehouse-"+id+suffix) }
	flip := func(at int) func(b []byte) []byte {
		return func(b []byte) []byte {
			b = bytes.Clone(b)
			b[(at+len(b))%len(b)] ^= 1
			return b
		}
	}
	for what, c := range map[string]struct {
		file string
		do   func(b []byte) []byte
	}{
		"data in the midst":        {file(second.ID, ".zst.age"), func(b []byte) []byte { return flip(len(b) / 2)(b) }},
		"data at its end":          {file(second.ID, ".zst.age"), flip(-1)},
		"data cut":                 {file(second.ID, ".zst.age"), func(b []byte) []byte { return b[:len(b)/2] }},
		"data longer":              {file(second.ID, ".zst.age"), func(b []byte) []byte { return append(b, 0) }},
		"data of its parent":       {file(first.ID, ".zst.age"), flip(-1)},
		"its parent's data":        {file(second.ID, ".zst.age"), func([]byte) []byte { return read(t, file(first.ID, ".zst.age")) }},
		"the manifest":             {file(second.ID, ".json"), func(b []byte) []byte { return bytes.Replace(b, []byte(`"rows": 5`), []byte(`"rows": 6`), 1) }},
		"the manifest of a parent": {file(first.ID, ".json"), func(b []byte) []byte { return bytes.Replace(b, []byte(`"rows": 5`), []byte(`"rows": 6`), 1) }},
		"no manifest":              {file(second.ID, ".json"), func([]byte) []byte { return nil }},
	} {
		before := read(t, c.file)
		change(t, c.file, c.do)
		target := testkit.SQLite(t, "management")
		o := p.into(target, backup.RestoreOptions{Wanted: backup.Wanted{ID: second.ID, Destination: "dir0"}}, true)
		if done, err := p.Restore(t.Context(), o, p.keys); err == nil || count(t, target, "") != 0 {
			t.Errorf("%s: %+v %v, %d rows are there", what, done, err, count(t, target, ""))
		}
		if _, err := p.Verify(t.Context(), backup.Wanted{ID: second.ID, Destination: "dir0"}, p.keys, nil); err == nil {
			t.Errorf("%s is not noticed", what)
		}
		if _, err := p.Verify(t.Context(), backup.Wanted{ID: second.ID, Destination: "dir1"}, p.keys, nil); err != nil {
			t.Errorf("%s: the other destination: %v", what, err)
		}
		change(t, c.file, func([]byte) []byte { return before })
	}
	if _, err := p.Verify(t.Context(), backup.Wanted{Destination: "dri0"}, p.keys, nil); err == nil || !strings.Contains(err.Error(), "dir0") {
		t.Errorf("a destination that is not configured: %v", err)
	}
	if _, err := p.Verify(t.Context(), backup.Wanted{ID: second.ID, Destination: "dir0"}, p.keys, nil); err != nil {
		t.Errorf("as it was: %v", err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Neither a wrong private key nor secrets that do not fit change anything.
func TestWrongKeys(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	add(t, db, "first", 50)
	if _, err := db.AllTenants().InsertRows(t.Context(), "management_seal_key", []string{"ordinal", "key_id", "fingerprint", "since", "retired_at", "estate"},
		[][]any{{1, "old", "print-old", db.Now(), db.Now(), ""}, {2, "new", "print-new", db.Now(), nil, ""}}); err != nil {
		t.Fatal(err)
	}
	made := p.create(t, db, backup.CreateOptions{})
	if diff := cmp.Diff([]backup.SealKey{{Database: "management", ID: "new", Fingerprint: "print-new"}}, made.SealKeys); diff != "" {
		t.Error(diff)
	}
	target := testkit.SQLite(t, "management")
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Restore(t.Context(), p.into(target, backup.RestoreOptions{}, false), backup.Identities{other}); !errors.Is(err, backup.ErrIdentity) || !strings.Contains(err.Error(), "age1") {
		t.Errorf("another private key: %v", err)
	}
	lacks := errors.New("lacks")
	o := p.into(target, backup.RestoreOptions{Fits: func(keys []backup.SealKey) error {
		if len(keys) != 1 || keys[0].ID != "new" {
			t.Errorf("%v", keys)
		}
		return lacks
	}}, false)
	if _, err := p.Restore(t.Context(), o, p.keys); !errors.Is(err, lacks) || count(t, target, "") != 0 {
		t.Errorf("other secrets: %v", err)
	}
	strange := *p.Backups
	strange.Ring = ring(t, "the secrets of another place")
	if list, err := strange.List(t.Context()); err != nil || len(list) != 1 || !strings.Contains(list[0].Fault, "secrets.system") {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := strange.Restore(t.Context(), p.into(target, backup.RestoreOptions{}, false), p.keys); err == nil || count(t, target, "") != 0 {
		t.Errorf("another place's: %v", err)
	}
	// A new series begins with secrets that cannot open the last one's key.
	p.clock.Advance(time.Hour)
	if made, err := strange.Create(t.Context(), reading(db), backup.CreateOptions{}); err != nil || made.Kind != backup.Full {
		t.Errorf("%+v %v", made, err)
	}
}

// When the next backup is full.
func TestWhenItIsFull(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	expect := func(kind backup.Kind, why string) {
		t.Helper()
		if made := p.create(t, db, backup.CreateOptions{}); made.Kind != kind || !strings.Contains(made.Why, why) {
			t.Errorf("%s, %q", made.Kind, made.Why)
		}
	}
	expect(backup.Full, "first")
	expect(backup.Incremental, "")
	p.clock.Advance(7 * 24 * time.Hour)
	expect(backup.Full, "old")
	for range 31 {
		expect(backup.Incremental, "")
	}
	expect(backup.Full, "many")
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	p.Config.Recipients = append(p.Config.Recipients, other.Recipient().String())
	expect(backup.Full, "recipients")
	expect(backup.Incremental, "")
	for _, dir := range p.dirs {
		all := files(t, dir, ".chunks")
		change(t, all[len(all)-1], func(b []byte) []byte { return b[1:] })
	}
	expect(backup.Full, "index")
	p.Config.FullEvery = 0
	expect(backup.Full, "old")
	if list, err := p.List(t.Context()); err != nil || len(list) != 39 {
		t.Errorf("%d backups, %v", len(list), err)
	}
}
