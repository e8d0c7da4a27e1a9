package engine

import (
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
)

// search is one look into the index. It lives on the stack.
type search struct {
	request *access.Request
	subject pattern.Subject
	// best is the rule of the highest priority that matched, tie another one of that priority. foreign is one of another tenant:
	// priority says nothing between tenants, or one could take the other's requests.
	best, tie, foreign *entry
	// failed are those of which could not be found out whether they match.
	failed []failure
	effort effort
	// mixed is the rule of the highest priority whose conditions the request meets by some of its values, and not by all.
	mixed *entry
	// explanation takes every candidate, where somebody wants to know.
	explanation *explanation
}

// failure is a rule of which nobody knows whether it matches, and why.
type failure struct {
	entry *entry
	why   error
}

// newSearch looks for a request by its path without percent-encodings.
func newSearch(r *access.Request, path string, effort effort) search {
	return search{request: r, subject: pattern.Subject{Target: &r.Target, Path: path}, effort: effort}
}

// offer compares the candidates of a list with the request.
func (s *search) offer(list *entry) {
	for e := list; e != nil; e = e.next {
		if slices.Contains(e.rule.methods, s.request.Method) {
			s.consider(e)
		}
	}
}

// consider compares a candidate with the request, unless a rule of higher priority was found already.
func (s *search) consider(e *entry) {
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
	if !s.effort.spend(e.Weight(), len(s.subject.Path)) {
		s.fail(e, errEffort)
		return false
	}
	if e.Backtracks() {
		if !e.May(&s.subject) {
			return false
		}
		if !s.effort.look() {
			s.fail(e, errEffort)
			return false
		}
	}
	matched, err := e.Match(&s.subject)
	if err != nil {
		s.fail(e, err)
	}
	return matched && s.meets(e)
}

// usualField is a length that few header fields and queries exceed, in bytes.
const usualField = 1 << 10

// meets reports whether the request meets the conditions of a rule whose pattern matches.
func (s *search) meets(e *entry) bool {
	c := e.rule.conditions
	if !s.effort.spend(c.Weight(), usualField) {
		s.fail(e, errEffort)
		return false
	}
	how, err := c.Meet(s.request.Header, s.request.Target.RawQuery)
	if err != nil {
		s.fail(e, err)
	}
	if how == pattern.Mixed && (s.mixed == nil || e.rule.priority > s.mixed.rule.priority) {
		s.mixed = e
	}
	return how == pattern.Met
}

// fail notes that nobody knows whether a rule matches.
func (s *search) fail(e *entry, err error) { s.failed = append(s.failed, failure{e, err}) }

// unknown returns why the request's rule cannot be told; nil where it can. A rule that could not be compared is none of
// another tenant's, as no request matches rules of two, and none where one of higher priority matches.
func (s *search) unknown() error {
	for _, f := range s.failed {
		if s.best == nil || s.best.rule.tenant == f.entry.rule.tenant && s.best.rule.priority <= f.entry.rule.priority {
			return f.why
		}
	}
	return nil
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
