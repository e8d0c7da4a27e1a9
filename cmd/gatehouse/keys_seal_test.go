package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// sealed starts a server on a directory with the secrets of a file.
func sealed(t *testing.T, dir, more string) server {
	t.Helper()
	return start(t, fmt.Sprintf("data_dir: %q\n%s", dir, more))
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// list makes the YAML list of the secrets in a file.
func list(t *testing.T, path string) string {
	return `["` + strings.Join(lines(t, path), `", "`) + `"]`
}

// An operator replaces a secret with these commands; none of them shows it.
func TestSealKeys(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "system")
	var shown strings.Builder
	run := func(status int, s server, args ...string) result {
		t.Helper()
		if s.admin != "" {
			args = append(args, "--endpoint", s.admin)
		}
		r := call(t, "", append([]string{"keys", "seal"}, args...)...)
		shown.WriteString(r.out + r.errs)
		if r.status != status {
			t.Fatalf("%v exits with %d: %s", args, r.status, r.errs)
		}
		return r
	}
	old := strings.TrimSpace(run(0, server{}, "add", file).out)
	config := func() string {
		return fmt.Sprintf("secrets: {system: %s, cookie: [a cookie secret of the test]}\n", list(t, file))
	}
	t.Run("before", func(t *testing.T) {
		s := sealed(t, dir, config())
		works(t, "", "keys", "rotate", "--endpoint", s.admin)
		people := write(t, dir, "people.json", `{"schema_id":"default","traits":{"email":"ann@example.com"},"credentials":{"password":{"config":{"password":"quiet-harbour-lantern-47"}}}}`)
		works(t, "", "identities", "import", people, "--endpoint", s.admin)
		if r := run(0, s, "list"); !strings.Contains(r.out, old) || !strings.Contains(r.out, "making") {
			t.Errorf("the list is\n%s", r.out)
		}
		fails(t, run(1, s, "retire", old), 1, "put another secret in front")
		fails(t, run(1, s, "retire", "none"), 1, "no seal key with this id")
	})
	fresh := strings.TrimSpace(run(0, server{}, "add", file).out)
	if got := lines(t, file); len(got) != 2 || fresh == old {
		t.Fatalf("%d secrets are in the file", len(got))
	}
	t.Run("after", func(t *testing.T) {
		s := sealed(t, dir, config())
		if r := run(0, s, "status"); !strings.Contains(r.out, "management.identity_credential.config") || !strings.Contains(r.out, "opening") {
			t.Errorf("the status is\n%s", r.out)
		}
		fails(t, run(1, s, "retire", old), 1, "keys seal reseal", "identity_credential")
		if r := run(0, s, "reseal", "--batch", "1"); !strings.Contains(r.errs, "100 %") || strings.HasSuffix(r.errs, " 0 sealed anew\n") {
			t.Errorf("resealing says\n%s", r.errs)
		}
		if r := run(0, s, "reseal"); !strings.HasSuffix(r.errs, " 0 sealed anew\n") {
			t.Errorf("resealing again says\n%s", r.errs)
		}
		if r := run(0, s, "status", "--format", "json"); strings.Contains(r.out, `"key":"`+old) || !strings.Contains(r.out, `"key":"`+fresh) {
			t.Errorf("the status is %s", r.out)
		}
		fails(t, run(1, s, "reseal", "--batch", "5000"), 1, "1 to 1000")
		if r := run(0, s, "retire", old); !strings.Contains(r.out, "retired") || !strings.Contains(r.errs, "take its secret out") {
			t.Errorf("retiring says\n%s%s", r.out, r.errs)
		}
	})
	secrets := lines(t, file)
	write(t, dir, "system", secrets[0]+"\n")
	t.Run("without", func(t *testing.T) {
		s := sealed(t, dir, config())
		works(t, "", "keys", "list", "--endpoint", s.admin)
		works(t, "", "identities", "list", "--endpoint", s.admin)
		run(0, s, "list")
	})
	for _, secret := range secrets {
		if strings.Contains(shown.String(), secret) {
			t.Error("a secret is printed")
		}
	}
}

// With a Transit engine the file holds what the engine alone can unwrap, and a server asks it once.
func TestSealKeysInTransit(t *testing.T) {
	v := testkit.NewTransit(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "system")
	transit := write(t, dir, "transit.yaml", fmt.Sprintf("profile: production\nsecrets: {transit: {address: %q, token: %q}}\n", v.URL, v.Token))
	id := strings.TrimSpace(works(t, "", "keys", "seal", "add", file, "-c", transit))
	if got := lines(t, file); len(got) != 1 || !strings.HasPrefix(got[0], "vault:v1:") {
		t.Fatal("the secret is not wrapped")
	}
	asked := v.Asked()
	s := sealed(t, dir, fmt.Sprintf("secrets: {system: %s, cookie: [a cookie secret of the test], transit: {address: %q, token: %q}}\n", list(t, file), v.URL, v.Token))
	if got := v.Asked() - asked; got != 1 {
		t.Errorf("the engine was asked %d times", got)
	}
	v.Seal(true) // a server that runs does not need it
	works(t, "", "keys", "rotate", "--endpoint", s.admin)
	if out := works(t, "", "keys", "seal", "list", "--endpoint", s.admin); !strings.Contains(out, id) {
		t.Errorf("the list is\n%s", out)
	}
	bad := write(t, dir, "bad.yaml", fmt.Sprintf("data_dir: %q\nsecrets: {system: %s}\n", t.TempDir(), list(t, file)))
	fails(t, call(t, "", "serve", "-c", bad), 1, "secrets.transit.address")
	bad = write(t, dir, "bad.yaml", fmt.Sprintf("data_dir: %q\nsecrets: {system: %s, transit: {address: %q, token: %q}}\n", t.TempDir(), list(t, file), v.URL, v.Token))
	fails(t, call(t, "", "serve", "-c", bad), 1, "secrets.system[0]", "unseal")
	fails(t, call(t, "", "keys", "seal", "add", file, "-c", transit), 1, "unseal")
	bad = write(t, dir, "bad.yaml", "secrets: {transit: {address: vault}}\n")
	fails(t, call(t, "", "keys", "seal", "add", file, "-c", bad), 1, "secrets.transit.address", "secrets.transit.token")
	if got := lines(t, file); len(got) != 1 {
		t.Errorf("a secret that could not be wrapped is in the file: %d lines", len(got))
	}
}
