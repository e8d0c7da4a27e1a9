package pattern

import (
	"errors"
	"fmt"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// Conditions are what a rule asks of header fields and query parameters. Those of a rule that asks nothing are nil. Nobody changes
// them.
type Conditions struct {
	Headers []Condition
	Query   []Condition

	weight int
}

// Condition asks that a field or parameter is there and that each of its values matches: were one enough, a client could
// send two and have the upstream read the other.
type Condition struct {
	// Name is the field's canonical name, or the parameter's.
	Name string

	value text
	whole *whole
	// source is the value as a regular expression of Go's, exact unless the expression is foreign.
	source string
	exact  bool
	// weight is what the expressions take to match; 0 where there are none.
	weight int
}

// Conditions reads match.headers and match.query, and tells what is wrong with the place, such as "headers.X-A".
func (r *Reader) Conditions(headers, query map[string]string, fault func(path string, err error)) *Conditions {
	if len(headers)+len(query) == 0 {
		return nil
	}
	c := &Conditions{}
	for _, in := range []struct {
		path  string
		names map[string]string
		to    *[]Condition
		name  func(string) string
	}{
		{"headers", headers, &c.Headers, textproto.CanonicalMIMEHeaderKey},
		{"query", query, &c.Query, func(s string) string { return s }},
	} {
		for name, value := range in.names {
			one, err := r.condition(in.name(name), value)
			if err != nil {
				fault(in.path+"."+name, err)
			}
			*in.to = append(*in.to, one)
			c.weight += one.weight
		}
		slices.SortFunc(*in.to, func(a, b Condition) int { return strings.Compare(a.Name, b.Name) })
		for i := 1; i < len(*in.to); i++ {
			if name := (*in.to)[i].Name; name == (*in.to)[i-1].Name {
				fault(in.path+"."+name, errors.New("is there twice, in different case"))
			}
		}
	}
	return c
}

func (r *Reader) condition(name, value string) (Condition, error) {
	c := Condition{Name: name, exact: true}
	if name == "" {
		return c, errors.New("has no name")
	}
	pieces, err := splitPattern(value, r.expression)
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
	c.value, err = r.text(pieces, true)
	return c, err
}

// Weight is what the expressions of all conditions take to match, as Pattern.Weight.
func (c *Conditions) Weight() int {
	if c == nil {
		return 0
	}
	return c.weight
}

// Weight is what the expressions take to match, as Pattern.Weight.
func (c *Condition) Weight() int { return c.weight }

// Backtracks reports whether only backtracking can match the value.
func (c *Condition) Backtracks() bool { return c.whole != nil }

// Meeting is how a request meets conditions.
type Meeting uint8

// The ways to meet conditions.
const (
	Unmet Meeting = iota
	// Mixed conditions are not met, and an application could see it otherwise: some values match and others do not, or the query
	// cannot be parsed.
	Mixed
	Met
)

// Meet says how a request with the header fields and the query meets the conditions. The error says that an expression took too long.
func (c *Conditions) Meet(header map[string][]string, rawQuery string) (Meeting, error) {
	if c == nil {
		return Met, nil
	}
	how, err := meetAll(c.Headers, header)
	if err != nil || how == Unmet || len(c.Query) == 0 {
		return how, err
	}
	query, ok := parametersOf(rawQuery)
	if !ok {
		return Mixed, nil
	}
	also, err := meetAll(c.Query, query)
	return min(how, also), err
}

// parametersOf gives the parameters of a query; false where it cannot be parsed.
func parametersOf(rawQuery string) (url.Values, bool) {
	query, err := url.ParseQuery(rawQuery)
	return query, err == nil
}

func meetAll(list []Condition, values map[string][]string) (Meeting, error) {
	all := Met
	for i := range list {
		how, err := list[i].meet(values[list[i].Name])
		if err != nil || how == Unmet {
			return Unmet, err
		}
		all = min(all, how)
	}
	return all, nil
}

func (c *Condition) meet(values []string) (Meeting, error) {
	matched := 0
	for _, v := range values {
		ok, err := c.holds(v)
		if err != nil {
			return Unmet, err
		}
		if ok {
			matched++
		}
	}
	switch matched {
	case 0:
		return Unmet, nil
	case len(values):
		return Met, nil
	}
	return Mixed, nil
}

// holds reports whether a value matches.
func (c *Condition) holds(value string) (bool, error) {
	if c.whole == nil {
		return c.value.match(value), nil
	}
	if !c.whole.may(value) {
		return false, nil
	}
	return c.whole.match(value)
}

// Compatible reports whether one request can meet both: for each name of both, one value can. It answers true where that
// cannot be found out. work is what it took, in steps.
func (c *Conditions) Compatible(d *Conditions) (can bool, work int) {
	if c == nil || d == nil {
		return true, 0
	}
	can, work = listsCompatible(c.Headers, d.Headers)
	if !can {
		return false, work
	}
	can, more := listsCompatible(c.Query, d.Query)
	return can, work + more
}

func listsCompatible(a, b []Condition) (can bool, work int) {
	for i := range a {
		for j := range b {
			if a[i].Name != b[j].Name {
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

func (c *Condition) meets(d *Condition) (can bool, work int) {
	literal, other := c, d
	if !literal.literal() {
		literal, other = d, c
	}
	if literal.literal() {
		ok, err := other.holds(literal.value.literal)
		return ok || err != nil, 1
	}
	a, b := newProgram(c.source), newProgram(d.source)
	if a == nil || b == nil {
		return true, 1
	}
	o := overlap{a: a, b: b, grammar: anyText}
	o.search()
	return len(o.found) > 0 || o.gaveUp, o.work
}

// literal reports whether the condition asks for one value.
func (c *Condition) literal() bool { return c.exact && c.value.by == nil }

// Words name the values that c and d ask for, as far as they are text: for a request that meets both.
func (c *Conditions) Words(d *Conditions) string {
	var both Conditions
	for _, one := range []*Conditions{c, d} {
		if one != nil {
			both.Headers, both.Query = append(both.Headers, one.Headers...), append(both.Query, one.Query...)
		}
	}
	var b strings.Builder
	for _, list := range []struct {
		kind string
		of   []Condition
	}{{"header", both.Headers}, {"query parameter", both.Query}} {
		said := make(map[string]bool)
		for _, one := range list.of {
			if one.literal() && !said[one.Name] {
				said[one.Name] = true
				fmt.Fprintf(&b, " with the %s %s: %s", list.kind, one.Name, one.value.literal)
			}
		}
	}
	return b.String()
}
