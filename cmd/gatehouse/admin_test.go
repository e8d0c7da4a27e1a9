package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// production writes the configuration of a production server on a database of its own.
func production(t *testing.T, dsn string) (file, admin string) {
	t.Helper()
	admin = process.FreeAddress(t)
	return write(t, t.TempDir(), "gatehouse.yaml", fmt.Sprintf(`profile: production
databases: {dsn: %q}
secrets: {system: [q7Zt4LkP9wXc2VbN8mRf], cookie: [Hs5Jd3Gy6Ue1Ao0TiCxK]}
serve:
  public: {address: "unix:%s", base_url: "https://login.example.com/", tls: {terminated_by: [10.0.0.0/8]}}
  admin: {address: %q}
courier: {smtp: {connection_uri: "smtps://mail.example.com/", from_address: login@example.com}}
keys: {id_token: {algorithm: ES256}}
log: {level: error}
`, dsn, filepath.Join(t.TempDir(), "s"), admin)), "http://" + admin
}

// The first key is made before there is a server; keys that are made and revoked beside a running one are good and void there
// within a second.
func TestAdminKeysWithoutAServer(t *testing.T) {
	file, admin := production(t, testkit.Postgres(t))
	r := call(t, "", "admin", "keys", "create", "-c", file, "--name", "ops", "--role", "admin")
	key := strings.TrimSpace(r.out)
	if r.status != 0 || !strings.HasPrefix(key, "gh_admin_") || strings.ContainsAny(key, " \n") || strings.Contains(r.errs, key) || !strings.Contains(r.errs, "ops") {
		t.Fatalf("%+v", r)
	}
	serve(t, file)
	fails(t, call(t, "", "clients", "list", "--endpoint", admin), 1, "401", adminKeyVariable, "--admin-key-file")
	works(t, "", "clients", "list", "--endpoint", admin, "--admin-key-file", write(t, t.TempDir(), "key", key+"\nignored\n"))
	t.Setenv(adminKeyVariable, key)
	works(t, "", "keys", "seal", "list", "--endpoint", admin)

	made := asJSON[document](t, works(t, "", "admin", "keys", "create", "-c", file, "--name", "dashboards", "--role", "viewer", "--tenant", "default", "--expires", "2h", "--format", "json"))
	id := fmt.Sprint(made["id"])
	t.Setenv(adminKeyVariable, fmt.Sprint(made["key"]))
	works(t, "", "clients", "list", "--endpoint", admin)
	fails(t, call(t, "", "clients", "create", "--grant-type", "client_credentials", "--endpoint", admin), 1, "403", "role operator", "gatehouse admin keys create --role operator")
	fails(t, call(t, "", "keys", "seal", "list", "--endpoint", admin), 1, "403", "whole installation", "--tenant '*'")
	fails(t, call(t, "", "admin", "keys", "list", "--endpoint", admin), 1, "403", "role admin")
	works(t, "", "admin", "keys", "revoke", "-c", file, id)
	testkit.Eventually(t, "the running server refuses the key", func() bool {
		return call(t, "", "clients", "list", "--endpoint", admin).status == 1
	})
	t.Setenv(adminKeyVariable, key)

	// The same by the server.
	fresh := strings.TrimSpace(works(t, "", "admin", "keys", "create", "--endpoint", admin, "--name", "by the server", "--role", "operator", "--only", "clients"))
	list := asJSON[[]document](t, works(t, "", "admin", "keys", "list", "--endpoint", admin, "--format", "json", "--page-size", "1"))
	if len(list) != 3 || list[1]["state"] != "revoked" || list[0]["used_at"] == nil || list[2]["key"] != nil {
		t.Errorf("listed are %v", list)
	}
	last := fmt.Sprint(list[2]["id"])
	next := strings.TrimSpace(works(t, "", "admin", "keys", "rotate", last, "--endpoint", admin, "--grace", "0s"))
	t.Setenv(adminKeyVariable, fresh)
	fails(t, call(t, "", "clients", "list", "--endpoint", admin), 1, "has expired", adminKeyVariable)
	t.Setenv(adminKeyVariable, next)
	works(t, "", "clients", "list", "--endpoint", admin)
	fails(t, call(t, "", "identities", "list", "--endpoint", admin), 1, "403", "confined")
	shown := works(t, "", "admin", "keys", "show", last, "-c", file)
	if !strings.Contains(shown, "REPLACED BY") || !strings.Contains(shown, "expired") {
		t.Errorf("%s", shown)
	}

	for _, c := range []struct {
		args  []string
		words []string
	}{
		{[]string{"create", "--name", "a", "--role", "root"}, []string{"viewer, operator or admin"}},
		{[]string{"create", "--name", "a", "--role", "viewer", "--expires", "soon"}, []string{"90d, 12h"}},
		{[]string{"create", "--name", "a", "--role", "viewer", "--tenant", "A"}, []string{"tenant:"}},
		{[]string{"rotate", last}, []string{last, "make a new one"}},
		{[]string{"show", "none"}, []string{"admin key none", "no admin key with this id"}},
		{[]string{"revoke", "none"}, []string{"1 of 1 admin keys were not revoked"}},
	} {
		r := call(t, "", append(append([]string{"admin", "keys"}, c.args...), "-c", file)...)
		fails(t, r, 1, c.words...)
		if strings.Contains(r.errs, "the server answered") {
			t.Errorf("there is no server: %s", r.errs)
		}
	}
	fails(t, call(t, "", "admin", "keys", "list", "-c", file, "--endpoint", admin), 2, "one of the two")
	fails(t, call(t, "", "admin", "keys", "create", "--name", "a"), 2, "--role is missing")
}

// Beside a server with embedded databases the server has to be asked, and the message says so.
func TestAdminKeysBesideEmbeddedDatabases(t *testing.T) {
	dir := t.TempDir()
	file, admin := production(t, "sqlite://"+dir+"/")
	key := strings.TrimSpace(works(t, "", "admin", "keys", "create", "-c", file, "--name", "ops", "--role", "admin"))
	serve(t, file)
	fails(t, call(t, "", "admin", "keys", "list", "-c", file), 1, "is in use by process", "--endpoint")
	t.Setenv(adminKeyVariable, key)
	t.Setenv(endpointVariable, admin)
	if out := works(t, "", "admin", "keys", "list"); !strings.Contains(out, "ops") {
		t.Errorf("%s", out)
	}
	if err := os.Unsetenv(endpointVariable); err != nil {
		t.Fatal(err)
	}
	memory := write(t, dir, "memory.yaml", "databases: {dsn: memory}\n")
	fails(t, call(t, "", "admin", "keys", "list", "-c", memory), 1, "in the memory of their server")
}
