package access

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// entry is one pattern of a rule in the index.
type entry struct {
	rule    *compiled
	pattern *pattern
}

// index finds the rules that can match a request. It is made once and only read then.
type index map[string]*methodIndex

// methodIndex holds the rules for one method.
type methodIndex struct {
	// hosts are those of rules for one host; ends those of rules for hosts below another, by that other; any is for rules
	// that do not say which host.
	hosts map[string]*node
	ends  map[string]*node
	any   *node
	// scanned are rules that nothing can be looked up of.
	scanned []*entry
}

// node is a place in a path, behind a slash.
type node struct {
	// next are places behind a literal segment; wild is the place behind a segment of rules that do not say which.
	next map[string]*node
	wild *node
	// here are rules that end with the segment before this place.
	here []*entry
	// rests are rules for whatever follows, by the text with which it begins; lengths are those of these texts.
	rests   map[string][]*entry
	lengths []int
}

func (x index) add(method string, e *entry) {
	if e.pattern.never != "" {
		return
	}
	m := x[method]
	if m == nil {
		m = &methodIndex{hosts: make(map[string]*node), ends: make(map[string]*node), any: &node{}}
		x[method] = m
	}
	k := e.pattern.key
	if k.scanned {
		m.scanned = append(m.scanned, e)
		return
	}
	at := m.any
	switch k.hostKind {
	case hostIs:
		at = child(m.hosts, k.host)
	case hostEnds:
		at = child(m.ends, k.host)
	}
	at.add(k, e)
}

func child(of map[string]*node, name string) *node {
	n := of[name]
	if n == nil {
		n = &node{}
		of[name] = n
	}
	return n
}

func (n *node) add(k key, e *entry) {
	for _, s := range k.segments {
		if s.wild {
			if n.wild == nil {
				n.wild = &node{}
			}
			n = n.wild
			continue
		}
		if n.next == nil {
			n.next = make(map[string]*node)
		}
		n = child(n.next, s.literal)
	}
	if !k.rest {
		n.here = append(n.here, e)
		return
	}
	if n.rests == nil {
		n.rests = make(map[string][]*entry)
	}
	n.rests[k.prefix] = append(n.rests[k.prefix], e)
	if !slices.Contains(n.lengths, len(k.prefix)) {
		n.lengths = append(n.lengths, len(k.prefix))
		slices.Sort(n.lengths)
	}
}

// search is one look into the index. It lives on the stack.
type search struct {
	request *Request
	// path is the target's without percent-encodings.
	path string
	// full is scheme://host/path, once a pattern needs it.
	full string
	// best is the rule of the highest priority that matched, tie another one of that priority. foreign is one of another tenant:
	// priority says nothing between tenants, or one could take the other's requests.
	best, tie, foreign *entry
	// failed is the rule of the highest priority of which could not be found out whether it matches, because of failure.
	failed  *entry
	failure error
	effort  effort
	// mixed is the rule of the highest priority whose conditions the request meets by some of its values, and not by all.
	mixed *entry
	// explanation takes every candidate, where somebody wants to know.
	explanation *explanation
}

// find looks for the request's rule: best, unless there is a tie or an error.
func (x index) find(s *search) {
	m := x[s.request.Method]
	if m == nil {
		return
	}
	host := s.request.Target.Host
	if n := m.hosts[host]; n != nil {
		n.walk(s, s.path[1:], true)
	}
	if len(m.ends) > 0 {
		for end := host; ; {
			_, below, found := strings.Cut(end, ".")
			if !found {
				break
			}
			if n := m.ends[below]; n != nil {
				n.walk(s, s.path[1:], true)
			}
			end = below
		}
	}
	m.any.walk(s, s.path[1:], true)
	for _, e := range m.scanned {
		s.offer(e)
	}
}

// walk offers the rules of the place and of the places below. more tells that a segment follows, which may be empty.
func (n *node) walk(s *search, path string, more bool) {
	if !more {
		for _, e := range n.here {
			s.offer(e)
		}
		return
	}
	for _, length := range n.lengths {
		if length > len(path) {
			break
		}
		for _, e := range n.rests[path[:length]] {
			s.offer(e)
		}
	}
	if n.next == nil && n.wild == nil {
		return
	}
	segment, behind, more := strings.Cut(path, "/")
	if below := n.next[segment]; below != nil {
		below.walk(s, behind, more)
	}
	if n.wild != nil {
		n.wild.walk(s, behind, more)
	}
}

// offer compares a candidate with the request, unless a rule of higher priority was found already.
func (s *search) offer(e *entry) {
	if s.best != nil && s.explanation == nil &&
		(e.rule == s.best.rule || e.rule.priority < s.best.rule.priority && e.rule.tenant == s.best.rule.tenant) {
		return
	}
	matched := s.matches(e)
	if s.explanation != nil {
		s.explanation.candidate(s, e, matched)
	}
	if !matched {
		return
	}
	better := s.best == nil || e.rule.priority > s.best.rule.priority
	if s.best != nil && e.rule.tenant != s.best.rule.tenant {
		s.foreign = e
		if better {
			s.foreign = s.best
		}
	}
	switch {
	case better:
		s.best, s.tie = e, nil
	case e.rule.priority == s.best.rule.priority && e.rule != s.best.rule:
		s.tie = e
	}
}

func (s *search) matches(e *entry) bool {
	p := e.pattern
	if !s.effort.spend(p.weight, len(s.path)) {
		s.fail(e, errEffort)
		return false
	}
	switch {
	case p.whole != nil:
		if !p.whole.may(s.url()) {
			return false
		}
		if p.whole.foreign != nil && !s.effort.look() {
			s.fail(e, errEffort)
			return false
		}
		matched, err := p.whole.match(s.url())
		if err != nil {
			s.fail(e, err)
		}
		if !matched {
			return false
		}
	case !p.matchParts(&s.request.Target, s.path):
		return false
	}
	return s.meets(e)
}

// usualField is a length that few header fields and queries exceed, in bytes.
const usualField = 1 << 10

// meets reports whether the request meets the conditions of a rule whose pattern matches.
func (s *search) meets(e *entry) bool {
	c := &e.rule.conditions
	if !s.effort.spend(c.weight, usualField) {
		s.fail(e, errEffort)
		return false
	}
	how, err := c.meet(s.request)
	if err != nil {
		s.fail(e, err)
	}
	if how == mixed && (s.mixed == nil || e.rule.priority > s.mixed.rule.priority) {
		s.mixed = e
	}
	return how == met
}

// fail notes that nobody knows whether a rule matches.
func (s *search) fail(e *entry, err error) {
	if s.failed == nil || e.rule.priority > s.failed.rule.priority {
		s.failed, s.failure = e, err
	}
}

// unknown returns why the request's rule cannot be told; nil where it can. A rule that could not be compared is none of
// another tenant's, as no request matches rules of two, and none where one of higher priority matches.
func (s *search) unknown() error {
	if s.failed == nil || s.best != nil && (s.best.rule.tenant != s.failed.rule.tenant || s.best.rule.priority > s.failed.rule.priority) {
		return nil
	}
	return s.failure
}

// effort is what finding one rule may cost.
type effort struct {
	now   func() time.Time // nil: there is no bound
	began time.Time        // when the clock was looked at first
	work  int              // since then
}

const (
	// workAtOnce is how many steps of expressions are gone until the clock is looked at: some milliseconds at most.
	workAtOnce = 1 << 20
	// maxEffort bounds the time for all expressions of a request.
	maxEffort = 250 * time.Millisecond
)

var errEffort = errors.New("access: comparing the request with the rules' expressions takes too long")

// spend reports whether an expression of that weight may be compared with a text of that length.
func (f *effort) spend(weight, length int) bool {
	f.work += weight * (length + 1)
	if f.work < workAtOnce {
		return true
	}
	f.work = 0
	return f.look()
}

// look reports whether there is time left.
func (f *effort) look() bool {
	if f.now == nil {
		return true
	}
	now := f.now()
	if f.began.IsZero() {
		f.began = now
	}
	return now.Sub(f.began) < maxEffort
}

// url gives what a pattern in one piece is compared with.
func (s *search) url() string {
	if s.full == "" {
		t := &s.request.Target
		s.full = t.Scheme + "://" + t.Host + s.path
	}
	return s.full
}

// matchParts compares part by part.
func (p *pattern) matchParts(t *target.Target, path string) bool {
	if !p.scheme.match(t.Scheme) || !p.host.match(t.Host) {
		return false
	}
	path, more := path[1:], true
	for i := range p.segments {
		if !more {
			return false
		}
		var segment string
		segment, path, more = strings.Cut(path, "/")
		if !p.segments[i].match(segment) {
			return false
		}
	}
	if p.rest == nil {
		return !more
	}
	return more && p.rest.match(path)
}

// captures appends what the pattern's groups matched, in their order, to a target that matched.
func (p *pattern) captures(s *search, to []string) []string {
	if p.whole != nil {
		return p.whole.captures(s.url(), to)
	}
	to = p.scheme.captures(s.request.Target.Scheme, to)
	to = p.host.captures(s.request.Target.Host, to)
	path := s.path[1:]
	for i := range p.segments {
		var segment string
		segment, path, _ = strings.Cut(path, "/")
		to = p.segments[i].captures(segment, to)
	}
	if p.rest != nil {
		to = p.rest.captures(path, to)
	}
	return to
}

// named gives what the named parts of a path template matched; nil where there are none.
func (p *pattern) named(path string) map[string]string {
	var m map[string]string
	put := func(name, value string) {
		if name == "" {
			return
		}
		if m == nil {
			m = make(map[string]string)
		}
		m[name] = value
	}
	path = path[1:]
	for i := range p.segments {
		var segment string
		segment, path, _ = strings.Cut(path, "/")
		put(p.segments[i].name, segment)
	}
	if p.rest != nil {
		put(p.rest.name, path)
	}
	return m
}
