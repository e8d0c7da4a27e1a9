package operation

import (
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// drilling is a server with a backup, and a machine to drill it on, which shares nothing with it but its secrets and destinations.
func drilling(t *testing.T, env ...string) (old, s *process.Server, drill []string) {
	t.Helper()
	config, identity := keeping(t)
	old = process.Start(t, process.Options{Config: switched + config})
	made := &switching{T: t, at: old.Public, admin: old.Admin, people: 1000}
	made.make(old)
	if out, code := old.Command("backup", "create", "--from", old.Admin); code != 0 {
		t.Fatal(out)
	}
	s = process.Configure(t, process.Options{Config: switched + config, Env: env})
	return old, s, []string{"backup", "drill", "--identity", identity, "--format", "json", "--scratch"}
}

// drillWentWell reads the report of a drill that went well.
func drillWentWell(t *testing.T, out string) {
	t.Helper()
	var d struct {
		OK       bool
		Restored int64 `json:"restored_millis"`
		Recorded []string
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &d) == nil {
			break
		}
	}
	if !d.OK || d.Restored == 0 || len(d.Recorded) != 2 {
		t.Errorf("%+v:\n%s", d, out)
	}
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		names = append(names, one.Name())
	}
	return names
}

// A drill that is killed, wherever it is, leaves what the next one removes; one that is told to end leaves nothing. The server whose
// backup it was learns of the drill by a destination alone.
func TestDrillThatIsKilled(t *testing.T) {
	old, s, drill := drilling(t)
	scratch := t.TempDir()
	drill = append(drill, scratch)
	out, kills := untilDone(t, s, drill...)
	t.Logf("%d kills, then:\n%s", kills, out)
	drillWentWell(t, out)
	if left := entries(t, scratch); len(left) > 0 {
		t.Errorf("%v are left by those that were killed", left)
	}
	begun := func() bool { return len(entries(t, scratch)) > 0 }
	if _, state := s.CommandSignalled(syscall.SIGTERM, begun, drill...); state.ExitCode() < 0 {
		t.Errorf("it ends by %s", state)
	}
	if left := entries(t, scratch); len(left) > 0 {
		t.Errorf("%v are left by one that was told to end", left)
	}
	old.Stop()
	old.Run() // which looks for drills when it starts
	old.Eventually(func() bool {
		_, body := get(t, old.Admin+"/admin/activity?action=backup.drilled")
		return strings.Contains(body, "backup.drilled")
	})
}

// On a server of databases, what is left of a drill that was killed is removed when its mark has lapsed, and not before.
func TestDrillOnServersOfDatabases(t *testing.T) {
	servers := testkit.StartTLSServers(t)
	for name, c := range map[string]struct{ dsn, params, names, lapse, mark string }{
		"postgres": {
			servers.Postgres, "sslmode=verify-full&sslrootcert=", "SELECT datname FROM pg_database WHERE datname LIKE 'gatehouse_drill%'",
			"UPDATE public.gatehouse_drill SET held_until = '2026-01-01'", "SELECT held_until FROM public.gatehouse_drill",
		},
		"mariadb": {
			servers.MariaDB, "tls=true&tls_ca=", "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'gatehouse_drill%'",
			"UPDATE gatehouse_drill SET held_until = '2026-01-01'", "SELECT held_until FROM gatehouse_drill",
		},
	} {
		t.Run(name, func(t *testing.T) {
			login, err := sqldb.Parse(c.dsn + "?" + c.params + url.QueryEscape(servers.CA))
			if err != nil {
				t.Fatal(err)
			}
			login.Host = strings.Replace(login.Host, "127.0.0.1", "localhost", 1)
			if login.Scheme == "mysql" {
				login.Database = "information_schema"
			}
			admin, err := sqldb.OpenAdmin(t.Context(), login)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = admin.Close() })
			names := func() []string {
				rows, err := admin.Query(t.Context(), c.names)
				if err != nil {
					t.Fatal(err)
				}
				return slices.Concat(rows...)
			}
			lapse := func(database string) bool {
				there := login
				there.Database = database
				conn, err := sqldb.OpenAdmin(t.Context(), there)
				if err != nil {
					return false
				}
				defer func() { _ = conn.Close() }()
				if conn.Exec(t.Context(), c.lapse) != nil {
					return false
				}
				marks, err := conn.Query(t.Context(), c.mark)
				return err == nil && len(marks) > 0
			}
			_, s, drill := drilling(t, "SCRATCH_DSN="+login.DSN())
			drill = append(drill, "env:SCRATCH_DSN")
			var dead []string
			for len(dead) == 0 { // until one was killed before its end
				s.CommandSignalled(syscall.SIGKILL, func() bool { there := names(); return len(there) > 0 && lapse(there[0]) }, drill...)
				dead = names()
			}
			lapse(dead[0]) // it may have been renewed since
			out, code := s.Command(drill...)
			drillWentWell(t, out)
			if code != 0 || !strings.Contains(out, dead[0]) {
				t.Errorf("it exits with %d and does not say that it removed %v:\n%s", code, dead, out)
			}
			if left := names(); len(left) > 0 {
				t.Errorf("%v are left", left)
			}
		})
	}
}
