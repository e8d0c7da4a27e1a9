package web

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// BaseURLs are the addresses under which the outside reaches a listener, by tenant. They follow from what is known of the tenants
// and never from a request's Host header, so nobody can have links made that lead elsewhere.
type BaseURLs struct {
	own     BaseURL
	tenants *tenant.Directory
	made    *atomic.Pointer[madeURLs]
}

// madeURLs are the addresses that differ from the listener's own, as of a list.
type madeURLs struct {
	of       *tenant.List
	byTenant map[tenant.ID]BaseURL
	prefixes bool // tenants are below path prefixes of the listener's own origin
}

// NewBaseURLs derives the addresses of tenants from the listener's own. The tenant whose host that is has it; another one has
// the first of its hosts in its place, with the same scheme, port and path, or its path prefix behind it. A tenant without
// either has the listener's own, and where tenants is nil all have.
func NewBaseURLs(own BaseURL, tenants *tenant.Directory) BaseURLs {
	return BaseURLs{own: own, tenants: tenants, made: new(atomic.Pointer[madeURLs])}
}

// Of returns the address of the tenant of ctx.
func (b BaseURLs) Of(ctx context.Context) BaseURL {
	id, _ := tenant.From(ctx)
	return b.OfTenant(id)
}

// OfTenant returns the address of a tenant.
func (b BaseURLs) OfTenant(id tenant.ID) BaseURL {
	if made := b.now(); made != nil {
		if t, ok := made.byTenant[id]; ok {
			return t
		}
	}
	return b.own
}

// Shared tells whether the tenant of ctx has an origin that is other tenants' as well, so that what concerns the whole origin is
// not its business.
func (b BaseURLs) Shared(ctx context.Context) bool {
	made := b.now()
	return made != nil && made.prefixes && b.Of(ctx).Origin() == b.own.Origin()
}

// now makes the addresses anew where tenants have changed.
func (b BaseURLs) now() *madeURLs {
	if b.tenants == nil || b.own.IsZero() {
		return nil
	}
	list := b.tenants.List()
	made := b.made.Load()
	if made == nil || made.of != list {
		made = b.own.forTenants(list)
		b.made.Store(made)
	}
	return made
}

func (b BaseURL) forTenants(list *tenant.List) *madeURLs {
	made := &madeURLs{of: list, byTenant: make(map[tenant.ID]BaseURL)}
	scheme, authority, _ := strings.Cut(b.origin, "://")
	owner := list.Find(authority, "").Tenant
	port := (&url.URL{Host: authority}).Port()
	for _, t := range list.All() {
		switch {
		case t.Prefix != "":
			made.byTenant[t.ID], made.prefixes = b.below(t.Prefix), true
		case t != owner && len(t.Hosts) > 0:
			made.byTenant[t.ID] = BaseURL{origin: scheme + "://" + atPort(t.Hosts[0], port), prefix: b.prefix}
		}
	}
	return made
}

// atPort puts a port behind a host name; "" is the scheme's own.
func atPort(host, port string) string {
	switch {
	case port != "":
		return net.JoinHostPort(host, port)
	case strings.Contains(host, ":"): // an IPv6 address
		return "[" + host + "]"
	default:
		return host
	}
}

// Join returns the absolute URL of a path of ours, for the tenant of ctx; see BaseURL.Join.
func (b BaseURLs) Join(ctx context.Context, path string) string { return b.Of(ctx).Join(path) }

// Path returns a path of ours as the outside sees it on the same host, for the tenant of ctx; see BaseURL.Path.
func (b BaseURLs) Path(ctx context.Context, path string) string { return b.Of(ctx).Path(path) }

// CookiePath returns the Path attribute for our cookies, for the tenant of ctx.
func (b BaseURLs) CookiePath(ctx context.Context) string { return b.Of(ctx).CookiePath() }

// Secure reports whether the outside reaches us over https, which is the same for all tenants.
func (b BaseURLs) Secure() bool { return b.own.Secure() }
