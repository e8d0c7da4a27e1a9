package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestConflicts(t *testing.T) {
	url := func(pattern string) access.Match { return access.Match{URL: pattern} }
	for name, c := range map[string]struct {
		a, b access.Match
		// both is a request that both match, "" where there is none.
		both      string
		undecided bool
	}{
		"the same":               {a: url("https://h/a"), b: url("https://h/a"), both: "GET https://h/a"},
		"another path":           {a: url("https://h/a"), b: url("https://h/b")},
		"another host":           {a: url("https://h/<.*>"), b: url("https://i/<.*>")},
		"another scheme":         {a: url("https://h/<.*>"), b: url("http://h/<.*>")},
		"another method":         {a: url("https://h/a"), b: access.Match{URL: "https://h/a", Methods: []string{"POST"}}},
		"one method in common":   {a: access.Match{URL: "https://h/a", Methods: []string{"GET", "put"}}, b: access.Match{URL: "https://h/a", Methods: []string{"POST", "PUT"}}, both: "PUT https://h/a"},
		"a literal and any":      {a: url("https://h/admin"), b: url("https://h/<.*>"), both: "GET https://h/admin"},
		"a segment and a rest":   {a: url("https://h/<[^/]+>/x"), b: url("https://h/a/<.*>"), both: "GET https://h/a/x"},
		"digits and letters":     {a: url("https://h/<[0-9]+>"), b: url("https://h/<[a-z]+>")},
		"empty is in both":       {a: url("https://h/<[0-9]*>"), b: url("https://h/<[a-z]*>"), both: "GET https://h/"},
		"letters that overlap":   {a: url("https://h/<[a-m]+>"), b: url("https://h/<[m-z]+>"), both: "GET https://h/m"},
		"by length":              {a: url("https://h/<.{3}>"), b: url("https://h/<.{4}>")},
		"by end":                 {a: url("https://h/<.*>.png"), b: url("https://h/<.*>.jpg")},
		"by end and beginning":   {a: url("https://h/a<.*>"), b: url("https://h/<.*>.jpg"), both: "GET https://h/a.jpg"},
		"without case":           {a: url("https://h/<(?i)admin>"), b: url("https://h/<[A-Z]+>"), both: "GET https://h/ADMIN"},
		"the host is open":       {a: url("https://<.*>/a"), b: url("https://h/a"), both: "GET https://h/a"},
		"two hosts below":        {a: url("https://<[a-z]+>.example.com/"), b: url("https://a.<[a-z]+>.com/"), both: "GET https://a.example.com/"},
		"two ends of hosts":      {a: access.Match{Hosts: []string{"*.example.com"}}, b: access.Match{Hosts: []string{"**.b.example.com"}}},
		"an end in another":      {a: access.Match{Hosts: []string{"**.example.com"}}, b: access.Match{Hosts: []string{"*.b.example.com"}}, both: "GET http://a.b.example.com/"},
		"templates":              {a: access.Match{Path: "/users/{id}"}, b: access.Match{Path: "/users/me"}, both: "GET http://a/users/me"},
		"templates of a depth":   {a: access.Match{Path: "/users/{id}"}, b: access.Match{Path: "/users/{id}/x"}},
		"a template and a URL":   {a: access.Match{Path: "/users/{**}"}, b: url("https://h/<[a-z]+>/7"), both: "GET https://h/users/7"},
		"only at a dot segment":  {a: url("https://h/<\\.\\.?>"), b: url("https://h/<.*>")},
		"only with a double //":  {a: url("https://h/a<.>/b"), b: url("https://h/a//b")},
		"anchors":                {a: url("https://h/<a$>/b"), b: url("https://h/<.*>")},
		"word boundaries":        {a: url("https://h/<a\\b.*>"), b: url("https://h/ab<.*>")},
		"word boundaries, both":  {a: url("https://h/<a\\b.*>"), b: url("https://h/a<.b>"), both: "GET https://h/a-b"},
		"looking ahead":          {a: url("https://h/<(?!protected).*>"), b: url("https://h/protected<.*>"), undecided: true},
		"looking ahead, both":    {a: url("https://h/<(?!protected).*>"), b: url("https://h/pro<.*>"), both: "GET https://h/pro"},
		"looking ahead, letters": {a: url("https://h/<(?!a)[a-z]+>"), b: url("https://h/<[a-z]+>"), both: "GET https://h/b"},
		"looking ahead, apart":   {a: url("https://h/<(?!a)[a-z]+>"), b: url("https://h/<[0-9]+>")},
		"headers": {
			a: access.Match{Path: "/a", Headers: map[string]string{"X-A": "1"}}, b: access.Match{Path: "/a", Headers: map[string]string{"X-A": "2"}},
		},
		"a header and none": {
			a: access.Match{Path: "/a", Headers: map[string]string{"X-A": "1"}}, b: access.Match{Path: "/a"}, both: "GET http://a/a with the header X-A: 1",
		},
		"headers by expressions": {
			a: access.Match{Path: "/a", Headers: map[string]string{"X-A": "<[0-9]+>"}}, b: access.Match{Path: "/a", Headers: map[string]string{"X-A": "<[a-z]+>"}},
		},
		"query": {
			a: access.Match{Path: "/a", Query: map[string]string{"v": "1"}}, b: access.Match{Path: "/a", Query: map[string]string{"v": "<[1-3]>"}},
			both: "GET http://a/a with the query parameter v: 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, pair := range [][2]access.Match{{c.a, c.b}, {c.b, c.a}} {
				rules := []access.Rule{openRule("one", pair[0]), openRule("two", pair[1])}
				report, err := coreEngine().Check(t.Context(), rules)
				if c.both == "" {
					if err != nil {
						t.Fatal(err)
					}
					if (len(report.Undecided) > 0) != c.undecided {
						t.Errorf("undecided: %v", report.Undecided)
					}
					continue
				}
				if err == nil {
					t.Fatal("not found")
				}
				if !strings.Contains(err.Error(), "rule one: match: matches the same requests as the rule two, for example "+c.both+":") {
					t.Error(err)
				}
				rules[1].Priority = 1
				if _, err := coreEngine().Check(t.Context(), rules); err != nil {
					t.Errorf("with another priority: %v", err)
				}
			}
		})
	}
}

// What is reported as a conflict is one: the request is answered with ErrManyRules where such rules are let in.
func TestConflictsAreReal(t *testing.T) {
	patterns := []string{
		"https://h/<.*>", "<https?>://<[^/]+>/<[^/]*>/<.*>", "http://<.*>.example.com/<[a-z]{2,3}>", "http://a.<.*>", "<.*>",
		"http://a.example.com/<(?!x).*>", "http://<[a-c]>.example.com/<(?i)AB>", "https://h/<a|b|>/<.?>", "http://<.+>/<.+>.html",
		"https://[::1]:80<8?0>/<.*>", "https://h/<[^a]+>/é<.*>", "https://h:1<[0-9]>/",
	}
	var rules []access.Rule
	for i, p := range patterns {
		rules = append(rules, openRule(fmt.Sprint("r", i), access.Match{URL: p}))
	}
	e := coreEngine(useBoth)
	report := loadRules(t, e, rules...)
	if len(report.Conflicts) < 10 {
		t.Errorf("only %d pairs were found", len(report.Conflicts))
	}
	for _, c := range report.Conflicts {
		method, url, _ := strings.Cut(c.Request, " ")
		d := e.Decide(t.Context(), requestFor(t, method, url))
		if !errors.Is(d.Err, access.ErrManyRules) || d.Err.Kind.Status() != 500 {
			t.Errorf("%v: %s", c, ruleOf(d))
		}
	}
}

func TestManyConflictsAreNamedInPart(t *testing.T) {
	var rules []access.Rule
	for i := range 200 {
		rules = append(rules, openRule(fmt.Sprint("r", i), access.Match{Path: "/{any}"}))
	}
	begun := testkit.CPUTime(t)
	_, err := coreEngine().Check(t.Context(), rules)
	faults := access.Faults{}
	if !errors.As(err, &faults) || len(faults) != maxConflicts+1 {
		t.Fatalf("%d faults", len(faults))
	}
	if took := testkit.CPUTime(t) - begun; took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

// A search without an end in sight is given up, and the pair is reported.
func TestUndecidedByEffort(t *testing.T) {
	report, err := coreEngine().Check(t.Context(), []access.Rule{
		openRule("a", access.Match{URL: "https://h/<(.{0,300}a.{0,300}){3}b>"}), openRule("b", access.Match{URL: "https://h/<(.{0,300}b.{0,300}){3}c>"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Conflict{{A: "a", B: "b", Tenant: tenant.Default}}, report.Undecided); diff != "" {
		t.Error(diff)
	}
}

// The search over all pairs ends, and says where it did before its end. Between two tenants it then refuses: no tenant has others
// pay for what it wrote.
func TestIncompleteSearch(t *testing.T) {
	all := []access.Rule{openRule("a", access.Match{URL: "https://h/<a|b>"}), openRule("b", access.Match{URL: "https://h/<[b-c]>"})}
	for _, other := range []tenant.ID{"", "acme"} {
		all[1].Tenant = other
		x, entries := indexed(t, all)
		c := newConflicts(t.Context(), x, nil)
		c.between, c.work[tenant.Default] = other != "", maxConflictWork+1
		if c.all(entries); (c.beyond != nil) != (other == "") || len(c.shared) != len(other)/4 || len(c.found)+len(c.undecided) > 0 {
			t.Errorf("%q: %+v", other, c)
		}
		clear(c.work)
		clear(c.looked)
		if c.all(entries); len(c.found)+len(c.shared) == 0 {
			t.Errorf("%q: %+v", other, c)
		}
	}
}

// heavyRules take long to compare, by the clock of a slow machine: each pair is matched by backtracking.
func heavyRules(n int) []access.Rule {
	rules := make([]access.Rule, n)
	for i := range rules {
		rules[i] = openRule(fmt.Sprint("heavy-", i), access.Match{URL: fmt.Sprintf("http://h.example.com/<(?!z)[a-z]+%d>x", 1000+i)})
	}
	return rules
}

// slowClock is the clock of a machine on which everything takes a second.
func slowClock() func() time.Time {
	clock := &testkit.Clock{}
	return func() time.Time {
		clock.Advance(time.Second)
		return clock.Now()
	}
}

// Rules that take too long to compare are refused and named, and not let in unseen; who wants Oathkeeper's way has it.
func TestHeavyRulesAreNamed(t *testing.T) {
	light := openRule("light", access.Match{URL: "http://other.example.com/<[a-z]+>"})
	slow := func(o *Options) { o.Now = slowClock() }
	_, err := coreEngine(slow).Check(t.Context(), append(heavyRules(300), light))
	faults := access.Faults{}
	if !errors.As(err, &faults) || len(faults) != maxCostly {
		t.Fatal(err)
	}
	for _, f := range faults {
		if !strings.HasPrefix(f.Rule, "heavy-") || f.Path != "match" || !strings.Contains(f.Message, "takes so long to compare") {
			t.Errorf("%+v", f)
		}
	}
	if report, err := coreEngine(slow).Check(t.Context(), append(heavyRules(3), light)); err != nil || report.Incomplete {
		t.Errorf("a few: %v", err)
	}
	if report, err := coreEngine(slow, useBoth).Check(t.Context(), heavyRules(300)); err != nil || !report.Incomplete {
		t.Errorf("as Oathkeeper has it: %v", err)
	}
}

// BenchmarkConflicts says what a step of the search takes, by which maxConflictWork is some seconds.
func BenchmarkConflicts(b *testing.B) {
	steps := 0
	for b.Loop() {
		rules := make([]access.Rule, 10)
		for i := range rules {
			rules[i] = openRule(fmt.Sprint("r", i), access.Match{URL: fmt.Sprintf("http://h.example.com/<(.{0,30}a.{0,30}){3}%d>x", 1000+i)})
		}
		x, entries := indexed(b, rules)
		c := newConflicts(b.Context(), x, nil)
		c.all(entries)
		steps += c.work[tenant.Default]
	}
	b.ReportMetric(float64(b.Elapsed())/float64(steps), "ns/step")
}

// What backtracking takes is paid for by the clock: nobody counts its steps.
func TestBacktrackingIsPaidFor(t *testing.T) {
	x, entries := indexed(t, []access.Rule{
		openRule("a", access.Match{URL: "https://h/<(?!a)[a-z]+>"}), openRule("b", access.Match{URL: "https://h/<(?!b)[0-9]+>"}),
		openRule("c", access.Match{URL: "https://i/<[a-z]+>"}), openRule("d", access.Match{URL: "https://i/<[0-9]+>"}),
	})
	c := newConflicts(t.Context(), x, slowClock())
	c.all(entries)
	for r, cost := range c.costs {
		if paid := cost >= int(time.Second/conflictStep); paid != strings.Contains("ab", r.rule.ID) {
			t.Errorf("%s: %d", r.rule.ID, cost)
		}
	}
	if len(c.costs) != 4 || c.work[tenant.Default] < int(time.Second/conflictStep) {
		t.Errorf("%v %v", c.costs, c.work)
	}
}

// indexed compiles rules without looking for conflicts.
func indexed(t testing.TB, rules []access.Rule) (*index, []entry) {
	t.Helper()
	c := newCompiler(&Options{Kinds: coreKinds(), Config: DefaultConfig()}, nil)
	c.all(t.Context(), [][]access.Rule{rules})
	if len(c.faults) > 0 {
		t.Fatal(c.faults)
	}
	x := newIndex()
	x.addAll(c.entries)
	return x, c.entries
}

// Priority says nothing between tenants: otherwise whoever may write rules for one could take the requests of another. Each is
// told of its own rule, and nothing of the other's.
func TestTenantsAreApart(t *testing.T) {
	low := openRule("low", access.Match{URL: "https://victim.example.com/<secret>"})
	low.Tenant = "acme"
	for name, c := range map[string]struct {
		match access.Match
		apart bool
	}{
		"the same request":         {match: access.Match{URL: "https://<[^/]+>/<.*>"}},
		"everything":               {match: access.Match{URL: "<.*>"}},
		"by look-around":           {match: access.Match{URL: "https://<(?!nobody)[a-z.]+>/<(?=x)s.*>"}},
		"by another host":          {match: access.Match{URL: "https://evil.example.com/<.*>"}, apart: true},
		"by another path":          {match: access.Match{URL: "https://<[^/]+>/evil/<.*>"}, apart: true},
		"by header":                {match: access.Match{URL: "https://<[^/]+>/<.*>", Headers: map[string]string{"X-Evil": "1"}}},
		"by look-around elsewhere": {match: access.Match{URL: "https://evil.example.com/<(?!a).*>"}, apart: true},
	} {
		for _, config := range []func(*Options){func(*Options) {}, useBoth} {
			high := openRule("high", c.match)
			high.Tenant, high.Priority = "evil", 100
			for _, rules := range [][]access.Rule{{low, high}, {high, low}} {
				var faults access.Faults
				_, err := coreEngine(config).Load(t.Context(), rules)
				if c.apart != (err == nil) {
					t.Fatalf("%s: %v", name, err)
				}
				if errors.As(err, &faults); c.apart {
					continue
				}
				if len(faults) != 2 || faults.By("evil").Error() == "" || faults.By("acme").Error() == "" {
					t.Errorf("%s: %v", name, err)
				}
				if told := faults.By("evil").Error(); strings.Contains(told, "low") || strings.Contains(told, "victim") || strings.Contains(told, "acme") || strings.Contains(told, "secret") {
					t.Errorf("%s: the writer is told %s", name, told)
				}
			}
		}
	}
	long := []access.Rule{openRule("a", access.Match{URL: "https://h/<(.{0,300}a.{0,300}){3}b>"}), openRule("b", access.Match{URL: "https://h/<(.{0,300}b.{0,300}){3}c>"})}
	long[0].Tenant = "acme"
	if _, err := coreEngine().Check(t.Context(), long); err == nil || !strings.Contains(err.Error(), "cannot be told apart from a rule of another tenant") {
		t.Error(err)
	}
	high := openRule("high", access.Match{URL: "https://victim.example.com/<.*>"})
	high.Tenant, high.Priority = "acme", 100
	e := coreEngine()
	loadRules(t, e, low, high)
	if d := e.Decide(t.Context(), requestFor(t, "GET", "https://victim.example.com/secret")); ruleOf(d) != "high" {
		t.Errorf("%v %v", ruleOf(d), d.Err)
	}
}

// A dry run ends with who asked for it, however many rules there are.
func TestACheckEndsWithItsCaller(t *testing.T) {
	rules := make([]access.Rule, 50)
	for i := range rules { // each pair is looked at for some ten milliseconds
		rules[i] = openRule(fmt.Sprint("r", i), access.Match{URL: fmt.Sprintf("https://h/<(.{0,300}a.{0,300}){3}%d>", i)})
	}
	x, all := indexed(t, rules)
	asked := 0
	c := newConflicts(t.Context(), x, nil)
	c.ended = func() error {
		if asked++; asked > 60 {
			return context.Canceled
		}
		return nil
	}
	if c.all(all); c.work[tenant.Default] > 60*16_000_000 || asked < 60 || asked > 200 {
		t.Errorf("asked %d times, and %d steps were gone", asked, c.work[tenant.Default])
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := coreEngine().Check(ctx, rules); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	e := coreEngine()
	if _, err := e.Load(ctx, rules[:1]); err != nil || len(e.Rules()) != 1 {
		t.Errorf("rules that are to come into force were left half-way: %v", err)
	}
}

// Were two tenants' rules to match after all, the log would name both.
func TestManyRulesNameBoth(t *testing.T) {
	for _, priorities := range [][2]int{{0, 9}, {9, 0}, {3, 3}} {
		rules := []access.Rule{openRule("one", access.Match{URL: "https://h/a"}), openRule("two", access.Match{URL: "https://h/<.*>"})}
		rules[0].Tenant, rules[0].Priority, rules[1].Tenant, rules[1].Priority = "acme", priorities[0], "evil", priorities[1]
		x, _ := indexed(t, rules)
		d := (&ruleSet{index: x}).decide(t.Context(), requestFor(t, "GET", "https://h/a"), nil)
		if !errors.Is(d.Err, access.ErrManyRules) || !strings.Contains(d.Err.Unwrap().Error(), "acme/one") || !strings.Contains(d.Err.Unwrap().Error(), "evil/two") {
			t.Errorf("%v: %v", d.Err, d.Err.Unwrap())
		}
	}
}
