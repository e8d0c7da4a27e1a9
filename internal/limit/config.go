package limit

import (
	"fmt"
	"time"
)

// Config says how often is too often.
type Config struct {
	// Enabled turns all limits and lock-outs on. Default: true. Turn it off where something in front of the server does
	// the same, or to measure.
	Enabled bool `yaml:"enabled"`
	// Flow is how often one address may begin a self-service flow; each begun flow is a row in the database.
	Flow Rate `yaml:"flow"`
	// Login is how often one address may submit a login, whoever it claims to be.
	Login Rate `yaml:"login"`
	// Registration is how often one address may submit a registration.
	Registration Rate `yaml:"registration"`
	// Recovery is how often one address may submit a recovery; most submissions send a message.
	Recovery Rate `yaml:"recovery"`
	// Verification is how often one address may submit a verification; most submissions send a message.
	Verification Rate `yaml:"verification"`
	// Settings is how often one address may submit changes of settings.
	Settings Rate `yaml:"settings"`
	// Admin is how often one address may show a wrong credential to the admin listener before it is told to wait. Right ones are
	// let in from there all the same.
	Admin Rate `yaml:"admin"`
	// Recipient is how often flows may send something to one address or phone number, whoever asks for it: nobody's mailbox
	// is to be filled by strangers. Browsers that have signed in with the address (lockout.known_device) are counted apart, or
	// strangers could keep its owner from a code.
	Recipient Rate `yaml:"recipient"`
	// MaxAddresses is how many addresses are counted at once; when there are more, some are forgotten. Default: 200000,
	// which takes some 30 MB when it is full. Unit: addresses times rules.
	MaxAddresses int `yaml:"max_addresses" default:"200000" min:"1000" max:"10000000"`
	// Lockout says what failing to prove an identifier leads to.
	Lockout Lockout `yaml:"lockout"`
}

// Rate is a steady rate with a burst. An IPv6 address counts as its /64, which is what one customer has.
type Rate struct {
	// Requests is how many requests fit into per in the long run. 0 turns the limit off.
	Requests int `yaml:"requests" min:"0" max:"1000000"`
	// Per is the time that requests is about. Unit: duration.
	Per time.Duration `yaml:"per" min:"1s" max:"24h"`
	// Burst is how many requests may come at once after a pause.
	Burst int `yaml:"burst" min:"1" max:"1000000"`
}

// Lockout says how long whoever fails has to wait. The answer carries Retry-After, and the wait ends by itself.
type Lockout struct {
	// Failures is how many failures in a row for one identifier from one address are free. The next one locks.
	// Default: 5. 0 turns lock-outs off.
	Failures int `yaml:"failures" default:"5" min:"0" max:"1000"`
	// FailuresAnywhere is how many failures in a row for one identifier are free in total, from all addresses together,
	// before the identifier is locked everywhere. Lower stops distributed guessing sooner and lets others lock a person
	// out more easily. Default: 100. 0 never locks everywhere.
	FailuresAnywhere int `yaml:"failures_anywhere" default:"100" min:"0" max:"100000"`
	// First is how long the first lock holds; each further failure doubles it. Unit: duration. Default: 30s.
	First time.Duration `yaml:"first" default:"30s" min:"1s" max:"24h"`
	// Longest is how long a lock holds at most. Unit: duration. Default: 1h.
	Longest time.Duration `yaml:"longest" default:"1h" min:"1s" max:"24h"`
	// Forget is after how long without a failure the count begins anew. Unit: duration. Default: 24h.
	Forget time.Duration `yaml:"forget" default:"24h" min:"1m" max:"720h"`
	// KnownDevice is how long a browser is known that has signed in with an identifier, in a sealed cookie. It has failures of
	// its own, so that whoever locks the identifier from elsewhere does not lock out its owner. Unit: duration. Default:
	// 4320h, half a year after the last time. 0s knows no browser.
	KnownDevice time.Duration `yaml:"known_device" default:"4320h" min:"0s" max:"87600h"`
}

// DefaultConfig lets a person try as often as people do, and an office behind one address too.
func DefaultConfig() Config {
	return Config{
		Enabled:      true,
		Flow:         Rate{Requests: 240, Per: time.Minute, Burst: 120},
		Login:        Rate{Requests: 60, Per: time.Minute, Burst: 60},
		Registration: Rate{Requests: 30, Per: time.Minute, Burst: 30},
		Recovery:     Rate{Requests: 20, Per: time.Minute, Burst: 20},
		Verification: Rate{Requests: 20, Per: time.Minute, Burst: 20},
		Settings:     Rate{Requests: 60, Per: time.Minute, Burst: 60},
		Admin:        Rate{Requests: 30, Per: time.Minute, Burst: 30},
		Recipient:    Rate{Requests: 30, Per: time.Hour, Burst: 10},
		MaxAddresses: 200_000,
		Lockout: Lockout{
			Failures: 5, FailuresAnywhere: 100, First: 30 * time.Second, Longest: time.Hour, Forget: 24 * time.Hour,
			KnownDevice: 180 * 24 * time.Hour,
		},
	}
}

// The rules that Allow knows.
const (
	Flow         = "flow"
	Login        = "login"
	Registration = "registration"
	Recovery     = "recovery"
	Verification = "verification"
	Settings     = "settings"
	Admin        = "admin"

	recipient = "recipient"
)

// Device begins what stands in the place of an address for a browser that is known to be the person's: the rest is its id.
// Strangers have no failures there. But who knew the password once may have been made known in any number of browsers, so known
// devices are counted together too, apart from all others: FailuresAnywhere holds for them.
const Device = "device:"

// To begins the keys of Allow that are not where a request came from, but to whom it would send something.
const To = "to:"

// rates gives the rates by the name of their rule.
func (c Config) rates() map[string]Rate {
	return map[string]Rate{
		Flow: c.Flow, Login: c.Login, Registration: c.Registration, Recovery: c.Recovery,
		Verification: c.Verification, Settings: c.Settings, Admin: c.Admin, recipient: c.Recipient,
	}
}

// Validate returns all that is wrong, each fault beginning with its key below `limits`.
func (c Config) Validate() []error {
	var faults []error
	if l := c.Lockout; l.Longest < l.First {
		faults = append(faults, fmt.Errorf("lockout.longest: must be at least first (%s), is %s", l.First, l.Longest))
	} else if l.Forget < l.Longest {
		faults = append(faults, fmt.Errorf("lockout.forget: must be at least longest (%s), is %s", l.Longest, l.Forget))
	}
	return faults
}
