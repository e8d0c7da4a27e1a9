package tenant

import (
	"fmt"
	"net/url"
	"strings"
)

// Config lists tenants that the configuration declares. An empty list means that there is "default", for every host that is no
// other tenant's, until it is deleted; tenants that the admin API made are there besides.
type Config []Entry

// Entry is one tenant and where it is reached.
type Entry struct {
	// ID is the tenant's short name: 1 to 63 of a-z, 0-9 and "-". It is written into every row, so it never
	// changes.
	ID ID `yaml:"id"`
	// Hosts are the host names, without port and brackets, whose requests are for this tenant, for example
	// "login.example.com". Links, forms and mails for the tenant's people lead to the first of them, with the scheme, port
	// and path of serve.public.base_url; where the host of that one is among them, it is that one. A tenant without hosts
	// and path_prefix is only reached by the command line and the admin API.
	Hosts []string `yaml:"hosts"`
	// The path below which the tenant is reached, in place of hosts of its own, for example "/t/acme": on the host of
	// serve.public.base_url, behind its path, and on every host that is no tenant's. Default: none. Tenants of one host share an
	// origin: a script on a page of the one can read pages of the other, so give hosts to tenants that do not trust each other.
	PathPrefix string `yaml:"path_prefix"`
	// The tenant's issuer identifier in tokens and discovery. Default: oauth.issuer, which is then the same for all tenants
	// that the configuration lists. Tokens that were issued under another one stay valid until they expire.
	Issuer string `yaml:"issuer"`
	// Brand is how the tenant's pages and mails look. Default: what it leaves out is as in account.brand.
	Brand Branding `yaml:"brand"`
}

// Validate returns every fault of the list, each with its path below the list's own.
func (c Config) Validate() []error {
	var faults []error
	ids := make(map[ID]bool, len(c))
	places := make(map[string]ID)
	for i, e := range c {
		if !e.ID.Valid() {
			faults = append(faults, fmt.Errorf("[%d].id: %q is not a tenant id: use 1 to 63 of a-z, 0-9 and \"-\"", i, e.ID))
		}
		if ids[e.ID] {
			faults = append(faults, fmt.Errorf("[%d].id: %q is listed twice", i, e.ID))
		}
		ids[e.ID] = true
		for j, h := range e.Hosts {
			name, err := ParseHost(h)
			if err != nil {
				faults = append(faults, fmt.Errorf("[%d].hosts[%d]: %w", i, j, err))
				continue
			}
			if owner, taken := places[name]; taken {
				faults = append(faults, fmt.Errorf("[%d].hosts[%d]: %q already belongs to tenant %q", i, j, h, owner))
			}
			places[name] = e.ID
		}
		if err := e.checkPrefix(places); err != nil {
			faults = append(faults, fmt.Errorf("[%d].path_prefix: %w", i, err))
		}
		if err := CheckIssuer(e.Issuer); e.Issuer != "" && err != nil {
			faults = append(faults, fmt.Errorf("[%d].issuer: %w", i, err))
		}
	}
	return faults
}

func (e Entry) checkPrefix(places map[string]ID) error {
	if e.PathPrefix == "" {
		return nil
	}
	if len(e.Hosts) > 0 {
		return errBoth
	}
	if err := CheckPrefix(e.PathPrefix); err != nil {
		return err
	}
	for place, owner := range places {
		if Overlap(place, e.PathPrefix) {
			return fmt.Errorf("%q and %q of tenant %q are the same or one lies below the other", e.PathPrefix, place, owner)
		}
	}
	places[e.PathPrefix] = e.ID
	return nil
}

// tenants gives what the list declares, in its order.
func (c Config) tenants() []Tenant {
	list := make([]Tenant, len(c))
	for i, e := range c {
		list[i] = Tenant{ID: e.ID, Source: Configured, State: Active, Prefix: e.PathPrefix, Settings: Settings{Issuer: e.Issuer}}
		if e.Brand != (Branding{}) {
			list[i].Settings.Branding = &e.Brand
		}
		for _, h := range e.Hosts {
			list[i].Hosts = append(list[i].Hosts, normalize(h))
		}
	}
	return list
}

// CheckIssuer says what keeps a text from being an issuer identifier: an http or https URL without user, query and fragment
// (OpenID Connect Core §2). Whether it must be https is the profile's to say.
func CheckIssuer(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return fmt.Errorf("an issuer is an https URL without query and fragment, such as https://id.example.com/")
	}
	return nil
}
