package authz

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// GeoIPSettings are the settings of the authorizer geoip. They are looked at in this order: networks.deny refuses, networks.allow
// lets pass, then anonymous and the countries decide; without any of the last two, an address outside of networks.allow is
// refused.
type GeoIPSettings struct {
	// Networks are address ranges, such as 192.0.2.0/24, or single addresses.
	Networks GeoLists `json:"networks"`
	// Countries are ISO 3166-1 codes of two letters.
	Countries GeoLists `json:"countries"`
	// Anonymous is allow or deny: whether networks that hide who uses them may (VPNs, proxies, Tor). Default: allow.
	Anonymous string `json:"anonymous"`
	// Unknown is allow or deny: whether addresses may of which no country is known, such as private ones. Default: deny.
	Unknown string `json:"unknown"`
}

// GeoLists say who may and who may not.
type GeoLists struct {
	// Allow permits those in it; where it is not empty, all others are refused.
	Allow []string `json:"allow"`
	// Deny refuses those in it.
	Deny []string `json:"deny"`
}

func (l GeoLists) empty() bool { return len(l.Allow) == 0 && len(l.Deny) == 0 }

// geoIP decides by where a request comes from.
type geoIP struct {
	geo                    *Geo // nil where only networks decide
	allow, deny            []netip.Prefix
	countries              GeoLists
	refuseHidden, noRecord bool
}

const (
	wordAllow = "allow"
	wordDeny  = "deny"
)

func (o Options) newGeoIP(from access.Settings) (access.Authorizer, error) {
	s := GeoIPSettings{Anonymous: wordAllow, Unknown: wordDeny}
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	for _, w := range []struct{ path, word string }{{"anonymous", s.Anonymous}, {"unknown", s.Unknown}} {
		if w.word != wordAllow && w.word != wordDeny {
			return nil, fmt.Errorf("%s: %q is neither allow nor deny", w.path, w.word)
		}
	}
	a := &geoIP{countries: s.Countries, refuseHidden: s.Anonymous == wordDeny, noRecord: s.Unknown == wordAllow}
	var err error
	if a.allow, err = networks("networks.allow", s.Networks.Allow); err != nil {
		return nil, err
	}
	if a.deny, err = networks("networks.deny", s.Networks.Deny); err != nil {
		return nil, err
	}
	if err := errors.Join(countries("countries.allow", s.Countries.Allow), countries("countries.deny", s.Countries.Deny)); err != nil {
		return nil, err
	}
	if s.Networks.empty() && s.Countries.empty() && !a.refuseHidden {
		return nil, errors.New("networks, countries or anonymous: nothing is said about who may")
	}
	if !s.Countries.empty() || a.refuseHidden {
		if o.Geo == nil {
			return nil, errors.New("countries, anonymous: this server has no geographical database: configure access.geoip")
		}
		if a.refuseHidden && !o.Geo.knowsAnonymous() {
			return nil, errors.New("anonymous: no database says which networks are anonymous: add GeoIP2-Anonymous-IP to access.geoip.editions")
		}
		a.geo = o.Geo
		a.geo.need()
	}
	return a, nil
}

func networks(path string, list []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(list))
	for i, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, bad := netip.ParseAddr(text)
			if bad != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%s[%d]: %q is neither a network such as 192.0.2.0/24 nor an address", path, i, text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("%s[%d]: write %q as an IPv4 network", path, i, text)
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

func countries(path string, list []string) error {
	for i, code := range list {
		if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
			return fmt.Errorf("%s[%d]: %q is no ISO 3166-1 code, such as DE", path, i, code)
		}
	}
	return nil
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Authorize looks the client's address up.
func (a *geoIP) Authorize(_ context.Context, r *access.Request, _ *access.Principal) error {
	addr := r.Client.Unmap().WithZone("")
	switch {
	case !addr.IsValid():
		return geoRefused("the client's address is not known")
	case within(a.deny, addr):
		return geoRefused("the address is in a network that may not")
	case within(a.allow, addr):
		return nil
	case a.geo == nil && len(a.allow) > 0:
		return geoRefused("the address is in none of the networks that may")
	case a.geo == nil:
		return nil
	}
	place, err := a.geo.Lookup(addr)
	if err != nil {
		return access.ErrUnavailable.Because(err)
	}
	return a.judge(place)
}

func geoRefused(why string) error { return access.ErrForbidden.Because(errors.New(why)) }

func (a *geoIP) judge(p Place) error {
	switch {
	case a.refuseHidden && p.Anonymous:
		return geoRefused("the address belongs to an anonymous network")
	case a.countries.empty():
		return nil
	case p.Country == "" && !a.noRecord:
		return geoRefused("the address belongs to no known country")
	case p.Country == "":
		return nil
	case slices.Contains(a.countries.Deny, p.Country):
		return geoRefused("requests from " + p.Country + " may not")
	case len(a.countries.Allow) > 0 && !slices.Contains(a.countries.Allow, p.Country):
		return geoRefused("requests from " + p.Country + " are not among those that may")
	}
	return nil
}
