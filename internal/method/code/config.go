package code

import (
	"fmt"
	"time"
)

// Config is `selfservice.methods.code`. The keys are those of Ory Kratos.
type Config struct {
	// Whether codes are sent to recover accounts and to verify addresses.
	Enabled bool `yaml:"enabled" default:"true"`
	// Whether people can sign in and register by a code alone. Identifiers are those that the identity schema marks with
	// credentials.code.
	PasswordlessEnabled bool `yaml:"passwordless_enabled" default:"false"`
	// What a code is like, and how long it is good.
	Config Settings `yaml:"config"`
}

// Settings says what a code is.
type Settings struct {
	// How long a code can be used. A shorter time leaves less to somebody who reads the mail later; a longer one forgives slow
	// mail servers. A code never outlives its flow.
	Lifespan time.Duration `yaml:"lifespan" default:"15m" min:"1m" max:"24h"`
	// How many wrong tries a code takes before it is void and another one must be requested. Each allows one guess among a
	// million.
	MaxSubmissions int `yaml:"max_submissions" default:"5" min:"1" max:"255"`
	// With true, a recovery asks for any address of an account, by mail or telephone, and lets the person choose to which of
	// the account's addresses the code is sent; they are shown masked. Who types one address of an account with several
	// learns that it has others.
	ChooseRecoveryAddress bool `yaml:"choose_recovery_address" default:"false"`
}

// DefaultConfig recovers and verifies, and leaves signing in to the other methods.
func DefaultConfig() Config {
	return Config{Enabled: true, Config: Settings{Lifespan: 15 * time.Minute, MaxSubmissions: 5}}
}

// Validate returns all that is wrong, each fault beginning with its key below `selfservice.methods.code`.
func (c Config) Validate() []error {
	var faults []error
	if c.PasswordlessEnabled && !c.Enabled {
		faults = append(faults, fmt.Errorf("passwordless_enabled: needs enabled, because the method is off without it"))
	}
	return faults
}
