package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// newBackups makes what makes and reads backups.
func newBackups(cfg *config.Config, system *secret.Ring, version string, log *slog.Logger) (*backup.Backups, error) {
	to, err := cfg.Backup.Open()
	if err != nil {
		return nil, err
	}
	return &backup.Backups{Config: cfg.Backup, Destinations: to, Ring: system.For(forBackups), Version: version, Now: now, Log: log}, nil
}

// backupsOf is newBackups for a command.
func backupsOf(ctx context.Context, cfg *config.Config, version string) (*backup.Backups, *secret.Ring, error) {
	collectLess() // millions of rows pass through a few megabytes
	if err := cfg.Unwrap(ctx); err != nil {
		return nil, nil, err
	}
	system, err := secret.NewRing(cfg.Secrets.System)
	if err != nil {
		return nil, nil, fmt.Errorf("secrets.system: %w", err)
	}
	b, err := newBackups(cfg, system, version, slog.New(slog.DiscardHandler))
	return b, system, err
}

// newSchedule makes what makes backups in the server; where no destinations are configured it has none to make.
func newSchedule(a *App, s shared) (*backup.Schedule, error) {
	schedule := &backup.Schedule{
		Store: backup.NewStore(a.databases.byName["management"]), Read: a.databases.read, Tell: a.databases.tellBackup, Holder: s.seals.Server,
	}
	pruned := newPrunedCounts()
	schedule.Pruned = func(ctx context.Context, done []backup.Pruned, fault error) error {
		pruned.count(done, fault)
		return a.databases.tellPruned(ctx, done)
	}
	if len(a.cfg.Backup.Destinations) == 0 {
		return schedule, nil
	}
	var err error
	schedule.Backups, err = newBackups(a.cfg, s.system, a.version, a.log)
	if err == nil {
		a.metrics.Registry.MustRegister(pruned.removed, pruned.failures, &backupState{
			job: polled[backup.Job]{ask: schedule.Store.Last}, drill: polled[backup.Job]{ask: schedule.Store.LastDrill},
		})
	}
	return schedule, err
}

// BackupOptions say how a backup is made.
type BackupOptions struct {
	// Full makes a full one where an incremental would do.
	Full bool
	// From is a running server to read from; nil: the databases of the configuration.
	From *apiclient.Server
	// Version is this program's.
	Version string
	// Progress is told how many of about how many rows were read.
	Progress func(rows, of int64)
	// Warn is told what does not keep the backup from being good.
	Warn func(what string)
}

// CreateBackup makes a backup. It may be returned beside an error, where only some destinations have it.
func CreateBackup(ctx context.Context, cfg *config.Config, o BackupOptions) (*backup.Created, error) {
	b, system, err := backupsOf(ctx, cfg, o.Version)
	if err != nil {
		return nil, err
	}
	how := backup.CreateOptions{Full: o.Full, Progress: o.Progress}
	if o.From != nil {
		how.Fits = func(keys []backup.SealKey) error { return fitsBackup(system, keys) }
		return createFrom(ctx, b, o.From, how, o.Warn)
	}
	ctx = atConsole(ctx, "gatehouse backup")
	var made *backup.Created
	err = withDatabases(ctx, cfg, func(d *databases) error {
		if err := d.servable(ctx); err != nil {
			return err
		}
		var err error
		made, err = b.Create(ctx, d.read, how)
		if e := d.heed(context.WithoutCancel(ctx)); e != nil { // it may have taken hours
			o.Warn("the activity log and the metrics could not be told: " + e.Error())
		} else if e := d.noteBackup(ctx, made, err); e != nil {
			o.Warn("the activity log and the metrics could not be told: " + e.Error())
		}
		return err
	})
	return made, askServer(err)
}

// createFrom makes a backup of a running server, and tells it how that went.
func createFrom(ctx context.Context, b *backup.Backups, from *apiclient.Server, how backup.CreateOptions, warn func(what string)) (*backup.Created, error) {
	source, err := (&dataset.Server{API: from}).Overview(ctx)
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	made, err := b.Create(ctx, DataSource{Server: from}.read, how)
	if e := backup.ReportOf(made, err).Send(ctx, from); e != nil {
		warn("the server could not be told, so its activity log and metrics do not know of this backup: " + e.Error())
	}
	return made, handedOver(err, source.SecretsInMemory)
}

// read is a backup.Reading.
func (s DataSource) read(ctx context.Context, fn func(ctx context.Context, src dataset.Source) error) error {
	return s.with(ctx, func(from dataset.Origin) error { return from.Read(ctx, fn) })
}

// read is a backup.Reading.
func (d *databases) read(ctx context.Context, fn func(ctx context.Context, src dataset.Source) error) error {
	return dataset.Snapshot(ctx, d.byName, fn)
}

// servable makes sure that there is something whole to keep, and that this process writes nothing while data is held still.
func (d *databases) servable(ctx context.Context) error {
	version, err := migrations.Version(ctx, d.byName["management"], "management")
	switch {
	case err != nil:
		return err
	case version == 0:
		return errors.New("the databases are empty: there is nothing to keep")
	case version < dataset.StateVersion:
		return dataset.ErrOlder
	}
	return d.heed(ctx)
}

// heed has this process write nothing where data is held still, and fails where there is nothing whole. It is for commands: a server has
// a gate of its own.
func (d *databases) heed(ctx context.Context) error {
	gate := dataset.NewGate(dataset.GateOptions{Databases: d.byName, Feed: d.feeds["management"], Log: slog.New(slog.DiscardHandler)})
	return gate.Open(ctx)
}

// tellBackup tells the activity log how a backup went.
func (d *databases) tellBackup(ctx context.Context, made *backup.Created, fault error) error {
	e := activity.Event{Action: activity.BackupCreated, Subject: activity.Party{Kind: "backup"}, Detail: map[string]string{}}
	if made != nil {
		e.Subject.ID = made.ID
		e.Detail = map[string]string{"kind": string(made.Kind), "bytes": strconv.FormatInt(made.Data.Size, 10), "rows": strconv.FormatInt(made.Rows, 10)}
		for _, name := range made.Destinations {
			e.Detail["destination "+name] = "has it"
		}
	} else {
		e.Action = activity.BackupFailed
	}
	if failed, ok := errors.AsType[*backup.Failed](fault); ok {
		for name := range failed.Unreachable {
			e.Detail["destination "+name] = "failed"
		}
	}
	return d.record(ctx, e)
}

// noteBackup is tellBackup for one that no schedule of a server's made: it is noted for the metrics, too. One that was interrupted is one
// that failed.
func (d *databases) noteBackup(ctx context.Context, made *backup.Created, fault error) error {
	ctx, cancel := backup.ToTell(ctx)
	defer cancel()
	return errors.Join(d.tellBackup(ctx, made, fault), backup.NewStore(d.byName["management"]).Note(ctx, made, fault, now()))
}

// tellPruned tells it how many backups were removed from each destination.
func (d *databases) tellPruned(ctx context.Context, done []backup.Pruned) error {
	if len(done) == 0 {
		return nil
	}
	of := map[string]int{}
	for _, one := range done {
		of[one.Destination]++
	}
	e := activity.Event{Action: activity.BackupPruned, Subject: activity.Party{Kind: "backup"}, Detail: map[string]string{"removed": strconv.Itoa(len(done))}}
	for name, n := range of {
		e.Detail["destination "+name] = strconv.Itoa(n)
	}
	return d.record(ctx, e)
}

// record writes an event that belongs to no change in a database.
func (d *databases) record(ctx context.Context, e activity.Event) error {
	return activity.Record(tenant.With(ctx, tenant.Default), d.byName["management"], e)
}

// BackupWanted says which backup is meant: the newest where nothing else is said.
type BackupWanted struct {
	// ID names one; Before asks for the newest of that time or earlier; Destination is where to read it.
	ID          string
	Before      time.Time
	Destination string
}

// ListBackups gives the backups of all destinations, the newest first. Beside an error are those that could be read.
func ListBackups(ctx context.Context, cfg *config.Config) ([]backup.Backup, error) {
	b, _, err := backupsOf(ctx, cfg, "")
	if err != nil {
		return nil, err
	}
	return b.List(ctx)
}

// PruneBackups removes the backups that backup.keep does not keep, or, where dry, says which. Beside an error is what was removed. The
// activity log is told where the databases can be reached; warn is told where not.
func PruneBackups(ctx context.Context, cfg *config.Config, dry bool, warn func(what string)) ([]backup.Pruned, error) {
	b, _, err := backupsOf(ctx, cfg, "")
	if err != nil {
		return nil, err
	}
	done, err := b.Prune(ctx, dry)
	if dry || len(done) == 0 {
		return done, err
	}
	e := withDatabases(ctx, cfg, func(d *databases) error {
		if err := d.servable(ctx); err != nil {
			return err
		}
		return d.tellPruned(atConsole(ctx, "gatehouse backup"), done)
	})
	if e != nil {
		warn("the activity log could not be told: " + e.Error())
	}
	return done, err
}

// VerifyBackup reads a whole backup. identity is the content of a file of private keys.
func VerifyBackup(ctx context.Context, cfg *config.Config, w BackupWanted, identity []byte, progress func(rows, of int64)) (*backup.Verified, error) {
	b, _, err := backupsOf(ctx, cfg, "")
	if err != nil {
		return nil, err
	}
	ids, err := backup.ParseIdentities(identity)
	if err != nil {
		return nil, err
	}
	return b.Verify(ctx, backup.Wanted(w), ids, progress)
}

// RestoreOptions say how a backup is restored.
type RestoreOptions struct {
	// Replace removes what the databases hold.
	Replace bool
	// Progress is told how far it is: the phase, and how many of about how many rows were looked at in it.
	Progress func(phase string, rows, of int64)
}

// RestoreBackup gives the databases of a configuration the content of a backup, if servers with its secrets can open it.
func RestoreBackup(ctx context.Context, cfg *config.Config, w BackupWanted, identity []byte, o RestoreOptions) (done *backup.Verified, err error) {
	ids, err := backup.ParseIdentities(identity)
	if err != nil {
		return nil, err
	}
	b, system, err := backupsOf(ctx, cfg, "")
	if err != nil {
		return nil, err
	}
	ctx = atConsole(ctx, "gatehouse backup")
	return done, withDatabases(ctx, cfg, func(d *databases) error {
		done, err = b.Restore(ctx, restoring(d, system, backup.Wanted(w), o), ids)
		return err
	})
}

// restoring says how databases are filled with a backup.
func restoring(d *databases, system *secret.Ring, w backup.Wanted, o RestoreOptions) backup.RestoreOptions {
	return backup.RestoreOptions{
		Wanted: w, Checked: func(rows, of int64) { o.Progress("verifying", rows, of) },
		Fits: func(keys []backup.SealKey) error { return fitsBackup(system, keys) },
		Load: func(ctx context.Context, v *backup.Verified, src dataset.Source) ([]dataset.Summary, error) {
			return dataset.Load(tenant.With(ctx, tenant.Default), src, d.byName, dataset.LoadOptions{
				Feed: d.feeds["management"], From: "backup " + v.ID, Rows: v.Rows, Replace: o.Replace, Idle: d.idle,
				Done: activity.Event{
					Action: activity.BackupRestored, Subject: activity.Party{Kind: "backup", ID: v.ID},
					Detail: map[string]string{"created_at": v.CreatedAt.Format(time.RFC3339), "rows": strconv.FormatInt(v.Rows, 10)},
				},
				Progress: func(s dataset.Step) { o.Progress(string(s.Phase), s.Rows, s.Of) },
			})
		},
	}
}

// fitsBackup makes sure that servers with these secrets can open what a backup holds.
func fitsBackup(system *secret.Ring, keys []backup.SealKey) error {
	of := map[string]map[string]string{}
	for _, k := range keys {
		if of[k.Database] == nil {
			of[k.Database] = map[string]string{}
		}
		of[k.Database][k.Fingerprint] = k.ID
	}
	for _, database := range slices.Sorted(maps.Keys(of)) {
		if err := seal.Fits(system, database, of[database]); err != nil {
			return err
		}
	}
	return nil
}
