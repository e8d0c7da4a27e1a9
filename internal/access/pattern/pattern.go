package pattern

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// Pattern is compared with requests. There are as many as rules, so it holds nothing else: what is known of it while rules are
// loaded is in its Reading. Nobody changes it.
type Pattern struct {
	// parts are the scheme, the host and the segments, unless whole compares all of it in one piece.
	parts []text
	whole *whole
	// weight is what the expressions take to match; 0 where there are none.
	weight int32
	// open tells that the last part is compared with whatever comes after the segments and a slash.
	open bool
}

// Weight is how many instructions the expressions take to match, nearly: each character of a URL may cost as many.
func (p *Pattern) Weight() int { return int(p.weight) }

// Backtracks reports whether only backtracking can match the pattern, which may take long for some URLs.
func (p *Pattern) Backtracks() bool { return p.whole != nil && p.whole.foreign != nil }

// Subject is what patterns are compared with.
type Subject struct {
	// Target says where the request goes.
	Target *target.Target
	// Path is the target's without percent-encodings.
	Path string

	full string
}

// url gives what a pattern in one piece is compared with.
func (s *Subject) url() string {
	if s.full == "" {
		s.full = s.Target.Scheme + "://" + s.Target.Host + s.Path
	}
	return s.full
}

// May reports whether it is worth to ask Match, in a time that is bounded by the length of the URL: so that no URL pays for a
// pattern's backtracking but those that it is about.
func (p *Pattern) May(s *Subject) bool {
	return p.whole == nil || p.whole.may(s.url())
}

// Match reports whether the pattern matches. The error says that backtracking took too long.
func (p *Pattern) Match(s *Subject) (bool, error) {
	if p.whole != nil {
		return p.whole.match(s.url())
	}
	return p.each(s, (*text).match), nil
}

// each goes through the parts with what they are compared with, as long as yield says so. It reports whether all were gone through
// and the subject has no more.
func (p *Pattern) each(s *Subject, yield func(t *text, value string) bool) bool {
	if !yield(&p.parts[0], s.Target.Scheme) || !yield(&p.parts[1], s.Target.Host) {
		return false
	}
	segments := p.segments()
	path, more := s.Path[1:], true
	for i := range segments {
		if !more {
			return false
		}
		var segment string
		segment, path, more = strings.Cut(path, "/")
		if !yield(&segments[i], segment) {
			return false
		}
	}
	if !p.open {
		return !more
	}
	return more && yield(&p.parts[len(p.parts)-1], path)
}

// Captures appends what the pattern's groups matched, in their order, of a subject that it matches.
func (p *Pattern) Captures(s *Subject, to []string) []string {
	if p.whole != nil {
		return p.whole.captures(s.url(), to)
	}
	p.each(s, func(t *text, value string) bool {
		to = t.captures(value, to)
		return true
	})
	return to
}

// Named gives what the named parts of a path template matched, of a subject that it matches; nil where there are none.
func (p *Pattern) Named(s *Subject) (named map[string]string) {
	if p.whole != nil {
		return nil
	}
	p.each(s, func(t *text, value string) bool {
		if name := t.name(); name != "" {
			if named == nil {
				named = make(map[string]string)
			}
			named[name] = value
		}
		return true
	})
	return named
}

// Reading is a pattern with all that is known of it; once rules are loaded, nobody needs more than the Pattern.
type Reading struct {
	Pattern
	// Key is what can be looked up.
	Key Key
	// Never says why no request can match; empty where one can. Such a pattern is compared with nothing.
	Never string

	// source is the pattern as one regular expression of Go's. Where exact is false it matches more.
	source string
	exact  bool
	// ending is the text after the last expression: what matches ends with it.
	ending string
	// hints are the characters that source says nothing about, though the pattern does.
	hints string
	// prog is source as it is compared with others, compiled when it is needed.
	prog     *program
	compiled bool
}

// read makes a pattern for "scheme://host/path".
func (r *Reader) read(pieces []piece) (*Reading, error) {
	c := cutParts(pieces)
	p := &Reading{exact: true, source: relaxedSource(pieces)}
	if n := len(pieces); n > 0 {
		p.ending = pieces[n-1].literal
	}
	foreign, depends, weight := false, false, 0
	for _, one := range pieces {
		if one.expr != nil {
			foreign = foreign || one.expr.foreign
			depends = depends || one.expr.depends()
			weight += one.expr.weight()
			if one.expr.foreign {
				p.hints += one.expr.source
			}
		}
	}
	p.weight, p.exact = int32(min(weight, maxWeight)), !foreign
	p.Never, p.Key = c.impossible(), c.key()
	var err error
	switch {
	case depends || p.Key.Scanned:
		p.whole, err = newWhole(pieces, foreign)
	case p.Never == "":
		p.open = c.isRest
		p.parts, err = r.texts(c)
	}
	return p, err
}

// texts makes the comparisons of all parts.
func (r *Reader) texts(c parts) ([]text, error) {
	scheme := c.parts[0]
	last := len(scheme) - 1
	scheme = append(slices.Clone(scheme[:last]), appendText(nil, strings.TrimSuffix(scheme[last].literal, ":"))...)
	all := append([][]piece{scheme}, c.parts[2:]...)
	if c.isRest {
		all = append(all, c.rest)
	}
	list := r.room(len(all))
	faults := make([]error, len(all))
	for i := range all {
		list[i], faults[i] = r.text(all[i], c.isRest && i == len(all)-1)
	}
	return list, errors.Join(faults...)
}

// parts are pieces cut at the slashes of their text, up to the first expression that could match a slash itself.
type parts struct {
	parts [][]piece
	// rest is the part with that expression and all that follows it.
	rest   []piece
	isRest bool
}

func cutParts(pieces []piece) parts {
	var c parts
	var current []piece
	for i, p := range pieces {
		if p.expr != nil {
			if p.expr.matchesRune('/') {
				c.rest, c.isRest = slices.Concat(current, pieces[i:]), true
				return c
			}
			current = append(current, p)
			continue
		}
		for n, s := range strings.Split(p.literal, "/") {
			if n > 0 {
				c.parts = append(c.parts, current)
				current = nil
			}
			current = appendText(current, s)
		}
	}
	c.parts = append(c.parts, current)
	return c
}

// impossible says why no target matches.
func (c parts) impossible() string {
	switch {
	case c.isRest && len(c.parts) < 3:
		return ""
	case len(c.parts) < 3 || len(c.parts[1]) > 0 || len(c.parts[0]) == 0 || !endsInColon(c.parts[0]):
		return "it does not begin with a scheme, such as https:// or <https?>://, and scheme://host/path is what it is compared with"
	case len(c.parts) == 3 && !c.isRest:
		return "it has no path, and the path of a request is at least a slash: end it with / or with /<.*>"
	}
	for i, s := range c.parts[3:] {
		if len(s) == 0 && (c.isRest || i < len(c.parts)-4) {
			return "it has two slashes in a row, which are one in the path of a request"
		}
		if len(s) == 1 && s[0].expr == nil && (s[0].literal == "." || s[0].literal == "..") {
			return "it has a dot segment, which the path of a request does not have"
		}
		if slices.ContainsFunc(s, func(p piece) bool { return p.expr == nil && target.Encoded(p.literal) }) {
			return "it has a percent-encoding, and the path of a request is compared without: write the character itself"
		}
	}
	return ""
}

func endsInColon(part []piece) bool {
	last := part[len(part)-1]
	return last.expr == nil && strings.HasSuffix(last.literal, ":")
}

// relaxedSource writes pieces as a regular expression of Go's that matches at least what they match.
func relaxedSource(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.expr == nil {
			b.WriteString(regexp.QuoteMeta(p.literal))
			continue
		}
		b.WriteString("(?:" + p.expr.wider + ")")
	}
	return b.String()
}
