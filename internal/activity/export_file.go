package activity

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// fileReceiver appends JSON lines to a file. It opens the file each time, so that it may be rotated at any time.
type fileReceiver struct{ path string }

func (r *fileReceiver) close() {}

func (r *fileReceiver) send(_ context.Context, _ tenant.ID, lines []Line) (err error) {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var out bytes.Buffer
	if broken, err := unfinished(f); err != nil {
		return err
	} else if broken {
		out.WriteByte('\n')
	}
	writeLines(&out, lines)
	if _, err := f.Write(out.Bytes()); err != nil {
		return err
	}
	return f.Sync()
}

// unfinished reports whether the file ends within a line, for example because the disk was full.
func unfinished(f *os.File) (bool, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return false, err
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], size-1)
	return last[0] != '\n', err
}

// writeLines writes JSON lines (one object and a line feed each).
func writeLines(out *bytes.Buffer, lines []Line) {
	for _, l := range lines {
		out.Write(l.JSON())
		out.WriteByte('\n')
	}
}
