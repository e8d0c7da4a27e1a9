package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// OAuth2Client is an OAuth 2.0 client of a Gatehouse server. Its id and secret are in the Secret that secretName names.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=oauth2clients,singular=oauth2client,categories=gatehouse
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Client ID",type=string,JSONPath=`.status.clientID`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.spec.secretName`
// +kubebuilder:printcolumn:name="Tenant",type=string,JSONPath=`.spec.tenant`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type OAuth2Client struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the client as it shall be.
	Spec OAuth2ClientSpec `json:"spec,omitempty"`
	// Status is what the controller last found and did.
	Status OAuth2ClientStatus `json:"status,omitempty"`
}

// OAuth2ClientList is a list of clients.
//
// +kubebuilder:object:root=true
type OAuth2ClientList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the clients.
	Items []OAuth2Client `json:"items"`
}

// OAuth2ClientSpec is the client as it shall be.
//
// +kubebuilder:validation:XValidation:rule="!has(self.tokenEndpointAuthMethod) || self.tokenEndpointAuthMethod != 'private_key_jwt' || (has(self.jwksUri) && size(self.jwksUri) > 0)",message="tokenEndpointAuthMethod private_key_jwt needs jwksUri: there the server finds the client's public keys"
// +kubebuilder:validation:XValidation:rule="!has(self.secretRotation) || !has(self.tokenEndpointAuthMethod) || self.tokenEndpointAuthMethod in ['client_secret_basic', 'client_secret_post']",message="secretRotation is of no use with a tokenEndpointAuthMethod that has no secret"
// +kubebuilder:validation:XValidation:rule="!has(self.secretRotation) || !has(self.requireExistingSecret) || !self.requireExistingSecret || !(has(self.secretRotation.every) || has(self.secretRotation.request))",message="secretRotation.every and secretRotation.request are for secrets that the controller makes; with requireExistingSecret whoever brings the Secret rotates it"
type OAuth2ClientSpec struct {
	// ClientName is what people see who are asked for consent.
	// +optional
	// +kubebuilder:validation:MaxLength=191
	ClientName string `json:"clientName,omitempty"`

	// GrantTypes are the grants that the client may use: client_credentials, authorization_code, implicit, refresh_token, or one of
	// the urn:ietf:params:oauth:grant-type: names device_code, jwt-bearer, token-exchange.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	GrantTypes []GrantType `json:"grantTypes"`

	// ResponseTypes are the answers that the client may ask the authorization endpoint for. Without it: code.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	ResponseTypes []ResponseType `json:"responseTypes,omitempty"`

	// RedirectURIs are where answers of the authorization endpoint may go, character by character.
	// +optional
	RedirectURIs []RedirectURI `json:"redirectUris,omitempty"`

	// PostLogoutRedirectURIs are where people may go after they have signed out.
	// +optional
	PostLogoutRedirectURIs []RedirectURI `json:"postLogoutRedirectUris,omitempty"`

	// RequestURIs are the addresses of request objects (OpenID Connect Core §6.2).
	// +optional
	RequestURIs []RedirectURI `json:"requestUris,omitempty"`

	// AllowedCorsOrigins may call the token endpoint from a browser.
	// +optional
	AllowedCorsOrigins []RedirectURI `json:"allowedCorsOrigins,omitempty"`

	// Audience are the audiences that the client may ask tokens for.
	// +optional
	Audience []string `json:"audience,omitempty"`

	// Scope are the scopes that the client may ask for, separated by spaces. scopeArray is the better way to write them, and wins.
	// +optional
	Scope string `json:"scope,omitempty"`

	// ScopeArray are the scopes that the client may ask for. It wins over scope.
	// +optional
	ScopeArray []string `json:"scopeArray,omitempty"`

	// SecretName is the Secret of this namespace that has the client's id and secret, by default in the keys CLIENT_ID and
	// CLIENT_SECRET. Where it does not exist it is made. One that exists is taken as it is; when it changes, or comes later, the client
	// changes with it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	SecretName string `json:"secretName"`

	// RequireExistingSecret waits for the Secret in place of making it: for Secrets that another controller brings (External Secrets,
	// Sealed Secrets, SOPS).
	// +optional
	RequireExistingSecret bool `json:"requireExistingSecret,omitempty"`

	// SecretRotation gives the client a new secret now and then. The old one stays valid beside it for a while.
	// +optional
	SecretRotation *SecretRotation `json:"secretRotation,omitempty"`

	// Tenant is whose client it is. Without it: the controller's tenant. Which namespaces may name which tenants is the controller's
	// configuration.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Tenant string `json:"tenant,omitempty"`

	// SkipConsent marks an application of your own, for which people are not asked. Whoever runs the controller allows it to namespaces
	// (--skip-consent).
	// +optional
	// +kubebuilder:default=false
	SkipConsent bool `json:"skipConsent,omitempty"`

	// SkipLogoutConsent signs people out at this client's wish without asking them.
	// +optional
	// +kubebuilder:default=false
	SkipLogoutConsent bool `json:"skipLogoutConsent,omitempty"`

	// HydraAdmin is the admin API at which the client is kept, where that is not the controller's own. Only servers that the
	// controller's configuration lists are talked to.
	// +optional
	HydraAdmin HydraAdmin `json:"hydraAdmin,omitempty"`

	// TokenEndpointAuthMethod is how the client proves at the token endpoint who it is. Without it: client_secret_basic.
	// +optional
	TokenEndpointAuthMethod TokenEndpointAuthMethod `json:"tokenEndpointAuthMethod,omitempty"`

	// TokenEndpointAuthSigningAlg is the one algorithm in which the client signs its assertions; without it any that the server accepts.
	// +optional
	TokenEndpointAuthSigningAlg string `json:"tokenEndpointAuthSigningAlg,omitempty"`

	// TokenLifespans are lifetimes of this client's tokens, for example 30m or 720h. What is left out is the server's.
	// +optional
	TokenLifespans TokenLifespans `json:"tokenLifespans,omitempty"`

	// Metadata is your own: an object that the server keeps and shows, also to login and consent apps.
	// +optional
	// +nullable
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:Schemaless
	Metadata *runtime.RawExtension `json:"metadata,omitempty"`

	// JwksURI is where the client publishes its public keys, for private_key_jwt.
	// +optional
	JwksURI OptionalURL `json:"jwksUri,omitempty"`

	// FrontChannelLogoutURI is loaded in an iframe when a session ends.
	// +optional
	FrontChannelLogoutURI OptionalURL `json:"frontChannelLogoutURI,omitempty"`

	// FrontChannelLogoutSessionRequired asks for the parameters iss and sid in that request.
	// +optional
	// +kubebuilder:default=false
	FrontChannelLogoutSessionRequired bool `json:"frontChannelLogoutSessionRequired,omitempty"`

	// BackChannelLogoutURI gets a logout token when a session ends.
	// +optional
	BackChannelLogoutURI OptionalURL `json:"backChannelLogoutURI,omitempty"`

	// BackChannelLogoutSessionRequired asks for the claim sid in the logout token.
	// +optional
	// +kubebuilder:default=false
	BackChannelLogoutSessionRequired bool `json:"backChannelLogoutSessionRequired,omitempty"`

	// DeletionPolicy says what becomes of the client when this resource is deleted: delete (the default) ends it and its tokens,
	// orphan keeps it.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// LogoURI is the client's picture.
	// +optional
	LogoURI OptionalURL `json:"logoUri,omitempty"`

	// ClientURI is the client's home page.
	// +optional
	ClientURI OptionalURL `json:"clientUri,omitempty"`

	// PolicyURI is the client's privacy policy.
	// +optional
	PolicyURI OptionalURL `json:"policyUri,omitempty"`

	// TosURI is the client's terms of service.
	// +optional
	TosURI OptionalURL `json:"tosUri,omitempty"`

	// Contacts are people responsible for the client.
	// +optional
	Contacts []string `json:"contacts,omitempty"`

	// AccessTokenStrategy is how this client's access tokens look. Without it: as the server makes them.
	// +optional
	AccessTokenStrategy AccessTokenStrategy `json:"accessTokenStrategy,omitempty"`

	// ClientSecretExpiresAt is when the secret ends, in Unix seconds; 0 is never.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ClientSecretExpiresAt int64 `json:"clientSecretExpiresAt,omitempty"`

	// RequestObjectSigningAlg is the one algorithm in which the client signs request objects.
	// +optional
	RequestObjectSigningAlg string `json:"requestObjectSigningAlg,omitempty"`

	// SectorIdentifierURI groups clients that see the same pairwise subjects: a document that lists their redirect URIs.
	// +optional
	SectorIdentifierURI OptionalURL `json:"sectorIdentifierUri,omitempty"`

	// SubjectType says whether the client sees people's ids, or ids of its own (pairwise). Without it: public.
	// +optional
	SubjectType SubjectType `json:"subjectType,omitempty"`

	// UserinfoSignedResponseAlg is none for JSON, or the algorithm in which userinfo answers are signed.
	// +optional
	UserinfoSignedResponseAlg string `json:"userinfoSignedResponseAlg,omitempty"`
}
