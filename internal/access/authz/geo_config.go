package authz

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// GeoConfig is the `access.geoip` part of the configuration: where the databases come from that tell the country of an address.
// They are in MaxMind's format. Nothing is read or downloaded before an access rule asks for it.
type GeoConfig struct {
	// Where databases come from. mirror: downloaded from `mirror`. maxmind: downloaded from MaxMind with `license_key`. files: read
	// from `directory`, where the operator puts them, for networks without a way out. off: rules cannot ask for countries.
	Source string `yaml:"source" default:"mirror" enum:"mirror,maxmind,files,off"`
	// Databases to have: GeoLite2-City or GeoLite2-Country (or GeoIP2-…) for countries, GeoIP2-Anonymous-IP for anonymous networks.
	Editions []string `yaml:"editions" default:"GeoLite2-City"`
	// URL below which `<edition>.tar.gz` and `<edition>.tar.gz.sha256` are. Whoever serves them decides what country an address
	// belongs to.
	Mirror string `yaml:"mirror" default:"https://github.com/openzro/geolocation-dbs/releases/latest/download"`
	// MaxMind account number. Without it MaxMind is asked in the older way, with the key alone.
	AccountID string `yaml:"account_id"`
	// MaxMind licence key.
	LicenseKey secret.String `yaml:"license_key"`
	// Directory in which `<edition>.mmdb` files are put by the operator (files). They are read again when they change.
	Directory string `yaml:"directory"`
	// How often new versions are looked for (mirror, maxmind). MaxMind publishes twice a week.
	RefreshEvery time.Duration `yaml:"refresh_every" default:"24h" min:"1h" max:"720h"`
	// With more than 0, databases that were built longer ago are not believed: rules that ask for countries refuse everybody until a
	// newer one is there.
	MaxAge time.Duration `yaml:"max_age" default:"0s" min:"0s"`
}

// The values of GeoConfig.Source.
const (
	sourceMirror  = "mirror"
	sourceMaxMind = "maxmind"
	sourceFiles   = "files"
	sourceOff     = "off"
)

// DefaultGeoConfig downloads the cities' database from a mirror once a rule asks for it.
func DefaultGeoConfig() GeoConfig {
	return GeoConfig{
		Source: sourceMirror, Editions: []string{"GeoLite2-City"}, RefreshEvery: 24 * time.Hour,
		Mirror: "https://github.com/openzro/geolocation-dbs/releases/latest/download",
	}
}

// Validate returns everything that is wrong with c, each fault with the path of its field below `access.geoip`.
func (c GeoConfig) Validate() (faults []error) {
	bad := func(path, format string, a ...any) { faults = append(faults, fmt.Errorf(path+": "+format, a...)) }
	switch c.Source {
	case sourceMirror:
		if err := fetch.CheckURL(c.Mirror); err != nil {
			bad("mirror", "%w", err)
		}
	case sourceMaxMind:
		if c.LicenseKey.Reveal() == "" {
			bad("license_key", "is missing; MaxMind asks for one")
		}
	case sourceFiles:
		if c.Directory == "" {
			bad("directory", "is missing: where the .mmdb files are")
		}
	case sourceOff:
	default:
		bad("source", "%q is not one of mirror, maxmind, files, off", c.Source)
	}
	if len(c.Editions) == 0 && c.Source != sourceOff {
		bad("editions", "is empty: write GeoLite2-City")
	}
	for i, edition := range c.Editions {
		if edition == "" || strings.ContainsFunc(edition, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		}) {
			faults = append(faults, fmt.Errorf("editions[%d]: %q is no name of a database, such as GeoLite2-City", i, edition))
		}
	}
	return faults
}
