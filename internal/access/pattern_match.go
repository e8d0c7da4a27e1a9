package access

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// pattern is one reading of a rule's match for scheme, host and path: a rule that lists several hosts has several.
type pattern struct {
	// scheme, host, segments and rest match the parts of a target, unless whole does it in one piece.
	scheme, host text
	segments     []text
	// rest matches what comes after the segments and a slash; nil where the segments are all.
	rest  *text
	whole *whole

	key key
	// source is the pattern as one regular expression of Go's. Where exact is false it matches more.
	source string
	exact  bool
	// ending is the text after the last expression: what matches ends with it.
	ending string
	// hints are the characters that source says nothing about, though the pattern does.
	hints string
	// weight is what the expressions take to match; 0 where there are none.
	weight int
	// never says why no request can match; empty where one can.
	never string
}

// key is what of a pattern can be looked up. It is never narrower than the pattern.
type key struct {
	// scanned tells that nothing can be looked up.
	scanned bool
	// host is a host, or the end of one behind a dot, or nothing.
	host     string
	hostKind hostKind
	// segments are literal ones, or wild where empty and so marked.
	segments []keySegment
	// rest tells that anything may follow the segments that begins with prefix.
	rest   bool
	prefix string
}

type hostKind uint8

const (
	hostIs hostKind = iota
	hostEnds
	hostAny
)

type keySegment struct {
	literal string
	wild    bool
}

// compileURL reads match.url.
func compileURL(url string, strategy string) (*pattern, error) {
	read := readRegexp
	if strategy == "glob" {
		read = readGlob
	}
	pieces, err := splitPattern(url, read)
	if err != nil {
		return nil, err
	}
	p, err := compilePieces(lowerHost(pieces))
	if err != nil {
		return nil, err
	}
	if strategy == "glob" {
		p.forgetGroups()
	}
	return p, nil
}

// forgetGroups makes a pattern of the strategy glob, which has no capture groups.
func (p *pattern) forgetGroups() {
	p.scheme.groups, p.host.groups = 0, 0
	for i := range p.segments {
		p.segments[i].groups = 0
	}
	if p.rest != nil {
		p.rest.groups = 0
	}
	if p.whole != nil {
		p.whole.order = nil
	}
}

// lowerHost writes what is text of scheme and host in the one way that targets have: in lower case, without the scheme's
// own port. Text behind an expression that can match a slash may be the path's, and stays as it is.
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
		lowered = append(lowered, piece{literal: target.Lower(p.literal[:end]) + p.literal[end:]})
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

// compilePieces makes a pattern for "scheme://host/path".
func compilePieces(pieces []piece) (*pattern, error) {
	c := cutParts(pieces)
	p := &pattern{exact: true, source: relaxedSource(pieces)}
	if n := len(pieces); n > 0 {
		p.ending = pieces[n-1].literal
	}
	foreign, depends := false, false
	for _, one := range pieces {
		if one.expr != nil {
			foreign = foreign || one.expr.foreign
			depends = depends || one.expr.depends()
			p.weight += one.expr.weight()
			if one.expr.foreign {
				p.hints += one.expr.source
			}
		}
	}
	p.exact = !foreign
	p.never = c.impossible()
	p.key = c.key()
	if depends || p.key.scanned {
		var err error
		p.whole, err = newWhole(pieces, foreign)
		return p, err
	}
	if p.never != "" {
		return p, nil
	}
	return p, p.compileParts(c)
}

func (p *pattern) compileParts(c parts) error {
	scheme := c.parts[0]
	last := len(scheme) - 1
	scheme = append(append([]piece(nil), scheme[:last]...), appendText(nil, strings.TrimSuffix(scheme[last].literal, ":"))...)
	var faults [4]error
	p.scheme, faults[0] = newText(scheme, false)
	p.host, faults[1] = newText(c.parts[2], false)
	for _, s := range c.parts[3:] {
		t, err := newText(s, false)
		if err != nil {
			faults[2] = err
		}
		p.segments = append(p.segments, t)
	}
	if c.isRest {
		t, err := newText(c.rest, true)
		faults[3] = err
		p.rest = &t
	}
	return errors.Join(faults[:]...)
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

// key gives what can be looked up of the parts.
func (c parts) key() key {
	if len(c.parts) < 3 {
		return key{scanned: true}
	}
	k := key{rest: c.isRest, hostKind: hostAny}
	k.host, k.hostKind = hostKey(c.parts[2])
	for _, s := range c.parts[3:] {
		switch {
		case len(s) == 0:
			k.segments = append(k.segments, keySegment{})
		case len(s) == 1 && s[0].expr == nil:
			k.segments = append(k.segments, keySegment{literal: s[0].literal})
		default:
			k.segments = append(k.segments, keySegment{wild: true})
		}
	}
	if c.isRest && c.rest[0].expr == nil {
		k.prefix = c.rest[0].literal
	}
	return k
}

// hostKey gives a host, or as many whole labels at its end as are text.
func hostKey(host []piece) (string, hostKind) {
	if len(host) == 0 {
		return "", hostIs
	}
	last := host[len(host)-1]
	switch {
	case last.expr != nil:
		return "", hostAny
	case len(host) == 1:
		return last.literal, hostIs
	}
	if _, end, found := strings.Cut(last.literal, "."); found && end != "" {
		return end, hostEnds
	}
	return "", hostAny
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
