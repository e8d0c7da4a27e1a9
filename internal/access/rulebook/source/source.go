package source

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// Reader reads the rules of one source. It is used by one goroutine at a time.
type Reader interface {
	// Read returns the rules, or ErrUnchanged where they are those that it returned or refused last. An access.Faults says that
	// what is there is not rules; any other error that it could not be read.
	Read(ctx context.Context) ([]access.Rule, error)
}

// ErrUnchanged says that the rules are those that were read last.
var ErrUnchanged = errors.New("the rules have not changed")

// Limits bound what a Reader takes.
type Limits struct {
	// Bytes is how large the rules of the source may be.
	Bytes int64
	// FirstLook is the pause between the first two looks at a file.
	FirstLook time.Duration
}

// Open makes the reader of a source.
func (l Location) Open(c Config, bounds Limits) (Reader, error) {
	switch l.Kind {
	case KindFile:
		return &fileReader{name: l.Name, path: l.path, limit: bounds.Bytes, first: bounds.FirstLook}, nil
	case KindInline:
		return &inlineReader{name: l.Name, text: l.text}, nil
	case KindS3:
		return newBucketReader(l, c.S3, bounds.Bytes)
	default:
		return newHTTPReader(l, c, bounds.Bytes), nil
	}
}

// inlineReader has its rules from the configuration.
type inlineReader struct {
	name string
	text []byte
	done bool
}

func (r *inlineReader) Read(context.Context) ([]access.Rule, error) {
	if r.done {
		return nil, ErrUnchanged
	}
	r.done = true
	return Parse(r.text, r.name)
}

// Remembering is a reader of a remote source: what it says is kept, so that a server can start without it.
type Remembering interface {
	Reader
	// Said gives what was read last, once.
	Said() *Document
	// Resume has the reader begin where the document was read, unless it has read something since.
	Resume(d *Document)
}

// lastRead is what a reader of a remote source knows of what it read last.
type lastRead struct {
	etag, modified string
	known          digest
	latest         Document
}

// take reads the rules of what a source says now; ErrUnchanged where it said the same before.
func (l *lastRead) take(name string, d Document) ([]access.Rule, error) {
	l.etag, l.modified = d.ETag, d.Modified
	if l.known.same(d.Text) {
		return nil, ErrUnchanged
	}
	l.latest = d
	return Parse(d.Text, name)
}

// Said implements Remembering.
func (l *lastRead) Said() *Document {
	d := l.latest
	l.latest = Document{}
	return &d
}

// Resume implements Remembering.
func (l *lastRead) Resume(d *Document) {
	if l.known.valid {
		return
	}
	l.etag, l.modified = d.ETag, d.Modified
	l.known.same(d.Text)
}

// Document is what a remote source said: rules as they were read.
type Document struct {
	Text []byte `json:"text"`
	// ETag and Modified are what the source is told the next time (RFC 9110 §13.1.2, §13.1.3).
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`

	// Read is when it was read.
	Read time.Time `json:"-"`
}
