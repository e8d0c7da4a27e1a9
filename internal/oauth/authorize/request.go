package authorize

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

// minEntropy is how many characters state and nonce must have at least, as Ory asks for. Shorter ones can be guessed.
const minEntropy = 8

var (
	errInvalidState = fault.New(fault.Invalid, "invalid_state",
		"The state is missing or shorter than 8 characters and therefore too easy to guess. Send a random state, or use PKCE.")
	errEntropy = fault.New(fault.Invalid, "insufficient_entropy",
		"The nonce is shorter than 8 characters and therefore too easy to guess.")
)

// Request is an authorization request that passed every check which can be made without knowing who the person is. It
// is the first step of a Flow and is kept as JSON, hence the short names.
type Request struct {
	ClientID string `json:"client"`
	// RedirectURI is where the answer goes; RedirectGiven tells whether the request named it itself.
	RedirectURI   string `json:"to"`
	RedirectGiven bool   `json:"to_given,omitempty"`
	// ResponseType is canonical, ResponseMode is never empty.
	ResponseType  string          `json:"type"`
	ResponseMode  string          `json:"mode"`
	Scope         []string        `json:"scope,omitempty"`
	Audience      []string        `json:"aud,omitempty"`
	State         string          `json:"state,omitempty"`
	Nonce         string          `json:"nonce,omitempty"`
	CodeChallenge string          `json:"challenge,omitempty"`
	Prompt        []string        `json:"prompt,omitempty"`
	MaxAge        *int64          `json:"max_age,omitempty"`
	Display       string          `json:"display,omitempty"`
	LoginHint     string          `json:"login_hint,omitempty"`
	ACRValues     []string        `json:"acr,omitempty"`
	UILocales     []string        `json:"locales,omitempty"`
	Claims        json.RawMessage `json:"claims,omitempty"`
	// EssentialACR and WantSubject are what the claims parameter and id_token_hint insist on.
	EssentialACR []string `json:"must_acr,omitempty"`
	WantSubject  string   `json:"must_sub,omitempty"`
	// HintClaims are the claims of the id_token_hint, HintSubject is its sub.
	HintClaims  json.RawMessage `json:"hint,omitempty"`
	HintSubject string          `json:"hint_sub,omitempty"`
	// URL is the whole request, with which it can be started again; At is when it came.
	URL string    `json:"url"`
	At  time.Time `json:"at"`
}

// target is where and how an answer is delivered: known before the request is otherwise understood, since errors need
// it too.
type target struct {
	RedirectURI string
	Given       bool
	Mode        string
	State       string
}

// target gives where the answer to the request goes.
func (r *Request) target() target {
	return target{RedirectURI: r.RedirectURI, Given: r.RedirectGiven, Mode: r.ResponseMode, State: r.State}
}

// has tells whether the prompt parameter contains a value.
func (r *Request) has(prompt string) bool { return slices.Contains(r.Prompt, prompt) }

// openID tells whether this is an OpenID Connect request at all (Core §3.1.2.1).
func (r *Request) openID() bool { return slices.Contains(r.Scope, oauth.ScopeOpenID) }

// findTarget decides where the answer goes. Until it returns without an error nothing may be redirected: the error is
// shown to the person instead (RFC 6749 §3.1.2.4, §4.1.2.1).
func findTarget(p params, c *client.Client) (target, error) {
	for _, name := range [...]string{"redirect_uri", "client_id", "state", "response_mode", "response_type"} {
		if p.doubled(name) {
			return target{}, oauth.ErrInvalidRequest.Withf("The parameter %s was sent more than once.", name)
		}
	}
	asked := p.get("redirect_uri")
	if asked == "" && slices.Contains(oauth.SplitScope(p.get("scope")), oauth.ScopeOpenID) {
		return target{}, oauth.ErrInvalidRequest.With("The redirect_uri parameter is missing; OpenID Connect requests always name it (Core §3.1.2.1).")
	}
	uri, ok := c.MatchRedirect(asked)
	switch {
	case ok:
	case asked == "" && len(c.RedirectURIs) == 0:
		return target{}, oauth.ErrInvalidRequest.With("The client has no redirect URI registered.")
	case asked == "":
		return target{}, oauth.ErrInvalidRequest.With("The redirect_uri parameter is missing, and the client has more than one registered.")
	default:
		return target{}, oauth.ErrInvalidRequest.Withf("The redirect_uri %s is not registered for the client. It must be the same, character by character, as one of the client's redirect_uris.", oauth.Quote(asked))
	}
	return target{RedirectURI: uri, Given: asked != "", Mode: errorMode(p.get("response_type"), p.get("response_mode")), State: p.get("state")}, nil
}

// check reads and validates the rest of a request whose target is trusted. Its errors go to the client.
func check(p params, t target, c *client.Client, policy Policy) (*Request, error) {
	if err := p.single(); err != nil {
		return nil, err
	}
	if err := checkUnsupported(p); err != nil {
		return nil, err
	}
	responseType, mode, err := checkResponse(p, c, policy)
	if err != nil {
		return nil, err
	}
	r := &Request{ClientID: c.ID, RedirectURI: t.RedirectURI, RedirectGiven: t.Given, ResponseType: responseType,
		ResponseMode: mode, State: t.State, Nonce: p.get("nonce"), Display: p.get("display"), LoginHint: p.get("login_hint"),
		ACRValues: strings.Fields(p.get("acr_values")), UILocales: strings.Fields(p.get("ui_locales"))}
	for _, step := range [...]func(*Request, params, *client.Client, Policy) error{
		checkScope, checkAudience, checkPKCE, checkEntropy, checkPrompt, checkMaxAge, checkDisplay, checkClaims,
	} {
		if err := step(r, p, c, policy); err != nil {
			return nil, err
		}
	}
	return r, p.clean()
}

// checkUnsupported refuses by name what discovery says is not there (OpenID Connect Core §3.1.2.6): ignoring a request
// object would mean to ignore what the client asked for.
func checkUnsupported(p params) error {
	switch {
	case p.get("request") != "":
		return oauth.ErrRequestNotSupported
	case p.get("request_uri") != "":
		return oauth.ErrRequestURINotSupported
	case p.get("registration") != "":
		return oauth.ErrRegistrationNotSupported
	}
	return nil
}

func checkScope(r *Request, p params, c *client.Client, policy Policy) error {
	scope, err := oauth.ParseScope(p.get("scope"))
	if err != nil {
		return err
	}
	if err := c.AllowedScope(policy.ScopeStrategy, scope); err != nil {
		return err
	}
	r.Scope = scope
	if wants(r.ResponseType, "id_token") && !r.openID() {
		return oauth.ErrInvalidRequest.Withf("The response_type %s needs the scope openid.", oauth.Quote(r.ResponseType))
	}
	return nil
}

func checkAudience(r *Request, p params, c *client.Client, _ Policy) error {
	audience, err := oauth.ParseAudience(p.values["audience"])
	if err != nil {
		return err
	}
	r.Audience = audience
	return c.AllowedAudience(audience)
}

// checkPKCE holds RFC 7636 §4.4.1 and RFC 9700 §2.1.1: S256 or nothing, and nothing only from confidential clients.
func checkPKCE(r *Request, p params, c *client.Client, policy Policy) error {
	challenge := p.get("code_challenge")
	if err := oauth.CheckChallenge(challenge, p.get("code_challenge_method")); err != nil {
		return err
	}
	if !wants(r.ResponseType, "code") {
		return nil
	}
	if challenge == "" && (policy.PKCE.Required || policy.PKCE.RequiredForPublicClients && c.Public()) {
		return oauth.ErrInvalidRequest.With("This client must use PKCE: send code_challenge and code_challenge_method=S256 (RFC 7636).")
	}
	r.CodeChallenge = challenge
	return nil
}

// checkEntropy makes sure that the client can tell its own answer from one that somebody slipped in: by state, by PKCE
// or by nonce (RFC 9700 §2.1); and that ID tokens from the front channel carry a nonce (OpenID Connect Core §3.2.2.1).
func checkEntropy(r *Request, _ params, _ *client.Client, _ Policy) error {
	bound := r.CodeChallenge != "" || r.openID() && r.Nonce != ""
	if len(r.State) < minEntropy && (r.State != "" || !bound) {
		return errInvalidState
	}
	if r.Nonce == "" && wants(r.ResponseType, "id_token") {
		return oauth.ErrInvalidRequest.Withf("The nonce parameter is missing; the response_type %s needs it.", oauth.Quote(r.ResponseType))
	}
	if r.Nonce != "" && len(r.Nonce) < minEntropy {
		return errEntropy
	}
	return nil
}

// checkPrompt reads prompt (OpenID Connect Core §3.1.2.1). "create" is how the standard spells Ory's "registration"
// (Initiating User Registration 1.0).
func checkPrompt(r *Request, p params, _ *client.Client, _ Policy) error {
	for v := range strings.FieldsSeq(p.get("prompt")) {
		switch v {
		case "none", "login", "consent", "select_account", "registration":
		case "create":
			v = "registration"
		default:
			return oauth.ErrInvalidRequest.Withf("The prompt value %s does not exist. Use none, login, consent, select_account or registration.", oauth.Quote(v))
		}
		if !slices.Contains(r.Prompt, v) {
			r.Prompt = append(r.Prompt, v)
		}
	}
	if len(r.Prompt) > 1 && r.has("none") {
		return oauth.ErrInvalidRequest.With("The prompt value none cannot be combined with others.")
	}
	return nil
}

func checkMaxAge(r *Request, p params, _ *client.Client, _ Policy) error {
	text := p.get("max_age")
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return oauth.ErrInvalidRequest.With("The max_age parameter must be a number of seconds, 0 or more.")
	}
	n = min(n, int64(100*365*24*time.Hour/time.Second)) // so that it can be a time.Duration
	r.MaxAge = &n
	return nil
}

func checkDisplay(r *Request, _ params, _ *client.Client, _ Policy) error {
	switch r.Display {
	case "", "page", "popup", "touch", "wap":
		return nil
	}
	return oauth.ErrInvalidRequest.Withf("The display value %s does not exist. Use page, popup, touch or wap.", oauth.Quote(r.Display))
}

func checkClaims(r *Request, p params, _ *client.Client, _ Policy) error {
	wish, compact, err := parseClaims(p.get("claims"))
	if err != nil {
		return err
	}
	r.Claims = compact
	r.WantSubject = wish.subject()
	r.EssentialACR = wish.essentialACR()
	for _, acr := range r.EssentialACR { // the login app reads acr_values alone
		if !slices.Contains(r.ACRValues, acr) {
			r.ACRValues = append(r.ACRValues, acr)
		}
	}
	return nil
}
