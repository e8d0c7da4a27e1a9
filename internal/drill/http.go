package drill

import (
	"context"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// SmokeTest tries a server of this process, one tenant after the other.
type SmokeTest struct {
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

// Run tries one tenant, and tells whether nothing failed. What makes no sense after a failure is left out.
func (s *SmokeTest) Run(ctx context.Context, of Tenant) bool {
	one := &run{SmokeTest: s, of: of}
	good := one.step(ctx, "signing keys", one.keys)
	good = one.step(ctx, "discovery", one.discovery) && good
	good = one.step(ctx, "opaque token", one.opaque) && good
	if len(one.published.Keys) > 0 {
		good = one.step(ctx, "signed token", one.signed) && good
	}
	return one.step(ctx, "login", one.login) && good
}

// run is a SmokeTest of one tenant.
type run struct {
	*SmokeTest

	of        Tenant
	set       keySet
	published jose.JSONWebKeySet
}

// step does one thing, and tells of it, unless it was told to end meanwhile.
func (t *run) step(ctx context.Context, name string, do func(ctx context.Context) (string, error)) bool {
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
func (t *run) public() *apiclient.Server { return at(t.of.URL, t.Public, "") }

func (t *run) admin() *apiclient.Server {
	return at("http://localhost/t/"+t.of.ID, t.Admin, t.Key)
}
