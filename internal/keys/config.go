package keys

import (
	"fmt"
	"slices"
	"time"
)

// Names of the two sets that Gatehouse signs with. They are those of Ory Hydra, whose tools look for them.
const (
	// IDToken is the set that signs ID tokens, logout tokens and signed userinfo.
	IDToken = "hydra.openid.id-token"
	// AccessToken is the set that signs JWT access tokens (RFC 9068).
	AccessToken = "hydra.jwt.access-token"
)

// Config says which keys there are and how long they live.
type Config struct {
	// The keys that sign ID tokens (set hydra.openid.id-token). RS256 is the default because OpenID Connect Core
	// §15.1 makes every client able to check it; ES256 and EdDSA sign twenty times faster.
	IDToken SetConfig `yaml:"id_token"`
	// The keys that sign JWT access tokens (set hydra.jwt.access-token). ES256 unless said otherwise: signing is on
	// the path of each token request, and RS256 takes twenty times the processor time.
	AccessToken SetConfig `yaml:"access_token"`
	// Further sets that Gatehouse makes and rotates by itself, as it does the two above.
	Sets []NamedSet `yaml:"sets"`
	// Names of further sets whose public keys are published at /.well-known/jwks.json. Private and symmetric keys
	// are never published.
	Broadcast []string `yaml:"broadcast"`
	// How long a key signs before the next one takes over. Shorter limits what a stolen key is worth.
	RotateEvery time.Duration `yaml:"rotate_every" default:"2160h" min:"1h" max:"87600h"`
	// How long a key is published before it signs, so that everyone who keeps a copy of the key set has it by then.
	// The key set may be kept for half this time, at most an hour.
	PublishAhead time.Duration `yaml:"publish_ahead" default:"24h" min:"1m" max:"2160h"`
	// How long a key stays published after it stopped signing. Never less than the longest token lifetime that is
	// configured; raise it when a client's own lifetimes are longer than this.
	KeepRetired time.Duration `yaml:"keep_retired" default:"720h" min:"1m" max:"87600h"`
	// Length of new RSA keys. 3072 and 4096 sign three and seven times slower than 2048.
	RSABits int `yaml:"rsa_bits" default:"2048" enum:"2048,3072,4096" unit:"bits"`
}

// SetConfig is what may differ from one set to another.
type SetConfig struct {
	// Signature algorithm of new keys: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA. When
	// it is changed, a key for it is published at once and takes over after publish_ahead.
	Algorithm string `yaml:"algorithm" enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA"`
	// How long a key of this set signs; 0s means the common rotate_every.
	RotateEvery time.Duration `yaml:"rotate_every" default:"0s" min:"0s" max:"87600h"`
}

// NamedSet is a further set with its name.
type NamedSet struct {
	// Name of the set, as in /admin/keys/{set}.
	Name string `yaml:"name"`
	// Signature algorithm of its keys, one of those of id_token.algorithm.
	Algorithm string `yaml:"algorithm" enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA"`
	// How long a key of this set signs; 0s means the common rotate_every.
	RotateEvery time.Duration `yaml:"rotate_every" default:"0s" min:"0s" max:"87600h"`
}

// DefaultConfig signs ID tokens with RS256 and access tokens with ES256, and changes keys every 90 days.
func DefaultConfig() Config {
	return Config{
		IDToken:      SetConfig{Algorithm: "RS256"},
		AccessToken:  SetConfig{Algorithm: "ES256"},
		RotateEvery:  90 * 24 * time.Hour,
		PublishAhead: 24 * time.Hour,
		KeepRetired:  30 * 24 * time.Hour,
		RSABits:      2048,
	}
}

// Validate returns everything that is wrong with c, each fault with the path of its field below `keys`.
func (c Config) Validate() []error {
	faults := c.IDToken.validate("id_token", c.PublishAhead)
	faults = append(faults, c.AccessToken.validate("access_token", c.PublishAhead)...)
	faults = atLeast(faults, "rotate_every", c.RotateEvery, c.PublishAhead)
	if !slices.Contains([]int{2048, 3072, 4096}, c.RSABits) {
		faults = append(faults, fmt.Errorf("rsa_bits: %d is not 2048, 3072 or 4096", c.RSABits))
	}
	seen := []string{IDToken, AccessToken}
	for i, s := range c.Sets {
		path := fmt.Sprintf("sets[%d]", i)
		if err := checkName(s.Name); err != nil {
			faults = append(faults, fmt.Errorf("%s.name: %w", path, err))
		}
		if slices.Contains(seen, s.Name) {
			faults = append(faults, fmt.Errorf("%s.name: %q is there already", path, s.Name))
		}
		seen = append(seen, s.Name)
		own := SetConfig{Algorithm: s.Algorithm, RotateEvery: s.RotateEvery}
		faults = append(faults, own.validate(path, c.PublishAhead)...)
	}
	for i, name := range c.Broadcast {
		if err := checkName(name); err != nil {
			faults = append(faults, fmt.Errorf("broadcast[%d]: %w", i, err))
		}
	}
	return faults
}

func (s SetConfig) validate(path string, publishAhead time.Duration) (faults []error) {
	if a := algorithms[s.Algorithm]; a == nil || a.family == symmetric {
		faults = append(faults, fmt.Errorf("%s.algorithm: %q is not one of %s", path, s.Algorithm, names(asymmetricOnly)))
	}
	if s.RotateEvery != 0 {
		faults = atLeast(faults, path+".rotate_every", s.RotateEvery, max(time.Hour, publishAhead))
	}
	return faults
}

func atLeast(faults []error, path string, d, least time.Duration) []error {
	if d < least {
		return append(faults, fmt.Errorf("%s: %s is shorter than %s", path, d, least))
	}
	return faults
}

// policy is what the configuration asks of one set.
type policy struct {
	managed      bool // Gatehouse makes and rotates its keys
	algorithm    string
	rotateEvery  time.Duration
	publishAhead time.Duration
	keepRetired  time.Duration
}

// policy of the set of that name. longest is the longest lifetime of a token signed by it.
func (c Config) policy(set string, longest time.Duration) policy {
	p := policy{publishAhead: c.PublishAhead, keepRetired: max(c.KeepRetired, longest), rotateEvery: c.RotateEvery}
	own, ok := c.set(set)
	if !ok {
		return p
	}
	p.managed = true
	p.algorithm = own.Algorithm
	if own.RotateEvery != 0 {
		p.rotateEvery = own.RotateEvery
	}
	return p
}

func (c Config) set(name string) (SetConfig, bool) {
	switch name {
	case IDToken:
		return c.IDToken, true
	case AccessToken:
		return c.AccessToken, true
	}
	for _, s := range c.Sets {
		if s.Name == name {
			return SetConfig{Algorithm: s.Algorithm, RotateEvery: s.RotateEvery}, true
		}
	}
	return SetConfig{}, false
}

// managed lists the sets whose keys Gatehouse makes.
func (c Config) managed() []string {
	sets := []string{AccessToken, IDToken}
	for _, s := range c.Sets {
		sets = append(sets, s.Name)
	}
	return sets
}

// published lists the sets that the public key set holds.
func (c Config) published() []string {
	names := []string{IDToken, AccessToken}
	for _, name := range c.Broadcast {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// maxAge is how long a copy of the public key set may be kept: well below publish_ahead, so that a key is in every copy
// before it signs.
func (c Config) maxAge() time.Duration {
	return min(time.Hour, c.PublishAhead/2).Truncate(time.Second)
}
