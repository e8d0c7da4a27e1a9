package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a String shows in place of its value.
const Redacted = "[redacted]"

// String is text that never prints: every verb of fmt, slog, JSON, YAML and text encoding gives "[redacted]".
// It decodes like an ordinary string. Only Reveal gives the value. Do not make it the key of a map: encoding/json
// writes keys of string kinds without asking them.
type String string

// FirstLine is the secret in a file that has it on its first line, whatever ends that line. Error: the line is empty.
func FirstLine(content []byte) (String, error) {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return "", errors.New("the first line is empty")
	}
	return String(line), nil
}

// Reveal gives the value. Call it where the value is used, not where it is passed on.
func (s String) Reveal() string { return string(s) }

// String gives "[redacted]".
func (s String) String() string { return Redacted }

// GoString gives "[redacted]" for %#v.
func (s String) GoString() string { return Redacted }

// Format gives "[redacted]" for every verb, so that %x and %q do not get around String.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// LogValue gives "[redacted]" to slog.
func (s String) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText gives "[redacted]".
func (s String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON gives "[redacted]".
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalYAML gives "[redacted]".
func (s String) MarshalYAML() (any, error) { return Redacted, nil }
