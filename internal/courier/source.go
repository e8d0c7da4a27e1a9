package courier

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// source is one place from which a template may come: a URI, or a file and its neighbours in a directory.
type source struct {
	uri  string
	path string
}

// String names a source in the log. The text of a base64 URI is not a name, and what follows a question mark may be a key.
func (s source) String() string {
	switch {
	case s.uri == "":
		return s.path
	case strings.HasPrefix(s.uri, "base64://"):
		return "base64://…"
	}
	name, _, _ := strings.Cut(s.uri, "?")
	return name
}

// family lists a part's file and those beside it that belong to it, with a version that changes when one of them does.
func family(path string, p part) (files []string, version string, err error) {
	own, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	files = []string{path}
	states := []string{state(own)}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		if e.Name() == p.file() || !p.belongs(e.Name()) || e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, "", err
		}
		files = append(files, filepath.Join(filepath.Dir(path), e.Name()))
		states = append(states, e.Name(), state(info))
	}
	return files, strings.Join(states, " "), nil
}

func state(info fs.FileInfo) string { return fmt.Sprint(info.ModTime().UnixNano(), "/", info.Size()) }

func readAll(paths []string) ([]named, error) {
	var all []named
	for _, path := range paths {
		text, err := readFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, named{filepath.Base(path), text})
	}
	return all, nil
}

func readFile(path string) (string, error) {
	text, err := fetch.Source{File: path}.Local(maxText)
	return string(text), err
}

// read gives the text behind a URI and its version. A remote one that has not been read yet is treated as if it did not
// exist: a message does not wait for somebody else's server.
func (r *renderer) read(uri string) (text, version string, err error) {
	from, err := fetch.ParseSource(uri)
	if err != nil {
		return "", "", err
	}
	switch {
	case from.File != "":
		info, err := os.Stat(from.File)
		if err != nil {
			return "", "", fmt.Errorf("%s cannot be read", source{uri: uri}) // not fs.ErrNotExist: somebody said that it is there
		}
		text, err := readFile(from.File)
		return text, state(info), err
	case from.URL == "":
		return string(from.Text), "", nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	text, known := r.remote[uri]
	if !known {
		return "", "", fs.ErrNotExist
	}
	return text, text, nil
}

// refresh reads the remote ones among the URIs. What cannot be read stays as it was.
func (r *renderer) refresh(ctx context.Context, more ...string) {
	uris := more
	for _, name := range templates() {
		for _, p := range parts {
			uris = append(uris, r.uris[name].uri(p))
		}
	}
	for _, uri := range uris {
		if from, _ := fetch.ParseSource(uri); from.URL == "" || r.fetch == nil {
			continue
		}
		text, err := r.fetch(ctx, uri)
		if err != nil {
			if ctx.Err() == nil {
				r.log.WarnContext(ctx, "a message template cannot be read; what was read before stays in use", "source", uri, "error", err)
			}
			continue
		}
		r.mu.Lock()
		r.remote[uri] = string(text)
		r.mu.Unlock()
	}
}

// wrongURI says what is wrong with a template's URI, "" when nothing is.
func wrongURI(uri string) string {
	from, err := fetch.ParseSource(uri)
	if err != nil {
		return err.Error()
	}
	if from.File != "" {
		if info, err := os.Stat(from.File); err != nil || info.IsDir() {
			return "names a file that cannot be read"
		}
	}
	return ""
}
