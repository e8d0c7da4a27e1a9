package inspect

import "fmt"

// Config says who may introspect.
type Config struct {
	// Client ids that may introspect tokens of all clients at the public introspection endpoint. Others see only
	// access tokens that were issued to them or whose audience names them. Such a client learns about everybody's
	// tokens; name gateways and API servers, never an application.
	AllowedClients []string `yaml:"allowed_clients"`
}

// DefaultConfig lets clients see what concerns them.
func DefaultConfig() Config { return Config{} }

// Validate returns everything that is wrong with c, each fault with the path of its field below `oauth.introspection`.
func (c Config) Validate() (faults []error) {
	for i, id := range c.AllowedClients {
		if id == "" {
			faults = append(faults, fmt.Errorf("allowed_clients[%d]: is empty: write a client_id", i))
		}
	}
	return faults
}
