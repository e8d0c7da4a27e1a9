package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/harden"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/telemetry"
	"github.com/gatehouse-iam/gatehouse/internal/tenancy"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// now is the one clock of the server: UTC, cut to what every database keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// App is a server that has been put together.
type App struct {
	cfg       *config.Config
	name      string // among the servers on the databases
	log       *slog.Logger
	databases *databases
	metrics   *telemetry.Metrics
	tracing   *telemetry.Tracing
	health    *web.Health
	gate      *dataset.Gate
	unfollow  func() // ends what the gate does; nil before it has begun
	tenants   *tenant.Directory
	registry  *tenancy.Registry
	outgrown  atomic.Pointer[string] // why an operator should know that a newer version has migrated a database; nil where none has
	migrated  bool                   // the management database had this version's schema at the start; else what it holds is read once it has
	features  *features
	listeners []*web.Listener
	judged    harden.Report // of the configuration
	version   string
}

// New opens the databases, brings their schemas up to date where the configuration says so, and puts the features
// together. In the production profile it refuses what package harden calls critical and nobody accepted. It listens nowhere yet. What it opened is closed by Run, or at once when it fails.
func New(ctx context.Context, cfg *config.Config, version string) (*App, error) {
	if err := cfg.Unwrap(ctx); err != nil {
		return nil, err
	}
	if faults := cfg.Critical(now(), nil); len(faults) > 0 {
		return nil, faults
	}
	a, err := unbound(ctx, cfg, version)
	if err != nil {
		return nil, err
	}
	for _, l := range a.listeners {
		if err := l.Open(ctx); err != nil {
			return nil, errors.Join(err, a.closeListeners(), a.close(ctx))
		}
	}
	return a, nil
}

// unbound is New without judging the configuration and without binding addresses: what it gives answers by its handlers.
func unbound(ctx context.Context, cfg *config.Config, version string) (*App, error) {
	log := telemetry.NewLogger(os.Stderr, cfg.Log, telemetry.ContextAttr{Key: "request_id", Value: web.RequestID})
	host, err := os.Hostname()
	if err != nil {
		host = "server"
	}
	a := &App{cfg: cfg, name: host + "-" + secret.Random(6), version: version, log: log, metrics: telemetry.NewMetrics(version)}
	if a.tracing, err = telemetry.NewTracing(ctx, cfg.Tracing, version, log); err != nil {
		return nil, err
	}
	if a.databases, err = openDatabases(ctx, cfg, log); err != nil {
		return nil, err
	}
	if err := a.assemble(ctx); err != nil {
		_ = a.leaveGate(ctx) // where that fails, too, a freeze waits for it as for one that was killed
		return nil, errors.Join(err, a.databases.Close())
	}
	return a, nil
}

func (a *App) assemble(ctx context.Context) error {
	if err := a.databases.migrate(ctx, a.cfg.Databases.AutoMigrate, a.log); err != nil {
		return err
	}
	if err := a.openGate(ctx); err != nil {
		return err
	}
	if err := a.openTenants(ctx); err != nil {
		return err
	}
	a.judged = harden.Judge(now(), nil, a.cfg.Facts(now(), "", nil))
	a.sayWhatIsAccepted(ctx)
	a.sayWhereDataIs(ctx)
	f, err := newFeatures(ctx, a)
	if err != nil {
		return err
	}
	a.features = f
	if err := a.beginSealing(ctx); err != nil {
		return err
	}
	a.health = &web.Health{Version: a.version, Checks: a.checks, Warnings: a.warnings, Log: a.log}
	a.measureDatabases()
	a.features.doors.book.Start(ctx)
	a.warnOfUnusedRules(ctx)
	a.warnOfAdminAccess(ctx)
	a.listeners, err = a.newListeners()
	return err
}

// sayWhereDataIs warns of a database that is gone with the process: nobody should learn it by a restart.
func (a *App) sayWhereDataIs(ctx context.Context) {
	for _, p := range a.databases.pools {
		if p.db.Ephemeral() {
			a.log.WarnContext(ctx, "this database is in memory: everything in it is lost when the server stops", "databases", p.logical)
		}
	}
}

// checks is what readiness asks: can each database be reached, and does it have this version's schema? A newer one is no reason to send
// requests away: neighbouring versions run side by side while one replaces the other.
func (a *App) checks(ctx context.Context) map[string]error {
	wrong := map[string]error{}
	var newer *string
	if a.gate.Last().Arriving != "" {
		wrong["data"] = arriving
	}
	for _, p := range a.databases.pools {
		if slices.Equal(p.logical, []string{"activity"}) {
			continue // what it is to hold waits elsewhere until it is back
		}
		if err := p.db.Ping(ctx); err != nil {
			wrong["database"] = err
			return wrong
		}
		for _, logical := range p.logical {
			if err := migrations.Check(ctx, p.db, logical); errors.Is(err, migrations.ErrNewer) {
				text := err.Error()
				newer = &text
			} else if err != nil {
				wrong["migrations"] = notMigrated.With(err.Error())
			}
		}
	}
	a.outgrown.Store(newer)
	if err := a.features.seals.Ready(); err != nil {
		wrong["secrets"] = err
	}
	if a.doorsOpen() {
		if err := a.features.doors.book.Ready(); err != nil {
			wrong["access rules"] = err
		}
	}
	return wrong
}

// warnings is what an operator should look at, though the server does its work.
func (a *App) warnings() map[string][]string {
	all := map[string][]string{}
	if rules := a.features.doors.book.Warnings(); len(rules) > 0 {
		all["access rules"] = rules
	}
	if remote := a.features.remote; remote != nil && !remote.Answers() {
		all["shared cache"] = []string{"it does not answer: this server asks the databases for what it does not remember itself"}
	}
	if newer := a.outgrown.Load(); newer != nil {
		all["migrations"] = []string{*newer}
	}
	if log := a.features.activity.warnings(); len(log) > 0 {
		all["activity"] = log
	}
	if state := a.gate.Last(); state.Frozen != "" {
		all["data"] = []string{"writes are refused since " + state.FrozenSince.Format(time.RFC3339) + " (" + state.Frozen + "): `gatehouse data thaw` ends that"}
	}
	return all
}

// Run serves until ctx ends or a listener fails, then finishes what is in flight and closes everything. ready is
// called once, when the server answers.
func (a *App) Run(ctx context.Context, ready func()) error {
	collectLess()
	weight := ballast()
	defer runtime.KeepAlive(weight)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	idle := a.background(background)
	a.log.InfoContext(ctx, "listening", a.addresses()...)
	go ready()
	err := web.Serve(ctx, web.Grace{Health: a.health, Delay: a.cfg.Serve.StopDelay}, a.listeners...)
	stop()
	idle()
	a.log.InfoContext(ctx, "stopped")
	return errors.Join(err, a.close(ctx))
}

// close gives back what unbound took, once nothing is served any more; ctx may have ended.
func (a *App) close(ctx context.Context) error {
	a.features.Close()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(a.tracing.Shutdown(flush), a.databases.Close())
}

func (a *App) closeListeners() error {
	var faults []error
	for _, l := range a.listeners {
		faults = append(faults, l.Close())
	}
	return errors.Join(faults...)
}

// Development reports whether the server runs the development profile.
func (a *App) Development() bool { return a.cfg.Profile == config.Development }

// addresses are those of all listeners, with the profile, for the log.
func (a *App) addresses() []any {
	list := []any{"public", a.PublicURL(), "admin", a.AdminURL()}
	for _, d := range a.DoorAddresses() {
		list = append(list, d.Name, d.Address)
	}
	return append(list, "profile", string(a.cfg.Profile))
}

// DoorAddress says where one of the doors is bound.
type DoorAddress struct {
	// Name is proxy, decisions or ext_authz.
	Name string
	// Address is host and port, or unix: and the path of a socket.
	Address string
}

// DoorAddresses gives the doors that are open, as New bound them.
func (a *App) DoorAddresses() []DoorAddress {
	var list []DoorAddress
	for _, l := range a.listeners {
		if l.Name != "public" && l.Name != "admin" {
			address := l.Addr().String()
			if l.Addr().Network() == "unix" {
				address = "unix:" + address
			}
			list = append(list, DoorAddress{l.Name, address})
		}
	}
	return list
}

// PublicURL is where the outside reaches the public listener, with a slash at the end.
func (a *App) PublicURL() string { return a.cfg.Serve.Public.BaseURL }

// AdminURL is where the outside reaches the admin listener, with a slash at the end.
func (a *App) AdminURL() string { return a.cfg.Serve.Admin.BaseURL }

// Storage says in a few words where the data is.
func (a *App) Storage() string {
	dsn := a.cfg.Databases.OAuth
	if dsn.Memory() {
		return "in memory: lost when the server stops"
	}
	return fmt.Sprint(dsn)
}
