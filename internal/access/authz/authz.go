package authz

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// Options are what the authorizers work with.
type Options struct {
	// Ask makes the calls that settings name.
	Ask *fetch.Asker
	// Geo has the databases of geoip. Nil refuses settings that need one.
	Geo *Geo
	// MaxBody is how many bytes of a request's body remote sends at most. Default: 1 MiB. Larger ones are refused.
	MaxBody int64
	// Now is the clock.
	Now func() time.Time
}

// Kinds returns the authorizers by name.
func Kinds(o Options) map[string]access.Kind[access.Authorizer] {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	return map[string]access.Kind[access.Authorizer]{
		"allow":               newAllow,
		"deny":                newDeny,
		"remote":              o.newRemote,
		"remote_json":         o.newRemoteJSON,
		"keto_engine_acp_ory": o.newKeto,
		"scopes":              newScopes,
		"geoip":               o.newGeoIP,
	}
}

// allow lets everybody pass.
type allow struct{}

func newAllow(s access.Settings) (access.Authorizer, error) { return allow{}, s.Decode(&struct{}{}) }

func (allow) Authorize(context.Context, *access.Request, *access.Principal) error { return nil }

// deny lets nobody pass.
type deny struct{}

func newDeny(s access.Settings) (access.Authorizer, error) { return deny{}, s.Decode(&struct{}{}) }

func (deny) Authorize(context.Context, *access.Request, *access.Principal) error {
	return access.ErrForbidden
}
