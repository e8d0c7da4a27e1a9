package app

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/access/authz"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/extauthz"
	"github.com/gatehouse-iam/gatehouse/internal/access/mutate"
	"github.com/gatehouse-iam/gatehouse/internal/access/policy"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// doors are the features that let requests to applications through or turn them away.
type doors struct {
	engine  *engine.Engine
	book    *rulebook.Book
	geo     *authz.Geo
	events  *flow.Flow
	store   *flow.Store
	admin   *rulebook.Admin
	metrics *doorMetrics
}

// doorKeys is the key set that signs what the mutator id_token tells applications.
const doorKeys = "gatehouse.access.id-token"

// withDoorKeys adds the doors' key set to those that are made and published, unless the operator has said how it is to be.
func withDoorKeys(c keys.Config, open bool) keys.Config {
	if !open {
		return c
	}
	if !slices.ContainsFunc(c.Sets, func(s keys.NamedSet) bool { return s.Name == doorKeys }) {
		c.Sets = append(slices.Clone(c.Sets), keys.NamedSet{Name: doorKeys, Algorithm: "ES256"})
	}
	if !slices.Contains(c.Broadcast, doorKeys) {
		c.Broadcast = append(slices.Clone(c.Broadcast), doorKeys)
	}
	return c
}

// doorOptions are what the doors share with the other features.
type doorOptions struct {
	system   *secret.Ring
	signing  *keys.Keys
	sessions authn.Sessions
	tokens   authn.Tokens
	clients  authn.Clients
	issuer   func(context.Context) string
}

// newDoors makes the features of the doors wing.
func newDoors(a *App, o doorOptions) (*doors, error) {
	cfg := a.cfg.Access
	ask := fetch.NewAsker(cfg.Outgoing.Bounds())
	inside := fetch.NewAsker(fetch.Bounds{Private: true}) // a mirror is the operator's choice, and may be inside
	d := &doors{metrics: newDoorMetrics()}
	d.geo = authz.NewGeo(authz.GeoOptions{Config: cfg.GeoIP, Dir: filepath.Join(a.cfg.DataDir, "geoip"), Ask: inside, Now: now, Log: a.log})
	kinds, err := o.kinds(a.cfg, ask, d.geo, a.log)
	if err != nil {
		return nil, err
	}
	kinds.Authenticators = a.onlyWhileServed(kinds.Authenticators)
	d.engine = engine.New(engine.Options{Config: cfg.Config, API: cfg.Rules.API, Now: now, Log: a.log, Kinds: kinds, Reach: reachOf(a.cfg)})
	management := a.databases.byName["management"]
	d.book, err = rulebook.New(rulebook.Options{
		Engine: d.engine, Config: cfg.Rules, Now: now, Log: a.log,
		Store: rulebook.NewStore(management, a.databases.feeds["management"], o.system.For(forRules), now),
	})
	if err != nil {
		return nil, err
	}
	d.store = flow.NewStore(a.databases.byName["flow"], cfg.Events.Retention)
	d.events = flow.New(flow.Options{Config: cfg.Events, Store: d.store, Chance: rand.Float64, Log: a.log})
	d.admin = &rulebook.Admin{Book: d.book, Engine: d.engine, SessionCookie: a.cfg.Session.Cookie.Name}
	a.measureDoors(d)
	return d, nil
}

// kinds are the handlers that rules can name.
func (o doorOptions) kinds(cfg *config.Config, ask *fetch.Asker, geo *authz.Geo, log *slog.Logger) (access.Kinds, error) {
	authorizers := authz.Kinds(authz.Options{Ask: ask, Geo: geo, Now: now})
	expressions, err := policy.Kinds(policy.Options{Now: now})
	if err != nil {
		return access.Kinds{}, err
	}
	maps.Copy(authorizers, expressions)
	return access.Kinds{
		Authenticators: authn.Kinds(authn.Options{
			Sessions: o.sessions, Tokens: o.tokens, Clients: o.clients, Keys: o.signing, Issuer: o.issuer,
			Scopes: cfg.OAuth.ScopeStrategy, Ask: ask, ReadFile: os.ReadFile, Now: now, Log: log,
		}),
		Authorizers: authorizers,
		Mutators:    mutate.Kinds(mutate.Options{Keys: o.signing, KeySet: doorKeys, Ask: ask, Now: now}),
	}, nil
}

func (d *doors) admins() []forAdmins { return []forAdmins{d.admin, &flow.Handler{Store: d.store}} }

// locate keeps the databases of countries up to date.
func (d *doors) locate(ctx context.Context) error {
	d.geo.Run(ctx)
	return ctx.Err()
}

func (d *doors) close() {
	d.store.Close()
	d.geo.Close()
}

// doorsOpen tells whether requests come in by one of the doors.
func (a *App) doorsOpen() bool {
	s := a.cfg.Serve
	return s.Proxy.Enabled || s.Decisions.Enabled || s.ExtAuthz.Enabled
}

// door is what the ways in share.
func (a *App) door(name string) door.Door {
	d := a.features.doors
	door := door.Door{Name: name, Engine: d.engine, Observe: d.metrics.observe, Now: now, Normalized: a.cfg.Access.Unnormalized == "normalize"}
	if d.events.Enabled() {
		door.Record = d.events.Record
	}
	return door
}

// doorListeners are the listeners of the doors that are enabled.
func (a *App) doorListeners() ([]*web.Listener, error) {
	var list []*web.Listener
	add := func(name string, c config.Door, h func() (http.Handler, error)) error {
		if !c.Enabled {
			return nil
		}
		handler, err := h()
		list = append(list, &web.Listener{Name: name, Config: c.Config, Handler: handler, Log: a.log, H2C: true})
		return err
	}
	s := a.cfg.Serve
	if err := add("proxy", s.Proxy, a.proxy); err != nil {
		return nil, err
	}
	if err := add("decisions", s.Decisions, a.decisions); err != nil {
		return nil, err
	}
	return list, add("ext_authz", s.ExtAuthz, a.extAuthz)
}

func (a *App) proxy() (http.Handler, error) {
	p, err := door.NewProxy(a.door("proxy"), a.cfg.Access.Upstream, a.log)
	if err != nil {
		return nil, err
	}
	options := a.options("proxy", a.cfg.Serve.Proxy.Config)
	options.Tenant = nil // the host is an application's; the rule says whose it is
	p.CORS, p.Timeouts = options.CORS.Enabled, a.cfg.Serve.Proxy.Timeouts
	return web.NewRaw("proxy", web.KratosErrors, options, p.Serve), nil
}

// decisions answers questions, and besides them what Ory Oathkeeper's API does: keys, health and version.
func (a *App) decisions() (http.Handler, error) {
	options := a.options("decisions", a.cfg.Serve.Decisions.Config)
	options.Tenant, options.RequireHTTPS = nil, false
	other := web.NewMux(web.KratosErrors, options)
	options.CORS = web.CORS{} // a preflight that a proxy asks about is the application's: it is decided about, not answered here
	ask := web.NewRaw("decisions", web.KratosErrors, options, (&door.Decisions{Door: a.door("decisions")}).Serve)
	a.health.Mount(other)
	a.health.MountVersion(other)
	a.features.keys.MountPublic(other)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, door.DecisionsPath); ok && (rest == "" || rest[0] == '/') || r.URL.Path == door.AuthRequestPath {
			ask.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	}), nil
}

func (a *App) extAuthz() (http.Handler, error) {
	options := a.options("ext_authz", a.cfg.Serve.ExtAuthz.Config)
	options.Tenant, options.RequireHTTPS = nil, false
	return web.NewRaw("ext_authz", web.KratosErrors, options, (&extauthz.Handler{Door: a.door("ext_authz")}).Serve()), nil
}

// warnOfUnusedRules tells an operator who configured rules and no door.
func (a *App) warnOfUnusedRules(ctx context.Context) {
	if rules := a.cfg.Access.Rules; !a.doorsOpen() && len(rules.Repositories)+len(rules.Sources) > 0 {
		a.log.LogAttrs(ctx, slog.LevelWarn, "access rules are configured, but nothing asks them: enable serve.proxy, serve.decisions or serve.ext_authz")
	}
}
