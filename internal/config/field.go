package config

import (
	"encoding"
	"reflect"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// form is how a Go type is written in a configuration.
type form uint8

const (
	ignored form = iota // functions and the like, which no file can hold
	text
	secretText // never shown; may come from a file by a …_FILE variable
	truth
	integer
	unsigned
	decimal
	duration
	parsed // text that the type itself reads (encoding.TextUnmarshaler)
	listOf
	mapOf
	group
	free // a group whose keys only the type knows (treeSetter); never shown
)

// treeSetter is a type that reads a whole group itself: maps, lists, texts, truths and json.Numbers.
type treeSetter interface{ SetTree(tree any) error }

// expected says in a fault what should have been written.
func (f form) expected() string {
	switch f {
	case text, parsed, secretText:
		return "text"
	case truth:
		return "true or false"
	case integer:
		return "a whole number"
	case unsigned:
		return "a whole number that is not negative"
	case decimal:
		return "a number"
	case duration:
		return "a duration with its unit, such as 30s, 15m or 720h"
	case listOf:
		return "a list"
	case mapOf, group, free:
		return "a group of keys"
	}
	return "nothing"
}

// formOf gives the form of a type. Pointers are looked through: nil means that nothing was written.
func formOf(t reflect.Type) form {
	if t.Kind() == reflect.Pointer {
		return formOf(t.Elem())
	}
	switch t {
	case reflect.TypeFor[secret.String](), reflect.TypeFor[DSN]():
		return secretText
	case reflect.TypeFor[time.Duration]():
		return duration
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[treeSetter]()) {
		return free
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return parsed
	}
	switch t.Kind() {
	case reflect.String:
		return text
	case reflect.Bool:
		return truth
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return integer
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return unsigned
	case reflect.Float32, reflect.Float64:
		return decimal
	case reflect.Slice:
		return listOf
	case reflect.Map:
		return mapOf
	case reflect.Struct:
		return group
	}
	return ignored
}

// field is one key of a group.
type field struct {
	key   string
	index []int
	typ   reflect.Type
	form  form
	owner reflect.Type // the struct that declares it, under which its comment is kept
	name  string       // its Go name there
	tag   reflect.StructTag
}

// fieldsOf lists the keys of a struct in the order of its fields. The key is the yaml tag's name or the field's name in
// lower case; an inlined struct's keys stand among those of the struct around it.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if strings.Contains(options, "inline") {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		if key == "" {
			key = strings.ToLower(f.Name)
		}
		if form := formOf(f.Type); form != ignored && f.IsExported() {
			fields = append(fields, field{key: key, index: []int{i}, typ: f.Type, form: form, owner: t, name: f.Name, tag: f.Tag})
		}
	}
	return fields
}

// elem gives the type below pointers.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// key is one line of the whole document: a group, or something that is written as one value.
type key struct {
	field
	path  string // with [] for the items of a list and .* for the entries of a map
	fixed bool   // no list or map on the way, so that an environment variable can name it
}

// keysOf lists all keys of a struct, groups before what is in them.
func keysOf(t reflect.Type) []key { return appendKeys(nil, "", t, true) }

func appendKeys(keys []key, parent string, t reflect.Type, fixed bool) []key {
	for _, f := range fieldsOf(t) {
		k := key{field: f, path: join(parent, f.key), fixed: fixed}
		keys = append(keys, k)
		keys = appendInner(keys, k.path, f.typ, fixed)
	}
	return keys
}

// appendInner adds the keys inside a value of type t.
func appendInner(keys []key, path string, t reflect.Type, fixed bool) []key {
	t = elem(t)
	switch formOf(t) {
	case group:
		return appendKeys(keys, path, t, fixed)
	case listOf:
		return appendInner(keys, path+"[]", t.Elem(), false)
	case mapOf:
		return appendInner(keys, path+".*", t.Elem(), false)
	}
	return keys
}

// environ is the name of the environment variable of a key: GATEHOUSE_SERVE_PUBLIC_ADDRESS for serve.public.address;
// "" for groups and for what lies in lists, which are set as a whole.
func (k key) environ() string {
	if !k.fixed || k.form == group {
		return ""
	}
	return Variable(k.path)
}

// hides tells whether values of the key are secrets, itself or as a list or map.
func (k key) hides() bool { return hides(k.typ) }

func hides(t reflect.Type) bool {
	t = elem(t)
	switch formOf(t) {
	case secretText:
		return true
	case listOf, mapOf:
		return hides(t.Elem())
	}
	return false
}
