package app

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// What keeps a backup from being restored is said, with the step; nothing is left, and servers learn of it.
func TestDrillFails(t *testing.T) {
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		harm func(p *drillFixture)
		step string // that fails
		says string
	}{
		"wrong private key": {func(p *drillFixture) { p.identity = []byte(other.String()) }, "read and verify failed", "none of the private keys opens"},
		"damaged":           {(*drillFixture).damage, "read and verify failed", "damaged"},
		"other schemas":     {(*drillFixture).otherSchemas, "default login failed", "does not do its work"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newDrilledPlace(t)
			p.keep()
			c.harm(p)
			done, err := DrillBackup(t.Context(), p.cfg, BackupWanted{}, p.identity, p.options())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
			if done == nil || done.OK || !slices.Contains(steps(done), c.step) {
				t.Fatalf("%+v", done)
			}
			p.clean()
			p.learns("failed")
		})
	}
}

// damage changes a byte in the midst of the backup.
func (p *drillFixture) damage() {
	p.Helper()
	all, err := filepath.Glob(filepath.Join(p.files, "*.zst.age"))
	if err != nil || len(all) != 1 {
		p.Fatal(all, err)
	}
	b, err := os.ReadFile(all[0])
	if err != nil {
		p.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(all[0], b, 0o600); err != nil {
		p.Fatal(err)
	}
}

// otherSchemas takes the schema of the people out of the configuration.
func (p *drillFixture) otherSchemas() {
	const schema = "base64://eyJ0eXBlIjoib2JqZWN0IiwicHJvcGVydGllcyI6eyJ0cmFpdHMiOnsidHlwZSI6Im9iamVjdCIsInByb3BlcnRpZXMiOnsibmFtZSI6eyJ0eXBlIjoic3RyaW5nIn19fX19" // of nothing that signs in
	p.cfg.Identity = identity.Config{DefaultSchemaID: "other", Schemas: []identity.SchemaConfig{{ID: "other", URL: schema}}}
}

// Where no backup is found, nothing was drilled, and nobody is told of it.
func TestNothingToDrill(t *testing.T) {
	p := newDrilledPlace(t)
	p.keep()
	for name, c := range map[string]struct {
		harm func(o *DrillOptions) (identity []byte, undo func())
		says string
	}{
		"no private key": {func(*DrillOptions) ([]byte, func()) { return []byte("nothing"), func() {} }, "age-keygen"},
		"wrong secrets": {func(*DrillOptions) ([]byte, func()) {
			good := p.cfg.Secrets.System[0]
			p.cfg.Secrets.System[0] = "another installation's secret"
			return p.identity, func() { p.cfg.Secrets.System[0] = good }
		}, "not made with the secrets"},
		"no backups": {func(*DrillOptions) ([]byte, func()) {
			p.cfg.Backup.Destinations[0].Directory = t.TempDir()
			return p.identity, func() { p.cfg.Backup.Destinations[0].Directory = p.files }
		}, "there is no such backup"},
		"no scratch directory": {func(o *DrillOptions) ([]byte, func()) { o.Scratch += "/nowhere"; return p.identity, func() {} }, "the scratch directory"},
		"nobody at the server": {func(o *DrillOptions) ([]byte, func()) {
			o.Server = "postgres://user:hidden@127.0.0.1:1/db"
			return p.identity, func() {}
		}, "nothing listens there"},
		"no server": {func(o *DrillOptions) ([]byte, func()) { o.Server = "sqlite:///tmp/x.db"; return p.identity, func() {} }, "--scratch"},
	} {
		t.Run(name, func(t *testing.T) {
			o := p.options()
			identity, undo := c.harm(&o)
			done, err := DrillBackup(t.Context(), p.cfg, BackupWanted{}, identity, o)
			undo()
			if done != nil || err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%+v, %v does not say %q", done, err, c.says)
			}
			p.clean()
			if n, err := p.app.features.drills().Once(t.Context()); n != 0 || err != nil {
				t.Errorf("%d drills are told: %v", n, err)
			}
		})
	}
}

// A drill that is told to end leaves nothing, and is no result.
func TestDrillThatIsEnded(t *testing.T) {
	p := newDrilledPlace(t)
	p.keep()
	for _, at := range []string{"find the backup", "read and verify", "load", "start", "discovery"} {
		t.Run(at, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			o := p.options()
			o.Done = func(s DrillStep) {
				if s.Name == at {
					end()
				}
			}
			done, err := DrillBackup(ctx, p.cfg, BackupWanted{}, p.identity, o)
			if err == nil || !strings.Contains(err.Error(), "was ended") || done == nil || done.OK {
				t.Errorf("%+v %v", done, err)
			}
			p.clean()
			if n, err := p.app.features.drills().Once(t.Context()); n != 0 || err != nil {
				t.Errorf("it is told to servers: %d %v", n, err)
			}
		})
	}
}

// Where no destination takes the record, the drill was good and the command fails: nobody would learn of it. Who may not write there
// says so.
func TestDrillWithoutRecord(t *testing.T) {
	p := newDrilledPlace(t)
	p.keep()
	away := p.files + ".away"
	o := p.options()
	o.Done = func(s DrillStep) {
		if s.Tenant != "below" || s.Name != "login" {
			return
		}
		if err := os.Rename(p.files, away); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(p.files, nil, 0o600); err != nil { // where a directory was
			t.Error(err)
		}
	}
	done, err := DrillBackup(t.Context(), p.cfg, BackupWanted{}, p.identity, o)
	if err == nil || !strings.Contains(err.Error(), "--record=false") || done == nil || !done.OK || done.Recorded != nil {
		t.Errorf("%+v %v", done, err)
	}
	if err := os.Remove(p.files); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, p.files); err != nil {
		t.Fatal(err)
	}
	o = p.options()
	o.Record = false
	if done, err := DrillBackup(t.Context(), p.cfg, BackupWanted{}, p.identity, o); err != nil || !done.OK || done.Recorded != nil {
		t.Errorf("%+v %v", done, err)
	}
	if n, err := p.app.features.drills().Once(t.Context()); n != 0 || err != nil {
		t.Errorf("%d are told: %v", n, err)
	}
}

// Directories of dead drills are removed, wherever those were killed: before they had a lock, or when they were removing what they had
// made. Those of live ones remain, and what is not ours.
func TestDeadDrillsAreRemoved(t *testing.T) {
	parent := t.TempDir()
	dir := func(name string, mode os.FileMode, files ...string) string {
		t.Helper()
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	dead := []string{
		dir("gatehouse-drill-1", 0o700, "management.db", scratchLock),
		dir("gatehouse-drill-2", 0o700, "management.db"),
		dir("gatehouse-drill-3", 0o700),
	}
	live := dir("gatehouse-drill-4", 0o700, "management.db", scratchLock)
	release, err := sqldb.LockFile(filepath.Join(live, scratchLock))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = release() })
	dir("gatehouse-drill-5", 0o755, "management.db") // is not of this making
	dir("something-else", 0o700, "management.db")
	if err := os.Symlink(parent, filepath.Join(parent, "gatehouse-drill-6")); err != nil {
		t.Fatal(err)
	}
	at, removed, err := makeScratchDir(t.Context(), parent)
	if err != nil || !slices.Equal(removed, dead) {
		t.Errorf("removed are %v: %v", removed, err)
	}
	if info, err := os.Stat(at.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
	if again := removeDeadDirs(parent); len(again) > 0 {
		t.Errorf("a live one is removed: %v", again)
	}
	if err := at.drop(t.Context()); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 4 {
		t.Errorf("%v are left: %v", left, err)
	}
	if left, err := os.ReadDir(live); err != nil || len(left) != 2 {
		t.Errorf("%v are left of the live one: %v", left, err)
	}
}

// Drills that begin while others look for what the dead left keep what they have made.
func TestDrillsBeginAtOnce(t *testing.T) {
	parent := t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				at, _, err := makeScratchDir(t.Context(), parent)
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.WriteFile(filepath.Join(at.dir, "management.db"), nil, 0o600); err != nil {
					t.Errorf("its directory was taken away: %v", err)
				}
				removeDeadDirs(parent)
				if _, err := os.Stat(filepath.Join(at.dir, "management.db")); err != nil {
					t.Errorf("its file was taken away: %v", err)
				}
				if err := at.drop(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// A backup of an older version is drilled as it is restored: with its own schema, and migrated then. It is that of an installation
// without people and tenants.
func TestDrillOfAnOlderVersion(t *testing.T) {
	p := newDrilledPlace(t)
	dir := t.TempDir()
	old := &databases{byName: map[string]*sqldb.DB{}, feeds: map[string]*sqldb.Feed{}}
	for _, logical := range migrations.Logical() {
		if err := old.open(t.Context(), config.Logical{Name: logical, DSN: config.DSN("sqlite://" + dir + "/" + logical + ".db")}, p.app.log, sqldb.FeedOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := migrations.UpTo(t.Context(), old.byName[logical], logical, map[string]int64{"management": dataset.StateVersion, "oauth": 6, "activity": 2, "flow": 2}[logical]); err != nil {
			t.Fatal(err)
		}
	}
	made, err := p.app.features.schedule.Backups.Create(t.Context(), old.read, backup.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := DrillBackup(t.Context(), p.cfg, BackupWanted{ID: made.ID}, p.identity, p.options())
	if err != nil || !done.OK || done.Tenants != 1 {
		t.Errorf("%+v %v", done, err)
	}
	for _, s := range done.Steps {
		if s.Name == "login" && !strings.Contains(s.Detail, "made for the drill") {
			t.Errorf("%+v", s)
		}
	}
	p.clean()
}
