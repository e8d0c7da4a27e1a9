package sqldb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// LockFile makes this process the only one that uses the database beside the file, or what else others are kept from; release gives it up.
// The system does when the process ends. It fails with ErrHeld where another process has it, and with fs.ErrNotExist where the file was
// removed meanwhile. Two servers on one SQLite file would each believe their own caches.
func LockFile(path string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, &Error{kind: ErrUnavailable, cause: fmt.Errorf("open the lock file: %w", err)}
	}
	taken, err := lock(f)
	if err == nil && !taken {
		err = heldBy(f, path)
	}
	if err == nil {
		err = stillAt(f, path)
	}
	if err == nil {
		err = sign(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, &Error{kind: ErrUnavailable, cause: err}
	}
	return f.Close, nil
}

// stillAt fails where the file that was opened is no longer the one at the path: whoever had the lock before may have removed it, and
// another may have made and locked the next one.
func stillAt(f *os.File, path string) error {
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil || !os.SameFile(opened, there) {
		return fmt.Errorf("the lock file was removed by who had it: %w", fs.ErrNotExist)
	}
	return nil
}

// sign writes who holds the lock, for the message that the next one gets.
func sign(f *os.File) error {
	host, _ := os.Hostname()
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0)
	return err
}

func heldBy(f *os.File, path string) error {
	text, _ := io.ReadAll(io.LimitReader(f, 200))
	holder := strings.TrimSpace(string(text))
	if holder == "" {
		holder = "another process"
	}
	return heldError(fmt.Sprintf("the database %s is in use by %s; an embedded database serves one process at a time: stop the other one, or use PostgreSQL or MySQL for several", strings.TrimSuffix(path, ".lock"), holder))
}

// heldError is an ErrHeld that says by whom.
type heldError string

// Error implements error.
func (e heldError) Error() string { return string(e) }

// Is tells that it is an ErrHeld.
func (heldError) Is(target error) bool { return target == ErrHeld }
