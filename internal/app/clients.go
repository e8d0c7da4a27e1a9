package app

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/discovery"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/inspect"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/logout"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// clients are the features with which applications get tokens.
type clients struct {
	store         *client.Store
	authenticator *client.Authenticator
	tokens        *token.Store
	issuing       *token.Issuer
	flowStore     *authorize.Store
	flows         *authorize.Flows
	logoutStore   *logout.Store
	logouts       *logout.Logouts

	clientHandler    *client.Handler
	tokenHandler     *token.Handler
	inspectHandler   *inspect.Handler
	authorizeHandler *authorize.Handler
	logoutHandler    *logout.Handler
	discoveryHandler *discovery.Handler
}

// clientsBuilder is what the steps need by which clients are put together, each of those before it.
type clientsBuilder struct {
	*clients
	shared

	app    *App
	people *people
	db     *sqldb.DB
	feed   *sqldb.Feed
	// settings are the configuration's, with the pages that people are sent to.
	settings oauth.Config
	// own tells that people sign in and consent at pages of ours.
	own bool
	// documents reads what clients publish.
	documents *fetch.Client
	// challenges seal what a login or consent page is given.
	challenges authorize.Challenges
}

// newClients makes the features of the clients wing. Where people sign in at pages of ours, it ties the wing to people.
func newClients(a *App, s shared, people *people) *clients {
	cfg := a.cfg.OAuth
	b := &clientsBuilder{
		clients: &clients{}, shared: s, app: a, people: people, db: a.databases.byName["oauth"], feed: a.databases.feeds["oauth"],
		settings: cfg.Config, challenges: authorize.NewChallenges(s.system),
		documents: fetch.New(fetch.Options{AllowPrivate: cfg.Clients.PrivateAddresses(a.Development()), AllowHTTP: a.Development()}),
	}
	b.settings.URLs, b.own = bridgedURLs(cfg.URLs)
	b.makeTokens()
	b.makeFlows()
	b.makeHandlers()
	return b.clients
}

// makeTokens makes what keeps clients and issues tokens.
func (b *clientsBuilder) makeTokens() {
	cfg := b.app.cfg.OAuth
	b.store = client.NewStore(client.StoreOptions{DB: b.db, Feed: b.feed, CacheSize: cfg.Clients.CacheSize, Remote: b.remote, Now: now})
	b.authenticator = &client.Authenticator{
		Store: b.store, Hasher: b.hasher, Keys: &client.RemoteKeys{Fetch: b.documents.Get, Now: now},
		Audiences: func(ctx context.Context) []string {
			return []string{b.issuers.Of(ctx), b.bases.Join(ctx, "/oauth2/token")}
		},
		AssertionMaxLifetime: cfg.Clients.AssertionMaxLifetime, Failed: failedClients(b.app), Now: now, Log: b.app.log,
	}
	wire := &secret.Tokens{Prefix: tokenPrefix, Ring: b.system.For(forTokens)}
	b.tokens = token.NewStore(token.StoreOptions{DB: b.db, Feed: b.feed, Tokens: wire, Keys: b.signing, Config: cfg.Token(), Closed: b.app.closed, Remote: b.remote, Now: now})
	b.issuing = &token.Issuer{
		Config: cfg.Token(), Lifespans: cfg.Lifespans, Scopes: cfg.ScopeStrategy,
		Store: b.tokens, Tokens: wire, Keys: b.signing, URL: b.issuers.Of, Now: now,
	}
}

// makeFlows makes the logins and logouts of applications.
func (b *clientsBuilder) makeFlows() {
	b.flowStore = authorize.NewStore(authorize.StoreOptions{
		DB: b.db, Feed: b.feed, Tokens: b.tokens, Issuer: b.issuing, LiveFamilies: b.tokens.LiveFamilies, Now: now,
	})
	b.flows = &authorize.Flows{
		Policy:  authorize.Policy{Config: b.settings, Development: b.app.Development()},
		Clients: b.store, Issuer: b.issuing, Keys: b.signing, Store: b.flowStore, Challenges: b.challenges, Public: b.bases.Join, Now: now,
	}
	if b.own {
		b.flows.Login = sessionBridge{b.people.sessions}
	}
	b.logoutStore = &logout.Store{DB: b.db}
	b.logouts = &logout.Logouts{
		URLs: b.settings.URLs, Clients: b.store, Sessions: b.flowStore, Keys: b.signing, Store: b.logoutStore, Login: b.flows.Login,
		Challenges: b.challenges, Issuer: b.issuing.URL, Public: b.bases.Join, Now: now,
	}
	if b.own {
		b.people.identities.OnEnd(endTokens(b.flows, b.app.log))
		b.people.flows.OAuth = loginBridge{b.flows, b.people.sessions, b.app.cfg.Session.Cookie.Persistent}
		b.people.pages.Consents, b.people.pages.Logouts = consentBridge{b.flows}, logoutBridge{b.logouts}
	}
}

// makeHandlers makes what answers requests.
func (b *clientsBuilder) makeHandlers() {
	cfg, development := b.app.cfg.OAuth, b.app.Development()
	b.clientHandler = &client.Handler{Ring: b.system.For("page tokens"), Register: &client.Register{
		Store: b.store, Hasher: b.hasher, Fetch: b.documents.Get, Forget: b.tokens.DeleteByClient, Now: now,
		Permit: permitAdminScopes(cfg.ScopeStrategy, b.app.cfg.Serve.Admin.OAuth),
		Rules: client.Rules{
			Redirect:     oauth.RedirectRules{Development: development, PlainSchemes: cfg.Clients.PlainRedirectSchemes},
			DefaultScope: strings.Join(cfg.DefaultScope, " "), Pairwise: cfg.Pairwise.Enabled,
		},
	}}
	grants := token.NewGrants(b.issuing)
	b.tokenHandler = &token.Handler{Grants: grants, Clients: b.authenticator}
	b.inspectHandler = &inspect.Handler{
		Config: cfg.Introspection, Tokens: b.tokens, Scopes: cfg.ScopeStrategy,
		Auth: b.authenticator, Clients: b.store, Keys: b.signing, Now: now,
	}
	b.authorizeHandler = &authorize.Handler{
		Flows: b.flows, Cookies: web.Cookies{Ring: b.cookie.For("cookies"), Base: b.bases}, Site: b.people.pages.Site, Log: b.app.log,
	}
	b.logoutHandler = &logout.Handler{Browser: b.authorizeHandler, Logouts: b.logouts}
	signing := b.signing
	b.discoveryHandler = &discovery.Handler{
		Issuer: b.issuing.URL,
		Algs:   func(ctx context.Context) []string { return signing.Algs(ctx, keys.IDToken) },
		Public: b.bases.Join,
		Facts: discovery.Facts{
			Config: b.settings, Development: development,
			GrantTypes: slices.Collect(maps.Keys(grants)),
		},
	}
}

func (c *clients) public() []public {
	return []public{c.tokenHandler, c.inspectHandler, c.authorizeHandler, c.logoutHandler, c.discoveryHandler}
}

func (c *clients) admin() []forAdmins {
	return []forAdmins{c.clientHandler, c.inspectHandler, c.authorizeHandler, c.logoutHandler}
}

func (c *clients) sweepers() []sweeper {
	return []sweeper{
		{"tokens", c.tokens.Sweep}, {"authorization flows", c.flowStore.Sweep}, {"client assertions", c.store.Sweep}, {"logouts", c.logoutStore.Sweep},
	}
}

func (c *clients) close() {
	c.flowStore.Close()
	c.tokens.Close()
	c.store.Close()
}
