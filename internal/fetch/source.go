package fetch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Source is where a document is that the configuration names by a URI. One of its fields is set.
type Source struct {
	// File is the path behind file://.
	File string
	// URL is all of a https:// or http:// URI.
	URL string
	// Text is what stands behind base64://: the document itself.
	Text []byte
}

// ParseSource takes a URI apart: file://, https://, http:// or base64:// in either alphabet, padded or not (RFC 4648 §4, §5).
// Its errors go on from the name of a setting and repeat nothing of the URI.
func ParseSource(uri string) (Source, error) {
	scheme, rest, _ := strings.Cut(uri, "://")
	switch scheme {
	case "file":
		if rest == "" {
			return Source{}, errors.New("names no file")
		}
		return Source{File: rest}, nil
	case "base64":
		text, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(rest, "=")))
		if err != nil || len(text) == 0 {
			return Source{}, errors.New("what follows base64:// is not base64")
		}
		return Source{Text: text}, nil
	case "https", "http":
		if err := CheckURL(uri); err != nil {
			return Source{}, err
		}
		return Source{URL: uri}, nil
	}
	return Source{}, errors.New("must begin with file://, https://, http:// or base64://")
}

// ParseLocal is ParseSource for documents that are not read from URLs.
func ParseLocal(uri string) (Source, error) {
	if !strings.HasPrefix(uri, "file://") && !strings.HasPrefix(uri, "base64://") {
		return Source{}, errors.New("must begin with file:// or base64://")
	}
	return ParseSource(uri)
}

// ReadLocal reads what a URI that ParseLocal takes names, of at most limit bytes.
func ReadLocal(uri string, limit int) ([]byte, error) {
	s, err := ParseLocal(uri)
	if err != nil {
		return nil, err
	}
	return s.Local(limit)
}

// Read returns the document, of at most limit bytes; ErrTooLarge when it has more. get reads one from its URL, as Client.Get
// does, and bounds the time by itself; nil where none is read from there.
func (s Source) Read(ctx context.Context, limit int, get func(ctx context.Context, url string) ([]byte, error)) ([]byte, error) {
	if s.URL == "" || get == nil {
		return s.Local(limit)
	}
	text, err := get(ctx, s.URL)
	if err != nil {
		return nil, err
	}
	return within(limit, text)
}

// Local is Read for those who read nothing from URLs.
func (s Source) Local(limit int) ([]byte, error) {
	switch {
	case s.URL != "":
		return nil, errors.New("nothing is read from URLs here")
	case s.File == "":
		return within(limit, s.Text)
	}
	f, err := os.Open(s.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	return within(limit, text)
}

func within(limit int, text []byte) ([]byte, error) {
	if len(text) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return text, nil
}
