package app

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

// reachOf is where the proxy connects. In the development profile applications are on this machine; in production nothing there
// is for whoever may write rules, and the admin listener never is: it may ask for no credential.
func reachOf(cfg *config.Config) *engine.Reach {
	reach := cfg.Access.Rules.API.NewReach(!cfg.Production(), ownAddress(cfg.Serve.Admin.Address))
	return &reach
}

// ownAddress returns what recognizes a listener of this machine, by its port and any of the addresses that the machine has.
func ownAddress(listening string) func(netip.AddrPort) bool {
	_, text, err := net.SplitHostPort(listening)
	port, wrong := strconv.ParseUint(text, 10, 16)
	if err != nil || wrong != nil {
		return nil
	}
	return func(to netip.AddrPort) bool {
		return uint64(to.Port()) == port && (to.Addr().IsLoopback() || onThisMachine(to.Addr()))
	}
}

func onThisMachine(ip netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true // it may be
	}
	for _, one := range all {
		if network, ok := one.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(network.IP); ok && own.Unmap() == ip {
				return true
			}
		}
	}
	return false
}
