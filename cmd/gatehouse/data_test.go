package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What cannot be meant is refused before anything is opened, and no address that may hold a password is repeated.
func TestPlacesOfData(t *testing.T) {
	t.Setenv("TEST_WRONG_DSN", "postgres://u:hidden-in-variable@127.0.0.1:1/x?nonsense=1&sslmode=odd")
	lite := "sqlite://" + t.TempDir() + "/"
	file := write(t, t.TempDir(), "dsn", "mysql://u:hidden-in-file@127.0.0.1:1/x\n")
	bare := write(t, t.TempDir(), "bare.yaml", "profile: production\ndatabases: {dsn: '"+lite+"'}\n") // whose secrets are elsewhere
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"data", "status", "--from-config", bare}, 1, "is the address right"},
		{[]string{"data", "copy", "--to", lite}, 2, "--from"},
		{[]string{"data", "copy", "--from", lite, "--from-config", "x.yaml", "--to", lite}, 2, "--from"},
		{[]string{"data", "copy", "--from", lite}, 2, "--to"},
		{[]string{"data", "copy", "--from", lite, "--to", "postgres://u:hidden-in-argument@h/db"}, 2, "env:NAME"},
		{[]string{"data", "copy", "--from", "http://u:hidden-in-argument@127.0.0.1:1", "--to", lite}, 2, "--from"},
		{[]string{"data", "copy", "--from", lite, "--to", lite}, 1, "same databases"},
		{[]string{"data", "copy", "--from", lite + "mistyped/", "--to", "memory"}, 1, "mistyped/management.db: is the address right"},
		{[]string{"data", "status", "--from", lite}, 1, "is the address right"},
		{[]string{"data", "copy", "--from", "memory", "--to", lite}, 1, "http://127.0.0.1:4445"},
		{[]string{"data", "copy", "--from", lite, "--to", "env:NOBODY_SETS_THIS"}, 1, "NOBODY_SETS_THIS"},
		{[]string{"data", "copy", "--from", lite, "--to", "file:" + filepath.Join(t.TempDir(), "missing")}, 1, "missing"},
		{[]string{"data", "status", "--from", "env:TEST_WRONG_DSN"}, 1, "sslmode"},
		{[]string{"data", "status", "--from", "file:" + file}, 1, "127.0.0.1:1"},
		{[]string{"data", "status", "--from", "http://127.0.0.1:1"}, 1, "cannot be reached"},
	} {
		r := call(t, "", c.args...)
		if r.status != c.status || !strings.Contains(r.errs, c.want) {
			t.Errorf("%q exits with %d and says %s", c.args, r.status, r.errs)
		}
		if strings.Contains(r.errs+r.out, "hidden-in") {
			t.Errorf("%q repeats a password: %s", c.args, r.errs)
		}
	}
}
