package spell_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

func TestFit(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "a\x00b": "ab", "12345678": "12345678", "123456789": "12345678", "1234567ä": "1234567", "123456ä9": "123456ä",
		"\xff": "\uFFFD", "\U0001F642\U0001F642\U0001F642": "\U0001F642\U0001F642", "\x8012345678": "\uFFFD12345",
		// What takes the place of bytes that are none is longer than they are.
		"a\xffb\xffc\xffd\xff": "a\uFFFDb\uFFFD", "\x00\x00\x00\x00123456789": "12345678",
	} {
		if got := spell.Fit(in, 8); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := spell.Fit("ä", 1); got != "" {
		t.Errorf("%q fits into one byte", got)
	}
}

func TestShort(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "12345678": "12345678", "123456789": "12345678…", "1234567ä": "1234567…", "a\xffb": "a\uFFFDb", "a\xff3456789": "a\uFFFD3456…",
		// What counts is the text as it is written.
		"\x00\x0012345678": "12345678", "\xff\xfe\xfd": "\uFFFD", "a\xffb\xffc\xff": "a\uFFFDb\uFFFD…",
	} {
		if got := spell.Short(in, 8); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("a\xff\x00ä", 3)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = max(0, n%100)
		got := spell.Fit(s, n)
		if len(got) > n || !utf8.ValidString(got) || strings.Contains(got, "\x00") || spell.Fit(got, n) != got {
			t.Errorf("%q in %d: %q", s, n, got)
		}
	})
}
