package oauth

import "github.com/gatehouse-iam/gatehouse/internal/fault"

// The errors of the token endpoint (RFC 6749 §5.2).
var (
	// ErrInvalidRequest says that a parameter is missing, doubled or malformed.
	ErrInvalidRequest = fault.New(fault.Invalid, "invalid_request",
		"The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed.")
	// ErrInvalidClient says that client authentication failed. It tells neither
	// which part was wrong nor whether the client exists.
	ErrInvalidClient = fault.New(fault.Unauthenticated, "invalid_client",
		"Client authentication failed: the client is unknown, its credentials are wrong, or it used another authentication method than the one it is registered with.")
	// ErrInvalidGrant says that a code, token or assertion is spent, expired, revoked or somebody else's.
	ErrInvalidGrant = fault.New(fault.Invalid, "invalid_grant",
		"The provided authorization grant or refresh token is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.")
	// ErrUnauthorizedClient says that the client is not registered for this grant or response type.
	ErrUnauthorizedClient = fault.New(fault.Invalid, "unauthorized_client",
		"The client is not authorized to use this method: its registration does not name the grant type or response type.")
	// ErrUnsupportedGrantType says that the server does not know the grant type.
	ErrUnsupportedGrantType = fault.New(fault.Invalid, "unsupported_grant_type",
		"The authorization grant type is not supported by the authorization server.")
	// ErrInvalidScope says that a scope is malformed or more than the client may ask for.
	ErrInvalidScope = fault.New(fault.Invalid, "invalid_scope",
		"The requested scope is invalid, unknown, malformed, or exceeds what the client may ask for.")
	// ErrInvalidTarget says that an audience or resource is not the client's to ask for (RFC 8707 §2).
	ErrInvalidTarget = fault.New(fault.Invalid, "invalid_target",
		"The requested audience is invalid, unknown, or not among those registered for the client.")
)

// The errors of the authorization endpoint (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
var (
	// ErrUnsupportedResponseType says that the response type does not exist here.
	ErrUnsupportedResponseType = fault.New(fault.Invalid, "unsupported_response_type",
		"The authorization server does not support obtaining a token using this method.")
	// ErrAccessDenied says that the person or the server refused.
	ErrAccessDenied = fault.New(fault.Forbidden, "access_denied",
		"The resource owner or authorization server denied the request.")
	// ErrServerError stands for a failure whose cause stays inside.
	ErrServerError = fault.New(fault.Internal, "server_error",
		"The authorization server encountered an unexpected condition that prevented it from fulfilling the request.")
	// ErrTemporarilyUnavailable asks the client to come back later.
	ErrTemporarilyUnavailable = fault.New(fault.Unavailable, "temporarily_unavailable",
		"The authorization server is currently unable to handle the request. Try again later.")
	// ErrLoginRequired answers prompt=none when nobody is signed in.
	ErrLoginRequired = fault.New(fault.Invalid, "login_required",
		"The authorization server requires the person to sign in.")
	// ErrConsentRequired answers prompt=none when consent is missing.
	ErrConsentRequired = fault.New(fault.Invalid, "consent_required",
		"The authorization server requires the person's consent.")
	// ErrInteractionRequired answers prompt=none when something else must be asked.
	ErrInteractionRequired = fault.New(fault.Invalid, "interaction_required",
		"The authorization server requires interaction with the person to proceed.")
	// ErrAccountSelectionRequired answers prompt=none when the person must choose an account.
	ErrAccountSelectionRequired = fault.New(fault.Invalid, "account_selection_required",
		"The person must select an account.")
	// ErrRequestNotSupported refuses the `request` parameter.
	ErrRequestNotSupported = fault.New(fault.Invalid, "request_not_supported",
		"The authorization server does not support the request parameter. Send the parameters themselves.")
	// ErrRequestURINotSupported refuses the `request_uri` parameter.
	ErrRequestURINotSupported = fault.New(fault.Invalid, "request_uri_not_supported",
		"The authorization server does not support the request_uri parameter. Send the parameters themselves.")
	// ErrRegistrationNotSupported refuses the `registration` parameter.
	ErrRegistrationNotSupported = fault.New(fault.Invalid, "registration_not_supported",
		"The authorization server does not support the registration parameter. Register the client beforehand.")
	// ErrInvalidRequestObject says that a request object cannot be trusted or read.
	ErrInvalidRequestObject = fault.New(fault.Invalid, "invalid_request_object",
		"The request parameter contains an invalid request object.")
)

// The errors of protected resources (RFC 6750 §3.1).
var (
	// ErrInvalidToken says that an access token is unknown, expired or revoked.
	ErrInvalidToken = fault.New(fault.Unauthenticated, "invalid_token",
		"The access token is missing, expired, revoked, malformed, or invalid for other reasons.")
	// ErrInsufficientScope says that an access token lacks a scope.
	ErrInsufficientScope = fault.New(fault.Forbidden, "insufficient_scope",
		"The request requires higher privileges than provided by the access token.")
	// ErrUnsupportedTokenType answers a revocation of a token that cannot be revoked (RFC 7009 §2.2.1).
	ErrUnsupportedTokenType = fault.New(fault.Invalid, "unsupported_token_type",
		"The authorization server does not support the revocation of the presented token type.")
)

// The errors of client registration (RFC 7591 §3.2.2).
var (
	// ErrInvalidClientMetadata says which field of a client cannot be accepted, and why.
	ErrInvalidClientMetadata = fault.New(fault.Invalid, "invalid_client_metadata",
		"The value of one of the client metadata fields is invalid.")
	// ErrInvalidRedirectURI says which redirect URI cannot be accepted, and why.
	ErrInvalidRedirectURI = fault.New(fault.Invalid, "invalid_redirect_uri",
		"The value of one or more redirection URIs is invalid.")
)

// Quote puts a stranger's text between single quotes for an error_description,
// which may not hold quotation marks, backslashes, or anything outside printable
// ASCII (RFC 6749 §5.2). Long text is cut.
func Quote(s string) string {
	const most = 200
	out := make([]byte, 0, min(len(s), most)+5)
	out = append(out, '\'')
	for i := range len(s) {
		if i == most {
			out = append(out, "..."...)
			break
		}
		c := s[i]
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			c = '?'
		}
		out = append(out, c)
	}
	return string(append(out, '\''))
}
