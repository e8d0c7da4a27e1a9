package app

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

var (
	notMigrated = fault.New(fault.Unavailable, "not_migrated", "The database's schema is not this server's: run `gatehouse migrate up`.")
	arriving    = fault.New(fault.Unavailable, "arriving", "The databases are being filled by `gatehouse data copy`.")
)

// newAdminKeys makes what keeps admin keys.
func newAdminKeys(d *databases, system *secret.Ring) *admin.Store {
	return admin.NewStore(admin.StoreOptions{
		DB: d.byName["management"], Feed: d.feeds["management"],
		Tokens: &secret.Tokens{Prefix: tokenPrefix, Ring: system.For(forAdminKeys)}, Now: now,
	})
}

// newGuard makes what lets requests in to the admin listener.
func newGuard(a *App, s shared, keys *admin.Store, tokens *token.Store, limits *limit.Limits) *admin.Guard {
	return admin.NewGuard(admin.GuardOptions{
		Store: keys, Keys: a.cfg.Secrets.Admin, Ring: s.system.For("names of configured admin keys"),
		Certificates: a.cfg.Serve.Admin.Certificates, OAuth: a.cfg.Serve.Admin.OAuth, Tokens: adminTokens{tokens, a.closed},
		Open: a.adminIsOpen(), Slow: func(ctx context.Context, address string) error { return limits.Allow(ctx, limit.Admin, address) },
		Now: now, Log: a.log,
	})
}

// adminIsOpen tells whether the admin listener asks for no credential: in the development profile without admin keys in the
// configuration, where it binds to loopback.
func (a *App) adminIsOpen() bool { return a.Development() && len(a.cfg.Secrets.Admin) == 0 }

// warnOfAdminAccess warns where everybody gets in to the admin listener who should not, and where nobody does.
func (a *App) warnOfAdminAccess(ctx context.Context) {
	c := a.cfg.Serve.Admin
	if a.adminIsOpen() {
		if !c.Local() {
			a.log.WarnContext(ctx, "the admin listener asks for no credential, as in development, and other machines can reach it", "address", c.Address)
		}
		return
	}
	if len(a.cfg.Secrets.Admin) > 0 || len(c.Certificates) > 0 || c.OAuth.Enabled() {
		return
	}
	if there, err := a.features.adminKeys.Any(ctx); err == nil && !there {
		a.log.WarnContext(ctx, "there is no credential that opens the admin listener: make a key with `gatehouse admin keys create`")
	}
}

// adminTokens shows the access tokens of the clients wing to the guard.
type adminTokens struct {
	store  *token.Store
	closed func(context.Context) bool
}

// Active implements admin.Tokens. No token is bound to a key of its holder: the grants that there are bind none.
func (s adminTokens) Active(ctx context.Context, text string) (*admin.Token, error) {
	if s.closed(ctx) {
		return nil, admin.ErrNoToken // its tenant is suspended
	}
	t, err := s.store.Lookup(ctx, text)
	if errors.Is(err, token.ErrUnknown) {
		return nil, admin.ErrNoToken
	}
	if err != nil {
		return nil, err
	}
	if t.Kind != token.Access || !t.Active(now()) {
		return nil, admin.ErrNoToken
	}
	return &admin.Token{ClientID: t.ClientID, Own: t.GrantType == oauth.GrantClientCredentials, Scope: t.Scope, Audience: t.Audience}, nil
}

// permitAdminScopes keeps the clients whose tokens may open the admin API from who is no administrator: who could register one, or
// get at its secret, would be one.
func permitAdminScopes(strategy oauth.ScopeStrategy, c admin.OAuthConfig) func(context.Context, *client.Client) error {
	return func(ctx context.Context, one *client.Client) error {
		for _, scope := range admin.Scopes() {
			if strategy.Match(one.Scopes(), scope) {
				return web.Require(ctx, web.Need{Role: actor.RoleAdmin, Everywhere: c.Everywhere, Unconfined: true})
			}
		}
		return nil
	}
}
