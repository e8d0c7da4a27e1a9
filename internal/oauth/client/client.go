package client

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

var (
	// ErrNotFound says that there is no client of that id.
	ErrNotFound = fault.New(fault.NotFound, "not_found", "Unable to locate the requested resource.")
	// ErrExists says that the client id is taken.
	ErrExists = fault.New(fault.Conflict, "conflict", "A client with this client_id exists already: choose another one, or use PUT to replace it.")
	// ErrChanged says that somebody else changed the client at the same time, again and again.
	ErrChanged = fault.New(fault.Conflict, "changed_meanwhile", "The client was changed by others at the same time. Read it again and retry.")
	// ErrInvalidMetadata says which field of a client cannot be accepted, and why (RFC 7591 §3.2.2).
	ErrInvalidMetadata = oauth.ErrInvalidClientMetadata
)

// Client is a registered OAuth 2.0 client, in the JSON form of Ory's
// oAuth2Client. Secrets are not part of the form: see Registration.
//
// A Client from Store.Get is shared by all who ask for it and must not be changed.
type Client struct {
	// ID is `client_id`: it never changes.
	ID string `json:"client_id"`
	// Name is shown to people who are asked for consent.
	Name string `json:"client_name"`
	// RedirectURIs are where answers of the authorization endpoint may go.
	RedirectURIs []string `json:"redirect_uris"`
	// GrantTypes are the grants that the client may use.
	GrantTypes []string `json:"grant_types"`
	// ResponseTypes are the response types that the client may use, as they were registered.
	ResponseTypes []string `json:"response_types"`
	// Scope lists the scopes that the client may ask for, separated by spaces.
	Scope string `json:"scope"`
	// Audience lists the audiences that the client may ask for.
	Audience []string `json:"audience"`
	// Owner is a free text to tell clients apart; the list can be filtered by it.
	Owner string `json:"owner"`
	// PolicyURI is the client's privacy policy.
	PolicyURI string `json:"policy_uri"`
	// AllowedCORSOrigins may call the token endpoint from a browser, besides those of the server's configuration.
	AllowedCORSOrigins []string `json:"allowed_cors_origins"`
	// TermsOfServiceURI is the client's terms of service.
	TermsOfServiceURI string `json:"tos_uri"`
	// ClientURI is the client's home page.
	ClientURI string `json:"client_uri"`
	// LogoURI is the client's picture.
	LogoURI string `json:"logo_uri"`
	// Contacts are people responsible for the client.
	Contacts []string `json:"contacts"`
	// SecretExpiresAt is when the current secret ends, in Unix seconds; 0 is never (RFC 7591 §3.2.1).
	SecretExpiresAt int64 `json:"client_secret_expires_at"`
	// SubjectType is public or pairwise.
	SubjectType string `json:"subject_type"`
	// SectorIdentifierURI groups the redirect URIs of clients that see the same pairwise subjects.
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty"`
	// JWKS are the client's public keys; not beside JWKSURI.
	JWKS *JWKS `json:"jwks,omitempty"`
	// JWKSURI is where the client publishes its public keys.
	JWKSURI string `json:"jwks_uri,omitempty"`
	// TokenEndpointAuthMethod is the one way in which the client authenticates.
	TokenEndpointAuthMethod string `json:"token_endpoint_auth_method"`
	// TokenEndpointAuthSigningAlg is the one algorithm of its assertions; empty is any that we accept.
	TokenEndpointAuthSigningAlg string `json:"token_endpoint_auth_signing_alg,omitempty"`
	// RequestURIs are the request_uri values that the client registered.
	RequestURIs []string `json:"request_uris,omitempty"`
	// RequestObjectSigningAlg is the one algorithm of its request objects.
	RequestObjectSigningAlg string `json:"request_object_signing_alg,omitempty"`
	// UserinfoSignedResponseAlg is none for JSON, or the algorithm of the userinfo JWT.
	UserinfoSignedResponseAlg string `json:"userinfo_signed_response_alg"`
	// CreatedAt is when the client was registered.
	CreatedAt time.Time `json:"created_at"`
	// UpdatedAt is when the client was last changed.
	UpdatedAt time.Time `json:"updated_at"`
	// FrontchannelLogoutURI is loaded in an iframe when a session ends.
	FrontchannelLogoutURI string `json:"frontchannel_logout_uri,omitempty"`
	// FrontchannelLogoutSessionRequired asks for iss and sid in that request.
	FrontchannelLogoutSessionRequired bool `json:"frontchannel_logout_session_required"`
	// PostLogoutRedirectURIs are where people may go after a sign-out.
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	// BackchannelLogoutURI receives a logout token when a session ends.
	BackchannelLogoutURI string `json:"backchannel_logout_uri,omitempty"`
	// BackchannelLogoutSessionRequired asks for sid in the logout token.
	BackchannelLogoutSessionRequired bool `json:"backchannel_logout_session_required"`
	// Metadata is the operator's own: a JSON object that we keep and show.
	Metadata json.RawMessage `json:"metadata,omitempty"`
	// AccessTokenStrategy is opaque or jwt; empty is the server's.
	AccessTokenStrategy string `json:"access_token_strategy,omitempty"`
	// SkipConsent marks a client of our own, for which nobody is asked.
	SkipConsent bool `json:"skip_consent"`
	// SkipLogoutConsent ends sessions at this client's wish without asking; nil is not set.
	SkipLogoutConsent *bool `json:"skip_logout_consent"`

	Lifespans

	secrets []storedSecret
	version int64
	once    sync.Once
	parsed  parsed
}

// Lifespans are a client's own lifetimes of tokens, by grant. What is absent is the server's.
type Lifespans struct {
	AuthorizationCodeAccess  NullDuration `json:"authorization_code_grant_access_token_lifespan"`
	AuthorizationCodeID      NullDuration `json:"authorization_code_grant_id_token_lifespan"`
	AuthorizationCodeRefresh NullDuration `json:"authorization_code_grant_refresh_token_lifespan"`
	ClientCredentialsAccess  NullDuration `json:"client_credentials_grant_access_token_lifespan"`
	ImplicitAccess           NullDuration `json:"implicit_grant_access_token_lifespan"`
	ImplicitID               NullDuration `json:"implicit_grant_id_token_lifespan"`
	JWTBearerAccess          NullDuration `json:"jwt_bearer_grant_access_token_lifespan"`
	RefreshTokenAccess       NullDuration `json:"refresh_token_grant_access_token_lifespan"`
	RefreshTokenID           NullDuration `json:"refresh_token_grant_id_token_lifespan"`
	RefreshTokenRefresh      NullDuration `json:"refresh_token_grant_refresh_token_lifespan"`
	DeviceAccess             NullDuration `json:"device_authorization_grant_access_token_lifespan"`
	DeviceID                 NullDuration `json:"device_authorization_grant_id_token_lifespan"`
	DeviceRefresh            NullDuration `json:"device_authorization_grant_refresh_token_lifespan"`
}

// Lifespan returns how long a token of the kind, issued by the grant, is valid:
// the client's own lifetime where it has one, else the server's.
func (c *Client) Lifespan(kind oauth.TokenKind, grant string, server oauth.Lifespans) time.Duration {
	return c.Lifespans.of(kind, grant).Or(server.For(kind))
}

func (l *Lifespans) of(kind oauth.TokenKind, grant string) NullDuration {
	switch grant {
	case oauth.GrantAuthorizationCode:
		return pick(kind, l.AuthorizationCodeAccess, l.AuthorizationCodeID, l.AuthorizationCodeRefresh)
	case oauth.GrantClientCredentials:
		return pick(kind, l.ClientCredentialsAccess, NullDuration{}, NullDuration{})
	case oauth.GrantImplicit:
		return pick(kind, l.ImplicitAccess, l.ImplicitID, NullDuration{})
	case oauth.GrantJWTBearer:
		return pick(kind, l.JWTBearerAccess, NullDuration{}, NullDuration{})
	case oauth.GrantRefreshToken:
		return pick(kind, l.RefreshTokenAccess, l.RefreshTokenID, l.RefreshTokenRefresh)
	case oauth.GrantDeviceCode:
		return pick(kind, l.DeviceAccess, l.DeviceID, l.DeviceRefresh)
	}
	return NullDuration{}
}

func pick(kind oauth.TokenKind, access, id, refresh NullDuration) NullDuration {
	switch kind {
	case oauth.KindAccess:
		return access
	case oauth.KindID:
		return id
	case oauth.KindRefresh:
		return refresh
	}
	return NullDuration{}
}

// parsed is what a client's texts mean, worked out once for all who share it.
type parsed struct {
	scope     oauth.Scope
	responses []string
}

func (c *Client) meaning() *parsed {
	c.once.Do(func() {
		c.parsed.scope = oauth.SplitScope(c.Scope)
		for _, r := range c.ResponseTypes {
			if canonical, ok := oauth.CanonicalResponseType(r); ok && !slices.Contains(c.parsed.responses, canonical) {
				c.parsed.responses = append(c.parsed.responses, canonical)
			}
		}
	})
	return &c.parsed
}

// Scopes returns the registered scopes. The list must not be changed.
func (c *Client) Scopes() oauth.Scope { return c.meaning().scope }

// Public reports whether the client has no way to keep a secret (RFC 6749 §2.1).
func (c *Client) Public() bool { return c.TokenEndpointAuthMethod == oauth.AuthNone }

// GrantAllowed reports whether the client is registered for the grant type.
func (c *Client) GrantAllowed(grant string) bool { return slices.Contains(c.GrantTypes, grant) }

// ResponseTypeAllowed reports whether the client is registered for the response
// type, which must be in canonical spelling (oauth.CanonicalResponseType).
func (c *Client) ResponseTypeAllowed(canonical string) bool {
	return slices.Contains(c.meaning().responses, canonical)
}

// AllowedScope returns ErrInvalidScope when a requested scope is more than the
// client may ask for.
func (c *Client) AllowedScope(strategy oauth.ScopeStrategy, requested []string) error {
	if bad, refused := strategy.Refused(c.Scopes(), requested); refused {
		return oauth.ErrInvalidScope.Withf("The client is not allowed to request scope %s.", quote(bad))
	}
	return nil
}

// AllowedAudience returns ErrInvalidTarget when a requested audience is not
// among the registered ones.
func (c *Client) AllowedAudience(requested []string) error {
	if bad, refused := oauth.Audience(c.Audience).Refused(requested); refused {
		return oauth.ErrInvalidTarget.Withf("The client is not allowed to request audience %s.", quote(bad))
	}
	return nil
}

// MatchRedirect returns the URI to redirect to for what a request asked; false
// means: do not redirect.
func (c *Client) MatchRedirect(asked string) (string, bool) {
	return oauth.MatchRedirect(c.RedirectURIs, asked)
}

// Strategy returns how the client's access tokens look: its own strategy, or the server's.
func (c *Client) Strategy(server string) string {
	if c.AccessTokenStrategy != "" {
		return c.AccessTokenStrategy
	}
	return server
}

func quote(s string) string { return oauth.Quote(s) }
