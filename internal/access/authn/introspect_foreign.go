package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

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
	requestedScopes string            // sent along where no strategy checks them here
	identity        [sha256.Size]byte // of what an answer depends on besides the token
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
	if a.timeout, a.delay, err = s.Retry.Times(); err != nil {
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
	depends := fmt.Sprintf("%q %q %q %s", a.address, s.IntrospectionRequestHeaders, a.requestedScopes, s.PreAuthorization.identity())
	a.identity = sha256.Sum256([]byte(depends))
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
	sum := sha256.Sum256(append(a.identity[:], token...))
	key := string(sum[:])
	if a.cached {
		if t, ok := a.answers.Get(ctx, key); ok {
			return t, nil
		}
	}
	return a.flights.Do(ctx, tenantOf(ctx)+key, func(ctx context.Context) (*introspected, error) {
		began := a.o.Now()
		t, err := a.ask(ctx, r, token)
		if err == nil && a.cached {
			a.answers.Set(ctx, key, t, life(a.ttl, t.Expires.Time, began))
		}
		return t, err
	})
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
	maps.Copy(q.Header, a.headers)
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
