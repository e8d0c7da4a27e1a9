package sqldb

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

// Open connects to the database of the DSN and makes sure that it is the kind that the DSN says. It fails with
// ErrUnavailable when the server does not answer.
func Open(ctx context.Context, text string, o Options) (*DB, error) {
	d, err := parseDSN(text)
	if err != nil {
		return nil, err
	}
	c := &core{name: o.Name, now: o.Now, log: o.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	switch d.scheme {
	case "memory", "sqlite":
		c.dialect = SQLite
		err = c.openSQLite(ctx, d)
	case "mysql":
		c.dialect = MySQL
		err = c.openMySQL(ctx, d, o)
	case "postgres":
		c.dialect = PostgreSQL
		err = c.openPostgres(ctx, d, o)
	case "cockroach":
		c.dialect = CockroachDB
		err = c.openPostgres(ctx, d, o)
	}
	if err != nil {
		return nil, err
	}
	c.texts.dialect = c.dialect
	return &DB{core: c}, nil
}

// limits are the pool's, from the DSN, then from the options, then from the machine.
type limits struct {
	conns, idle           int
	lifetime, idleTimeout time.Duration
}

func (d *dsn) limits(o Options) limits {
	l := limits{conns: d.maxConns, idle: d.maxIdle, lifetime: 30 * time.Minute, idleTimeout: 5 * time.Minute}
	if l.conns == 0 {
		l.conns = o.MaxConns
	}
	if l.conns == 0 {
		l.conns = max(4*runtime.GOMAXPROCS(0), 10)
	}
	if !d.hasMaxIdle {
		l.idle = l.conns
	}
	if d.hasLifetime {
		l.lifetime = d.maxLifetime
	}
	if d.hasIdleTime {
		l.idleTimeout = d.maxIdleTime
	}
	return l
}

// refused is a connection that cannot be made, told with the server's address and what to do, but never with credentials.
func (d *dsn) refused(ctx context.Context, what string, err error) error {
	if d.host != "" {
		what += " at " + d.host
	}
	kind, cause := classify(err)
	if ctx.Err() != nil {
		kind = ErrUnavailable
	}
	return &Error{kind: kind, reason: reason(err), cause: fmt.Errorf("%s: %w%s", what, cause, d.advice(err))}
}
