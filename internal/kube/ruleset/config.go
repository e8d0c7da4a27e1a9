package ruleset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Config is what the operator decides about rules.
type Config struct {
	// Set is the name of the set on the server; empty is NameOf the namespaces. Two controllers with one server need two sets.
	Set string
	// Namespaces are those that are watched; none is all.
	Namespaces []string
	// Hosts says which namespaces may claim which hosts: patterns of namespaces, as of path.Match, by host. A host is a name,
	// "*.example.com" for all below it; of several that fit the most specific one decides. "*" names who may claim what no other does.
	Hosts map[string][]string
	// HostsFile holds more of Hosts, as YAML; it is read anew for each change and at each look at the server. Empty is none.
	HostsFile string
	// Unlisted says who may claim a host that Hosts does not name: FirstCome, Refuse or Any. With a single namespace FirstCome is Any.
	Unlisted string
	// Blocked are Services to which no rule may lead.
	Blocked Services
	// Resync is how often a rule that the server refused is tried again.
	Resync time.Duration
}

// Who may claim a host that is not listed.
const (
	// FirstCome gives one host to the namespace whose rule named it first, as long as it has one that does. Patterns for more than one host are refused.
	FirstCome = "first-come"
	// Refuse gives it to nobody.
	Refuse = "refuse"
	// Any gives it to all: for clusters whose namespaces trust one another.
	Any = "any"
)

// defaultSet is the name of the set of a controller that watches every namespace.
const defaultSet = "kubernetes"

// NameOf gives a set's name by the namespaces that are watched, so that controllers of different ones do not write the same set.
func NameOf(namespaces []string) string {
	switch len(namespaces) {
	case 0:
		return defaultSet
	case 1:
		if name := defaultSet + "-" + namespaces[0]; tenant.ID(name).Valid() {
			return name
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(slices.Values(namespaces)), ",")))
	return defaultSet + "-" + hex.EncodeToString(sum[:6])
}

// Validate returns all that is wrong with the configuration.
func (c *Config) Validate() error {
	var faults []error
	if c.Set != "" && !tenant.ID(c.Set).Valid() {
		faults = append(faults, fmt.Errorf("the set %q: a name has 1 to 63 of a-z, 0-9 and \"-\", not at the ends", c.Set))
	}
	if !slices.Contains([]string{FirstCome, Refuse, Any}, c.Unlisted) {
		faults = append(faults, fmt.Errorf("hosts that are not listed: %q is not %s, %s or %s", c.Unlisted, FirstCome, Refuse, Any))
	}
	if _, err := c.policy(); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, c.Blocked.Validate())
	return errors.Join(faults...)
}

// policy puts flags and file together.
func (c *Config) policy() (*policy, error) {
	p := &policy{unlisted: c.Unlisted}
	if len(c.Namespaces) == 1 && c.Unlisted == FirstCome {
		p.unlisted = Any // there is nobody else to come first; who else there is, is not known here
	}
	var faults []error
	add := func(from string, hosts map[string][]string) {
		for host, namespaces := range hosts {
			faults = append(faults, p.add(host, namespaces, from))
		}
	}
	add("", c.Hosts)
	if c.HostsFile != "" {
		raw, err := os.ReadFile(c.HostsFile)
		if err != nil {
			return nil, err
		}
		var listed map[string][]string
		if err := yaml.UnmarshalStrict(raw, &listed); err != nil {
			return nil, fmt.Errorf("%s: write a list of namespaces below each host: %w", c.HostsFile, err)
		}
		add(c.HostsFile+": ", listed)
	}
	return p, errors.Join(faults...)
}
