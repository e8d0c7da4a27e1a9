package fetch_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

func TestBoundsConfig(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(s.Close)
	for name, c := range map[string]struct {
		config fetch.BoundsConfig
		reach  bool
	}{
		"as it comes":           {fetch.BoundsConfig{}, true},
		"no private ones":       {fetch.BoundsConfig{DisallowPrivateIPRanges: true}, false},
		"none but the named":    {fetch.BoundsConfig{DisallowPrivateIPRanges: true, Networks: []string{"127.0.0.7/8"}}, true},
		"none but another name": {fetch.BoundsConfig{DisallowPrivateIPRanges: true, Networks: []string{"10.0.0.0/8"}}, false},
	} {
		if faults := c.config.Validate(); len(faults) > 0 {
			t.Error(name, faults)
		}
		answer, err := fetch.NewAsker(c.config.Bounds()).Ask(t.Context(), fetch.Question{URL: s.URL, Timeout: time.Minute})
		if (err == nil) != c.reach || err == nil && answer.Status != http.StatusNoContent {
			t.Errorf("%s: %+v %v", name, answer, err)
		}
	}
	if faults := (fetch.BoundsConfig{Networks: []string{"10.0.0.0/8", "10.0.0.1", "here"}}).Validate(); len(faults) != 2 {
		t.Error(faults)
	}
}

// Metadata services are never private ones, however their addresses are written.
func TestBounds(t *testing.T) {
	inside := fetch.Bounds{Private: true}
	away := fetch.Bounds{Private: true, NoLoopback: true}
	for _, c := range []struct {
		address              string
		public, inside, away bool
	}{
		{"9.9.9.9:443", true, true, true}, {"10.0.0.1:80", false, true, true}, {"[fd00::1]:80", false, true, true}, {"127.0.0.1:80", false, true, false},
		{"[::1]:80", false, true, false}, {"[::ffff:127.0.0.1]:80", false, true, false}, {"0.0.0.0:80", false, false, false}, {"[::]:80", false, false, false},
		{"169.254.169.254:80", false, false, false}, {"[::ffff:169.254.169.254]:80", false, false, false}, {"[fe80::1]:80", false, false, false},
		{"[64:ff9b::a9fe:a9fe]:80", false, false, false}, {"[2002:a9fe:a9fe::1]:80", false, false, false}, {"[64:ff9b::909:909]:80", false, true, true},
		{"[fd00:ec2::254]:80", false, false, false}, {"100.100.100.200:80", false, false, false}, {"168.63.129.16:80", false, false, false},
		{"192.0.0.192:80", false, false, false}, {"224.0.0.1:80", false, false, false}, {"nothing", false, false, false},
	} {
		got := [3]bool{}
		for i, b := range []fetch.Bounds{{}, inside, away} {
			got[i] = b.Control("tcp", c.address, nil) == nil
		}
		if got != [3]bool{c.public, c.inside, c.away} {
			t.Errorf("%s: %v", c.address, got)
		}
	}
	named := fetch.Bounds{
		Networks: []netip.Prefix{netip.MustParsePrefix("169.254.1.0/24"), netip.MustParsePrefix("127.0.0.0/8")},
		Refuse:   func(to netip.AddrPort) bool { return to.Port() == 4445 },
	}
	for address, want := range map[string]bool{"169.254.1.7:80": true, "169.254.169.254:80": false, "127.0.0.1:80": true, "127.0.0.1:4445": false} {
		if got := named.Control("tcp", address, nil) == nil; got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}
