package operation

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// guarded is what servers in production ask for that all of one installation share: nothing of it is accepted as unsafe.
const guarded = `profile: production
secrets:
  system: [zU3qPfW8rT5kLx2vNb7mYc4dQe6tUi9o]
  cookie: [hG6jKs9pQw2eRt5yUi8oAz3xCv7bNm1l]
  admin: [` + guardedKey + `]
serve: {public: {address: %q, base_url: %q, tls: {cert_file: %q, key_file: %q}}}
`

const guardedKey = "adminkey-8dJx2mQvT6rWzL4nKp9sYb3f"

// install configures a server in production on a database server of its own, over TLS that is checked, and has `gatehouse provision`
// make its databases and their user. It answers at the place's name, wherever it is.
func install(t *testing.T, servers testkit.TLSServers, admin, name, config string) *process.Server {
	t.Helper()
	dba, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	kind, tls := "postgres", "sslmode: verify-full, sslrootcert"
	if dba.Scheme == "mysql" {
		kind, tls = "mysql", "tls: true, tls_ca"
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("u7RkPz4WmX9v/&?#@ %"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := process.Configure(t, process.Options{Config: fmt.Sprintf(guarded, strings.TrimPrefix(name, "https://"), name+"/", servers.Certificate, servers.Key) + config})
	s.Override(fmt.Sprintf("databases: {%s: {host: localhost, port: %s, user: gatehouse, password_file: %q, %s: %q}}\n", kind, dba.Port(), password, tls, servers.CA))
	given, _ := dba.User.Password()
	if err := os.WriteFile(filepath.Join(s.Dir, "dba"), []byte(given), 0o600); err != nil {
		t.Fatal(err)
	}
	provision := append([]string{"provision", "--user", dba.User.Username(), "--password-file", filepath.Join(s.Dir, "dba")}, s.Configuration("-c")...)
	if out, code := s.Command(provision...); code != 0 {
		t.Fatalf("provisioning exits with %d:\n%s", code, out)
	}
	return s
}

// The plan for the loss of a place, as docs/high-availability.md has it, with servers as in production: killed, their database gone, and
// one of two places of backups with it. From the other one everything comes back, in another kind of database, as it was at the last
// incremental backup.
func TestDisaster(t *testing.T) {
	config, identity := keeping(t)
	servers := testkit.StartTLSServers(t)
	name := "https://localhost" + strings.TrimPrefix(process.FreeAddress(t), "127.0.0.1")
	old := install(t, servers, servers.Postgres, name, config)
	s := &switching{T: t, admin: old.Admin, people: 500, client: old.Secure(name, servers.CA, guardedKey)}
	s.at = old.Public
	old.Run()
	t.Cleanup(old.Stop)
	s.make(old)
	if out, code := old.Command("backup", "create"); code != 0 {
		t.Fatalf("the backup exits with %d:\n%s", code, out)
	}
	s.session, _ = s.login(old.Public)["session_token"].(string)
	if out, code := old.Command("backup", "create"); code != 0 || !strings.Contains(out, "incremental") {
		t.Fatalf("the second backup exits with %d:\n%s", code, out)
	}
	backedUp := time.Now()
	code, keys := old.Try(old.Public + "/.well-known/jwks.json")
	if code != http.StatusOK {
		t.Fatalf("the signing keys: %d", code)
	}

	old.Kill()
	for _, logical := range []string{"management", "oauth", "activity", "flow"} {
		shell := append([]string{"data", "shell", "--database", logical, "--write"}, old.Configuration("-c")...)
		if out, code := old.Command(append(shell, "--", "-c", "DROP SCHEMA public CASCADE; CREATE SCHEMA public")...); code != 0 {
			t.Fatalf("losing the database exits with %d:\n%s", code, out)
		}
	}
	if err := os.RemoveAll(filepath.Join(filepath.Dir(identity), "near")); err != nil {
		t.Fatal(err)
	}
	if out, code := old.Command("backup", "create"); code != 1 || !strings.Contains(out, "there is nothing to keep") {
		t.Errorf("a backup of nothing exits with %d:\n%s", code, out)
	}

	lost := time.Now()
	fresh := install(t, servers, servers.MariaDB, name, config)
	s.client = fresh.Secure(name, servers.CA, guardedKey)
	if out, code := fresh.Command("backup", "restore", "--identity", identity); code != 0 || !strings.Contains(out, "far") {
		t.Fatalf("the restore exits with %d:\n%s", code, out)
	}
	fresh.Run()
	t.Cleanup(fresh.Stop)
	t.Logf("served again %s after the loss, with what there was %s before it", time.Since(lost).Round(time.Millisecond), lost.Sub(backedUp).Round(time.Millisecond))
	s.move(fresh)
	s.check(fresh)
	if _, got := fresh.Try(fresh.Public + "/.well-known/jwks.json"); got != keys {
		t.Errorf("other signing keys than before:\n%s\n%s", keys, got)
	}
	if log := fresh.Output(); strings.Contains(log, "this is unsafe and accepted") {
		t.Errorf("something is accepted as unsafe:\n%s", log)
	}
}
