package access

import (
	"strings"
	"unicode/utf8"
)

// Target is where a request goes, after normalization: what rules match and what the upstream gets.
type Target struct {
	// Scheme is http or https.
	Scheme string
	// Host is in lower case, without a trailing dot and without the scheme's own port.
	Host string
	// Path begins with "/"; it is percent-encoded in one canonical way and has no dot segments and no empty ones but the last.
	// Rules match it without the percent-encodings; it has none of a slash, a backslash or a control character, and none of another
	// percent-encoding.
	Path string
	// RawQuery is as it was sent.
	RawQuery string
	// Changed tells that normalization changed the path by more than the spelling of percent-encodings: an upstream that
	// sees the original may read something else.
	Changed bool
}

// String gives the target as a URL.
func (t Target) String() string {
	var b strings.Builder
	b.WriteString(t.Scheme)
	b.WriteString("://")
	b.WriteString(t.Host)
	b.WriteString(t.Path)
	if t.RawQuery != "" {
		b.WriteByte('?')
		b.WriteString(t.RawQuery)
	}
	return b.String()
}

// TargetOptions say which readings of a target are accepted.
type TargetOptions struct {
	// MaxLength bounds path and query together, in bytes. 0 means 16384.
	MaxLength int
}

// maxTarget is the usual bound of servers for a request line, twice.
const maxTarget = 16 << 10

// ParseTarget gives the one reading of a request's target. The raw path is as it was sent, percent-encoded and without
// the query. What can be read in two ways is refused with a copy of ErrAmbiguous that names it.
//
// The path is normalized by RFC 3986 §6.2.2: percent-encodings of what needs none are spelled out, the others have upper
// case, dot segments are resolved (§5.2.4); beyond it, empty segments are dropped.
func ParseTarget(scheme, host, rawPath, rawQuery string, o TargetOptions) (Target, error) {
	if o.MaxLength <= 0 {
		o.MaxLength = maxTarget
	}
	if len(rawPath)+len(rawQuery) > o.MaxLength {
		return Target{}, ErrTargetTooLong
	}
	scheme = lowerASCII(scheme)
	if scheme != "http" && scheme != "https" {
		return Target{}, ErrAmbiguous.With("The URL's scheme must be http or https.")
	}
	host, err := normalHost(scheme, host)
	if err != nil {
		return Target{}, err
	}
	for i := range len(rawQuery) {
		if c := rawQuery[i]; c <= ' ' || c == 0x7f || c == '#' {
			return Target{}, ErrAmbiguous.With("The query has a character that must be percent-encoded.")
		}
	}
	path, changed, err := normalPath(rawPath)
	if err != nil {
		return Target{}, err
	}
	return Target{Scheme: scheme, Host: host, Path: path, RawQuery: rawQuery, Changed: changed}, nil
}

var errEncodedTwice = ErrAmbiguous.With("The path has a percent-encoding that is percent-encoded itself, which some servers read twice.")

// normalPath gives the canonical path, and whether segments were dropped.
func normalPath(raw string) (path string, changed bool, err error) {
	if raw == "" {
		return "/", false, nil // RFC 3986 §6.2.3: an empty path is that of the root
	}
	if raw[0] != '/' {
		return "", false, ErrAmbiguous.With("The path must begin with a slash.")
	}
	if isNormal(raw) {
		return raw, false, nil
	}
	spelled, err := respell(raw)
	if err != nil {
		return "", false, err
	}
	if encodedTwice(spelled) {
		return "", false, errEncodedTwice
	}
	path, err = dropSegments(spelled)
	if err != nil {
		return "", false, err
	}
	if !utf8.ValidString(unescape(path)) {
		return "", false, ErrAmbiguous.With("The path is not UTF-8 when its percent-encodings are read.")
	}
	return path, len(path) != len(spelled), nil
}

// isNormal reports of most paths, without looking twice, that there is nothing to normalize.
func isNormal(path string) bool {
	for i := range len(path) {
		c := path[i]
		if c == '/' {
			if i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.' || path[i+1] == ';') {
				return false
			}
			continue
		}
		if !unreserved(c) && !subDelimiter(c) {
			return false
		}
	}
	return true
}

// unreserved are those characters that mean the same with and without percent-encoding (RFC 3986 §2.3).
func unreserved(c byte) bool {
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
			if unreserved(d) {
				b.WriteByte(d)
			} else {
				writeEncoded(&b, d)
			}
		case c == '/' || unreserved(c) || subDelimiter(c):
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

// hasEncoding reports whether a text without percent-encodings could be decoded once more.
func hasEncoding(plain string) bool {
	for i := range len(plain) {
		if _, ok := unhex(plain, i+1); ok && plain[i] == '%' {
			return true
		}
	}
	return false
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

// dropSegments resolves dot segments (RFC 3986 §5.2.4) and drops empty ones but the last.
func dropSegments(path string) (string, error) {
	kept := make([]string, 0, 8)
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case "", ".":
			if last {
				kept = append(kept, "")
			}
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		default:
			if err := refuseParameters(s); err != nil {
				return "", err
			}
			kept = append(kept, s)
		}
	}
	return "/" + strings.Join(kept, "/"), nil
}

// refuseParameters refuses "..;a" and ";a": servers that know path parameters read a dot segment or an empty one there.
func refuseParameters(segment string) error {
	name, _, found := strings.Cut(strings.ReplaceAll(segment, "%3B", ";"), ";")
	if found && (name == "" || name == "." || name == "..") {
		return ErrAmbiguous.With("The path has a segment of parameters (;) that some servers read as a dot segment or as an empty one.")
	}
	return nil
}

// unescape gives a canonical path without its percent-encodings: what rules match.
func unescape(path string) string {
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
