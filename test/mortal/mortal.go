package mortal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

const (
	// programs is the variable with the directory of the programs that are meant.
	programs = "GATEHOUSE_TEST_MORTAL"
	// parent is the variable with the id of the process with which they end.
	parent = "GATEHOUSE_TEST_MORTAL_PARENT"
)

// Directory gives a directory with the named programs of another one, all of which end with this process. The caller removes it. Main has
// to be called at the beginning of this binary.
func Directory(of string, names ...string) (string, error) {
	if runtime.GOOS != "linux" {
		return of, nil // nothing else has a signal for that
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "gatehouse-mortal-")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return dir, errors.Join(os.Setenv(programs, of), os.Setenv(parent, strconv.Itoa(os.Getpid())))
}

// Main becomes the program as which this binary was started, and returns where that is this binary itself.
func Main() {
	program := filepath.Join(os.Getenv(programs), filepath.Base(os.Args[0]))
	if _, err := os.Stat(program); os.Getenv(programs) == "" || err != nil {
		return
	}
	runtime.LockOSThread() // the request is the thread's
	err := dieWithParent()
	if os.Getenv(parent) != strconv.Itoa(os.Getppid()) {
		os.Exit(1) // it ended before that
	}
	if err == nil {
		err = syscall.Exec(program, os.Args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "becoming %s: %v\n", program, err)
	os.Exit(1)
}
