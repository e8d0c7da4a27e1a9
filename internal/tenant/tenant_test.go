package tenant

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestContext(t *testing.T) {
	if id, ok := From(context.Background()); ok || id != "" {
		t.Errorf("a tenant out of nothing: %q", id)
	}
	ctx := With(context.Background(), "acme")
	if id, ok := From(ctx); !ok || id != "acme" {
		t.Errorf("%q %v", id, ok)
	}
	if id, _ := From(With(ctx, "other")); id != "other" {
		t.Errorf("the inner tenant must count, not %q", id)
	}
	if _, ok := From(With(ctx, "")); ok {
		t.Error("an empty id is no tenant")
	}
}

func TestResolve(t *testing.T) {
	if id, ok := (Config{}).Resolve("whatever:1"); !ok || id != Default {
		t.Errorf("without configuration: %q %v", id, ok)
	}
	c := Config{{ID: "acme", Hosts: []string{"login.acme.example", "ACME.test"}}, {ID: "v6", Hosts: []string{"[::1]"}}, {ID: "quiet"}}
	if faults := c.Validate(); len(faults) != 1 || !strings.Contains(faults[0].Error(), "[1].hosts[0]") {
		t.Fatalf("faults: %v", faults)
	}
	hosts := c.Hosts()
	for host, want := range map[string]ID{
		"login.acme.example": "acme", "LOGIN.acme.example:443": "acme", "login.acme.example.": "acme", "acme.test": "acme",
		"[::1]:4444": "v6", "evil-login.acme.example": "", "login.acme.example.evil.test": "", "": "", "[": "", ":": "", "a:b:c": "",
	} {
		if id, ok := hosts.Resolve(host); id != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", host, id, ok, want)
		}
	}
}

func TestValidate(t *testing.T) {
	c := Config{
		{ID: "Upper"}, {ID: "a"}, {ID: "a", Hosts: []string{"x.test", "x.test:80", ""}}, {ID: "b", Hosts: []string{"X.test"}}, {ID: ""},
	}
	got := errors.Join(c.Validate()...).Error()
	for _, want := range []string{
		`[0].id: "Upper"`, `[2].id: "a" is listed twice`, `[2].hosts[1]: "x.test:80"`, `[2].hosts[2]: ""`,
		`[3].hosts[0]: "X.test" already belongs to tenant "a"`, `[4].id: ""`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no fault %q in\n%s", want, got)
		}
	}
	for id, want := range map[ID]bool{"a": true, "a-1": true, "-a": false, "a-": false, "a_b": false, "": false, ID(strings.Repeat("a", 64)): false, ID(strings.Repeat("a", 63)): true} {
		if id.Valid() != want {
			t.Errorf("%q valid: %v", id, !want)
		}
	}
	if ids := (Config{}).IDs(); len(ids) != 1 || ids[0] != Default {
		t.Errorf("ids: %v", ids)
	}
	if ids := c[:2].IDs(); len(ids) != 2 || ids[1] != "a" {
		t.Errorf("ids: %v", ids)
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"a.test", "A.TEST:1", "[::1]:1", "[", "::", ".", "a.test.:2"} {
		f.Add(s)
	}
	c := Config{{ID: "a", Hosts: []string{"a.test"}}}
	f.Fuzz(func(t *testing.T, host string) {
		if _, ok := c.Resolve(host); ok {
			bare := strings.ToLower(host)
			if !strings.HasPrefix(strings.Trim(bare, "["), "a.test") {
				t.Errorf("%q is not a host of ours", host)
			}
		}
	})
}
