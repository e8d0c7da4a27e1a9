package access

import (
	"context"
	"net/netip"
	"net/textproto"
	"net/url"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Header are the fields of a request or an answer by their canonical names (net/textproto).
type Header map[string][]string

// Get returns the first value of the field, in whatever case it is named, or "".
func (h Header) Get(name string) string { return textproto.MIMEHeader(h).Get(name) }

func (h Header) values(name string) []string { return textproto.MIMEHeader(h).Values(name) }

// Request is what a door asks about: the request that somebody made to an application, read once and the same for every
// stage.
type Request struct {
	// Method is the HTTP method as the application gets it: methods are case-sensitive (RFC 9110 §9.1), and one that is
	// spelled otherwise is another, which rules do not match.
	Method string
	// Target says where the request goes, in the one reading that matching and the upstream share. It is empty where there is no
	// such reading.
	Target target.Target
	// Header are the request's fields. A door takes off those that only this server may set; afterwards nobody changes it.
	Header Header
	// Client is the address of who asks, as far as trusted proxies vouch for it.
	Client netip.Addr
	// Certificate is the X.509 certificate (DER) whose key the client proved to hold in TLS, to the proxy or to Envoy; nil where
	// there is none. The decision API has none: what its callers pass on in a header (RFC 9440) their clients could have written.
	Certificate []byte
	// Body gives the request's body for the authorizers that forward it, at most limit bytes, and ErrBodyTooLarge beyond. Nil
	// where the door has none. What was read still reaches the upstream.
	Body func(limit int64) ([]byte, error)
	// Unseen tells that the application may get a body of which the door has nothing: proxies that ask mostly keep it to themselves.
	Unseen bool
	// ID is the request id, for the log and the answer.
	ID string
}

// Principal is who asks, as the authenticator found out, and what the mutators tell the upstream about it. Templates see its
// exported fields by their names.
type Principal struct {
	// Subject names who asks; empty for nobody in particular.
	Subject string
	// Extra are the claims, traits or introspected fields that come with the credential. They may be shared with other requests:
	// whoever changes them replaces the map.
	Extra map[string]any
	// Header are fields for the upstream; they replace the request's.
	Header Header
	// Cookies are cookies for the upstream by name; they replace the request's of that name.
	Cookies map[string]string
	// MatchContext says how the rule matched.
	MatchContext MatchContext
	// Scopes were granted to the credential; nil where it has none of its own. They may be shared with other requests.
	Scopes []string
	// Expires is when the credential ends; zero where it does not say.
	Expires time.Time
}

// MatchContext is how a rule matched a request.
type MatchContext struct {
	// RegexpCaptureGroups are what the pattern's expressions matched, in their order.
	RegexpCaptureGroups []string
	// Captures are what named parts of a path template matched.
	Captures map[string]string
	// URL is the request's target.
	URL *url.URL
	// Method is the HTTP method.
	Method string
	// Header are the request's fields.
	Header Header
}

// Authenticator finds out who asks.
type Authenticator interface {
	// Authenticate returns a Principal of the caller's own: what follows changes it. It returns ErrNotResponsible where the request carries no credential of this kind, so that the rule's next
	// authenticator is asked; any other error ends the decision.
	Authenticate(ctx context.Context, r *Request) (*Principal, error)
}

// Authorizer decides whether who asks may.
type Authorizer interface {
	// Authorize returns nil to let pass, and ErrForbidden (or a copy) to turn away. It may add fields for the upstream to p.
	Authorize(ctx context.Context, r *Request, p *Principal) error
}

// Mutator tells the upstream who asks: it changes p's Header and Cookies.
type Mutator interface {
	Mutate(ctx context.Context, r *Request, p *Principal) error
}

// HeaderSetter is a handler that knows which header fields it may set for the upstream: the client's are removed even
// where it sets none for a request.
type HeaderSetter interface {
	// SetsHeaders gives the fields' canonical names.
	SetsHeaders() []string
}

// Warner is a handler whose settings are accepted though they may not do what they were written for.
type Warner interface {
	// Warnings say why, in words for whoever wrote the settings.
	Warnings() []string
}

// CookieSetter is a mutator that knows which cookies it may set for the upstream.
type CookieSetter interface {
	// SetsCookies gives the cookies' names.
	SetsCookies() []string
}

// Kinds are the handlers that rules can name, by their name. A maker gets the handler's settings (those of the
// configuration, overlaid by the rule's) and compiles everything that can be compiled: templates, patterns, key sets. It
// is called when rules are loaded, never for a request.
type Kinds struct {
	Authenticators map[string]Kind[Authenticator]
	Authorizers    map[string]Kind[Authorizer]
	Mutators       map[string]Kind[Mutator]
}

// Kind makes the handlers of one name. Errors begin with the setting's path, such as "jwks_urls[0]: …".
type Kind[T any] func(s Settings) (T, error)

// The errors of the stages. Handlers return copies of them (Because, With), and the rules' error handlers are chosen by their
// kind.
var (
	// ErrNotResponsible is an authenticator's "not mine": it never leaves the pipeline.
	ErrNotResponsible = fault.New(fault.Unauthenticated, "not_responsible", "The request carries no credential of this kind.")
	ErrUnauthorized   = fault.New(fault.Unauthenticated, "unauthorized", "The request could not be authorized.")
	ErrForbidden      = fault.New(fault.Forbidden, "forbidden", "Access credentials are not sufficient to access this resource.")
	ErrNoRule         = fault.New(fault.NotFound, "not_found", "Requested url does not match any rules.")
	ErrManyRules      = fault.New(fault.Internal, "many_rules", "Expected exactly one rule but found multiple rules.")
	ErrScopeStrategy  = fault.New(fault.Internal, "rule_feature_disabled", "The rule asks for scopes and does not say how they are compared: its scope_strategy is none.")
	ErrUnavailable    = fault.New(fault.Unavailable, "unavailable", "Access cannot be decided at the moment.")
	ErrUnreadable     = fault.New(fault.Invalid, "unreadable_body", "The request's body could not be read.")
	ErrUnseenBody     = fault.New(fault.Forbidden, "unseen_body", "The request's body has to be checked, and the proxy that asks did not send it along.")
	ErrBodyTooLarge   = fault.New(fault.TooLarge, "body_too_large", "The request's body is too large to be checked.")
)

// Decision is the answer to a request.
type Decision struct {
	// Rule is the rule that matched, nil where none did.
	Rule *Rule
	// Principal is who asks; nil where the request is turned away before that is known.
	Principal *Principal
	// Err says why the request is turned away; nil lets it pass.
	Err *fault.Error
	// Tenant is the tenant whose rule matched.
	Tenant tenant.ID
	// Strip are the canonical names of the header fields that must not pass from the client to the upstream: those that the
	// rule's handlers set and those of Config.Stripped. Set where a rule matched. Nobody may change it.
	Strip []string
	// StripCookies are the names of the cookies that the rule's handlers set. Nobody may change it.
	StripCookies []string
	// Answer says how Err leaves; nil where the request passes.
	Answer *ErrorAnswer
	// Steps are what each handler decided and why, where Explain asked for them.
	Steps []Step
	// To is where the rule sends requests, as it was parsed when the rule was loaded; nil where it names none. Nobody may change it.
	To *url.URL
	// Taken are the names of the fields that the door took off the request.
	Taken []string
	// Errors are the rule's error handlers with the fallback behind them; without a rule, the fallback alone.
	Errors *ErrorHandlers
}

// Allowed reports whether the request passes.
func (d *Decision) Allowed() bool { return d.Err == nil }

// TurnAway makes it a decision against the request, that leaves as the rule has it, or the configuration without a rule.
func (d *Decision) TurnAway(r *Request, err error) {
	d.Err = fault.From(err)
	d.Answer = d.Errors.Choose(d.Err.Kind.Status(), r)
}

// Step is what one handler of a rule decided.
type Step struct {
	// Stage is match, authenticator, authorizer, mutator, error or warning.
	Stage string `json:"stage"`
	// Handler is the handler's name.
	Handler string `json:"handler"`
	// Outcome is passed, refused, skipped (not responsible) or failed; of a warning, noted.
	Outcome string `json:"outcome"`
	// Reason says why in words; it never repeats a credential.
	Reason string `json:"reason,omitempty"`
	// Took is the time the handler took.
	Took time.Duration `json:"took_ns"`
}

// The outcomes of a step.
const (
	Passed  = "passed"
	Refused = "refused"
	Skipped = "skipped"
	Failed  = "failed"
	Noted   = "noted"
)
