package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// directory is a Destination on a disk.
type directory struct{ name, path string }

// Name implements Destination.
func (d *directory) Name() string { return d.name }

// List implements Destination.
func (d *directory) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Open implements Destination.
func (d *directory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(d.path, name))
}

// partial ends the names of files that are being written.
const partial = ".partial"

// Put implements Destination: what has its name is on the disk.
func (d *directory) Put(_ context.Context, name string, content io.Reader) (err error) {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	path := filepath.Join(d.path, name)
	f, err := os.OpenFile(path+partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return full(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(full(err), os.Remove(path+partial))
		}
	}()
	_, err = io.Copy(f, content)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(path+partial, path)
	}
	if err != nil {
		return err
	}
	return syncDirectory(d.path)
}

// full says what to do about a disk that is full.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("the disk is full; make room, or keep fewer backups with `gatehouse backup prune`: %w", err)
	}
	return err
}

// syncDirectory has a new name survive a power cut.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) { // some file systems have no such thing
		err = nil
	}
	return errors.Join(err, dir.Close())
}

// Remove implements Destination.
func (d *directory) Remove(_ context.Context, name string) error {
	err := os.Remove(filepath.Join(d.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
