package pattern

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// What an expression of .NET's matches, its wider one of Go's matches too: the index rests on it.
func TestWiderExpressions(t *testing.T) {
	for source, c := range map[string]struct {
		wider string
		texts []string // that the expression matches
	}{
		`(?!b).*`:                     {`(?:).*`, []string{"", "a", "ab"}},
		`(?=a)[a-z]+(?<!z)`:           {`(?:)[a-z]+(?:)`, []string{"a", "abc"}},
		`(?<=)a(?<!b)c`:               {`(?:)a(?:)c`, []string{"ac"}},
		`(?<n>a|b)\k<n>`:              {`(a|b)(?s:.*)`, []string{"aa", "bb"}},
		`(?'n'a|b)\k'n'`:              {`(a|b)(?s:.*)`, []string{"aa", "bb"}},
		`(a)\1`:                       {`(a)(?s:.*)`, []string{"aa"}},
		`(?>a+)b`:                     {`(?:a+)b`, []string{"ab", "aab"}},
		`[a-z-[aeiou]]+`:              {`[a-z]+`, []string{"b", "xyz"}},
		`[\w\-[:alpha:]-[x-z]]+(?!q)`: {`[\w\-[:alpha:]]+(?:)`, []string{"abc", "a-b"}},
		`[]a]+(?!b)`:                  {`[]a]+(?:)`, []string{"]a"}},
		`[^]a]+(?!b)`:                 {`[^]a]+(?:)`, []string{"b", "c/d"}},
		`(?!\))a\)`:                   {`(?:)a\)`, []string{"a)"}},
		`(?#comment)a`:                {`(?s:.*)`, []string{"a"}},
		`(?x) a b `:                   {`(?s:.*)`, []string{"ab"}},
		`(a)?(?(1)b|c)`:               {`(?s:.*)`, []string{"ab", "c"}},
		`a{2000}(?!b)`:                {`(?s:.*)`, []string{strings.Repeat("a", 2000)}},
		`(?!a)*b`:                     {`(?:)*b`, []string{"b"}},
	} {
		e, err := readRegexp(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if !e.foreign || e.wider != c.wider {
			t.Errorf("%s: %q, foreign %t", source, e.wider, e.foreign)
		}
		exact, err := compileForeign("^(?:" + source + ")$")
		if err != nil {
			t.Fatal(err)
		}
		wider := regexp.MustCompile("^(?:" + e.wider + ")$")
		for _, text := range c.texts {
			if ok, err := exact.MatchString(text); err != nil || !ok {
				t.Errorf("%s does not match %.20q (%v)", source, text, err)
			}
			if !wider.MatchString(text) {
				t.Errorf("%s does not match %.20q", e.wider, text)
			}
		}
	}
	for _, bad := range []string{"(", ")", "a)(b", "[", "(?<n", `\`, "(?!", "*"} {
		if e, err := readRegexp(bad); err == nil {
			t.Errorf("%s is read as %s", bad, e.source)
		}
	}
}

// Only a class that is subtracted makes an expression .NET's: identifiers have hyphens before classes too.
func TestSubtraction(t *testing.T) {
	for source, want := range map[string]bool{
		`[0-9a-f]{8}-[0-9a-f]{4}`: false, `(-[a])`: false, `[a-z-[aeiou]]`: true, `[^a-[b]]`: true, `[]-[a]]`: true, `[^]-[a]]`: true, `\[a-[b]`: false,
		`[a\-[b]`: false, `[a\]-[b]]`: true, `[[:alpha:]-[a]]`: true, `[[:alpha:]]-[a]`: false, `[a-[:alpha:]]`: false, `[a]-[b]`: false, `[-]-[b]`: false, `[a-`: false,
	} {
		if got := subtracts(source); got != want {
			t.Errorf("%s: %t", source, got)
		}
	}
}

// FuzzWider holds that on texts and expressions at will.
func FuzzWider(f *testing.F) {
	for _, source := range []string{`(?!b).*`, `[a-z-[aeiou]]+`, `(?<n>a|b)\k<n>`, `(?>a|b)(?=c).`, `(a)\1`, `[\]-[a]]`, `(?i)(?!x)A`} {
		f.Add(source, "ab")
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		if len(source) > 60 || len(text) > 60 {
			return
		}
		e, err := readRegexp(source)
		if err != nil || !e.foreign {
			return
		}
		exact, err := compileForeign("^(?:" + source + ")$")
		if err != nil {
			return
		}
		if ok, err := exact.MatchString(text); err != nil || !ok {
			return
		}
		if !regexp.MustCompile("^(?:" + e.wider + ")$").MatchString(text) {
			t.Fatalf("%q matches %q, and %q does not", source, text, e.wider)
		}
	})
}

// What takes long to be understood is refused by its length.
func TestLongForeignExpressions(t *testing.T) {
	for _, part := range [][2]string{{"(", ")"}, {"(", ")*"}, {"(a|", ")"}, {"(?=", ")"}} {
		nested := func(n int) string { return strings.Repeat(part[0], n) + "a" + strings.Repeat(part[1], n) }
		for n, refused := range map[int]bool{50_000: true, 1_010: false} { // the shorter one may be
			begun := testkit.CPUTime(t)
			_, err := NewReader(false).URL("http://a.example.com/<" + nested(n) + ">")
			took := testkit.CPUTime(t) - begun
			if refused && err == nil || err != nil && !strings.Contains(err.Error(), "may have 4096") {
				t.Errorf("%v: %.200v", part, err)
			}
			if took > 2*time.Second {
				t.Errorf("%v: takes %s", part, took)
			}
		}
	}
}
