package identity

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// maxFields bounds a form.
const maxFields = 200

// lister collects the fields of a schema in the order in which they are written, which compiled schemas do not keep.
type lister struct {
	raw    []byte
	fields []Field
}

func listFields(raw []byte, traits *jsonschema.Schema) []Field {
	l := &lister{raw: raw}
	l.object("traits", traits, true, 0)
	return l.fields
}

// object lists the properties of an object. required says that the object itself cannot be left out: only then does
// what it requires have to be filled in.
func (l *lister) object(path string, s *jsonschema.Schema, required bool, depth int) {
	if s = deref(s); depth > maxNesting {
		return
	}
	written := l.at(s)
	for _, name := range orderedKeys(written["properties"]) {
		of := s.Properties[name]
		if of == nil || len(l.fields) >= maxFields {
			continue
		}
		l.property(path+"."+name, of, required && slices.Contains(s.Required, name), depth+1)
	}
}

func (l *lister) property(name string, s *jsonschema.Schema, required bool, depth int) {
	if s = deref(s); len(s.Properties) > 0 {
		l.object(name, s, required, depth)
		return
	}
	kind, autocomplete, ok := inputKind(s)
	if !ok {
		return
	}
	f := Field{Name: name, Title: s.Title, Kind: kind, Required: required, Autocomplete: autocomplete}
	if s.Pattern != nil {
		f.Pattern = s.Pattern.String()
	}
	if s.MinLength != nil {
		f.MinLength = *s.MinLength
	}
	if s.MaxLength != nil {
		f.MaxLength = *s.MaxLength
	}
	if s.Enum != nil {
		f.Choices = s.Enum.Values
	}
	_ = json.Unmarshal(l.at(s)["disableFormField"], &f.Disabled) // false where it is nothing of the kind
	if e := extensionOf(s); e != nil {
		if f.Identifies = e.identifies(); e.Credentials.Code.Identifier {
			f.CodeVia = e.Credentials.Code.Via
		}
	}
	l.fields = append(l.fields, f)
}

// inputKind returns how a form asks for a value of the schema; false for lists and what else has no input.
func inputKind(s *jsonschema.Schema) (kind, autocomplete string, ok bool) {
	var types []string
	if s.Types != nil {
		types = slices.DeleteFunc(s.Types.ToStrings(), func(t string) bool { return t == "null" })
	}
	switch {
	case slices.Equal(types, []string{"boolean"}):
		return ui.KindCheckbox, "", true
	case len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return t != "number" && t != "integer" }):
		return ui.KindNumber, "", true
	case len(types) > 0 && !slices.Contains(types, "string"):
		return "", "", false
	}
	format := ""
	if s.Format != nil {
		format = s.Format.Name
	}
	switch format {
	case "email":
		return ui.KindEmail, "email", true
	case "tel":
		return ui.KindTel, "tel", true
	case "uri":
		return ui.KindURL, "url", true
	case "date":
		return ui.KindDate, "", true
	case "date-time":
		return ui.KindDateTimeLocal, "", true
	}
	return ui.KindText, "", true
}

// at returns the members of the schema as it is written, found by the pointer that the compiler gave it.
func (l *lister) at(s *jsonschema.Schema) map[string]json.RawMessage {
	_, pointer, _ := strings.Cut(s.Location, "#")
	here := json.RawMessage(l.raw)
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if token == "" {
			continue
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(here, &members) != nil {
			return nil // a path through a list: no field is there
		}
		here = members[unescape(token)]
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(here, &members) // true and false are schemas as well, without members
	return members
}

// Unescape reads one token of a JSON Pointer in a URL (RFC 6901 §4, §6).
func unescape(token string) string {
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		if token[i] == '%' && i+2 < len(token) {
			if hi, lo := fromHex(token[i+1]), fromHex(token[i+2]); hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(token[i])
	}
	return strings.ReplaceAll(strings.ReplaceAll(b.String(), "~1", "/"), "~0", "~")
}

func fromHex(c byte) int {
	return strings.IndexByte("0123456789abcdef", c|0x20)
}

// orderedKeys returns the names of an object's members as they are written.
func orderedKeys(raw json.RawMessage) []string {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	var keys []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return keys
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return keys
		}
		if key, ok := name.(string); ok && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}
