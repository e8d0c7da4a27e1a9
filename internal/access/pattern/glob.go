package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// readGlob reads an expression of the strategy glob, which has no groups, with the meaning that github.com/gobwas/glob gives it when "." and
// "/" separate:
//
//   - any number of characters but . and /
//     **       any number of characters
//     ?        one character but . and /
//     [abc]    one of the characters; [!abc] one that is none of them
//     [a-z]    one of the range; [!a-z] one outside
//     {a,b}    one of the patterns
//     \c       the character c
func readGlob(source string) (*expression, error) {
	g := globReader{rest: source}
	re, err := g.patterns(0)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return &expression{source: re, wider: re, tree: tree, silent: true}, nil
}

// maxGlobDepth bounds how deep { } may stand in each other.
const maxGlobDepth = 50

type globReader struct{ rest string }

func (g *globReader) next() rune {
	r, n := utf8.DecodeRuneInString(g.rest)
	g.rest = g.rest[n:]
	return r
}

// patterns reads up to the end of the expression, or to the } of the braces that it is in.
func (g *globReader) patterns(depth int) (string, error) {
	if depth > maxGlobDepth {
		return "", errors.New("has too many { in each other")
	}
	var b strings.Builder
	for g.rest != "" {
		r := g.next()
		switch {
		case r == '*' && strings.HasPrefix(g.rest, "*"):
			g.rest = g.rest[1:]
			b.WriteString(`(?s:.*)`)
		case r == '*':
			b.WriteString(`[^./]*`)
		case r == '?':
			b.WriteString(`[^./]`)
		case r == '[':
			class, err := g.class()
			if err != nil {
				return "", err
			}
			b.WriteString(class)
		case r == '{':
			inner, err := g.patterns(depth + 1)
			if err != nil {
				return "", err
			}
			b.WriteString("(?:" + inner + ")")
		case r == ',' && depth > 0:
			b.WriteByte('|')
		case r == '}' && depth > 0:
			return b.String(), nil
		case r == '\\':
			if g.rest == "" {
				return "", errors.New(`ends in a backslash: write \\ for a backslash`)
			}
			b.WriteString(regexp.QuoteMeta(string(g.next())))
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if depth > 0 {
		return "", errors.New(`has a { without a }: write \{ for a brace`)
	}
	return b.String(), nil
}

// class reads what follows a [: one range, or characters.
func (g *globReader) class() (string, error) {
	not := ""
	if strings.HasPrefix(g.rest, "!") {
		not = "^"
		g.rest = g.rest[1:]
	}
	if lo, n := utf8.DecodeRuneInString(g.rest); n > 0 && strings.HasPrefix(g.rest[n:], "-") {
		hi, m := utf8.DecodeRuneInString(g.rest[n+1:])
		after := g.rest[min(n+1+m, len(g.rest)):]
		if m == 0 || !strings.HasPrefix(after, "]") {
			return "", errors.New("has a [ ] that is neither one range, such as [a-z], nor a list of characters, such as [abc]")
		}
		if hi < lo {
			return "", fmt.Errorf("has a range from %q back to %q", lo, hi)
		}
		g.rest = after[1:]
		return "[" + not + quoteClass(lo) + "-" + quoteClass(hi) + "]", nil
	}
	var b strings.Builder
	for g.rest != "" {
		r := g.next()
		switch {
		case r == ']' && b.Len() > 0:
			return "[" + not + b.String() + "]", nil
		case r == ']':
			return "", errors.New("has a [ ] without characters")
		case r == '\\' && g.rest != "":
			r = g.next()
		}
		b.WriteString(quoteClass(r))
	}
	return "", errors.New(`has a [ without a ]: write \[ for a bracket`)
}

// quoteClass writes a character so that it means itself between [ and ].
func quoteClass(r rune) string {
	if r < utf8.RuneSelf && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') {
		return fmt.Sprintf(`\x%02x`, r)
	}
	return string(r)
}
