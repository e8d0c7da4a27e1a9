package oauth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func TestParseScope(t *testing.T) {
	got, err := oauth.ParseScope("openid a  b openid offline_access")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(oauth.Scope{"openid", "a", "b", "offline_access"}, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"a\tb", "a\nb", `a"b`, `a\b`, "a\x00", "é", "a\x7f", strings.Repeat("a", oauth.MaxScope+1)} {
		if _, err := oauth.ParseScope(bad); !errors.Is(err, oauth.ErrInvalidScope) {
			t.Errorf("RFC 6749 §3.3: ParseScope(%q) = %v", bad, err)
		}
	}
}

func TestScopeStrategies(t *testing.T) {
	for _, tc := range []struct {
		strategy      oauth.ScopeStrategy
		allowed, want string
		match         bool
	}{
		{oauth.ScopeWildcard, "openid", "openid", true},
		{oauth.ScopeWildcard, "a.*", "a.b", true},
		{oauth.ScopeWildcard, "a.*", "a.b.c", true},
		{oauth.ScopeWildcard, "a.*", "a", false},
		{oauth.ScopeWildcard, "a.*", "a.", false},
		{oauth.ScopeWildcard, "a.*", "ab.c", false},
		{oauth.ScopeWildcard, "a.*.c", "a.b.c", true},
		{oauth.ScopeWildcard, "a.*.c", "a..c", false},
		{oauth.ScopeWildcard, "a.*.c", "a.b.d", false},
		{oauth.ScopeWildcard, "a.*.c", "a.b.b.c", false},
		{oauth.ScopeWildcard, "a.*.c", "a.b", false},
		{oauth.ScopeWildcard, "*", "anything.at.all", true},
		{oauth.ScopeWildcard, "*", "", false},
		{oauth.ScopeWildcard, "*.b", "a.b", true},
		{oauth.ScopeWildcard, "a*", "ab", false},
		{oauth.ScopeWildcard, "a", "a.b", false},
		{oauth.ScopeWildcard, "a.b", "a.*", false},
		{oauth.ScopeWildcard, "a.*", "a.*", true},
		{"", "a.*", "a.b", true},
		{oauth.ScopeExact, "a", "a", true},
		{oauth.ScopeExact, "a.*", "a.b", false},
		{oauth.ScopeExact, "a", "A", false},
		{oauth.ScopeHierarchic, "a", "a.b.c", true},
		{oauth.ScopeHierarchic, "a.b", "a.b.c", true},
		{oauth.ScopeHierarchic, "a", "ab", false},
		{oauth.ScopeHierarchic, "a", "a.", false},
		{oauth.ScopeHierarchic, "a.b", "a", false},
		{oauth.ScopeHierarchic, "a", "a", true},
		{oauth.ScopeHierarchic, "", ".a", false},
	} {
		if got := tc.strategy.Match([]string{tc.allowed}, tc.want); got != tc.match {
			t.Errorf("%s: %q for %q = %v, want %v", tc.strategy, tc.allowed, tc.want, got, tc.match)
		}
	}
}

func TestScopeHelpers(t *testing.T) {
	s := oauth.Scope{"openid", "offline"}
	if !s.Offline() || !(oauth.Scope{"offline_access"}).Offline() || (oauth.Scope{"openid"}).Offline() {
		t.Error("both spellings ask for a refresh token, and nothing else does")
	}
	if !s.Covers([]string{"openid"}) || s.Covers([]string{"openid", "more"}) || !s.Covers(nil) {
		t.Error("Covers")
	}
	if got := s.String(); got != "openid offline" {
		t.Error(got)
	}
	bad, refused := oauth.ScopeWildcard.Refused([]string{"a"}, []string{"a", "b"})
	if bad != "b" || !refused {
		t.Errorf("Refused = %q, %v", bad, refused)
	}
}

func TestScopeMatchDoesNotAllocate(t *testing.T) {
	allowed := []string{"openid", "offline", "photos.*.read", "files.*"}
	if n := testing.AllocsPerRun(100, func() { oauth.ScopeWildcard.Match(allowed, "files.a.b.c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseScope(f *testing.F) {
	for _, s := range []string{"", "openid", "a b  c", "a\x00b", "*.*", "..", " a ", " "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		scope, err := oauth.ParseScope(s)
		if err != nil {
			return
		}
		again, err := oauth.ParseScope(scope.String())
		if err != nil || !slices.Equal(scope, again) {
			t.Errorf("%q parses to %q, that to %q, %v", s, scope, again, err)
		}
		for _, one := range scope {
			if one == "" || strings.Contains(one, " ") {
				t.Errorf("%q has the value %q", s, one)
			}
			if !oauth.ScopeWildcard.Match(scope, one) {
				t.Errorf("a scope that is allowed by name is refused: %q", one)
			}
		}
	})
}
