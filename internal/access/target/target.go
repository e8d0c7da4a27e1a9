package target

import (
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
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

// The errors of reading a target.
var (
	// ErrAmbiguous says that there is no reading, or more than one; its copies name what is to blame.
	ErrAmbiguous = fault.New(fault.Invalid, "ambiguous_url", "The path can be read in two ways.")
	// ErrTooLong says that the path and the query together are longer than Options permit.
	ErrTooLong = fault.New(fault.TooLarge, "url_too_long", "The URL is too long.")
)

// Options say which readings of a target are accepted.
type Options struct {
	// MaxLength bounds path and query together, in bytes. 0 means 16384.
	MaxLength int
}

// maxTarget is the usual bound of servers for a request line, twice.
const maxTarget = 16 << 10

// Parse gives the one reading of a request's target. The raw path is as it was sent, percent-encoded and without
// the query. What can be read in two ways is refused with a copy of ErrAmbiguous that names it.
//
// The path is normalized by RFC 3986 §6.2.2: percent-encodings of what needs none are spelled out, the others have upper
// case, dot segments are resolved (§5.2.4); beyond it, empty segments are dropped.
func Parse(scheme, host, rawPath, rawQuery string, o Options) (Target, error) {
	if o.MaxLength <= 0 {
		o.MaxLength = maxTarget
	}
	if len(rawPath)+len(rawQuery) > o.MaxLength {
		return Target{}, ErrTooLong
	}
	scheme = Lower(scheme)
	if scheme != "http" && scheme != "https" {
		return Target{}, ErrAmbiguous.With("The URL's scheme must be http or https.")
	}
	host, err := Host(scheme, host)
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
	if !utf8.ValidString(Unescape(path)) {
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
		if !Unreserved(c) && !subDelimiter(c) {
			return false
		}
	}
	return true
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
