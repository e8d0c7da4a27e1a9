package client

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func (rules Rules) checkRedirects(c *Client) error {
	for _, uri := range c.RedirectURIs {
		if err := rules.Redirect.Check(uri); err != nil {
			return err
		}
	}
	return nil
}

// checkPostLogout wants each address after a sign-out on an origin that a
// redirect URI has already, so that signing out leads nowhere else.
func checkPostLogout(c *Client) error {
	for _, uri := range c.PostLogoutRedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme == "" || strings.Contains(uri, "#") || strings.ContainsAny(uri, " \\*") {
			return ErrInvalidMetadata.Withf("post_logout_redirect_uris contains %s, which is not an absolute URI without fragment and wildcard.", quote(uri))
		}
		if !slices.ContainsFunc(c.RedirectURIs, func(r string) bool { return sameOrigin(r, u) }) {
			return ErrInvalidMetadata.Withf("post_logout_redirect_uris contains %s, whose scheme, host and port are not those of any redirect URI: register a redirect URI on the same origin.", quote(uri))
		}
	}
	return nil
}

func sameOrigin(uri string, u *url.URL) bool {
	r, err := url.Parse(uri)
	return err == nil && r.Scheme == u.Scheme && strings.EqualFold(r.Hostname(), u.Hostname()) && r.Port() == u.Port()
}

// checkLinks holds what is shown to people, and what we call ourselves, to web addresses.
func checkLinks(c *Client) error {
	for _, f := range []struct{ field, uri string }{
		{"client_uri", c.ClientURI}, {"logo_uri", c.LogoURI}, {"policy_uri", c.PolicyURI}, {"tos_uri", c.TermsOfServiceURI},
		{"frontchannel_logout_uri", c.FrontchannelLogoutURI}, {"backchannel_logout_uri", c.BackchannelLogoutURI},
		{"jwks_uri", c.JWKSURI}, {"sector_identifier_uri", c.SectorIdentifierURI},
	} {
		if f.uri != "" && !webAddress(f.uri) {
			return ErrInvalidMetadata.Withf("%s %s is not an absolute http or https URL.", f.field, quote(f.uri))
		}
	}
	for _, uri := range []string{c.FrontchannelLogoutURI, c.BackchannelLogoutURI} {
		if strings.Contains(uri, "#") {
			return ErrInvalidMetadata.Withf("The logout URI %s contains a fragment, which is not allowed.", quote(uri))
		}
	}
	for _, uri := range c.RequestURIs {
		if !webAddress(uri) {
			return ErrInvalidMetadata.Withf("request_uris contains %s, which is not an absolute http or https URL.", quote(uri))
		}
	}
	return nil
}

func webAddress(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && len(uri) <= oauth.MaxURI
}

// checkOrigins keeps origins in the form in which browsers send them.
func checkOrigins(c *Client) error {
	for i, origin := range c.AllowedCORSOrigins {
		u, err := url.Parse(origin)
		if err != nil || !webAddress(origin) || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || strings.ContainsAny(origin, "?#") {
			return ErrInvalidMetadata.Withf("allowed_cors_origins contains %s, which is not an origin: write scheme://host[:port] with http or https and nothing else.", quote(origin))
		}
		if host := strings.TrimPrefix(u.Host, "*."); strings.Contains(host, "*") || host == "" {
			return ErrInvalidMetadata.Withf("allowed_cors_origins contains %s: an asterisk may only stand for the first label, as in https://*.example.com.", quote(origin))
		}
		if len(origin) > maxText {
			return ErrInvalidMetadata.Withf("allowed_cors_origins contains an origin of more than %d characters.", maxText)
		}
		c.AllowedCORSOrigins[i] = u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), defaultPort(u.Scheme))
	}
	return nil
}

func severalHosts(uris []string) bool {
	first := ""
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil {
			continue
		}
		if first != "" && u.Host != first {
			return true
		}
		first = u.Host
	}
	return false
}

// defaultPort is what browsers leave out of an origin.
func defaultPort(scheme string) string {
	if scheme == "https" {
		return ":443"
	}
	return ":80"
}
