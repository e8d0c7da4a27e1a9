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

func TestFindByHost(t *testing.T) {
	if f := NewDirectory(nil, "").List().Find("whatever:1", "/"); f.Tenant == nil || f.Tenant.ID != Default || f.Tenant.Source != BuiltIn {
		t.Errorf("without configuration: %v", f)
	}
	c := Config{{ID: "acme", Hosts: []string{"login.acme.example", "ACME.test"}}, {ID: "v6", Hosts: []string{"[::1]"}}, {ID: "quiet"}}
	if faults := c.Validate(); len(faults) != 1 || !strings.Contains(faults[0].Error(), "[1].hosts[0]") {
		t.Fatalf("faults: %v", faults)
	}
	list := NewDirectory(c, "").List()
	for host, want := range map[string]ID{
		"login.acme.example": "acme", "LOGIN.acme.example:443": "acme", "login.acme.example.": "acme", "acme.test": "acme",
		"[::1]:4444": "v6", "evil-login.acme.example": "", "login.acme.example.evil.test": "", "": "", "[": "", ":": "", "a:b:c": "",
	} {
		f := list.Find(host, "/oauth2/auth")
		if got := idOf(f); got != want || f.Prefix != "" {
			t.Errorf("%q: %q %q, want %q", host, got, f.Prefix, want)
		}
	}
}

func idOf(f Found) ID {
	if f.Tenant == nil {
		return ""
	}
	return f.Tenant.ID
}

func TestFindByPrefix(t *testing.T) {
	d := NewDirectory(Config{{ID: "main", Hosts: []string{"id.example.com", "x.test"}}, {ID: "acme", PathPrefix: "/t/acme"}}, "ID.example.com:443")
	d.Set([]Tenant{{ID: "deep", State: Active, Prefix: "/a/b/c/d"}, {ID: "gone", State: Deleting, Prefix: "/t/gone"}, {ID: "asleep", State: Suspended, Prefix: "/t/asleep"}})
	for request, want := range map[string]string{
		"id.example.com /t/acme/oauth2/auth": "acme /t/acme", "id.example.com:443 /t/acme": "acme /t/acme", "id.example.com /t/acmes/": "main ", "id.example.com /t": "main ",
		"id.example.com /oauth2/t/acme": "main ", "x.test /t/acme/": "main ", "nobody.test /t/acme/": "acme /t/acme", "nobody.test /": " ",
		"id.example.com /a/b/c/d/e": "deep /a/b/c/d", "id.example.com /a/b/c": "main ", "id.example.com /a/b/c/d": "deep /a/b/c/d", "id.example.com //t/acme": "main ",
		"id.example.com /t/gone/x": "main ", "id.example.com /t/asleep/x": "asleep /t/asleep", "id.example.com ": "main ", "id.example.com *": "main ",
	} {
		host, path, _ := strings.Cut(request, " ")
		f := d.List().Find(host, path)
		if got := string(idOf(f)) + " " + f.Prefix; got != want {
			t.Errorf("%q: %q, want %q", request, got, want)
		}
	}
}

// TestDefaultStaysAway: once it is deleted, or reached in a way of its own, it does not get what is nobody's.
func TestDefaultStaysAway(t *testing.T) {
	d := NewDirectory(nil, "id.example.com")
	for _, c := range []struct {
		stored Tenant
		want   ID
	}{
		{Tenant{ID: "other", State: Active, Hosts: []string{"other.test"}}, Default},
		{Tenant{ID: Default, State: Active}, Default},
		{Tenant{ID: Default, State: Suspended}, Default},
		{Tenant{ID: Default, State: Active, Hosts: []string{"d.test"}}, ""},
		{Tenant{ID: Default, State: Deleting}, ""},
		{Tenant{ID: Default, State: Deleted}, ""},
	} {
		d.Set([]Tenant{c.stored})
		if got := idOf(d.List().Find("nobody.test", "/")); got != c.want {
			t.Errorf("%+v: %q, want %q", c.stored, got, c.want)
		}
	}
	if got := d.List().Present(); len(got) != 0 {
		t.Errorf("present: %v", got)
	}
	d = NewDirectory(Config{{ID: "a", Hosts: []string{"a.test"}}}, "")
	d.Set([]Tenant{{ID: "a", State: Deleted}, {ID: "b", State: Suspended, Hosts: []string{"a.test", "b.test"}}})
	list := d.List()
	if got := list.Present(); len(got) != 2 || got[0] != "a" || list.Get(Default) != nil || !d.Declared("a") || d.Declared("b") {
		t.Errorf("%v", got)
	}
	if held := list.Held(); len(held) != 1 || held[0] != "b" || list.Served("b") || !list.Served("a") || list.Served("c") {
		t.Errorf("%v", held)
	}
	if got := idOf(list.Find("a.test", "/")); got != "a" {
		t.Errorf("what the configuration gives goes to %q", got)
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
	places := Config{
		{ID: "a", PathPrefix: "/t/a"}, {ID: "b", PathPrefix: "/t"}, {ID: "c", PathPrefix: "/oauth2/x"}, {ID: "d", PathPrefix: "/t/d", Hosts: []string{"d.test"}},
		{ID: "e", PathPrefix: "t/e"}, {ID: "f", PathPrefix: "/t/f/"}, {ID: "g", PathPrefix: "/t/../g"}, {ID: "h", Issuer: "https://h.test/?x"}, {ID: "i", Issuer: "https://i.test"},
		{ID: "j", PathPrefix: "/a/b/c/d/e"}, {ID: "k", PathPrefix: "/t/%6b"},
	}
	got = errors.Join(places.Validate()...).Error()
	for _, want := range []string{"[1].path_prefix", "[2].path_prefix: /oauth2 is", "[3].path_prefix", "[4].path_prefix", "[5].path_prefix", "[6].path_prefix", "[7].issuer", "[9].path_prefix", "[10].path_prefix"} {
		if !strings.Contains(got, want) {
			t.Errorf("no fault %q in\n%s", want, got)
		}
	}
	if n := len(places.Validate()); n != 9 {
		t.Errorf("%d faults:\n%s", n, got)
	}
}

// FuzzFind: a tenant is found by its host or its prefix and by nothing that only looks like it.
func FuzzFind(f *testing.F) {
	for _, s := range []string{"a.test", "A.TEST:1", "[::1]:1", "[", "::", ".", "a.test.:2"} {
		f.Add(s, "/")
	}
	for _, s := range []string{"/t/b", "/t/b/", "/t/bb", "//t/b", "/t//b", "t/b", "", "/t/b/../c", "/t"} {
		f.Add("main.test", s)
	}
	d := NewDirectory(Config{{ID: "a", Hosts: []string{"a.test"}}, {ID: "b", PathPrefix: "/t/b"}, {ID: "main", Hosts: []string{"main.test"}}}, "main.test")
	f.Fuzz(func(t *testing.T, host, path string) {
		found := d.List().Find(host, path)
		bare := strings.Trim(strings.ToLower(host), "[")
		below := path == "/t/b" || strings.HasPrefix(path, "/t/b/")
		switch idOf(found) {
		case "a":
			if !strings.HasPrefix(bare, "a.test") || found.Prefix != "" {
				t.Errorf("%q is not a host of ours", host)
			}
		case "main":
			if !strings.HasPrefix(bare, "main.test") || found.Prefix != "" || below {
				t.Errorf("%q %q", host, path)
			}
		case "b":
			if !below || found.Prefix != "/t/b" || strings.HasPrefix(bare, "a.test") && normalize(host) == "a.test" {
				t.Errorf("%q %q is not below the prefix", host, path)
			}
		default:
			if below {
				t.Errorf("%q %q is nobody's", host, path)
			}
		}
	})
}
