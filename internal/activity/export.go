package activity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

const (
	exportEvery = time.Second
	// exportRest is how long an export waits after its first failure; the time doubles up to exportMaxRest.
	exportRest    = time.Second
	exportMaxRest = time.Minute
	// leaseMargin is how much longer a server has an export than an attempt may take, and maxLease the longest that can be.
	leaseMargin = 15 * time.Second
	maxLease    = 5*time.Minute + leaseMargin
	// maxSent bounds what is sent at once, for receivers that refuse more. Unit: bytes of events.
	maxSent = 512 << 10
)

// errLines says that a receiver refuses what these lines are, and not whatever it is sent.
var errLines = errors.New("the receiver refuses these events")

// receiver takes lines of one tenant in their order. Those of a call that failed come again.
type receiver interface {
	send(ctx context.Context, of tenant.ID, lines []Line) error
	close()
}

// Exporter sends the log elsewhere. Of any number of servers one sends each tenant's lines to each receiver; where it ends,
// another one goes on. A line is sent at least once.
type Exporter struct {
	store   *Store
	exports []*export
	now     func() time.Time
	log     *slog.Logger
	owner   string
}

// export is one receiver and how it does.
type export struct {
	config   ExportConfig
	to       receiver
	sent     atomic.Uint64
	failures atomic.Uint64
	failing  atomic.Bool
}

// ExporterOptions are what an Exporter needs.
type ExporterOptions struct {
	Store  *Store
	Config Config
	// Host is this machine's name, for syslog.
	Host string
	Now  func() time.Time
	Log  *slog.Logger
}

// NewExporter makes the exports of a configuration that is valid. The error names the export, and never its URL.
func NewExporter(o ExporterOptions) (*Exporter, error) {
	e := &Exporter{store: o.Store, now: o.Now, log: o.Log, owner: secret.NewID()}
	for _, c := range o.Config.Exports {
		c = c.withDefaults()
		to, err := newReceiver(c, o.Host)
		if err != nil {
			return nil, fmt.Errorf("activity.exports: %s: %w", c.Name, err)
		}
		e.exports = append(e.exports, &export{config: c, to: to})
	}
	return e, nil
}

// newReceiver makes what a URL names.
func newReceiver(c ExportConfig, host string) (receiver, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	switch u.Scheme {
	case "file":
		return &fileReceiver{path: u.Path}, nil
	case "http", "https":
		return newHTTPReceiver(c)
	default:
		return newSyslogReceiver(c, u, host)
	}
}

// Run sends until ctx ends.
func (e *Exporter) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, x := range e.exports {
		all.Go(func() {
			defer x.to.close()
			for rest := exportRest; ; {
				err := e.round(ctx, x)
				e.tell(ctx, x, err)
				pause := exportEvery
				if err != nil {
					pause, rest = rest, min(2*rest, exportMaxRest)
				} else {
					rest = exportRest
				}
				if !wait.For(ctx, pause) {
					return
				}
			}
		})
	}
	all.Wait()
	return ctx.Err()
}

// round sends all that has not been sent, of every tenant. Events of one tenant that the receiver refuses keep no other's.
func (e *Exporter) round(ctx context.Context, x *export) error {
	behind, err := e.store.behind(ctx, x.config.Name)
	if err != nil {
		return err
	}
	var faults []error
	for _, of := range behind {
		if err := e.tenant(tenant.With(ctx, of), x); err != nil {
			faults = append(faults, fmt.Errorf("tenant %s: %w", of, err))
			if !errors.Is(err, errLines) {
				break
			}
		}
	}
	return errors.Join(faults...)
}

// tenant sends the lines of one tenant, unless another server is at it.
func (e *Exporter) tenant(ctx context.Context, x *export) error {
	lease := x.config.Timeout + leaseMargin
	seq, ok, err := e.store.claim(ctx, x.config.Name, e.owner, e.now(), lease)
	if err != nil || !ok {
		return err
	}
	of, _ := tenant.From(ctx)
	for {
		lines, err := e.store.lines(ctx, seq+1, x.config.Batch)
		if err != nil || len(lines) == 0 {
			return err
		}
		full := len(lines) == x.config.Batch
		if few := atOnce(lines); few < len(lines) {
			lines, full = lines[:few], true
		}
		if err := e.send(ctx, x, of, lines); err != nil {
			return err
		}
		seq = lines[len(lines)-1].Seq
		mine, err := e.store.sent(ctx, x.config.Name, e.owner, seq, e.now().Add(lease))
		if err != nil || !mine {
			return err
		}
		x.sent.Add(uint64(len(lines)))
		if !full {
			return nil
		}
	}
}

// atOnce says how many of the lines are sent together: one, or as many as there is room for.
func atOnce(lines []Line) int {
	size := 0
	for i, l := range lines {
		if size += len(l.Document); size > maxSent && i > 0 {
			return i
		}
	}
	return len(lines)
}

func (e *Exporter) send(ctx context.Context, x *export, of tenant.ID, lines []Line) error {
	ctx, cancel := context.WithTimeout(ctx, x.config.Timeout)
	defer cancel()
	return x.to.send(ctx, of, lines)
}

// tell logs the first of several failures in a row, and their end.
func (e *Exporter) tell(ctx context.Context, x *export, err error) {
	switch {
	case err == nil:
		if x.failing.Swap(false) {
			e.log.InfoContext(ctx, "an activity export goes on", "export", x.config.Name)
		}
	case ctx.Err() == nil && !frozen(err):
		x.failures.Add(1)
		if !x.failing.Swap(true) {
			e.log.WarnContext(ctx, "an activity export fails; it is tried again and again, and nothing is left out", "export", x.config.Name, "error", err)
		}
	}
}

// Each tells of every export how many lines this process has sent, how often it failed, and whether the last attempt did.
func (e *Exporter) Each(tell func(name string, sent, failures uint64, failing bool)) {
	for _, x := range e.exports {
		tell(x.config.Name, x.sent.Load(), x.failures.Load(), x.failing.Load())
	}
}
