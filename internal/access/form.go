package access

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// checkForm compares a tree of JSON values with the type that it will be read into, and reports unknown keys and values of
// another kind by their paths. Types that read themselves are taken as they are.
func checkForm(path string, value any, t reflect.Type, fault func(path, message string)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value == nil || readsItself(t) {
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if object, ok := value.(map[string]any); ok {
			checkObject(path, object, t, fault)
			return
		}
	case reflect.Map:
		if object, ok := value.(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(object)) {
				checkForm(below(path, key), object[key], t.Elem(), fault)
			}
			return
		}
	case reflect.Slice:
		if list, ok := value.([]any); ok {
			for i, one := range list {
				checkForm(fmt.Sprintf("%s[%d]", path, i), one, t.Elem(), fault)
			}
			return
		}
	default:
		if fits(value, t.Kind()) {
			return
		}
	}
	fault(path, fmt.Sprintf("must be %s, not %s", kindWords(t.Kind()), valueWords(value)))
}

func checkObject(path string, object map[string]any, t reflect.Type, fault func(path, message string)) {
	fields := fieldsOf(t)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if field, known := fields[key]; known {
			checkForm(below(path, key), object[key], field, fault)
			continue
		}
		fault(below(path, key), "is not known"+spell.Meant(key, slices.Sorted(maps.Keys(fields))))
	}
}

// fieldsOf gives the types of a struct's members by their names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case f.Anonymous && name == "":
			inner := f.Type
			for inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			maps.Copy(fields, fieldsOf(inner))
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() == reflect.Interface || t == reflect.TypeFor[json.RawMessage]() ||
		p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func fits(value any, kind reflect.Kind) bool {
	switch v := value.(type) {
	case string:
		return kind == reflect.String
	case bool:
		return kind == reflect.Bool
	case json.Number:
		if kind == reflect.Float64 || kind == reflect.Float32 {
			return true
		}
		n, err := v.Int64()
		return err == nil && (kind >= reflect.Int && kind <= reflect.Int64 || kind >= reflect.Uint && kind <= reflect.Uint64 && n >= 0)
	}
	return false
}

func kindWords(k reflect.Kind) string {
	switch {
	case k == reflect.String:
		return "text"
	case k == reflect.Bool:
		return "true or false"
	case k == reflect.Slice:
		return "a list"
	case k == reflect.Struct || k == reflect.Map:
		return "a group of keys"
	case k == reflect.Float64 || k == reflect.Float32:
		return "a number"
	}
	return "a whole number"
}

// valueWords names what was found, without the value: it may be a secret in the wrong place.
func valueWords(value any) string {
	switch value.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "a group of keys"
	}
	return "a number"
}

func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
