package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// Reader reads the patterns of a set of rules. What several say alike is compiled once, and they share it: ten thousand rules have
// few different expressions. Only one may use it at a time. Make it with NewReader.
type Reader struct {
	glob        bool
	expressions map[string]*expression
	matchers    map[string]*matcher
	spare       []text
}

// NewReader returns a reader of expressions of the strategy regexp, or of glob.
func NewReader(glob bool) *Reader {
	return &Reader{glob: glob, expressions: make(map[string]*expression), matchers: make(map[string]*matcher)}
}

// URL reads a pattern for scheme://host/path.
func (r *Reader) URL(url string) (*Reading, error) {
	pieces, err := splitPattern(url, r.expression)
	if err != nil {
		return nil, err
	}
	return r.read(lowerHost(pieces))
}

// roomAtOnce is for how many parts memory is taken at once: a piece for each pattern would be one more for the garbage collector to
// look at.
const roomAtOnce = 512

// room gives space for the parts of one pattern.
func (r *Reader) room(n int) []text {
	if n > len(r.spare) {
		r.spare = make([]text, max(n, roomAtOnce))
	}
	room := r.spare[:n:n]
	r.spare = r.spare[n:]
	return room
}

// expression reads what stood in < >.
func (r *Reader) expression(source string) (*expression, error) {
	if e := r.expressions[source]; e != nil {
		return e, nil
	}
	read := readRegexp
	if r.glob {
		read = readGlob
	}
	e, err := read(source)
	if err == nil {
		r.expressions[source] = e
	}
	return e, err
}

// text makes the comparison of pieces that do not depend on others. An expression that can match a slash may only stand
// in what may have slashes: then rest is true.
func (r *Reader) text(pieces []piece, rest bool) (text, error) {
	switch {
	case len(pieces) == 0:
		return text{}, nil
	case len(pieces) == 1 && pieces[0].expr == nil:
		return text{literal: pieces[0].literal}, nil
	}
	key := fmt.Sprintf("%t %t %q %s", rest, silent(pieces), nameOf(pieces), regexpOf(pieces))
	if m := r.matchers[key]; m != nil {
		return text{by: m}, nil
	}
	m, err := newMatcher(pieces, rest)
	if err != nil {
		return text{}, err
	}
	r.matchers[key] = m
	return text{by: m}, nil
}

// piece is a part of a pattern: text as it stands, or an expression that was in < >.
type piece struct {
	literal string
	expr    *expression // nil for text
	// name is that of a part of a path template; "" for others.
	name string
}

// silent reports whether none of the pieces' groups are captured.
func silent(pieces []piece) bool {
	return slices.ContainsFunc(pieces, func(p piece) bool { return p.expr != nil && p.expr.silent })
}

// nameOf is the name of a part of a path template, which has one piece.
func nameOf(pieces []piece) string {
	if len(pieces) != 1 {
		return ""
	}
	return pieces[0].name
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

// lowerHost writes what is text of scheme and host in the one way that targets have: in lower case, without the scheme's
// own port. Text behind an expression that can match a slash may be the path's, and stays as it is. What is well already is not
// copied: patterns of a rule are then parts of its text.
func lowerHost(pieces []piece) []piece {
	slashes := 0
	lowered := make([]piece, 0, len(pieces))
	for _, p := range pieces {
		if p.expr != nil || slashes > 2 {
			lowered = append(lowered, p)
			if p.expr != nil && p.expr.matchesRune('/') {
				slashes = 3
			}
			continue
		}
		end := 0
		for ; end < len(p.literal) && slashes < 3; end++ {
			if p.literal[end] == '/' {
				slashes++
			}
		}
		if lower := target.Lower(p.literal[:end]); lower != p.literal[:end] {
			p.literal = lower + p.literal[end:]
		}
		lowered = append(lowered, p)
	}
	if len(lowered) > 0 && lowered[0].expr == nil {
		for scheme, port := range map[string]string{"http": ":80", "https": ":443"} {
			host, found := strings.CutPrefix(lowered[0].literal, scheme+"://")
			if name, path, cut := strings.Cut(host, "/"); found && cut && strings.HasSuffix(name, port) {
				lowered[0].literal = scheme + "://" + strings.TrimSuffix(name, port) + "/" + path
			}
		}
	}
	return lowered
}
