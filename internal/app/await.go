package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// AwaitOptions say what is waited for.
type AwaitOptions struct {
	// Patience is how long.
	Patience time.Duration
	// Unmigrated databases are good enough: their schema may be older, or not there.
	Unmigrated bool
	// ServedAt is the host:port at which servers on these databases answer, or "". While one does and the databases are empty, its data is
	// somewhere else, and a server that started here would answer in its place knowing nobody.
	ServedAt string
}

// AwaitDatabases waits until a server could start on the databases: they let their user in, have this version's schema, and hold no part of
// a copy. Whatever is missing is waited for, for somebody else makes it; out is told what it is, each time that it is something else. It fails
// with what was missing last, and at once on a newer schema.
func AwaitDatabases(o AwaitOptions) Migration {
	return func(ctx context.Context, cfg *config.Config, out io.Writer) error {
		said, beside := "", neighbour{at: o.ServedAt}
		for began := now(); ; {
			err := withDatabases(ctx, cfg, func(d *databases) error {
				if err := d.startable(ctx, o.Unmigrated); err != nil || o.ServedAt == "" {
					return err
				}
				empty, err := dataset.Databases(d.byName).Empty(ctx)
				if err != nil || !empty {
					return err
				}
				return beside.gone(ctx)
			})
			if err == nil {
				_, err = fmt.Fprintln(out, "the databases are ready for a server")
				return err
			}
			if text := err.Error(); text != said {
				said = text
				_, _ = fmt.Fprintf(out, "waiting: %s\n", text)
			}
			if now().Sub(began) >= o.Patience || errors.Is(err, migrations.ErrNewer) || !wait.For(ctx, time.Second) {
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
	return d.heed(ctx)
}

// neighbour is a server that may answer at an address, with data of its own.
type neighbour struct {
	at    string
	quiet time.Time // since when nobody has answered
}

// calm is for how long nobody may answer before nobody is there: a Service may lead nowhere for a moment.
const calm = 5 * time.Second

// gone fails until nobody has answered for long enough. What cannot be found out, as where no name is resolved, tells nothing.
func (n *neighbour) gone(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, "tcp", n.at)
	var unknown *net.DNSError
	switch {
	case err == nil:
		_ = conn.Close()
		n.quiet = time.Time{}
		return fmt.Errorf("the databases are empty, and a server whose data is elsewhere answers at %s: \"gatehouse data copy\" brings it here (in the chart, "+
			"database.copyFrom); to leave it behind, stop that server (in the chart, set database.acknowledge)", n.at)
	case errors.As(err, &unknown):
		n.quiet = time.Time{}
		return fmt.Errorf("the databases are empty, and whether another server answers is not known: %w", err)
	case n.quiet.IsZero():
		n.quiet = now()
	}
	if now().Sub(n.quiet) < calm {
		return fmt.Errorf("the databases are empty; making sure that no other server answers at %s", n.at)
	}
	return nil
}
