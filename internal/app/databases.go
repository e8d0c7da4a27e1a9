package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// databases are the logical databases that have a schema. Those with the same DSN share one pool of connections and one
// change feed.
type databases struct {
	byName map[string]*sqldb.DB
	feeds  map[string]*sqldb.Feed
	pools  []pool
}

// pool is one physical database and the logical ones in it.
type pool struct {
	db      *sqldb.DB
	feed    *sqldb.Feed
	dsn     config.DSN
	logical []string
}

// openDatabases connects to every logical database that has a schema.
func openDatabases(ctx context.Context, cfg *config.Config, log *slog.Logger) (*databases, error) {
	d := &databases{byName: map[string]*sqldb.DB{}, feeds: map[string]*sqldb.Feed{}}
	for _, logical := range cfg.Databases.All() {
		if err := d.open(ctx, logical, log, sqldb.FeedOptions{Limit: cfg.Databases.MaxStaleness, Marks: cfg.Cache.Shared()}); err != nil {
			return nil, errors.Join(fmt.Errorf("databases.%s: %w", logical.Name, err), d.Close())
		}
	}
	return d, nil
}

func (d *databases) open(ctx context.Context, logical config.Logical, log *slog.Logger, hearing sqldb.FeedOptions) error {
	schema, err := migrations.Rendered(sqldb.SQLite, logical.Name)
	if err != nil || len(schema) == 0 {
		return err
	}
	for i := range d.pools {
		if p := &d.pools[i]; p.dsn == logical.DSN && !logical.DSN.Memory() {
			p.logical = append(p.logical, logical.Name)
			d.byName[logical.Name], d.feeds[logical.Name] = p.db, p.feed
			return nil
		}
	}
	db, err := sqldb.Open(ctx, logical.DSN.Reveal(), sqldb.Options{Name: logical.Name, Now: now, Log: log})
	if err != nil {
		return err
	}
	feed := sqldb.NewFeed(db, hearing)
	d.pools = append(d.pools, pool{db: db, feed: feed, dsn: logical.DSN, logical: []string{logical.Name}})
	d.byName[logical.Name], d.feeds[logical.Name] = db, feed
	return nil
}

// Close gives all connections back.
func (d *databases) Close() error {
	var faults []error
	for _, p := range d.pools {
		faults = append(faults, p.db.Close())
	}
	return errors.Join(faults...)
}

// each calls do for every logical database that has a schema, in their fixed order.
func (d *databases) each(do func(logical string, db *sqldb.DB) error) error {
	for _, logical := range migrations.Logical() {
		if db := d.byName[logical]; db != nil {
			if err := do(logical, db); err != nil {
				return fmt.Errorf("databases.%s: %w", logical, err)
			}
		}
	}
	return nil
}

// migrate brings the schemas up to date where the configuration says so; a database in memory has no other chance. In
// any case a server that is older than a schema does not start: it would not know what it writes.
func (d *databases) migrate(ctx context.Context, auto bool, log *slog.Logger) error {
	return d.each(func(logical string, db *sqldb.DB) error {
		if !auto && !db.Ephemeral() {
			return migrations.Newer(ctx, db, logical)
		}
		done, err := migrations.Up(ctx, db, logical)
		for _, m := range done {
			log.InfoContext(ctx, "migrated", "database", logical, "migration", m.Name)
		}
		return err
	})
}

// Migration is a command about the schemas: it opens the databases, works, and reports to out.
type Migration func(ctx context.Context, cfg *config.Config, out io.Writer) error

// MigrateUp brings all databases to this version's schema.
func MigrateUp(ctx context.Context, cfg *config.Config, out io.Writer) error {
	return withDatabases(ctx, cfg, func(d *databases) error {
		return d.each(func(logical string, db *sqldb.DB) error {
			done, err := migrations.Up(ctx, db, logical)
			for _, m := range done {
				_, _ = fmt.Fprintf(out, "%s: applied %s\n", logical, m.Name)
			}
			if err == nil && len(done) == 0 {
				_, _ = fmt.Fprintf(out, "%s: nothing to do\n", logical)
			}
			return err
		})
	})
}

// ErrPending says that a schema lacks migrations.
var ErrPending = errors.New("migrations are pending: run `gatehouse migrate up`")

// MigrateUpAfter is MigrateUp that waits so long for servers that cannot be reached yet.
func MigrateUpAfter(patience time.Duration) Migration {
	return func(ctx context.Context, cfg *config.Config, out io.Writer) error {
		err := MigrateUp(ctx, cfg, out)
		for began := now(); unreachable(err) && now().Sub(began) < patience && wait.For(ctx, time.Second); {
			err = MigrateUp(ctx, cfg, out)
		}
		return err
	}
}

// MigrateStatus prints every migration and since when the databases have it. It fails with ErrPending when one lacks any.
func MigrateStatus(ctx context.Context, cfg *config.Config, out io.Writer) error {
	pending := false
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "DATABASE\tMIGRATION\tAPPLIED")
	err := withDatabases(ctx, cfg, func(d *databases) error {
		return d.each(func(logical string, db *sqldb.DB) error {
			states, err := migrations.Status(ctx, db, logical)
			for _, s := range states {
				applied := "pending"
				if s.Applied {
					applied = s.AppliedAt.UTC().Format(time.RFC3339)
				}
				pending = pending || !s.Applied
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", logical, s.Name, applied)
			}
			return err
		})
	})
	if err := errors.Join(err, w.Flush()); err != nil {
		return err
	}
	if pending {
		return ErrPending
	}
	return nil
}

// MigratePlan prints the SQL that MigrateUp would run.
func MigratePlan(ctx context.Context, cfg *config.Config, out io.Writer) error {
	return withDatabases(ctx, cfg, func(d *databases) error {
		return d.each(func(logical string, db *sqldb.DB) error {
			plan, err := migrations.Plan(ctx, db, logical)
			if err == nil && plan == "" {
				plan = fmt.Sprintf("-- %s: nothing to do\n", logical)
			}
			_, _ = io.WriteString(out, plan)
			return err
		})
	})
}

func withDatabases(ctx context.Context, cfg *config.Config, do func(*databases) error) error {
	d, err := openDatabases(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(do(d), d.Close())
}
