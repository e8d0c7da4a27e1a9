package authn

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
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
	maps.Copy(m, ext)
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
	Retry *fetch.Retry `json:"retry"`
	// Cache keeps answers.
	Cache CacheSettings `json:"cache"`
}

// keepAnswers bounds how long any answer of a foreign service is kept.
const keepAnswers = time.Hour

// introspections makes the authenticators of access tokens, which share what they keep.
type introspections struct {
	o       Options
	bound   *confirmer
	answers *cache.Cache[*introspected]
	flights wait.Flight[*introspected]
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
