package ruleset

import (
	"bytes"
	"encoding/json"

	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// What a rule does whose resource does not say it, as oathkeeper-maester has it.
const (
	defaultAuthenticator = "unauthorized"
	defaultAuthorizer    = "deny"
	defaultMutator       = "noop"
)

// Translate makes the server's rule of a resource, with the id that oathkeeper-maester gives it.
func Translate(of *oathkeeper.Rule) access.Rule {
	spec := &of.Spec
	r := access.Rule{
		ID:             of.Name + "." + of.Namespace,
		Match:          access.Match{URL: spec.Match.URL, Methods: spec.Match.Methods},
		Authenticators: handlers(spec.Authenticators, defaultAuthenticator),
		Authorizer:     access.HandlerRef{Handler: defaultAuthorizer},
		Mutators:       handlers(spec.Mutators, defaultMutator),
		Errors:         handlers(spec.Errors, ""),
	}
	if spec.Authorizer != nil {
		r.Authorizer = handlerRef(*spec.Authorizer)
	}
	if up := spec.Upstream; up != nil {
		r.Upstream.URL = up.URL
		if up.StripPath != nil {
			r.Upstream.StripPath = *up.StripPath
		}
		if up.PreserveHost != nil {
			r.Upstream.PreserveHost = *up.PreserveHost
		}
	}
	return r
}

// handlers gives those of a list, or one by default where it is empty.
func handlers(list []oathkeeper.Handler, otherwise string) []access.HandlerRef {
	if len(list) == 0 && otherwise != "" {
		return []access.HandlerRef{{Handler: otherwise}}
	}
	refs := make([]access.HandlerRef, len(list))
	for i, h := range list {
		refs[i] = handlerRef(h)
	}
	return refs
}

func handlerRef(h oathkeeper.Handler) access.HandlerRef {
	ref := access.HandlerRef{Handler: h.Handler}
	if h.Config != nil && !bytes.Equal(h.Config.Raw, []byte("null")) {
		ref.Config = json.RawMessage(h.Config.Raw)
	}
	return ref
}
