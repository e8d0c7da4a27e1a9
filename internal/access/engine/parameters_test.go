package engine

import (
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// Servlet containers and some others read "/admin;x/secret" as /admin/secret: where that is another rule's, it is no way around
// the rule.
func TestParametersAreNoWayAroundARule(t *testing.T) {
	e := coreEngine()
	public, admin := openRule("public", access.Match{URL: "http://h/<.*>"}), openRule("admin", access.Match{URL: "http://h/admin/<.*>"})
	styles, matrix := openRule("styles", access.Match{URL: "http://s/<.*>.css"}), openRule("matrix", access.Match{URL: "http://m/v;a=1/<.*>"})
	admin.Priority = 10
	loadRules(t, e, public, admin, styles, matrix)
	for url, want := range map[string]string{
		"http://h/admin/secret": "admin", "http://h/admin/secret;v=1": "admin", "http://h/shop;jsessionid=1": "public", "http://m/v;a=1/x": "matrix",
		"http://s/a.css": "styles", "http://h/admin;x/secret": "ambiguous_url", "http://h/admin%3Bx/secret": "ambiguous_url",
		"http://s/secret;x.css": "ambiguous_url",
	} {
		d := e.Decide(t.Context(), requestFor(t, "GET", url))
		got := ruleOf(d)
		if d.Err != nil {
			got = d.Err.Code
		}
		if got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}
