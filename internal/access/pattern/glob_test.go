package pattern

import (
	"strings"
	"testing"
)

// What github.com/gobwas/glob says in its documentation and tests, with "." and "/" as separators. Where the library does
// otherwise (beside a *, its ? also matches a separator, and its ? does not match letters of two bytes), we do what it says.
func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"* ?at * eyes", "my cat has very bright eyes", true},
		{"", "", true},
		{"", "b", false},
		{"*ä", "åä", true},
		{"abc", "abc", true},
		{"a*c", "abc", true},
		{"a*c", "a12345c", true},
		{"a?c", "a1c", true},
		{"a.b", "a.b", true},
		{"a.*", "a.b", true},
		{"a.**", "a.b.c", true},
		{"a.?.c", "a.b.c", true},
		{"a.?.?", "a.b.c", true},
		{"?at", "cat", true},
		{"*", "abc", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{"**", "a.b.c", true},
		{"?at", "at", false},
		{"?at", "/at", false},
		{"a.*", "a.b.c", false},
		{"a.?.c", "a.bb.c", false},
		{"*", "a.b.c", false},
		{"*", "a/b", false},
		{"*test", "this is a test", true},
		{"*is*a*", "this is a test", true},
		{"**is**a***test*", "this is a test", true},
		{"*no*", "this is a test", false},
		{"[!a]*", "this is a test3", true},
		{"[!a]*", "a", false},
		{"[!a]b", "/b", true},
		{"[abc]", "b", true},
		{"[a,b]", ",", true},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[!a-c]x", "dx", true},
		{"[ab-d]", "-", true},
		{"[ab-d]", "c", false},
		{`[\]]`, "]", true},
		{"*abc", "abcabc", true},
		{"???", "abc", true},
		{"?*?", "ac", true},
		{"?*?", "a", false},
		{"sta?n", "stagnation", false},
		{"{abc,def}ghi", "defghi", true},
		{"{abc,abcd}a", "abcda", true},
		{"{a,ab}{bc,f}", "abc", true},
		{"{*,**}{a,b}", "ab", true},
		{"{*,**}{a,b}", "ac", false},
		{"{a,}b", "b", true},
		{"{a,{b,c}d}", "cd", true},
		{"{*.google.*,yandex.*}", "www.google.com", true},
		{"{*.google.*,yandex.*}", "www.yandex.com", false},
		{"a,b}c", "a,b}c", true},
		{"(a|b)+", "(a|b)+", true},
		{"(a|b)+", "ab", false},
		{"[^a]", "^", true},
		{"[^a]", "b", false},
	} {
		e, err := readGlob(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		m, err := newMatcher([]piece{{expr: e}}, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.match(c.text); got != c.want {
			t.Errorf("%q on %q: %t (%s)", c.pattern, c.text, got, e.source)
		}
	}
	for _, bad := range []string{"[", "[]", "[!]", "[a", "[a-", "[a-]", "[z-a]", "[a-z0-9]", "{a", "{a,{b}", `a\`, strings.Repeat("{", 100)} {
		if _, err := readGlob(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
