package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Line explains one key of a configuration that was loaded.
type Line struct {
	// Key is the path, such as serve.public.address or tenants[0].id.
	Key string `json:"key" yaml:"key"`
	// Value is what holds, as it would be written. Secrets are redacted; what is not set is "".
	Value string `json:"value" yaml:"value"`
	// Source is where it comes from: default, file:line, the name of an environment variable, or the key it follows
	// from.
	Source string `json:"source" yaml:"source"`
	// Environment is the variable that sets it, "" inside lists.
	Environment string `json:"environment,omitempty" yaml:"environment,omitempty"`
	// Unit is the unit of the value, "" where it has none.
	Unit string `json:"unit,omitempty" yaml:"unit,omitempty"`
	// Meaning says what the key does.
	Meaning string `json:"meaning" yaml:"meaning"`
}

// Explain gives every key with its value, where it comes from and what it means, in the order of the document.
func (c *Config) Explain() []Line {
	words := embedded()
	var lines []Line
	c.each(func(k key, v reflect.Value) {
		lines = append(lines, Line{
			Key: k.path, Value: written(v), Source: c.source(k.path), Environment: k.environ(), Unit: words.unit(k), Meaning: words.of(k.field),
		})
	})
	return lines
}

// each calls visit for every key that is written as one value, in the order of the document.
func (c *Config) each(visit func(k key, v reflect.Value)) {
	e := &explainer{visit}
	e.group("", reflect.ValueOf(c).Elem(), true)
}

type explainer struct {
	visit func(k key, v reflect.Value)
}

func (e *explainer) group(path string, v reflect.Value, fixed bool) {
	for _, f := range fieldsOf(v.Type()) {
		e.value(key{field: f, path: join(path, f.key), fixed: fixed}, v.FieldByIndex(f.index))
	}
}

// value visits a key: groups and lists of groups key by key, everything else as one.
func (e *explainer) value(k key, v reflect.Value) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch {
	case k.form == group && v.Kind() == reflect.Struct:
		e.group(k.path, v, k.fixed)
		return
	case k.form == listOf && formOf(v.Type().Elem()) == group && v.Len() > 0:
		for i := range v.Len() {
			e.group(k.path+"["+strconv.Itoa(i)+"]", reflect.Indirect(v.Index(i)), false)
		}
		return
	}
	e.visit(k, v)
}

// source says where a value comes from.
func (c *Config) source(path string) string {
	if from, derived := c.derived[path]; derived {
		if strings.Contains(from, " ") {
			return from
		}
		return "from " + from
	}
	if at, there := c.origins[path]; there {
		return at.String()
	}
	return "default"
}

// written gives a value as it would stand in a file, secrets redacted.
func written(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		return written(v.Elem())
	}
	switch value := v.Interface().(type) {
	case interface{ Written() bool }:
		if value.Written() {
			return secret.Redacted
		}
		return ""
	case secret.String:
		if value == "" {
			return ""
		}
		return secret.Redacted
	case DSN:
		return value.Redacted()
	case time.Duration:
		return brief(value)
	case encoding.TextMarshaler:
		if text, err := value.MarshalText(); err == nil {
			return string(text)
		}
	}
	switch v.Kind() {
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = written(v.Index(i))
		}
		return strings.Join(items, ", ")
	case reflect.Map:
		items := make([]string, 0, v.Len())
		for name, value := range v.Seq2() {
			items = append(items, name.String()+": "+written(value))
		}
		slices.Sort(items)
		return strings.Join(items, ", ")
	case reflect.Struct:
		return "" // a group inside a list that is shown elsewhere
	}
	return fmt.Sprint(v.Interface())
}

// brief writes a duration without its empty ends: 720h, not 720h0m0s. -1 is never.
func brief(d time.Duration) string {
	if d == -1 {
		return "-1"
	}
	s := d.String()
	if rest, cut := strings.CutSuffix(s, "m0s"); cut {
		s = rest + "m"
	}
	if rest, cut := strings.CutSuffix(s, "h0m"); cut {
		s = rest + "h"
	}
	return s
}
