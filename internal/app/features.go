package app

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/harden"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// public and forAdmins are features with routes on the listener of that name.
type public interface{ MountPublic(m *web.Mux) }

type forAdmins interface{ MountAdmin(m *web.Mux) }

// sweeper deletes expired rows, at most batch of them, and says how many it deleted.
type sweeper struct {
	name  string
	sweep func(ctx context.Context, now time.Time, batch int) (int, error)
}

// features is everything that the server does.
type features struct {
	seals     *seal.Seals
	keys      *keys.Keys
	courier   *courier.Courier
	people    *people
	doors     *doors
	clients   *clients
	activity  *activityLog
	schedule  *backup.Schedule
	guard     *admin.Guard
	adminKeys *admin.Store
	remote    *cache.Remote // nil where servers share no cache
	public    []public
	admin     []forAdmins
	sweepers  []sweeper
	closers   []func()
}

func (f *features) mount(publicMux, adminMux *web.Mux) {
	for _, p := range f.public {
		p.MountPublic(publicMux)
	}
	for _, p := range f.admin {
		p.MountAdmin(adminMux)
	}
}

// drills has this server learn of drills of the backups that it makes.
func (f *features) drills() *backup.Watch {
	return &backup.Watch{Backups: f.schedule.Backups, Store: f.schedule.Store}
}

// Close waits for what the features are still writing.
func (f *features) Close() {
	for _, c := range f.closers {
		c()
	}
}

// tokenPrefix stands in front of every token that we mint, so that scanners find leaked ones.
const tokenPrefix = "gh"

// shared is what the wings have in common.
type shared struct {
	system, cookie *secret.Ring
	seals          *seal.Seals
	hasher         *secret.Hasher
	signing        *keys.Keys
	remote         *cache.Remote
	// base is the public listener's address, bases are its tenants'.
	base  web.BaseURL
	bases web.BaseURLs
	// issuers are the tenants' issuer identifiers.
	issuers issuers
}

func newShared(ctx context.Context, a *App) (s shared, err error) {
	cfg := a.cfg
	if s.system, err = secret.NewRing(cfg.Secrets.System); err != nil {
		return s, err
	}
	if s.cookie, err = secret.NewRing(cfg.Secrets.Cookie); err != nil {
		return s, err
	}
	if s.seals, err = newSeals(ctx, a, s); err != nil {
		return s, err
	}
	if s.hasher, err = secret.NewHasher(cfg.Hashing, s.system.For(forClientSecrets), now); err != nil {
		return s, err
	}
	if s.remote, err = newRemote(a, s.system); err != nil {
		return s, err
	}
	s.base = cfg.Serve.Public.Options().BaseURL
	s.bases = web.NewBaseURLs(s.base, a.tenants)
	s.issuers = issuers{tenants: a.tenants, bases: s.bases, own: cfg.OAuth.Issuer}
	if s.issuers.own == "" {
		s.issuers.own = s.base.String()
	}
	s.signing = keys.New(keys.Options{
		Store:  keys.NewStore(a.databases.byName["oauth"], a.databases.feeds["oauth"], s.system.For(forSigningKeys)),
		Config: withDoorKeys(cfg.Keys, a.doorsOpen()), Tenants: a.keyless,
		LongestToken: max(cfg.OAuth.Lifespans.AccessToken, cfg.OAuth.Lifespans.IDToken), Now: now, Log: a.log,
	})
	return s, nil
}

// newFeatures makes the features and ties them together. This is the list: what is not here is not served.
func newFeatures(ctx context.Context, a *App) (*features, error) {
	s, err := newShared(ctx, a)
	if err != nil {
		return nil, err
	}
	people, err := newPeople(ctx, a, s)
	if err != nil {
		return nil, err
	}
	clients := newClients(a, s, people)
	doors, err := newDoors(a, doorOptions{
		system: s.system, signing: s.signing, sessions: doorSessions{people.sessionHandler}, tokens: doorTokens{clients.tokens, now},
		clients: doorClients{clients.authenticator, a.cfg.OAuth.ScopeStrategy}, issuer: clients.issuing.URL,
	})
	if err != nil {
		return nil, err
	}
	log, err := newActivityLog(a, s.system, people.flowStore)
	if err != nil {
		return nil, err
	}
	schedule, err := newSchedule(a, s)
	if err != nil {
		return nil, err
	}
	adminKeys := newAdminKeys(a.databases, s.system)
	a.registry.Prepare, a.registry.Clear = s.signing.Ensure, doors.book.Clear
	facts := &hardenFacts{a, s.system, s.seals, clients.store, adminKeys, doors.geo}
	s.seals.Columns, s.seals.Digests = sealedColumns(s.system), []secret.Digests{client.Keyed(s.hasher)}
	return &features{
		seals: s.seals, activity: log, schedule: schedule, keys: s.signing, courier: people.courier, people: people, clients: clients, doors: doors,
		guard: newGuard(a, s, adminKeys, clients.tokens, people.limits), adminKeys: adminKeys,
		remote:   s.remote,
		public:   slices.Concat([]public{s.signing}, clients.public(), people.public()),
		admin:    slices.Concat([]forAdmins{s.signing, s.seals}, clients.admin(), people.admin(), doors.admins(), []forAdmins{log.admin(), &dataset.Handler{Gate: a.gate, Secrets: a.cfg.UnkeptSecrets()}, &backup.Handler{Tell: a.databases.noteBackup}, &admin.Handler{Store: adminKeys, Tenants: a.present}, a.tenantAdmin(s), &harden.Handler{Facts: facts.gather}}),
		sweepers: slices.Concat(clients.sweepers(), people.sweepers(), []sweeper{{"decisions", doors.store.Sweep}, {"activity", log.sweep}, {"admin keys", adminKeys.Sweep}}),
		closers:  []func(){clients.close, people.close, doors.close, func() { a.leave(s.seals) }},
	}, nil
}
