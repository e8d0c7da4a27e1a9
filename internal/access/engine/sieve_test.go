package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

func sieved(id, url string) *access.Rule {
	return &access.Rule{
		ID: id, Source: "api:test", Match: access.Match{URL: url, Methods: []string{"GET"}},
		Authenticators: []access.HandlerRef{{Handler: "noop"}}, Authorizer: access.HandlerRef{Handler: "allow"},
	}
}

// The hosts of a pattern are never fewer than those that it matches.
func TestSieveHosts(t *testing.T) {
	for _, test := range []struct {
		strategy, url string
		hosts         []string
	}{
		{"regexp", "https://API.example.com/<.*>", []string{"api.example.com"}},
		{"regexp", "<https?>://api.example.com:8443/", []string{"api.example.com:8443"}},
		{"regexp", "http://<[a-z]+>.example.com/<.*>", []string{"**.example.com"}},
		{"regexp", "http://<(a|b)>.c.example.com/", []string{"**.c.example.com"}},
		{"regexp", "http://x<[a-z]*>y.example.com/", []string{"**.example.com"}},
		{"regexp", `http://<[a-z]+\.example\.com>/`, []string{"**"}},
		{"regexp", "http://api.example.<com|org>/", []string{"**"}},
		{"regexp", "<.*>", []string{"**"}},
		{"regexp", "<.*>api.example.com/", []string{"**"}},
		{"regexp", "http<.*>.example.com/", []string{"**"}},
		{"regexp", "http://<.*>", []string{"**"}},
		{"regexp", "http://<.*>.example.com/<.*>", []string{"**"}}, // it may match a slash, so that what follows may be path
		{"glob", "http://<*>.example.com/<**>", []string{"**.example.com"}},
		{"glob", "http://<{a,b}>/x", []string{"**"}},
	} {
		g := NewSieve(t.Context(), test.strategy, nil).Read(sieved("r", test.url))
		if len(g.Faults) > 0 || !slices.Equal(g.Hosts, test.hosts) {
			t.Errorf("%s %s: %v %v, and not %v", test.strategy, test.url, g.Hosts, g.Faults, test.hosts)
		}
	}
	r := sieved("r", "")
	r.Match.Hosts, r.Match.Path = []string{"a.example.com", "*.b.example.com", "**"}, "/{**}"
	if g := NewSieve(t.Context(), "regexp", nil).Read(r); !slices.Equal(g.Hosts, []string{"a.example.com", "**.b.example.com", "**"}) {
		t.Errorf("match.hosts: %v %v", g.Hosts, g.Faults)
	}
}

// Of rules that match the same requests the first one stays, and the others are told which.
func TestSieveKeeps(t *testing.T) {
	s := NewSieve(t.Context(), "regexp", nil)
	for _, test := range []struct{ id, url, rival string }{
		{"one", "http://a.example.com/<.*>", ""},
		{"two", "http://b.example.com/<[0-9]+>", ""},
		{"three", "http://a.example.com/x", "one"},
		{"four", "http://a.example.com/<[a-z]+>", "one"}, // and not three, which is not there
		{"five", "<https?>://<[a-z]>.example.com/7", "one"},
		{"six", "http://b.example.com/x", ""},
		{"seven", "http://b.example.com/<[0-9x]+>", "two"},
		{"eight", "http://never.example.com", ""},
		{"nine", "http://never.example.com", ""},
	} {
		g := s.Read(sieved(test.id, test.url))
		if len(g.Faults) > 0 {
			t.Fatalf("%s: %v", test.id, g.Faults)
		}
		switch rival := s.Keep(g, ""); {
		case (rival == nil) != (test.rival == ""):
			t.Errorf("%s: %+v, and not %q", test.id, rival, test.rival)
		case rival != nil && (rival.Other.ID != test.rival || !strings.HasPrefix(rival.Request, "GET http")):
			t.Errorf("%s: %s for %s, and not %s", test.id, rival.Other.ID, rival.Request, test.rival)
		}
	}
}

// What a sieve keeps, an engine loads.
func TestSieveAgreesWithEngine(t *testing.T) {
	s := NewSieve(t.Context(), "regexp", nil)
	var kept []access.Rule
	for i := range 300 {
		r := sieved(fmt.Sprint("r", i), fmt.Sprintf("http://h%d.example.com/%s<[0-9]*>/<.*>", i%7, strings.Repeat("a", i%13)))
		g := s.Read(r)
		if len(g.Faults) > 0 {
			t.Fatal(g.Faults)
		}
		if s.Keep(g, "") == nil {
			kept = append(kept, *r)
		}
	}
	if len(kept) != 7*13 {
		t.Errorf("%d rules were kept", len(kept))
	}
	e := New(Options{Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"noop": func(access.Settings) (access.Authenticator, error) { return nil, nil }},
	}})
	_, err := e.Check(t.Context(), kept)
	if err != nil && strings.Contains(err.Error(), "same requests") {
		t.Error(err)
	}
}

// A rule that takes too long to compare is not kept, and keeps no other owner's from being compared. What is kept, a server loads.
func TestSieveOfHeavyRules(t *testing.T) {
	s := NewSieve(t.Context(), "regexp", slowClock())
	var kept []access.Rule
	unseen := 0
	for i, r := range heavyRules(30) {
		r.Source = "api:test"
		g := s.Read(&r)
		rival := s.Keep(g, "heavy")
		switch {
		case len(g.Faults) > 0 || rival != nil && (rival.Request != "" || !strings.HasPrefix(rival.Other.ID, "heavy-")):
			t.Fatalf("%d: %v %+v", i, g.Faults, rival)
		case rival != nil:
			unseen++
		default:
			kept = append(kept, r)
		}
	}
	if unseen == 0 || len(kept) < 5 {
		t.Errorf("%d rules were kept, and %d not", len(kept), unseen)
	}
	for _, test := range []struct{ url, request string }{
		{"http://i.example.com/<[0-9]+>", ""}, {"http://i.example.com/<[0-9a]+>", "GET http://i.example.com/0"}, {"http://h.example.com/<[0-9]{1,3}>x", ""},
	} {
		rival := s.Keep(s.Read(sieved(test.url, test.url)), "light")
		if (rival != nil) != (test.request != "") || rival != nil && rival.Request != test.request {
			t.Errorf("%s: %+v", test.url, rival)
		}
	}
	if _, err := coreEngine(func(o *Options) { o.Now, o.API.Backtracking = slowClock(), true }).Check(t.Context(), kept); err != nil {
		t.Error(err)
	}
}

// What nobody's server takes is refused.
func TestSieveFaults(t *testing.T) {
	for path, change := range map[string]func(*access.Rule){
		"match.url":          func(r *access.Rule) { r.Match.URL = "http://a.example.com/<[>" },
		"match.methods[0]":   func(r *access.Rule) { r.Match.Methods = []string{"G T"} },
		"match.methods":      func(r *access.Rule) { r.Match.Methods = slices.Repeat([]string{"GET"}, maxMethods+1) },
		"upstream.url":       func(r *access.Rule) { r.Upstream.URL = "backend" },
		"authenticators":     func(r *access.Rule) { r.Authenticators = nil },
		"authorizer.handler": func(r *access.Rule) { r.Authorizer.Handler = "" },
		"mutators[0].config": func(r *access.Rule) { r.Mutators = []access.HandlerRef{{Handler: "noop", Config: []byte(`[]`)}} },
		"errors[0].config.x[0]": func(r *access.Rule) {
			r.Errors = []access.ErrorHandler{{Handler: "json", Config: []byte(`{"x":["file:///etc/x"]}`)}}
		},
		"authenticators[0].config.jwks_urls": func(r *access.Rule) { r.Authenticators[0].Config = []byte(`{"jwks_urls":" FILE:///etc/x"}`) },
	} {
		r := sieved("r", "http://a.example.com/")
		change(r)
		g := NewSieve(t.Context(), "regexp", nil).Read(r)
		if len(g.Faults) != 1 || g.Faults[0].Path != path || g.Faults[0].Rule != "r" {
			t.Errorf("%s: %+v", path, g.Faults)
		}
	}
}

func BenchmarkSieve(b *testing.B) {
	var rules []*access.Rule
	for i := range 10_000 {
		rules = append(rules, sieved(fmt.Sprint("r", i), fmt.Sprintf("<https?>://h%d.example.com/path-%d/<[0-9]+>/<.*>", i%100, i)))
	}
	for b.Loop() {
		s := NewSieve(b.Context(), "regexp", nil)
		for _, r := range rules {
			if s.Keep(s.Read(r), "") != nil {
				b.Fatal("a conflict")
			}
		}
	}
}
