package access

import "encoding/json"

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
	// Headers that clients may not send to applications, beside those that mutators set: they are removed.
	StripHeaders []string `yaml:"strip_headers"`
	// The authenticators, by name.
	Authenticators map[string]HandlerConfig `yaml:"authenticators"`
	// The authorizers, by name.
	Authorizers map[string]HandlerConfig `yaml:"authorizers"`
	// The mutators, by name.
	Mutators map[string]HandlerConfig `yaml:"mutators"`
	// How errors leave.
	Errors ErrorsConfig `yaml:"errors"`
}

// HandlerConfig switches a handler and gives the settings that rules start from.
type HandlerConfig struct {
	// Whether rules may use the handler. Not written means yes.
	Enabled *bool `yaml:"enabled"`
	// The handler's settings, overlaid by those of a rule.
	Config RawSettings `yaml:"config"`
}

// RawSettings are settings whose form only the handler knows, as JSON.
type RawSettings json.RawMessage

// ErrorsConfig says how errors leave.
type ErrorsConfig struct {
	// The handlers that are asked where none of the rule is responsible, in their order.
	Fallback []string `yaml:"fallback" default:"json"`
	// The error handlers json, redirect and www_authenticate.
	Handlers map[string]HandlerConfig `yaml:"handlers"`
}
