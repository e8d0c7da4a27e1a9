//go:build unix

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// hold waits until no other process holds the directory; the system lets go of it when it is closed, however the process ends. A file
// system that knows no such thing, as of another machine, holds nobody up.
func hold(dir *os.File) error {
	for {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EBADF), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOTSUP):
			return nil
		default:
			return err
		}
	}
}

// settle has new names in a directory survive a power cut. Some file systems have no such thing.
func settle(dir *os.File) error {
	if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// giveTo makes a file belong to the user and the group that another one belongs to.
func giveTo(file *os.File, like fs.FileInfo) error {
	its, ok := like.Sys().(*syscall.Stat_t)
	info, err := file.Stat()
	if !ok || err != nil {
		return err
	}
	if ours, ok := info.Sys().(*syscall.Stat_t); ok && ours.Uid == its.Uid && ours.Gid == its.Gid {
		return nil
	}
	if file.Chown(int(its.Uid), int(its.Gid)) != nil {
		return fmt.Errorf("%s belongs to another user (%d), who could not read what this one writes: run this as that user, or as root", like.Name(), its.Uid)
	}
	return nil
}
