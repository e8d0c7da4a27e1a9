package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Networks is a list of address ranges in CIDR notation; a single address stands for itself.
type Networks []string

// Validate returns every entry that is not a range, with its index as the path.
func (n Networks) Validate() []error {
	var faults []error
	for i, s := range n {
		if _, err := parseNetwork(s); err != nil {
			faults = append(faults, fmt.Errorf("[%d]: %w", i, err))
		}
	}
	return faults
}

func (n Networks) prefixes() prefixes {
	var list prefixes
	for _, s := range n {
		if p, err := parseNetwork(s); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func parseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if p.Addr().Is4In6() {
			return netip.Prefix{}, fmt.Errorf("%q: write the IPv4 range itself", s)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is not a network: write it like 10.0.0.0/8 or 2001:db8::/32", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

type prefixes []netip.Prefix

func (list prefixes) contain(a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// peerAddr reads the address out of a RemoteAddr; what is no address (a test's, a socket's) is the zero Addr.
func peerAddr(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// clientAddr walks X-Forwarded-For, which came from a peer that we trust, from the right, from hop to hop that we
// trust, and returns the first address that we do not: everything left of it may be invented by the client.
func clientAddr(peer netip.Addr, headers []string, trusted prefixes) netip.Addr {
	client := peer
	for _, rest := range slices.Backward(headers) {
		for more := true; more; {
			var hop string
			if j := strings.LastIndexByte(rest, ','); j >= 0 {
				rest, hop = rest[:j], rest[j+1:]
			} else {
				hop, more = rest, false
			}
			a, ok := hopAddr(strings.Trim(hop, " \t"))
			if !ok {
				return client
			}
			client = a
			if !trusted.contain(a) {
				return client
			}
		}
	}
	return client
}

// hopAddr reads one element of X-Forwarded-For: an address, perhaps with a port, IPv6 perhaps in brackets.
func hopAddr(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		if a, err := netip.ParseAddr(s[1 : len(s)-1]); err == nil {
			return a.Unmap().WithZone(""), true
		}
	}
	return netip.Addr{}, false
}

// overTLS reports whether the client's way to us is encrypted: TLS ends here, or at a peer that is declared to
// end it and says so. Of several values the last one counts: it is the one that the peer itself wrote.
func overTLS(r *http.Request, peer netip.Addr, terminators prefixes) bool {
	if r.TLS != nil {
		return true
	}
	if len(terminators) == 0 || !terminators.contain(peer) {
		return false
	}
	values := r.Header["X-Forwarded-Proto"]
	if len(values) == 0 {
		return false
	}
	last := values[len(values)-1]
	if i := strings.LastIndexByte(last, ','); i >= 0 {
		last = last[i+1:]
	}
	return strings.EqualFold(strings.TrimSpace(last), "https")
}
