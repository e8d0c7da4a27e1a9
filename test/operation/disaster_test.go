package operation

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// The plan for the loss of a place, as docs/high-availability.md has it: servers killed, their database gone, and one of two places of
// backups with it. From the other one everything comes back, in another kind of database, as it was at the last incremental backup.
func TestDisaster(t *testing.T) {
	config, identity := keeping(t)
	dsn := testkit.Postgres(t)
	old := process.Start(t, process.Options{DSN: dsn, Config: switched + config})
	s := &switching{T: t, at: old.Public, admin: old.Admin, people: 500}
	s.make(old)
	if out, code := old.Command("backup", "create"); code != 0 {
		t.Fatalf("the backup exits with %d:\n%s", code, out)
	}
	s.session, _ = s.login(old.Public)["session_token"].(string)
	if out, code := old.Command("backup", "create"); code != 0 || !strings.Contains(out, "incremental") {
		t.Fatalf("the second backup exits with %d:\n%s", code, out)
	}
	backedUp := time.Now()
	code, keys := get(t, old.Public+"/.well-known/jwks.json")
	if code != http.StatusOK {
		t.Fatalf("the signing keys: %d", code)
	}

	old.Kill()
	if out, code := old.CommandEnv([]string{"GATEHOUSE_DATABASES_DSN=" + dsn}, "data", "shell", "--write", "--", "-c", "DROP SCHEMA public CASCADE"); code != 0 {
		t.Fatalf("losing the database exits with %d:\n%s", code, out)
	}
	if err := os.RemoveAll(filepath.Join(filepath.Dir(identity), "near")); err != nil {
		t.Fatal(err)
	}
	if out, code := old.Command("backup", "create"); code != 1 || !strings.Contains(out, "there is nothing to keep") {
		t.Errorf("a backup of nothing exits with %d:\n%s", code, out)
	}

	lost := time.Now()
	fresh := process.Configure(t, process.Options{DSN: testkit.MariaDB(t), Config: switched + config})
	if out, code := fresh.Command("backup", "restore", "--identity", identity); code != 0 || !strings.Contains(out, "far") {
		t.Fatalf("the restore exits with %d:\n%s", code, out)
	}
	fresh.Run()
	t.Cleanup(fresh.Stop)
	t.Logf("served again %s after the loss, with what there was %s before it", time.Since(lost).Round(time.Millisecond), lost.Sub(backedUp).Round(time.Millisecond))
	s.move(fresh)
	s.check(fresh)
	if _, got := get(t, fresh.Public+"/.well-known/jwks.json"); got != keys {
		t.Errorf("other signing keys than before:\n%s\n%s", keys, got)
	}
}
