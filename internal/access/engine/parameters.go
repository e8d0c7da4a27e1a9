package engine

import (
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

var errParameters = target.ErrAmbiguous.With("The path has parameters (;) without which another rule is the one that matches, or none.")

var errMixed = target.ErrAmbiguous.With("A header or a query parameter that a rule asks for has several values, or the query cannot be parsed: which rule matches depends on who reads it.")

// readOtherwise reports whether an application that drops the parameters of segments, as servlet containers do, reads a path
// that is not the matched rule's: passing it would be a way around the other rule. A rule that speaks of ";" itself knows
// what its application reads.
func (set *ruleSet) readOtherwise(s *search) bool {
	bare, found := target.WithoutParameters(s.subject.Path)
	if !found {
		return false
	}
	rule := s.best.rule
	if m := &rule.rule.Match; strings.Contains(m.URL+m.Path+m.FullMethod, ";") {
		return false
	}
	other := newSearch(s.request, bare, s.effort)
	set.index.find(&other)
	return other.unknown() != nil || other.best == nil || other.best.rule != rule || other.tie != nil || other.foreign != nil
}
