package client

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// Bounds of what is registered.
const (
	maxID       = 128
	maxText     = 191 // what an index holds
	maxList     = 1000
	maxMetadata = 64 << 10
)

// Rules say what may be registered as a client, and what holds where nothing is said.
type Rules struct {
	// Redirect are the rules for redirect URIs.
	Redirect oauth.RedirectRules
	// DefaultScope is what a client without a scope may ask for.
	DefaultScope string
	// Pairwise accepts subject_type pairwise.
	Pairwise bool
}

// Settle fills in the defaults and says what cannot be accepted, in words that
// tell what to do.
func (rules Rules) Settle(c *Client) error {
	rules.defaults(c)
	for _, check := range [...]func(*Client) error{
		checkTexts, checkGrants, checkScope, checkAuthentication, rules.checkRedirects,
		checkPostLogout, checkLinks, checkOrigins, rules.checkSubject, checkAlgorithms, checkLifespans,
	} {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

func (rules Rules) defaults(c *Client) {
	if len(c.GrantTypes) == 0 {
		c.GrantTypes = []string{oauth.GrantAuthorizationCode}
	}
	if len(c.ResponseTypes) == 0 {
		c.ResponseTypes = []string{oauth.ResponseCode}
	}
	if c.Scope == "" {
		c.Scope = rules.DefaultScope
	}
	if c.TokenEndpointAuthMethod == "" {
		c.TokenEndpointAuthMethod = oauth.AuthSecretBasic
	}
	if c.SubjectType == "" {
		c.SubjectType = oauth.SubjectPublic
	}
	if c.UserinfoSignedResponseAlg == "" {
		c.UserinfoSignedResponseAlg = "none"
	}
	if c.JWKS != nil && c.JWKS.empty {
		c.JWKS = nil // what older SDKs send back for a client without keys
	}
	if string(c.Metadata) == "null" {
		c.Metadata = nil
	}
	for _, list := range []*[]string{&c.RedirectURIs, &c.Audience, &c.AllowedCORSOrigins, &c.Contacts} {
		if *list == nil {
			*list = []string{}
		}
	}
}

// ValidID reports whether the text can be a client id: 1 to 128 letters, digits
// and -._~:@+, which no path, header or log line needs to escape in a way that
// others may not know.
func ValidID(id string) bool {
	if id == "" || len(id) > maxID || id == "." || id == ".." {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-._~:@+", rune(c)) {
			return false
		}
	}
	return true
}

func checkTexts(c *Client) error {
	if !ValidID(c.ID) {
		return ErrInvalidMetadata.Withf("client_id must have 1 to %d characters out of letters, digits and -._~:@+; leave it out to have one made.", maxID)
	}
	for _, f := range []struct{ field, value string }{{"client_name", c.Name}, {"owner", c.Owner}} {
		if err := checkText(f.field, f.value, maxText); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		field  string
		values []string
	}{
		{"contacts", c.Contacts}, {"audience", c.Audience}, {"redirect_uris", c.RedirectURIs},
		{"post_logout_redirect_uris", c.PostLogoutRedirectURIs}, {"request_uris", c.RequestURIs},
		{"allowed_cors_origins", c.AllowedCORSOrigins},
	} {
		if len(f.values) > maxList {
			return ErrInvalidMetadata.Withf("%s has more than %d entries.", f.field, maxList)
		}
		for _, v := range f.values {
			if err := checkText(f.field, v, oauth.MaxURI); err != nil {
				return err
			}
		}
	}
	for _, a := range c.Audience {
		if a == "" || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return ErrInvalidMetadata.Withf("audience %s must be printable ASCII without spaces.", quote(a))
		}
	}
	if len(c.Metadata) > maxMetadata {
		return ErrInvalidMetadata.Withf("metadata is larger than %d bytes.", maxMetadata)
	}
	if len(c.Metadata) > 0 && !json.Valid(c.Metadata) {
		return ErrInvalidMetadata.With("metadata is not JSON.")
	}
	return nil
}

func checkText(field, value string, most int) error {
	if utf8.RuneCountInString(value) > most {
		return ErrInvalidMetadata.Withf("%s is longer than %d characters.", field, most)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return ErrInvalidMetadata.Withf("%s contains a control character.", field)
	}
	return nil
}

// checkGrants accepts whatever grant and response types exist, in any
// combination, as Ory does: what does not fit together is refused when used.
func checkGrants(c *Client) error {
	for _, g := range c.GrantTypes {
		switch {
		case g == oauth.GrantPassword:
			return ErrInvalidMetadata.With("grant_types contains password, which shows people's passwords to applications and is not supported (RFC 9700 §2.4): use authorization_code.")
		case !oauth.GrantTypeKnown(g):
			return ErrInvalidMetadata.Withf("grant_types contains %s, which is unknown: use authorization_code, implicit, client_credentials, refresh_token, or one of the urn:ietf:params:oauth:grant-type: names device_code, jwt-bearer, token-exchange.", quote(g))
		}
	}
	for _, r := range c.ResponseTypes {
		if _, ok := oauth.CanonicalResponseType(r); !ok {
			return ErrInvalidMetadata.Withf("response_types contains %s, which is unknown: combine code, id_token and token, separated by spaces.", quote(r))
		}
	}
	if s := c.AccessTokenStrategy; s != "" && s != oauth.StrategyOpaque && s != oauth.StrategyJWT {
		return ErrInvalidMetadata.Withf("access_token_strategy %s is unknown: use opaque or jwt, or leave it out to use the server's.", quote(s))
	}
	return nil
}

func checkScope(c *Client) error {
	if _, err := oauth.ParseScope(c.Scope); err != nil {
		return ErrInvalidMetadata.Withf("scope must be printable ASCII without quotation marks and backslashes, separated by single spaces, at most %d characters.", oauth.MaxScope)
	}
	return nil
}

func checkAuthentication(c *Client) error {
	switch m := c.TokenEndpointAuthMethod; {
	case m == oauth.AuthSecretJWT:
		return ErrInvalidMetadata.With("token_endpoint_auth_method client_secret_jwt is not supported, for it would need the secret in the clear: use private_key_jwt or client_secret_basic.")
	case !oauth.AuthMethodKnown(m):
		return ErrInvalidMetadata.Withf("token_endpoint_auth_method %s is unknown: use client_secret_basic, client_secret_post, private_key_jwt or none.", quote(m))
	case c.JWKS != nil && c.JWKSURI != "":
		return ErrInvalidMetadata.With("jwks and jwks_uri cannot both be set: choose one.")
	case m == oauth.AuthPrivateKeyJWT && c.JWKS == nil && c.JWKSURI == "":
		return ErrInvalidMetadata.With("token_endpoint_auth_method private_key_jwt needs public keys: set jwks or jwks_uri.")
	case m == oauth.AuthPrivateKeyJWT && c.JWKS != nil && !c.JWKS.verifies():
		return ErrInvalidMetadata.With("token_endpoint_auth_method private_key_jwt needs a key that can verify signatures, and jwks holds none: register an RSA, EC or Ed25519 public key whose use is sig or left out.")
	case c.TokenEndpointAuthSigningAlg != "" && !oauth.SigningAlgKnown(c.TokenEndpointAuthSigningAlg):
		return ErrInvalidMetadata.Withf("token_endpoint_auth_signing_alg %s is not supported: use one of %s.", quote(c.TokenEndpointAuthSigningAlg), strings.Join(oauth.SigningAlgs(), ", "))
	}
	return nil
}

func (rules Rules) checkSubject(c *Client) error {
	switch c.SubjectType {
	case oauth.SubjectPublic:
	case oauth.SubjectPairwise:
		if !rules.Pairwise {
			return ErrInvalidMetadata.With("subject_type pairwise is not enabled on this server: use public, or set oauth.pairwise.")
		}
		if c.SectorIdentifierURI == "" && severalHosts(c.RedirectURIs) {
			// OpenID Connect Core §8.1
			return ErrInvalidMetadata.With("subject_type pairwise with redirect URIs on several hosts needs a sector_identifier_uri.")
		}
	default:
		return ErrInvalidMetadata.Withf("subject_type %s is unknown: use public or pairwise.", quote(c.SubjectType))
	}
	if c.SectorIdentifierURI != "" && !strings.HasPrefix(c.SectorIdentifierURI, "https://") && !rules.Redirect.Development {
		return ErrInvalidMetadata.With("sector_identifier_uri must use https.")
	}
	if c.JWKSURI != "" && !strings.HasPrefix(c.JWKSURI, "https://") && !rules.Redirect.Development {
		return ErrInvalidMetadata.With("jwks_uri must use https, for whoever can change it in transit could sign in as the client.")
	}
	return nil
}

func checkAlgorithms(c *Client) error {
	switch c.UserinfoSignedResponseAlg {
	case "none", "RS256":
	default:
		return ErrInvalidMetadata.Withf("userinfo_signed_response_alg %s is not supported: use none or RS256.", quote(c.UserinfoSignedResponseAlg))
	}
	switch c.RequestObjectSigningAlg {
	case "", "none", "RS256", "ES256":
	default:
		return ErrInvalidMetadata.Withf("request_object_signing_alg %s is not supported: use none, RS256 or ES256.", quote(c.RequestObjectSigningAlg))
	}
	return nil
}

func checkLifespans(c *Client) error {
	l := &c.Lifespans
	for _, f := range [...]struct {
		field string
		value NullDuration
	}{
		{"authorization_code_grant_access_token_lifespan", l.AuthorizationCodeAccess},
		{"authorization_code_grant_id_token_lifespan", l.AuthorizationCodeID},
		{"authorization_code_grant_refresh_token_lifespan", l.AuthorizationCodeRefresh},
		{"client_credentials_grant_access_token_lifespan", l.ClientCredentialsAccess},
		{"implicit_grant_access_token_lifespan", l.ImplicitAccess},
		{"implicit_grant_id_token_lifespan", l.ImplicitID},
		{"jwt_bearer_grant_access_token_lifespan", l.JWTBearerAccess},
		{"refresh_token_grant_access_token_lifespan", l.RefreshTokenAccess},
		{"refresh_token_grant_id_token_lifespan", l.RefreshTokenID},
		{"refresh_token_grant_refresh_token_lifespan", l.RefreshTokenRefresh},
		{"device_authorization_grant_access_token_lifespan", l.DeviceAccess},
		{"device_authorization_grant_id_token_lifespan", l.DeviceID},
		{"device_authorization_grant_refresh_token_lifespan", l.DeviceRefresh},
	} {
		if err := f.value.check(f.field); err != nil {
			return err
		}
	}
	return nil
}
