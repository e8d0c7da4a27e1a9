package app

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// mount mounts a file system of so many bytes.
func mount(t *testing.T, size int) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(size)); err != nil {
		return "", err
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, nil
}

// namespaced is set in a process that has a namespace of its own.
const namespaced = "GATEHOUSE_TEST_NAMESPACED"

// withMounts tells whether this process may mount. Where it may not, the test runs in another one, which may in a namespace of its own.
func withMounts(t *testing.T) bool {
	t.Helper()
	_, err := mount(t, 4096)
	if err == nil {
		return true
	}
	if os.Getenv(namespaced) != "" {
		t.Fatalf("a small file system can be mounted neither by this user nor in a namespace of its own: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), namespaced+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("a small file system cannot be mounted by this user, and in a namespace of its own: %v\n%s", err, out)
	}
	return false
}

// A disk that is too small is refused before anything is written to it, and one that fills up meanwhile is said to be full. Nothing
// is left on either.
func TestDrillOnAFullDisk(t *testing.T) {
	if !withMounts(t) {
		return
	}
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
			dir, err := mount(t, c.size)
			if err != nil {
				t.Fatal(err)
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
