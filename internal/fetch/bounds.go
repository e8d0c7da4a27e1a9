package fetch

import (
	"fmt"
	"net/netip"
)

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
