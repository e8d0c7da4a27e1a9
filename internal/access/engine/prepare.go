package engine

import (
	"context"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// Prepared is what Load would bring into force: rules that were compiled, and with which nothing is wrong. It is for Enforce, and for
// one goroutine. Close it in any case.
type Prepared struct {
	// Report says what is to be known of the rules.
	Report *Report

	lists  [][]access.Rule
	before *ruleSet // what was in force then, whose handlers it shares
	set    *ruleSet // nil once it is in force, or closed
}

// Prepare is Check for who wants to Load the same: nobody may change the lists any more.
func (e *Engine) Prepare(ctx context.Context, lists ...[]access.Rule) (*Prepared, error) {
	e.preparing.Lock()
	defer e.preparing.Unlock()
	return e.prepare(ctx, e.loaded.Load(), lists)
}

// prepare compiles the lists. What is loaded meanwhile may close handlers that this shares: then it does not fit any more.
func (e *Engine) prepare(ctx context.Context, before *ruleSet, lists [][]access.Rule) (*Prepared, error) {
	set, report, err := compile(ctx, &e.options, lists, before.handlers)
	if err != nil {
		return nil, err
	}
	return &Prepared{Report: report, lists: lists, before: before, set: set}, nil
}

// fits reports whether this is what would be compiled of the lists now. It looks at which lists they are, and not at what is in them.
func (p *Prepared) fits(before *ruleSet, lists [][]access.Rule) bool {
	return p != nil && p.set != nil && p.before == before && slices.EqualFunc(p.lists, lists, func(a, b []access.Rule) bool {
		return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	})
}

// Close lets go of what was prepared, unless it is in force by now.
func (p *Prepared) Close() {
	if p.set != nil {
		p.set.handlers.closeWithout(p.before.handlers)
		p.set = nil
	}
}
