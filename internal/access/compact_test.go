package access

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Compact rules say what they said, whatever they have in common.
func TestCompactRulesSayTheSame(t *testing.T) {
	read := func() []Rule {
		rules, err := ParseRules([]byte(`[
			{"id": "a", "match": {"url": "http://h/a", "methods": ["GET", "PUT"]}, "authenticators": [{"handler": "noop"}], "authorizer": {"handler": "allow"},
				"mutators": [{"handler": "header", "config": {"headers": {"X-A": "1"}}}], "upstream": {"url": "http://up"}},
			{"id": "b", "match": {"hosts": ["h", "i"], "path": "/b", "methods": ["GET", "PUT"], "headers": {"X-B": "1"}}, "authenticators": [{"handler": "noop"}],
				"authorizer": {"handler": "allow", "config": {}}, "mutators": [{"handler": "header", "config": {"headers": {"X-A": "2"}}}],
				"errors": [{"handler": "json"}], "upstream": {"url": "http://up", "strip_path": "/b", "preserve_host": true}},
			{"id": "c", "description": "a", "match": {"url": "", "methods": []}, "authenticators": [], "authorizer": {"handler": ""}, "mutators": null}
		]`), "file:///rules.json")
		if err != nil {
			t.Fatal(err)
		}
		rules[1].Tenant = "acme"
		return rules
	}
	rules := read()
	compact := Compact(rules)
	if diff := cmp.Diff(read(), compact); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(read(), rules); diff != "" {
		t.Error("the rules that it was given have changed", diff)
	}
	if &compact[0].Match.Methods[0] != &compact[1].Match.Methods[0] || &compact[0].Authenticators[0] != &compact[1].Authenticators[0] {
		t.Error("what is alike is not shared")
	}
	if empty := Compact(nil); empty == nil || len(empty) > 0 {
		t.Error(empty)
	}
}
