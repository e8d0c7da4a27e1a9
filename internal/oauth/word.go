package oauth

import (
	"slices"
	"strings"
)

// Grant types, as `grant_type` at the token endpoint and in a client's
// `grant_types`.
const (
	GrantAuthorizationCode = "authorization_code"                              // RFC 6749 §4.1
	GrantImplicit          = "implicit"                                        // RFC 6749 §4.2; in client metadata only
	GrantClientCredentials = "client_credentials"                              // RFC 6749 §4.4
	GrantRefreshToken      = "refresh_token"                                   // RFC 6749 §6
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628 §3.4
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // RFC 7523 §2.1
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 §2.1
	GrantPassword          = "password"                                        // RFC 6749 §4.3; named to be refused (RFC 9700 §2.4)
)

// Response types in their canonical spelling: the parts in alphabetical order.
// OAuth 2.0 Multiple Response Types §2 makes the order of the parts meaningless.
const (
	ResponseCode             = "code"
	ResponseToken            = "token"
	ResponseIDToken          = "id_token"
	ResponseIDTokenToken     = "id_token token"
	ResponseCodeIDToken      = "code id_token"
	ResponseCodeToken        = "code token"
	ResponseCodeIDTokenToken = "code id_token token"
)

// Response modes (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).
const (
	ModeQuery    = "query"
	ModeFragment = "fragment"
	ModeFormPost = "form_post"
)

// Client authentication methods, as `token_endpoint_auth_method` (RFC 7591 §2).
const (
	AuthSecretBasic   = "client_secret_basic" // RFC 6749 §2.3.1
	AuthSecretPost    = "client_secret_post"  // RFC 6749 §2.3.1
	AuthPrivateKeyJWT = "private_key_jwt"     // OpenID Connect Core §9, RFC 7523 §2.2
	AuthNone          = "none"                // public clients
	AuthSecretJWT     = "client_secret_jwt"   // named to be refused: it needs the secret in the clear
)

// AssertionTypeJWTBearer is the only `client_assertion_type` there is (RFC 7523 §2.2).
const AssertionTypeJWTBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Subject types (OpenID Connect Core §8).
const (
	SubjectPublic   = "public"
	SubjectPairwise = "pairwise"
)

// Access token strategies: globally, and per client.
const (
	StrategyOpaque = "opaque"
	StrategyJWT    = "jwt"
)

// Scopes with a meaning of their own.
const (
	ScopeOpenID        = "openid"
	ScopeOffline       = "offline"        // a refresh token, as Ory spells it
	ScopeOfflineAccess = "offline_access" // a refresh token, OpenID Connect Core §11
)

// TokenKind names what is issued: it selects a lifetime and a row's kind.
type TokenKind string

// The kinds of things that are issued.
const (
	KindCode    TokenKind = "code"
	KindAccess  TokenKind = "access"
	KindRefresh TokenKind = "refresh"
	KindID      TokenKind = "id"
)

// SigningAlgs returns the signature algorithms accepted from clients:
// asymmetric ones alone, so that no key can be taken for a shared secret.
func SigningAlgs() []string {
	return []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
	}
}

// SigningAlgKnown reports whether a client may sign with alg.
func SigningAlgKnown(alg string) bool {
	return slices.Contains(SigningAlgs(), alg)
}

// GrantTypeKnown reports whether a client may be registered for the grant type.
func GrantTypeKnown(grant string) bool {
	switch grant {
	case GrantAuthorizationCode, GrantImplicit, GrantClientCredentials, GrantRefreshToken,
		GrantDeviceCode, GrantJWTBearer, GrantTokenExchange:
		return true
	}
	return false
}

// AuthMethodKnown reports whether the client authentication method can be used here.
func AuthMethodKnown(method string) bool {
	switch method {
	case AuthSecretBasic, AuthSecretPost, AuthPrivateKeyJWT, AuthNone:
		return true
	}
	return false
}

// CanonicalResponseType returns the canonical spelling of a response type and
// whether it is one of the seven that exist. The order of the parts does not
// matter; a part twice, an empty or an unknown part make it unknown.
func CanonicalResponseType(s string) (string, bool) {
	var code, id, token bool
	for s != "" {
		var part string
		part, s, _ = strings.Cut(s, " ")
		var seen *bool
		switch part {
		case "code":
			seen = &code
		case "id_token":
			seen = &id
		case "token":
			seen = &token
		default:
			return "", false
		}
		if *seen {
			return "", false
		}
		*seen = true
	}
	return responseType(code, id, token)
}

func responseType(code, id, token bool) (string, bool) {
	switch {
	case code && id && token:
		return ResponseCodeIDTokenToken, true
	case code && id:
		return ResponseCodeIDToken, true
	case code && token:
		return ResponseCodeToken, true
	case id && token:
		return ResponseIDTokenToken, true
	case code:
		return ResponseCode, true
	case id:
		return ResponseIDToken, true
	case token:
		return ResponseToken, true
	}
	return "", false
}

// FrontChannelTokens reports whether a canonical response type puts an access
// token or an ID token into the browser's address, which RFC 9700 §2.1.2 wants
// avoided.
func FrontChannelTokens(responseType string) bool {
	return responseType != ResponseCode
}

// ResponseModeKnown reports whether the response mode can be used here.
func ResponseModeKnown(mode string) bool {
	return mode == ModeQuery || mode == ModeFragment || mode == ModeFormPost
}
