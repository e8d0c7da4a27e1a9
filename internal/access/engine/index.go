package engine

import (
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
)

// entry is one pattern of a rule in the index.
type entry struct {
	rule *compiled
	pattern.Pattern
	// next is another entry at the same place of the index.
	next *entry
	// reading is all that is known of the pattern; nil once rules are loaded.
	reading *pattern.Reading
}

// index finds the rules that can match a request. It is made once and only read then. There are as many places as rules, so they
// stand in few pieces of memory, in which the garbage collector has little to look for.
type index struct {
	// hosts are the places of rules for one host; ends those of rules for hosts below another, by that other; anyHost is for rules
	// that do not say which host.
	hosts   map[string]place
	ends    map[string]place
	anyHost place
	// scanned are rules that nothing can be looked up of.
	scanned *entry

	nodes []node
	// literals are the places behind a segment of text, but for the first one of each place.
	literals map[step]place
	// rests are rules for whatever follows a place, by the text with which it begins; lengths are those of these texts, by place.
	rests   map[step]*entry
	lengths map[place][]int

	// below are the literal segments behind each place, begun the texts of its rests, for who goes through all; nil once rules are
	// loaded.
	below, begun map[place][]step
}

// place is a place in a path, behind a slash, by its number; 0 is none.
type place uint32

// step is a text at a place.
type step struct {
	at   place
	text string
}

// node is what is at a place.
type node struct {
	// text is a literal segment behind which is the place next; 0 where there is none. more tells of further ones in literals.
	text string
	next place
	// open is the place behind a segment of rules that do not say which.
	open place
	// here are rules that end with the segment before this place.
	here *entry
	// rest are rules for whatever follows; some tells that rules for certain ones are in rests.
	rest       *entry
	more, some bool
}

func newIndex() *index {
	x := &index{
		hosts: make(map[string]place), ends: make(map[string]place), nodes: make([]node, 1), literals: make(map[step]place),
		rests: make(map[step]*entry), lengths: make(map[place][]int), below: make(map[place][]step), begun: make(map[place][]step),
	}
	x.anyHost = x.grow()
	return x
}

// grow makes a place.
func (x *index) grow() place {
	x.nodes = append(x.nodes, node{})
	return place(len(x.nodes) - 1)
}

// addAll takes entries of rules; what is at one place stays in their order.
func (x *index) addAll(entries []entry) {
	for i := range slices.Backward(entries) {
		if entries[i].reading.Never == "" {
			x.add(&entries[i])
		}
	}
}

func (x *index) add(e *entry) {
	k := &e.reading.Key
	if k.Scanned {
		push(&x.scanned, e)
		return
	}
	at := x.anyHost
	switch k.HostKind {
	case pattern.HostIs:
		at = x.host(x.hosts, k.Host)
	case pattern.HostEnds:
		at = x.host(x.ends, k.Host)
	}
	for _, s := range k.Segments {
		if s.Open {
			at = x.behindOpen(at)
		} else {
			at = x.behind(step{at, s.Text})
		}
	}
	switch n := &x.nodes[at]; {
	case !k.Rest:
		push(&n.here, e)
	case k.Prefix == "":
		push(&n.rest, e)
	default:
		n.some = true
		x.addRest(step{at, k.Prefix}, e)
	}
}

// push puts an entry before those of a list.
func push(list **entry, e *entry) { e.next, *list = *list, e }

func (x *index) host(of map[string]place, name string) place {
	if of[name] == 0 {
		of[name] = x.grow()
	}
	return of[name]
}

func (x *index) behindOpen(at place) place {
	if x.nodes[at].open == 0 {
		behind := x.grow() // which may move the nodes
		x.nodes[at].open = behind
	}
	return x.nodes[at].open
}

func (x *index) behind(s step) place {
	if behind := x.literal(s); behind != 0 {
		return behind
	}
	behind := x.grow()
	if n := &x.nodes[s.at]; n.next == 0 {
		n.text, n.next = s.text, behind
	} else {
		n.more = true
		x.literals[s] = behind
	}
	x.below[s.at] = append(x.below[s.at], s)
	return behind
}

// literal gives the place behind a segment of text.
func (x *index) literal(s step) place {
	n := &x.nodes[s.at]
	switch {
	case n.next != 0 && n.text == s.text:
		return n.next
	case n.more:
		return x.literals[s]
	}
	return 0
}

func (x *index) addRest(s step, e *entry) {
	list, begun := x.rests[s]
	push(&list, e)
	x.rests[s] = list
	if begun {
		return
	}
	x.begun[s.at] = append(x.begun[s.at], s)
	if lengths := x.lengths[s.at]; !slices.Contains(lengths, len(s.text)) {
		lengths = append(lengths, len(s.text))
		slices.Sort(lengths)
		x.lengths[s.at] = lengths
	}
}

// settle lets go of what only loading needs.
func (x *index) settle(entries []entry) {
	x.below, x.begun, x.nodes = nil, nil, slices.Clone(x.nodes)
	for i := range entries {
		entries[i].reading = nil
	}
}

// find looks for the request's rule: best, unless there is a tie or an error.
func (x *index) find(s *search) {
	host, path := s.subject.Target.Host, s.subject.Path[1:]
	if at := x.hosts[host]; at != 0 {
		x.walk(s, at, path, true)
	}
	if len(x.ends) > 0 {
		for end := host; ; {
			_, below, found := strings.Cut(end, ".")
			if !found {
				break
			}
			if at := x.ends[below]; at != 0 {
				x.walk(s, at, path, true)
			}
			end = below
		}
	}
	x.walk(s, x.anyHost, path, true)
	s.offer(x.scanned)
}

// walk offers the rules of the place and of the places below. more tells that a segment follows, which may be empty.
func (x *index) walk(s *search, at place, path string, more bool) {
	n := &x.nodes[at]
	if !more {
		s.offer(n.here)
		return
	}
	s.offer(n.rest)
	if n.some {
		for _, length := range x.lengths[at] {
			if length > len(path) {
				break
			}
			s.offer(x.rests[step{at, path[:length]}])
		}
	}
	if n.next == 0 && n.open == 0 {
		return
	}
	segment, behind, more := strings.Cut(path, "/")
	if below := x.literal(step{at, segment}); below != 0 {
		x.walk(s, below, behind, more)
	}
	if n.open != 0 {
		x.walk(s, n.open, behind, more)
	}
}
