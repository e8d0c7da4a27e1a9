package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/account"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/method/code"
	"github.com/gatehouse-iam/gatehouse/internal/method/link"
	"github.com/gatehouse-iam/gatehouse/internal/method/oidc"
	"github.com/gatehouse-iam/gatehouse/internal/method/password"
	"github.com/gatehouse-iam/gatehouse/internal/method/profile"
	"github.com/gatehouse-iam/gatehouse/internal/schema"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// people are the features with which people register and sign in.
type people struct {
	identities *identity.Store
	schemas    *schema.Library
	sessions   *session.Store
	messages   *courier.Store
	courier    *courier.Courier
	limits     *limit.Limits
	hooks      *hook.Hooks
	flowStore  *selfservice.Store
	breaches   *password.Breaches

	identityHandler *identity.Handler
	sessionHandler  *session.Handler
	courierHandler  *courier.Handler
	flows           *selfservice.Handler
	pages           *account.Handler
}

// newPeople makes the features of the people wing, from the ground up.
func newPeople(ctx context.Context, a *App, s shared) (*people, error) {
	// The operator wrote these addresses, so they may be inside the network.
	b := &peopleBuilder{
		people: &people{}, shared: s, app: a, cfg: a.cfg, db: a.databases.byName["management"], feed: a.databases.feeds["management"],
		documents: fetch.New(fetch.Options{AllowPrivate: true, AllowHTTP: true}), jsonnet: hook.NewJsonnet(hook.Limits{}),
	}
	for _, step := range []func(context.Context) error{
		b.makeStores, b.makeHooks, b.makeMessages, b.makeSessions, b.makeAdmin, b.makeFlows, b.makePages,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b.people, nil
}

// peopleBuilder is what the steps need of which people are put together, each of those before it.
type peopleBuilder struct {
	*people
	shared

	app       *App
	cfg       *config.Config
	db        *sqldb.DB
	feed      *sqldb.Feed
	documents *fetch.Client
	jsonnet   *hook.Jsonnet
}

// makeStores makes what keeps people, their sessions, and who tries too often.
func (b *peopleBuilder) makeStores(ctx context.Context) error {
	schemas, err := configuredSchemas(ctx, b.cfg, b.documents.Get)
	if err != nil {
		return err
	}
	b.identities = identity.NewStore(identity.StoreOptions{
		DB: b.db, Feed: b.feed, Ring: b.system.For(forCredentials), Schemas: schemas, BaseURL: func(ctx context.Context) string { return b.bases.Of(ctx).String() }, Now: now,
	})
	b.schemas = schema.New(schema.Options{
		Store: schema.NewStore(b.db, b.feed), Schemas: schemas, Followers: b.identities.Followers,
	})
	if b.app.migrated {
		if err := b.schemas.Open(ctx); err != nil {
			return err
		}
	}
	b.sessions = session.NewStore(session.StoreOptions{
		DB: b.db, Feed: b.feed, Identities: b.identities, Tokens: session.NewTokens(tokenPrefix, b.system.For(forSessions)),
		Config: b.cfg.Session, Remote: b.remote, Now: now,
	})
	b.identities.OnDelete(b.sessions.Forget)
	b.identities.OnCredentials(b.sessions.Outlive)
	b.limits = limit.New(limit.Options{
		Config: b.cfg.Limits, Store: limit.NewStore(limit.StoreOptions{DB: b.db, Ring: b.system.For("lock-outs")}), Now: now,
	})
	return nil
}

// makeHooks makes what tells others of flows, and fetches the programs that say how.
func (b *peopleBuilder) makeHooks(ctx context.Context) error {
	b.hooks = hook.New(hook.Options{
		Clients: b.cfg.Clients, Jsonnet: b.jsonnet, Fetch: b.documents.Get, Observe: b.app.hookMetrics(), Now: now, Log: b.app.log,
	})
	return b.hooks.Prepare(ctx, b.cfg.SelfService.WebHooks())
}

// makeMessages makes what writes to people.
func (b *peopleBuilder) makeMessages(context.Context) (err error) {
	b.messages = courier.NewStore(courier.StoreOptions{DB: b.db, Ring: b.system.For(forMessages), Retention: b.cfg.Courier.Retention, Held: func() []tenant.ID { return b.app.tenants.List().Held() }, Now: now})
	b.courier, err = courier.New(courier.Options{
		Store: b.messages, Config: b.cfg.Courier, Development: b.app.Development(), BrandOf: b.mailBrand,
		Evaluate: b.jsonnet.Evaluate, Fetch: b.documents.Get, Recorder: b.app.courierMetrics(), Now: now, Log: b.app.log,
	})
	if err == nil {
		b.app.measureBacklog(b.messages)
	}
	return err
}

// makeSessions makes what answers who is signed in.
func (b *peopleBuilder) makeSessions(context.Context) error {
	tokenizer, err := session.NewTokenizer(session.TokenizerOptions{
		Config: b.cfg.Session.Whoami.Tokenizer, Issuer: b.issuers.ofSessions(b.base), Keys: b.signing, Jsonnet: b.jsonnet.EvaluateWith, Now: now,
	})
	if err != nil {
		return err
	}
	b.sessionHandler = &session.Handler{
		Store: b.sessions, Config: b.cfg.Session, Ring: b.cookie.For("session cookies"), Base: b.bases,
		Exchanges: &session.Exchanges{Store: b.sessions, Lifespan: b.cfg.SelfService.Flows.Login.Lifespan}, Tokenizer: tokenizer, Now: now,
	}
	return nil
}

// makeAdmin makes what operators ask about people and messages.
func (b *peopleBuilder) makeAdmin(context.Context) error {
	b.identityHandler = &identity.Handler{
		Admin: &identity.Admin{Store: b.identities, Hasher: b.hasher, CodeSignsIn: b.cfg.SelfService.Methods.Code.PasswordlessEnabled},
		Ring:  b.system.For("page tokens of identities"),
	}
	b.courierHandler = &courier.Handler{Courier: b.courier, Ring: b.system.For("page tokens of messages")}
	return nil
}

// makeFlows makes what signs people in, with all methods.
func (b *peopleBuilder) makeFlows(context.Context) (err error) {
	exchanges := b.sessionHandler.Exchanges
	b.flowStore = selfservice.NewStore(selfservice.StoreOptions{
		DB: b.db, Ring: b.system.For(forFlows), Identities: b.identities, Sessions: b.sessions, Exchanges: exchanges, Courier: b.courier, Now: now,
	})
	if b.breaches, err = password.NewBreaches(password.BreachOptions{
		Config: b.cfg.SelfService.Methods.Password.Config, Fetch: b.documents.Get, Now: now, Log: b.app.log,
	}); err != nil {
		return err
	}
	methods, err := b.methods()
	if err != nil {
		return err
	}
	b.flows = &selfservice.Handler{
		Config: b.cfg.SelfService.Config, Store: b.flowStore, Identities: b.identities, Schemas: b.identities.Schemas(),
		Sessions: b.sessionHandler, SessionStore: b.sessions, Exchanges: exchanges, Methods: methods,
		Hooks: b.hooks, Limits: b.limits, Ring: b.system.For("logout tokens"), Base: b.bases, Now: now, Log: b.app.log,
		Cookies: web.Cookies{Ring: b.cookie.For("known devices"), Base: b.bases},
	}
	b.sessionHandler.Flow = b.flows.Document
	return nil
}

// methods are the sign-in methods, in the order in which pages show them.
func (b *peopleBuilder) methods() ([]selfservice.Method, error) {
	c, schemas := b.cfg.SelfService.Methods, b.identities.Schemas()
	sending := selfservice.Sending{
		Identities: b.identities, Limits: b.limits, Flows: b.cfg.SelfService.Flows,
		SMS: slices.ContainsFunc(b.cfg.Courier.Channels, func(c courier.ChannelConfig) bool { return c.ID == "sms" }), Now: now,
	}
	var all []selfservice.Method
	if c.Profile.Enabled {
		all = append(all, &profile.Method{Schemas: schemas})
	}
	if c.Password.Enabled {
		m, err := b.password(c.Password)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if c.Link.Enabled {
		all = append(all, &link.Method{Sending: sending, Config: c.Link})
	}
	if c.Code.Enabled {
		all = append(all, &code.Method{Sending: sending, Config: c.Code, Schemas: schemas, Ring: b.system.For("codes")})
	}
	if c.OIDC.Enabled {
		m, err := oidc.New(oidc.Options{
			Config: c.OIDC, Identities: b.identities, Schemas: schemas, Join: b.bases.Join, CodeSignsIn: c.Code.Enabled && c.Code.PasswordlessEnabled,
			PublicOnly: b.cfg.Clients.HTTP.DisallowPrivateIPRanges, Jsonnet: b.jsonnet.EvaluateWith, Now: now, Log: b.app.log,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// password makes the password method, which may ask an older system for passwords that it does not have yet.
func (b *peopleBuilder) password(c password.Config) (*password.Method, error) {
	m := &password.Method{
		Config: c, Identities: b.identities, Schemas: b.identities.Schemas(), Hasher: b.hasher, Limits: b.limits, Breaches: b.breaches, Now: now,
	}
	if older := c.Config.MigrateHook; older.Enabled {
		migration, err := password.NewMigration(password.MigrationOptions{Config: older.Config, Private: b.cfg.Clients.HTTP, Jsonnet: b.jsonnet})
		if err != nil {
			return nil, err
		}
		m.Migrate = migration.Ask
	}
	return m, nil
}

// makePages makes the pages that people see.
func (b *peopleBuilder) makePages(context.Context) error {
	site, err := account.NewSite(b.cfg.Account, b.app.brandOf, now, b.app.log)
	if err != nil {
		return err
	}
	b.pages = &account.Handler{
		Config: b.cfg.Account, Site: site, Flows: flowBridge{b.flows}, Sessions: b.sessionHandler, SessionStore: b.sessions,
		Offers: offers(b.cfg.SelfService.Flows), LogoutURL: logoutURL(b.flows, b.bases), Base: b.bases, Now: now,
	}
	return nil
}

func (p *people) public() []public {
	return []public{p.identityHandler, p.sessionHandler, p.flows, p.pages}
}

func (p *people) admin() []forAdmins {
	return []forAdmins{p.identityHandler, &schema.Handler{Library: p.schemas}, p.sessionHandler, p.courierHandler, p.flows}
}

// sweepers delete what has had its time.
func (p *people) sweepers() []sweeper {
	return []sweeper{
		{"sessions", p.sessions.Sweep}, {"self-service flows", p.flowStore.Sweep}, {"messages", p.messages.Sweep}, {"lock-outs", p.limits.Sweep},
	}
}

// close waits for what is still being written or told.
func (p *people) close() {
	p.flowStore.Close()
	p.sessions.Close()
	p.breaches.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.hooks.Wait(ctx) // what was not told by then was given up and logged
}

// mailBrand has mails look like the pages of the context's tenant.
func (b *peopleBuilder) mailBrand(ctx context.Context) courier.Brand {
	brand, base := b.cfg.Account.Brand, b.bases.Of(ctx)
	if own, ok := b.app.brandOf(ctx); ok {
		brand = own
	}
	logo := brand.LogoURL
	if strings.HasPrefix(logo, "/") {
		logo = base.Join(logo) // mail programs have no base
	}
	return courier.Brand{Name: brand.Name, URL: base.String(), Logo: logo, Color: brand.Accent}
}
