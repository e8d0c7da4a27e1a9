package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// background starts what goes on beside requests and gives back a function that waits for its end.
func (a *App) background(ctx context.Context) (wait func()) {
	var running sync.WaitGroup
	tasks := map[string]func(context.Context) error{
		"signing keys": a.features.keys.Run, "courier": a.features.courier.Run, "sweeper": a.sweep, "ends of identities": a.endIdentities,
		"settling": a.settle, "secrets": a.features.seals.Run, "tenants": a.registry.Run, "identity schemas": a.features.people.schemas.Run, "deletion of tenants": a.registry.Erase,
		"backups": a.features.schedule.Run, "drills": a.features.drills().Run,
		"activity log": a.features.activity.relay.Run, "activity exports": a.features.activity.exporter.Run,
		"access rules": a.features.doors.book.Run, "decisions": a.features.doors.events.Run, "places of addresses": a.features.doors.locate,
	}
	if a.features.remote != nil {
		tasks["shared cache"] = a.features.remote.Run
	}
	for _, p := range a.databases.pools {
		tasks["change feed of "+p.db.Name()] = p.feed.Run
	}
	for name, run := range tasks {
		ctx := actor.With(ctx, actor.Actor{Kind: actor.System, ID: name})
		running.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				a.log.ErrorContext(ctx, "a background task ended", "task", name, "error", err)
			}
		})
	}
	return running.Wait
}

const (
	sweepEvery = time.Minute
	sweepBatch = 2000
)

// sweep deletes expired rows, in batches, for as long as there are any; then it rests. Replicas rest for different
// times, so that they do not all come at once; that several sweep at a time does no harm.
func (a *App) sweep(ctx context.Context) error {
	for {
		rest := sweepEvery/2 + rand.N(sweepEvery)
		for _, s := range a.features.sweepers {
			if a.sweepOne(ctx, s) {
				rest = 100 * time.Millisecond
			}
		}
		if !wait.For(ctx, rest) {
			return ctx.Err()
		}
	}
}

// sweepOne reports whether there may be more to delete.
func (a *App) sweepOne(ctx context.Context, s sweeper) bool {
	n, err := s.sweep(ctx, now(), sweepBatch)
	if errors.Is(err, sqldb.ErrFrozen) {
		return false // what expired meanwhile is deleted afterwards
	}
	if err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "expired rows could not be deleted; the next sweep tries again", "of", s.name, "error", err)
		return false
	}
	if n > 0 {
		a.log.DebugContext(ctx, "deleted expired rows", "of", s.name, "rows", n)
	}
	return n >= sweepBatch
}

const (
	endEvery = 10 * time.Second
	endBatch = 100
)

// endIdentities takes back what identities that have ended still hold in other databases, for as long as there are any; then it
// rests. What ends in this process is taken back at once: this is for what failed, and for processes that died.
func (a *App) endIdentities(ctx context.Context) error {
	failing := false
	for {
		rest := endEvery/2 + rand.N(endEvery)
		n, err := a.features.people.identities.EndDue(ctx, endBatch)
		if n == endBatch {
			rest = 0
		}
		if err != nil && ctx.Err() == nil && !failing && !errors.Is(err, sqldb.ErrFrozen) {
			a.log.WarnContext(ctx, "identities that have ended could not be worked off; it is tried again and again", "error", err)
		}
		failing = err != nil
		if !wait.For(ctx, rest) {
			return ctx.Err()
		}
	}
}

// measureDatabases publishes what the databases are asked, and whether one of them forgets everything at the end.
func (a *App) measureDatabases() {
	for _, p := range a.databases.pools {
		labels := prometheus.Labels{"database": p.db.Name()}
		a.metrics.Registry.MustRegister(
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "gatehouse_sql_statements_total", Help: "SQL statements run, without BEGIN and COMMIT.", ConstLabels: labels,
			}, func() float64 { return float64(p.db.Statements()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "gatehouse_database_ephemeral", Help: "1 when the database is in memory and lost at the end of the process.", ConstLabels: labels,
			}, func() float64 {
				if p.db.Ephemeral() {
					return 1
				}
				return 0
			}),
		)
	}
}
