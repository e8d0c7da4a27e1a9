package secret

import (
	"fmt"
	"time"
)

// HashConfig is the `hashing` part of the configuration: what hashing a secret that a person chose costs, and how much
// of it may happen at once.
type HashConfig struct {
	// Algorithm makes new hashes: argon2 (Argon2id) or bcrypt. Default: argon2. bcrypt reads 72 bytes of a password and no
	// more, so longer ones are refused while it is chosen. A change makes stored hashes stale: they are renewed when their
	// owner next signs in. What is verified does not depend on it: hashes of every known format are.
	Algorithm string `yaml:"algorithm" default:"argon2" enum:"argon2,bcrypt"`
	// Bcrypt says what one bcrypt computation costs, where that is the algorithm.
	Bcrypt BcryptConfig `yaml:"bcrypt"`
	// Memory that one Argon2id computation takes. Unit: KiB. Default: 19456 (19 MiB). More makes guessing from a
	// stolen database dearer, and each first verification too. A change makes stored hashes stale: they are renewed
	// when their owner next signs in.
	Memory int `yaml:"memory"`
	// Time is how often one Argon2id computation passes over its memory. Unit: passes. Default: 2; the most is 10.
	Time int `yaml:"time"`
	// Parallelism is the number of lanes of one Argon2id computation, each a thread. Default: 1; the most is 16.
	Parallelism int `yaml:"parallelism"`
	// MaxMemory bounds what all computations together take, so that a flood of sign-ins cannot exhaust the machine;
	// what does not fit waits. Unit: KiB. Default: 262144 (256 MiB). A stored hash that asks for more is refused, so raise
	// it before importing such hashes. Computations that take time rather than memory count as a sixteenth of it.
	MaxMemory int `yaml:"max_memory"`
	// MaxWaiting is how many computations may wait for memory. Default: 256. Those beyond are told to come back later.
	MaxWaiting int `yaml:"max_waiting"`
	// Remember is how long this process remembers, as a keyed digest, a secret that it verified, counted from its last
	// use. Unit: duration. Default: 5m; 0s remembers nothing, so that every use costs a computation.
	Remember time.Duration `yaml:"remember"`
	// RememberMax is how many verified secrets are remembered. Default: 10000.
	RememberMax int `yaml:"remember_max"`
}

// BcryptConfig is the cost of bcrypt.
type BcryptConfig struct {
	// Cost is the binary logarithm of the number of rounds: one more takes twice the time. Default: 12, the least that
	// production takes; the most is 15.
	Cost int `yaml:"cost" default:"12" min:"4" max:"15"`
}

// The values of HashConfig.Algorithm.
const (
	Argon2 = "argon2"
	Bcrypt = "bcrypt"
)

// DefaultHashConfig returns 19 MiB, two passes, one lane: the cost that OWASP recommends for Argon2id.
func DefaultHashConfig() HashConfig {
	return HashConfig{
		Algorithm: Argon2, Bcrypt: BcryptConfig{Cost: 12},
		Memory: 19 << 10, Time: 2, Parallelism: 1, MaxMemory: 256 << 10, MaxWaiting: 256,
		Remember: 5 * time.Minute, RememberMax: 10_000,
	}
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c HashConfig) Validate() []error {
	var faults []error
	within := func(key string, value, least, most int) {
		if value < least || value > most {
			faults = append(faults, fmt.Errorf("%s: must be from %d to %d, is %d", key, least, most, value))
		}
	}
	switch c.Algorithm {
	case "", Argon2:
	case Bcrypt:
		within("bcrypt.cost", c.Bcrypt.Cost, bcryptLeast, bcryptMost)
	default:
		faults = append(faults, fmt.Errorf("algorithm: must be %s or %s, is %q", Argon2, Bcrypt, c.Algorithm))
	}
	within("parallelism", c.Parallelism, 1, 16)
	within("time", c.Time, 1, maxTime)
	within("max_memory", c.MaxMemory, 64, 64<<20)
	// RFC 9106 §3.1: at least 8 KiB for each lane.
	within("memory", c.Memory, max(64, 8*c.Parallelism), c.MaxMemory)
	within("max_waiting", c.MaxWaiting, 0, 1_000_000)
	within("remember_max", c.RememberMax, 0, 10_000_000)
	if c.Remember < 0 || c.Remember > time.Hour {
		faults = append(faults, fmt.Errorf("remember: must be from 0s to 1h, is %s", c.Remember))
	}
	return faults
}

// What production asks at least: of Argon2id the lowest memory times passes, in KiB, among the settings that OWASP
// recommends; of bcrypt the cost that Ory Kratos asks for.
const (
	leastArgon  = 7168 * 5
	leastBcrypt = 12
)

// Cheap says which key makes hashes too cheap for anything but trying out, and why; "" and "" where none does.
func (c HashConfig) Cheap() (key, why string) {
	switch {
	case c.Algorithm == Bcrypt && c.Bcrypt.Cost < leastBcrypt:
		return "bcrypt.cost", fmt.Sprintf("is %d, and %d is the least", c.Bcrypt.Cost, leastBcrypt)
	case c.Algorithm != Bcrypt && c.Memory*c.Time < leastArgon:
		return "memory", fmt.Sprintf("is %d KiB, and memory times time must be at least %d KiB", c.Memory, leastArgon)
	}
	return "", ""
}
