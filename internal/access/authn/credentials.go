package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// ClientCredentialsSettings are the settings of the authenticator oauth2_client_credentials.
type ClientCredentialsSettings struct {
	// TokenURL is the token endpoint at which the credentials are tried. Without it, clients of this server are checked in this
	// process.
	TokenURL string `json:"token_url"`
	// RequiredScope are scopes that the client must be able to get.
	RequiredScope []string `json:"required_scope"`
	// Retry says how long the endpoint may take.
	Retry *fetch.Retry `json:"retry"`
	// Cache keeps that the credentials were good.
	Cache CacheSettings `json:"cache"`
}

// credentials makes the authenticators of clients, which share what they keep.
type credentials struct {
	o       Options
	good    *cache.Cache[time.Time] // when the token that was got expires
	flights wait.Flight[time.Time]
}

func newCredentials(o Options) *credentials {
	return &credentials{o: o, good: cache.New[time.Time](cache.Options{Name: "access_credentials", Max: o.CacheSize, TTL: keepAnswers, Now: o.Now})}
}

// make makes an oauth2_client_credentials.
func (c *credentials) make(from access.Settings) (access.Authenticator, error) {
	var s ClientCredentialsSettings
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if s.TokenURL == "" {
		if c.o.Clients == nil {
			return nil, errors.New("token_url: is missing, and this server has no clients of its own")
		}
		return &ownClient{c.o.Clients, s.RequiredScope}, nil
	}
	if err := checkAddress("token_url", s.TokenURL); err != nil {
		return nil, err
	}
	a := &foreignClient{credentials: c, url: s.TokenURL, scopes: s.RequiredScope, cached: s.Cache.Enabled}
	var err error
	if a.timeout, a.delay, err = s.Retry.Times(); err != nil {
		return nil, err
	}
	a.ttl, err = s.Cache.ttl()
	return a, err
}

// clientOf reads the credentials of a request.
func clientOf(r *access.Request) (id, secret string, err error) {
	field, err := single(r.Header[authorization])
	if err == nil {
		id, secret, err = oauth.ParseBasic(field)
	}
	switch {
	case errors.Is(err, oauth.ErrNotBasic):
		return "", "", access.ErrNotResponsible
	case err != nil:
		return "", "", access.ErrUnauthorized.Because(err)
	}
	return id, secret, nil
}

// ownClient checks clients of this server.
type ownClient struct {
	clients Clients
	scopes  []string
}

// Authenticate checks the client's secret.
func (a *ownClient) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	id, secret, err := clientOf(r)
	if err != nil {
		return nil, err
	}
	if err := a.clients.Verify(ctx, id, secret, a.scopes); err != nil {
		return nil, refused(err)
	}
	return &access.Principal{Subject: id, Scopes: a.scopes}, nil
}

// foreignClient tries the credentials at a token endpoint.
type foreignClient struct {
	*credentials
	url            string
	scopes         []string
	timeout, delay time.Duration
	cached         bool
	ttl            time.Duration
}

// Authenticate gets a token in the client's name, and drops it.
func (a *foreignClient) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	id, secret, err := clientOf(r)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(a.url + "\n" + strings.Join(a.scopes, " ") + "\n" + r.Header.Get(authorization)))
	key := string(sum[:])
	who := &access.Principal{Subject: id, Scopes: a.scopes}
	if a.cached {
		if _, ok := a.good.Get(ctx, key); ok {
			return who, nil
		}
	}
	_, err = a.flights.Do(ctx, tenantOf(ctx)+key, func(ctx context.Context) (time.Time, error) {
		return a.try(ctx, key, tokenCall{url: a.url, id: id, secret: secret, scopes: a.scopes, timeout: a.timeout, delay: a.delay})
	})
	if err != nil {
		return nil, err
	}
	return who, nil
}

func (a *foreignClient) try(ctx context.Context, key string, call tokenCall) (time.Time, error) {
	began := a.o.Now()
	got, err := tokenRequest(ctx, a.o, call)
	if err != nil {
		return time.Time{}, err
	}
	var expires time.Time
	if got.lasts > 0 {
		expires = began.Add(got.lasts)
	}
	if a.cached {
		a.good.Set(ctx, key, expires, life(a.ttl, expires, began))
	}
	return expires, nil
}

// tokenCall is a request to a token endpoint.
type tokenCall struct {
	url, id, secret string
	scopes          []string
	form            url.Values
	timeout, delay  time.Duration
}

// gotToken is its answer.
type gotToken struct {
	token string
	lasts time.Duration // 0: not told
}

// tokenRequest makes a client_credentials request (RFC 6749 §4.4.2) with the client's credentials in the header.
func tokenRequest(ctx context.Context, o Options, call tokenCall) (*gotToken, error) {
	form := call.form
	if form == nil {
		form = url.Values{}
	}
	form.Set("grant_type", "client_credentials")
	if len(call.scopes) > 0 {
		form.Set("scope", strings.Join(call.scopes, " "))
	}
	answer, err := o.Ask.Ask(ctx, fetch.Question{
		Method: "POST", URL: call.url, Body: []byte(form.Encode()), Timeout: call.timeout, MaxDelay: call.delay,
		Header: map[string][]string{authorization: {oauth.FormatBasic(call.id, call.secret)}, contentType: {mediaForm}, "Accept": {"application/json"}},
	})
	if err != nil {
		return nil, access.ErrUnavailable.Because(err)
	}
	if err := answer.Limited(o.Now()); err != nil {
		return nil, err
	}
	switch {
	case answer.Status >= statusInternal, answer.Status == statusNotFound:
		return nil, access.ErrUnavailable.Because(fmt.Errorf("the token endpoint answered %d", answer.Status))
	case answer.Status != statusOK:
		return nil, access.ErrUnauthorized.Because(fmt.Errorf("the token endpoint answered %d", answer.Status))
	}
	var got gotToken
	var seconds float64
	if err := members(answer.Body, map[string]any{"access_token": &got.token, "expires_in": &seconds}); err != nil || got.token == "" {
		return nil, access.ErrUnauthorized.Because(errors.New("the token endpoint answered without a token"))
	}
	got.lasts = time.Duration(min(max(seconds, 0), 1<<30)) * time.Second
	return &got, nil
}
