package app

import (
	"net"
	"net/netip"
	"testing"
)

// The admin listener is recognized by whatever address of this machine it is called.
func TestOwnAddress(t *testing.T) {
	own := ownAddress("127.0.0.1:4445")
	for address, want := range map[string]bool{"127.0.0.1:4445": true, "127.9.9.9:4445": true, "[::1]:4445": true, "127.0.0.1:4444": false, "192.0.2.1:4445": false} {
		if got := own(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if network, ok := one.(*net.IPNet); ok {
			if ip, _ := netip.AddrFromSlice(network.IP); !own(netip.AddrPortFrom(ip.Unmap(), 4445)) {
				t.Errorf("%s is not recognized", ip)
			}
		}
	}
	for _, none := range []string{"unix:/run/admin.sock", ""} {
		if ownAddress(none) != nil {
			t.Errorf("%q has a port", none)
		}
	}
}
