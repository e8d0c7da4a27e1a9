package discovery

import (
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// Document is the metadata of the server: the fields of OpenID Connect Discovery §3, RFC 8414 §2, RFC 9207 §3 and those
// that Ory adds.
type Document struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
	JWKSURI               string `json:"jwks_uri"`
	UserinfoEndpoint      string `json:"userinfo_endpoint"`
	RevocationEndpoint    string `json:"revocation_endpoint"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
	EndSessionEndpoint    string `json:"end_session_endpoint"`

	ResponseTypes  []string `json:"response_types_supported"`
	ResponseModes  []string `json:"response_modes_supported"`
	GrantTypes     []string `json:"grant_types_supported"`
	Scopes         []string `json:"scopes_supported"`
	SubjectTypes   []string `json:"subject_types_supported"`
	CodeChallenges []string `json:"code_challenge_methods_supported"`
	Prompts        []string `json:"prompt_values_supported"`
	Displays       []string `json:"display_values_supported"`
	Claims         []string `json:"claims_supported"`
	ClaimTypes     []string `json:"claim_types_supported"`

	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs            []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs       []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs    []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`

	IDTokenAlgs         []string `json:"id_token_signing_alg_values_supported"`
	IDTokenSigned       []string `json:"id_token_signed_response_alg"` // Ory's name for the same
	UserinfoAlgs        []string `json:"userinfo_signing_alg_values_supported"`
	UserinfoSigned      []string `json:"userinfo_signed_response_alg"` // Ory's name for the same
	ClaimsParameter     bool     `json:"claims_parameter_supported"`
	Request             bool     `json:"request_parameter_supported"`
	RequestURI          bool     `json:"request_uri_parameter_supported"` // absent would mean true
	RequestURIRegister  bool     `json:"require_request_uri_registration"`
	IssParameter        bool     `json:"authorization_response_iss_parameter_supported"`
	BackchannelLogout   bool     `json:"backchannel_logout_supported"`
	BackchannelSession  bool     `json:"backchannel_logout_session_supported"`
	FrontchannelLogout  bool     `json:"frontchannel_logout_supported"`
	FrontchannelSession bool     `json:"frontchannel_logout_session_supported"`
}

// Facts are what the document depends on.
type Facts struct {
	Issuer string
	// Public gives the URL of a path on the public listener.
	Public func(path string) string
	Config oauth.Config
	// Development is the development profile, in which tokens in the front channel are on unless switched off.
	Development bool
	// GrantTypes are those that the token endpoint knows.
	GrantTypes []string
	// IDTokenAlgs are the algorithms that sign ID tokens now or next.
	IDTokenAlgs []string
}

// New writes the document that the facts give.
func New(f Facts) Document {
	methods := []string{oauth.AuthSecretBasic, oauth.AuthSecretPost, oauth.AuthPrivateKeyJWT}
	userinfo := []string{"none"}
	if slices.Contains(f.IDTokenAlgs, "RS256") { // the one that clients may be registered for
		userinfo = append(userinfo, "RS256")
	}
	d := Document{
		Issuer:                f.Issuer,
		AuthorizationEndpoint: f.Public("/oauth2/auth"), TokenEndpoint: f.Public("/oauth2/token"), JWKSURI: f.Public("/.well-known/jwks.json"),
		UserinfoEndpoint: f.Public("/userinfo"), RevocationEndpoint: f.Public("/oauth2/revoke"),
		IntrospectionEndpoint: f.Public("/oauth2/introspect"), EndSessionEndpoint: f.Public("/oauth2/sessions/logout"),

		ResponseTypes:  []string{oauth.ResponseCode},
		ResponseModes:  []string{oauth.ModeQuery, oauth.ModeFragment, oauth.ModeFormPost},
		GrantTypes:     slices.Sorted(slices.Values(f.GrantTypes)),
		Scopes:         []string{oauth.ScopeOpenID, oauth.ScopeOfflineAccess, oauth.ScopeOffline},
		SubjectTypes:   []string{oauth.SubjectPublic},
		CodeChallenges: []string{oauth.PKCES256},
		Prompts:        []string{"none", "login", "consent", "select_account", "create", "registration"},
		Displays:       []string{"page", "popup", "touch", "wap"},
		Claims: []string{"iss", "sub", "aud", "exp", "iat", "jti", "auth_time", "nonce", "acr", "amr", "sid", "rat",
			"at_hash", "c_hash"},
		ClaimTypes: []string{"normal"},

		TokenAuthMethods: append(slices.Clip(methods), oauth.AuthNone), TokenAuthAlgs: oauth.SigningAlgs(),
		RevocationAuthMethods: append(slices.Clip(methods), oauth.AuthNone), RevocationAuthAlgs: oauth.SigningAlgs(),
		IntrospectionAuthMethods: methods, IntrospectionAuthAlgs: oauth.SigningAlgs(), // public clients may not introspect

		IDTokenAlgs: f.IDTokenAlgs, IDTokenSigned: f.IDTokenAlgs, UserinfoAlgs: userinfo, UserinfoSigned: userinfo,
		ClaimsParameter: true, IssParameter: true,
	}
	if f.frontChannel() {
		d.ResponseTypes = append(d.ResponseTypes, oauth.ResponseIDToken, oauth.ResponseIDTokenToken, oauth.ResponseCodeIDToken,
			oauth.ResponseCodeToken, oauth.ResponseCodeIDTokenToken, oauth.ResponseToken)
		d.GrantTypes = append(d.GrantTypes, oauth.GrantImplicit)
		slices.Sort(d.GrantTypes)
	}
	if f.Config.Pairwise.Enabled {
		d.SubjectTypes = append(d.SubjectTypes, oauth.SubjectPairwise)
	}
	return d
}

// frontChannel tells whether any client may get tokens from the authorization endpoint.
func (f Facts) frontChannel() bool {
	return len(f.Config.FrontChannelTokens.Clients) > 0 || f.Config.FrontChannelTokens.Allowed("", f.Development)
}
