package pattern

import (
	"fmt"
	"strings"
)

// Key is what of a pattern can be looked up. It is never narrower than the pattern.
type Key struct {
	// Scanned tells that nothing can be looked up.
	Scanned bool
	// Host is a host, or the end of one behind a dot, or nothing.
	Host     string
	HostKind HostKind
	// Segments are those of the path that are cut off by slashes.
	Segments []Segment
	// Rest tells that anything may follow the segments that begins with Prefix.
	Rest   bool
	Prefix string
}

// HostKind says what Key.Host is.
type HostKind uint8

// The kinds of hosts.
const (
	HostIs   HostKind = iota // the host
	HostEnds                 // what stands behind a dot of the host
	HostAny                  // nothing: any host may be
)

// Segment is one segment of a path: a text, or open to more than one.
type Segment struct {
	Text string
	Open bool
}

// key gives what can be looked up of the parts.
func (c parts) key() Key {
	if len(c.parts) < 3 {
		return Key{Scanned: true}
	}
	k := Key{Rest: c.isRest}
	k.Host, k.HostKind = hostKey(c.parts[2])
	for _, s := range c.parts[3:] {
		switch {
		case len(s) == 0:
			k.Segments = append(k.Segments, Segment{})
		case len(s) == 1 && s[0].expr == nil:
			k.Segments = append(k.Segments, Segment{Text: s[0].literal})
		default:
			k.Segments = append(k.Segments, Segment{Open: true})
		}
	}
	if c.isRest && c.rest[0].expr == nil {
		k.Prefix = c.rest[0].literal
	}
	return k
}

// hostKey gives a host, or as many whole labels at its end as are text.
func hostKey(host []piece) (string, HostKind) {
	if len(host) == 0 {
		return "", HostIs
	}
	last := host[len(host)-1]
	switch {
	case last.expr != nil:
		return "", HostAny
	case len(host) == 1:
		return last.literal, HostIs
	}
	if _, end, found := strings.Cut(last.literal, "."); found && end != "" {
		return end, HostEnds
	}
	return "", HostAny
}

// Cost says in words what finding the pattern takes.
func (r *Reading) Cost() string {
	k := r.Key
	if r.Never != "" {
		return "none: it is never looked at"
	}
	if k.Scanned {
		return "scanned for every request: an expression before the path can match a slash, so that neither host nor path can be looked up"
	}
	words := []string{[...]string{HostIs: "host", HostEnds: "end of the host", HostAny: "any host"}[k.HostKind]}
	named, open := 0, 0
	for _, s := range k.Segments {
		if s.Open {
			open++
		} else {
			named++
		}
	}
	count := func(n int, what string) {
		if n == 1 {
			words = append(words, "1 "+what)
		} else if n > 1 {
			words = append(words, fmt.Sprintf("%d %ss", n, what))
		}
	}
	count(named, "segment")
	count(open, "open segment")
	if k.Rest && k.Prefix != "" {
		words = append(words, "a prefix")
	} else if k.Rest {
		words = append(words, "any rest")
	}
	switch {
	case r.Backtracks():
		words = append(words, "then an expression by backtracking")
	case r.whole != nil:
		words = append(words, "then an expression over all of it")
	default:
		expressions := 0
		for _, t := range r.parts {
			if t.by != nil && t.by.re != nil {
				expressions++
			}
		}
		count(expressions, "expression")
	}
	return strings.Join(words, ", ")
}
