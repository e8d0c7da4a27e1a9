package ruleset

import "testing"

// Who may claim many hosts takes none of those that are given to others by name.
func TestWideHostsTakeNothingFromOthers(t *testing.T) {
	p := &policy{unlisted: Refuse}
	for host, namespace := range map[string]string{
		"*": "platform", "*.example.com": "wide", "shop.example.com": "shop", "*.eu.example.com": "europe", "own.example.org": "wide",
	} {
		if err := p.add(host, []string{namespace}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		namespace, host string
		reason          Reason
	}{
		{"shop", "shop.example.com", ""}, {"wide", "shop.example.com", HostRefused}, {"wide", "other.example.com", ""},
		{"wide", "*.example.com", HostRefused}, {"europe", "*.eu.example.com", ""}, {"wide", "*.eu.example.com", HostRefused},
		{"platform", "*", HostRefused}, {"platform", "*.org", HostRefused}, {"platform", "*.net", ""}, {"platform", "a.net", ""},
	} {
		if got, why := p.claim(c.namespace, c.host, owners{}); got != c.reason {
			t.Errorf("%s claims %s: %q %s", c.namespace, c.host, got, why)
		}
	}
}
