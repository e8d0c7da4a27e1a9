package pattern

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// foreignTimeout bounds a match by backtracking: expressions of .NET's syntax can take for ever. The library's clock adds up to
// a fifth of a second.
const foreignTimeout = 100 * time.Millisecond

// compileForeign reads an expression that Go's regexp has no words for, as Oathkeeper does.
func compileForeign(source string) (*regexp2.Regexp, error) {
	re, err := regexp2.Compile(source, regexp2.RE2)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	re.MatchTimeout = foreignTimeout
	return re, nil
}

// relax gives, for an expression of .NET's syntax, one of Go's that matches at least the same: assertions about what is
// around are left out, references to what was matched before may be anything. Where that is not enough to make Go read it,
// it is one that matches everything.
func relax(source string) (wider string, tree *syntax.Regexp) {
	r := relaxer{rest: source}
	if relaxed, ok := r.sequence(); ok && r.rest == "" {
		if tree, err := syntax.Parse(relaxed, syntax.Perl); err == nil {
			return relaxed, tree
		}
	}
	return `(?s:.*)`, &syntax.Regexp{Op: syntax.OpStar, Sub: []*syntax.Regexp{{Op: syntax.OpAnyChar}}}
}

type relaxer struct{ rest string }

var (
	assertion = regexp.MustCompile(`^\?(?:=|!|<=|<!)`)
	groupName = regexp.MustCompile(`^\?P?(?:<\w+>|'\w+')`)
	reference = regexp.MustCompile(`^\\(?:[1-9]\d*|k<\w+>|k'\w+')`)
)

// sequence reads up to the ) that ends the group, or to the end.
func (r *relaxer) sequence() (string, bool) {
	var b strings.Builder
	for r.rest != "" {
		switch c := r.rest[0]; {
		case c == ')':
			return b.String(), true
		case c == '(':
			group, ok := r.group()
			if !ok {
				return "", false
			}
			b.WriteString(group)
		case c == '[':
			class, ok := r.class()
			if !ok {
				return "", false
			}
			b.WriteString(class)
		case reference.MatchString(r.rest):
			r.rest = r.rest[len(reference.FindString(r.rest)):]
			b.WriteString(`(?s:.*)`)
		case c == '\\' && len(r.rest) > 1:
			b.WriteString(r.rest[:2])
			r.rest = r.rest[2:]
		default:
			b.WriteByte(c)
			r.rest = r.rest[1:]
		}
	}
	return b.String(), true
}

// group reads one group; an assertion becomes nothing.
func (r *relaxer) group() (string, bool) {
	r.rest = r.rest[1:]
	begin, drop := "(", assertion.MatchString(r.rest)
	switch {
	case drop:
		r.rest = r.rest[len(assertion.FindString(r.rest)):]
	case strings.HasPrefix(r.rest, "?>"):
		begin, r.rest = "(?:", r.rest[2:]
	case strings.HasPrefix(r.rest, "?("):
		return "", false
	case groupName.MatchString(r.rest):
		r.rest = r.rest[len(groupName.FindString(r.rest)):]
	}
	inside, ok := r.sequence()
	if !ok || r.rest == "" {
		return "", false
	}
	r.rest = r.rest[1:]
	if drop {
		return "(?:)", true
	}
	return begin + inside + ")", true
}

// class reads a class of characters; what is subtracted from it is left out.
func (r *relaxer) class() (string, bool) {
	var b strings.Builder
	for i := 0; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '\\' && i+1 < len(r.rest):
			b.WriteString(r.rest[i : i+2])
			i++
		case c == '-' && strings.HasPrefix(r.rest[i:], "-[") && !strings.HasPrefix(r.rest[i:], "-[:"):
			r.rest = r.rest[i+1:]
			if _, ok := r.class(); !ok || !strings.HasPrefix(r.rest, "]") {
				return "", false
			}
			r.rest = r.rest[1:]
			b.WriteByte(']')
			return b.String(), true
		case c == '[' && strings.HasPrefix(r.rest[i:], "[:"):
			end := strings.Index(r.rest[i:], ":]")
			if end < 0 {
				return "", false
			}
			b.WriteString(r.rest[i : i+end+2])
			i += end + 1
		case c == ']' && i > 1 && r.rest[:i] != "[^":
			b.WriteByte(c)
			r.rest = r.rest[i+1:]
			return b.String(), true
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// whole matches a pattern in one piece.
type whole struct {
	re      *regexp.Regexp
	foreign *regexp2.Regexp
	// wider matches what foreign matches and more, in a time that is bounded by the length of the text.
	wider *regexp.Regexp
	// order are the numbers of the groups as Oathkeeper has them: those without a name first.
	order []int
}

// newWhole compiles a pattern in one piece.
func newWhole(pieces []piece, foreign bool) (*whole, error) {
	source := "^" + regexpOf(pieces) + "$"
	if foreign {
		re, err := compileForeign(source)
		if err != nil {
			return nil, err
		}
		wider, err := regexp.Compile("^(?:" + relaxedSource(pieces) + ")$")
		return &whole{foreign: re, wider: wider}, err
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, err
	}
	w := &whole{re: re}
	if silent(pieces) {
		return w, nil
	}
	for _, named := range []bool{false, true} {
		for i, name := range re.SubexpNames() {
			if i > 0 && (name != "") == named {
				w.order = append(w.order, i)
			}
		}
	}
	return w, nil
}

// may reports whether the text is worth an expression's backtracking.
func (w *whole) may(s string) bool { return w.wider == nil || w.wider.MatchString(s) }

func (w *whole) match(s string) (bool, error) {
	if w.foreign != nil {
		return w.foreign.MatchString(s)
	}
	return w.re.MatchString(s), nil
}

func (w *whole) captures(s string, to []string) []string {
	if w.foreign != nil {
		m, err := w.foreign.FindStringMatch(s)
		if err != nil || m == nil {
			return to
		}
		for _, g := range m.Groups()[1:] {
			to = append(to, g.String())
		}
		return to
	}
	m := w.re.FindStringSubmatch(s)
	if m == nil {
		return to
	}
	for _, i := range w.order {
		to = append(to, m[i])
	}
	return to
}
