package oauth

import (
	"slices"
	"strings"
)

// MaxScope is how many characters a `scope` parameter may have.
const MaxScope = 4096

// Scope is a list of scope values without doubles, in the order given.
type Scope []string

// ParseScope reads a space-separated scope parameter. Doubles are dropped. A
// character outside of RFC 6749 §3.3 (`%x21 / %x23-5B / %x5D-7E`) makes it
// ErrInvalidScope; several spaces in a row count as one.
func ParseScope(s string) (Scope, error) {
	if len(s) > MaxScope {
		return nil, ErrInvalidScope.With("The scope parameter is too long.")
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return nil, ErrInvalidScope.With("The scope parameter contains a character that is not allowed in scopes: use printable ASCII without quotation marks and backslashes, separated by single spaces.")
		}
	}
	return SplitScope(s), nil
}

// SplitScope splits text that is already known to be good, such as a client's
// registered scope.
func SplitScope(s string) Scope {
	if s == "" {
		return nil
	}
	out := make(Scope, 0, strings.Count(s, " ")+1)
	for s != "" {
		var one string
		one, s, _ = strings.Cut(s, " ")
		if one != "" && !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// String joins the values with spaces, as on the wire.
func (s Scope) String() string { return strings.Join(s, " ") }

// Has reports whether the value is in the list, exactly.
func (s Scope) Has(value string) bool { return slices.Contains(s, value) }

// Offline reports whether the scope asks for a refresh token, in either spelling.
func (s Scope) Offline() bool { return s.Has(ScopeOfflineAccess) || s.Has(ScopeOffline) }

// Covers reports whether every value of want is in s, exactly: what a refresh
// request may narrow to (RFC 6749 §6), and what a consent may grant.
func (s Scope) Covers(want []string) bool {
	for _, w := range want {
		if !s.Has(w) {
			return false
		}
	}
	return true
}

// ScopeStrategy says how a registered scope answers for a requested one.
type ScopeStrategy string

// The scope strategies.
const (
	// ScopeWildcard lets `*` stand for one part between dots, and at the end for
	// one part or more: `a.*` answers for `a.b` and `a.b.c`, not for `a`.
	ScopeWildcard ScopeStrategy = "wildcard"
	// ScopeExact compares whole values.
	ScopeExact ScopeStrategy = "exact"
	// ScopeHierarchic lets a scope answer for all below it: `a` for `a.b.c`.
	ScopeHierarchic ScopeStrategy = "hierarchic"
)

// Match reports whether one of the allowed scopes answers for want. The empty
// strategy is ScopeWildcard.
func (s ScopeStrategy) Match(allowed []string, want string) bool {
	if want == "" {
		return false
	}
	for _, a := range allowed {
		if a == want || s.one(a, want) {
			return true
		}
	}
	return false
}

// Refused returns the first requested scope that no allowed one answers for.
func (s ScopeStrategy) Refused(allowed, requested []string) (string, bool) {
	for _, want := range requested {
		if !s.Match(allowed, want) {
			return want, true
		}
	}
	return "", false
}

func (s ScopeStrategy) one(allowed, want string) bool {
	switch s {
	case ScopeExact:
		return false
	case ScopeHierarchic:
		return allowed != "" && len(want) > len(allowed)+1 && want[len(allowed)] == '.' && want[:len(allowed)] == allowed
	default:
		return wildcardMatch(allowed, want)
	}
}

// wildcardMatch walks both values part by part without splitting them.
func wildcardMatch(pattern, want string) bool {
	if strings.IndexByte(pattern, '*') < 0 {
		return false // equality was tried before
	}
	for {
		p, restP, moreP := strings.Cut(pattern, ".")
		w, restW, moreW := strings.Cut(want, ".")
		if p == "*" {
			if w == "" {
				return false
			}
			if !moreP {
				return true // a star at the end answers for all that is below
			}
		} else if p != w {
			return false
		}
		if moreP != moreW {
			return false
		}
		if !moreP {
			return true
		}
		pattern, want = restP, restW
	}
}
