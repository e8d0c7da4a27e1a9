package app

import (
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// newListeners gives each feature its routes and puts the listeners together.
func (a *App) newListeners() ([]*web.Listener, error) {
	forPublic := a.options("public", a.cfg.Serve.Public)
	forPublic.AllowOrigin = a.features.clients.store.AllowOrigin
	forPublic.OneLoopbackName = true
	public := web.NewMux(web.OAuthErrors, forPublic)
	options := a.options("admin", a.cfg.Serve.Admin.Config)
	options.Bare = "/admin" // Ory's admin API is also known without the prefix
	options.Tenant, options.ServeSuspended = a.findForAdmin, true
	options.Guard, options.Refuse, options.Trusts = a.features.guard.Check, a.features.guard.Refuse, a.features.guard.Trusts
	options.RefuseForeignHosts = a.adminIsOpen() && a.cfg.Serve.Admin.Local()
	admin := web.NewMux(web.HydraErrors, options)
	a.health.Mount(public)
	a.health.MountAdmin(admin)
	a.health.MountVersion(admin)
	admin.Everywhere().Handle("GET /admin/metrics/prometheus", web.Plain(a.metrics.Handler()))
	a.features.mount(public, admin)
	doors, err := a.doorListeners()
	return append([]*web.Listener{
		{Name: "public", Config: a.cfg.Serve.Public, Handler: public, Log: a.log},
		{Name: "admin", Config: a.cfg.Serve.Admin.Config, Handler: admin, Log: a.log},
	}, doors...), err
}

func (a *App) options(name string, c web.Config) web.Options {
	o := c.Options()
	o.Log = a.log
	o.Access = web.AccessLog(a.cfg.Log.Access)
	o.Now = now
	o.Tenant = a.findTenant
	measure := a.metrics.Listener(name)
	o.Measure = func(pattern string) web.Recorder { return measure(pattern) }
	o.Trace = a.tracing.HTTP(name)
	o.RequireHTTPS = a.cfg.Profile == config.Production && !c.Local() && !a.accepts("listener-plain-http")
	// The admin API takes JSON from programs; a browser that is on some other site has no business there.
	o.RefuseCrossOrigin = name == "admin"
	return o
}
