package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// openGate has the server refuse writes where its management database says so, and refuses to start on a part of a copy.
func (a *App) openGate(ctx context.Context) error {
	db := a.databases.byName["management"]
	a.gate = dataset.NewGate(dataset.GateOptions{Databases: a.databases.byName, Feed: a.databases.feeds["management"], Log: a.log, Server: a.name})
	there, err := hasState(ctx, db)
	if err != nil {
		return err
	}
	// Until the last write is over: writes are taken for as long as it is known that they may be.
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	a.unfollow = func() { stop(); running.Wait() }
	if there { // else it is not ready, and says so; once it is migrated, the gate is followed
		if err := a.gate.Open(ctx); err != nil {
			return err
		}
	}
	running.Go(func() { _ = a.gate.Run(following) })
	return nil
}

// leaveGate tells the other servers that this one writes no more.
func (a *App) leaveGate(ctx context.Context) error {
	if a.unfollow == nil {
		return nil
	}
	a.unfollow()
	a.unfollow = nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return a.gate.Leave(ctx)
}

// hasState tells whether a management database has the table that says what is done with the data.
func hasState(ctx context.Context, db *sqldb.DB) (bool, error) {
	version, err := migrations.Version(ctx, db, "management")
	return version >= dataset.StateVersion, err
}

// DataSource is what data is copied from, or held still: databases, or a running server. One of the two is set.
type DataSource struct {
	// Databases are addressed as in a configuration.
	Databases *config.Databases
	// Server is a running server's admin API.
	Server *apiclient.Server
}

// with opens the source for as long as do runs.
func (s DataSource) with(ctx context.Context, do func(from dataset.Origin) error) error {
	if s.Server != nil {
		return do(&dataset.Server{API: s.Server})
	}
	if err := s.there(); err != nil {
		return err
	}
	d, err := openDatabases(ctx, &config.Config{Databases: *s.Databases}, slog.New(slog.DiscardHandler))
	if err != nil {
		return askServer(err)
	}
	return errors.Join(do(dataset.NewOrigin(d.byName, d.feeds["management"])), d.Close())
}

// askServer says what to do where a server has the files open that were to be read.
func askServer(err error) error {
	if errors.Is(err, sqldb.ErrHeld) {
		err = fmt.Errorf("%w\nSQLite files that a running server has open are read by its admin API: name it with --from", err)
	}
	return err
}

// there makes sure that a source of files is there: opening would make it, empty.
func (s DataSource) there() error {
	at, err := sqldb.Parse(s.Databases.Management.Reveal())
	if err == nil && at.Scheme == "sqlite" { // what is wrong with an address is said by who opens it
		if _, err := os.Stat(at.Database); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the source: there is no %s: is the address right?", at.Database)
		}
	}
	return nil
}

// FreezeData has every server of the source refuse writes, and returns what is then true.
func FreezeData(ctx context.Context, of DataSource, why string) (o dataset.Overview, err error) {
	ctx = atConsole(ctx, "gatehouse data")
	return o, of.with(ctx, func(from dataset.Origin) error {
		o, err = dataset.Freeze(ctx, from, why)
		return err
	})
}

// atConsole says who does it where no server asked: whoever runs the command.
func atConsole(ctx context.Context, command string) context.Context {
	return actor.With(ctx, actor.Actor{Kind: actor.Operator, ID: command})
}

// ThawData has the servers of the source take writes again.
func ThawData(ctx context.Context, of DataSource) (o dataset.Overview, err error) {
	ctx = atConsole(ctx, "gatehouse data")
	return o, of.with(ctx, func(from dataset.Origin) error {
		if err := from.Thaw(ctx); err != nil {
			return err
		}
		o, err = from.Overview(ctx)
		return err
	})
}

// DataState says what the source has, and whether it takes writes.
func DataState(ctx context.Context, of DataSource) (o dataset.Overview, err error) {
	return o, of.with(ctx, func(from dataset.Origin) error {
		o, err = from.Overview(ctx)
		return err
	})
}

// CopyOptions say how data is copied.
type CopyOptions struct {
	// Replace removes what the target holds; Thaw gives the source back at the end.
	Replace, Thaw bool
	// Progress is told how far it is: the phase, and how many of about how many rows were looked at in it.
	Progress func(phase string, rows, of int64)
}

// CopyData makes the databases of to equal to the source. It brings their schema up to date first. Where to has system secrets, they
// have to open what the source has sealed.
func CopyData(ctx context.Context, source DataSource, to *config.Config, o CopyOptions) (done *dataset.Copied, err error) {
	if err := to.Unwrap(ctx); err != nil {
		return nil, err
	}
	if source.Databases != nil && source.Databases.Management == to.Databases.Management {
		return nil, dataset.ErrSame // which of files only one process could find out
	}
	ctx = atConsole(ctx, "gatehouse data")
	err = source.with(ctx, func(from dataset.Origin) error {
		source, err := shown(ctx, from, to.Secrets.System)
		if err != nil {
			return err
		}
		return withDatabases(ctx, to, func(d *databases) error {
			done, err = dataset.Copy(ctx, from, d.byName, dataset.CopyOptions{
				Feed: d.feeds["management"], Replace: o.Replace, Thaw: o.Thaw, Idle: d.idle,
				Prepare: func(ctx context.Context) error { return d.migrate(ctx, true, slog.New(slog.DiscardHandler)) },
				Fits: func(ctx context.Context) error {
					return handedOver(fits(ctx, d, to.Secrets.System), source.SecretsInMemory)
				},
				Progress: func(s dataset.Step) { o.Progress(string(s.Phase), s.Rows, s.Of) },
			})
			return err
		})
	})
	return done, err
}

// idle makes sure that no server runs on databases whose content is to be removed: it would go on giving out what it remembers.
func (d *databases) idle(ctx context.Context) error {
	db := d.byName["management"]
	if there, err := hasState(ctx, db); err != nil || !there {
		return err
	}
	names, err := seal.NewStore(d.sealing()).Running(ctx, now(), seal.Look)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("servers run on the target: %s. Stop them first; one that was killed counts for 45 seconds", strings.Join(names, ", "))
	}
	return err
}

// ErrSecretsInMemory says that what a running server holds could be opened by nobody else.
var ErrSecretsInMemory = errors.New("the server made its secrets when it started, and nothing else has them: without them its data is of no use.\n" +
	"Write them to a file with `gatehouse data secrets`, name that file in the configuration of the servers to come, and name that configuration here")

// shown asks what the source has, and fails where servers with the system secrets, of which there may be none to look at, could not
// open it: before anything is removed for it.
func shown(ctx context.Context, from dataset.Origin, system []secret.String) (o dataset.Overview, err error) {
	if o, err = from.Overview(ctx); err != nil {
		return o, fmt.Errorf("the source: %w", err)
	}
	if len(system) == 0 {
		if o.SecretsInMemory {
			err = ErrSecretsInMemory
		}
		return o, err
	}
	ring, err := secret.NewRing(system)
	if err == nil {
		err = handedOver(fitsBackup(ring, o.SealKeys), o.SecretsInMemory)
	}
	return o, err
}

// handedOver adds what to do to a refusal of secrets that nobody else has.
func handedOver(err error, alone bool) error {
	if alone && errors.Is(err, seal.ErrLacks) {
		return fmt.Errorf("%w\n%w", err, ErrSecretsInMemory)
	}
	return err
}

// ExportSecrets gives the secrets that a running server made for itself and that nothing else has, as a configuration file.
func ExportSecrets(ctx context.Context, of *apiclient.Server) (secret.String, error) {
	return (&dataset.Server{API: of}).Secrets(ctx)
}

// fits makes sure that servers with these secrets can open what was copied.
func fits(ctx context.Context, d *databases, system []secret.String) error {
	if len(system) == 0 {
		return nil
	}
	ring, err := secret.NewRing(system)
	if err != nil {
		return err
	}
	seals := seal.Seals{Store: seal.NewStore(d.sealing()), System: ring}
	return seals.Inherit(ctx)
}
