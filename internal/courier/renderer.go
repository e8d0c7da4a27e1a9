package courier

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxText bounds what a template makes and what is read for one: a mail is some kilobytes.
const maxText = 512 << 10

// maxSubject is where a subject is cut, in characters.
const maxSubject = 200

var errTooLong = errors.New("the template makes more than 512 KiB")

// renderer turns templates and data into words. For each part of a message it asks, in this order: the URI that is
// configured, the override directory in the recipient's language, the override directory, what is built in. One that
// does not work is passed over and reported, because a person who waits for a code is worse off than one who gets it in
// other words.
type renderer struct {
	dir      string
	uris     map[string]TemplateConfig
	fallback string // language
	brand    Brand
	fetch    func(ctx context.Context, url string) ([]byte, error)
	log      *slog.Logger

	mu     sync.Mutex
	remote map[string]string // by URL: what was read last
	cache  map[cacheKey]*cached
}

type cacheKey struct {
	source string
	part   part
}

// cached is a parsed template and the state of the files that it was made of.
type cached struct {
	version  string
	template executable
	err      error
}

func newRenderer(c Config, brand Brand, fetch func(context.Context, string) ([]byte, error), log *slog.Logger) *renderer {
	return &renderer{
		dir: c.TemplateOverridePath, uris: c.Templates.named(), fallback: c.DefaultLanguage, brand: brand, fetch: fetch, log: log,
		remote: map[string]string{}, cache: map[cacheKey]*cached{},
	}
}

// render gives one part of a message.
func (r *renderer) render(ctx context.Context, name string, p part, lang string, data map[string]any) (string, error) {
	used := builtIn(lang, r.fallback)
	m := model(data, used, r.brand)
	if tags := spoken(lang); len(tags) > 0 {
		m["Lang"] = tags[0]
	}
	for _, s := range r.sources(name, p, lang) {
		t, err := r.load(s, p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var text string
		if err == nil {
			text, err = execute(t, m)
		}
		if err == nil {
			return finish(p, text), nil
		}
		// A template's errors name the place in the template, and types; not what stood in the data.
		r.log.WarnContext(ctx, "a message template does not work; another one is used instead", "template", name, "part", p.key(), "source", s.String(), "error", err)
	}
	m["Lang"] = used
	t, err := r.builtIn(name, p, used)
	if err != nil {
		return "", err
	}
	text, err := execute(t, m)
	return finish(p, text), err
}

// finish makes what a template wrote fit its place. A subject is one line: what would end it could add headers.
func finish(p part, text string) string {
	switch p {
	case subject:
		text = strings.Join(strings.Fields(strings.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f || c == utf8.RuneError {
				return ' '
			}
			return c
		}, text)), " ")
		return truncate(maxSubject, text)
	case htmlPart:
		return text
	default:
		return strings.TrimSpace(text) + "\n"
	}
}

// limited collects up to maxText bytes.
type limited struct{ strings.Builder }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxText {
		return 0, errTooLong
	}
	return l.Builder.Write(b)
}

func execute(t executable, data any) (string, error) {
	var out limited
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	return out.String(), nil
}

// source is one place from which a template may come: a URI, or a file and its neighbours in a directory.
type source struct {
	uri  string
	path string
}

// String names a source in the log. The text of a base64 URI is not a name.
func (s source) String() string {
	switch {
	case s.uri == "":
		return s.path
	case strings.HasPrefix(s.uri, "base64://"):
		return "base64://…"
	}
	return s.uri
}

// sources lists where a part is looked for before what is built in.
func (r *renderer) sources(name string, p part, lang string) []source {
	var all []source
	if uri := r.uris[name].uri(p); uri != "" {
		all = append(all, source{uri: uri})
	}
	if r.dir == "" {
		return all
	}
	tags := spoken(lang)
	if !slices.Contains(tags, r.fallback) && !slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(languages, t) }) {
		tags = append(tags, r.fallback) // nobody wrote in that language, or it is not known
	}
	for _, t := range append(tags, "") {
		all = append(all, source{path: filepath.Join(r.dir, t, directory(name), p.file())})
	}
	return all
}

// load gives the template of a source, parsed anew when its files have changed. fs.ErrNotExist: there is none.
func (r *renderer) load(s source, p part) (executable, error) {
	if s.uri != "" {
		text, version, err := r.read(s.uri)
		if err != nil {
			return nil, err
		}
		return r.parsed(cacheKey{s.uri, p}, version, func() ([]named, error) { return []named{{p.file(), text}}, nil }, p)
	}
	files, version, err := family(s.path, p)
	if err != nil {
		return nil, err
	}
	return r.parsed(cacheKey{s.path, p}, version, func() ([]named, error) { return readAll(files) }, p)
}

// parsed keeps one parsed template for each source, until its version changes. A mistake is kept too: it is looked at
// again when the files change.
func (r *renderer) parsed(key cacheKey, version string, read func() ([]named, error), p part) (executable, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.cache[key]; c != nil && c.version == version {
		return c.template, c.err
	}
	files, err := read()
	if err != nil {
		return nil, err
	}
	c := &cached{version: version}
	c.template, c.err = parse(p, files)
	r.cache[key] = c
	return c.template, c.err
}

func (r *renderer) builtIn(name string, p part, lang string) (executable, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := cacheKey{lang + "/" + name, p}
	c := r.cache[key]
	if c == nil {
		c = &cached{}
		c.template, c.err = parseBuiltIn(name, p, lang)
		r.cache[key] = c
	}
	return c.template, c.err
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
			return "", "", fmt.Errorf("%s cannot be read", uri) // not fs.ErrNotExist: somebody said that it is there
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
