package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/tenancy"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// openTenants learns which tenants there are.
func (a *App) openTenants(ctx context.Context) error {
	db := a.databases.byName["management"]
	a.tenants = tenant.NewDirectory(a.cfg.Tenants.Directory(), a.cfg.Serve.Public.Options().BaseURL.Host())
	a.registry = tenancy.New(tenancy.Options{
		Store: tenancy.NewStore(db, a.databases.feeds["management"]), Directory: a.tenants, HTTPS: a.cfg.Profile == config.Production, Check: a.checkSettings, Log: a.log,
		Databases: tenancy.Databases{DB: a.databases.byName, Feed: a.databases.feeds}, Staleness: a.cfg.Databases.MaxStaleness,
	})
	a.metrics.Registry.MustRegister(tenantStates{a.tenants})
	if err := migrations.Check(ctx, db, "management"); errors.Is(err, migrations.ErrPending) {
		return nil // it is not ready, and says so; once it is migrated, they are read
	}
	a.migrated = true
	return a.registry.Open(ctx)
}

// findTenant finds whose a request on the public listener is.
func (a *App) findTenant(host, path string) tenant.Found { return a.tenants.List().Find(host, path) }

// keyless are the tenants for which keys are made when the server starts: the others got theirs when they were made, or get them by
// their first request, so that a start does nothing for each of a thousand tenants.
func (a *App) keyless() (ids []tenant.ID) {
	for _, t := range a.tenants.List().All() {
		if t.Source != tenant.Registered {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// present tells whether there is a tenant that is not deleted.
func (a *App) present(id tenant.ID) bool { return isPresent(a.tenants.List(), id) }

func isPresent(list *tenant.List, id tenant.ID) bool {
	t := list.Get(id)
	return t != nil && (t.State == tenant.Active || t.State == tenant.Suspended)
}

// closed tells whether the context's tenant is one of which nothing is served.
func (a *App) closed(ctx context.Context) bool {
	id, _ := tenant.From(ctx)
	t := a.tenants.List().Get(id)
	return t != nil && !t.Served()
}

// brandOf gives the brand of the context's tenant, where that has one of its own.
func (a *App) brandOf(ctx context.Context) (brand page.Brand, own bool) {
	id, _ := tenant.From(ctx)
	t := a.tenants.List().Get(id)
	if t == nil || t.Settings.Branding == nil {
		return page.Brand{}, false
	}
	return a.branded(*t.Settings.Branding), true
}

// branded fills in from the configuration what a tenant leaves empty.
func (a *App) branded(b tenant.Branding) page.Brand { return config.BrandOf(b, a.cfg.Account.Brand) }

// checkSettings says what else is wrong with a tenant's settings, by their path.
func (a *App) checkSettings(s tenant.Settings) error {
	if s.Branding == nil {
		return nil
	}
	for _, err := range a.branded(*s.Branding).Validate() {
		return fmt.Errorf("branding.%w", err)
	}
	return nil
}

// errClosed is what the doors answer for applications of a tenant of which nothing is served.
var errClosed = access.ErrUnavailable.With("The tenant of this application is suspended.").Quietly()

// whileServed has the doors ask an authenticator for tenants that are served only.
type whileServed struct {
	access.Authenticator

	closed func(ctx context.Context) bool
}

// Authenticate implements access.Authenticator.
func (w whileServed) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	if w.closed(ctx) {
		return nil, errClosed
	}
	return w.Authenticator.Authenticate(ctx, r)
}

// Warnings implements access.Warner: what is around an authenticator must not keep what it says of its settings from whoever wrote them.
func (w whileServed) Warnings() []string {
	if within, ok := w.Authenticator.(access.Warner); ok {
		return within.Warnings()
	}
	return nil
}

// onlyWhileServed makes authenticators of all kinds so.
func (a *App) onlyWhileServed(kinds map[string]access.Kind[access.Authenticator]) map[string]access.Kind[access.Authenticator] {
	for name, kind := range kinds {
		kinds[name] = func(s access.Settings) (access.Authenticator, error) {
			made, err := kind(s)
			return whileServed{made, a.closed}, err
		}
	}
	return kinds
}

// adminTenants stands on the admin listener before the id of any tenant, whatever its hosts are.
const adminTenants = "/t/"

// findForAdmin finds whose a request on the admin listener is: that of the id in the path, else of the host.
func (a *App) findForAdmin(host, path string) tenant.Found {
	list := a.tenants.List()
	rest, ok := strings.CutPrefix(path, adminTenants)
	if !ok {
		return list.Find(host, "")
	}
	id, rest, _ := strings.Cut(rest, "/")
	found := tenant.Found{Tenant: list.Get(tenant.ID(id)), Prefix: adminTenants + id}
	if found.Tenant == nil && tenant.ID(id) == tenant.Default { // its log is the installation's, whether or not it is there
		found.Tenant = &tenant.Tenant{ID: tenant.Default, State: tenant.Deleted}
	}
	if !isPresent(list, tenant.ID(id)) && !strings.HasPrefix(strings.TrimPrefix(rest, "admin/"), "activity") { // the log of a deleted tenant is still read
		found.Tenant = nil
	}
	return found
}

// tenantAdmin is the admin API of tenants.
func (a *App) tenantAdmin(s shared) forAdmins {
	return &tenancy.Handler{
		Registry: a.registry, Issuer: s.issuers.of,
		URL: func(id tenant.ID) string { return s.bases.OfTenant(id).String() },
	}
}

// issuers knows the issuer identifiers of tenants.
type issuers struct {
	tenants *tenant.Directory
	bases   web.BaseURLs
	own     string // the installation's
}

// Of returns the issuer of the context's tenant.
func (i issuers) Of(ctx context.Context) string {
	id, _ := tenant.From(ctx)
	return i.of(id)
}

// of returns the issuer that a tenant names; the address of one that was made by the admin API and is reached in its own way;
// else the installation's: so tokens stay what they were where the configuration lists tenants.
func (i issuers) of(id tenant.ID) string { return i.choose(id, i.own) }

func (i issuers) choose(id tenant.ID, own string) string {
	switch t := i.tenants.List().Get(id); {
	case t == nil:
		return own
	case t.Settings.Issuer != "":
		return t.Settings.Issuer
	case t.Source == tenant.Registered && (len(t.Hosts) > 0 || t.Prefix != ""):
		return i.bases.OfTenant(id).String()
	default:
		return own
	}
}

// ofSessions is the same for what tells about sessions, whose issuer was always an address.
func (i issuers) ofSessions(base web.BaseURL) func(ctx context.Context) string {
	own := base.String()
	return func(ctx context.Context) string {
		id, _ := tenant.From(ctx)
		return i.choose(id, own)
	}
}

// tenantStates counts tenants when metrics are read.
type tenantStates struct{ tenants *tenant.Directory }

var tenantsDesc = prometheus.NewDesc("gatehouse_tenants", "Tenants that this server knows, by state.", []string{"state"}, nil)

// Describe implements prometheus.Collector.
func (tenantStates) Describe(to chan<- *prometheus.Desc) { to <- tenantsDesc }

// Collect implements prometheus.Collector.
func (s tenantStates) Collect(to chan<- prometheus.Metric) {
	count := map[tenant.State]int{}
	for _, t := range s.tenants.List().All() {
		count[t.State]++
	}
	for _, state := range []tenant.State{tenant.Active, tenant.Suspended, tenant.Deleting, tenant.Deleted} {
		to <- prometheus.MustNewConstMetric(tenantsDesc, prometheus.GaugeValue, float64(count[state]), string(state))
	}
}
