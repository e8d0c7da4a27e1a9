package access

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
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
	// where every rule of the applications that read it allows all paths or methods alike.
	KeepHeaders []string `yaml:"keep_headers"`
	// The authenticators, by name.
	Authenticators map[string]HandlerConfig `yaml:"authenticators"`
	// The authorizers, by name.
	Authorizers map[string]HandlerConfig `yaml:"authorizers"`
	// The mutators, by name.
	Mutators map[string]HandlerConfig `yaml:"mutators"`
	// Which services the handlers of rules may call.
	Outgoing fetch.BoundsConfig `yaml:"outgoing"`
	// How errors leave where a rule does not say.
	Errors ErrorsConfig `yaml:"errors"`
}

// HandlerConfig switches a handler and gives the settings that rules start from.
type HandlerConfig struct {
	// Whether rules may use the handler. Not written means yes; a handler that needs settings then has them here or in the
	// rule.
	Enabled *bool `yaml:"enabled"`
	// The handler's settings; those of a rule are laid over them, key by key.
	Config RawSettings `yaml:"config"`
}

// RawSettings are settings whose form only the handler knows. They are never shown: there may be secrets among them.
type RawSettings struct{ raw json.RawMessage }

// NewRawSettings takes settings as a JSON object, or as YAML.
func NewRawSettings(text string) (RawSettings, error) {
	var r RawSettings
	tree, err := readTree([]byte(text))
	if err != nil {
		return r, err
	}
	err = r.SetTree(tree)
	return r, err
}

// SetTree takes settings as a tree of JSON's values.
func (r *RawSettings) SetTree(tree any) error {
	if tree == nil {
		r.raw = nil
		return nil
	}
	if _, ok := tree.(map[string]any); !ok {
		return errors.New("must be a group of settings")
	}
	raw, err := json.Marshal(tree)
	r.raw = raw
	return err
}

// Written reports whether there are any.
func (r RawSettings) Written() bool { return len(r.raw) > 0 }

// String says only whether something was written.
func (r RawSettings) String() string {
	if !r.Written() {
		return ""
	}
	return secret.Redacted
}

// GoString is String.
func (r RawSettings) GoString() string { return r.String() }

// ErrorsConfig says how errors leave.
type ErrorsConfig struct {
	// The handlers that are asked where none of the rule is responsible, in their order; json where none of them is.
	Fallback []string `yaml:"fallback" default:"json"`
	// The error handlers json, redirect and www_authenticate.
	Handlers map[string]HandlerConfig `yaml:"handlers"`
}

const defaultDecisionTimeout = 5 * time.Second

// patience is how long a decision may take.
func (c Config) patience() time.Duration { return cmp.Or(c.DecisionTimeout, defaultDecisionTimeout) }

// DefaultConfig has no rules and lets nobody through.
func DefaultConfig() Config {
	return Config{
		MatchingStrategy: "regexp", Conflicts: "refuse", Unnormalized: "refuse",
		DecisionTimeout: defaultDecisionTimeout, Errors: ErrorsConfig{Fallback: []string{ErrorJSON}},
	}
}

// Validate returns all that is wrong, each fault beginning with its key below `access`. What rules make of the handlers'
// settings is found out when rules are loaded.
func (c Config) Validate() []error {
	var faults []error
	for _, err := range c.Outgoing.Validate() {
		faults = append(faults, fmt.Errorf("outgoing.%w", err))
	}
	if c.DecisionTimeout < 100*time.Millisecond || c.DecisionTimeout > time.Minute {
		faults = append(faults, fmt.Errorf("decision_timeout: must be from 100ms to 1m, is %s", c.DecisionTimeout))
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
	for _, name := range slices.Sorted(maps.Keys(c.Errors.Handlers)) {
		if !slices.Contains(errorNames(), name) {
			faults = append(faults, fmt.Errorf("errors.handlers.%s: is no error handler%s", name, meant(name, errorNames())))
		}
	}
	if _, err := NewErrorHandlers(c.Errors, nil); err != nil {
		faults = append(faults, fmt.Errorf("errors.%w", err))
	}
	return faults
}
