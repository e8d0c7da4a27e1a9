package authn

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// remoteCookie and remoteBearer ask a session store.
type remoteCookie struct {
	only  []string
	check *check
	paths paths
}

type remoteBearer struct {
	where location
	check *check
	paths paths
}

// Authenticate asks where one of the cookies is there.
func (a *remoteCookie) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	responsible := len(a.only) == 0 && anyCookie(r.Header[cookieHeader])
	for _, name := range a.only {
		_, there := firstCookie(r.Header[cookieHeader], name)
		responsible = responsible || there
	}
	if !responsible {
		return nil, access.ErrNotResponsible
	}
	return a.check.principal(ctx, r, a.paths)
}

// Authenticate asks where there is a token.
func (a *remoteBearer) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	if _, err := a.where.find(r); err != nil {
		return nil, err
	}
	return a.check.principal(ctx, r, a.paths)
}

// principal asks the session store and reads its answer.
func (c *check) principal(ctx context.Context, r *access.Request, p paths) (*access.Principal, error) {
	document, err := c.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	subject, extra, err := p.in(document)
	if err != nil {
		return nil, access.ErrForbidden.Because(err)
	}
	return &access.Principal{Subject: subject, Extra: extra}, nil
}
