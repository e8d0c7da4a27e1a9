package tenant

import (
	"context"
	"fmt"
	"strings"
)

// ID is the short name of a tenant: 1 to 63 of a-z, 0-9 and "-", not at the ends. It is part of primary keys.
type ID string

// Default is the only tenant as long as none is configured.
const Default ID = "default"

// Key is the context key under which a *ID lies. Only a package that implements context.Context itself needs
// it; everybody else calls With and From.
type Key struct{}

// With returns a context whose work is done for the tenant.
func With(ctx context.Context, id ID) context.Context {
	return context.WithValue(ctx, Key{}, &id)
}

// From returns the tenant of the context, and false where nobody said one.
func From(ctx context.Context) (ID, bool) {
	p, ok := ctx.Value(Key{}).(*ID)
	if !ok || p == nil || *p == "" {
		return "", false
	}
	return *p, true
}

// Valid reports whether the id has the form that ID describes.
func (id ID) Valid() bool {
	if len(id) == 0 || len(id) > 63 || id[0] == '-' || id[len(id)-1] == '-' {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Config lists the tenants of this installation. An empty list means one tenant, "default", for every host.
type Config []Entry

// Entry is one tenant and the hosts at which it is reached.
type Entry struct {
	// ID is the tenant's short name: 1 to 63 of a-z, 0-9 and "-". It is written into every row, so it never
	// changes.
	ID ID `yaml:"id"`
	// Hosts are the host names, without port and brackets, whose requests are for this tenant, for example
	// "login.example.com". Links, forms and mails for the tenant's people lead to the first of them, with the scheme, port
	// and path of serve.public.base_url; where the host of that one is among them, it is that one. A tenant without hosts
	// is only reached by the command line.
	Hosts []string `yaml:"hosts"`
}

// Validate returns every fault of the list, each with its path below the list's own.
func (c Config) Validate() []error {
	var faults []error
	ids := make(map[ID]bool, len(c))
	hosts := make(map[string]ID)
	for i, e := range c {
		if !e.ID.Valid() {
			faults = append(faults, fmt.Errorf("[%d].id: %q is not a tenant id: use 1 to 63 of a-z, 0-9 and \"-\"", i, e.ID))
		}
		if ids[e.ID] {
			faults = append(faults, fmt.Errorf("[%d].id: %q is listed twice", i, e.ID))
		}
		ids[e.ID] = true
		for j, h := range e.Hosts {
			name := normalize(h)
			if name == "" || name != strings.ToLower(strings.TrimSuffix(h, ".")) {
				faults = append(faults, fmt.Errorf("[%d].hosts[%d]: %q is not a host name without port", i, j, h))
				continue
			}
			if owner, taken := hosts[name]; taken {
				faults = append(faults, fmt.Errorf("[%d].hosts[%d]: %q already belongs to tenant %q", i, j, h, owner))
			}
			hosts[name] = e.ID
		}
	}
	return faults
}

// IDs returns the tenants of the configuration, which is Default alone for an empty one.
func (c Config) IDs() []ID {
	if len(c) == 0 {
		return []ID{Default}
	}
	ids := make([]ID, len(c))
	for i, e := range c {
		ids[i] = e.ID
	}
	return ids
}

// Hosts is a Config made ready for look-ups.
type Hosts struct {
	only   ID
	byHost map[string]ID
}

// Hosts returns the look-up table of the configuration.
func (c Config) Hosts() Hosts {
	if len(c) == 0 {
		return Hosts{only: Default}
	}
	h := Hosts{byHost: make(map[string]ID)}
	for _, e := range c {
		for _, host := range e.Hosts {
			h.byHost[normalize(host)] = e.ID
		}
	}
	return h
}

// Resolve returns the tenant of a Host header (with or without port) and false for a host of nobody's.
func (h Hosts) Resolve(host string) (ID, bool) {
	if h.only != "" {
		return h.only, true
	}
	id, ok := h.byHost[normalize(host)]
	return id, ok
}

// Resolve is Hosts().Resolve, for those who ask seldom.
func (c Config) Resolve(host string) (ID, bool) { return c.Hosts().Resolve(host) }

// normalize cuts port, brackets and root dot off and lowers the case: host names compare without it
// (RFC 9110 §4.2.3).
func normalize(host string) string {
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return ""
		}
		host = host[1:end]
	} else if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host, ':') == i {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
