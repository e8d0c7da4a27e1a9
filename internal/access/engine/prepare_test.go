package engine

import (
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// What was prepared comes into force as it is, unless something else was loaded meanwhile or is to be; nothing that is in force is closed.
func TestPreparedRules(t *testing.T) {
	var made []*tenantTeller
	k := coreKinds()
	k.Authorizers["teller"] = func(s access.Settings) (access.Authorizer, error) {
		made = append(made, &tenantTeller{})
		return made[len(made)-1], s.Decode(&struct{ A int }{})
	}
	e := New(Options{Kinds: k, Config: DefaultConfig()})
	list := func(id, config string) []access.Rule {
		r := openRule(id, access.Match{URL: "http://h/" + id})
		r.Authorizer = access.HandlerRef{Handler: "teller", Config: []byte(config)}
		return []access.Rule{r}
	}
	closed := func(want ...int32) {
		t.Helper()
		if len(made) != len(want) {
			t.Fatalf("%d handlers were made, and not %d", len(made), len(want))
		}
		for i, n := range want {
			if got := made[i].closed.Load(); got != n {
				t.Errorf("handler %d was closed %d times, and not %d", i, got, n)
			}
		}
	}
	enforce := func(p *Prepared, lists ...[]access.Rule) {
		t.Helper()
		if _, err := e.Enforce(t.Context(), p, lists...); err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	prepare := func(lists ...[]access.Rule) *Prepared {
		t.Helper()
		p, err := e.Prepare(t.Context(), lists...)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}

	first := list("first", `{"A":1}`)
	enforce(prepare(first, nil), first, nil)
	if rules := e.Rules(); len(rules) != 1 || rules[0] != &first[0] {
		t.Fatalf("%v", rules)
	}
	closed(0)

	second, third := list("second", `{"A":2}`), list("third", `{"A":3}`)
	late := prepare(second)
	closed(0, 0)
	loadRules(t, e, third...)
	closed(1, 0, 0)
	enforce(late, second) // is compiled anew, since what it shared is closed
	closed(1, 1, 1, 0)
	other := prepare(third)
	enforce(other, first)
	if rules := e.Rules(); len(rules) != 1 || rules[0].ID != "first" {
		t.Fatalf("%v", rules)
	}
	closed(1, 1, 1, 1, 1, 0)
}

// Who only looks at rules, for as long as it takes, keeps nobody from loading others.
func TestPreparingDelaysNoLoad(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	k := coreKinds()
	k.Authorizers["slow"] = func(access.Settings) (access.Authorizer, error) {
		close(begun)
		<-goOn
		return coreVerdict{}, nil
	}
	e := New(Options{Kinds: k, Config: DefaultConfig()})
	slow := openRule("slow", access.Match{URL: "http://h/slow"})
	slow.Authorizer.Handler = "slow"
	looked := make(chan error)
	go func() {
		_, err := e.Check(t.Context(), []access.Rule{slow})
		looked <- err
	}()
	<-begun
	loaded := make(chan error)
	go func() {
		_, err := e.Load(t.Context(), []access.Rule{openRule("other", access.Match{URL: "http://h/other"})})
		loaded <- err
	}()
	select {
	case err := <-loaded:
		if err != nil || len(e.Rules()) != 1 {
			t.Error(err, e.Rules())
		}
		close(goOn)
	case <-time.After(time.Minute):
		t.Error("rules wait for who looks at others")
		close(goOn)
		<-loaded
	}
	if err := <-looked; err != nil {
		t.Error(err)
	}
}
