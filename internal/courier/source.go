package courier

import (
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
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
	text, err := os.ReadFile(path)
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("%s is larger than 512 KiB", path)
	}
	return string(text), err
}

// read gives the text behind a URI and its version. A remote one that has not been read yet is treated as if it did not
// exist: a message does not wait for somebody else's server.
func (r *renderer) read(uri string) (text, version string, err error) {
	scheme, rest, _ := strings.Cut(uri, "://")
	switch scheme {
	case "base64":
		b, err := decodeBase64(rest)
		return string(b), "", err
	case "file":
		info, err := os.Stat(rest)
		if err != nil {
			return "", "", fmt.Errorf("%s cannot be read", source{uri: uri}) // not fs.ErrNotExist: somebody said that it is there
		}
		text, err := readFile(rest)
		return text, state(info), err
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
	for _, name := range Templates() {
		for _, p := range parts {
			uris = append(uris, r.uris[name].uri(p))
		}
	}
	for _, uri := range uris {
		if !isRemote(uri) || r.fetch == nil {
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

func isRemote(uri string) bool {
	return strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")
}

// decodeBase64 takes either alphabet, with padding or without.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// wrongURI says what is wrong with a template's URI, "" when nothing is.
func wrongURI(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	switch scheme {
	case "base64":
		if _, err := decodeBase64(rest); err != nil || rest == "" {
			return "holds no base64"
		}
		return ""
	case "file":
		if info, err := os.Stat(rest); err != nil || info.IsDir() {
			return "names a file that cannot be read"
		}
		return ""
	case "https", "http":
		if u, err := url.Parse(uri); err != nil || u.Host == "" || u.User != nil {
			return "is no URL that can be read"
		}
		return ""
	}
	return "must begin with file://, https://, http:// or base64://"
}
