package password

import (
	"fmt"
	"strings"
	"time"
)

// Config is `selfservice.methods.password`. The keys are those of Ory Kratos.
type Config struct {
	// Whether people can sign in with a password and choose one.
	Enabled bool `yaml:"enabled" default:"true"`
	// What a password may be.
	Config PolicyConfig `yaml:"config"`
}

// PolicyConfig says what a password may be. There is no rule for kinds of characters: NIST SP 800-63B §3.1.1.2 forbids
// them, because people answer them with Password1!.
type PolicyConfig struct {
	// The fewest characters of a password.
	MinPasswordLength int `yaml:"min_password_length" default:"8" min:"6" max:"64"`
	// Whether a password is refused that is close to what its owner signs in with.
	IdentifierSimilarityCheckEnabled bool `yaml:"identifier_similarity_check_enabled" default:"true"`
	// A file of passwords that may not be chosen, read when the server starts. Either the list of Have I Been Pwned, one
	// SHA-1 in hexadecimal with its count on a line, sorted, which is searched on disk whatever its size; or one password on
	// a line, which is kept in memory. Empty: none.
	BreachedPasswordsFile string `yaml:"breached_passwords_file"`
	// Whether the service of Have I Been Pwned is asked whether a password was stolen somewhere. It is told the first five
	// hexadecimal digits of the password's SHA-1, which hundreds of passwords share, and nothing else.
	HaveIBeenPwnedEnabled bool `yaml:"haveibeenpwned_enabled" default:"true"`
	// Host of that service, or of a copy of one's own; asked over https.
	HaveIBeenPwnedHost string `yaml:"haveibeenpwned_host" default:"api.pwnedpasswords.com"`
	// How long the service has to answer.
	HaveIBeenPwnedTimeout time.Duration `yaml:"haveibeenpwned_timeout" default:"2s" min:"100ms" max:"30s"`
	// How often a password may have been stolen before it is refused, in the list and in the service.
	MaxBreaches int `yaml:"max_breaches" default:"0" min:"0" max:"100"`
	// With true, passwords are taken while the service cannot be reached, and it is left alone for a while after each
	// failure. With false nobody can choose a password then.
	IgnoreNetworkErrors bool `yaml:"ignore_network_errors" default:"true"`
	// Whom to ask about passwords that were not imported.
	MigrateHook MigrateHookConfig `yaml:"migrate_hook"`
}

// DefaultConfig asks for eight characters and takes no password that was stolen elsewhere.
func DefaultConfig() Config {
	return Config{Enabled: true, Config: PolicyConfig{
		MinPasswordLength: 8, IdentifierSimilarityCheckEnabled: true,
		HaveIBeenPwnedEnabled: true, HaveIBeenPwnedHost: "api.pwnedpasswords.com", HaveIBeenPwnedTimeout: 2 * time.Second,
		IgnoreNetworkErrors: true,
		MigrateHook:         defaultMigrateHook(),
	}}
}

// Validate returns all that is wrong, each fault beginning with its key below `selfservice.methods.password`.
func (c Config) Validate() []error {
	var faults []error
	p := c.Config
	if h := p.HaveIBeenPwnedHost; p.HaveIBeenPwnedEnabled && (h == "" || strings.ContainsAny(h, "/?#@ ")) {
		faults = append(faults, fmt.Errorf("config.haveibeenpwned_host: must be a host name without scheme and path, such as api.pwnedpasswords.com, is %q", h))
	}
	return append(faults, p.MigrateHook.validate()...)
}
