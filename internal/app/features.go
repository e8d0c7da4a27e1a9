package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/discovery"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/inspect"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/logout"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// public and admin are features with routes on the listener of that name.
type public interface{ MountPublic(m *web.Mux) }

type admin interface{ MountAdmin(m *web.Mux) }

// sweeper deletes expired rows, at most batch of them, and says how many it deleted.
type sweeper struct {
	name  string
	sweep func(ctx context.Context, now time.Time, batch int) (int, error)
}

// features is everything that the server does.
type features struct {
	keys     *keys.Keys
	courier  *courier.Courier
	people   *people
	doors    *doors
	clients  *client.Store
	public   []public
	admin    []admin
	sweepers []sweeper
	closers  []func()
}

func (f *features) mount(publicMux, adminMux *web.Mux) {
	for _, p := range f.public {
		p.MountPublic(publicMux)
	}
	for _, p := range f.admin {
		p.MountAdmin(adminMux)
	}
}

// Close waits for what the features are still writing.
func (f *features) Close() {
	for _, c := range f.closers {
		c()
	}
}

// tokenPrefix stands in front of every token that we mint, so that scanners find leaked ones.
const tokenPrefix = "gh"

// newFeatures makes the features and ties them together. This is the list: what is not here is not served.
func newFeatures(ctx context.Context, a *App) (*features, error) {
	cfg, db, feed := a.cfg, a.databases.byName["oauth"], a.databases.feeds["oauth"]
	development := a.Development()
	system, err := secret.NewRing(cfg.Secrets.System)
	if err != nil {
		return nil, err
	}
	cookie, err := secret.NewRing(cfg.Secrets.Cookie)
	if err != nil {
		return nil, err
	}
	hasher, err := secret.NewHasher(cfg.Hashing, system.For("client secrets"), now)
	if err != nil {
		return nil, err
	}
	base := cfg.Serve.Public.Options().BaseURL
	bases := web.NewBaseURLs(base, cfg.Tenants)
	issuer := cfg.OAuth.Issuer
	if issuer == "" {
		issuer = base.String()
	}
	documents := fetch.New(fetch.Options{AllowPrivate: cfg.OAuth.Clients.PrivateAddresses(development), AllowHTTP: development})

	signing := keys.New(keys.Options{
		Store: keys.NewStore(db, feed, system.For("keys")), Config: withDoorKeys(cfg.Keys, a.doorsOpen()), Tenants: cfg.Tenants.IDs(),
		LongestToken: max(cfg.OAuth.Lifespans.AccessToken, cfg.OAuth.Lifespans.IDToken), Now: now, Log: a.log,
	})
	people, err := newPeople(ctx, a, peopleOptions{system: system, cookie: cookie, hasher: hasher, signing: signing, base: base, bases: bases})
	if err != nil {
		return nil, err
	}
	settings, own := cfg.OAuth.Config, false
	settings.URLs, own = bridgedURLs(cfg.OAuth.URLs)
	clients := client.NewStore(client.StoreOptions{DB: db, Feed: feed, CacheSize: cfg.OAuth.Clients.CacheSize, Now: now})
	authenticator := &client.Authenticator{
		Store: clients, Hasher: hasher, Keys: &client.RemoteKeys{Fetch: documents.Get, Now: now},
		Audiences:            []string{issuer, base.Join("/oauth2/token")},
		AssertionMaxLifetime: cfg.OAuth.Clients.AssertionMaxLifetime, Now: now, Log: a.log,
	}
	wire := &secret.Tokens{Prefix: tokenPrefix, Ring: system.For("tokens")}
	tokens := token.NewStore(token.StoreOptions{DB: db, Feed: feed, Tokens: wire, Keys: signing, Config: cfg.OAuth.Token(), Now: now})
	issuing := &token.Issuer{
		Config: cfg.OAuth.Token(), Lifespans: cfg.OAuth.Lifespans, Scopes: cfg.OAuth.ScopeStrategy,
		Store: tokens, Tokens: wire, Keys: signing, URL: func(context.Context) string { return issuer }, Now: now,
	}
	register := &client.Register{
		Store: clients, Hasher: hasher, Fetch: documents.Get, Forget: tokens.DeleteByClient, Now: now,
		Rules: client.Rules{
			Redirect:     oauth.RedirectRules{Development: development, PlainSchemes: cfg.OAuth.Clients.PlainRedirectSchemes},
			DefaultScope: strings.Join(cfg.OAuth.DefaultScope, " "), Pairwise: cfg.OAuth.Pairwise.Enabled,
		},
	}
	challenges := authorize.NewChallenges(system)
	policy := authorize.Policy{Config: settings, Development: development}
	flowStore := authorize.NewStore(authorize.StoreOptions{DB: db, Feed: feed, Tokens: tokens, Issuer: issuing, LiveFamilies: tokens.LiveFamilies, Now: now})
	flows := &authorize.Flows{
		Policy: policy, Clients: clients, Issuer: issuing, Keys: signing, Store: flowStore,
		Challenges: challenges, Public: bases.Join, Now: now,
	}
	if own {
		flows.Login = sessionBridge{people.sessions}
		people.identities.OnEnd(endTokens(flows, a.log))
	}
	cookies := web.Cookies{Ring: cookie.For("cookies"), Base: base}

	clientHandler := &client.Handler{Register: register, Ring: system.For("page tokens")}
	grants := token.NewGrants(issuing)
	tokenHandler := &token.Handler{Grants: grants, Clients: authenticator}
	inspectHandler := &inspect.Handler{
		Config: cfg.OAuth.Introspection, Tokens: tokens, Scopes: cfg.OAuth.ScopeStrategy,
		Auth: authenticator, Clients: clients, Keys: signing, Now: now,
	}
	authorizeHandler := &authorize.Handler{Flows: flows, Cookies: cookies, Site: people.pages.Site, Log: a.log}
	logoutStore := &logout.Store{DB: db}
	logouts := &logout.Logouts{
		URLs: settings.URLs, Clients: clients, Sessions: flowStore, Keys: signing, Store: logoutStore, Login: flows.Login,
		Challenges: challenges, Issuer: issuing.URL, Public: bases.Join, Now: now,
	}
	logoutHandler := &logout.Handler{Browser: authorizeHandler, Logouts: logouts}
	if own {
		people.flows.OAuth = loginBridge{flows, people.sessions, cfg.Session.Cookie.Persistent}
		people.pages.Consents, people.pages.Logouts = consentBridge{flows}, logoutBridge{logouts}
	}
	discoveryHandler := &discovery.Handler{
		Issuer: issuing.URL,
		Algs:   func(ctx context.Context) []string { return signing.Algs(ctx, keys.IDToken) },
		Facts: discovery.Facts{
			Issuer: issuer, Public: base.Join, Config: settings, Development: development,
			GrantTypes: slices.Collect(maps.Keys(grants)),
		},
	}

	doors, err := newDoors(a, doorOptions{
		system: system, signing: signing, sessions: doorSessions{people.sessionHandler}, tokens: doorTokens{tokens, now},
		clients: doorClients{authenticator, cfg.OAuth.ScopeStrategy}, issuer: issuing.URL,
	})
	if err != nil {
		return nil, err
	}

	return &features{
		keys: signing, clients: clients,
		public: append([]public{signing, tokenHandler, inspectHandler, authorizeHandler, logoutHandler, discoveryHandler}, people.public()...),
		admin:  append([]admin{signing, clientHandler, inspectHandler, authorizeHandler, logoutHandler, doors.admin, &flow.Handler{Store: doors.store}}, people.admin()...),
		sweepers: append([]sweeper{
			{"tokens", tokens.Sweep}, {"authorization flows", flowStore.Sweep}, {"client assertions", clients.Sweep}, {"logouts", logoutStore.Sweep},
			{"decisions", doors.store.Sweep},
		}, people.sweepers()...),
		closers: []func(){flowStore.Close, tokens.Close, clients.Close, people.close, doors.close},
		courier: people.courier, people: people, doors: doors,
	}, nil
}
