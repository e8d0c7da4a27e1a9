package token

import (
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// Config says how tokens look and how long they may be used again.
type Config struct {
	// How access tokens look where the client does not say: opaque, or jwt. An opaque token is short and can be called
	// back at once; a JWT (RFC 9068) can be checked without asking, and so works until it expires for whoever does
	// not ask.
	AccessTokenStrategy string `yaml:"access_token_strategy" default:"opaque" enum:"opaque,jwt"`
	// Rotation of refresh tokens.
	Refresh RefreshConfig `yaml:"refresh"`
	// Claims of JWT access tokens.
	JWT JWTConfig `yaml:"jwt"`
	// The client_credentials grant.
	ClientCredentials ClientCredentialsConfig `yaml:"client_credentials"`
	// Access tokens whose state is kept in memory, so that introspection and userinfo need no query.
	TokenCache CacheConfig `yaml:"token_cache"`
}

// RefreshConfig is about the rotation of refresh tokens.
type RefreshConfig struct {
	// How long a refresh token that was just used may be used again. Within this time parallel refreshes, or one whose
	// answer got lost, all succeed, and what they get belongs to the same family; after it, using the token again
	// revokes the family. A thief has the same time, so keep it short. 0s: a refresh token is good once, and ten
	// parallel refreshes end with nothing.
	GracePeriod time.Duration `yaml:"grace_period" default:"0s" min:"0s" max:"5m"`
}

// JWTConfig is about the claims of JWT access tokens.
type JWTConfig struct {
	// Where the scope stands: "list" is the array `scp` that Ory has, "string" is `scope` of RFC 9068, "both" is both.
	ScopeClaim string `yaml:"scope_claim" default:"both" enum:"list,string,both"`
	// Names of claims of the consent session's access_token that also stand at the top level of the JWT. Those that
	// the server sets itself, such as sub, cannot be named.
	AllowedTopLevelClaims []string `yaml:"allowed_top_level_claims"`
	// Whether the claims that stand at the top level stand in `ext` as well.
	MirrorTopLevelClaims bool `yaml:"mirror_top_level_claims" default:"true"`
}

// ClientCredentialsConfig is about the client_credentials grant.
type ClientCredentialsConfig struct {
	// Whether a request without a scope is granted all scopes that the client is registered for. Otherwise it is
	// granted none.
	DefaultGrantAllowedScope bool `yaml:"default_grant_allowed_scope" default:"false"`
}

// CacheConfig is about the cache of access tokens.
type CacheConfig struct {
	// How many access tokens are kept. Each takes about 1 KiB, more with many claims. The
	// introspection of one that is not kept is a query.
	Size int `yaml:"size" default:"20000" min:"1" max:"10000000"`
	// How long an access token is kept before it is read anew. What is revoked is dropped at once, in all processes.
	TTL time.Duration `yaml:"ttl" default:"1m" min:"1s" max:"1h"`
}

// The values of JWTConfig.ScopeClaim.
const (
	ScopeList   = "list"
	ScopeString = "string"
	ScopeBoth   = "both"
)

// DefaultConfig issues opaque access tokens and lets a refresh token be used once.
func DefaultConfig() Config {
	return Config{
		AccessTokenStrategy: oauth.StrategyOpaque,
		JWT:                 JWTConfig{ScopeClaim: ScopeBoth, MirrorTopLevelClaims: true},
		TokenCache:          CacheConfig{Size: 20_000, TTL: time.Minute},
	}
}

// Validate returns everything that is wrong with c, each fault with the path of its field below `oauth`.
func (c Config) Validate() (faults []error) {
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	if c.AccessTokenStrategy != oauth.StrategyOpaque && c.AccessTokenStrategy != oauth.StrategyJWT {
		fault("access_token_strategy: %q is neither opaque nor jwt", c.AccessTokenStrategy)
	}
	if !slices.Contains([]string{ScopeList, ScopeString, ScopeBoth}, c.JWT.ScopeClaim) {
		fault("jwt.scope_claim: %q is not list, string or both", c.JWT.ScopeClaim)
	}
	for i, name := range c.JWT.AllowedTopLevelClaims {
		if name == "" || reservedForAccess(name) {
			fault("jwt.allowed_top_level_claims[%d]: %q is set by the server itself", i, name)
		}
	}
	return faults
}
