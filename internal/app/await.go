package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// AwaitDatabases waits for so long until a server could start on the databases: they let their user in, have this version's schema, and
// hold no part of a copy. With unmigrated their schema may be older, or not there. Whatever is missing is waited for, for somebody else makes
// it; out is told what it is, each time that it is something else. It fails with what was missing last, and at once on a newer schema.
func AwaitDatabases(patience time.Duration, unmigrated bool) Migration {
	return func(ctx context.Context, cfg *config.Config, out io.Writer) error {
		said := ""
		for began := now(); ; {
			err := withDatabases(ctx, cfg, func(d *databases) error { return d.startable(ctx, unmigrated) })
			if err == nil {
				_, err = fmt.Fprintln(out, "the databases are ready for a server")
				return err
			}
			if text := err.Error(); text != said {
				said = text
				_, _ = fmt.Fprintf(out, "waiting: %s\n", text)
			}
			if now().Sub(began) >= patience || errors.Is(err, migrations.ErrNewer) || !wait.For(ctx, time.Second) {
				return err
			}
		}
	}
}

// startable tells why no server could start on the databases.
func (d *databases) startable(ctx context.Context, unmigrated bool) error {
	err := d.each(func(logical string, db *sqldb.DB) error { return migrations.Check(ctx, db, logical) })
	if errors.Is(err, migrations.ErrPending) {
		if unmigrated {
			return nil
		}
		return err
	}
	if err != nil {
		return err
	}
	gate := dataset.NewGate(dataset.GateOptions{Databases: d.byName, Feed: d.feeds["management"], Log: slog.New(slog.DiscardHandler)})
	return gate.Open(ctx)
}
