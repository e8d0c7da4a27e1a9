package hook

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// maxSource is the size of a program in bytes.
const maxSource = 128 << 10

// refetchAfter is how long a program from a URL is used before it is read again.
const refetchAfter = time.Hour

// retryFetchAfter is how long a program that could not be read again stays in use.
const retryFetchAfter = time.Minute

// bodySource says where the program of a body is. What has no scheme is the name of a file.
func bodySource(uri string) (fetch.Source, error) {
	if !strings.Contains(uri, "://") {
		return fetch.Source{File: uri}, nil
	}
	return fetch.ParseSource(uri)
}

// program makes a body of a document.
type program interface {
	make(ctx context.Context, input []byte) ([]byte, error)
}

// sourceKey names a program.
type sourceKey struct{ uri, format string }

// source is a program that was read.
type source struct {
	program program
	readAt  time.Time
	fixed   bool // does not change while the server runs
}

// sources keeps programs that were read.
type sources struct {
	fetch   func(ctx context.Context, url string) ([]byte, error)
	jsonnet *Jsonnet
	now     func() time.Time

	mu   sync.Mutex
	read map[sourceKey]*source
}

// body returns the program at uri.
func (s *sources) body(ctx context.Context, uri, format string) (program, error) {
	key := sourceKey{uri, format}
	s.mu.Lock()
	have := s.read[key]
	s.mu.Unlock()
	if have != nil && (have.fixed || s.now().Sub(have.readAt) < refetchAfter) {
		return have.program, nil
	}
	fresh, err := s.load(ctx, key)
	if err != nil {
		if have == nil {
			return nil, err
		}
		// The program of an hour ago is better than none; it is tried again in a minute.
		fresh = &source{program: have.program, readAt: s.now().Add(retryFetchAfter - refetchAfter)}
	}
	s.mu.Lock()
	s.read[key] = fresh
	s.mu.Unlock()
	return fresh.program, nil
}

func (s *sources) load(ctx context.Context, key sourceKey) (*source, error) {
	from, err := bodySource(key.uri)
	if err != nil {
		return nil, err
	}
	text, err := from.Read(ctx, maxSource, s.fetch)
	if err != nil {
		return nil, err
	}
	p, err := s.compile(key, text)
	return &source{program: p, readAt: s.now(), fixed: from.URL == ""}, err
}

func (s *sources) compile(key sourceKey, text []byte) (program, error) {
	if key.format == formatTemplate {
		return newTemplate(string(text), s.jsonnet)
	}
	return s.jsonnet.Compile("body", string(text))
}

// Check compiles a hook's program, where it is in a file or in the configuration itself, and says what is wrong with it below the
// hook's `config`. One at a URL is read when it is needed.
func (j *Jsonnet) Check(c Config) error {
	c = c.withDefaults()
	from, err := bodySource(c.Body)
	if c.Body == "" || err == nil && from.URL != "" {
		return nil
	}
	var text []byte
	if err == nil {
		text, err = from.Local(maxSource)
	}
	if err == nil {
		_, err = (&sources{jsonnet: j}).compile(sourceKey{c.Body, c.BodyFormat}, text)
	}
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}
