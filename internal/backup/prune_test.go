package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// What is kept can be restored after everything else went, in each destination by itself; the last good one never goes.
func TestPrune(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	p.Config.FullEvery = 4 * time.Hour
	p.Config.Keep = backup.KeepConfig{Last: 2}
	var ids []string
	for i := range 10 { // full ones are 0, 4, 8
		add(t, db, fmt.Sprint("series", i), 20)
		ids = append(ids, p.create(t, db, backup.CreateOptions{}).ID)
	}
	left := filepath.Join(p.dirs[0], strings.Replace("gatehouse-"+ids[9], ids[9][:8], "19990101", 1)+".zst.age")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect := func(dry bool, want int, kept ...string) {
		t.Helper()
		done, err := p.Prune(t.Context(), dry)
		if err != nil || len(done) != want {
			t.Errorf("%v are removed, %v", done, err)
		}
		for _, dir := range p.dirs {
			if got := files(t, dir, ".json"); !dry && len(got) != len(kept) {
				t.Errorf("%v are left", got)
			}
		}
		for _, id := range kept {
			for _, from := range []string{"dir0", "dir1"} {
				if _, err := p.Verify(t.Context(), backup.Wanted{ID: id, Destination: from}, p.keys, nil); err != nil {
					t.Error(err)
				}
			}
		}
	}
	expect(true, 17, ids...)
	expect(false, 17, ids[8], ids[9])
	expect(false, 0, ids[8], ids[9])
	p.Config.Keep.Last = 1 // which needs the one that it builds on
	p.clock.Advance(365 * 24 * time.Hour)
	expect(false, 0, ids[8], ids[9])
	// A newer one that is broken does not push the last good one out.
	p.Config.Keep.For = time.Hour
	next := p.create(t, db, backup.CreateOptions{})
	p.clock.Advance(2 * time.Hour)
	for _, dir := range p.dirs {
		change(t, filepath.Join(dir, "gatehouse-"+next.ID+".json"), func(b []byte) []byte { return b[1:] })
	}
	if done, err := p.Prune(t.Context(), false); err != nil || len(done) != 0 {
		t.Fatalf("%v are removed, %v", done, err)
	}
	if _, err := p.Verify(t.Context(), backup.Wanted{ID: ids[9]}, p.keys, nil); err != nil {
		t.Error(err)
	}
	// Nobody removes what another installation put there.
	p.Ring = ring(t, "the secrets of another place")
	p.clock.Advance(365 * 24 * time.Hour)
	if done, err := p.Prune(t.Context(), false); err != nil || len(done) != 0 {
		t.Errorf("%v are removed, %v", done, err)
	}
}
