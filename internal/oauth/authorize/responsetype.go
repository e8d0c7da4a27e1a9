package authorize

import (
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

// wants tells whether a canonical response type contains a part: code, id_token or token.
func wants(responseType, part string) bool {
	for responseType != "" {
		var p string
		p, responseType, _ = strings.Cut(responseType, " ")
		if p == part {
			return true
		}
	}
	return false
}

// defaultMode is how an answer is delivered when the request does not say (OAuth 2.0 Multiple Response Types §2.1, §5).
func defaultMode(responseType string) string {
	if responseType == "" || responseType == oauth.ResponseCode {
		return oauth.ModeQuery
	}
	return oauth.ModeFragment
}

// errorMode is how an error is delivered, for a request of which not everything may be well: a wish that can be
// fulfilled is, except that nothing goes into a query where the success would not have.
func errorMode(rawType, rawMode string) string {
	responseType, ok := oauth.CanonicalResponseType(rawType)
	if !ok {
		responseType = ""
		if strings.Contains(rawType, "token") {
			return modeOr(rawMode, oauth.ModeFragment)
		}
	}
	return modeOr(rawMode, defaultMode(responseType))
}

func modeOr(mode, otherwise string) string {
	if mode == oauth.ModeFormPost || mode == oauth.ModeFragment {
		return mode
	}
	return otherwise
}

// checkResponse validates response_type and response_mode and gives both in canonical form.
func checkResponse(p params, c *client.Client, policy Policy) (responseType, mode string, err error) {
	raw := p.get("response_type")
	if raw == "" {
		return "", "", oauth.ErrInvalidRequest.With("The response_type parameter is missing.")
	}
	responseType, ok := oauth.CanonicalResponseType(raw)
	if !ok {
		return "", "", oauth.ErrUnsupportedResponseType.Withf("The response_type %s does not exist here. Ask for code.", oauth.Quote(raw))
	}
	if err := allowedResponse(responseType, c, policy); err != nil {
		return "", "", err
	}
	mode, err = checkMode(p.get("response_mode"), responseType)
	return responseType, mode, err
}

// allowedResponse tells whether the client may use a response type.
func allowedResponse(responseType string, c *client.Client, policy Policy) error {
	if !c.ResponseTypeAllowed(responseType) {
		return oauth.ErrUnauthorizedClient.Withf("The client is not registered for the response_type %s. Add it to the client's response_types.", oauth.Quote(responseType))
	}
	if oauth.FrontChannelTokens(responseType) && !policy.FrontChannel(c.ID) {
		return oauth.ErrUnauthorizedClient.With("Response types that put tokens into the browser's address are switched off (RFC 9700 §2.1.2). Use response_type code, or name the client in oauth.front_channel_tokens.clients.")
	}
	return checkGrants(responseType, c)
}

// checkGrants holds the response type against the client's grant types: they must agree (RFC 7591 §2.1).
func checkGrants(responseType string, c *client.Client) error {
	if wants(responseType, "code") && !c.GrantAllowed(oauth.GrantAuthorizationCode) {
		return oauth.ErrUnauthorizedClient.With("The client is not registered for the grant type authorization_code.")
	}
	implicit := wants(responseType, "token") || responseType == oauth.ResponseIDToken
	if implicit && !c.GrantAllowed(oauth.GrantImplicit) {
		return oauth.ErrUnauthorizedClient.With("The client is not registered for the grant type implicit, which tokens from the authorization endpoint need.")
	}
	return nil
}

// checkMode refuses to put tokens into a query, where servers log them (OAuth 2.0 Multiple Response Types §5).
func checkMode(mode, responseType string) (string, error) {
	switch mode {
	case "":
		return defaultMode(responseType), nil
	case oauth.ModeFragment, oauth.ModeFormPost:
		return mode, nil
	case oauth.ModeQuery:
		if oauth.FrontChannelTokens(responseType) {
			return "", oauth.ErrInvalidRequest.With("The response_mode query is not allowed for response types that return tokens. Use fragment or form_post.")
		}
		return mode, nil
	default:
		return "", oauth.ErrInvalidRequest.Withf("The response_mode %s does not exist here. Use query, fragment or form_post.", oauth.Quote(mode))
	}
}
