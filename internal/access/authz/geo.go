package authz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// GeoOptions are what a Geo works with.
type GeoOptions struct {
	// Config is the `access.geoip` part of the configuration.
	Config GeoConfig
	// Dir is a directory of the server's own in which databases are kept over a restart. It is made where it is missing.
	Dir string
	// Ask downloads. Mirrors may be inside, so give it the operator's bounds and not those of rules.
	Ask *fetch.Asker
	// MaxMind is the base URL of MaxMind's downloads. Default: theirs.
	MaxMind string
	// Now is the clock.
	Now func() time.Time
	// Log gets a line for each new database and each failure. Nil drops them.
	Log *slog.Logger
}

// Place is what is known of an address.
type Place struct {
	// Country is its ISO 3166-1 code; empty where none is known.
	Country string
	// Anonymous tells that the network hides who uses it.
	Anonymous bool
}

// GeoStatus says how one database is, for metrics and for operators.
type GeoStatus struct {
	// Edition names it.
	Edition string
	// Built is when it was made; zero where there is none.
	Built time.Time
	// Checked is when it was last known to be the newest.
	Checked time.Time
	// Failures counts the updates that failed since the start.
	Failures int
	// Err says what went wrong the last time; nil when it went well.
	Err error
}

// Age is how long ago the database was built; 0 where there is none.
func (s GeoStatus) Age(now time.Time) time.Duration {
	if s.Built.IsZero() {
		return 0
	}
	return now.Sub(s.Built)
}

// Geo has the databases and keeps them new. Make it with NewGeo and let Run run.
type Geo struct {
	o      GeoOptions
	wanted chan struct{} // closed when the first rule asks
	once   sync.Once

	// mu guards the databases: one that is replaced is closed only when nobody reads in it.
	mu        sync.RWMutex
	databases map[string]*database
}

// database is one edition.
type database struct {
	GeoStatus
	reader    *maxminddb.Reader
	validator validator
}

// NewGeo returns a Geo without databases.
func NewGeo(o GeoOptions) *Geo {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxMind == "" {
		o.MaxMind = "https://download.maxmind.com"
	}
	g := &Geo{o: o, wanted: make(chan struct{}), databases: map[string]*database{}}
	for _, edition := range o.Config.Editions {
		g.databases[edition] = &database{GeoStatus: GeoStatus{Edition: edition}}
	}
	return g
}

// need says that a rule asks for countries.
func (g *Geo) need() { g.once.Do(func() { close(g.wanted) }) }

// Status tells how each database is, in the order of the configuration.
func (g *Geo) Status() []GeoStatus {
	g.mu.RLock()
	defer g.mu.RUnlock()
	list := make([]GeoStatus, 0, len(g.o.Config.Editions))
	for _, edition := range g.o.Config.Editions {
		list = append(list, g.databases[edition].GeoStatus)
	}
	return list
}

// record is what is read of an address, in the databases of countries and cities and in that of anonymous networks.
type record struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	RegisteredCountry struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"registered_country"`
	Traits struct {
		IsAnonymousProxy bool `maxminddb:"is_anonymous_proxy"`
	} `maxminddb:"traits"`
	IsAnonymous      bool `maxminddb:"is_anonymous"`
	IsAnonymousVPN   bool `maxminddb:"is_anonymous_vpn"`
	IsPublicProxy    bool `maxminddb:"is_public_proxy"`
	IsResidential    bool `maxminddb:"is_residential_proxy"`
	IsTorExitNode    bool `maxminddb:"is_tor_exit_node"`
	IsHostingAddress bool `maxminddb:"is_hosting_provider"`
}

// knowsAnonymous reports whether one of the databases says which networks are anonymous: those of cities and countries do not.
func (g *Geo) knowsAnonymous() bool {
	return slices.ContainsFunc(g.o.Config.Editions, func(edition string) bool { return strings.Contains(edition, "Anonymous") })
}

// Lookup tells what is known of an address. It is an error when a database is not there, cannot be read, or is too old to be
// believed: nobody should pass by that.
func (g *Geo) Lookup(addr netip.Addr) (Place, error) {
	var place Place
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, edition := range g.o.Config.Editions {
		d := g.databases[edition]
		if d.reader == nil {
			return Place{}, fmt.Errorf("the database %s is not there yet", edition)
		}
		if limit := g.o.Config.MaxAge; limit > 0 && d.Age(g.o.Now()) > limit {
			return Place{}, fmt.Errorf("the database %s is too old", edition)
		}
		if d.reader.Metadata.IPVersion == 4 && addr.Is6() {
			continue
		}
		var found record
		if err := d.reader.Lookup(addr).Decode(&found); err != nil {
			return Place{}, fmt.Errorf("the database %s cannot be read: %w", edition, err)
		}
		place.add(&found)
	}
	return place, nil
}

func (p *Place) add(r *record) {
	if p.Country == "" {
		p.Country = strings.Clone(r.Country.ISOCode) // the record may point into the file
	}
	if p.Country == "" {
		p.Country = strings.Clone(r.RegisteredCountry.ISOCode)
	}
	p.Anonymous = p.Anonymous || r.Traits.IsAnonymousProxy || r.IsAnonymous || r.IsAnonymousVPN || r.IsPublicProxy ||
		r.IsResidential || r.IsTorExitNode || r.IsHostingAddress
}

// filesEvery is how often staged files are looked at.
const filesEvery = 15 * time.Second

// retryAfter is the first pause after an update that failed; it doubles up to the usual one.
const retryAfter = time.Minute

// Run waits until a rule asks for countries, and keeps the databases new from then on until ctx ends.
func (g *Geo) Run(ctx context.Context) {
	if g.o.Config.Source == sourceOff {
		return
	}
	select {
	case <-g.wanted:
	case <-ctx.Done():
		return
	}
	g.restore()
	pause := retryAfter
	for {
		next := g.o.Config.RefreshEvery
		if g.o.Config.Source == sourceFiles {
			next = filesEvery
		}
		if err := g.Update(ctx); err != nil {
			next = min(next, pause)
			pause = min(2*pause, next*2)
		} else {
			pause = retryAfter
		}
		if !wait.For(ctx, next) {
			return
		}
	}
}

// Update looks once for new versions of all databases. One that cannot be had, or is no good, leaves the last good one in place.
func (g *Geo) Update(ctx context.Context) error {
	var all []error
	for _, edition := range g.o.Config.Editions {
		var err error
		switch {
		case g.o.Config.Source == sourceFiles:
			err = g.staged(edition)
		case g.fresh(edition):
			continue
		default:
			err = g.download(ctx, edition)
		}
		g.note(edition, err)
		if err != nil && ctx.Err() == nil {
			g.o.Log.WarnContext(ctx, "geographical database is not updated", "edition", edition, "error", err)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (g *Geo) note(edition string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.databases[edition]
	d.Err = err
	if err != nil {
		d.Failures++
		return
	}
	d.Checked = g.o.Now()
}

// adopt takes a database that was opened and checked into use.
func (g *Geo) adopt(edition string, reader *maxminddb.Reader, v validator) {
	g.mu.Lock()
	d := g.databases[edition]
	old := d.reader
	d.reader, d.Built, d.validator = reader, reader.Metadata.BuildTime().UTC(), v
	g.mu.Unlock()
	if old != nil {
		_ = old.Close() // nobody reads in it any more, and there is nothing to lose
	}
	g.o.Log.Info("geographical database in use", "edition", edition, "built", reader.Metadata.BuildTime().UTC())
}

func (g *Geo) current(edition string) (built time.Time, v validator) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	d := g.databases[edition]
	return d.Built, d.validator
}

// Close closes the databases. Lookups fail from then on.
func (g *Geo) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.databases {
		if d.reader != nil {
			_ = d.reader.Close() // it was only read
			d.reader = nil
		}
	}
}
