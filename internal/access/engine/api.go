package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// APIConfig bounds what rules of the admin API can do: who writes them need not be who runs this server. Rules of other sources
// are not bound by it.
type APIConfig struct {
	// Whether patterns may have what only backtracking can match: look-around, references to what was matched before, classes
	// that are subtracted. A pattern of this kind can take long for some URLs.
	Backtracking bool `yaml:"backtracking" default:"false"`
	// The hosts that upstream.url may name: names, *.example.com for one label below, **.example.com for any number. Empty means
	// any.
	UpstreamHosts []string `yaml:"upstream_hosts"`
	// The addresses to which the proxy connects, after names were resolved. Those of this machine are permitted in the development
	// profile only, unless they are named in networks; this server's admin listener never is.
	Upstreams fetch.BoundsConfig `yaml:"upstreams"`
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c APIConfig) Validate() (faults []error) {
	for i, host := range c.UpstreamHosts {
		if pattern.CheckHost(host) != nil {
			faults = append(faults, fmt.Errorf("upstream_hosts[%d]: %q is no host name, and no *.example.com or **.example.com", i, host))
		}
	}
	for _, fault := range c.Upstreams.Validate() {
		faults = append(faults, fmt.Errorf("upstreams.%w", fault))
	}
	return faults
}

// Reach says where the proxy connects, after names were resolved. Metadata services of clouds are out of its reach unless their
// network is named.
type Reach struct {
	// Files bound what rules of files and other sources of the operator name as upstream; API what rules of the admin API name.
	Files, API fetch.Bounds
}

// NewReach gives the reach of a configuration. loopback permits this machine to rules of the API; refuse names addresses that
// they may not name at all.
func (c APIConfig) NewReach(loopback bool, refuse func(netip.AddrPort) bool) Reach {
	bounds := c.Upstreams.Bounds()
	bounds.NoLoopback, bounds.Refuse = !loopback, refuse
	return Reach{Files: fetch.Bounds{Private: true, Networks: bounds.Networks}, API: bounds}
}

// of gives the bounds for a rule.
func (r Reach) of(rule *access.Rule) fetch.Bounds {
	if rule.FromAPI() {
		return r.API
	}
	return r.Files
}

// reach is Options.Reach.
func (o *Options) reach() Reach {
	if o.Reach == nil {
		return APIConfig{}.NewReach(true, nil)
	}
	return *o.Reach
}

// maxAPIWeight bounds the expressions of a pattern of a rule of the API, in instructions of its program: each character of a URL
// may cost as many.
const maxAPIWeight = 3000

// boundPattern refuses patterns of the API that could slow down everybody's requests.
func (c *compiler) boundPattern(path string, weight int, foreign bool) {
	switch {
	case !c.rule.FromAPI():
	case foreign && !c.options.API.Backtracking:
		c.fault(path, "has an expression that is matched by backtracking (look-around such as (?!…), a reference such as \\1, or a class that is subtracted), which rules of the admin API may not have: "+
			"write a second rule with a higher priority for what is to be excepted, or set access.rules.api.backtracking")
	case weight > maxAPIWeight:
		c.fault(path, "has expressions of %d steps, and those of the admin API have %d at most: repeat less, or write several rules", weight, maxAPIWeight)
	}
}

func (c *compiler) boundConditions(path string, list []pattern.Condition) {
	for i := range list {
		c.boundPattern(path+"."+list[i].Name, list[i].Weight(), list[i].Backtracks())
	}
}

// boundSettings refuses settings of the API that name a file of this server. What the configuration says is the operator's.
func (c *compiler) boundSettings(path string, config json.RawMessage) {
	if !c.rule.FromAPI() {
		return
	}
	var tree any
	if len(config) > 0 && json.Unmarshal(config, &tree) != nil {
		return // the settings are refused for that
	}
	for _, where := range filesIn(path, tree) {
		c.fault(where, "names a file, which rules of the admin API may not: write an https URL, or have the rule in a file or in the configuration of this server")
	}
}

// filesIn gives the places of a tree where a file is named.
func filesIn(path string, tree any) (places []string) {
	switch v := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			places = append(places, filesIn(path+"."+key, v[key])...)
		}
	case []any:
		for i, one := range v {
			places = append(places, filesIn(fmt.Sprintf("%s[%d]", path, i), one)...)
		}
	case string:
		if scheme, _, _ := strings.Cut(strings.TrimSpace(v), ":"); strings.EqualFold(scheme, "file") {
			places = append(places, path)
		}
	}
	return places
}

// boundUpstream refuses upstreams that the proxy would not connect to, as far as their URL shows it: names are resolved, and
// looked at again, when a connection is made.
func (c *compiler) boundUpstream(u *url.URL) {
	host := strings.TrimSuffix(target.Lower(u.Hostname()), ".")
	bounds := c.options.reach().of(c.rule)
	if c.rule.FromAPI() {
		if allowed := c.options.API.UpstreamHosts; len(allowed) > 0 && !slices.ContainsFunc(allowed, func(of string) bool { return hostAmong(host, of) }) {
			c.fault("upstream.url", "names the host %q, which is not among those of access.rules.api.upstream_hosts", host)
			return
		}
	}
	ip, err := netip.ParseAddr(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 §6.3
		ip, err = netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	if err == nil && !bounds.Permits(ip) {
		c.fault("upstream.url", "names the address %s, to which the proxy does not connect for this rule: name its network in access.rules.api.upstreams.networks", host)
	}
}

// hostAmong reports whether the host is one of those that match.hosts would mean.
func hostAmong(host, of string) bool {
	name := target.Lower(of)
	if end, below := strings.CutPrefix(name, "**."); below {
		return strings.HasSuffix(host, "."+end)
	}
	if end, one := strings.CutPrefix(name, "*."); one {
		label, found := strings.CutSuffix(host, "."+end)
		return found && label != "" && !strings.Contains(label, ".")
	}
	return name == "*" || name == "**" || host == strings.TrimSuffix(name, ".")
}
