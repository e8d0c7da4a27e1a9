package transit

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config is `secrets.transit` of the configuration.
type Config struct {
	// Address is the URL of a Vault or OpenBao server, such as https://vault.example.com:8200. Default: none; no secret is wrapped.
	// It is asked when the server starts, and not again: a server that runs does not need it. The URL must be https, but for one
	// on this machine.
	Address string `yaml:"address"`
	// Token is what the server shows there. It needs no other right than update on <mount>/decrypt/<key>, and on
	// <mount>/encrypt/<key> where a secret is to be added. An agent of Vault's or OpenBao's keeps a file with it up to date.
	// Default: none.
	Token secret.String `yaml:"token"`
	// Mount is where the Transit engine is mounted. Default: transit.
	Mount string `yaml:"mount" default:"transit"`
	// Key is the name of the key in the engine. Default: gatehouse.
	Key string `yaml:"key" default:"gatehouse"`
	// Namespace is the one of the engine. Default: none.
	Namespace string `yaml:"namespace"`
	// CAFile holds, as PEM, the authorities that may have signed the certificate of Address. Default: none, so the system's.
	CAFile string `yaml:"ca_file"`
}

// DefaultConfig wraps nothing.
func DefaultConfig() Config { return Config{Mount: "transit", Key: "gatehouse"} }

// names matches what stands in a path: names of mounts may have slashes inside.
var names = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$`)

// Validate returns all that is wrong, each fault beginning with its key.
func (c Config) Validate() []error {
	if c.Address == "" {
		return nil
	}
	var faults []error
	if wrong := wrongAddress(c.Address); wrong != "" {
		faults = append(faults, errors.New("address: "+wrong))
	}
	if c.Token == "" {
		faults = append(faults, errors.New("token: is missing: the engine answers nobody without one"))
	}
	if strings.ContainsAny(c.Token.Reveal(), "\r\n") {
		faults = append(faults, errors.New("token: must be one line"))
	}
	for _, n := range []struct{ key, value string }{{"mount", c.Mount}, {"key", c.Key}} {
		if !names.MatchString(n.value) {
			faults = append(faults, fmt.Errorf("%s: must be a name of letters, digits, points, dashes and underscores", n.key))
		}
	}
	return faults
}

// wrongAddress says what is wrong with an address, without repeating it.
func wrongAddress(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "must be a URL such as https://vault.example.com:8200"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "must have no user, query or fragment"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "must be https: the secrets of this server come over it"
	}
	return ""
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Wrapped tells whether a text is one that Wrap gave.
func Wrapped(s secret.String) bool { return strings.HasPrefix(s.Reveal(), "vault:v") }
