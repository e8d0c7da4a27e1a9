package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// benchmarkRules are n rules as people write them: hosts of their own, versions and resources by name, identifiers and rests
// by expression.
func benchmarkRules(n int) []access.Rule {
	shapes := []string{
		"https://api%d.example.com/v1/users/<[0-9]+>", "https://api%d.example.com/v1/orders/<[^/]+>/items",
		"<https?>://api%d.example.com/static/<.*>", "https://api%d.example.com/login", "https://www.example.com/app%d/<.*>",
	}
	rules := make([]access.Rule, n)
	for i := range rules {
		rules[i] = openRule(fmt.Sprint("rule-", i), access.Match{URL: fmt.Sprintf(shapes[i%len(shapes)], i/len(shapes)), Methods: []string{"GET", "POST"}})
		rules[i].Authenticators = []access.HandlerRef{{Handler: "anonymous"}}
	}
	return rules
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 1_000, 10_000} {
		e := coreEngine()
		loadRules(b, e, benchmarkRules(n)...)
		requests := map[string]*access.Request{"expression": requestFor(b, "GET", fmt.Sprintf("https://api%d.example.com/v1/users/4711", (n-1)/10))}
		if n > 1 {
			requests["rest"] = requestFor(b, "GET", fmt.Sprintf("https://www.example.com/app%d/a/b/c", n/10))
			requests["literal"] = requestFor(b, "GET", fmt.Sprintf("https://api%d.example.com/login", n/10))
		}
		for name, r := range requests {
			if d := e.Decide(b.Context(), r); d.Err != nil {
				b.Fatal(name, d.Err)
			}
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					e.Decide(b.Context(), r)
				}
			})
		}
		refused := requestFor(b, "GET", "https://nobody.example.com/")
		b.Run(fmt.Sprintf("%d/no rule", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Decide(b.Context(), refused)
			}
		})
	}
}

func BenchmarkDecideParallel(b *testing.B) {
	e := coreEngine()
	loadRules(b, e, benchmarkRules(10_000)...)
	r := requestFor(b, "GET", "https://api1000.example.com/v1/users/4711")
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			e.Decide(b.Context(), r)
		}
	})
}

func BenchmarkParseTarget(b *testing.B) {
	for _, path := range []string{"/v1/users/4711", "/a%20b/../c"} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = target.Parse("https", "api.example.com", path, "a=b", target.Options{})
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	rules := benchmarkRules(10_000)
	e := coreEngine()
	for b.Loop() {
		loadRules(b, e, rules...)
	}
}

// A decision takes one piece of memory for itself and one for the principal, and what its expressions need.
func TestAllocationsOfADecision(t *testing.T) {
	e := coreEngine()
	loadRules(t, e, benchmarkRules(1000)...)
	for url, most := range map[string]float64{
		"https://api7.example.com/v1/users/4711": 2, "https://api7.example.com/v1/orders/a/items": 2, "https://www.example.com/app7/a/b": 2,
		"http://api7.example.com/static/a": 2, "https://api7.example.com/login": 2, "https://nobody.example.com/": 1,
	} {
		r := requestFor(t, "GET", url)
		if d := e.Decide(t.Context(), r); (d.Err != nil) != (most == 1) {
			t.Fatal(url, d.Err)
		}
		ctx := t.Context()
		if got := testing.AllocsPerRun(1000, func() { e.Decide(ctx, r) }); got > most {
			t.Errorf("%s: %v allocations, want at most %v", url, got, most)
		}
	}
}

// Ten thousand rules are loaded, with a look at each pair that could match one request, before anybody gets impatient.
func TestManyRulesAreLoadedInSeconds(t *testing.T) {
	rules := benchmarkRules(10_000)
	begun := testkit.CPUTime(t)
	loadRules(t, coreEngine(), rules...)
	if took := testkit.CPUTime(t) - begun; took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
