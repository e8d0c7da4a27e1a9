package access

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// piece is a part of a pattern: text as it stands, or an expression that was in < >.
type piece struct {
	literal string
	expr    *expression // nil for text
}

// expression is what stood in < >, as a regular expression.
type expression struct {
	// source is the expression as it was compiled, in Go's syntax, or in that of .NET where Go has no such thing.
	source string
	// wider is source where Go can read it; else an expression of Go's that matches all that source matches, and more. tree
	// is what Go makes of it.
	wider string
	tree  *syntax.Regexp
	// foreign tells that only regexp2 can read the expression.
	foreign bool
}

// splitPattern cuts a pattern at its outermost < >, as Oathkeeper does: they are counted, whatever is between them.
func splitPattern(pattern string, read func(string) (*expression, error)) ([]piece, error) {
	var pieces []piece
	level, from := 0, 0
	for i := range len(pattern) {
		switch pattern[i] {
		case '<':
			if level++; level == 1 {
				pieces = appendText(pieces, pattern[from:i])
				from = i + 1
			}
		case '>':
			level--
			if level < 0 {
				return nil, errors.New("has a > without a < before it: < and > enclose expressions and must be balanced")
			}
			if level == 0 {
				e, err := read(pattern[from:i])
				if err != nil {
					return nil, fmt.Errorf("the expression <%s>: %w", pattern[from:i], err)
				}
				pieces = append(pieces, piece{expr: e})
				from = i + 1
			}
		}
	}
	if level != 0 {
		return nil, errors.New("has a < without a > after it: < and > enclose expressions and must be balanced")
	}
	return appendText(pieces, pattern[from:]), nil
}

func appendText(pieces []piece, text string) []piece {
	if text == "" {
		return pieces
	}
	return append(pieces, piece{literal: text})
}

// readRegexp reads an expression of the strategy regexp.
func readRegexp(source string) (*expression, error) {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err == nil && !subtracts(source) {
		return &expression{source: source, wider: source, tree: tree}, nil
	}
	if _, foreignErr := compileForeign(source); foreignErr != nil {
		if err == nil {
			return &expression{source: source, wider: source, tree: tree}, nil
		}
		return nil, foreignErr
	}
	wider, tree := relax(source)
	return &expression{source: source, wider: wider, tree: tree, foreign: true}, nil
}

// matchesRune reports whether the expression can match a text with the character.
func (e *expression) matchesRune(r rune) bool { return canMatch(e.tree, r) }

func canMatch(t *syntax.Regexp, r rune) bool {
	switch t.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpLiteral:
		return slices.Contains(t.Rune, r) // r has no case
	case syntax.OpCharClass:
		for i := 0; i+1 < len(t.Rune); i += 2 {
			if t.Rune[i] <= r && r <= t.Rune[i+1] {
				return true
			}
		}
	}
	return slices.ContainsFunc(t.Sub, func(sub *syntax.Regexp) bool { return canMatch(sub, r) })
}

// subtracts reports whether a class of the expression has another one subtracted, as in [a-z-[aeiou]]: that is so to .NET, and
// something else to Go.
func subtracts(source string) bool {
	inside := 0 // how many characters of a class were read, 0 outside of one
	for i := 0; i < len(source); i++ {
		rest := source[i:]
		switch {
		case source[i] == '\\':
			i++
			if inside > 0 {
				inside++
			}
		case inside == 0:
			if source[i] == '[' {
				inside = 1
				if strings.HasPrefix(rest, "[^") {
					i++
				}
			}
		case strings.HasPrefix(rest, "-[") && !strings.HasPrefix(rest, "-[:"):
			return true
		case strings.HasPrefix(rest, "[:") && strings.Contains(rest, ":]"):
			i += strings.Index(rest, ":]") + 1
			inside++
		case source[i] == ']' && inside > 1:
			inside = 0
		default:
			inside++
		}
	}
	return false
}

// weight is how many instructions the expression takes to match, nearly: each character of a text may cost as many.
func (e *expression) weight() int { return weigh(e.tree) }

// maxWeight bounds weights, so that they can be added.
const maxWeight = 1 << 24

func weigh(t *syntax.Regexp) int {
	n := 1 + len(t.Rune)
	if t.Op == syntax.OpCharClass {
		n = 1
	}
	for _, sub := range t.Sub {
		n = min(maxWeight, n+weigh(sub))
	}
	if t.Op == syntax.OpRepeat {
		n = min(maxWeight, n*max(t.Max, t.Min+1, 1))
	}
	return n
}

// depends reports whether what the expression matches depends on what is around it, or how its groups are numbered on
// others: then the pattern cannot be taken apart.
func (e *expression) depends() bool { return e.foreign || dependent(e.tree) }

func dependent(t *syntax.Regexp) bool {
	switch t.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	case syntax.OpCapture:
		if t.Name != "" {
			return true
		}
	}
	return slices.ContainsFunc(t.Sub, dependent)
}

// textKind is how a text is compared.
type textKind uint8

const (
	textLiteral textKind = iota // is this
	textSome                    // is not empty
	textAny                     // is whatever it is
	textRegexp                  // matches
)

// text compares one part of a request: the scheme, the host, a segment, or the rest of the path.
type text struct {
	kind    textKind
	literal string
	re      *regexp.Regexp
	// groups is how many capture groups the part has; whole tells that it has one, which is all of the part.
	groups int
	whole  bool
	// name is that of the part of a path template; "" for others.
	name string
}

func (t *text) match(s string) bool {
	switch t.kind {
	case textLiteral:
		return s == t.literal
	case textSome:
		return s != ""
	case textAny:
		return true
	default:
		return t.re.MatchString(s)
	}
}

// captures appends what the groups of the part matched.
func (t *text) captures(s string, to []string) []string {
	switch {
	case t.groups == 0:
		return to
	case t.whole:
		return append(to, s)
	}
	m := t.re.FindStringSubmatch(s)
	if m == nil {
		return to
	}
	return append(to, m[1:]...)
}

// newText makes the comparison of pieces that do not depend on others. An expression that can match a slash may only stand
// in what may have slashes: then rest is true.
func newText(pieces []piece, rest bool) (text, error) {
	switch {
	case len(pieces) == 0:
		return text{}, nil
	case len(pieces) == 1 && pieces[0].expr == nil:
		return text{literal: pieces[0].literal}, nil
	case len(pieces) == 1 && pieces[0].expr.tree.MaxCap() == 0:
		t := text{kind: textRegexp, groups: 1, whole: true}
		switch written := pieces[0].expr.source; {
		case written == ".*" && rest, written == `(?s:.*)` && rest, written == "[^/]*" && !rest:
			t.kind = textAny
		case written == ".+" && rest, written == "[^/]+" && !rest:
			t.kind = textSome
		default:
			var err error
			t.re, err = regexp.Compile("^" + regexpOf(pieces) + "$")
			return t, err
		}
		return t, nil
	}
	re, err := regexp.Compile("^" + regexpOf(pieces) + "$")
	if err != nil {
		return text{}, err
	}
	return text{kind: textRegexp, re: re, groups: re.NumSubexp()}, nil
}

// regexpOf writes pieces as one regular expression, each expression a group.
func regexpOf(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.expr == nil {
			b.WriteString(regexp.QuoteMeta(p.literal))
			continue
		}
		b.WriteString("(" + p.expr.source + ")")
	}
	return b.String()
}
