package authn

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// noop lets everybody through without looking.
type noop struct{}

func newNoop(s access.Settings) (access.Authenticator, error) { return noop{}, s.Decode(&struct{}{}) }

func (noop) Authenticate(context.Context, *access.Request) (*access.Principal, error) {
	return &access.Principal{}, nil
}

// unauthorized turns everybody away.
type unauthorized struct{}

func newUnauthorized(s access.Settings) (access.Authenticator, error) {
	return unauthorized{}, s.Decode(&struct{}{})
}

func (unauthorized) Authenticate(context.Context, *access.Request) (*access.Principal, error) {
	return nil, access.ErrUnauthorized
}

// AnonymousSettings are the settings of the authenticator anonymous.
type AnonymousSettings struct {
	// Subject is what nobody is called. Default: anonymous.
	Subject string `json:"subject"`
}

// anonymous lets those through who bring no Authorization.
type anonymous struct{ subject string }

func newAnonymous(s access.Settings) (access.Authenticator, error) {
	settings := AnonymousSettings{Subject: "anonymous"}
	if err := s.Decode(&settings); err != nil {
		return nil, err
	}
	return anonymous{settings.Subject}, nil
}

func (a anonymous) Authenticate(_ context.Context, r *access.Request) (*access.Principal, error) {
	if r.Header.Get("Authorization") != "" {
		return nil, access.ErrNotResponsible
	}
	return &access.Principal{Subject: a.subject}, nil
}
