package app

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/account"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/method/code"
	"github.com/gatehouse-iam/gatehouse/internal/method/link"
	"github.com/gatehouse-iam/gatehouse/internal/method/password"
	"github.com/gatehouse-iam/gatehouse/internal/method/profile"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// people are the features with which people register and sign in.
type people struct {
	identities *identity.Store
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

// peopleOptions are what the people features share with the others.
type peopleOptions struct {
	system, cookie *secret.Ring
	hasher         *secret.Hasher
	signing        *keys.Keys
	base           web.BaseURL
}

// newPeople makes the features of the people wing, from the ground up.
func newPeople(ctx context.Context, a *App, o peopleOptions) (*people, error) {
	cfg, db, feed := a.cfg, a.databases.byName["management"], a.databases.feeds["management"]
	development := a.Development()
	// The operator wrote these addresses, so they may be inside the network.
	documents := fetch.New(fetch.Options{AllowPrivate: true, AllowHTTP: true})
	schemas, err := identity.NewSchemas(ctx, cfg.Identity, documents.Get)
	if err != nil {
		return nil, err
	}
	p := &people{}
	p.identities = identity.NewStore(identity.StoreOptions{
		DB: db, Feed: feed, Ring: o.system.For("credentials"), Schemas: schemas, BaseURL: o.base.String(), Now: now,
	})
	p.sessions = session.NewStore(session.StoreOptions{
		DB: db, Feed: feed, Identities: p.identities, Tokens: session.NewTokens(tokenPrefix, o.system.For("session tokens")),
		Config: cfg.Session, Now: now,
	})
	p.identities.OnDelete(p.sessions.Forget)
	p.limits = limit.New(limit.Options{
		Config: cfg.Limits, Store: limit.NewStore(limit.StoreOptions{DB: db, Ring: o.system.For("lock-outs")}), Now: now,
	})
	jsonnet := hook.NewJsonnet(hook.Limits{})
	p.hooks = hook.New(hook.Options{
		Clients: cfg.Clients, Jsonnet: jsonnet, Fetch: documents.Get, Observe: a.hookMetrics(), Now: now, Log: a.log,
	})
	if err := p.hooks.Prepare(ctx, cfg.SelfService.WebHooks()); err != nil {
		return nil, err
	}
	p.messages = courier.NewStore(courier.StoreOptions{DB: db, Ring: o.system.For("messages"), Retention: cfg.Courier.Retention, Now: now})
	p.courier, err = courier.New(courier.Options{
		Store: p.messages, Config: cfg.Courier, Development: development, Brand: mailBrand(cfg, o.base),
		Evaluate: jsonnet.Evaluate, Fetch: documents.Get, Recorder: a.courierMetrics(), Now: now, Log: a.log,
	})
	if err != nil {
		return nil, err
	}
	a.measureBacklog(p.messages)
	if err := p.serve(a, o, jsonnet, documents); err != nil {
		return nil, err
	}
	return p, nil
}

// serve makes what answers requests.
func (p *people) serve(a *App, o peopleOptions, jsonnet *hook.Jsonnet, documents *fetch.Client) error {
	cfg := a.cfg
	exchanges := &session.Exchanges{Store: p.sessions, Lifespan: cfg.SelfService.Flows.Login.Lifespan}
	tokenizer, err := session.NewTokenizer(session.TokenizerOptions{
		Config: cfg.Session.Whoami.Tokenizer, Issuer: o.base.String(), Keys: o.signing, Jsonnet: jsonnet.EvaluateWith, Read: os.ReadFile, Now: now,
	})
	if err != nil {
		return err
	}
	p.sessionHandler = &session.Handler{
		Store: p.sessions, Config: cfg.Session, Ring: o.cookie.For("session cookies"), Base: o.base,
		Exchanges: exchanges, Tokenizer: tokenizer, Now: now,
	}
	p.identityHandler = &identity.Handler{
		Admin: &identity.Admin{Store: p.identities, Hasher: o.hasher, CodeSignsIn: cfg.SelfService.Methods.Code.PasswordlessEnabled},
		Ring:  o.system.For("page tokens of identities"),
	}
	p.courierHandler = &courier.Handler{Courier: p.courier, Ring: o.system.For("page tokens of messages")}
	p.flowStore = selfservice.NewStore(selfservice.StoreOptions{
		DB: a.databases.byName["management"], Ring: o.system.For("flows"), Identities: p.identities, Sessions: p.sessions,
		Exchanges: exchanges, Courier: p.courier, Now: now,
	})
	if p.breaches, err = password.NewBreaches(password.BreachOptions{
		Config: cfg.SelfService.Methods.Password.Config, Fetch: documents.Get, Now: now, Log: a.log,
	}); err != nil {
		return err
	}
	methods, err := p.methods(cfg, o, jsonnet)
	if err != nil {
		return err
	}
	p.flows = &selfservice.Handler{
		Config: cfg.SelfService.Config, Store: p.flowStore, Identities: p.identities, Schemas: p.identities.Schemas(),
		Sessions: p.sessionHandler, SessionStore: p.sessions, Exchanges: exchanges, Methods: methods,
		Hooks: p.hooks, Limits: p.limits, Ring: o.system.For("logout tokens"), Base: o.base, Now: now, Log: a.log,
	}
	p.sessionHandler.Flow = p.flows.Document
	site, err := account.NewSite(cfg.Account, now, a.log)
	if err != nil {
		return err
	}
	p.pages = &account.Handler{
		Config: cfg.Account, Site: site, Flows: flowBridge{p.flows}, Sessions: p.sessionHandler, SessionStore: p.sessions,
		Offers: offers(cfg.SelfService.Flows), LogoutURL: logoutURL(p.flows, o.base),
		Base: o.base, Now: now,
	}
	return nil
}

func (p *people) public() []public {
	return []public{p.identityHandler, p.sessionHandler, p.flows, p.pages}
}

func (p *people) admin() []admin {
	return []admin{p.identityHandler, p.sessionHandler, p.courierHandler, p.flows}
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

// methods are the sign-in methods, in the order in which pages show them.
func (p *people) methods(cfg *config.Config, o peopleOptions, jsonnet *hook.Jsonnet) ([]selfservice.Method, error) {
	c, schemas := cfg.SelfService.Methods, p.identities.Schemas()
	sms := slices.ContainsFunc(cfg.Courier.Channels, func(c courier.ChannelConfig) bool { return c.ID == "sms" })
	var all []selfservice.Method
	if c.Profile.Enabled {
		all = append(all, &profile.Method{Schemas: schemas})
	}
	if c.Password.Enabled {
		m := &password.Method{
			Config: c.Password, Identities: p.identities, Schemas: schemas, Hasher: o.hasher, Limits: p.limits, Breaches: p.breaches, Now: now,
		}
		if hook := c.Password.Config.MigrateHook; hook.Enabled {
			migration, err := password.NewMigration(password.MigrationOptions{Config: hook.Config, Private: cfg.Clients.HTTP, Jsonnet: jsonnet})
			if err != nil {
				return nil, err
			}
			m.Migrate = migration.Ask
		}
		all = append(all, m)
	}
	if c.Link.Enabled {
		all = append(all, &link.Method{
			Config: c.Link, Identities: p.identities, Limits: p.limits, Flows: cfg.SelfService.Flows, SMS: sms, BaseURL: o.base.String(), Now: now,
		})
	}
	if c.Code.Enabled {
		all = append(all, &code.Method{
			Config: c.Code, Identities: p.identities, Schemas: schemas, Ring: o.system.For("codes"), Limits: p.limits,
			Flows: cfg.SelfService.Flows, SMS: sms, BaseURL: o.base.String(), Now: now,
		})
	}
	return all, nil
}

// mailBrand has mails look like the pages.
func mailBrand(cfg *config.Config, base web.BaseURL) courier.Brand {
	b := cfg.Account.Brand
	logo := b.LogoURL
	if strings.HasPrefix(logo, "/") {
		logo = base.Join(logo) // mail programs have no base
	}
	return courier.Brand{Name: b.Name, URL: base.String(), Logo: logo, Color: b.Accent}
}
