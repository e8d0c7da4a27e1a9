package pattern

import (
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// foreignWitnesses is how many texts are tried on patterns that only backtracking can read.
const foreignWitnesses = 200

// Apart reports whether the two differ in a text, at the end or as a segment, so that no request matches both: a quick answer for
// most pairs that have none in common.
func (r *Reading) Apart(q *Reading) bool {
	if !strings.HasSuffix(r.ending, q.ending) && !strings.HasSuffix(q.ending, r.ending) {
		return true
	}
	if r.whole != nil || q.whole != nil {
		return false
	}
	x, y := r.segments(), q.segments()
	for i := range min(len(x), len(y)) {
		if x[i].by == nil && !y[i].match(x[i].literal) || y[i].by == nil && !x[i].match(y[i].literal) {
			return true
		}
	}
	return false
}

// segments are the parts that are one segment each.
func (p *Pattern) segments() []text {
	if p.open {
		return p.parts[2 : len(p.parts)-1]
	}
	return p.parts[2:]
}

// Common gives a URL that both patterns match, as a client may send it; none with decided where there is none. work is what it took
// to find out, in steps.
func (r *Reading) Common(q *Reading) (url string, work int, decided bool) {
	a, b := r.comparable(), q.comparable()
	if a == nil || b == nil {
		return "", 1, false
	}
	exact := r.exact && q.exact
	o := overlap{a: a, b: b, grammar: urlText}
	if !exact {
		o.want, o.visits, o.hints = foreignWitnesses, 6, r.hints+q.hints
	}
	o.search()
	for _, url := range o.found {
		if exact {
			return sendable(url), o.work, true
		}
		s := subjectOf(url)
		first, late := r.Match(s)
		second, later := q.Match(s)
		if first && second {
			return sendable(url), o.work, true
		}
		if late != nil || later != nil { // the next ones may take as long
			break
		}
	}
	return "", o.work, !o.gaveUp && len(o.found) == 0
}

// comparable gives the program of the source; nil where it has none.
func (r *Reading) comparable() *program {
	if !r.compiled {
		r.prog, r.compiled = newProgram(r.source), true
	}
	return r.prog
}

// subjectOf reads what the grammar urlText makes.
func subjectOf(url string) *Subject {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	return &Subject{Target: &target.Target{Scheme: scheme, Host: host}, Path: "/" + path}
}

// sendable writes what the grammar urlText makes as a URL.
func sendable(url string) string {
	s := subjectOf(url)
	return s.Target.Scheme + "://" + s.Target.Host + target.Escape(s.Path)
}
