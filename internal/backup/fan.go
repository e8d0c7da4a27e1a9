package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// stall is how long a destination may take nothing before it counts as gone.
const stall = 2 * time.Minute

// errStalled says that a destination stopped taking bytes.
var errStalled = fmt.Errorf("it took nothing for %s", stall)

// fan writes one file to several destinations at once. One that fails is left behind; the others go on.
type fan struct {
	given    func() error    // why whoever writes the file has given up
	over     <-chan struct{} // closed when he has
	stall    time.Duration
	branches []*branch
	size     int64
	sum      hash.Hash
}

// branch is one of them.
type branch struct {
	to     Destination
	blocks chan []byte
	end    context.CancelCauseFunc
	done   chan struct{}
	err    error // once done is closed
}

// newFan begins to write a file to each of the destinations.
func newFan(ctx context.Context, name string, to []Destination) *fan {
	f := &fan{given: func() error { return context.Cause(ctx) }, over: ctx.Done(), stall: stall, sum: sha256.New()}
	for _, d := range to {
		f.branches = append(f.branches, newBranch(ctx, name, d))
	}
	return f
}

func newBranch(ctx context.Context, name string, to Destination) *branch {
	ctx, end := context.WithCancelCause(ctx)
	b := &branch{to: to, blocks: make(chan []byte, 8), end: end, done: make(chan struct{})}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(b.carry(ctx, w)) }()
	go func() {
		defer close(b.done)
		b.err = to.Put(ctx, name, r)
		if cause := context.Cause(ctx); b.err != nil && cause != nil {
			b.err = cause
		}
		end(nil)
		_ = r.Close()
	}()
	return b
}

// carry writes what is sent, up to the end of it, which is nil, or of the context.
func (b *branch) carry(ctx context.Context, w *io.PipeWriter) error {
	// A destination that reads nothing any more holds up a write, but not beyond the end.
	defer context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case block, more := <-b.blocks:
			if !more {
				return context.Cause(ctx)
			}
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
	}
}

// errNowhere says that no destination is left.
var errNowhere = errors.New("no destination takes the backup")

// Write gives p to every branch that still takes anything.
func (f *fan) Write(p []byte) (int, error) {
	f.size += int64(len(p))
	f.sum.Write(p)
	block, live := bytes.Clone(p), 0
	for _, b := range f.branches {
		select {
		case <-b.done:
			continue
		default:
		}
		select {
		case b.blocks <- block:
			live++
			continue
		default: // it is behind
		}
		select {
		case b.blocks <- block:
			live++
		case <-b.done:
		case <-time.After(f.stall):
			b.end(errStalled)
		case <-f.over:
			return 0, f.given()
		}
	}
	if live == 0 {
		return 0, errNowhere
	}
	return len(p), nil
}

// close ends the file and waits for its destinations. Those that have it are in kept, and why others have not in faults.
func (f *fan) close() (file File, kept []Destination, faults map[string]error) {
	for _, b := range f.branches {
		close(b.blocks)
	}
	faults = map[string]error{}
	for _, b := range f.branches {
		if err := b.wait(f.stall); err != nil {
			faults[b.to.Name()] = err
		} else {
			kept = append(kept, b.to)
		}
	}
	return File{Size: f.size, SHA256: hex.EncodeToString(f.sum.Sum(nil))}, kept, faults
}

// abort has no destination keep anything.
func (f *fan) abort(cause error) (faults map[string]error) {
	faults = map[string]error{}
	for _, b := range f.branches {
		b.end(cause)
		faults[b.to.Name()] = b.wait(f.stall)
	}
	return faults
}

// wait gives a destination some time. One that does not even notice that it was told to end, as on a disk that is gone, is left alone.
func (b *branch) wait(limit time.Duration) error {
	for range 2 {
		select {
		case <-b.done:
			return b.err
		case <-time.After(limit):
			b.end(errStalled)
		}
	}
	return errStalled
}
