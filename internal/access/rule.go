package access

import (
	"encoding/json"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Rule says who may make the requests that it matches, and where they go. The wire format is Ory Oathkeeper's; priority,
// match.headers, match.query, match.path and match.hosts are ours.
type Rule struct {
	ID          string `json:"id"`
	Version     string `json:"version,omitempty"`
	Description string `json:"description,omitempty"`
	// Priority decides between rules that match the same request: the highest wins. Default 0.
	Priority       int            `json:"priority,omitempty"`
	Match          Match          `json:"match"`
	Authenticators []HandlerRef   `json:"authenticators"`
	Authorizer     HandlerRef     `json:"authorizer"`
	Mutators       []HandlerRef   `json:"mutators"`
	Errors         []ErrorHandler `json:"errors,omitempty"`
	Upstream       Upstream       `json:"upstream"`

	// Tenant owns the rule; Source is where it was read ("file:///…", "api:SET"). Both are set by whoever loads it.
	Tenant tenant.ID `json:"-"`
	Source string    `json:"-"`
}

// Match says which requests a rule is for. All that is written must hold.
type Match struct {
	// URL is a pattern for scheme://host/path, with expressions in < > that the strategy reads: regexp or glob. Either URL or
	// Hosts and Path are written.
	URL string `json:"url,omitempty"`
	// Methods are the HTTP methods, in any case. Empty means none, as Oathkeeper has it.
	Methods []string `json:"methods,omitempty"`
	// Authority, FullMethod and AllowHTTPGet are Oathkeeper's match for gRPC.
	Authority    string `json:"authority,omitempty"`
	FullMethod   string `json:"full_method,omitempty"`
	AllowHTTPGet bool   `json:"allow_http_get,omitempty"`
	// Hosts are host names, "*.example.com" for one label below, "**.example.com" for any; Path is a template: literal
	// segments, {name} for one segment, {**} (or {name**}) for any rest, * as {*}.
	Hosts []string `json:"hosts,omitempty"`
	Path  string   `json:"path,omitempty"`
	// Headers and Query are exact values, or patterns in < >, that must be there.
	Headers map[string]string `json:"headers,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
}

// HandlerRef names a handler and its settings.
type HandlerRef struct {
	Handler string          `json:"handler"`
	Config  json.RawMessage `json:"config,omitempty"`
}

// ErrorHandler names an error handler and its settings; its conditions are in its settings, as `when`.
type ErrorHandler = HandlerRef

// Upstream is where requests that pass are sent by the proxy.
type Upstream struct {
	URL          string `json:"url,omitempty"`
	StripPath    string `json:"strip_path,omitempty"`
	PreserveHost bool   `json:"preserve_host,omitempty"`
}

// APISource begins the Source of rules of the admin API.
const APISource = "api:"

// FromAPI reports whether the rule came by the admin API.
func (r *Rule) FromAPI() bool { return strings.HasPrefix(r.Source, APISource) }
