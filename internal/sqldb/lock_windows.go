package sqldb

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lock takes the file for this process; the system frees it when the process ends, however it ends. The byte
// that is locked lies far behind the text, which others may go on reading.
func lock(f *os.File) (taken bool, err error) {
	at := &windows.Overlapped{OffsetHigh: 1}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
