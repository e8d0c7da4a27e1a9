package pattern

import "regexp"

// text compares one part of a request: the scheme, the host, a segment, or the rest of the path.
type text struct {
	// literal is what the part is, unless by matches it.
	literal string
	by      *matcher
}

// matcher matches a part with expressions. Rules that say the same share it.
type matcher struct {
	kind matcherKind
	re   *regexp.Regexp // of matchRegexp
	// groups is how many capture groups the part has; whole tells that it has one, which is all of the part.
	groups int
	whole  bool
	// name is that of the part of a path template; "" for others.
	name string
}

type matcherKind uint8

const (
	matchRegexp matcherKind = iota // re matches
	matchSome                      // it is not empty
	matchAny                       // whatever it is
)

func (t *text) match(s string) bool {
	if t.by == nil {
		return s == t.literal
	}
	return t.by.match(s)
}

func (m *matcher) match(s string) bool {
	switch m.kind {
	case matchSome:
		return s != ""
	case matchAny:
		return true
	default:
		return m.re.MatchString(s)
	}
}

// captures appends what the groups of the part matched.
func (t *text) captures(s string, to []string) []string {
	switch {
	case t.by == nil || t.by.groups == 0:
		return to
	case t.by.whole:
		return append(to, s)
	}
	m := t.by.re.FindStringSubmatch(s)
	if m == nil {
		return to
	}
	return append(to, m[1:]...)
}

// name is that of the part of a path template; "" for others.
func (t *text) name() string {
	if t.by == nil {
		return ""
	}
	return t.by.name
}

// newMatcher makes the comparison of pieces with expressions.
func newMatcher(pieces []piece, rest bool) (*matcher, error) {
	m := &matcher{name: nameOf(pieces)}
	if len(pieces) == 1 && pieces[0].expr.tree.MaxCap() == 0 {
		m.whole = true
		switch written := pieces[0].expr.source; {
		case written == ".*" && rest, written == `(?s:.*)` && rest, written == "[^/]*" && !rest:
			m.kind, m.groups = matchAny, 1
		case written == ".+" && rest, written == "[^/]+" && !rest:
			m.kind, m.groups = matchSome, 1
		}
	}
	if m.kind == matchRegexp {
		var err error
		if m.re, err = regexp.Compile("^" + regexpOf(pieces) + "$"); err != nil {
			return nil, err
		}
		m.groups = m.re.NumSubexp()
	}
	if silent(pieces) {
		m.groups = 0
	}
	return m, nil
}
