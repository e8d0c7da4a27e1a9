package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func TestSecretsOfADirectory(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() []string {
		t.Helper()
		c, err := Read(nil, []string{"GATEHOUSE_SECRETS_SYSTEM_FILE=" + dir})
		if err != nil {
			return []string{err.Error()}
		}
		var all []string
		for _, s := range c.Secrets.System {
			all = append(all, s.Reveal())
		}
		return all
	}
	if got := read(); len(got) != 1 || !strings.Contains(got[0], "has no file with a secret") {
		t.Error(got)
	}
	put("9", "the ninth secret of it\n")
	put("10", "the tenth secret of it")
	put(".hidden", "somebody else's")
	if err := os.Mkdir(filepath.Join(dir, "..data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"the tenth secret of it", "the ninth secret of it"}, read()); diff != "" {
		t.Error(diff)
	}
	if err := AddSecret(dir, secret.String("the newest secret of it")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"the newest secret of it", "the tenth secret of it", "the ninth secret of it"}, read()); diff != "" {
		t.Error(diff)
	}
	put("12", "two\nlines")
	if got := read(); len(got) != 1 || !strings.Contains(got[0], "does not hold one line") || strings.Contains(got[0], "two\n") {
		t.Error(got)
	}
	put("system", "a name without a number")
	if err := AddSecret(dir, "one more secret of it"); err == nil || !strings.Contains(err.Error(), "not named by numbers") {
		t.Error(err)
	}
	// Other variables name files and nothing else.
	if _, err := Read(nil, []string{"GATEHOUSE_DATABASES_DSN_FILE=" + dir}); err == nil {
		t.Error("a directory is read as an address")
	}
}

func TestAddSecretToAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "system")
	for i, one := range []secret.String{"the first secret", "the second secret"} {
		if err := AddSecret(file, one); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := os.Chmod(file, 0o640); err != nil {
				t.Fatal(err)
			}
		}
	}
	content, err := os.ReadFile(file)
	if err != nil || string(content) != "the second secret\nthe first secret\n" {
		t.Errorf("%q, %v", content, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if err := os.Symlink(file, file+".link"); err != nil {
		t.Fatal(err)
	}
	if err := AddSecret(file+".link", "another secret"); err == nil || !strings.Contains(err.Error(), "is a link") {
		t.Error(err)
	}
	document := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(document, []byte("secrets: {system: [x]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := AddSecret(document, "another secret"); err == nil || !strings.Contains(err.Error(), "one secret a line") {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".secret-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestAddSecretsAtOnce: none of those who add a secret at the same time takes another's away.
func TestAddSecretsAtOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "system")
	const n = 20
	var all sync.WaitGroup
	for i := range n {
		for _, path := range []string{dir, file} {
			all.Go(func() {
				if err := AddSecret(path, secret.String(fmt.Sprintf("secret number %d", i))); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, path := range []string{dir, file} {
		content, err := readSecretFiles(path)
		lines := strings.Split(strings.TrimSpace(string(content)), "\n")
		slices.Sort(lines)
		if err != nil || len(slices.Compact(lines)) != n {
			t.Errorf("%d of %d are there: %v", len(lines), n, err)
		}
	}
}

func TestCompareNatural(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"9", "10", -1}, {"2", "2", 0}, {"2026-11-22", "2026-9-1", 1}, {"a", "b", -1}, {"key-2", "key-10", -1}, {"007", "7", 0}, {"7a", "7", 1}, {"1", "a", -1},
	} {
		if got := compareNatural(c.a, c.b); min(max(got, -1), 1) != c.want {
			t.Errorf("%s and %s: %d", c.a, c.b, got)
		}
		if got := compareNatural(c.b, c.a); min(max(got, -1), 1) != -c.want {
			t.Errorf("%s and %s: %d", c.b, c.a, got)
		}
	}
}
