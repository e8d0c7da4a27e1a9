package page

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	template "github.com/DataDog/datadog-agent/pkg/template/html"
)

// lookAgain is how long a change of a file may go unseen.
const lookAgain = 2 * time.Second

// maxOverride is the most that one file of the directory may hold.
const maxOverride = 1 << 20

// refresh reads the operator's directory when it has changed. It never fails: what is wrong goes to the log.
func (s *Site) refresh() {
	if s.o.Dir == "" || !s.due() {
		return
	}
	defer s.reading.Unlock()
	dir := os.DirFS(s.o.Dir)
	seen, err := fingerprint(dir)
	switch {
	case err != nil && s.seen != err.Error():
		s.seen = err.Error()
		s.o.Log.Error("the directory of page overrides cannot be read; the built-in pages are shown", "directory", s.o.Dir, "error", err.Error())
		s.report(s.rebuild(nil))
	case err == nil && seen != s.seen:
		s.seen = seen
		s.report(s.rebuild(dir))
	}
}

// due says whether it is time to look, and takes the lock if so. While one request reads, the others show what there is.
func (s *Site) due() bool {
	if s.current.Load() == nil {
		s.reading.Lock()
		return true
	}
	if s.o.Now == nil || !s.reading.TryLock() {
		return false
	}
	now := s.o.Now()
	if now.Sub(s.looked) < lookAgain && !now.Before(s.looked) {
		s.reading.Unlock()
		return false
	}
	s.looked = now
	return true
}

func (s *Site) report(err error) {
	if err != nil {
		s.o.Log.Error("a page override is wrong and is not used", "directory", s.o.Dir, "error", err.Error())
	}
}

// fingerprint changes whenever a file of the directory does.
func fingerprint(dir fs.FS) (string, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !e.IsDir() {
			fmt.Fprintf(&b, "%s %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String(), nil
}

// overrideAll takes what the directory holds, each file for itself: one that is wrong is reported and left out.
func (s *Site) overrideAll(l *look, dir fs.FS) error {
	texts, err := fs.Glob(dir, "*.json")
	if err != nil {
		return err
	}
	for _, name := range texts {
		s.report(l.texts.override(dir, name))
	}
	l.languages = l.texts.languages()
	l.plain = l.templates
	files, err := fs.Glob(dir, "*.html")
	if err != nil {
		return err
	}
	for _, name := range files {
		next, err := s.tried(l, dir, name)
		if err != nil {
			s.report(fmt.Errorf("%s: %w", name, err))
			continue
		}
		l.templates = next
	}
	if l.plain == l.templates {
		l.plain = nil
	}
	css, err := read(dir, "style.css")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.report(fmt.Errorf("style.css: %w", err))
	}
	l.style, l.operators = append(l.style, css...), css
	return nil
}

func read(dir fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxOverride {
		return nil, fmt.Errorf("has %d bytes, and %d are the most", info.Size(), maxOverride)
	}
	return fs.ReadFile(dir, name)
}

// tried gives the templates with those of a file, after every page was made with sample data: who changes a template learns
// what is wrong with it before a person meets it.
func (s *Site) tried(l *look, dir fs.FS, name string) (*template.Template, error) {
	raw, err := read(dir, name)
	if err != nil {
		return nil, err
	}
	text := string(raw)
	if !strings.Contains(text, "{{define") && !strings.Contains(text, "{{- define") {
		text = `{{define "` + strings.TrimSuffix(name, ".html") + `"}}` + text + `{{end}}` // named after the page
	}
	next, err := l.templates.Clone()
	if err != nil {
		return nil, err
	}
	if _, err := next.Parse(text); err != nil {
		return nil, err
	}
	trial, err := next.Clone() // what was executed cannot be cloned any more
	if err != nil {
		return nil, err
	}
	for page, samples := range s.samples() {
		for _, data := range samples {
			var nowhere bytes.Buffer
			v := view{Lang: fallback, Brand: s.o.Brand, Data: data, look: l}
			if err := trial.ExecuteTemplate(&nowhere, page, v); err != nil {
				return nil, err
			}
		}
	}
	return next, nil
}

// samples are those of the options and of this package's own pages.
func (s *Site) samples() map[string][]any {
	all := map[string][]any{
		"error":   {Error{Title: "Title", Text: "Text", Code: "code", RequestID: "id", Detail: "Detail", Links: []Link{{"Label", "/"}}}, Error{}},
		"message": {Message{Title: "Title", Text: "Text", Notes: []string{"Note"}, Facts: []Fact{{"Name", "Value"}}, Links: []Link{{"Label", "/"}}}},
		"form": {Form{Title: "Title", Text: "Text", Warning: "Warning", Problem: "Problem", Facts: []Fact{{"Name", "Value"}},
			Fields:  []Field{{Name: "a", Type: "hidden"}, {Name: "b", Label: "Label", Hint: "Hint"}, {Name: "c", Type: "checkbox"}},
			Buttons: []Button{{Name: "d", Label: "Label"}}}},
	}
	for name, data := range s.o.Samples {
		all[name] = slices.Concat(all[name], data)
	}
	return all
}
