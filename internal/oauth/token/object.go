package token

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Object writes a JSON object field by field. Token answers and JWT claims are written with it: their shape is known,
// and reflection would cost more than all the rest of the work on them. The zero value is ready; names are trusted
// (they are ours), values are not. Where a name is a stranger's, use Any.
type Object struct {
	buf []byte
}

// NewObject makes an object that will need about size bytes.
func NewObject(size int) *Object { return &Object{buf: make([]byte, 0, size)} }

// name writes the separator and the name of the next field.
func (o *Object) name(name string) {
	if len(o.buf) == 0 {
		o.buf = append(o.buf, '{', '"')
	} else {
		o.buf = append(o.buf, ',', '"')
	}
	o.buf = append(append(o.buf, name...), '"', ':')
}

// String writes a string.
func (o *Object) String(name, value string) {
	o.name(name)
	o.buf = appendString(o.buf, value)
}

// Text writes a string unless it is empty.
func (o *Object) Text(name, value string) {
	if value != "" {
		o.String(name, value)
	}
}

// Strings writes an array of strings; without values, an empty array.
func (o *Object) Strings(name string, values []string) {
	o.name(name)
	o.buf = append(o.buf, '[')
	for i, v := range values {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = appendString(o.buf, v)
	}
	o.buf = append(o.buf, ']')
}

// Joined writes the values as one string with spaces between them, as OAuth writes a scope.
func (o *Object) Joined(name string, values []string) {
	o.name(name)
	start := len(o.buf)
	o.buf = append(o.buf, '"')
	for i, v := range values {
		if !plain(v) {
			o.buf = appendString(o.buf[:start], strings.Join(values, " "))
			return
		}
		if i > 0 {
			o.buf = append(o.buf, ' ')
		}
		o.buf = append(o.buf, v...)
	}
	o.buf = append(o.buf, '"')
}

// Int writes a number.
func (o *Object) Int(name string, value int64) {
	o.name(name)
	o.buf = strconv.AppendInt(o.buf, value, 10)
}

// Bool writes a truth value.
func (o *Object) Bool(name string, value bool) {
	o.name(name)
	o.buf = strconv.AppendBool(o.buf, value)
}

// Time writes a JWT NumericDate in whole seconds (RFC 7519 §2) unless t is zero.
func (o *Object) Time(name string, t time.Time) {
	if !t.IsZero() {
		o.Int(name, t.Unix())
	}
}

// Raw writes a value that is JSON already.
func (o *Object) Raw(name string, value []byte) {
	o.name(name)
	o.buf = append(o.buf, value...)
}

// Any writes a value of any kind under a name of any kind. It is the slow way, for what others decided on.
func (o *Object) Any(name string, value any) error {
	if s, ok := value.(string); ok && plain(name) {
		o.String(name, s)
		return nil
	}
	key, err := json.Marshal(name)
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	o.name(string(key[1 : len(key)-1]))
	o.buf = append(o.buf, text...)
	return nil
}

// Claims writes claims in the order of their names, leaving out those that skip names.
func (o *Object) Claims(claims Claims, skip func(name string) bool) error {
	names := make([]string, 0, len(claims))
	for name := range claims {
		if skip == nil || !skip(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if err := o.Any(name, claims[name]); err != nil {
			return err
		}
	}
	return nil
}

// Bytes ends the object and gives its text. Nothing may be written after it.
func (o *Object) Bytes() []byte {
	if len(o.buf) == 0 {
		o.buf = append(o.buf, '{')
	}
	o.buf = append(o.buf, '}')
	return o.buf
}

// appendString writes a JSON string.
func appendString(buf []byte, s string) []byte {
	if plain(s) {
		return append(append(append(buf, '"'), s...), '"')
	}
	text, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		panic(err)
	}
	return append(buf, text...)
}

// plain tells whether a string stands in JSON as it is. It is stricter than JSON: only printable ASCII, and none of the
// characters that would need care inside HTML.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
