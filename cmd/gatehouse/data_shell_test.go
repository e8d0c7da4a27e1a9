package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// S2-32: the client signs in with what the configuration says, may only read unless asked to, and leaves no file behind.
func TestDataShell(t *testing.T) {
	shells := map[string]struct {
		dsn  string
		args func(sql string) []string
	}{
		"psql":    {testkit.Postgres(t), func(sql string) []string { return []string{"-X", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql} }},
		"mariadb": {testkit.MariaDB(t), func(sql string) []string { return []string{"-N", "-e", sql} }},
		"sqlite3": {"sqlite://" + t.TempDir() + "/gatehouse.db", func(sql string) []string { return []string{sql} }},
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("PGUSER", "somebody-else")
	for name, s := range shells {
		t.Run(name, func(t *testing.T) {
			file := write(t, t.TempDir(), "gatehouse.yaml", "databases: {dsn: '"+s.dsn+"'}\n")
			if name == "sqlite3" {
				fails(t, call(t, "", "data", "shell", "-c", file), 1, "no database yet")
				path, _ := strings.CutPrefix(s.dsn, "sqlite://")
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			shell := func(more []string, sql string) result {
				return call(t, "", append(append([]string{"data", "shell", "-c", file}, append(more, "--")...), s.args(sql)...)...)
			}
			writing := []string{"--write", "--database", "oauth"}
			if r := shell(nil, "CREATE TABLE thing (n INTEGER)"); r.status == 0 {
				t.Error("a client that may only read has made a table")
			}
			if r := shell(writing, "CREATE TABLE thing (n INTEGER)"); r.status != 0 {
				t.Fatalf("%d: %s", r.status, r.errs)
			}
			if r := shell(writing, "INSERT INTO thing VALUES (42)"); r.status != 0 {
				t.Fatalf("%d: %s", r.status, r.errs)
			}
			if r := shell(nil, "SELECT n FROM thing"); r.status != 0 || strings.TrimSpace(r.out) != "42" {
				t.Errorf("%d: %s %s", r.status, r.out, r.errs)
			}
			// The password was right, so a wrong one is not: it is the file's that counts.
			if u, err := url.Parse(s.dsn); err == nil && u.User != nil {
				u.User = url.UserPassword(u.User.Username(), `wr:ong\ "pass"#word'`)
				wrong := write(t, t.TempDir(), "wrong.yaml", "databases: {dsn: '"+u.String()+"'}\n")
				r := call(t, "", "data", "shell", "-c", wrong)
				fails(t, r, 1, name)
				if strings.Contains(r.out+r.errs, "wr:ong") {
					t.Errorf("the password is repeated: %s", r.errs)
				}
				oddPassword(t, name, u, shell)
			}
		})
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "gatehouse-shell-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	file := write(t, t.TempDir(), "gatehouse.yaml", "databases: {dsn: memory}\n")
	fails(t, call(t, "", "data", "shell", "-c", file), 1, "memory")
	file = write(t, t.TempDir(), "gatehouse.yaml", "databases: {dsn: 'postgres://u:hidden@127.0.0.1:1/x?sslmode=disable'}\n")
	fails(t, call(t, "", "data", "shell", "-c", file, "--database", "none"), 1, "management, oauth")
	t.Setenv("PATH", t.TempDir())
	r := call(t, "", "data", "shell", "-c", file)
	fails(t, r, 1, "psql", "postgresql-client")
	if strings.Contains(r.errs, "hidden") {
		t.Errorf("the password is repeated: %s", r.errs)
	}
}

// oddPassword has a password with all that the clients' files would take for something else.
func oddPassword(t *testing.T, client string, at *url.URL, shell func(more []string, sql string) result) {
	t.Helper()
	const odd = `a:b\c "d" 'e' #f % `
	user := strings.TrimPrefix(at.Path, "/gatehouse_test_")
	create, drop := `CREATE USER "`+user+`" PASSWORD '`+strings.ReplaceAll(odd, "'", "''")+`'`, `DROP USER "`+user+`"`
	if client == "mariadb" {
		literal := strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(odd)
		create = "GRANT SELECT ON `" + at.Path[1:] + "`.* TO '" + user + "'@'%' IDENTIFIED BY '" + literal + "'"
		drop = "DROP USER '" + user + "'@'%'"
	}
	if r := shell([]string{"--write"}, create); r.status != 0 {
		t.Fatal(r.errs)
	}
	t.Cleanup(func() { shell([]string{"--write"}, drop) })
	own := *at
	own.User = nil
	dsn := strings.Replace(own.String(), "://", "://"+user+":"+url.QueryEscape(odd)+"@", 1)
	dsn = strings.ReplaceAll(dsn, "+", "%20")
	file := write(t, t.TempDir(), "odd.yaml", "databases: {dsn: '"+dsn+"'}\n")
	args := map[string][]string{"psql": {"-X", "-t", "-c", "SELECT 7"}, "mariadb": {"-N", "-e", "SELECT 7"}}[client]
	if r := call(t, "", append([]string{"data", "shell", "-c", file, "--"}, args...)...); r.status != 0 || strings.TrimSpace(r.out) != "7" {
		t.Errorf("a password with odd characters: %d %s %s", r.status, r.out, r.errs)
	}
}
