//go:build unix

package config

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// The server that reads a file of secrets is another user than root, who adds one.
func TestWhoReadsSecretsStaysTheirOwner(t *testing.T) {
	dir, owner := t.TempDir(), os.Getuid()
	if owner == 0 {
		owner = 4242
	}
	one := filepath.Join(dir, "1")
	if err := os.WriteFile(one, []byte("the first secret\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(one, owner, -1); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{one, dir} {
		if err := AddSecret(path, secret.String("one more secret")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"1", "2"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if its, ok := info.Sys().(*syscall.Stat_t); !ok || int(its.Uid) != owner || info.Mode().Perm() != 0o400 {
			t.Errorf("%s: %+v", name, its)
		}
	}
}
