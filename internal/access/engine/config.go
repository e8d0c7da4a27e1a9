package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Config says how requests to applications are let through or turned away. Keys that Ory Oathkeeper has too have its
// names.
type Config struct {
	// How the expressions in < > of rules are read, as in Oathkeeper: regexp or glob.
	MatchingStrategy string `yaml:"matching_strategy" default:"regexp" enum:"regexp,glob"`
	// What happens to rules of equal priority that both match some request: refuse names them when they are loaded; error
	// loads them and answers such requests with 500, as Oathkeeper does.
	Conflicts string `yaml:"conflicts" default:"refuse" enum:"refuse,error"`
	// What the decision doors do with a request whose path had to be normalized, since the application behind them sees
	// it as it was sent: refuse turns it away, normalize decides about the normalized path.
	Unnormalized string `yaml:"unnormalized" default:"refuse" enum:"refuse,normalize"`
	// How long deciding about one request may take, with all that its rule's handlers ask of databases and other services; then it
	// is turned away with 503. The time in which a client sends a body that is checked does not count. Unit: duration.
	DecisionTimeout time.Duration `yaml:"decision_timeout" default:"5s" min:"100ms" max:"1m"`
	// Headers that clients may not send to applications, beside X-Kratos-Authenticated-Identity-Id and those that the
	// handlers of a rule set: they are removed.
	StripHeaders []string `yaml:"strip_headers"`
	// Headers that clients may send to applications although they override the path or method that was decided about. They are
	// removed otherwise: X-Original-URL, X-Rewrite-URL, X-HTTP-Method-Override, X-HTTP-Method and X-Method-Override. List one only
	// where every rule of the applications that read it allows all paths or methods alike. Proxy is removed, too, which applications
	// behind CGI take for the proxy of their own requests.
	KeepHeaders []string `yaml:"keep_headers"`
	// The authenticators, by name.
	Authenticators map[string]access.HandlerConfig `yaml:"authenticators"`
	// The authorizers, by name.
	Authorizers map[string]access.HandlerConfig `yaml:"authorizers"`
	// The mutators, by name.
	Mutators map[string]access.HandlerConfig `yaml:"mutators"`
	// Which services the handlers of rules may call.
	Outgoing fetch.BoundsConfig `yaml:"outgoing"`
	// How errors leave where a rule does not say.
	Errors access.ErrorsConfig `yaml:"errors"`
}

const defaultDecisionTimeout = 5 * time.Second

// patience is how long a decision may take.
func (c Config) patience() time.Duration { return cmp.Or(c.DecisionTimeout, defaultDecisionTimeout) }

// DefaultConfig has no rules and lets nobody through.
func DefaultConfig() Config {
	return Config{
		MatchingStrategy: "regexp", Conflicts: "refuse", Unnormalized: "refuse",
		DecisionTimeout: defaultDecisionTimeout, Errors: access.ErrorsConfig{Fallback: []string{access.ErrorJSON}},
	}
}

// Validate returns all that is wrong, each fault beginning with its key below `access`. What rules make of the handlers'
// settings is found out when rules are loaded.
func (c Config) Validate() []error {
	var faults []error
	for _, err := range c.Outgoing.Validate() {
		faults = append(faults, fmt.Errorf("outgoing.%w", err))
	}
	for i, name := range c.StripHeaders {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("()<>@,;:\\\"/[]?={}", r) }) {
			faults = append(faults, fmt.Errorf("strip_headers[%d]: %q is not the name of a header", i, name))
		}
	}
	for i, name := range canonical(c.KeepHeaders) {
		if !slices.Contains(overrideFields(), name) {
			faults = append(faults, fmt.Errorf("keep_headers[%d]: %q is not removed unless strip_headers names it; known are %s", i, c.KeepHeaders[i], strings.Join(overrideFields(), ", ")))
		}
	}
	for _, err := range c.Errors.Validate() {
		faults = append(faults, fmt.Errorf("errors.%w", err))
	}
	return append(faults, c.checkNames()...)
}

// Handlers are the names of the handlers that there are: what package app puts together as access.Kinds.
type Handlers struct{ Authenticators, Authorizers, Mutators []string }

// Known are the handlers that the configuration can name.
func Known() Handlers {
	return Handlers{
		Authenticators: []string{"anonymous", "bearer_token", "cookie_session", "jwt", "noop", "oauth2_client_credentials", "oauth2_introspection", "unauthorized"},
		Authorizers:    []string{"allow", "cel", "deny", "geoip", "keto_engine_acp_ory", "remote", "remote_json", "scopes"},
		Mutators:       []string{"cookie", "header", "hydrator", "id_token", "noop"},
	}
}

// checkNames refuses handlers that there are not: who switches one off under another name leaves it on.
func (c Config) checkNames() (faults []error) {
	known := Known()
	for _, stage := range []struct {
		name    string
		configs map[string]access.HandlerConfig
		known   []string
	}{{"authenticator", c.Authenticators, known.Authenticators}, {"authorizer", c.Authorizers, known.Authorizers}, {"mutator", c.Mutators, known.Mutators}} {
		for _, name := range slices.Sorted(maps.Keys(stage.configs)) {
			if !slices.Contains(stage.known, name) {
				faults = append(faults, fmt.Errorf("%ss.%s: is no %s%s", stage.name, name, stage.name, spell.Meant(name, stage.known)))
			}
		}
	}
	return faults
}
