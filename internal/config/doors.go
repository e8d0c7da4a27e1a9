package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/access/authz"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Door is a listener that is open only where it is enabled.
type Door struct {
	// Enabled opens the listener. Default: false.
	Enabled bool `yaml:"enabled"`

	web.Config `yaml:",inline"`
}

// proxyBody is the size of uploads that pass the proxy unless the configuration says another.
const proxyBody = 64 << 20

// askBody is what a proxy that asks about a request may send along of its body.
const askBody = 4 << 20

// doors are the listeners of access decisions, by their names below `serve`.
func (s *Serve) doors() map[string]*Door {
	return map[string]*Door{"proxy": &s.Proxy, "decisions": &s.Decisions, "ext_authz": &s.ExtAuthz}
}

// defaultDoors puts the doors where Ory Oathkeeper has them. In development a decision door believes proxies on this machine.
func (s *Serve) defaultDoors(p Profile) {
	host := "127.0.0.1"
	if p == Production {
		host = ""
	}
	s.Proxy = Door{Config: web.DefaultConfig(host+":4455", "")}
	s.Decisions = Door{Config: web.DefaultConfig(host+":4456", "")}
	s.ExtAuthz = Door{Config: web.DefaultConfig(host+":4457", "")}
	s.Proxy.MaxBody, s.Decisions.MaxBody, s.ExtAuthz.MaxBody = proxyBody, askBody, askBody
	if p == Development {
		s.Decisions.TrustedProxies = web.Networks{"127.0.0.0/8", "::1"}
	}
}

// checkDoors reports what does not fit in the doors that are open.
func (c *Config) checkDoors(faults *Faults) {
	doors := c.Serve.doors()
	for _, name := range slices.Sorted(maps.Keys(doors)) {
		if door := doors[name]; door.Enabled {
			c.section(faults, "serve."+name, door.Validate())
		}
	}
	if cors := c.Serve.ExtAuthz.CORS; c.Serve.ExtAuthz.Enabled && cors.Enabled {
		c.section(faults, "serve.ext_authz", []error{errors.New("cors: browsers do not ask this listener: take it out, and say at the proxy or in Envoy which sites' pages may read answers")})
	}
	c.section(faults, "access", c.Access.Validate())
}

// Access gathers what the doors to applications read.
type Access struct {
	// Where rules are read.
	Rules rulebook.Config `yaml:"rules"`

	engine.Config `yaml:",inline"`

	// Upstream says how the proxy reaches applications.
	Upstream door.UpstreamConfig `yaml:"upstream"`
	// GeoIP says where the databases come from that tell the country of an address.
	GeoIP authz.GeoConfig `yaml:"geoip"`
	// Events are the decisions that are recorded.
	Events flow.Config `yaml:"events"`
}

func defaultAccess() Access {
	return Access{
		Rules: rulebook.DefaultConfig(), Config: engine.DefaultConfig(), Upstream: door.DefaultUpstreamConfig(), GeoIP: authz.DefaultGeoConfig(), Events: flow.DefaultConfig(),
	}
}

// Validate returns all that is wrong, each fault beginning with its key below `access`.
func (a Access) Validate() []error {
	faults := a.Config.Validate()
	for _, part := range []struct {
		name   string
		faults []error
	}{{"rules", a.Rules.Validate()}, {"upstream", a.Upstream.Validate()}, {"geoip", a.GeoIP.Validate()}, {"events", a.Events.Validate()}} {
		for _, err := range part.faults {
			faults = append(faults, fmt.Errorf("%s.%w", part.name, err))
		}
	}
	return faults
}
