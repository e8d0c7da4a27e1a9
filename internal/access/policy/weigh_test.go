package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// An expression whose types grow with each loop is refused before they are checked, which would take longer than anybody waits; those
// that people write are not.
func TestTypesThatGrow(t *testing.T) {
	chain := func(loops int, body func(x string) string) string {
		made := "[]"
		for i := range loops {
			x := fmt.Sprint("x", i)
			made = fmt.Sprintf("[%s].map(%s, %s)", made, x, body(x))
		}
		return "size(" + made + ") == 0"
	}
	twice := func(x string) string { return "{" + x + ":" + x + "}" }
	deep := func(n int) func(string) string {
		return func(x string) string { return strings.Repeat("{"+x+":", n) + x + strings.Repeat("}", n) }
	}
	tree := func(x string) string {
		for range 5 {
			x = twice(x)
		}
		return x
	}
	for expression, refused := range map[string]bool{
		chain(20, twice):   true,
		chain(60, twice):   true,
		chain(3, deep(10)): true,
		chain(3, tree):     true,
		chain(2, deep(60)): true,
		"size(" + strings.Repeat("{1:", 200) + "{}" + strings.Repeat("}", 200) + ") == 0": true,

		chain(3, twice):                                                                                             false,
		"true" + strings.Repeat(" && true", 900):                                                                    false,
		"false" + strings.Repeat(" || request.method == 'GET'", 280):                                                false,
		"request.method in [" + strings.Repeat("'GET',", 1000) + "'POST']":                                          false,
		`claims.roles.filter(r, r != "").map(r, r + "x").exists(r, r == "adminx")`:                                  false,
		`claims.groups.exists(g, scopes.exists(s, request.headers.exists(h, h == g && s == g && g in ["a", "b"])))`: false,
		"size(" + strings.Repeat("[", 60) + "1" + strings.Repeat("]", 60) + ") == 1":                                false,
	} {
		begun := testkit.CPUTime(t)
		if _, err := try(t, expression, ""); (err != nil) != refused || err != nil && !strings.Contains(err.Error(), "too many maps and lists") {
			t.Errorf("%.80s: %v", expression, err)
		}
		if took := testkit.CPUTime(t) - begun; took > 5*time.Second {
			t.Errorf("%.80s: takes %s", expression, took)
		}
	}
}
