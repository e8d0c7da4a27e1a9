package app

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// small mounts a file system of so many bytes; ok is false where this user may not.
func small(t *testing.T, size int) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(size)); err != nil {
		t.Logf("a small file system cannot be mounted here: %v", err)
		return "", false
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

// A disk that is too small is refused before anything is written to it, and one that fills up meanwhile is said to be full. Nothing
// is left on either.
func TestDrillOnAFullDisk(t *testing.T) {
	p := newDrilledPlace(t)
	p.keep()
	for name, c := range map[string]struct {
		size int
		fill bool
		says string
	}{
		"too small": {spare / 2, false, "has 3"}, "fills up": {spare + spare/4, true, "is full"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, ok := small(t, c.size)
			if !ok {
				return
			}
			p.scratch = dir
			o := p.options()
			ballast := filepath.Join(dir, "ballast")
			o.Progress = func(phase string, _, _ int64) {
				if c.fill && phase == "loading" {
					c.fill = false
					fillDisk(t, ballast)
				}
			}
			done, err := DrillBackup(t.Context(), p.cfg, BackupWanted{}, p.identity, o)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "--scratch") || strings.Contains(err.Error(), "run the same command again") {
				t.Errorf("%v does not say %q", err, c.says)
			}
			if done == nil || done.OK || steps(done)[len(done.Steps)-1] != "load failed" {
				t.Errorf("%+v", done)
			}
			_ = os.Remove(ballast)
			p.clean()
		})
	}
}

// fillDisk writes until nothing more goes in.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(f, zero, 4*spare); err == nil {
		t.Errorf("%d bytes went in", n)
	}
	_ = zero.Close()
	_ = f.Close()
}
