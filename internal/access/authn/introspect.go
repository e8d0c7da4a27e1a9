package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// Token is an access token of this server, as its introspection endpoint would tell it. It does not change. It remembers what was
// made of it, so give out one and the same for as long as the stored token is the same.
type Token struct {
	// Subject is who granted it; empty for a client on its own behalf. ClientID is whom it was issued to.
	Subject, ClientID string
	// Issuer is its `iss`.
	Issuer string
	// Username is who granted it, for people to read.
	Username string
	// Scope and Audience were granted.
	Scope, Audience []string
	// Expires is when it ends by itself.
	Expires time.Time
	// Confirmation is the key that it is bound to.
	Confirmation Confirmation
	// Ext are further claims.
	Ext map[string]any

	extra  atomic.Pointer[map[string]any]
	signed atomic.Pointer[verified] // what it says as a JWT
}

// shown is what templates see of the token: the further claims, and about the token what Oathkeeper tells.
func (t *Token) shown() map[string]any {
	if m := t.extra.Load(); m != nil {
		return *m
	}
	m := shownExtra(t.Ext, t.Username, t.ClientID, strings.Join(t.Scope, " "), t.Audience)
	t.extra.Store(&m)
	return m
}

func shownExtra(ext map[string]any, username, clientID, scope string, audience []string) map[string]any {
	m := make(map[string]any, len(ext)+4)
	for name, value := range ext {
		m[name] = value
	}
	m["username"], m["client_id"], m["scope"] = username, clientID, scope
	if len(audience) > 0 {
		list := make([]any, len(audience))
		for i, a := range audience {
			list[i] = a
		}
		m["aud"] = list
	}
	return m
}

// IntrospectionSettings are the settings of the authenticator oauth2_introspection.
type IntrospectionSettings struct {
	// IntrospectionURL is the endpoint of RFC 7662. Without it, tokens of this server are looked up in this process.
	IntrospectionURL string `json:"introspection_url"`
	// IntrospectionRequestHeaders are further headers of the call.
	IntrospectionRequestHeaders map[string]string `json:"introspection_request_headers"`
	// PreserveHost sends the request's host as X-Forwarded-Host.
	PreserveHost bool `json:"preserve_host"`
	// PreAuthorization gets a token to introspect with.
	PreAuthorization *PreAuthorization `json:"pre_authorization"`
	// ScopeStrategy is exact, hierarchic, wildcard or none, which leaves required_scope to the endpoint.
	ScopeStrategy string `json:"scope_strategy"`
	// RequiredScope, TargetAudience and TrustedIssuers are what a token must have.
	RequiredScope  []string `json:"required_scope"`
	TargetAudience []string `json:"target_audience"`
	TrustedIssuers []string `json:"trusted_issuers"`
	// TokenFrom says where the token is. Default: Authorization.
	TokenFrom *TokenFrom `json:"token_from"`
	// Prefix is what tokens begin with; others are left to the next authenticator.
	Prefix string `json:"prefix"`
	// Retry says how long the endpoint may take.
	Retry *Retry `json:"retry"`
	// Cache keeps answers.
	Cache CacheSettings `json:"cache"`
}

// Retry says how long a call may take and when it is tried again.
type Retry struct {
	// GiveUpAfter bounds all tries together. Default: 1s.
	GiveUpAfter string `json:"give_up_after"`
	// MaxDelay is the longest pause between two tries. Default: 100ms.
	MaxDelay string `json:"max_delay"`
}

// times reads the durations.
func (r *Retry) times() (giveUp, delay time.Duration, err error) {
	giveUp, delay = time.Second, 100*time.Millisecond
	if r == nil {
		return giveUp, delay, nil
	}
	for _, d := range []struct {
		path, text string
		to         *time.Duration
	}{{"give_up_after", r.GiveUpAfter, &giveUp}, {"max_delay", r.MaxDelay, &delay}} {
		if d.text == "" {
			continue
		}
		if *d.to, err = time.ParseDuration(d.text); err != nil || *d.to <= 0 {
			return 0, 0, fmt.Errorf("retry.%s: %q is no duration, such as 100ms", d.path, d.text)
		}
	}
	return giveUp, delay, nil
}

// CacheSettings say whether and how long answers are kept, never longer than the token is good.
type CacheSettings struct {
	// Enabled keeps answers. A token that is revoked meanwhile is accepted until then.
	Enabled bool `json:"enabled"`
	// TTL is the longest time. Default: until the token expires, a minute where it does not say.
	TTL string `json:"ttl"`
	// MaxCost and MaxTokens are Oathkeeper's bounds of its memory. Here one bound holds for all handlers together, which the
	// configuration sets.
	MaxCost   int `json:"max_cost"`
	MaxTokens int `json:"max_tokens"`
}

// keepUntold is how long an answer is kept that does not say when the token expires, where the settings do not either.
const keepUntold = time.Minute

func (c *CacheSettings) ttl() (time.Duration, error) {
	if c.TTL == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(c.TTL)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("cache.ttl: %q is no duration, such as 5s", c.TTL)
	}
	return d, nil
}

// life is how long something may be kept that expires then.
func life(ttl time.Duration, expires, now time.Time) time.Duration {
	switch {
	case expires.IsZero() && ttl == 0:
		return keepUntold
	case expires.IsZero():
		return ttl
	case ttl == 0:
		return expires.Sub(now)
	}
	return min(ttl, expires.Sub(now))
}

// keepAnswers bounds how long any answer of a foreign service is kept.
const keepAnswers = time.Hour

// introspections makes the authenticators of access tokens, which share what they keep.
type introspections struct {
	o       Options
	bound   *confirmer
	answers *cache.Cache[*introspected]
	flights singleflight.Group
}

func newIntrospections(o Options, bound *confirmer) *introspections {
	return &introspections{
		o: o, bound: bound,
		answers: cache.New[*introspected](cache.Options{Name: "access_introspection", Max: o.CacheSize, TTL: keepAnswers, Now: o.Now}),
	}
}

// make makes an oauth2_introspection.
func (i *introspections) make(from access.Settings) (access.Authenticator, error) {
	var settings IntrospectionSettings
	if err := from.Decode(&settings); err != nil {
		return nil, err
	}
	where, err := newLocation(settings.TokenFrom, settings.Prefix)
	if err != nil {
		return nil, err
	}
	strategy, found, err := strategyOf(settings.ScopeStrategy)
	if err != nil {
		return nil, err
	}
	want := demands{scopes: settings.RequiredScope, audiences: settings.TargetAudience, issuers: settings.TrustedIssuers, strategy: strategy}
	if settings.IntrospectionURL == "" {
		if i.o.Tokens == nil {
			return nil, errors.New("introspection_url: is missing, and this server issues no tokens of its own")
		}
		if !found {
			want.strategy = i.o.Scopes
		}
		return &ownToken{introspections: i, where: where, want: want}, nil
	}
	want.unchecked = !found
	return i.foreign(where, want, &settings)
}

// ownToken looks access tokens of this server up.
type ownToken struct {
	*introspections
	where location
	want  demands
}

// Authenticate looks the token up.
func (a *ownToken) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	c, err := a.where.find(r)
	if err != nil {
		return nil, err
	}
	t, err := a.o.Tokens.Active(ctx, c.token)
	if err != nil {
		return nil, refused(err)
	}
	if err := a.want.met(t.Issuer, t.Audience, t.Scope); err != nil {
		return nil, err
	}
	if err := a.bound.check(ctx, r, c, t.Confirmation); err != nil {
		return nil, err
	}
	return &access.Principal{Subject: t.Subject, Extra: t.shown(), Scopes: t.Scope, Expires: t.Expires}, nil
}

// foreignToken asks an introspection endpoint.
type foreignToken struct {
	*introspections
	where           location
	want            demands
	address         string
	headers         map[string][]string
	preserveHost    bool
	pre             *preAuthorized
	timeout, delay  time.Duration
	cached          bool
	ttl             time.Duration
	requestedScopes string // sent along where no strategy checks them here
	identity        string // what an answer depends on besides the token
}

func (i *introspections) foreign(where location, want demands, s *IntrospectionSettings) (access.Authenticator, error) {
	a := &foreignToken{introspections: i, where: where, want: want, address: s.IntrospectionURL, preserveHost: s.PreserveHost, cached: s.Cache.Enabled}
	var err error
	if err = checkAddress("introspection_url", s.IntrospectionURL); err != nil {
		return nil, err
	}
	if a.headers, err = fixedHeaders("introspection_request_headers", s.IntrospectionRequestHeaders); err != nil {
		return nil, err
	}
	a.headers[contentType] = []string{mediaForm}
	if a.timeout, a.delay, err = s.Retry.times(); err != nil {
		return nil, err
	}
	if a.ttl, err = s.Cache.ttl(); err != nil {
		return nil, err
	}
	if want.unchecked {
		a.requestedScopes = strings.Join(want.scopes, " ")
	}
	if a.pre, err = newPreAuthorized(i.o, s.PreAuthorization); err != nil {
		return nil, err
	}
	a.identity = fmt.Sprintf("%s\n%v\n%s\n%v", a.address, s.IntrospectionRequestHeaders, a.requestedScopes, s.PreAuthorization.identity())
	return a, nil
}

const mediaForm = "application/x-www-form-urlencoded"

// introspected is what an endpoint said of an active token.
type introspected struct {
	known
	active   bool
	tokenUse string
	extra    map[string]any
}

// Authenticate asks what the token is, or remembers it.
func (a *foreignToken) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	c, err := a.where.find(r)
	if err != nil {
		return nil, err
	}
	t, err := a.told(ctx, r, c.token)
	if err != nil {
		return nil, err
	}
	if t.tokenUse != "" && t.tokenUse != "access_token" {
		return nil, access.ErrForbidden.Because(errors.New("the token is no access token"))
	}
	if err := t.current(a.o.Now()); err != nil {
		return nil, access.ErrUnauthorized.Because(err)
	}
	if err := a.want.met(t.Issuer, t.Audience, t.Scope); err != nil {
		return nil, err
	}
	if err := a.bound.check(ctx, r, c, t.Confirmation); err != nil {
		return nil, err
	}
	return &access.Principal{Subject: t.Subject, Extra: t.extra, Scopes: t.Scope, Expires: t.Expires.Time}, nil
}

// told returns the endpoint's answer about an active token. Of several requests with one token, one asks.
func (a *foreignToken) told(ctx context.Context, r *access.Request, token string) (*introspected, error) {
	if a.preserveHost { // the answer may depend on the host
		return a.ask(ctx, r, token)
	}
	sum := sha256.Sum256([]byte(a.identity + "\n" + token))
	key := string(sum[:])
	if a.cached {
		if t, ok := a.answers.Get(ctx, key); ok {
			return t, nil
		}
	}
	return fly(ctx, &a.flights, tenantOf(ctx)+key, func(ctx context.Context) (*introspected, error) {
		began := a.o.Now()
		t, err := a.ask(ctx, r, token)
		if err == nil && a.cached {
			a.answers.Set(ctx, key, t, life(a.ttl, t.Expires.Time, began))
		}
		return t, err
	})
}

// fly makes one call for all who ask for the same at the same time. It goes on for the others when one gives up.
func fly[T any](ctx context.Context, g *singleflight.Group, key string, call func(ctx context.Context) (T, error)) (T, error) {
	done := g.DoChan(key, func() (any, error) {
		v, err := call(context.WithoutCancel(ctx))
		return v, err
	})
	select {
	case result := <-done:
		v, _ := result.Val.(T)
		return v, result.Err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// ask makes the call of RFC 7662 §2.1.
func (a *foreignToken) ask(ctx context.Context, r *access.Request, token string) (*introspected, error) {
	form := url.Values{"token": {token}}
	if a.want.unchecked {
		form.Set("scope", a.requestedScopes)
	}
	q := fetch.Question{
		Method: "POST", URL: a.address, Body: []byte(form.Encode()), Timeout: a.timeout, MaxDelay: a.delay,
		Header: make(map[string][]string, len(a.headers)+2),
	}
	for name, values := range a.headers {
		q.Header[name] = values
	}
	if a.preserveHost {
		q.Header[forwardedHost] = []string{r.Target.Host}
	}
	answer, err := a.pre.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := answer.Limited(a.o.Now()); err != nil {
		return nil, err
	}
	if answer.Status != statusOK {
		return nil, access.ErrUnavailable.Because(fmt.Errorf("the introspection endpoint answered %d", answer.Status))
	}
	return readIntrospected(answer.Body)
}

// readIntrospected reads an answer (RFC 7662 §2.2). One about a token that is not active is refused here, so it is never kept.
func readIntrospected(document []byte) (*introspected, error) {
	var t introspected
	var username, clientID string
	var ext map[string]any
	err := members(document, map[string]any{
		"active": &t.active, "token_use": &t.tokenUse, "username": &username, "client_id": &clientID, "ext": (*numbered)(&ext),
	})
	if err == nil {
		t.known, err = readKnown(document)
	}
	if err != nil {
		return nil, access.ErrUnavailable.Because(fmt.Errorf("the introspection endpoint's answer: %w", err))
	}
	if !t.active {
		return nil, access.ErrUnauthorized.Because(errors.New("the token is not active"))
	}
	t.extra = shownExtra(ext, username, clientID, strings.Join(t.Scope, " "), t.Audience)
	return &t, nil
}

// numbered is an object whose numbers keep their text.
type numbered map[string]any

// UnmarshalJSON reads an object.
func (n *numbered) UnmarshalJSON(data []byte) (err error) {
	*n, err = object(data)
	return err
}
