package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
	"github.com/gatehouse-iam/gatehouse/internal/telemetry"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// explanation collects the steps of a decision. A nil one collects nothing.
type explanation struct {
	now   func() time.Time
	steps []access.Step
	// asker is the tenant that wants to know, for whose eyes other tenants' rules are not; empty for who may see all.
	asker tenant.ID
}

// hides reports whether a rule is another tenant's than the asker's.
func (x *explanation) hides(rule *compiled) bool { return x.asker != "" && rule.tenant != x.asker }

func (x *explanation) begin() time.Time {
	if x == nil || x.now == nil {
		return time.Time{}
	}
	return x.now()
}

// end notes what a handler decided, with the cause of what it refused or could not do: who asks may read the rules, and sees what
// the log would say.
func (x *explanation) end(stage, handler string, begun time.Time, err error) {
	if x == nil {
		return
	}
	step := access.Step{Stage: stage, Handler: handler, Outcome: access.Passed}
	if x.now != nil {
		step.Took = x.now().Sub(begun)
	}
	if err != nil {
		f := fault.From(err)
		step.Reason = f.Message
		switch {
		case errors.Is(err, access.ErrNotResponsible):
			step.Outcome = access.Skipped
		case f.Kind == fault.Internal || f.Kind == fault.Unavailable:
			step.Outcome = access.Failed
		default:
			step.Outcome = access.Refused
		}
		if cause := f.Unwrap(); cause != nil {
			step.Reason = strings.TrimSuffix(f.Message, ".") + ": " + told(cause) + "."
		}
	}
	x.steps = append(x.steps, step)
}

// warn notes why the rule's settings may not do what they were written for.
func (x *explanation) warn(of []string) {
	if x == nil {
		return
	}
	for _, warning := range of {
		x.steps = append(x.steps, access.Step{Stage: "warning", Outcome: access.Noted, Reason: warning})
	}
}

// longestCause bounds what is told of a cause, in bytes: it may be another service's text.
const longestCause = 500

// told is a cause in one line. Handlers write causes without the credential; what others wrote is filtered as it is for the log.
func told(cause error) string {
	return strings.TrimSuffix(spell.Short(telemetry.Redact(strings.ReplaceAll(cause.Error(), "\n", ": ")), longestCause), ".")
}

// maxCandidates bounds how many rules that did not match are named.
const maxCandidates = 20

// candidate notes the rules that were looked at.
func (x *explanation) candidate(s *search, e *entry, matched bool) {
	if x.hides(e.rule) {
		return
	}
	step := access.Step{Stage: "match", Handler: e.rule.name(), Outcome: access.Passed}
	if !matched {
		if len(x.steps) >= maxCandidates {
			return
		}
		step.Outcome, step.Reason = access.Skipped, "The pattern does not match."
		if ok, err := e.Match(&s.subject); ok && err == nil {
			step.Reason = "The pattern matches, but a header or a query parameter that the rule asks for does not."
		}
	}
	x.steps = append(x.steps, step)
}

// whyNone names rules that would match the request if it had another method or scheme.
func (x *explanation) whyNone(set *ruleSet, r *access.Request) {
	if r.Target.Path == "" || len(set.rules) == 0 {
		x.steps = append(x.steps, access.Step{Stage: "match", Outcome: access.Refused, Reason: "There are no rules, or the request has no path."})
		return
	}
	other := *r
	for _, method := range set.methods {
		for _, scheme := range []string{"http", "https"} {
			other.Method, other.Target.Scheme = method, scheme
			if method == r.Method && scheme == r.Target.Scheme {
				continue
			}
			s := newSearch(&other, target.Unescape(other.Target.Path), effort{})
			if set.index.find(&s); s.best != nil && !x.hides(s.best.rule) && len(x.steps) < 2*maxCandidates {
				x.steps = append(x.steps, access.Step{Stage: "match", Handler: s.best.rule.name(), Outcome: access.Skipped,
					Reason: fmt.Sprintf("The rule matches %s %s://%s%s, which is another method or scheme.", method, scheme, other.Target.Host, other.Target.Path)})
			}
		}
	}
}
