package web

import (
	"context"
	"net"
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// BaseURLs are the addresses under which the outside reaches a listener, by tenant. They follow from the configuration alone
// and never from a request's Host header, so nobody can have links made that lead elsewhere.
type BaseURLs struct {
	own      BaseURL
	byTenant map[tenant.ID]BaseURL
}

// NewBaseURLs derives the addresses of tenants from the listener's own. The tenant whose host that is has it; another one has
// the first of its hosts in its place, with the same scheme, port and path. A tenant without hosts, or none, has the listener's
// own.
func NewBaseURLs(own BaseURL, tenants tenant.Config) BaseURLs {
	b := BaseURLs{own: own, byTenant: make(map[tenant.ID]BaseURL, len(tenants))}
	if own.IsZero() {
		return b
	}
	scheme, authority, _ := strings.Cut(own.origin, "://")
	u := url.URL{Host: authority}
	owner, _ := tenants.Resolve(authority)
	for _, t := range tenants {
		if t.ID == owner || len(t.Hosts) == 0 {
			continue
		}
		host := strings.ToLower(strings.TrimSuffix(t.Hosts[0], "."))
		switch port := u.Port(); {
		case port != "":
			host = net.JoinHostPort(host, port)
		case strings.Contains(host, ":"): // an IPv6 address
			host = "[" + host + "]"
		}
		b.byTenant[t.ID] = BaseURL{origin: scheme + "://" + host, prefix: own.prefix}
	}
	return b
}

// Of returns the address of the tenant of ctx.
func (b BaseURLs) Of(ctx context.Context) BaseURL {
	if len(b.byTenant) == 0 {
		return b.own
	}
	id, _ := tenant.From(ctx)
	if t, ok := b.byTenant[id]; ok {
		return t
	}
	return b.own
}

// Join returns the absolute URL of a path of ours, for the tenant of ctx; see BaseURL.Join.
func (b BaseURLs) Join(ctx context.Context, path string) string { return b.Of(ctx).Join(path) }

// Path returns a path of ours as the outside sees it on the same host, which is the same for all tenants; see BaseURL.Path.
func (b BaseURLs) Path(path string) string { return b.own.Path(path) }

// CookiePath returns the Path attribute for our cookies, which is the same for all tenants.
func (b BaseURLs) CookiePath() string { return b.own.CookiePath() }

// Secure reports whether the outside reaches us over https, which is the same for all tenants.
func (b BaseURLs) Secure() bool { return b.own.Secure() }
