package backup

import (
	"context"
	"errors"
	"io"
)

// Destination is a place for the files of backups.
type Destination interface {
	// Name is the configured one.
	Name() string
	// List returns the names of the files that are there, whole ones only.
	List(ctx context.Context) ([]string, error)
	// Open reads a file.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Put writes a file, whole or not at all.
	Put(ctx context.Context, name string, content io.Reader) error
	// Remove deletes a file; one that is not there is no fault.
	Remove(ctx context.Context, name string) error
}

// Open makes the destinations that are configured.
func (c Config) Open() ([]Destination, error) {
	all := make([]Destination, len(c.Destinations))
	for i, d := range c.Destinations {
		if d.Directory != "" {
			all[i] = &directory{name: d.Name, path: d.Directory}
			continue
		}
		b, err := openBucket(d)
		if err != nil {
			return nil, err
		}
		all[i] = b
	}
	if len(all) == 0 {
		return nil, ErrNoDestinations
	}
	return all, nil
}

// ErrNoDestinations says that backups are not configured.
var ErrNoDestinations = errors.New("backup.destinations: none is configured; name at least one, and better two")

// errLarge says that a file cannot be the one that is meant.
var errLarge = errors.New("the file is larger than any that was written")

// readFile reads a small file. Of one that is larger it returns the beginning, beside errLarge.
func readFile(ctx context.Context, d Destination, name string, limit int64) ([]byte, error) {
	r, err := d.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = errLarge
	}
	return content, err
}
