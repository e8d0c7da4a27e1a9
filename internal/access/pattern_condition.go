package access

import (
	"fmt"
	"net/textproto"
	"net/url"
	"regexp/syntax"
	"slices"
	"strings"
)

// conditions are what a rule asks of header fields and query parameters.
type conditions struct {
	headers []condition
	query   []condition
	// weight is what the expressions take to match.
	weight int
}

// condition asks that a field or parameter is there and that each of its values matches: were one enough, a client could
// send two and have the upstream read the other.
type condition struct {
	name  string
	value text
	whole *whole
	// source is the value as a regular expression of Go's, exact unless the expression is foreign.
	source string
	exact  bool
	// weight is what the expressions take to match; 0 where there are none.
	weight int
}

// compileConditions reads match.headers and match.query.
func compileConditions(m Match, strategy string) (conditions, Faults) {
	var c conditions
	var faults Faults
	for _, in := range []struct {
		path  string
		names map[string]string
		to    *[]condition
		name  func(string) string
	}{
		{"match.headers", m.Headers, &c.headers, textproto.CanonicalMIMEHeaderKey},
		{"match.query", m.Query, &c.query, func(s string) string { return s }},
	} {
		for name, value := range in.names {
			one, err := compileCondition(in.name(name), value, strategy)
			if err != nil {
				faults = append(faults, Fault{Path: in.path + "." + name, Message: err.Error()})
			}
			*in.to = append(*in.to, one)
			c.weight += one.weight
		}
		slices.SortFunc(*in.to, func(a, b condition) int { return strings.Compare(a.name, b.name) })
		for i := 1; i < len(*in.to); i++ {
			if name := (*in.to)[i].name; name == (*in.to)[i-1].name {
				faults = append(faults, Fault{Path: in.path + "." + name, Message: "is there twice, in different case"})
			}
		}
	}
	return c, faults
}

func compileCondition(name, value, strategy string) (condition, error) {
	read := readRegexp
	if strategy == "glob" {
		read = readGlob
	}
	c := condition{name: name, exact: true}
	if name == "" {
		return c, fmt.Errorf("has no name")
	}
	pieces, err := splitPattern(value, read)
	if err != nil {
		return c, err
	}
	c.source = relaxedSource(pieces)
	for _, p := range pieces {
		if p.expr != nil {
			c.exact = c.exact && !p.expr.foreign
			c.weight += p.expr.weight()
		}
	}
	if !c.exact {
		c.whole, err = newWhole(pieces, true)
		return c, err
	}
	c.value, err = newText(pieces, true)
	return c, err
}

// meeting is how a request meets conditions.
type meeting uint8

const (
	unmet meeting = iota
	// mixed conditions are not met, and an application could see it otherwise: some values match and others do not, or the query
	// cannot be parsed.
	mixed
	met
)

// meet says how the request meets the conditions. The error says that an expression took too long.
func (c *conditions) meet(r *Request) (meeting, error) {
	how, err := meetAll(c.headers, r.Header)
	if err != nil || how == unmet || len(c.query) == 0 {
		return how, err
	}
	query, ok := queryOf(r)
	if !ok {
		return mixed, nil
	}
	also, err := meetAll(c.query, query)
	return min(how, also), err
}

// queryOf gives the parameters of the query; false where it cannot be parsed.
func queryOf(r *Request) (url.Values, bool) {
	query, err := url.ParseQuery(r.Target.RawQuery)
	return query, err == nil
}

func meetAll(list []condition, values map[string][]string) (meeting, error) {
	all := met
	for i := range list {
		how, err := list[i].meet(values[list[i].name])
		if err != nil || how == unmet {
			return unmet, err
		}
		all = min(all, how)
	}
	return all, nil
}

func (c *condition) meet(values []string) (meeting, error) {
	matched := 0
	for _, v := range values {
		ok, err := c.holds(v)
		if err != nil {
			return unmet, err
		}
		if ok {
			matched++
		}
	}
	switch matched {
	case 0:
		return unmet, nil
	case len(values):
		return met, nil
	}
	return mixed, nil
}

// holds reports whether a value matches.
func (c *condition) holds(value string) (bool, error) {
	if c.whole == nil {
		return c.value.match(value), nil
	}
	if !c.whole.may(value) {
		return false, nil
	}
	return c.whole.match(value)
}

// compatible reports whether one request can meet both: for each name of both, one value can. It answers true where that
// cannot be found out.
func (c *conditions) compatible(d *conditions) (can bool, work int) {
	can, work = listsCompatible(c.headers, d.headers)
	if !can {
		return false, work
	}
	can, more := listsCompatible(c.query, d.query)
	return can, work + more
}

func listsCompatible(a, b []condition) (can bool, work int) {
	for i := range a {
		for j := range b {
			if a[i].name != b[j].name {
				continue
			}
			can, took := a[i].meets(&b[j])
			if work += took; !can {
				return false, work
			}
		}
	}
	return true, work
}

func (c *condition) meets(d *condition) (can bool, work int) {
	literal, other := c, d
	if !literal.literal() {
		literal, other = d, c
	}
	if literal.literal() {
		ok, err := other.holds(literal.value.literal)
		return ok || err != nil, 1
	}
	a, errA := program(c.source)
	b, errB := program(d.source)
	if errA != nil || errB != nil {
		return true, 1
	}
	o := overlap{a: a, b: b, grammar: anyText}
	o.search()
	return len(o.found) > 0 || o.gaveUp, o.work
}

// literal reports whether the condition asks for one value.
func (c *condition) literal() bool { return c.exact && c.value.kind == textLiteral }

// program compiles a regular expression for overlap.
func program(source string) (*syntax.Prog, error) {
	tree, err := syntax.Parse("^(?:"+source+")$", syntax.Perl)
	if err != nil {
		return nil, err
	}
	return syntax.Compile(tree.Simplify())
}
