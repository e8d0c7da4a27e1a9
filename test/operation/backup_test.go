package operation

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// keeping is the configuration of backups into two directories, and the file of the key that opens them.
func keeping(t *testing.T) (config, identity string) {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	identity = filepath.Join(dir, "backup.key")
	if err := os.WriteFile(identity, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "backup:\n  recipients: [" + key.Recipient().String() + "]\n  destinations:\n  - {name: near, directory: " +
		filepath.Join(dir, "near") + "}\n  - {name: far, directory: " + filepath.Join(dir, "far") + "}\n", identity
}

// untilDone runs a command that is killed again and again, each time later, until one of its runs does its work.
func untilDone(t *testing.T, s *process.Server, args ...string) (output string, kills int) {
	t.Helper()
	for after := 100 * time.Millisecond; ; after *= 2 {
		output, killed := s.CommandKilled(after, args...)
		if !killed {
			return output, kills
		}
		kills++
	}
}

// What a server held is in its backup, with all that was issued, and lives on in another kind of database; neither a backup nor a
// restore that was killed leaves anything that passes for whole.
func TestBackupBringsEverythingBack(t *testing.T) {
	for name, c := range map[string]struct{ from, to func(*testing.T) string }{
		"postgres to sqlite": {testkit.Postgres, func(*testing.T) string { return "" }},
		"sqlite to mariadb":  {func(*testing.T) string { return "" }, testkit.MariaDB},
	} {
		t.Run(name, func(t *testing.T) {
			config, identity := keeping(t)
			from := c.from(t)
			old := process.Start(t, process.Options{DSN: from, Config: switched + config})
			s := &switching{T: t, at: old.Public, admin: old.Admin, people: 3000}
			s.make(old)
			create := []string{"backup", "create"}
			if from == "" { // its files are the server's
				if out, code := old.Command(create...); code != 1 || !strings.Contains(out, "--from") {
					t.Errorf("beside the server it exits with %d:\n%s", code, out)
				}
				create = append(create, "--from", old.Admin)
			}
			out, kills := untilDone(t, old, append(create, "--full")...)
			t.Logf("%d kills, then:\n%s", kills, out)
			s.login(old.Public)
			if out, code := old.Command(create...); code != 0 || !strings.Contains(out, "incremental") {
				t.Fatalf("the second backup exits with %d:\n%s", code, out)
			}
			// One that was killed when its last byte was written is there, at one destination or at both.
			listed, code := old.Command("backup", "list")
			if whole, lines := strings.Count(listed, "near far"), strings.Count(listed, "\n")-1; code != 0 || whole < 2 || lines > 2+kills {
				t.Errorf("the list after %d kills exits with %d:\n%s", kills, code, listed)
			}
			old.Stop()

			fresh := process.Configure(t, process.Options{DSN: c.to(t), Config: switched + config})
			restore := []string{"backup", "restore", "--identity", identity}
			out, kills = untilDone(t, fresh, restore...)
			t.Logf("%d kills, then:\n%s", kills, out)
			if out, code := fresh.Command(restore...); code != 1 || !strings.Contains(out, "--replace") {
				t.Errorf("once more it exits with %d:\n%s", code, out)
			}
			fresh.Run()
			t.Cleanup(fresh.Stop)
			s.move(fresh)
			s.check(fresh)
			fresh.Eventually(func() bool {
				_, body := get(s.T, fresh.Admin+"/admin/activity?action=backup.restored")
				return strings.Contains(body, "backup.restored")
			})
			// What a server uses is not taken away from under it.
			out, code = fresh.Command(append(restore, "--replace")...)
			if code != 1 || !strings.Contains(out, "Stop them first") && !strings.Contains(out, "is in use by process") {
				t.Errorf("under a server it exits with %d:\n%s", code, out)
			}
			s.login(fresh.Public)
		})
	}
}

// S2-26, S2-28: a schedule is all that it takes: of two servers one makes the backup that was missed, and both know of it.
func TestServersMakeBackupsByThemselves(t *testing.T) {
	config, identity := keeping(t)
	dsn, pair := testkit.Postgres(t), make([]*process.Server, 2)
	for i := range pair {
		pair[i] = process.Start(t, process.Options{DSN: dsn, Config: switched + config + "  schedule: \"0 0 1 1 *\"\n"})
	}
	for _, s := range pair {
		s.Eventually(func() bool {
			_, metrics := get(t, s.Admin+"/admin/metrics/prometheus")
			return strings.Contains(metrics, "\ngatehouse_backup_last_success_timestamp_seconds 1")
		})
	}
	if out, code := pair[0].Command("backup", "list"); code != 0 || strings.Count(out, "near far") != 1 || strings.Count(out, "\n") != 2 {
		t.Errorf("the list exits with %d:\n%s", code, out)
	}
	if out, code := pair[0].Command("backup", "verify", "--identity", identity); code != 0 {
		t.Errorf("verifying exits with %d:\n%s", code, out)
	}
}

// Who interrupts a backup has it told to the servers all the same, whether it was read from them or from their databases: their metrics
// count it as one that failed.
func TestAnInterruptedBackupIsTold(t *testing.T) {
	for name, dsn := range map[string]func(*testing.T) string{"from a server": func(*testing.T) string { return "" }, "from databases": testkit.Postgres} {
		t.Run(name, func(t *testing.T) {
			var written atomic.Bool
			store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet { // a store that never takes anything
					written.Store(true)
					_, _ = io.Copy(io.Discard, r.Body)
					<-r.Context().Done()
					return
				}
				_, _ = io.WriteString(w, `<ListBucketResult><Name>kept</Name><IsTruncated>false</IsTruncated></ListBucketResult>`)
			}))
			t.Cleanup(store.Close)
			config, _ := keeping(t)
			config += "  - {name: stuck, s3: {bucket: kept, region: eu-1, endpoint: \"" + store.URL + "\", path_style: true, access_key_id: keeper, secret_access_key: the-stores-own-secret}}\n"
			s := process.Start(t, process.Options{DSN: dsn(t), Config: switched + config})
			create := []string{"backup", "create"}
			if name == "from a server" {
				create = append(create, "--from", s.Admin)
			}
			out, state := s.CommandSignalled(syscall.SIGTERM, written.Load, create...)
			if state.ExitCode() != 1 {
				t.Errorf("it ends by %s:\n%s", state, out)
			}
			s.Eventually(func() bool {
				_, metrics := get(t, s.Admin+"/admin/metrics/prometheus")
				return strings.Contains(metrics, "gatehouse_backup_failures_total 1\n")
			})
			s.Eventually(func() bool {
				_, body := get(t, s.Admin+"/admin/activity?action=backup.failed")
				return strings.Contains(body, "backup.failed")
			})
		})
	}
}

// A target that cannot open what is restored stays as it is, and is told which secret it lacks.
func TestRestoreWithOtherSecrets(t *testing.T) {
	config, identity := keeping(t)
	old := process.Start(t, process.Options{Config: switched + config})
	if out, code := old.Command("backup", "create", "--from", old.Admin); code != 0 {
		t.Fatal(out)
	}
	other := strings.Replace(switched, "zU3qPf", "another", 1)
	fresh := process.Configure(t, process.Options{Config: other + config})
	if out, code := fresh.Command("backup", "restore", "--identity", identity); code != 1 || !strings.Contains(out, "secrets.system") {
		t.Errorf("it exits with %d:\n%s", code, out)
	}
	fresh.Run() // as on any empty databases
	fresh.Stop()
}
