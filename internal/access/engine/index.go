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
	// next is another entry at the same node.
	next *entry
	// reading is all that is known of the pattern; nil once rules are loaded.
	reading *pattern.Reading
}

// index finds the rules that can match a request: a tree by the segments of paths. It is made once and only read then. There are as
// many nodes as rules, so they stand in few pieces of memory, in which the garbage collector has little to look for.
type index struct {
	// hosts are the nodes of rules for one host; ends those of rules for hosts below another, by that other; anyHost is for rules
	// that do not say which host.
	hosts   map[string]nodeID
	ends    map[string]nodeID
	anyHost nodeID
	// scanned are rules that nothing can be looked up of.
	scanned *entry

	nodes []node
	// literals are the nodes behind a segment of text, but for the first one of each node.
	literals map[edge]nodeID
	// rests are rules for whatever follows a node, by the text with which it begins; lengths are those of these texts, by node.
	rests   map[edge]*entry
	lengths map[nodeID][]int

	// below are the literal segments behind each node, begun the texts of its rests, for who goes through all; nil once rules are
	// loaded.
	below, begun map[nodeID][]edge
}

// nodeID is the number of a node; 0 is none.
type nodeID uint32

// edge leads from a node by a text: a segment, or what the rest of a path begins with.
type edge struct {
	from nodeID
	text string
}

// node is a place in a path, behind a slash.
type node struct {
	// text is a literal segment behind which is the node next, which is 0 where there is none. more tells of further ones in literals.
	text string
	next nodeID
	// open is the node behind a segment of rules that do not say which.
	open nodeID
	// here are rules that end with the segment before this node.
	here *entry
	// rest are rules for whatever follows; some tells that rules for certain ones are in rests.
	rest       *entry
	more, some bool
}

func newIndex() *index {
	x := &index{
		hosts: make(map[string]nodeID), ends: make(map[string]nodeID), nodes: make([]node, 1), literals: make(map[edge]nodeID),
		rests: make(map[edge]*entry), lengths: make(map[nodeID][]int), below: make(map[nodeID][]edge), begun: make(map[nodeID][]edge),
	}
	x.anyHost = x.grow()
	return x
}

// grow makes a node.
func (x *index) grow() nodeID {
	x.nodes = append(x.nodes, node{})
	return nodeID(len(x.nodes) - 1)
}

// addAll takes entries of rules; what is at one node stays in their order.
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
			at = x.behind(edge{at, s.Text})
		}
	}
	switch n := &x.nodes[at]; {
	case !k.Rest:
		push(&n.here, e)
	case k.Prefix == "":
		push(&n.rest, e)
	default:
		n.some = true
		x.addRest(edge{at, k.Prefix}, e)
	}
}

// push puts an entry before those of a list.
func push(list **entry, e *entry) { e.next, *list = *list, e }

func (x *index) host(of map[string]nodeID, name string) nodeID {
	if of[name] == 0 {
		of[name] = x.grow()
	}
	return of[name]
}

func (x *index) behindOpen(at nodeID) nodeID {
	if x.nodes[at].open == 0 {
		behind := x.grow() // which may move the nodes
		x.nodes[at].open = behind
	}
	return x.nodes[at].open
}

func (x *index) behind(s edge) nodeID {
	if behind := x.literal(s); behind != 0 {
		return behind
	}
	behind := x.grow()
	if n := &x.nodes[s.from]; n.next == 0 {
		n.text, n.next = s.text, behind
	} else {
		n.more = true
		x.literals[s] = behind
	}
	x.below[s.from] = append(x.below[s.from], s)
	return behind
}

// literal gives the node behind a segment of text.
func (x *index) literal(s edge) nodeID {
	n := &x.nodes[s.from]
	switch {
	case n.next != 0 && n.text == s.text:
		return n.next
	case n.more:
		return x.literals[s]
	}
	return 0
}

func (x *index) addRest(s edge, e *entry) {
	list, begun := x.rests[s]
	push(&list, e)
	x.rests[s] = list
	if begun {
		return
	}
	x.begun[s.from] = append(x.begun[s.from], s)
	if lengths := x.lengths[s.from]; !slices.Contains(lengths, len(s.text)) {
		lengths = append(lengths, len(s.text))
		slices.Sort(lengths)
		x.lengths[s.from] = lengths
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

// walk offers the rules of the node and of the nodes below. more tells that a segment follows, which may be empty.
func (x *index) walk(s *search, at nodeID, path string, more bool) {
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
			s.offer(x.rests[edge{at, path[:length]}])
		}
	}
	if n.next == 0 && n.open == 0 {
		return
	}
	segment, behind, more := strings.Cut(path, "/")
	if below := x.literal(edge{at, segment}); below != 0 {
		x.walk(s, below, behind, more)
	}
	if n.open != 0 {
		x.walk(s, n.open, behind, more)
	}
}
