package target

import (
	"fmt"
	"strings"
)

// Unreserved are those characters that mean the same with and without percent-encoding (RFC 3986 §2.3).
func Unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// subDelimiter are those that may stand in a segment besides (RFC 3986 §3.3).
func subDelimiter(c byte) bool { return strings.IndexByte("!$&'()*+,;=:@", c) >= 0 }

// respell writes each character in its one way: as itself where it may be, else percent-encoded in upper case.
func respell(raw string) (string, error) {
	var b strings.Builder
	b.Grow(len(raw) + 8)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%':
			d, ok := unhex(raw, i+1)
			if !ok {
				return "", ErrAmbiguous.With("The path has a % that is not followed by two hexadecimal digits.")
			}
			if name := structural(d); name != "" { // some servers read it as part of the path's structure
				return "", ErrAmbiguous.Withf("The path has a percent-encoded %s.", name)
			}
			i += 2
			if Unreserved(d) {
				b.WriteByte(d)
			} else {
				writeEncoded(&b, d)
			}
		case c == '/' || Unreserved(c) || subDelimiter(c):
			b.WriteByte(c)
		case c == '\\':
			return "", ErrAmbiguous.With("The path has a backslash, which some servers read as a slash.")
		case c <= ' ' || c == 0x7f || c == '?' || c == '#':
			return "", ErrAmbiguous.With("The path has a character that must be percent-encoded.")
		default:
			writeEncoded(&b, c)
		}
	}
	return b.String(), nil
}

// encodedTwice reports whether a path in which unreserved characters are spelled out has the encoding of a percent-encoding: "%2541" is
// "%41" to who decodes once, and "A" to who does so again, as some applications behind some servers do. Every character of a path can be
// written so, and a rule for what it then means be got past: so all are refused alike, whatever they mean.
func encodedTwice(spelled string) bool {
	for rest := spelled; ; {
		at := strings.Index(rest, "%25")
		if at < 0 {
			return false
		}
		rest = rest[at+3:]
		if _, ok := unhex(rest, 0); ok {
			return true
		}
	}
}

// structural names a character that means something else in a path than it does in a name.
func structural(c byte) string {
	switch {
	case c == '/':
		return "slash"
	case c == '\\':
		return "backslash"
	case c < ' ' || c == 0x7f:
		return "control character"
	}
	return ""
}

func unhex(s string, at int) (byte, bool) {
	if at+2 > len(s) {
		return 0, false
	}
	high, ok := hexDigit(s[at])
	low, also := hexDigit(s[at+1])
	return high<<4 | low, ok && also
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func writeEncoded(b *strings.Builder, c byte) {
	const digits = "0123456789ABCDEF"
	b.WriteByte('%')
	b.WriteByte(digits[c>>4])
	b.WriteByte(digits[c&15])
}

// Unescape gives a canonical path without its percent-encodings: what rules match.
func Unescape(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	b.Grow(len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '%' {
			if c, ok := unhex(path, i+1); ok {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

// Escape gives a path that Unescape makes the text of again, with the characters as Parse spells them.
func Escape(plain string) string {
	var b strings.Builder
	for i := range len(plain) {
		if c := plain[i]; c == '/' || Unreserved(c) || subDelimiter(c) {
			b.WriteByte(c)
		} else {
			writeEncoded(&b, c)
		}
	}
	return b.String()
}

// Canonical gives a path, percent-encoded or not, with the characters as Parse spells them.
func Canonical(path string) string {
	for i := range len(path) {
		if c := path[i]; c != '/' && !Unreserved(c) && !subDelimiter(c) {
			return Escape(Unescape(path))
		}
	}
	return path
}

// PlainSegment gives a segment of a path as rules compare it, without percent-encodings (RFC 3986 §2.1). What Parse refuses in requests
// is refused.
func PlainSegment(text string) (string, error) {
	for i := range len(text) {
		c := text[i]
		if c == '%' {
			var ok bool
			if c, ok = unhex(text, i+1); !ok {
				return "", fmt.Errorf("the segment %q has a %% that is not followed by two hexadecimal digits", text)
			}
		}
		if name := structural(c); name != "" {
			return "", fmt.Errorf("the segment %q has a %s, which the path of a request does not have", text, name)
		}
	}
	plain := Unescape(text)
	if Encoded(plain) {
		return "", fmt.Errorf("the segment %q has a percent-encoding that is percent-encoded itself, which the path of a request does not have", text)
	}
	return plain, nil
}

// Encoded reports whether a text without percent-encodings could be decoded once more.
func Encoded(plain string) bool {
	for i := range len(plain) {
		if _, ok := unhex(plain, i+1); ok && plain[i] == '%' {
			return true
		}
	}
	return false
}
