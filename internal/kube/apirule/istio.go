package apirule

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// istioJWT is how Kyma writes jwt where Istio checks tokens. Authentications and authorizations are each one of several; scopes and
// audiences of an authorization are all needed.
type istioJWT struct {
	Authentications []struct {
		Issuer      string        `json:"issuer"`
		JWKSURI     string        `json:"jwksUri"`
		FromHeaders []istioHeader `json:"fromHeaders"`
		FromParams  []string      `json:"fromParams"`
	} `json:"authentications"`
	Authorizations []struct {
		RequiredScopes []string `json:"requiredScopes"`
		Audiences      []string `json:"audiences"`
	} `json:"authorizations"`
}

type istioHeader struct {
	Name   string `json:"name"`
	Prefix string `json:"prefix"`
}

// jwtSettings are settings of the authenticator jwt, as far as Istio's form has them.
type jwtSettings struct {
	JWKSURLs       []string          `json:"jwks_urls"`
	TrustedIssuers []string          `json:"trusted_issuers"`
	RequiredScope  []string          `json:"required_scope,omitempty"`
	ScopeStrategy  string            `json:"scope_strategy,omitempty"`
	TargetAudience []string          `json:"target_audience,omitempty"`
	TokenFrom      map[string]string `json:"token_from,omitempty"`
}

// authenticator is the authenticator of an access strategy.
func authenticator(h *gateway.Handler, at string, f *faults) access.HandlerRef {
	r := reference(h)
	var istio istioJWT
	if h.Handler != "jwt" || json.Unmarshal(r.Config, &istio) != nil || len(istio.Authentications)+len(istio.Authorizations) == 0 {
		return r
	}
	var s jwtSettings
	if len(istio.Authentications) == 0 {
		f.add("%s: authentications is missing: whose tokens count", at)
	}
	for i, a := range istio.Authentications {
		if a.Issuer == "" || a.JWKSURI == "" {
			f.add("%s: authentications[%d] needs issuer and jwksUri", at, i)
		}
		s.JWKSURLs, s.TrustedIssuers = append(s.JWKSURLs, a.JWKSURI), append(s.TrustedIssuers, a.Issuer)
	}
	if len(istio.Authentications) > 1 {
		// The keys of all would count for each: who has one issuer's key could write the other's name into a token.
		f.add("%s: several authentications cannot be told apart by one access strategy: write an access strategy jwt for each", at)
	} else if len(istio.Authentications) == 1 {
		s.TokenFrom = tokenFrom(istio.Authentications[0].FromHeaders, istio.Authentications[0].FromParams, at, f)
	}
	if len(istio.Authorizations) > 1 {
		f.add("%s: several authorizations, of which one is enough, cannot be said by one access rule: leave one, or write a rule for each path", at)
	} else if len(istio.Authorizations) == 1 {
		s.RequiredScope, s.TargetAudience = istio.Authorizations[0].RequiredScopes, istio.Authorizations[0].Audiences
		if len(s.RequiredScope) > 0 {
			s.ScopeStrategy = "exact"
		}
	}
	raw, err := json.Marshal(s)
	if err != nil {
		f.add("%s: %v", at, err)
	}
	r.Config = raw
	return r
}

// tokenFrom says where the token is; nil is the Authorization header.
func tokenFrom(headers []istioHeader, params []string, at string, f *faults) map[string]string {
	switch {
	case len(headers)+len(params) == 0:
		return nil
	case len(headers)+len(params) > 1:
		f.add("%s: the token can be in one place: leave one of fromHeaders and fromParams", at)
		return nil
	case len(params) == 1:
		return map[string]string{"query_parameter": params[0]}
	}
	bearer := strings.EqualFold(headers[0].Name, "Authorization")
	if prefix := strings.TrimSpace(headers[0].Prefix); bearer && prefix != "" && !strings.EqualFold(prefix, "Bearer") || !bearer && prefix != "" {
		f.add("%s: a prefix of the token is known of Authorization alone, and is Bearer there", at)
	}
	return map[string]string{"header": headers[0].Name}
}

// envoyField is how Istio's users write the value of a request's header field.
var envoyField = regexp.MustCompile(`%REQ\(([A-Za-z0-9-]+)\)%`)

// mutator is a mutator, in whose templates Envoy's way to name a request's header field is put as ours.
func mutator(h *gateway.Handler, at string, f *faults) access.HandlerRef {
	r := reference(h)
	if h.Handler != "header" && h.Handler != "cookie" || !strings.Contains(string(r.Config), "%REQ(") {
		return r
	}
	// Within a JSON string, whose quotes are written with a backslash.
	r.Config = envoyField.ReplaceAll(r.Config, []byte(`{{ .MatchContext.Header.Get \"$1\" }}`))
	if strings.Contains(string(r.Config), "%REQ(") {
		f.add("%s: of %%REQ(…)%% only names of header fields are understood", at)
	}
	return r
}
