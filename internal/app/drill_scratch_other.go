//go:build !linux

package app

import "io/fs"

// isOwn is not known here, so nothing is taken for this user's.
func isOwn(fs.FileInfo) bool { return false }

// freeSpace is not known here.
func freeSpace(string) (n int64, known bool) { return 0, false }
