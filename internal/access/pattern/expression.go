package pattern

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
)

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
	// silent tells that what its groups match is told to nobody.
	silent bool
}

// maxForeign bounds an expression that Go cannot read, in bytes: to find out what it may match takes time by the square of that.
const maxForeign = 4 << 10

// readRegexp reads an expression of the strategy regexp.
func readRegexp(source string) (*expression, error) {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err == nil && !subtracts(source) {
		return &expression{source: source, wider: source, tree: tree}, nil
	}
	if len(source) > maxForeign {
		return nil, fmt.Errorf("has %d bytes, and may have %d where Go's package regexp cannot read it: nest less, or write several rules", len(source), maxForeign)
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
