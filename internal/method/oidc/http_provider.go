package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// How long what a provider says of itself is used, how long it is left alone after it could not be asked, and how long it has to
// answer one question.
const (
	rediscover = time.Hour
	resting    = 5 * time.Second
	patience   = 10 * time.Second
	maxAnswer  = 1 << 20 // bytes
	nonceBytes = 16
)

// provider is one provider and what it says of itself.
type provider struct {
	c      ProviderConfig
	mapper string // a Jsonnet program; empty where claims are mapped by their names
	client *http.Client
	now    func() time.Time

	flight wait.Flight[*upstream]
	mu     sync.Mutex
	kept   *upstream
	err    error
	until  time.Time // until then kept, or err, is the answer
}

// upstream is what a provider says of itself (OpenID Connect Discovery §3).
type upstream struct {
	*oidc.Provider

	Challenges []string `json:"code_challenge_methods_supported"`
	Auth       []string `json:"token_endpoint_auth_methods_supported"`
	Issuer     string   `json:"issuer"`
	SaysIssuer bool     `json:"authorization_response_iss_parameter_supported"`
}

// asked is what a flow remembers of what it asked a provider.
type asked struct {
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier,omitempty"`
	// Since is when somebody was sent who has to prove it anew; zero where an old proof is good.
	Since int64 `json:"since,omitempty"`
	// Traits were typed before.
	Traits json.RawMessage `json:"traits,omitempty"`
}

// proven is what a provider has said of somebody.
type proven struct {
	Provider string          `json:"provider"`
	Subject  string          `json:"subject"`
	Claims   json.RawMessage `json:"claims"`
	IDToken  string          `json:"id_token,omitempty"`
	Access   string          `json:"access_token,omitempty"`
	Refresh  string          `json:"refresh_token,omitempty"`
	ACR      string          `json:"acr,omitempty"`
	AMR      []string        `json:"amr,omitempty"`
	// Traits were typed before.
	Traits json.RawMessage `json:"traits,omitempty"`
	// Verified are addresses that the provider has proven.
	Verified []address `json:"verified,omitempty"`
}

// refused is what a provider says instead of a code (RFC 6749 §4.1.2.1).
type refused struct{ code string }

// Error names the code, as far as it is one.
func (r refused) Error() string { return "the provider answered with the error " + r.code }

// denied reports whether the person did not want to.
func (r refused) denied() bool { return r.code == "access_denied" }

// discover asks the provider about itself, or remembers. Who asks at the same time waits for one answer.
func (p *provider) discover(ctx context.Context) (*upstream, error) {
	p.mu.Lock()
	kept, err, fresh := p.kept, p.err, p.now().Before(p.until)
	p.mu.Unlock()
	if fresh {
		return kept, err
	}
	return p.flight.Do(ctx, "", func(ctx context.Context) (*upstream, error) {
		ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), patience)
		defer cancel()
		found, err := p.ask(ctx)
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case err == nil:
			p.kept, p.err, p.until = found, nil, p.now().Add(rediscover)
		case p.kept != nil: // what it said before is better than nobody signing in
			p.until = p.now().Add(resting)
		default:
			p.err, p.until = err, p.now().Add(resting)
		}
		return p.kept, p.err
	})
}

func (p *provider) ask(ctx context.Context) (*upstream, error) {
	if p.manyIssuers() { // the document names {tenantid}; each token its own
		ctx = oidc.InsecureIssuerURLContext(ctx, p.c.issuer())
	}
	found, err := oidc.NewProvider(ctx, p.c.issuer())
	if err != nil {
		return nil, err
	}
	u := &upstream{Provider: found}
	if err := found.Claims(u); err != nil {
		return nil, err
	}
	for name, address := range map[string]string{"authorization_endpoint": found.Endpoint().AuthURL, "token_endpoint": found.Endpoint().TokenURL} {
		if absolute, err := url.Parse(address); err != nil || absolute.Host == "" {
			return nil, fmt.Errorf("its configuration has no usable %s", name)
		}
	}
	return u, nil
}

// manyIssuers reports whether tokens come from issuers that the configuration does not name.
func (p *provider) manyIssuers() bool {
	return p.c.Provider == microsoft && p.c.IssuerURL == "" && slices.Contains(microsofts, p.c.MicrosoftTenant)
}

// oauth is what this server is to the provider.
func (p *provider) oauth(u *upstream, redirectURI string) *oauth2.Config {
	endpoint := u.Endpoint()
	// client_secret_basic is what a provider takes that does not say (OpenID Connect Discovery §3).
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.c.ClientSecret.Reveal() == "" || len(u.Auth) > 0 && !slices.Contains(u.Auth, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: p.c.ClientID, ClientSecret: p.c.ClientSecret.Reveal(), Endpoint: endpoint, RedirectURL: redirectURI, Scopes: p.scopes(),
	}
}

func (p *provider) scopes() []string {
	if slices.Contains(p.c.Scope, oidc.ScopeOpenID) {
		return p.c.Scope
	}
	return append([]string{oidc.ScopeOpenID}, p.c.Scope...)
}

// authorize makes what is remembered of a question, and where the browser asks it. extra are further parameters.
func (p *provider) authorize(u *upstream, redirectURI, state string, a *asked, extra map[string]string) string {
	opts := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce)}
	if a.Verifier != "" {
		opts = append(opts, oauth2.S256ChallengeOption(a.Verifier))
	}
	for name, value := range extra {
		opts = append(opts, oauth2.SetAuthURLParam(name, value))
	}
	return p.oauth(u, redirectURI).AuthCodeURL(state, opts...)
}

// question is what a flow asks the provider with.
func (p *provider) question(u *upstream) *asked {
	a := &asked{Nonce: secret.Random(nonceBytes)}
	if p.c.PKCE == pkceForce || p.c.PKCE != pkceNever && (slices.Contains(u.Challenges, "S256") || p.c.ClientSecret.Reveal() == "") {
		a.Verifier = oauth2.GenerateVerifier()
	}
	return a
}

// answered takes the answer that the browser brought, and asks the provider who it is. refused is the provider's own no.
func (p *provider) answered(ctx context.Context, redirectURI string, q url.Values, a *asked) (*proven, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), patience)
	defer cancel()
	u, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	if iss := q.Get("iss"); (iss != "" || u.SaysIssuer) && iss != u.Issuer && !p.manyIssuers() {
		return nil, errors.New("the answer comes from another issuer (RFC 9207 §2.4)")
	}
	if q.Has("error") {
		return nil, refused{code: word(q.Get("error"))}
	}
	if q.Get("code") == "" {
		return nil, errors.New("the answer has neither a code nor an error")
	}
	var opts []oauth2.AuthCodeOption
	if a.Verifier != "" {
		opts = append(opts, oauth2.VerifierOption(a.Verifier))
	}
	tokens, err := p.oauth(u, redirectURI).Exchange(ctx, q.Get("code"), opts...)
	if err != nil {
		return nil, exchangeFault(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return nil, errors.New("the provider gave no ID token: is openid among the scopes that it grants this client?")
	}
	return p.verified(ctx, u, tokens, raw, a)
}

// exchangeFault says why the provider gave no token, without what it wrote beside the error code.
func exchangeFault(err error) error {
	if said, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		status := 0
		if said.Response != nil {
			status = said.Response.StatusCode
		}
		return fmt.Errorf("the provider's token endpoint answered %d %s", status, word(said.ErrorCode))
	}
	return err
}

// word is an error code of OAuth, or a stand-in for what is none.
func word(code string) string {
	if code == "" || len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "(unnamed)"
	}
	return code
}

// caller makes the calls to providers.
func caller(publicOnly bool) *http.Client {
	client := fetch.NewCaller(publicOnly)
	client.Transport = bounded{client.Transport}
	return client
}

// bounded is a transport whose answers end after maxAnswer bytes: the libraries read what they are given.
type bounded struct{ http.RoundTripper }

// RoundTrip makes the call.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}
