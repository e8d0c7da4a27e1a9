package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestConflicts(t *testing.T) {
	url := func(pattern string) Match { return Match{URL: pattern} }
	for name, c := range map[string]struct {
		a, b Match
		// both is a request that both match, "" where there is none.
		both      string
		undecided bool
	}{
		"the same":               {a: url("https://h/a"), b: url("https://h/a"), both: "GET https://h/a"},
		"another path":           {a: url("https://h/a"), b: url("https://h/b")},
		"another host":           {a: url("https://h/<.*>"), b: url("https://i/<.*>")},
		"another scheme":         {a: url("https://h/<.*>"), b: url("http://h/<.*>")},
		"another method":         {a: url("https://h/a"), b: Match{URL: "https://h/a", Methods: []string{"POST"}}},
		"one method in common":   {a: Match{URL: "https://h/a", Methods: []string{"GET", "put"}}, b: Match{URL: "https://h/a", Methods: []string{"POST", "PUT"}}, both: "PUT https://h/a"},
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
		"two ends of hosts":      {a: Match{Hosts: []string{"*.example.com"}}, b: Match{Hosts: []string{"**.b.example.com"}}},
		"an end in another":      {a: Match{Hosts: []string{"**.example.com"}}, b: Match{Hosts: []string{"*.b.example.com"}}, both: "GET http://a.b.example.com/"},
		"templates":              {a: Match{Path: "/users/{id}"}, b: Match{Path: "/users/me"}, both: "GET http://a/users/me"},
		"templates of a depth":   {a: Match{Path: "/users/{id}"}, b: Match{Path: "/users/{id}/x"}},
		"a template and a URL":   {a: Match{Path: "/users/{**}"}, b: url("https://h/<[a-z]+>/7"), both: "GET https://h/users/7"},
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
			a: Match{Path: "/a", Headers: map[string]string{"X-A": "1"}}, b: Match{Path: "/a", Headers: map[string]string{"X-A": "2"}},
		},
		"a header and none": {
			a: Match{Path: "/a", Headers: map[string]string{"X-A": "1"}}, b: Match{Path: "/a"}, both: "GET http://a/a with the header X-A: 1",
		},
		"headers by expressions": {
			a: Match{Path: "/a", Headers: map[string]string{"X-A": "<[0-9]+>"}}, b: Match{Path: "/a", Headers: map[string]string{"X-A": "<[a-z]+>"}},
		},
		"query": {
			a: Match{Path: "/a", Query: map[string]string{"v": "1"}}, b: Match{Path: "/a", Query: map[string]string{"v": "<[1-3]>"}},
			both: "GET http://a/a with the query parameter v: 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, pair := range [][2]Match{{c.a, c.b}, {c.b, c.a}} {
				rules := []Rule{openRule("one", pair[0]), openRule("two", pair[1])}
				report, err := coreEngine().Check(rules)
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
				if _, err := coreEngine().Check(rules); err != nil {
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
	var rules []Rule
	for i, p := range patterns {
		rules = append(rules, openRule(fmt.Sprint("r", i), Match{URL: p}))
	}
	e := coreEngine(useBoth)
	report := loadRules(t, e, rules...)
	if len(report.Conflicts) < 10 {
		t.Errorf("only %d pairs were found", len(report.Conflicts))
	}
	for _, c := range report.Conflicts {
		method, url, _ := strings.Cut(c.Request, " ")
		d := e.Decide(t.Context(), requestFor(t, method, url))
		if !errors.Is(d.Err, ErrManyRules) || d.Err.Kind.Status() != 500 {
			t.Errorf("%v: %s", c, ruleOf(d))
		}
	}
}

func TestManyConflictsAreNamedInPart(t *testing.T) {
	var rules []Rule
	for i := range 200 {
		rules = append(rules, openRule(fmt.Sprint("r", i), Match{Path: "/{any}"}))
	}
	begun := time.Now()
	_, err := coreEngine().Check(rules)
	faults := Faults{}
	if !errors.As(err, &faults) || len(faults) != maxConflicts+1 {
		t.Fatalf("%d faults", len(faults))
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

// A search without an end in sight is given up, and the pair is reported.
func TestUndecidedByEffort(t *testing.T) {
	report, err := coreEngine().Check([]Rule{
		openRule("a", Match{URL: "https://h/<(.{0,300}a.{0,300}){3}b>"}), openRule("b", Match{URL: "https://h/<(.{0,300}b.{0,300}){3}c>"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Conflict{{A: "a", B: "b"}}, report.Undecided); diff != "" {
		t.Error(diff)
	}
}

// The search over all pairs ends, and says where it did before its end.
func TestIncompleteSearch(t *testing.T) {
	c := &conflicts{states: maxConflictStates + 1, index: index{}, looked: map[[2]*compiled]bool{}}
	one := &compiled{rule: &Rule{}, methods: []string{"GET"}}
	p, err := compileURL("https://h/<a|b>", "regexp")
	if err != nil {
		t.Fatal(err)
	}
	e := &entry{one, p}
	c.index.add("GET", e)
	if c.near("GET", e) || !c.incomplete {
		t.Error("goes on")
	}
}

// Priority says nothing between tenants: otherwise whoever may write rules for one could take the requests of another.
func TestPriorityIsOneTenants(t *testing.T) {
	low, high := openRule("low", Match{URL: "https://h/<.*>"}), openRule("high", Match{URL: "https://h/a"})
	low.Tenant, high.Tenant, high.Priority = "acme", "evil", 100
	orders := [][]Rule{{low, high}, {high, low}}
	for _, rules := range orders {
		var faults Faults
		if _, err := coreEngine().Load(t.Context(), rules); !errors.As(err, &faults) || !strings.Contains(faults[0].Message, "GET https://h/a: they belong to two tenants") {
			t.Errorf("loaded: %v", err)
		}
		e := coreEngine(useBoth)
		report := loadRules(t, e, rules...)
		if len(report.Conflicts) != 1 {
			t.Errorf("%+v", report)
		}
		if d := e.Decide(t.Context(), requestFor(t, "GET", "https://h/a")); d.Err == nil || d.Err.Code != ErrManyRules.Code {
			t.Errorf("%v %v", ruleOf(d), d.Err)
		}
		if d := e.Decide(t.Context(), requestFor(t, "GET", "https://h/b")); ruleOf(d) != "low" {
			t.Errorf("%v %v", ruleOf(d), d.Err)
		}
	}
	high.Tenant = "acme"
	if d := func() *Decision {
		e := coreEngine()
		loadRules(t, e, low, high)
		return e.Decide(t.Context(), requestFor(t, "GET", "https://h/a"))
	}(); ruleOf(d) != "high" {
		t.Errorf("%v %v", ruleOf(d), d.Err)
	}
}
