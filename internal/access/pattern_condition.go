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
		if p.expr != nil && p.expr.foreign {
			c.exact = false
		}
	}
	if !c.exact {
		c.whole, err = newWhole(pieces, true)
		return c, err
	}
	c.value, err = newText(pieces, true)
	return c, err
}

// hold reports whether the request meets the conditions. mixed tells that it does not, and that an application could see it
// otherwise: some values match and others do not, or the query cannot be parsed.
func (c *conditions) hold(r *Request) (held, mixed bool) {
	held = true
	for i := range c.headers {
		if one := &c.headers[i]; !one.holds(r.Header[one.name]) {
			if !one.some(r.Header[one.name]) {
				return false, false
			}
			held = false
		}
	}
	if len(c.query) == 0 {
		return held, !held
	}
	query, err := url.ParseQuery(r.Target.RawQuery)
	if err != nil {
		return false, true
	}
	for i := range c.query {
		if one := &c.query[i]; !one.holds(query[one.name]) {
			if !one.some(query[one.name]) {
				return false, false
			}
			held = false
		}
	}
	return held, !held
}

// some reports whether one of the values matches.
func (c *condition) some(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return c.holds([]string{v}) })
}

func (c *condition) holds(values []string) bool {
	for _, v := range values {
		if c.whole != nil {
			if ok, err := c.whole.match(v); err != nil || !ok {
				return false
			}
		} else if !c.value.match(v) {
			return false
		}
	}
	return len(values) > 0
}

// compatible reports whether one request can meet both: for each name of both, one value can. It answers true where that
// cannot be found out.
func (c *conditions) compatible(d *conditions) bool {
	return listsCompatible(c.headers, d.headers) && listsCompatible(c.query, d.query)
}

func listsCompatible(a, b []condition) bool {
	for i := range a {
		for j := range b {
			if a[i].name == b[j].name && !a[i].meets(&b[j]) {
				return false
			}
		}
	}
	return true
}

func (c *condition) meets(d *condition) bool {
	switch {
	case c.exact && c.value.kind == textLiteral && d.exact && d.value.kind == textLiteral:
		return c.value.literal == d.value.literal
	case c.exact && c.value.kind == textLiteral:
		return d.holds([]string{c.value.literal})
	case d.exact && d.value.kind == textLiteral:
		return c.holds([]string{d.value.literal})
	}
	a, errA := program(c.source)
	b, errB := program(d.source)
	if errA != nil || errB != nil {
		return true
	}
	o := overlap{a: a, b: b, grammar: anyText}
	o.search(maxOverlapStates)
	return len(o.found) > 0 || o.gaveUp
}

// program compiles a regular expression for overlap.
func program(source string) (*syntax.Prog, error) {
	tree, err := syntax.Parse("^(?:"+source+")$", syntax.Perl)
	if err != nil {
		return nil, err
	}
	return syntax.Compile(tree.Simplify())
}
