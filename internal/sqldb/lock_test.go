package sqldb_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// A lock has one holder at a time, also where holders remove the file and others have opened that before.
func TestLockFileThatIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var holders, taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				release, err := sqldb.LockFile(path)
				if errors.Is(err, sqldb.ErrHeld) || errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				taken.Add(1)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				holders.Add(-1)
				if err := errors.Join(os.Remove(path), release()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if taken.Load() == 0 {
		t.Error("nobody ever had the lock")
	}
}

// A lock file may be reached by a symbolic link, as the database beside it may.
func TestLockFileBehindALink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "lock"), filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	release, err := sqldb.LockFile(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqldb.LockFile(path); !errors.Is(err, sqldb.ErrHeld) {
		t.Errorf("it is locked twice: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}
