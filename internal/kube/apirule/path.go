package apirule

import (
	"slices"
	"strings"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// reach is a set of paths as routes can say it: one path, or a path and all below it, element by element. The prefix is without a slash at
// its end, and of / it is empty.
type reach struct {
	text  string
	exact bool
}

// reachOf gives the smallest reach that has all paths of a pattern, and whether it has no others. What is not understood reaches
// everywhere.
func reachOf(pattern string) (r reach, same bool) {
	literal, rest := literalStart(pattern)
	switch {
	case rest == "":
		return reach{literal, true}, true
	case rest == ".*" && literal == "/":
		return reach{"", false}, true
	case rest == "(/.*)?" && !strings.HasSuffix(literal, "/"):
		return reach{literal, false}, true
	}
	return reach{literal[:max(0, strings.LastIndexByte(literal, '/'))], false}, false
}

const (
	special    = `.*+?()[]{}|^$\`
	optional   = `*?{` // behind a character, which then need not be there
	escapeable = `.-_/*()?+!`
)

// literalStart cuts a pattern where it stops being plain text.
func literalStart(pattern string) (literal, rest string) {
	if alternatives(pattern) {
		return "", pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c, next := pattern[i], i+1
		if c == '\\' && next < len(pattern) && strings.IndexByte(escapeable, pattern[next]) >= 0 {
			c, next = pattern[next], next+1
		} else if strings.IndexByte(special, c) >= 0 {
			return b.String(), pattern[i:]
		}
		if !plain(c) {
			return b.String(), pattern[i:]
		}
		if next < len(pattern) && strings.IndexByte(optional, pattern[next]) >= 0 {
			return b.String(), pattern[i:]
		}
		b.WriteByte(c)
		i = next
	}
	return b.String(), ""
}

// plain reports whether a character means itself to everything that reads routes, some of which write configurations of other programs out
// of them: those of RFC 3986 §2.3, the slash, and what Kyma's paths have besides.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/-._~", c) >= 0
}

// alternatives reports whether a pattern may be several, of which each begins anew.
func alternatives(pattern string) bool {
	depth := 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth <= 0 {
				return true
			}
		case '[': // what stands in a class counts nowhere, and where classes end is not for us to say
			return strings.Contains(pattern[i:], "|")
		}
	}
	return false
}

// covers reports whether all paths of another reach are in this one.
func (r reach) covers(other reach) bool {
	if r.exact {
		return r == other
	}
	return other.text == r.text || strings.HasPrefix(other.text, r.text+"/")
}

// apart reports whether no path is in both.
func (r reach) apart(other reach) bool { return !r.covers(other) && !other.covers(r) }

// share reports whether two rules have a method in common.
func share(a, b *gateway.Rule) bool {
	for _, m := range a.Methods {
		if slices.Contains(b.Methods, m) {
			return true
		}
	}
	return false
}
