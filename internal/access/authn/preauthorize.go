package authn

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// PreAuthorization gets the token that an introspection endpoint asks for, by the grant client_credentials.
type PreAuthorization struct {
	// Enabled gets one.
	Enabled bool `json:"enabled"`
	// ClientID and ClientSecret are this server's, at TokenURL.
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	TokenURL     string `json:"token_url"`
	// Audience and Scope are asked for.
	Audience string   `json:"audience"`
	Scope    []string `json:"scope"`
}

// identity tells one setting from another: whoever has the secret wrong gets no answers that were given to who has it right. It holds
// the secret, and only a digest of it may be kept.
func (p *PreAuthorization) identity() string {
	if p == nil || !p.Enabled {
		return ""
	}
	return fmt.Sprintf("%q %q %q %q %q", p.TokenURL, p.ClientID, p.ClientSecret, p.Audience, p.Scope)
}

// preAuthorized makes calls with the token, where there is to be one.
type preAuthorized struct {
	o       Options
	s       *PreAuthorization // nil: without
	flights wait.Flight[string]

	mu    sync.Mutex
	token string
	until time.Time
}

func newPreAuthorized(o Options, s *PreAuthorization) (*preAuthorized, error) {
	if s == nil || !s.Enabled {
		return &preAuthorized{o: o}, nil
	}
	if s.ClientID == "" || s.ClientSecret == "" {
		return nil, errors.New("pre_authorization: needs client_id and client_secret")
	}
	if err := checkAddress("pre_authorization.token_url", s.TokenURL); err != nil {
		return nil, err
	}
	return &preAuthorized{o: o, s: s}, nil
}

// ask makes the call. An endpoint that refuses the token is asked once more with a new one: it may have been revoked.
func (p *preAuthorized) ask(ctx context.Context, q fetch.Question) (*fetch.Answer, error) {
	for try := 0; ; try++ {
		token, err := p.current(ctx)
		if err != nil {
			return nil, err
		}
		if token != "" {
			q.Header[authorization] = []string{"Bearer " + token}
		}
		answer, err := p.o.Ask.Ask(ctx, q)
		if err != nil {
			return nil, access.ErrUnavailable.Because(err)
		}
		if token == "" || answer.Status != statusUnauthorized || try > 0 {
			return answer, nil
		}
		p.forget(token)
	}
}

func (p *preAuthorized) forget(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.token == token {
		p.token = ""
	}
}

// current returns the token, or gets one; "" where none is wanted.
func (p *preAuthorized) current(ctx context.Context) (string, error) {
	if p.s == nil {
		return "", nil
	}
	p.mu.Lock()
	token, good := p.token, p.o.Now().Before(p.until)
	p.mu.Unlock()
	if token != "" && good {
		return token, nil
	}
	return p.flights.Do(ctx, "", p.get)
}

// get asks the token endpoint (RFC 6749 §4.4.2). The token is used for nine tenths of its life.
func (p *preAuthorized) get(ctx context.Context) (string, error) {
	form := url.Values{}
	if p.s.Audience != "" {
		form.Set("audience", p.s.Audience)
	}
	began := p.o.Now()
	got, err := tokenRequest(ctx, p.o, tokenCall{url: p.s.TokenURL, id: p.s.ClientID, secret: p.s.ClientSecret, scopes: p.s.Scope, form: form})
	if err != nil {
		if limited, ok := errors.AsType[*fetch.LimitedError](err); ok {
			return "", limited
		}
		return "", access.ErrUnavailable.Because(fmt.Errorf("pre_authorization: %w", err))
	}
	lasts := got.lasts
	if lasts <= 0 {
		lasts = keepUntold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token, p.until = got.token, began.Add(lasts*9/10)
	return got.token, nil
}
