package fetch

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// Bounds say whom may be called. The zero value keeps to the public internet.
type Bounds struct {
	// Private permits addresses that only this machine or this network can reach, but for those of clouds' metadata services,
	// link-local ones above all.
	Private bool
	// NoLoopback refuses this machine, though Private is set.
	NoLoopback bool
	// Networks may be called whatever is said above.
	Networks []netip.Prefix
	// Refuse names addresses that may not be called at all, those of Networks neither; nil names none.
	Refuse func(netip.AddrPort) bool
}

// Permits reports whether an address may be called; what Refuse says is not asked, as it needs a port.
func (b Bounds) Permits(ip netip.Addr) bool {
	written := ip.Unmap()
	ip = meant(ip)
	if slices.ContainsFunc(b.Networks, func(n netip.Prefix) bool { return n.Contains(ip) || n.Contains(written) }) {
		return true
	}
	switch {
	case !ip.IsValid() || metadata(ip) || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified():
		return false
	case ip.IsLoopback():
		return b.Private && !b.NoLoopback
	}
	return b.Private || Public(written)
}

// Control is for net.Dialer: it sees each address that is about to be connected to, after names were resolved, so that there is
// no time between check and use. The error is ErrPrivate.
func (b Bounds) Control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !b.Permits(to.Addr()) || b.Refuse != nil && b.Refuse(netip.AddrPortFrom(meant(to.Addr()), to.Port())) {
		return ErrPrivate
	}
	return nil
}

// metadata reports whether an address that is not link-local is that of a cloud's metadata service.
func metadata(ip netip.Addr) bool {
	return slices.Contains([]netip.Addr{
		netip.AddrFrom4([4]byte{100, 100, 100, 200}),                              // Alibaba Cloud
		netip.AddrFrom4([4]byte{168, 63, 129, 16}),                                // Azure
		netip.AddrFrom4([4]byte{192, 0, 0, 192}),                                  // Oracle Cloud
		netip.AddrFrom16([16]byte{0: 0xfd, 2: 0x0e, 3: 0xc2, 14: 0x02, 15: 0x54}), // Amazon Web Services, fd00:ec2::254
	}, ip)
}

// meant is the address that is reached by one which stands for another: IPv4 mapped into IPv6 (RFC 4291 §2.5.5.2), translated
// (RFC 6052 §2.1) and tunnelled (RFC 3056 §2).
func meant(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if !ip.Is6() {
		return ip
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}

// BoundsConfig says which services others may have this server call: whoever writes what it calls chooses where calls go.
// Link-local addresses, where clouds keep their metadata services, are refused unless they are named.
type BoundsConfig struct {
	// With true, only addresses of the internet may be called, and those of networks.
	DisallowPrivateIPRanges bool `yaml:"disallow_private_ip_ranges" default:"false"`
	// Networks (CIDR) that may be called whatever else is said here.
	Networks []string `yaml:"networks"`
}

// Validate returns everything that is wrong with c, each fault beginning with its key.
func (c BoundsConfig) Validate() (faults []error) {
	for i, text := range c.Networks {
		if _, err := netip.ParsePrefix(text); err != nil {
			faults = append(faults, fmt.Errorf("networks[%d]: %q is not a network: write it like 10.0.0.0/8 or 2001:db8::/32", i, text))
		}
	}
	return faults
}

// Bounds gives the bounds of a configuration that Validate accepts.
func (c BoundsConfig) Bounds() Bounds {
	b := Bounds{Private: !c.DisallowPrivateIPRanges}
	for _, text := range c.Networks {
		if network, err := netip.ParsePrefix(text); err == nil {
			b.Networks = append(b.Networks, network.Masked())
		}
	}
	return b
}
