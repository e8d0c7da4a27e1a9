package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
)

var noon = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

func TestCheckNew(t *testing.T) {
	good := New{Tenant: "acme", Name: "deploys from CI", Role: actor.RoleOperator, Only: []string{"clients", "oauth2/introspect"}, Expires: noon.Add(time.Hour)}
	if err := good.check(noon); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*New){
		"tenant:": func(n *New) { n.Tenant = "A B" }, "name:": func(n *New) { n.Name = "" }, "name: ": func(n *New) { n.Name = "a\nb" },
		"name:  ": func(n *New) { n.Name = strings.Repeat("ä", 101) },
		"role:":   func(n *New) { n.Role = "root" }, "expires:": func(n *New) { n.Expires = noon },
		"expires: ": func(n *New) { n.Expires = noon.Add(longest + time.Second) },
		"only:":     func(n *New) { n.Only = []string{"/clients"} }, "only: ": func(n *New) { n.Only = []string{"a//b"} },
		"only:  ": func(n *New) { n.Only = []string{"Clients"} }, "only:   ": func(n *New) { n.Only = make([]string, maxAreas+1) },
	} {
		n := good
		change(&n)
		if err := n.check(noon); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestAreas(t *testing.T) {
	for _, c := range []struct {
		only    []string
		pattern string
		want    bool
	}{
		{nil, "GET /admin/clients", true},
		{[]string{"clients"}, "GET /admin/clients", true},
		{[]string{"clients"}, "PUT /admin/clients/{id}/lifespans", true},
		{[]string{"clients"}, "GET /admin/clientele", false},
		{[]string{"clients"}, "GET /admin/oauth2/clients", false},
		{[]string{"oauth2/introspect", "metrics"}, "POST /admin/oauth2/introspect", true},
		{[]string{"oauth2/introspect", "metrics"}, "GET /admin/metrics/prometheus", true},
		{[]string{"oauth2/introspect"}, "DELETE /admin/oauth2/tokens", false},
		{[]string{"schemas"}, "GET /schemas/{id}", true},
		{[]string{"admin"}, "GET /admin/clients", false},
	} {
		if got := reaches(c.only, c.pattern); got != c.want {
			t.Errorf("%v reaches %s: %t", c.only, c.pattern, got)
		}
	}
}

func TestParseExpiry(t *testing.T) {
	for text, want := range map[string]time.Time{
		"90d": noon.Add(90 * 24 * time.Hour), "12h": noon.Add(12 * time.Hour), "never": {}, "2027-01-31": time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		"2027-01-31T10:00:00+02:00": time.Date(2027, 1, 31, 8, 0, 0, 0, time.UTC), "1h30m": noon.Add(90 * time.Minute),
	} {
		if got, err := ParseExpiry(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0d", "0s", "-1h", "d", "1.5d", "99999d", "9999d", "soon", "90", "1d2h", "2027-13-01", "-5d", "+5d"} {
		if got, err := ParseExpiry(text, noon); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
	if d, err := ParseSpan("0s"); err != nil || d != 0 {
		t.Errorf("%v %v", d, err)
	}
}
