package oauth

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config is the `oauth` part of the configuration: what the OAuth 2.0 and
// OpenID Connect endpoints share.
type Config struct {
	// Issuer is the issuer identifier in tokens and in discovery (OpenID Connect
	// Core §2). Default: the base URL of the public listener. Changing it makes
	// every ID token and JWT access token of before worthless.
	Issuer string `yaml:"issuer"`
	// AccessTokenStrategy is how access tokens look where a client does not say:
	// opaque or jwt. Default: opaque. JWTs can be checked without asking us, and
	// cannot be revoked for those who do so.
	AccessTokenStrategy string `yaml:"access_token_strategy" default:"opaque" enum:"opaque,jwt"`
	// ScopeStrategy is how a client's registered scopes answer for requested ones:
	// wildcard, exact or hierarchic. Default: wildcard.
	ScopeStrategy ScopeStrategy `yaml:"scope_strategy" default:"wildcard" enum:"wildcard,exact,hierarchic"`
	// DefaultScope is what a client registered without a scope may ask for.
	// Default: offline_access offline openid.
	DefaultScope []string `yaml:"default_scope" default:"offline_access,offline,openid"`
	// Lifespans says how long codes, tokens and sessions are valid.
	Lifespans Lifespans `yaml:"lifespans"`
	// Refresh says how refresh tokens rotate.
	Refresh RefreshConfig `yaml:"refresh"`
	// PKCE says who must use it.
	PKCE PKCEConfig `yaml:"pkce"`
	// Pairwise says which subject identifiers clients may see.
	Pairwise PairwiseConfig `yaml:"pairwise"`
	// FrontChannelTokens says who may get tokens through the browser's address.
	FrontChannelTokens FrontChannelConfig `yaml:"front_channel_tokens"`
	// Clients says what may be registered as a client, and how clients authenticate.
	Clients ClientsConfig `yaml:"clients"`
	// URLs are the pages of yours that take part in flows.
	URLs URLsConfig `yaml:"urls"`
}

// RefreshConfig says how refresh tokens rotate.
type RefreshConfig struct {
	// GracePeriod is how long a refresh token may be used again after its first
	// use, so that parallel refreshes of one application all succeed. Unit:
	// duration. Default: 0s, the most is 5m. Outside of it a second use revokes
	// the whole family of tokens (RFC 9700 §4.14.2).
	GracePeriod time.Duration `yaml:"grace_period" default:"0s" min:"0s" max:"5m"`
}

// PKCEConfig says who must use PKCE. Only S256 is accepted from anybody.
type PKCEConfig struct {
	// Required makes every authorization code request carry a code challenge.
	// Default: false.
	Required bool `yaml:"required" default:"false"`
	// RequiredForPublicClients makes those of public clients carry one.
	// Default: true. Without it a stolen code of a public client can be redeemed
	// by anybody (RFC 9700 §2.1.1).
	RequiredForPublicClients bool `yaml:"required_for_public_clients" default:"true"`
}

// PairwiseConfig says which subject identifiers clients may see.
type PairwiseConfig struct {
	// Enabled lets clients be registered with subject_type pairwise. Default: false.
	Enabled bool `yaml:"enabled" default:"false"`
	// Salt goes into the computation of pairwise identifiers: 8 characters or
	// more. Default: none. Changing it changes every pairwise identifier.
	Salt secret.String `yaml:"salt"`
}

// FrontChannelConfig says who may use the response types that put an access
// token or an ID token into the browser's address (RFC 9700 §2.1.2).
type FrontChannelConfig struct {
	// Default says whether clients not named below may. Default: true in the
	// development profile, false in production.
	Default *bool `yaml:"default"`
	// Clients are the ids of the clients that may in any case. Default: none.
	Clients []string `yaml:"clients"`
}

// Allowed reports whether the client may use a response type that puts tokens
// into the front channel.
func (f FrontChannelConfig) Allowed(clientID string, development bool) bool {
	if f.Default != nil && *f.Default || f.Default == nil && development {
		return true
	}
	return slices.Contains(f.Clients, clientID)
}

// ClientsConfig says what may be registered as a client, and how clients authenticate.
type ClientsConfig struct {
	// PlainRedirectSchemes are private-use URI schemes without a period, such as
	// myapp, that redirect URIs may have. Default: none in production, any in the
	// development profile. Any app on a device may claim such a scheme (RFC 8252 §8.4).
	PlainRedirectSchemes []string `yaml:"plain_redirect_schemes"`
	// CacheSize is how many clients are kept in memory. Default: 10000.
	CacheSize int `yaml:"cache_size" default:"10000" min:"1" max:"10000000" unit:"clients"`
	// AssertionMaxLifetime is how far ahead the exp of a private_key_jwt assertion
	// may lie. Unit: duration. Default: 1h. Each assertion is remembered until it
	// expires, so that it works once.
	AssertionMaxLifetime time.Duration `yaml:"assertion_max_lifetime" default:"1h" min:"1s" max:"24h"`
	// AllowPrivateAddresses lets jwks_uri and sector_identifier_uri lead to
	// loopback and private addresses. Default: true in the development profile,
	// false in production, where whoever may register clients could otherwise
	// reach into your network. While false, HTTP proxies of the environment are not used.
	AllowPrivateAddresses *bool `yaml:"allow_private_addresses"`
}

// PrivateAddresses reports whether documents of clients may be fetched from
// loopback and private addresses.
func (c ClientsConfig) PrivateAddresses(development bool) bool {
	if c.AllowPrivateAddresses != nil {
		return *c.AllowPrivateAddresses
	}
	return development
}

// URLsConfig are the pages of yours that take part in flows. Where one is
// missing, a built-in page stands in.
type URLsConfig struct {
	// Login is where people are sent to sign in, with login_challenge. Default:
	// a built-in page.
	Login string `yaml:"login"`
	// Registration is where prompt=registration sends people, with
	// login_challenge. Default: the login URL.
	Registration string `yaml:"registration"`
	// Consent is where people are sent to consent, with consent_challenge.
	// Default: a built-in page.
	Consent string `yaml:"consent"`
	// Logout is where people are sent to confirm a sign-out, with
	// logout_challenge. Default: a built-in page.
	Logout string `yaml:"logout"`
	// Error is where errors go that must not be sent to the application, with
	// error and error_description. Default: a built-in page.
	Error string `yaml:"error"`
	// PostLogoutRedirect is where people end up after a sign-out for which no
	// application named a place. Default: a built-in page.
	PostLogoutRedirect string `yaml:"post_logout_redirect"`
}

// Defaults returns the configuration that holds when nothing is configured.
func Defaults() Config {
	return Config{
		AccessTokenStrategy: StrategyOpaque,
		ScopeStrategy:       ScopeWildcard,
		DefaultScope:        []string{ScopeOfflineAccess, ScopeOffline, ScopeOpenID},
		Lifespans:           DefaultLifespans(),
		PKCE:                PKCEConfig{RequiredForPublicClients: true},
		Clients:             ClientsConfig{CacheSize: 10000, AssertionMaxLifetime: time.Hour},
	}
}

// Validate returns all that is wrong, each fault beginning with its key below
// `oauth`.
func (c Config) Validate() []error {
	var faults []error
	add := func(key, format string, a ...any) {
		faults = append(faults, fmt.Errorf(key+": "+format, a...))
	}
	if c.Issuer != "" && !webURL(c.Issuer) {
		add("issuer", "must be an http or https URL without query and fragment, such as https://id.example.com")
	}
	if s := c.AccessTokenStrategy; s != StrategyOpaque && s != StrategyJWT {
		add("access_token_strategy", "must be opaque or jwt, is %q", s)
	}
	if s := c.ScopeStrategy; s != ScopeWildcard && s != ScopeExact && s != ScopeHierarchic {
		add("scope_strategy", "must be wildcard, exact or hierarchic, is %q", s)
	}
	if _, err := ParseScope(strings.Join(c.DefaultScope, " ")); err != nil {
		add("default_scope", "contains a character that is not allowed in scopes")
	}
	for _, err := range c.Lifespans.Validate() {
		faults = append(faults, fmt.Errorf("lifespans.%w", err))
	}
	if c.Pairwise.Enabled && len(c.Pairwise.Salt.Reveal()) < 8 {
		add("pairwise.salt", "must have 8 characters or more when pairwise subjects are enabled")
	}
	return append(faults, c.URLs.validate()...)
}

func (u URLsConfig) validate() []error {
	var faults []error
	for _, p := range []struct{ key, url string }{
		{"login", u.Login},
		{"registration", u.Registration},
		{"consent", u.Consent},
		{"logout", u.Logout},
		{"error", u.Error},
		{"post_logout_redirect", u.PostLogoutRedirect},
	} {
		if v, err := url.Parse(p.url); p.url != "" && (err != nil || v.Scheme != "https" && v.Scheme != "http" || v.Host == "") {
			faults = append(faults, fmt.Errorf("urls.%s: must be an absolute http or https URL", p.key))
		}
	}
	return faults
}

func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		u.RawQuery == "" && u.Fragment == "" && u.User == nil && !strings.Contains(s, "#") && !strings.HasSuffix(s, "?")
}
