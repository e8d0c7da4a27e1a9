package engine

import (
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// A rule that guards by a header or a parameter is not left for one of lower priority by sending both a value that it is for and
// another one: the application may read either.
func TestConditionsAreNotAvoidedByTwoValues(t *testing.T) {
	e := coreEngine()
	public := openRule("public", access.Match{URL: "http://h/<.*>"})
	guard := openRule("guard", access.Match{URL: "http://h/<.*>", Query: map[string]string{"as": "admin"}})
	header := openRule("header", access.Match{URL: "http://h/<.*>", Headers: map[string]string{"X-As": "admin"}})
	guard.Priority, header.Priority = 10, 20
	loadRules(t, e, public, guard, header)
	for _, c := range []struct {
		query  string
		header []string
		want   string
	}{
		{"", nil, "public"}, {"?as=user", nil, "public"}, {"?as=admin", nil, "guard"}, {"", []string{"admin"}, "header"}, {"?as=user&as=me", nil, "public"},
		{"?as=admin&as=user", nil, "ambiguous_url"}, {"?as=user&as=admin", nil, "ambiguous_url"}, {"?as=admin&x=;", nil, "ambiguous_url"},
		{"", []string{"admin", "user"}, "ambiguous_url"}, {"?as=admin&as=user", []string{"admin"}, "header"},
	} {
		r := requestFor(t, "GET", "http://h/a"+c.query)
		r.Header = access.Header{"X-As": c.header}
		d := e.Decide(t.Context(), r)
		got := ruleOf(d)
		if d.Err != nil {
			got = d.Err.Code
		}
		if got != c.want {
			t.Errorf("%s %v: %s, want %s", c.query, c.header, got, c.want)
		}
	}
}
