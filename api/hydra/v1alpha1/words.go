package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GrantType is an OAuth 2.0 grant type.
//
// +kubebuilder:validation:Enum=client_credentials;authorization_code;implicit;refresh_token;"urn:ietf:params:oauth:grant-type:device_code";"urn:ietf:params:oauth:grant-type:jwt-bearer";"urn:ietf:params:oauth:grant-type:token-exchange"
type GrantType string

// ResponseType is an OAuth 2.0 response type.
//
// +kubebuilder:validation:Enum=id_token;code;token;"code token";"code id_token";"id_token token";"code id_token token"
type ResponseType string

// RedirectURI is an absolute URI: of a web page, or with a scheme of an application's own.
//
// +kubebuilder:validation:Pattern=`\w+:/?/?[^\s]+`
type RedirectURI string

// OptionalURL is an http or https URL, or empty.
//
// +kubebuilder:validation:Pattern=`(^$|^https?://.*)`
type OptionalURL string

// TokenEndpointAuthMethod is how a client proves at the token endpoint who it is. With none it does not: a public client.
//
// +kubebuilder:validation:Enum=client_secret_basic;client_secret_post;private_key_jwt;none
type TokenEndpointAuthMethod string

// Ways in which a client proves who it is.
const (
	AuthSecretBasic   TokenEndpointAuthMethod = "client_secret_basic"
	AuthSecretPost    TokenEndpointAuthMethod = "client_secret_post"
	AuthPrivateKeyJWT TokenEndpointAuthMethod = "private_key_jwt"
	AuthNone          TokenEndpointAuthMethod = "none"
)

// AccessTokenStrategy is how access tokens look.
//
// +kubebuilder:validation:Enum=jwt;opaque
type AccessTokenStrategy string

// SubjectType says which ids of people a client sees.
//
// +kubebuilder:validation:Enum=public;pairwise
type SubjectType string

// DeletionPolicy says what becomes of a client whose resource is deleted.
//
// +kubebuilder:validation:Enum=delete;orphan
type DeletionPolicy string

// What becomes of a client whose resource is deleted.
const (
	Delete DeletionPolicy = "delete"
	Orphan DeletionPolicy = "orphan"
)

// Lifespan is how long a token is valid: a number and ns, us, ms, s, m or h, for example 30m.
//
// +kubebuilder:validation:Pattern=`[0-9]+(ns|us|ms|s|m|h)`
type Lifespan string

// TokenLifespans are lifetimes of tokens by the grant that they come from.
type TokenLifespans struct {
	// Access tokens from authorization_code.
	// +optional
	AuthorizationCodeGrantAccessTokenLifespan Lifespan `json:"authorization_code_grant_access_token_lifespan,omitempty"`
	// ID tokens from authorization_code.
	// +optional
	AuthorizationCodeGrantIDTokenLifespan Lifespan `json:"authorization_code_grant_id_token_lifespan,omitempty"`
	// Refresh tokens from authorization_code.
	// +optional
	AuthorizationCodeGrantRefreshTokenLifespan Lifespan `json:"authorization_code_grant_refresh_token_lifespan,omitempty"`
	// Access tokens from client_credentials.
	// +optional
	ClientCredentialsGrantAccessTokenLifespan Lifespan `json:"client_credentials_grant_access_token_lifespan,omitempty"`
	// Access tokens from device_code.
	// +optional
	DeviceAuthorizationGrantAccessTokenLifespan Lifespan `json:"device_authorization_grant_access_token_lifespan,omitempty"`
	// ID tokens from device_code.
	// +optional
	DeviceAuthorizationGrantIDTokenLifespan Lifespan `json:"device_authorization_grant_id_token_lifespan,omitempty"`
	// Refresh tokens from device_code.
	// +optional
	DeviceAuthorizationGrantRefreshTokenLifespan Lifespan `json:"device_authorization_grant_refresh_token_lifespan,omitempty"`
	// Access tokens from implicit.
	// +optional
	ImplicitGrantAccessTokenLifespan Lifespan `json:"implicit_grant_access_token_lifespan,omitempty"`
	// ID tokens from implicit.
	// +optional
	ImplicitGrantIDTokenLifespan Lifespan `json:"implicit_grant_id_token_lifespan,omitempty"`
	// Access tokens from jwt-bearer.
	// +optional
	JwtBearerGrantAccessTokenLifespan Lifespan `json:"jwt_bearer_grant_access_token_lifespan,omitempty"`
	// Access tokens from refresh_token.
	// +optional
	RefreshTokenGrantAccessTokenLifespan Lifespan `json:"refresh_token_grant_access_token_lifespan,omitempty"`
	// ID tokens from refresh_token.
	// +optional
	RefreshTokenGrantIDTokenLifespan Lifespan `json:"refresh_token_grant_id_token_lifespan,omitempty"`
	// Refresh tokens from refresh_token.
	// +optional
	RefreshTokenGrantRefreshTokenLifespan Lifespan `json:"refresh_token_grant_refresh_token_lifespan,omitempty"`
}

// HydraAdmin names the admin API of a server. All of it may be empty, which is the controller's own server.
//
// +kubebuilder:validation:XValidation:rule="(has(self.url) && size(self.url) > 0) || ((!has(self.port) || self.port == 0) && (!has(self.endpoint) || size(self.endpoint) == 0))",message="port and endpoint belong to url: set it too"
type HydraAdmin struct {
	// URL is scheme and host of the admin API, for example https://gatehouse-admin.iam.svc. The controller must allow it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`(^$|^https?://.*)`
	URL string `json:"url,omitempty"`

	// Port is its port, where url has none. Without it: the scheme's.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// Endpoint is the path of the API of clients: /admin/clients, for which /clients is another word.
	// +optional
	// +kubebuilder:validation:Pattern=`(^$|^/.*)`
	Endpoint string `json:"endpoint,omitempty"`

	// ForwardedProto is sent as X-Forwarded-Proto: http or https; off sends none where the controller otherwise would.
	// +optional
	// +kubebuilder:validation:Pattern=`(^$|https?|off)`
	ForwardedProto string `json:"forwardedProto,omitempty"`
}

// SecretRotation says when a secret that the controller made is replaced, and how long the one before stays valid.
//
// +kubebuilder:validation:XValidation:rule="!has(self.every) || self.every >= duration('1m')",message="every must be at least 1m"
// +kubebuilder:validation:XValidation:rule="!has(self.every) || !has(self.overlap) || self.overlap < self.every",message="overlap must be shorter than every"
type SecretRotation struct {
	// Every replaces the secret when it is that old, for example 720h. Without it, only on request.
	// +optional
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:Type=string
	Every *metav1.Duration `json:"every,omitempty"`

	// Overlap is how long the secret before stays valid, so that applications have time to take up the new one.
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:Type=string
	Overlap *metav1.Duration `json:"overlap,omitempty"`

	// Request replaces the secret once each time this text changes. Any text will do, for example today's date.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Request string `json:"request,omitempty"`
}
