package oidc

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config is `selfservice.methods.oidc`. The keys are those of Ory Kratos.
type Config struct {
	// Whether people can sign in with an account at another provider.
	Enabled bool `yaml:"enabled" default:"false"`
	// Which providers there are.
	Config ProvidersConfig `yaml:"config"`
}

// ProvidersConfig is `selfservice.methods.oidc.config`.
type ProvidersConfig struct {
	// What the addresses begin with to which providers send people back, where that is not the public base URL. Providers are
	// told …/self-service/methods/oidc/callback/ID. With it, all tenants share one address, so it has to lead to each of them.
	BaseRedirectURI string `yaml:"base_redirect_uri"`
	// The providers, in the order in which they are offered.
	Providers []ProviderConfig `yaml:"providers"`
}

// ProviderConfig is one provider.
type ProviderConfig struct {
	// The name of the provider in credentials and addresses: letters, digits, - and _. Another name makes another provider of it,
	// at which nobody has an account yet.
	ID string `yaml:"id"`
	// Which provider it is. google, gitlab and microsoft know their issuer; generic and auth0 need issuer_url. generic is every
	// provider that has OpenID Connect Discovery.
	Provider string `yaml:"provider" default:"generic" enum:"generic,auth0,gitlab,google,microsoft"`
	// What people call the provider. Default: its id.
	Label string `yaml:"label"`
	// The client that this server is at the provider.
	ClientID string `yaml:"client_id"`
	// Its secret. A client without one is public, and needs PKCE.
	ClientSecret secret.String `yaml:"client_secret"`
	// The file that holds the secret, in its place. It is read when the server starts.
	ClientSecretFile string `yaml:"client_secret_file"`
	// Where the provider is, exactly as it writes it itself: below it is /.well-known/openid-configuration.
	IssuerURL string `yaml:"issuer_url"`
	// For microsoft: whose accounts are taken. The id of a directory, or organizations, consumers or common.
	MicrosoftTenant string `yaml:"microsoft_tenant"`
	// For microsoft: which claim names an account. userinfo is sub, which differs between clients; oid is the same for all.
	SubjectSource string `yaml:"subject_source" default:"userinfo" enum:"userinfo,oid"`
	// What is asked for besides openid.
	Scope []string `yaml:"scope"`
	// A Jsonnet program that makes traits of claims: file:// or base64://. It gets std.extVar('claims') and makes
	// {identity: {traits: {…}, verified_addresses: [{via: 'email', value: '…'}], metadata_public: {…}, metadata_admin: {…}}}.
	// Without it, traits get the claims of their name, an e-mail trait gets email, name.first and name.last get given_name and
	// family_name.
	MapperURL string `yaml:"mapper_url"`
	// Other clients at the provider, such as apps, whose ID tokens are taken from who sends one as id_token, with its id_token_nonce:
	// besides those for client_id. Without any, no token is taken that this server has not asked for.
	AdditionalIDTokenAudiences []string `yaml:"additional_id_token_audiences"`
	// Where the claims are: in the ID token, or in it and at the provider's userinfo endpoint.
	ClaimsSource string `yaml:"claims_source" default:"id_token" enum:"id_token,userinfo"`
	// Whether the provider is given a proof key (RFC 7636): auto where it says that it knows S256, force, or never.
	PKCE string `yaml:"pkce" default:"auto" enum:"auto,never,force"`
}

// DefaultConfig knows no provider.
func DefaultConfig() Config { return Config{} }

// What the configuration's words are.
const (
	google    = "google"
	gitlab    = "gitlab"
	microsoft = "microsoft"

	pkceNever = "never"
	pkceForce = "force"
	userinfo  = "userinfo"
	byOID     = "oid"
)

// microsofts are where each kind of account of Microsoft's comes from. In these three, each directory is an issuer of its own.
var microsofts = []string{"common", "organizations", "consumers"}

const microsoftAuthority = "https://login.microsoftonline.com/"

// issuer is where the provider is.
func (p ProviderConfig) issuer() string {
	switch {
	case p.IssuerURL != "":
		return p.IssuerURL
	case p.Provider == google:
		return "https://accounts.google.com"
	case p.Provider == gitlab:
		return "https://gitlab.com"
	case p.Provider == microsoft && p.MicrosoftTenant != "":
		return microsoftAuthority + p.MicrosoftTenant + "/v2.0"
	}
	return ""
}

// label is what people call the provider.
func (p ProviderConfig) label() string {
	if p.Label != "" {
		return p.Label
	}
	return p.ID
}

// ids are names that stand in addresses, and before a colon in identifiers.
var ids = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Validate returns all that is wrong, each fault beginning with its key below `selfservice.methods.oidc`.
func (c Config) Validate() (faults []error) {
	bad := func(format string, a ...any) { faults = append(faults, fmt.Errorf("config."+format, a...)) }
	if b := c.Config.BaseRedirectURI; b != "" {
		if err := absolute(b); err != nil {
			bad("base_redirect_uri: %w", err)
		}
	}
	if c.Enabled && len(c.Config.Providers) == 0 {
		bad("providers: name at least one provider, or set enabled to false")
	}
	seen := map[string]bool{}
	for i, p := range c.Config.Providers {
		at := fmt.Sprintf("providers[%d].", i)
		if !ids.MatchString(p.ID) {
			bad("%sid: must be 1 to 64 letters, digits, - or _, is %q", at, p.ID)
		}
		if seen[p.ID] {
			bad("%sid: %s is the id of another provider as well", at, p.ID)
		}
		seen[p.ID] = true
		for _, err := range p.validate() {
			bad("%s%w", at, err)
		}
	}
	return faults
}

func (p ProviderConfig) validate() (faults []error) {
	bad := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	if p.ClientID == "" {
		bad("client_id: is missing; the provider gives it to who registers an application with it")
	}
	switch secret, file := p.ClientSecret.Reveal() != "", p.ClientSecretFile != ""; {
	case secret && file:
		bad("client_secret_file: stands beside client_secret: write one of the two")
	case !secret && !file && p.PKCE == pkceNever:
		bad("pkce: a client without client_secret needs it (RFC 9700 §2.1.1)")
	}
	switch {
	case p.MicrosoftTenant != "" && p.Provider != microsoft:
		bad("microsoft_tenant: is for provider: microsoft only")
	case p.SubjectSource == byOID && p.Provider != microsoft:
		bad("subject_source: oid is for provider: microsoft only")
	case p.issuer() == "" && p.Provider == microsoft:
		bad("microsoft_tenant: is missing: the id of a directory, or organizations, consumers or common")
	case p.issuer() == "":
		bad("issuer_url: is missing: the address below which the provider has /.well-known/openid-configuration")
	default:
		if err := absolute(p.issuer()); err != nil {
			bad("issuer_url: %w", err)
		}
	}
	if i := slices.IndexFunc(p.Scope, func(s string) bool { return s == "" || strings.ContainsAny(s, " \t\r\n\"\\") }); i >= 0 {
		bad("scope[%d]: %q is no scope: write each as an item of its own", i, p.Scope[i])
	}
	if slices.Contains(p.AdditionalIDTokenAudiences, "") {
		bad("additional_id_token_audiences: an empty name is no client's")
	}
	if p.MapperURL != "" {
		if _, err := fetch.ParseLocal(p.MapperURL); err != nil {
			bad("mapper_url: %w", err)
		}
	}
	return faults
}

// absolute says what is wrong with an address that things are put behind.
func absolute(address string) error {
	if err := fetch.CheckURL(address); err != nil {
		return err
	}
	if u, err := url.Parse(address); err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("must have no query, fragment or user, is %q", address)
	}
	return nil
}
