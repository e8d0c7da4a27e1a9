package chart

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// handle does what is right with the value of a setting; at is what the user calls it.
type handle func(c *Conversion, at string, v any)

// row is what becomes of a setting.
type row struct {
	verb verb
	to   string // our setting, the key of the configuration, or the reason
	form form
	do   handle
}

// verb says what a row does.
type verb string

// What rows do.
const (
	carries    verb = ">"  // is one of our values, of a form
	configures verb = ">>" // is a key of the server's configuration
	leaves     verb = "-"  // is not carried over, for a reason
	isSo       verb = "="  // is so anyway, or read together with another
	does       verb = "!"  // is what a function says
)

// table says what becomes of settings, and of what is below them. "a.*" is for what is below a and has no row of its own.
type table map[string]row

// rows reads a table: on each line settings with commas between, a verb, and what it takes. Functions are named.
func rows(text string, functions map[string]handle) table {
	t := table{}
	for line := range strings.Lines(text) {
		settings, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		does, what, _ := strings.Cut(rest, " ")
		r := row{verb: verb(does), to: what}
		switch r.verb {
		case carries:
			path, name, _ := strings.Cut(what, " ")
			r.to, r.form = path, forms[name]
		case isSo, configures, leaves:
		default:
			r.do = functions[what]
		}
		for setting := range strings.SplitSeq(settings, ",") {
			t[setting] = r
		}
	}
	return t
}

// with gives a table with more rows.
func (t table) with(more ...table) table {
	all := maps.Clone(t)
	for _, m := range more {
		maps.Copy(all, m)
	}
	return all
}

// apply does with a value what a row says.
func (c *Conversion) apply(r row, at string, v any) {
	switch r.verb {
	case carries:
		c.to(r.to, r.form, at, v)
	case configures:
		c.configure(r.to, at, v)
	case leaves:
		c.leave(at, r.to)
	case does:
		r.do(c, at, v)
	case isSo:
	}
}

const unknown = "this command knows no setting of Gatehouse's chart that is equal"

// walk takes each setting to its row. With config, settings without a row are those of the server's configuration that have their name.
func (c *Conversion) walk(t table, at, path string, v any, config bool) {
	if empty(v) {
		return // it sets nothing
	}
	if r, ok := t[path]; ok {
		c.apply(r, at, v)
		return
	}
	if m, ok := v.(map[string]any); ok && !(config && c.schema.free(path)) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			c.walk(t, join(at, key), join(path, key), m[key], config)
		}
		return
	}
	for parent := path; parent != ""; {
		parent = parent[:max(strings.LastIndexByte(parent, '.'), 0)]
		if r, ok := t[join(parent, "*")]; ok {
			c.apply(r, at, v)
			return
		}
	}
	if config {
		c.configure(path, at, v)
		return
	}
	c.leave(at, unknown)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// under has a table for what is below a setting.
func under(t func() table) handle {
	return func(c *Conversion, at string, v any) { c.walk(t(), at, "", v, false) }
}

// configuration has a table for what is below a server's configuration; what has no row has the same name in ours.
func configuration(t func() table) handle {
	return func(c *Conversion, at string, v any) { c.walk(t(), at, "", v, true) }
}

// form is one that a value has with us; Kyma writes every value as a text.
type form struct {
	name string
	of   func(v any) (any, bool)
}

var (
	text  = form{"a text", func(v any) (any, bool) { s, ok := scalar(v); return s, ok }}
	whole = form{"a whole number", func(v any) (any, bool) {
		switch v := v.(type) {
		case int:
			return v, true
		case float64:
			return int(v), v == math.Trunc(v) && math.Abs(v) < 1<<31
		case string:
			n, err := strconv.Atoi(v)
			return n, err == nil
		}
		return nil, false
	}}
	truth = form{"true or false", func(v any) (any, bool) {
		if s, ok := v.(string); ok {
			b, err := strconv.ParseBool(s)
			return b, err == nil
		}
		b, ok := v.(bool)
		return b, ok
	}}
	object = form{"a mapping", func(v any) (any, bool) { m, ok := v.(map[string]any); return m, ok }}
	array  = form{"a list", func(v any) (any, bool) { l, ok := v.([]any); return l, ok }}
	words  = form{"a list of texts", func(v any) (any, bool) {
		if s, ok := v.(string); ok {
			v = []any{}
			for word := range strings.SplitSeq(s, ",") {
				v = append(v.([]any), strings.TrimSpace(word))
			}
		}
		l, ok := v.([]any)
		for _, word := range l {
			_, isText := word.(string)
			ok = ok && isText
		}
		return l, ok
	}}
	labels = form{"a mapping of texts", func(v any) (any, bool) {
		m, ok := v.(map[string]any)
		all := map[string]any{}
		for key, value := range m {
			s, isScalar := scalar(value)
			all[key], ok = s, ok && isScalar
		}
		return all, ok
	}}
)

// scalar gives a value that is no collection as a text.
func scalar(v any) (string, bool) {
	switch v.(type) {
	case string, bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// forms are all forms, by the names that tables have for them.
var forms = map[string]form{"text": text, "whole": whole, "truth": truth, "object": object, "array": array, "words": words, "labels": labels}

// to carries a value over in a form.
func (c *Conversion) to(path string, f form, at string, v any) {
	if x, ok := f.of(v); ok {
		c.set(path, x, at)
		return
	}
	c.leave(at, fmt.Sprintf("%s is %s, and this is none", path, f.name))
}

// when tells whether a value is true; where it is neither true nor false, it says so.
func (c *Conversion) when(at string, v any) bool {
	b, ok := truth.of(v)
	if !ok {
		c.leave(at, "it is neither true nor false")
	}
	return ok && b == true
}
