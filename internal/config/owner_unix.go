//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

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
