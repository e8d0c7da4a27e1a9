package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	template "github.com/DataDog/datadog-agent/pkg/template/html"
)

//go:embed assets/page.css
var style []byte

//go:embed assets/page.js
var script []byte

//go:embed assets/page.html
var source string

//go:embed assets/en.json
var english []byte

//go:embed assets/de.json
var german []byte

// Options say what a Site looks like. The zero value is Gatehouse's own look.
type Options struct {
	// Brand is the operator's name, logo and colours, validated.
	Brand Brand
	// BrandOf gives the brand of a request's tenant, validated, where that has one of its own; nil gives none.
	BrandOf func(ctx context.Context) (brand Brand, own bool)
	// Templates are further pages, *.html files that define them beside those of this package.
	Templates fs.FS
	// Texts are the texts of further pages, a <language>.json for each language.
	Texts fs.FS
	// Dir is a directory in which the operator's templates (*.html), texts (<language>.json), styles (style.css) and assets/
	// take the place of ours, or stand beside them; "" for none. It is read again within seconds of a change.
	Dir string
	// Samples are data by the name of a page, with which an operator's template is tried before it is used.
	Samples map[string][]any
	// Now is the clock that says when to look whether Dir changed; nil looks once.
	Now func() time.Time
	// Log gets what is wrong in Dir. Nil is nowhere.
	Log *slog.Logger
}

// Site is the pages in one look. A nil Site is Gatehouse's own look in English and German.
type Site struct {
	o        Options
	base     *template.Template // our own templates
	ownTexts texts
	current  atomic.Pointer[look]

	reading sync.Mutex // one request at a time looks into Dir
	looked  time.Time
	seen    string // what Dir looked like
}

// look is everything that may change when the operator changes a file.
type look struct {
	templates *template.Template // with the operator's
	plain     *template.Template // ours alone; nil where the operator has none
	texts     texts
	languages []string
	style     []byte
	styleFile string
	operators []byte   // the end of style: what an operator's file adds
	styled    sync.Map // Brand → *styled: of tenants that have one of their own
}

// styled is the stylesheet in a brand, and its name.
type styled struct {
	style []byte
	file  string
}

// in returns the stylesheet in a tenant's own brand, which is put together once.
func (l *look) in(b Brand) *styled {
	if made, ok := l.styled.Load(b); ok {
		return made.(*styled)
	}
	content := slices.Concat(style, []byte(b.css()), l.operators)
	made, _ := l.styled.LoadOrStore(b, &styled{content, fileName(content, ".css")})
	return made.(*styled)
}

// dressed gives the brand of a request and the stylesheet that goes with it.
func (s *Site) dressed(ctx context.Context, l *look) (Brand, *styled) {
	if s.o.BrandOf != nil {
		if b, own := s.o.BrandOf(ctx); own {
			return b, l.in(b)
		}
	}
	return s.o.Brand, &styled{l.style, l.styleFile}
}

// plain is what a nil Site stands for.
var plain = mustSite(Options{Brand: DefaultBrand()})

var scriptFile = fileName(script, ".js")

// NewSite makes a Site. What is wrong in Dir is reported to the log, and ours is shown instead; what is wrong in our own
// templates and texts is an error.
func NewSite(o Options) (*Site, error) {
	if o.Brand.Name == "" {
		o.Brand = DefaultBrand()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Site{o: o, ownTexts: texts{}}
	s.base = template.New("page").Funcs(functions())
	if _, err := s.base.Parse(source); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	if err := s.addOwn(); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	s.refresh()
	if s.current.Load() == nil {
		if err := s.rebuild(nil); err != nil {
			return nil, fmt.Errorf("page: %w", err)
		}
	}
	return s, nil
}

func mustSite(o Options) *Site {
	s, err := NewSite(o)
	if err != nil {
		panic(err) // our own files, which the tests have seen
	}
	return s
}

// addOwn takes the templates and texts that come with the program.
func (s *Site) addOwn() error {
	for lang, raw := range map[string][]byte{"en": english, "de": german} {
		own, err := parseTexts(lang+".json", raw)
		if err != nil {
			return err
		}
		s.ownTexts.merge(lang, own)
	}
	if s.o.Texts != nil {
		if err := s.ownTexts.add(s.o.Texts); err != nil {
			return err
		}
	}
	if s.o.Templates != nil {
		if _, err := s.base.ParseFS(s.o.Templates, "*.html"); err != nil {
			return err
		}
	}
	return nil
}

// rebuild puts a look together from ours and what an operator's directory holds; nil for none.
func (s *Site) rebuild(dir fs.FS) error {
	templates, err := s.base.Clone()
	if err != nil {
		return err
	}
	l := &look{templates: templates, texts: texts{}}
	for lang, own := range s.ownTexts {
		l.texts.merge(lang, own)
	}
	l.style = append(append([]byte{}, style...), s.o.Brand.css()...)
	if dir != nil {
		if err := s.overrideAll(l, dir); err != nil {
			return err
		}
	}
	l.languages = l.texts.languages()
	l.styleFile = fileName(l.style, ".css")
	s.current.Store(l)
	return nil
}

// fileName names a file after what is in it, so that browsers may keep it.
func fileName(content []byte, suffix string) string {
	sum := sha256.Sum256(content)
	return "page." + hex.EncodeToString(sum[:6]) + suffix
}

// now gives the look of this moment.
func (s *Site) now() *look {
	s.refresh()
	return s.current.Load()
}

// view is what the templates get.
type view struct {
	// Lang is the language of the page.
	Lang string
	// Style and Script are the addresses of the stylesheet and of the script, Base is that of this server.
	Style, Script, Base string
	// Brand is the operator's.
	Brand Brand
	// Footer are the links below each page.
	Footer []Link
	// Wide is a page with more than a small form on it.
	Wide bool
	// Data is what the page is about.
	Data any

	look *look
}

// functions are what templates may call. What they are given has fields and no methods: this package's template engine is
// the standard library's without calls of methods by name, because such a call anywhere has the linker keep every method of
// every type in the program, a sixth of it.
func functions() template.FuncMap { return template.FuncMap{"t": view.T} }

// T gives a text in the language of the page, {{t $ "error.title"}} in templates. pairs are names and values that stand in
// it in braces.
func (v view) T(key string, pairs ...string) string {
	text, ok := v.look.texts.lookup(v.Lang, key)
	if !ok {
		return key
	}
	return Fill(text, pairs...)
}

// execute makes a page. An operator's template that fails with data that it was not tried with is reported, and ours is
// shown instead.
func (s *Site) execute(l *look, name string, v view) ([]byte, error) {
	var body bytes.Buffer
	err := l.templates.ExecuteTemplate(&body, name, v)
	if err == nil || l.plain == nil {
		return body.Bytes(), err
	}
	s.o.Log.Error("a template of the override directory failed; the built-in one is shown", "page", name, "error", err.Error())
	body.Reset()
	err = l.plain.ExecuteTemplate(&body, name, v)
	return body.Bytes(), err
}

// Languages gives the languages that there are texts in, English first.
func (s *Site) Languages() []string { return s.or().now().languages }

// Text gives a text in a language, values filled in, and whether there is one of that key.
func (s *Site) Text(lang, key string, pairs ...string) (string, bool) {
	text, ok := s.or().now().texts.lookup(lang, key)
	return Fill(text, pairs...), ok
}

// TextIn gives a text that there is in this very language: of ours, or of the operator's.
func (s *Site) TextIn(lang, key string) (string, bool) {
	text, ok := s.or().now().texts[lang][key]
	return text, ok
}

// Choose gives the language to show: the best of asked (ui_locales) that there is, else that of the Accept-Language headers.
func (s *Site) Choose(asked, accept []string) string { return choose(s.Languages(), asked, accept) }

func (s *Site) or() *Site {
	if s == nil {
		return plain
	}
	return s
}

// footer are the links below each page in the language.
func (v view) footer() []Link {
	links := v.Brand.links()
	for i := range links {
		links[i].Label = v.T("footer." + links[i].Label)
	}
	return links
}

// local reports whether an address is one of ours, so that the base URL's prefix goes before it.
func local(s string) bool { return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") }
