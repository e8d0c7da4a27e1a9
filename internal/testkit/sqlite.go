package testkit

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

type sqlite struct{}

// volatile: no test needs its data after a power failure, and waiting for the disk is most of what a commit costs.
const volatile = "?synchronous=off"

func (sqlite) empty(t testing.TB) string {
	t.Helper()
	return "sqlite://" + filepath.Join(t.TempDir(), "gatehouse.db") + volatile
}

func (s sqlite) migrated(t testing.TB, logical string) string {
	t.Helper()
	image, err := sqliteImage(logical)
	if err != nil {
		t.Fatalf("testkit: SQLite template of %s: %v", logical, err)
	}
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return "sqlite://" + path + volatile
}

// sqliteImages holds the files to copy, each made once per test process.
var sqliteImages sync.Map // logical database -> func() ([]byte, error)

func sqliteImage(logical string) ([]byte, error) {
	made, _ := sqliteImages.LoadOrStore(logical, sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "gatehouse-sqlite-")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		path := filepath.Join(dir, "template.db")
		if err := migrate(context.Background(), "sqlite://"+path, logical); err != nil {
			return nil, err
		}
		return os.ReadFile(path) // complete: closing the database moved its write-ahead log in
	}))
	return made.(func() ([]byte, error))()
}
