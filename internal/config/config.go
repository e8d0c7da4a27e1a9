package config

import (
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/account"
	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/harden"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/inspect"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/telemetry"
	"github.com/gatehouse-iam/gatehouse/internal/transit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Config is the whole configuration of a server.
type Config struct {
	// Version is the version of this format. Default: 1, the only one there is. A later Gatehouse that reads the
	// format otherwise refuses the number it does not know instead of guessing.
	Version int `yaml:"version" enum:"1"`
	// Profile says how careful the server is: development starts without any configuration, production refuses what
	// is unsafe on a network. Default: development.
	Profile Profile `yaml:"profile" enum:"development,production"`
	// DataDir is the directory of the embedded databases and of generated secrets; it is made when it is missing.
	// Default: data, in the working directory. Only one server may use it at a time.
	DataDir string `yaml:"data_dir"`
	// Databases says where data is kept.
	Databases Databases `yaml:"databases"`
	// Secrets are the secrets from which all others are derived.
	Secrets Secrets `yaml:"secrets"`
	// Serve are the addresses that the server answers at.
	Serve Serve `yaml:"serve"`
	// Log says what is logged and how.
	Log telemetry.LogConfig `yaml:"log"`
	// Tracing says where OpenTelemetry traces go.
	Tracing telemetry.TracingConfig `yaml:"tracing"`
	// Hashing says what hashing a password or a chosen client secret costs.
	Hashing secret.HashConfig `yaml:"hashing"`
	// Tenants are the separate worlds of this installation, each with its own clients, keys and people. Default: one,
	// called default, for every host.
	Tenants Tenants `yaml:"tenants"`
	// Keys are the keys that sign tokens.
	Keys keys.Config `yaml:"keys"`
	// OAuth says how the OAuth 2.0 and OpenID Connect endpoints behave.
	OAuth OAuth `yaml:"oauth"`
	// Identity says what is known of a person: the schemas of traits.
	Identity identity.Config `yaml:"identity"`
	// Session says how long people stay signed in and how a browser keeps it.
	Session session.Config `yaml:"session"`
	// SelfService are the flows in which people register, sign in, change their settings and regain a lost account.
	SelfService Selfservice `yaml:"selfservice"`
	// Clients says how this server calls others, for web hooks above all.
	Clients hook.ClientsConfig `yaml:"clients"`
	// Courier sends mail and short messages.
	Courier courier.Config `yaml:"courier"`
	// Limits keep strangers from trying too often.
	Limits limit.Config `yaml:"limits"`
	// Account are the pages that people see.
	Account account.Config `yaml:"account"`
	// Access says which requests to applications are let through: the rules, and what they may ask. Requests come in by
	// serve.proxy, serve.decisions and serve.ext_authz.
	Access Access `yaml:"access"`
	// Cache is what servers remember together; without one each remembers for itself.
	Cache cache.Config `yaml:"cache"`
	// Activity is the log of every administrative change and every security event.
	Activity activity.Config `yaml:"activity"`
	// Harden is what an operator accepts of what `gatehouse harden` finds.
	Harden harden.Config `yaml:"harden"`
	// Backup says where backups go and who can open them.
	Backup backup.Config `yaml:"backup"`

	origins map[string]origin // of every value that was written
	derived map[string]string // what a value that was not written follows from
}

// Serve are the listeners of the server.
type Serve struct {
	// Public is the listener for browsers and applications: OAuth 2.0, OpenID Connect, self-service and pages. In the
	// development profile it binds to this machine unless told otherwise; production binds to every interface. Where its
	// base_url is not written, development takes the address as this machine reaches it; production wants it written.
	Public web.Config `yaml:"public"`
	// Admin is the listener of the administration APIs and of the metrics. It binds to this machine unless told
	// otherwise. Where its base_url is not written, it is the address as this machine reaches it.
	Admin AdminListener `yaml:"admin"`
	// Proxy is the listener that applications stand behind: requests that the access rules let pass are sent to them. In the
	// development profile it binds to this machine unless told otherwise.
	Proxy Door `yaml:"proxy"`
	// Decisions is the listener at which other proxies ask before they pass a request on: nginx, Caddy, Traefik, Envoy. Their
	// X-Forwarded- headers say what they ask about and are believed from trusted_proxies alone; in the development profile these
	// are this machine unless told otherwise.
	Decisions Door `yaml:"decisions"`
	// ExtAuthz is the listener for Envoy's external authorization over gRPC (HTTP/2, in the clear or by TLS).
	ExtAuthz Door `yaml:"ext_authz"`
	// StopDelay is how long a server that is told to stop still accepts requests while it already reports that it is
	// not ready, so that load balancers notice before connections are refused. Unit: duration. Default: 0s; in
	// Kubernetes 5s is a good value. The whole stop takes 30s at most.
	StopDelay time.Duration `yaml:"stop_delay" default:"0s" min:"0s" max:"15s"`
}

// AdminListener is the listener of the administration APIs, with who may use them besides the holders of admin keys.
type AdminListener struct {
	web.Config `yaml:",inline"`

	// Certificates say what the holders of client certificates may do, which tls.client_ca_file makes the listener trust: there
	// a certificate that fits no entry opens nothing. Default: none.
	Certificates []admin.CertificateConfig `yaml:"certificates"`
	// OAuth says which access tokens of this server open the admin API. Default: none.
	OAuth admin.OAuthConfig `yaml:"oauth"`
}

// Validate returns all that is wrong, each fault beginning with its key below `serve.admin`.
func (a AdminListener) Validate() []error {
	faults := append(a.Config.Validate(), admin.ValidateCertificates(a.Certificates, a.TLS.ClientCAFile != "")...)
	for _, err := range a.OAuth.Validate() {
		faults = append(faults, fmt.Errorf("oauth.%w", err))
	}
	return faults
}

// OAuth gathers what the parts of OAuth 2.0 and OpenID Connect read.
type OAuth struct {
	oauth.Config `yaml:",inline"`

	// JWT says which claims JWT access tokens have.
	JWT token.JWTConfig `yaml:"jwt"`
	// ClientCredentials says how the client_credentials grant behaves.
	ClientCredentials token.ClientCredentialsConfig `yaml:"client_credentials"`
	// TokenCache bounds the access tokens whose state is kept in memory.
	TokenCache token.CacheConfig `yaml:"token_cache"`
	// Introspection says who may introspect tokens at the public listener.
	Introspection inspect.Config `yaml:"introspection"`
}

// Token gives the part that the token endpoint reads.
func (o OAuth) Token() token.Config {
	return token.Config{
		AccessTokenStrategy: o.AccessTokenStrategy,
		Refresh:             token.RefreshConfig{GracePeriod: o.Refresh.GracePeriod},
		JWT:                 o.JWT, ClientCredentials: o.ClientCredentials, TokenCache: o.TokenCache,
	}
}

// Validate returns all that is wrong, each fault beginning with its key below `oauth`.
func (o OAuth) Validate() []error {
	faults := append(o.Config.Validate(), o.Token().Validate()...)
	for _, err := range o.Introspection.Validate() {
		faults = append(faults, fmt.Errorf("introspection.%w", err))
	}
	return faults
}

// Secrets are the roots of all keys. Of each list the first is in use, as soon as all servers on the database have it, and the
// others are still understood: to rotate, put a new one in front, and keep the old one until it is retired (`gatehouse keys seal
// status` says what depends on it). Each has 16 characters or more. Production refuses placeholders, published and easily guessed
// secrets and one secret for both lists.
type Secrets struct {
	// System secrets sign tokens and seal signing keys and other sensitive columns. Default: none; in the development
	// profile generated once and kept in secrets.yaml in data_dir, or for this process alone when every database is
	// in memory. Whoever has them can read the sealed data and make tokens; when they are lost, sealed data is lost.
	System []secret.String `yaml:"system"`
	// Cookie secrets seal the cookies of browsers. Default: none; generated in the development profile like the system
	// secrets. When they are lost, everybody signs in anew.
	Cookie []secret.String `yaml:"cookie"`
	// Admin are keys that open the admin listener, each sent as `Authorization: Bearer …`: 32 characters or more.
	// Whoever has one may everything. Default: none. In the development profile the admin listener then answers everybody who
	// reaches it, and it binds to loopback; in production it always asks for a credential. `gatehouse admin keys create` makes
	// keys that may less and that expire, and needs no key here.
	Admin []secret.String `yaml:"admin"`
	// Transit unwraps those of the system and cookie secrets that begin with vault:v, by the Transit engine of HashiCorp Vault or
	// OpenBao.
	Transit transit.Config `yaml:"transit"`
}

// Profile is how careful the server is.
type Profile string

// The profiles.
const (
	Development Profile = "development"
	Production  Profile = "production"
)

// UnmarshalText reads the name of a profile.
func (p *Profile) UnmarshalText(text []byte) error {
	switch v := Profile(text); v {
	case Development, Production:
		*p = v
		return nil
	}
	return fmt.Errorf("must be development or production, is %q", text)
}

// Development tells whether the server runs in the development profile.
func (c *Config) Development() bool { return c.Profile == Development }

// Production tells whether the server runs in the production profile.
func (c *Config) Production() bool { return c.Profile == Production }

// adminBody holds a batch of a thousand identities with their credentials.
const adminBody = 16 << 20

// Defaults gives what holds when nothing is configured.
func Defaults(p Profile) Config {
	c := Config{
		Version: 1,
		Profile: p,
		DataDir: "data",
		Serve: Serve{
			Public: web.DefaultConfig("127.0.0.1:4444", ""),
			Admin:  AdminListener{Config: web.DefaultConfig("127.0.0.1:4445", "")},
		},
		Databases: defaultDatabases(p),
		Secrets:   Secrets{Transit: transit.DefaultConfig()},
		Hashing:   secret.DefaultHashConfig(),
		Keys:      keys.DefaultConfig(),
		Identity:  identity.DefaultConfig(),
		Session:   session.DefaultConfig(),
		Clients:   hook.DefaultClientsConfig(),
		Courier:   courier.DefaultConfig(),
		Limits:    limit.DefaultConfig(),
		Account:   account.DefaultConfig(),
		Access:    defaultAccess(),
		Cache:     cache.DefaultConfig(),
		Activity:  activity.DefaultConfig(),
		Backup:    backup.DefaultConfig(),
	}
	c.Serve.defaultDoors(p)
	c.SelfService = defaultSelfservice()
	c.Serve.Admin.MaxBody = adminBody
	tokens := token.DefaultConfig()
	c.OAuth = OAuth{
		Config: oauth.Defaults(),
		JWT:    tokens.JWT, ClientCredentials: tokens.ClientCredentials, TokenCache: tokens.TokenCache,
		Introspection: inspect.DefaultConfig(),
	}
	log := telemetry.DefaultConfig()
	c.Log, c.Tracing = log.Log, log.Tracing
	if p == Production {
		c.Log.Format = "json"
		c.Serve.Public.Address = ":4444"
	}
	return c
}

// derive fills in what follows from the rest.
func (c *Config) derive() {
	c.derived = map[string]string{}
	c.deriveDatabases()
	c.deriveBase("serve.public", &c.Serve.Public, c.Development())
	c.deriveBase("serve.admin", &c.Serve.Admin.Config, true)
	for name, door := range c.Serve.doors() {
		c.deriveBase("serve."+name, &door.Config, true)
	}
	if c.OAuth.Issuer == "" && c.Serve.Public.BaseURL != "" {
		c.OAuth.Issuer = c.Serve.Public.BaseURL
		c.derived["oauth.issuer"] = "serve.public.base_url"
	}
}
