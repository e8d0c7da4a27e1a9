package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder gives the merged tree its types. What it finds wrong it reports and leaves at its default, so that one
// mistake does not hide the next.
type decoder struct {
	faults  *Faults
	origins map[string]origin // of every value that was written, by its path
	all     []key             // of the whole document, for suggestions
}

// group fills a struct from a mapping.
func (d *decoder) group(path string, n *node, into reflect.Value) {
	fields := fieldsOf(into.Type())
	for _, name := range n.keys {
		child := n.entries[name]
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == name })
		if i < 0 {
			d.faults.add(join(path, name), child.from, "is not a known key%s", d.suggest(path, name, fields))
			continue
		}
		at, value := join(path, name), into.FieldByIndex(fields[i].index)
		d.value(at, child, value)
		if child.kind == scalar && !fields[i].holds(value) && !d.faults.about(at) {
			d.faults.add(at, child.from, "must be %s, is %s", fields[i].limits(), written(value))
		}
	}
}

// value fills into from a node of any kind.
func (d *decoder) value(path string, n *node, into reflect.Value) {
	if n.kind == absent {
		return
	}
	if into.Kind() == reflect.Pointer {
		fresh := reflect.New(into.Type().Elem())
		if !into.IsNil() {
			fresh.Elem().Set(into.Elem())
		}
		d.value(path, n, fresh.Elem())
		into.Set(fresh)
		return
	}
	f := formOf(into.Type())
	switch {
	case f == group && n.kind == mapping:
		d.group(path, n, into)
	case f == free && n.kind == mapping:
		if err := into.Addr().Interface().(treeSetter).SetTree(n.tree()); err != nil {
			d.faults.add(path, n.from, "%s", err)
		}
	case f == mapOf && n.kind == mapping:
		d.entries(path, n, into)
	case f == listOf && n.kind == list:
		d.items(path, n, into)
	case n.kind == scalar && f != group && f != mapOf && f != listOf && f != free:
		if wrong := setScalar(f, n, into); wrong != "" {
			d.faults.add(path, n.from, "%s", wrong)
		}
	default:
		d.faults.add(path, n.from, "expected %s, found %s", f.expected(), n.describe())
	}
	d.origins[path] = n.from
}

// items replaces a list.
func (d *decoder) items(path string, n *node, into reflect.Value) {
	fresh := reflect.MakeSlice(into.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.kind == absent {
			d.faults.add(at, item.from, "is empty")
			continue
		}
		d.value(at, item, fresh.Index(i))
	}
	into.Set(fresh)
}

// entries puts the keys of a mapping into a map; those of the default stay where nothing replaces them.
func (d *decoder) entries(path string, n *node, into reflect.Value) {
	t := into.Type()
	if t.Key().Kind() != reflect.String {
		panic("config: the keys of " + t.String() + " are not text")
	}
	fresh := reflect.MakeMapWithSize(t, len(n.keys))
	for k, v := range into.Seq2() {
		fresh.SetMapIndex(k, v)
	}
	for _, name := range n.keys {
		value := reflect.New(t.Elem()).Elem()
		d.value(join(path, name), n.entries[name], value)
		fresh.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), value)
	}
	into.Set(fresh)
}

// tree gives a value without types of ours. Numbers are as they were written, so that none loses digits.
func (n *node) tree() any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.keys))
		for _, name := range n.keys {
			m[name] = n.entries[name].tree()
		}
		return m
	case list:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = item.tree()
		}
		return items
	case absent:
		return nil
	}
	switch n.tag {
	case "!!bool":
		return n.text == "true"
	case "!!int", "!!float":
		if json.Valid([]byte(n.text)) {
			return json.Number(n.text)
		}
	}
	return n.text
}

// describe names what was found, without the value: it may be a secret in the wrong place.
func (n *node) describe() string {
	if n.kind != scalar {
		return n.kind.String()
	}
	switch n.tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

// setScalar reads one value; it gives what is wrong with it, or "".
func setScalar(f form, n *node, into reflect.Value) string {
	switch f {
	case text, secretText:
		// Numbers are taken as they were written: a secret of digits needs no quotes. true and false are not: they
		// are never meant as text.
		if n.tag == "!!bool" || n.tag == "!!binary" {
			break
		}
		into.SetString(n.text)
		return ""
	case parsed:
		if err := into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.text)); err != nil {
			return err.Error()
		}
		return ""
	case truth:
		if n.text == "true" || n.text == "false" {
			into.SetBool(n.text == "true")
			return ""
		}
	case duration:
		return setDuration(n, into)
	default:
		return setNumber(f, n, into)
	}
	return fmt.Sprintf("expected %s, found %s", f.expected(), n.describe())
}

// setDuration reads Go's form of a duration. -1 stands for never; whether that makes sense, the owner of the key
// decides.
func setDuration(n *node, into reflect.Value) string {
	switch n.text {
	case "-1":
		into.SetInt(-1)
		return ""
	case "0":
		into.SetInt(0)
		return ""
	}
	d, err := time.ParseDuration(n.text)
	if err == nil {
		into.SetInt(int64(d))
		return ""
	}
	if _, err := strconv.ParseFloat(n.text, 64); err == nil {
		return fmt.Sprintf("expected %s, found a number without a unit", duration.expected())
	}
	return fmt.Sprintf("expected %s, found %s", duration.expected(), n.describe())
}

func setNumber(f form, n *node, into reflect.Value) string {
	bits := into.Type().Bits()
	if n.tag != "!!str" {
		switch f {
		case integer:
			if v, err := strconv.ParseInt(n.text, 10, bits); err == nil {
				into.SetInt(v)
				return ""
			}
		case unsigned:
			if v, err := strconv.ParseUint(n.text, 10, bits); err == nil {
				into.SetUint(v)
				return ""
			}
		case decimal:
			if v, err := strconv.ParseFloat(n.text, bits); err == nil && v-v == 0 { // neither NaN nor infinite
				into.SetFloat(v)
				return ""
			}
		}
	}
	if n.describe() == "a number" || strings.Trim(n.text, "0123456789") == "" {
		return fmt.Sprintf("expected %s, found a number that is none or is out of bounds", f.expected())
	}
	return fmt.Sprintf("expected %s, found %s", f.expected(), n.describe())
}
