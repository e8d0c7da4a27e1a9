package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/drill"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// drillConfig is the configuration of a server on scratch databases. It is made of what the data needs and the defaults, and not by
// taking things away, so that no address of anybody is in it whom a drill could reach: no mail server, web hook, export, cache,
// collector of traces or source of rules. What remains are the schemas of identities, which are read.
func drillConfig(cfg *config.Config, at *scratch, key secret.String) *config.Config {
	c := config.Defaults(cfg.Profile)
	c.DataDir = at.dir
	c.Databases = at.databases
	c.Secrets = config.Secrets{System: cfg.Secrets.System, Cookie: cfg.Secrets.Cookie, Admin: []secret.String{key}}
	c.Serve.Public.BaseURL, c.Serve.Admin.BaseURL = cfg.Serve.Public.BaseURL, "http://localhost/"
	c.Hashing, c.Tenants, c.Keys, c.OAuth, c.Identity = cfg.Hashing, cfg.Tenants, cfg.Keys, cfg.OAuth, cfg.Identity
	c.Log.Level = "error"
	// Who signs in for a drill has only a password, nobody asks whether it was stolen, and what others tried before is no matter.
	c.Session.Whoami.RequiredAAL = "aal1"
	c.SelfService.Methods.Password.Config.HaveIBeenPwnedEnabled = false
	c.Limits.Enabled = false
	return &c
}

// try starts a server on what was restored, which listens nowhere and does nothing by itself, and tries it.
func (d *drilling) try(ctx context.Context, at *scratch) (err error) {
	d.begin(stepStart)
	key := secret.Random(32)
	a, err := unbound(ctx, drillConfig(d.cfg, at, secret.String(key)), d.o.Version)
	if err == nil {
		defer func() { err = errors.Join(err, a.close(ctx)) }()
		err = ready(a.checks(ctx))
	}
	d.end(err)
	if err != nil {
		return err
	}
	d.done.Restored = now().Sub(d.first).Milliseconds()
	good := true
	smoke := &drill.SmokeTest{
		Public: overTLS{inProcess{a.listeners[0].Handler}}, Admin: overTLS{inProcess{a.listeners[1].Handler}},
		Key: key, KeySet: keys.IDToken, Now: now, Told: d.tell,
	}
	for _, one := range d.tenants(ctx, a) {
		good = smoke.Run(ctx, one) && good
	}
	if !good {
		return errors.New("the data was restored, and a server on it does not do its work: the steps say what failed. " +
			"Look whether the configuration is that of the backup's time, and try another backup with --before")
	}
	return nil
}

// ready makes one error of what readiness finds.
func ready(wrong map[string]error) error {
	var all []error
	for what, err := range wrong {
		all = append(all, fmt.Errorf("%s: %w", what, err))
	}
	return errors.Join(all...)
}

// tenants gives those that are tried: such as are served, the default one first.
func (d *drilling) tenants(ctx context.Context, a *App) (all []drill.Tenant) {
	list := a.tenants.List()
	served := slices.DeleteFunc(slices.Clone(list.All()), func(t *tenant.Tenant) bool { return !t.Served() })
	slices.SortStableFunc(served, func(x, y *tenant.Tenant) int {
		switch tenant.Default {
		case x.ID:
			return -1
		case y.ID:
			return 1
		}
		return 0
	})
	d.done.Tenants = len(served)
	if len(served) > d.o.Tenants {
		d.o.Note(fmt.Sprintf("%d of %d tenants are tried: --tenants tries more", d.o.Tenants, len(served)))
		served = served[:d.o.Tenants]
	}
	bases := web.NewBaseURLs(a.cfg.Serve.Public.Options().BaseURL, a.tenants)
	for _, t := range served {
		all = append(all, drill.Tenant{
			ID: string(t.ID), URL: strings.TrimSuffix(bases.OfTenant(t.ID).String(), "/"),
			Issuer: a.features.clients.issuing.URL(tenant.With(ctx, t.ID)),
		})
	}
	return all
}

// overTLS has a handler of this process believe that requests come from this machine by TLS.
type overTLS struct{ inProcess }

// RoundTrip implements http.RoundTripper.
func (p overTLS) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI, in.TLS = "127.0.0.1:1", r.URL.RequestURI(), &tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13}
	return p.inProcess.RoundTrip(in)
}
