package courier

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
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
	brand    func(ctx context.Context) Brand
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

func newRenderer(c Config, brand func(ctx context.Context) Brand, fetch func(context.Context, string) ([]byte, error), log *slog.Logger) *renderer {
	return &renderer{
		dir: c.TemplateOverridePath, uris: c.Templates.named(), fallback: c.DefaultLanguage, brand: brand, fetch: fetch, log: log,
		remote: map[string]string{}, cache: map[cacheKey]*cached{},
	}
}

// render gives one part of a message.
func (r *renderer) render(ctx context.Context, name string, p part, lang string, data map[string]any) (string, error) {
	used := builtIn(lang, r.fallback)
	m := model(data, used, r.brand(ctx))
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
		r.log.WarnContext(ctx, "a message template does not work; another one is used instead",
			"template", name, "part", p.key(), "source", s.String(), "error", without(err.Error(), data))
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
