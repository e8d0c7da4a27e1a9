package internal_test

import (
	"strings"
	"testing"
)

// A rule that catches nothing looks like a rule that is kept. Each case breaks one rule, or stands just inside of it.
func TestArchitectureCatches(t *testing.T) {
	const internal = `"` + modulePath + `/internal/`
	cases := []struct {
		name string
		path string
		file string
		code string
		want string // part of the violation; empty where the code is fine
	}{
		{"a wing does not import another", "oauth/authorize", "login.go", `import _ ` + internal + `selfservice"`,
			"oauth/authorize/login.go imports selfservice"},
		{"a contract does not import its kinds", "access", "rule.go", `import _ ` + internal + `access/authn"`, "imports access/authn"},
		{"kinds import the contract", "access/authn", "rule.go", `import _ ` + internal + `access"`, ""},
		{"kinds do not import each other", "access/authn", "rule.go", `import _ ` + internal + `access/authz"`, "imports access/authz"},
		{"token does not import a grant", "oauth/token", "grant.go", `import _ ` + internal + `oauth/device"`, "imports oauth/device"},
		{"a service imports no feature", "keys", "keys.go", `import _ ` + internal + `oauth/token"`, "imports oauth/token"},
		{"a service imports no other service", "oauth/client", "client.go", `import _ ` + internal + `keys"`, "imports keys"},
		{"a session knows identities", "session", "session.go", `import _ ` + internal + `identity"`, ""},
		{"an identity knows no sessions", "identity", "identity.go", `import _ ` + internal + `session"`, "imports session"},
		{"ground imports no service", "web", "mux.go", `import _ ` + internal + `keys"`, "imports keys"},
		{"fault stands on nothing", "fault", "fault.go", `import _ ` + internal + `web"`, "imports web"},
		{"a command goes through app", "cmd/gatehouse", "serve.go", `import _ ` + internal + `sqldb"`, "imports sqldb"},
		{"features do not import config", "oauth/token", "config.go", `import _ ` + internal + `config"`, "imports config"},
		{"app imports config", "app", "app.go", `import _ ` + internal + `config"`, ""},
		{"nothing imports app", "config", "config.go", `import _ ` + internal + `app"`, "imports app"},
		{"testkit is for tests", "keys", "store.go", `import _ ` + internal + `testkit"`, "only tests may"},
		{"tests use testkit", "keys", "store_test.go", `import _ ` + internal + `testkit"`, ""},
		{"a package without a floor", "gossip", "gossip.go", ``, "stands on no floor"},

		{"the store speaks SQL", "keys", "store_rotate.go", `import _ ` + internal + `sqldb"`, ""},
		{"a rule does not", "keys", "schedule.go", `import _ ` + internal + `sqldb"`, "only store*.go may"},
		{"http.go speaks HTTP", "keys", "http.go", `import _ "net/http"`, ""},
		{"a rule does not speak HTTP", "keys", "schedule.go", `import _ "net/http"`, "only http*.go may"},
		{"a store does not either", "keys", "store.go", `import _ ` + internal + `web"`, "only http*.go may"},
		{"a test may", "keys", "schedule_test.go", `import _ "net/http"`, ""},
		{"SQL past sqldb", "keys", "store.go", `import _ "database/sql"`, "binds the tenant"},
		{"a driver past sqldb", "keys", "store.go", `import _ "github.com/jackc/pgx/v5/pgxpool"`, "wraps the drivers"},
		{"a name that begins alike", "keys", "keys.go", `import _ "database/sqlite3"`, ""},

		{"a package that says nothing", "oauth/util", "util.go", ``, `not named "util"`},
		{"a type that says nothing", "keys", "keys.go", `type KeyManager struct{}`, "not named …Manager"},
		{"init", "keys", "keys.go", `func init() {}`, "keys/keys.go:2: init()"},
		{"a method named init", "keys", "keys.go", "type key struct{}\nfunc (key) init() {}", ""},
		{"the real clock", "keys", "keys.go", "import \"time\"\nvar now = time.Now", "time.Now"},
		{"the real clock behind a name", "keys", "keys.go", "import \"time\"\nfunc age(t time.Time) any { return time.Since(t) }", "time.Since"},
		{"app reads the clock", "app", "app.go", "import \"time\"\nvar now = time.Now", ""},
		{"a clock of one's own", "keys", "keys.go", "var time struct{ Now func() }\nvar now = time.Now", ""},
		{"a test that is left out", "keys", "keys_test.go", "import \"testing\"\nfunc TestX(t *testing.T) { t.Skip() }", "t.Skip"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			doc := readSource(t, "doc.go", "// Package p is documented.\npackage p")
			m := module{packages: []pack{{path: c.path, sources: []source{doc, readSource(t, c.file, "package p\n"+c.code)}}}}
			expect(t, m.violations(), c.want)
		})
	}
	t.Run("a package without a comment", func(t *testing.T) {
		m := module{packages: []pack{{path: "keys", sources: []source{readSource(t, "doc.go", "package p")}}}}
		expect(t, m.violations(), "doc.go with a package comment is missing")
	})
}

func TestMachineTextCatches(t *testing.T) {
	bad := []string{
		"data in /ro" + "ot/gatehouse", "see /wo" + "rk/main", "cd /ho" + "me/ada/src", "`/Us" + "ers/Ada/src`", `C:\Us` + `ers\ada`,
		"https://proxy." + "golang.org/x", `"resolved": "https://registry.` + `npmjs.org/a"`,
	}
	for _, text := range bad {
		expect(t, machineText("file", "first\n"+text+"\n"), "file:2: ")
	}
	good := []string{
		"$HOME/gatehouse", "/etc/gatehouse.yaml", "/var/lib/gatehouse/", "https://example.com/work/it", "docs/work/it", "/home/", "/root",
	}
	for _, text := range good {
		expect(t, machineText("file", text), "")
	}
}

func expect(t *testing.T, found []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(found) != 0:
		t.Errorf("violations %q, want none", found)
	case want != "" && (len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), want)):
		t.Errorf("violations %q, want %q among them", found, want)
	}
}
