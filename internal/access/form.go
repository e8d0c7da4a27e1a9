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

// forms compares trees of JSON values with the types that they will be read into. What it found out about a type it remembers, so that
// ten thousand rules ask once.
type forms map[reflect.Type]form

// form is what is asked about a type.
type form struct {
	fields      map[string]reflect.Type // of a struct
	readsItself bool                    // and is taken as it is
}

func (f forms) of(t reflect.Type) form {
	one, known := f[t]
	if !known {
		one.readsItself = readsItself(t)
		if t.Kind() == reflect.Struct {
			one.fields = fieldsOf(t)
		}
		f[t] = one
	}
	return one
}

// check compares a value with its type. Unknown keys and values of another kind are reported by their paths.
func (f forms) check(at *trail, value any, t reflect.Type, fault func(path, message string)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value == nil || f.of(t).readsItself {
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if object, ok := value.(map[string]any); ok {
			f.checkObject(at, object, f.of(t).fields, fault)
			return
		}
	case reflect.Map:
		if object, ok := value.(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(object)) {
				f.check(&trail{up: at, key: key}, object[key], t.Elem(), fault)
			}
			return
		}
	case reflect.Slice:
		if list, ok := value.([]any); ok {
			for i, one := range list {
				f.check(&trail{up: at, index: i, inList: true}, one, t.Elem(), fault)
			}
			return
		}
	default:
		if fits(value, t.Kind()) {
			return
		}
	}
	fault(at.String(), fmt.Sprintf("must be %s, not %s", kindWords(t.Kind()), valueWords(value)))
}

func (f forms) checkObject(at *trail, object map[string]any, fields map[string]reflect.Type, fault func(path, message string)) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		below := &trail{up: at, key: key}
		if field, known := fields[key]; known {
			f.check(below, object[key], field, fault)
			continue
		}
		fault(below.String(), "is not known"+spell.Meant(key, slices.Sorted(maps.Keys(fields))))
	}
}

// trail is a place in a tree: a key of the place above it, or an index in a list. It is written out only where something is wrong there. Nil
// is the root.
type trail struct {
	up     *trail
	key    string
	index  int
	inList bool
}

// String writes it as authenticators[0].config.
func (t *trail) String() string {
	switch {
	case t == nil:
		return ""
	case t.inList:
		return fmt.Sprintf("%s[%d]", t.up.String(), t.index)
	case t.up == nil:
		return t.key
	}
	return t.up.String() + "." + t.key
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
