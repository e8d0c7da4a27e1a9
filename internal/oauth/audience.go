package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// MaxAudience is how many characters all requested audiences may have together.
const MaxAudience = 4096

// Audience is a list of audiences without doubles, in the order given.
type Audience []string

// ParseAudience reads the values of the `audience` parameter. A parameter given
// once is a space-separated list; given several times, each is one audience.
func ParseAudience(values []string) (Audience, error) {
	length := 0
	for _, v := range values {
		length += len(v)
		for i := range len(v) {
			if v[i] < 0x20 || v[i] > 0x7e {
				return nil, ErrInvalidTarget.With("The audience parameter contains a character that is not allowed: use printable ASCII.")
			}
		}
	}
	if length > MaxAudience {
		return nil, ErrInvalidTarget.With("The audience parameter is too long.")
	}
	if len(values) == 1 {
		return Audience(SplitScope(values[0])), nil
	}
	var out Audience
	for _, v := range values {
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out, nil
}

// Has reports whether the audience is in the list, exactly.
func (a Audience) Has(value string) bool { return slices.Contains(a, value) }

// Covers reports whether every value of want is in a, exactly.
func (a Audience) Covers(want []string) bool { return Scope(a).Covers(want) }

// Refused returns the first requested audience that the list does not answer
// for. An entry answers for itself; a URL also for what lies below its path.
func (a Audience) Refused(requested []string) (string, bool) {
	for _, want := range requested {
		if !a.match(want) {
			return want, true
		}
	}
	return "", false
}

func (a Audience) match(want string) bool {
	if slices.Contains(a, want) {
		return true
	}
	u, err := url.Parse(want)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" || hasDotSegment(u.Path) {
		return false
	}
	for _, allowed := range a {
		if v, err := url.Parse(allowed); err == nil && belowURL(v, u) {
			return true
		}
	}
	return false
}

func belowURL(allowed, want *url.URL) bool {
	if !strings.EqualFold(allowed.Scheme, want.Scheme) || !strings.EqualFold(allowed.Host, want.Host) ||
		allowed.RawQuery != "" || allowed.User != nil {
		return false
	}
	base := strings.TrimSuffix(allowed.EscapedPath(), "/")
	rest, ok := strings.CutPrefix(want.EscapedPath(), base)
	return ok && (rest == "" || rest[0] == '/')
}

// hasDotSegment finds `.` and `..` path segments, with which a URL below a path
// would leave it again.
func hasDotSegment(path string) bool {
	for path != "" {
		var segment string
		segment, path, _ = strings.Cut(path, "/")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
