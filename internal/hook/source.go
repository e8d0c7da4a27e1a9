package hook

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// maxSource is the size of a program in bytes.
const maxSource = 128 << 10

// refetchAfter is how long a program from a URL is used before it is read again.
const refetchAfter = time.Hour

// retryFetchAfter is how long a program that could not be read again stays in use.
const retryFetchAfter = time.Minute

// splitSource takes a URI of a program apart. What has no scheme is the name of a file.
func splitSource(uri string) (scheme, rest string, err error) {
	scheme, rest, found := strings.Cut(uri, "://")
	if !found {
		return "file", uri, nil
	}
	switch scheme {
	case "file":
		if rest == "" {
			return "", "", errors.New("names no file")
		}
		return scheme, rest, nil
	case "base64":
		if _, err := decode64(rest); err != nil {
			return "", "", errors.New("what follows base64:// is not base64")
		}
		return scheme, rest, nil
	case "https", "http":
		return scheme, uri, checkURL(uri)
	default:
		return "", "", errors.New("must begin with file://, https://, http:// or base64://")
	}
}

// decode64 decodes base64 of either alphabet, padded or not (RFC 4648).
func decode64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
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
	scheme, rest, err := splitSource(key.uri)
	if err != nil {
		return nil, err
	}
	var text []byte
	switch scheme {
	case "file":
		text, err = readFile(rest)
	case "base64":
		text, err = decode64(rest)
	default:
		if s.fetch == nil {
			return nil, errors.New("programs are not read from URLs here")
		}
		text, err = s.fetch(ctx, rest)
	}
	if err != nil {
		return nil, err
	}
	p, err := s.compile(key, text)
	return &source{program: p, readAt: s.now(), fixed: scheme == "file" || scheme == "base64"}, err
}

func (s *sources) compile(key sourceKey, text []byte) (program, error) {
	if len(text) > maxSource {
		return nil, fmt.Errorf("the program has more than %d bytes", maxSource)
	}
	if key.format == formatTemplate {
		return newTemplate(string(text), s.jsonnet)
	}
	return s.jsonnet.Compile("body", string(text))
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, maxSource+1))
}
