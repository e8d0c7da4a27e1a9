package selfservice

import (
	"errors"
	"syscall"
	"time"
)

// nap sleeps in the kernel, which wakes us within some fifty microseconds of the time.
func nap(d time.Duration) {
	if d <= 0 {
		return
	}
	rest := syscall.NsecToTimespec(int64(d))
	for errors.Is(syscall.Nanosleep(&rest, &rest), syscall.EINTR) { // the runtime's own signals
	}
}
