package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// fileReader reads a file, or all .json, .yaml and .yml files of a directory, without those that begin with a dot, in the
// order of their names; directories in it are not entered. It looks at names, sizes and times, which works where
// notifications do not: on network file systems, and for Kubernetes' volumes, whose files are links that are switched over
// all at once.
type fileReader struct {
	name  string // of the source
	path  string
	limit int64

	seen   []fileState // at the last look
	loaded []fileState // of what was read last
	sum    [sha256.Size]byte
	first  time.Duration // the pause between the first two looks
}

// fileState is what a look at a file shows.
type fileState struct {
	path string
	info os.FileInfo
}

func (s fileState) same(o fileState) bool {
	return s.path == o.path && s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime()) && os.SameFile(s.info, o.info)
}

func same(a, b []fileState) bool { return slices.EqualFunc(a, b, fileState.same) }

// Read implements Reader. What has changed since the last look is left alone until the next one: it may just be being written.
func (f *fileReader) Read(ctx context.Context) ([]access.Rule, error) {
	states, err := f.look()
	if err != nil {
		return nil, err
	}
	if f.loaded != nil && same(states, f.loaded) {
		return nil, ErrUnchanged
	}
	if f.seen == nil { // the server starts, and does not wait for the next turn
		if states, err = f.calm(ctx, states); err != nil {
			return nil, err
		}
	} else if !same(states, f.seen) {
		f.seen = states
		return nil, ErrUnchanged
	}
	f.seen = states
	return f.take(states)
}

// calm waits until two looks show the same.
func (f *fileReader) calm(ctx context.Context, before []fileState) ([]fileState, error) {
	for {
		if !wait.For(ctx, f.first) {
			return nil, ctx.Err()
		}
		states, err := f.look()
		if err != nil || same(before, states) {
			return states, err
		}
		before = states
	}
}

// take reads the files, if they stay as they are meanwhile.
func (f *fileReader) take(states []fileState) ([]access.Rule, error) {
	var rules []access.Rule
	var faults access.Faults
	sum := sha256.New()
	left := f.limit
	for _, s := range states {
		text, err := readFile(s.path, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(text))
		_, _ = fmt.Fprintf(sum, "%q %d\n", s.path, len(text)) // a hash takes everything
		_, _ = sum.Write(text)
		some, err := Parse(text, f.nameOf(s))
		if err := add(&faults, err); err != nil {
			return nil, err
		}
		rules = append(rules, some...)
	}
	after, err := f.look()
	if err != nil {
		return nil, err
	}
	if !same(states, after) {
		f.seen = after
		return nil, ErrUnchanged
	}
	again := f.loaded != nil && [sha256.Size]byte(sum.Sum(nil)) == f.sum
	f.loaded, f.sum = states, [sha256.Size]byte(sum.Sum(nil))
	if again {
		return nil, ErrUnchanged // touched, not changed
	}
	return rules, faults.ErrOrNil()
}

// nameOf is the source that the rules of a file name.
func (f *fileReader) nameOf(s fileState) string {
	if s.path == f.path {
		return f.name
	}
	return strings.TrimSuffix(f.name, "/") + "/" + filepath.Base(s.path)
}

// look lists the files with their states. Links are followed.
func (f *fileReader) look() ([]fileState, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []fileState{{f.path, info}}, nil
	}
	entries, err := os.ReadDir(f.path) // sorted
	if err != nil {
		return nil, err
	}
	states := []fileState{}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || !slices.Contains([]string{".json", ".yaml", ".yml"}, strings.ToLower(filepath.Ext(name))) {
			continue
		}
		path := filepath.Join(f.path, name)
		info, err := os.Stat(path)
		if err != nil {
			if _, gone := os.Lstat(path); errors.Is(gone, os.ErrNotExist) {
				continue // removed since it was listed; a link that leads nowhere is another matter
			}
			return nil, err
		}
		if info.Mode().IsRegular() {
			states = append(states, fileState{path, info})
		}
	}
	return states, nil
}

func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return ReadAtMost(file, limit)
}

var errTooManyBytes = errors.New("the rules are larger than access.rules.max_bytes permits")

// ReadAtMost reads everything, or nothing when it is more.
func ReadAtMost(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = errTooManyBytes
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// add takes over what err says, where it is Faults; else it gives err back.
func add(to *access.Faults, err error) error {
	if more, ok := errors.AsType[access.Faults](err); ok {
		*to = append(*to, more...)
		return nil
	}
	return err
}
