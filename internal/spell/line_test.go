package spell

import (
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for _, good := range []string{"", "Acme Ltd", "Käse & Söhne", "東京", "a b", strings.Repeat("x", 20)} {
		if !Line(good, 20) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"a\nb", "a\rb", "a\x00b", "a\x1b[31mb", "a\x7fb", "a\u009bb", "a\u202eb", "a\u2028b", "a\xffb", strings.Repeat("x", 21)} {
		if Line(bad, 20) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestVisible(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "two\nlines, Käse": "two\nlines, Käse", "\x1b[2J": `\x1b[2J`, "a\rb\tc": `a\rb\tc`, "\u009b31m": `\u009b31m`, "\u202eb": `\u202eb`,
		"\xff\uFFFD": `\xff` + "\uFFFD", "\x00\x7f": `\x00\x7f`, "a's": "a's",
	} {
		if got := Visible(s); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
}
