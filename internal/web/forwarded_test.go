package web

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestClientIP(t *testing.T) {
	o := Options{TrustedProxies: Networks{"10.0.0.0/8", "2001:db8::/32"}, TerminatedBy: Networks{"192.0.2.7"}}
	m := NewMux(OAuthErrors, o)
	m.Handle("GET /", func(w http.ResponseWriter, r *http.Request) error {
		return text(ClientIP(r.Context()).String())(w, r)
	})
	for _, c := range []struct {
		story, peer string
		forwarded   []string
		want        string
	}{
		{"nobody in between", "203.0.113.9:1", nil, "203.0.113.9"},
		{"a stranger claims another address", "203.0.113.9:1", []string{"1.2.3.4"}, "203.0.113.9"},
		{"one proxy", "10.0.0.1:1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"one proxy, a client that claims", "10.0.0.1:1", []string{"1.2.3.4, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", "10.0.0.1:1", []string{"1.2.3.4,203.0.113.9 ,10.0.0.2"}, "203.0.113.9"},
		{"two header lines", "10.0.0.1:1", []string{"1.2.3.4", "203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"a proxy that ends TLS", "192.0.2.7:1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"from inside only", "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"empty header", "10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"garbage", "10.0.0.1:1", []string{"unknown"}, "10.0.0.1"},
		{"garbage behind a proxy", "10.0.0.1:1", []string{"1.2.3.4, _hidden, 10.0.0.2"}, "10.0.0.2"},
		{"with ports and brackets", "[2001:db8::1]:1", []string{"[2001:db9::5]:443"}, "2001:db9::5"},
		{"brackets", "[2001:db8::1]:1", []string{"[2001:db9::5]"}, "2001:db9::5"},
		{"IPv4 with port", "10.0.0.1:1", []string{"203.0.113.9:5555"}, "203.0.113.9"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"zone", "[fe80::1%eth0]:1", nil, "fe80::1"},
		{"no address at all", "@", []string{"1.2.3.4"}, "invalid IP"},
	} {
		if got := testkit.Ask(m, "GET", "/", "", cameFrom(c.peer, c.forwarded...)...).Body.String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.story, got, c.want)
		}
	}
}

// cameFrom is the header of a request that comes from a peer.
func cameFrom(peer string, forwarded ...string) []string {
	headers := []string{"peer", peer}
	for _, f := range forwarded {
		headers = append(headers, "X-Forwarded-For", f)
	}
	return headers
}

// On a socket nobody has an address, and without one all strangers together are one: the proxy tells who is there.
func TestClientIPBehindASocket(t *testing.T) {
	o := Config{Address: "unix:/run/gatehouse.sock", BaseURL: "https://id.example.com/", TrustedProxies: Networks{"10.0.0.0/8"}}.Options()
	m := NewMux(OAuthErrors, o)
	m.Handle("GET /", func(w http.ResponseWriter, r *http.Request) error {
		return text(ClientIP(r.Context()).String())(w, r)
	})
	for story, c := range map[string]struct {
		forwarded []string
		want      string
	}{
		"the proxy says":               {[]string{"203.0.113.9"}, "203.0.113.9"},
		"a client that claims":         {[]string{"1.2.3.4, 203.0.113.9"}, "203.0.113.9"},
		"another proxy in front":       {[]string{"1.2.3.4, 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		"a proxy that says nothing":    {nil, "invalid IP"},
		"a proxy that says no address": {[]string{"1.2.3.4, unix:"}, "invalid IP"},
	} {
		for _, peer := range []string{"@", ""} {
			if got := testkit.Ask(m, "GET", "/", "", cameFrom(peer, c.forwarded...)...).Body.String(); got != c.want {
				t.Errorf("%s: %s, want %s", story, got, c.want)
			}
		}
	}
}

func TestNetworks(t *testing.T) {
	n := Networks{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "10.1.2.3/8", "::ffff:10.0.0.0/104", "x", "10.0.0.0/33", "fe80::1%eth0", ""}
	got := errors.Join(n.Validate()...).Error()
	for _, want := range []string{"[4]: ", "[5]: ", "[6]: ", "[7]: ", "[8]: "} {
		if !strings.Contains(got, want) {
			t.Errorf("no fault %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "[3]") || len(n.prefixes()) != 4 {
		t.Errorf("%d of them read; %s", len(n.prefixes()), got)
	}
}

func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"1.2.3.4", "1.2.3.4, 10.0.0.2", "[::1]:2", ",,", " ", "10.0.0.1,10.0.0.2,x", "::ffff:1.2.3.4%z"} {
		f.Add(s, "10.0.0.1")
	}
	trusted := Networks{"10.0.0.0/8"}.prefixes()
	f.Fuzz(func(t *testing.T, header, peer string) {
		p, err := netip.ParseAddr(peer)
		if err != nil || !trusted.contain(p) {
			return
		}
		got := clientAddr(p, []string{header}, trusted)
		switch {
		case !got.IsValid():
			t.Errorf("%q from %s gives nothing", header, peer)
		case got.Is4In6() || got.Zone() != "" && got != p:
			t.Errorf("%q gives %s", header, got)
		}
		// Whatever stands in front, the hop that our proxy wrote decides.
		if got := clientAddr(p, []string{header + ", 203.0.113.9"}, trusted); got.String() != "203.0.113.9" {
			t.Errorf("%q overrides what the proxy saw: %s", header, got)
		}
	})
}
