package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// fallback is the language of texts that another language lacks.
const fallback = "en"

// texts are sentences by language and key. Values of the moment stand in braces: "Continue to {client}".
type texts map[string]map[string]string

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// languages gives those that there are, the fallback first.
func (t texts) languages() []string {
	out := slices.Sorted(maps.Keys(t))
	slices.SortStableFunc(out, func(a, b string) int {
		switch fallback {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	return out
}

// lookup finds a text in the language, or in the fallback.
func (t texts) lookup(lang, key string) (string, bool) {
	if s, ok := t[lang][key]; ok {
		return s, true
	}
	s, ok := t[fallback][key]
	return s, ok
}

// Fill puts values, given as name and value in turn, in the place of their names in braces.
func Fill(s string, pairs ...string) string {
	if len(pairs) < 2 || !strings.Contains(s, "{") {
		return s
	}
	named := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		named = append(named, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(named...).Replace(s)
}

// add takes the <language>.json files of a file system, each a flat object. Those that are there already are replaced.
func (t texts) add(fsys fs.FS) error {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return err
	}
	for _, name := range names {
		more, err := readTexts(fsys, name)
		if err != nil {
			return err
		}
		t.merge(languageOf(name), more)
	}
	return nil
}

func (t texts) merge(lang string, more map[string]string) {
	if t[lang] == nil {
		t[lang] = map[string]string{}
	}
	maps.Copy(t[lang], more)
}

func languageOf(file string) string {
	return strings.ToLower(strings.TrimSuffix(path.Base(file), ".json"))
}

func readTexts(fsys fs.FS, name string) (map[string]string, error) {
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	return parseTexts(name, raw)
}

func parseTexts(name string, raw []byte) (map[string]string, error) {
	var out map[string]string
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("%s: must be a JSON object of texts: %w", name, err)
	}
	return out, nil
}

var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8})*$`)

// override takes an operator's file of texts. What is wrong with it is told, and what is right is taken all the same.
func (t texts) override(fsys fs.FS, name string) error {
	lang := languageOf(name)
	if !languageTag.MatchString(lang) {
		return fmt.Errorf("%s: must be named after a language, such as de.json", name)
	}
	more, err := readTexts(fsys, name)
	if err != nil {
		return err
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(more)) {
		if err := t.fits(key, more[key]); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
			delete(more, key)
		}
	}
	t.merge(lang, more)
	return errors.Join(faults...)
}

// fits holds an operator's text against ours: the key must be one of ours, or the number of a text of the flows, and it may
// name only values that are there. A number and a label may use any.
func (t texts) fits(key, text string) error {
	ours, ok := t[fallback][key]
	for _, lang := range t.languages() { // what is an error's own is in English already, and has a text in other languages alone
		if !ok {
			ours, ok = t[lang][key]
		}
	}
	switch {
	case strings.Trim(key, "0123456789") == "" && key != "", strings.HasPrefix(key, "label."), strings.HasPrefix(key, "scope."):
		return nil
	case !ok:
		return fmt.Errorf("%q is not the key of a text", key)
	}
	for _, p := range placeholder.FindAllString(text, -1) {
		if !strings.Contains(ours, p) {
			return fmt.Errorf("%q: there is no %s in this text; ours is %q", key, p, ours)
		}
	}
	return nil
}
