package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Schema gives the JSON Schema (draft 2020-12) of a configuration file, with which editors complete and check it. It
// describes one whole document; a file that is one of several is held to the same keys and types.
func Schema() []byte { return schemaOf(embedded()) }

func schemaOf(c comments) []byte {
	s := schemaMaker{comments: c}
	root := s.group(reflect.TypeFor[Config](), reflect.ValueOf(Defaults(Development)))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Gatehouse configuration"
	root["description"] = c.ofType(reflect.TypeFor[Config]())
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("config: schema: " + err.Error()) // maps of text and numbers only
	}
	return append(out, '\n')
}

type schemaMaker struct{ comments comments }

type object = map[string]any

// group describes a struct; defaults holds its default values, or is invalid where there are none (in lists).
func (s schemaMaker) group(t reflect.Type, defaults reflect.Value) object {
	properties := object{}
	for _, f := range fieldsOf(t) {
		var value reflect.Value
		if defaults.IsValid() {
			value = defaults.FieldByIndex(f.index)
		}
		p := s.value(f.typ, value)
		if d := s.comments.of(f); d != "" {
			p["description"] = d
		}
		s.limits(p, f)
		properties[f.key] = p
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// value describes a type.
func (s schemaMaker) value(t reflect.Type, defaults reflect.Value) object {
	if t.Kind() == reflect.Pointer {
		return s.value(t.Elem(), reflect.Value{}) // nil: nothing is the default
	}
	p := object{}
	switch formOf(t) {
	case group:
		return s.group(t, defaults)
	case listOf:
		p["type"], p["items"] = "array", s.value(t.Elem(), reflect.Value{})
		if defaults.IsValid() && defaults.Len() > 0 {
			p["default"] = defaults.Interface()
		}
		return p
	case mapOf:
		p["type"], p["additionalProperties"] = "object", s.value(t.Elem(), reflect.Value{})
		return p
	case free:
		p["type"] = "object"
		return p
	case secretText:
		p["type"], p["writeOnly"] = "string", true
		return p
	case truth:
		p["type"] = "boolean"
	case integer, unsigned:
		p["type"] = "integer"
	case decimal:
		p["type"] = "number"
	case duration:
		// -1 is a number when it is written without quotes.
		p["type"], p["pattern"] = []string{"string", "integer"}, `^(-1|0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
		p["minimum"], p["maximum"] = -1, 0
	default:
		p["type"] = "string"
	}
	if defaults.IsValid() && !defaults.IsZero() {
		p["default"] = plainValue(defaults)
	}
	return p
}

// plainValue gives a default as JSON has it.
func plainValue(v reflect.Value) any {
	switch formOf(v.Type()) {
	case truth, integer, unsigned, decimal:
		return v.Interface()
	}
	return written(v)
}

// limits adds what the tags of a field say of its values.
func (s schemaMaker) limits(p object, f field) {
	words := f.tag.Get("enum")
	if words != "" {
		values := []any{}
		for word := range strings.SplitSeq(words, ",") {
			if n, err := strconv.Atoi(word); err == nil && p["type"] == "integer" {
				values = append(values, n)
			} else {
				values = append(values, word)
			}
		}
		if slices.Contains(values, any("true")) { // YAML takes the word without quotes for a truth
			values = append(values, true, false)
			p["type"] = []string{"string", "boolean"}
		}
		p["enum"] = values
	}
	if p["type"] != "integer" {
		return
	}
	for tag, name := range map[string]string{"min": "minimum", "max": "maximum"} {
		if n, err := strconv.Atoi(f.tag.Get(tag)); err == nil {
			p[name] = n
		}
	}
}
