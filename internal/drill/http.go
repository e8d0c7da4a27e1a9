package drill

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Trial tries a server of this process.
type Trial struct {
	// Public and Admin answer for its listeners.
	Public, Admin http.RoundTripper
	// Key opens the admin listener, and everything there.
	Key string
	// KeySet names the keys that sign ID tokens.
	KeySet string
	// Now is the clock.
	Now func() time.Time
	// Told is given each step when it has been done.
	Told func(Step)
}

// Tenant tries one tenant, and tells whether nothing failed. What makes no sense after a failure is left out.
func (t *Trial) Tenant(ctx context.Context, of Tenant) bool {
	one := &trying{Trial: t, of: of}
	good := one.step(ctx, "signing keys", one.keys)
	good = one.step(ctx, "discovery", one.discovery) && good
	good = one.step(ctx, "opaque token", one.opaque) && good
	if len(one.published.Keys) > 0 {
		good = one.step(ctx, "signed token", one.signed) && good
	}
	return one.step(ctx, "login", one.login) && good
}

// trying is one Tenant.
type trying struct {
	*Trial

	of        Tenant
	set       keySet
	published jose.JSONWebKeySet
}

// step does one thing, and tells of it, unless it was told to end meanwhile.
func (t *trying) step(ctx context.Context, name string, do func(ctx context.Context) (string, error)) bool {
	if ctx.Err() != nil {
		return false
	}
	began := t.Now()
	detail, err := do(ctx)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		detail = err.Error()
	}
	s := Step{Tenant: t.of.ID, Name: name, Outcome: outcome(err), Millis: t.Now().Sub(began).Milliseconds(), Detail: detail}
	t.Told(s)
	return s.Outcome != Failed
}

// at gives a listener as it is reached for the tenant.
func at(address string, by http.RoundTripper, key string) *apiclient.Server {
	return &apiclient.Server{URL: address, Key: secret.String(key), HTTP: &http.Client{Transport: by}}
}

// public and admin are the listeners as they are reached for the tenant.
func (t *trying) public() *apiclient.Server { return at(t.of.URL, t.Public, "") }

func (t *trying) admin() *apiclient.Server {
	return at("http://localhost/t/"+t.of.ID, t.Admin, t.Key)
}

// ask makes a call without a body, or with one of JSON.
func ask(ctx context.Context, by *apiclient.Server, method, path string, in, out any) error {
	c := apiclient.Call{Method: method, Path: path, Body: in}
	if _, err := by.Do(ctx, c, out); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}
