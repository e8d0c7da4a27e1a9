package mortal

import "golang.org/x/sys/unix"

// dieWithParent has the kernel kill this process when the one that started it ends. That survives exec.
func dieWithParent() error {
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}
