package kube

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// registration is a client in the JSON form of Ory's oAuth2Client.
type registration struct {
	ID     string `json:"client_id,omitempty"`
	Secret string `json:"client_secret,omitempty"`

	description
}

// description is all of a client that is no secret, and known before there is an id.
type description struct {
	Name                              string                        `json:"client_name,omitempty"`
	GrantTypes                        []hydra.GrantType             `json:"grant_types"`
	ResponseTypes                     []hydra.ResponseType          `json:"response_types,omitempty"`
	RedirectURIs                      []hydra.RedirectURI           `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs            []hydra.RedirectURI           `json:"post_logout_redirect_uris,omitempty"`
	RequestURIs                       []hydra.RedirectURI           `json:"request_uris,omitempty"`
	AllowedCORSOrigins                []hydra.RedirectURI           `json:"allowed_cors_origins,omitempty"`
	Audience                          []string                      `json:"audience,omitempty"`
	Scope                             string                        `json:"scope,omitempty"`
	Owner                             string                        `json:"owner"`
	SkipConsent                       bool                          `json:"skip_consent"`
	SkipLogoutConsent                 bool                          `json:"skip_logout_consent"`
	TokenEndpointAuthMethod           hydra.TokenEndpointAuthMethod `json:"token_endpoint_auth_method,omitempty"`
	TokenEndpointAuthSigningAlg       string                        `json:"token_endpoint_auth_signing_alg,omitempty"`
	Metadata                          json.RawMessage               `json:"metadata,omitempty"`
	JWKSURI                           hydra.OptionalURL             `json:"jwks_uri,omitempty"`
	FrontchannelLogoutURI             hydra.OptionalURL             `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSessionRequired bool                          `json:"frontchannel_logout_session_required"`
	BackchannelLogoutURI              hydra.OptionalURL             `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired  bool                          `json:"backchannel_logout_session_required"`
	LogoURI                           hydra.OptionalURL             `json:"logo_uri,omitempty"`
	ClientURI                         hydra.OptionalURL             `json:"client_uri,omitempty"`
	PolicyURI                         hydra.OptionalURL             `json:"policy_uri,omitempty"`
	TermsOfServiceURI                 hydra.OptionalURL             `json:"tos_uri,omitempty"`
	Contacts                          []string                      `json:"contacts,omitempty"`
	AccessTokenStrategy               hydra.AccessTokenStrategy     `json:"access_token_strategy,omitempty"`
	SecretExpiresAt                   int64                         `json:"client_secret_expires_at,omitempty"`
	RequestObjectSigningAlg           string                        `json:"request_object_signing_alg,omitempty"`
	SectorIdentifierURI               hydra.OptionalURL             `json:"sector_identifier_uri,omitempty"`
	SubjectType                       hydra.SubjectType             `json:"subject_type,omitempty"`
	UserinfoSignedResponseAlg         string                        `json:"userinfo_signed_response_alg,omitempty"`

	hydra.TokenLifespans
}

// ownerOf is whose the server shall say that the client of a resource is.
func ownerOf(of *hydra.OAuth2Client) string { return of.Name + "/" + of.Namespace }

// describe makes of a resource what the server is told, but for id and secret.
func describe(spec *hydra.OAuth2ClientSpec, owner string) description {
	r := description{
		Name: spec.ClientName, GrantTypes: spec.GrantTypes, ResponseTypes: spec.ResponseTypes, RedirectURIs: spec.RedirectURIs,
		PostLogoutRedirectURIs: spec.PostLogoutRedirectURIs, RequestURIs: spec.RequestURIs, AllowedCORSOrigins: spec.AllowedCorsOrigins,
		Audience: spec.Audience, Scope: spec.Scope, Owner: owner,
		SkipConsent: spec.SkipConsent, SkipLogoutConsent: spec.SkipLogoutConsent,
		TokenEndpointAuthMethod: spec.TokenEndpointAuthMethod, TokenEndpointAuthSigningAlg: spec.TokenEndpointAuthSigningAlg,
		JWKSURI: spec.JwksURI, FrontchannelLogoutURI: spec.FrontChannelLogoutURI, FrontchannelLogoutSessionRequired: spec.FrontChannelLogoutSessionRequired,
		BackchannelLogoutURI: spec.BackChannelLogoutURI, BackchannelLogoutSessionRequired: spec.BackChannelLogoutSessionRequired,
		LogoURI: spec.LogoURI, ClientURI: spec.ClientURI, PolicyURI: spec.PolicyURI, TermsOfServiceURI: spec.TosURI, Contacts: spec.Contacts,
		AccessTokenStrategy: spec.AccessTokenStrategy, SecretExpiresAt: spec.ClientSecretExpiresAt,
		RequestObjectSigningAlg: spec.RequestObjectSigningAlg, SectorIdentifierURI: spec.SectorIdentifierURI, SubjectType: spec.SubjectType,
		UserinfoSignedResponseAlg: spec.UserinfoSignedResponseAlg, TokenLifespans: spec.TokenLifespans,
	}
	if len(spec.ScopeArray) > 0 {
		r.Scope = strings.Join(spec.ScopeArray, " ")
	}
	if spec.Metadata != nil && len(spec.Metadata.Raw) > 0 {
		r.Metadata = spec.Metadata.Raw
	}
	return r
}

// hasSecret reports whether clients of this method have a secret.
func hasSecret(m hydra.TokenEndpointAuthMethod) bool {
	m = cmp.Or(m, hydra.AuthSecretBasic)
	return m == hydra.AuthSecretBasic || m == hydra.AuthSecretPost
}

// digest tells one description from another.
func (d *description) digest() (string, error) {
	raw, err := json.Marshal(d)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16]), err
}
