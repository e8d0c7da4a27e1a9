package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// provisioned is a configuration of four databases with names of their own on a server of the tests, which are dropped again.
func provisioned(t *testing.T, dsn, group string) (file string, super sqldb.Address) {
	t.Helper()
	super, err := sqldb.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(super.Host)
	if err != nil {
		t.Fatal(err)
	}
	name := "gatehouse_test_" + strings.ToLower(rand.Text()[:12])
	config := fmt.Sprintf(`databases:
  %s:
    host: %s
    port: %s
    user: %q
    password: %q
    names: {management: "%[4]s m", oauth: "%[4]s@o", activity: "%[4]s/a", flow: "%[4]s?f"}
  provisioning: {user: %[6]q}
`, group, host, port, name, "p@s:s/w%or?d#&'\"\\ ü", super.User)
	quote, undo := `"`, "DROP ROLE IF EXISTS "+name
	if group == "mysql" {
		quote, undo = "`", "DROP USER IF EXISTS "+name
	}
	t.Cleanup(func() {
		admin, err := sqldb.OpenAdmin(context.WithoutCancel(t.Context()), super)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = admin.Close() }()
		for _, suffix := range []string{" m", "@o", "/a", "?f"} {
			if err := admin.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE IF EXISTS "+quote+name+suffix+quote); err != nil {
				t.Error(err)
			}
		}
		if err := admin.Exec(context.WithoutCancel(t.Context()), undo); err != nil {
			t.Error(err)
		}
	})
	return write(t, t.TempDir(), "gatehouse.yaml", config), super
}

func TestProvision(t *testing.T) {
	for group, dsn := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mysql": testkit.MariaDB} {
		t.Run(group, func(t *testing.T) {
			file, super := provisioned(t, dsn(t), group)
			secret := write(t, t.TempDir(), "dba", super.Password+"\n")

			fails(t, call(t, "", "provision", "-c", file, "--password-file", write(t, t.TempDir(), "wrong", "wrong")), 1, "the administrator "+super.User, "password")
			dry := works(t, "", "provision", "-c", file, "--password-file", secret, "--dry-run")
			if !strings.Contains(dry, "would create the user") || !strings.Contains(dry, "changes would be made") {
				t.Errorf("the dry run says %s", dry)
			}
			if r := call(t, "", "migrate", "status", "-c", file, "--wait", "1ms"); r.status != 1 || !strings.HasPrefix(r.out, "waiting: databases.management: ") || strings.Contains(r.out+r.errs, "p@s:s") {
				t.Errorf("without a user, waiting exits with %d: %s%s", r.status, r.out, r.errs)
			}
			ready := make(chan result, 1)
			go func() { ready <- call(t, "", "migrate", "status", "-c", file, "--wait", "10m") }()
			t.Setenv("GATEHOUSE_DATABASES_PROVISIONING_PASSWORD_FILE", secret)
			out := works(t, "", "provision", "-c", file)
			if !strings.Contains(out, "create the database") || !strings.Contains(out, "gatehouse migrate up") || strings.Contains(out, "p@s:s") || strings.Contains(out, super.Password) {
				t.Errorf("the first run says %s", out)
			}
			if out := works(t, super.Password, "provision", "-c", file, "--password-file", "-"); !strings.HasPrefix(out, "nothing to do") {
				t.Errorf("the second run says %s", out)
			}
			fails(t, call(t, "", "migrate", "status", "-c", file, "--wait", "1ms"), 1, "migrations are pending")
			works(t, "", "migrate", "status", "-c", file, "--wait", "10m", "--allow-pending")
			if out := works(t, "", "migrate", "up", "-c", file); !strings.Contains(out, "oauth: applied 0001_change_feed") {
				t.Errorf("migrating says %s", out)
			}
			works(t, "", "migrate", "status", "-c", file)
			if r := <-ready; r.status != 0 || !strings.Contains(r.out, "the databases are ready for a server") {
				t.Errorf("who waited exits with %d: %s%s", r.status, r.out, r.errs)
			}
			if group == "postgres" {
				waitsBesideOthers(t, file)
			}
			serves(t, file)
		})
	}
}

// waitsBesideOthers fails the test unless nobody starts on empty databases while a server answers, and somebody does when none has for a while.
func waitsBesideOthers(t *testing.T, file string) {
	t.Helper()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := other.Addr().String()
	fails(t, call(t, "", "migrate", "status", "-c", file, "--wait", "1ms", "--served-at", at), 1, "a server whose data is elsewhere answers at "+at, `"gatehouse data copy"`)
	fails(t, call(t, "", "migrate", "status", "-c", file, "--wait", "1ms", "--served-at", "nobody.invalid:4445"), 1, "whether another server answers is not known")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	works(t, "", "migrate", "status", "-c", file, "--wait", "1m", "--served-at", at)
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("a server that did not answer for %s is taken for none", took)
	}
}

// serves starts a server with a configuration and gets a token from it, for which more than one of the databases is used.
func serves(t *testing.T, file string) {
	t.Helper()
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, string(config))
	// Who serves has written something: others find databases that are not empty, and start beside it.
	works(t, "", "migrate", "status", "-c", file, "--wait", "1ms", "--served-at", strings.TrimPrefix(s.admin, "http://"))
	created := asJSON[map[string]any](t, works(t, "", "clients", "create", "--endpoint", s.admin, "--grant-type", "client_credentials", "--format", "json"))
	t.Setenv(clientSecretVariable, fmt.Sprint(created["client_secret"]))
	if out := works(t, "", "perform", "client-credentials", "--issuer", s.public, "--client-id", fmt.Sprint(created["client_id"])); out == "" {
		t.Error("there is no token")
	}
}

func TestProvisionPrintsSQL(t *testing.T) {
	file := write(t, t.TempDir(), "gatehouse.yaml", "databases: {cockroach: {host: db, user: app, password: hidden}}")
	out := works(t, "", "provision", "-c", file, "--print-sql")
	if !strings.Contains(out, `CREATE DATABASE "gatehouse_oauth" OWNER "app";`) || strings.Contains(out, "hidden") || strings.Contains(out, "SCRAM-SHA-256") {
		t.Errorf("prints %s", out)
	}
	if out := works(t, "", "provision", "-c", file, "--print-sql", "--reveal"); !strings.Contains(out, "SCRAM-SHA-256$4096:") {
		t.Errorf("with --reveal prints %s", out)
	}
	files := write(t, t.TempDir(), "gatehouse.yaml", "databases: {dsn: memory}")
	for _, flag := range []string{"--print-sql", "--dry-run"} {
		if out := works(t, "", "provision", "-c", files, flag); !strings.Contains(out, "nothing to do") {
			t.Errorf("without a server %s prints %s", flag, out)
		}
	}
	fails(t, call(t, "", "provision", "--reveal"), 2, "--print-sql")
	fails(t, call(t, "", "provision", "--wait", "-1s"), 2, "--wait")
	several := write(t, t.TempDir(), "gatehouse.yaml", `databases: {dsn: "postgres://app:hidden@a/x", flow: "postgres://app:hidden@b/x"}`)
	r := call(t, "", "provision", "-c", several)
	fails(t, r, 1, "databases.management and databases.flow are on different servers")
	if strings.Contains(r.errs, "hidden") {
		t.Errorf("shows a password: %s", r.errs)
	}
	empty := filepath.Join(t.TempDir(), "nothing")
	fails(t, call(t, "", "provision", "-c", file, "--password-file", empty), 1, "--password-file", empty)
}

// S3-11: what is printed is all that a DBA has to run, in the database server's own client: then there is nothing left to do.
func TestPrintedSQLIsAllThereIsToRun(t *testing.T) {
	for group, dsn := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mysql": testkit.MariaDB} {
		t.Run(group, func(t *testing.T) {
			file, super := provisioned(t, dsn(t), group)
			script := works(t, "", "provision", "-c", file, "--print-sql", "--reveal")
			host, port, err := net.SplitHostPort(super.Host)
			if err != nil {
				t.Fatal(err)
			}
			client := exec.CommandContext(t.Context(), "psql", "-X", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-U", super.User, "postgres")
			client.Env = append(os.Environ(), "PGPASSWORD="+super.Password)
			if group == "mysql" {
				client = exec.CommandContext(t.Context(), "mariadb", "--protocol=tcp", "-h", host, "-P", port, "-u", super.User)
				client.Env = append(os.Environ(), "MYSQL_PWD="+super.Password)
			}
			client.Stdin = strings.NewReader(script)
			if out, err := client.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s\n%s", err, out, script)
			}
			if out := works(t, super.Password, "provision", "-c", file, "--password-file", "-"); !strings.HasPrefix(out, "nothing to do") {
				t.Errorf("after the script, provisioning says %s", out)
			}
			works(t, "", "migrate", "up", "-c", file)
		})
	}
}

// A server that does not answer is waited for, one that says no is not.
func TestProvisionWaits(t *testing.T) {
	nobody := write(t, t.TempDir(), "gatehouse.yaml", `databases: {postgres: {host: 127.0.0.1, port: 1, user: app, password: x}}`)
	fails(t, call(t, "", "provision", "-c", nobody, "--wait", "1500ms"), 1, "nothing listens there")
	file, _ := provisioned(t, testkit.Postgres(t), "postgres")
	fails(t, call(t, "", "provision", "-c", file, "--password-file", write(t, t.TempDir(), "wrong", "wrong"), "--wait", "1h"), 1, "password")
}
