package oauth

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// MaxURI is how many characters a registered URI may have.
const MaxURI = 2048

// RedirectRules says what may be registered as a redirect URI.
type RedirectRules struct {
	// Development accepts plain HTTP on any host and private-use schemes without a period.
	Development bool
	// PlainSchemes are private-use schemes without a period (`myapp`) accepted
	// nevertheless. RFC 8252 §8.4 wants those refused, for any app may claim them.
	PlainSchemes []string
}

// Check says whether the URI may be registered. The error says what to do.
func (rules RedirectRules) Check(uri string) error {
	u, err := parseURI(uri)
	if err != nil {
		return err
	}
	if strings.Contains(uri, "*") {
		return ErrInvalidRedirectURI.Withf("The redirect URI %s contains a wildcard: register each URI in full (a literal asterisk is written %%2A).", Quote(uri))
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" {
			return ErrInvalidRedirectURI.Withf("The redirect URI %s has no host.", Quote(uri))
		}
		return nil
	case "http":
		return rules.checkHTTP(uri, u)
	default:
		return rules.checkPrivateUse(uri, u)
	}
}

func (rules RedirectRules) checkHTTP(uri string, u *url.URL) error {
	host := u.Hostname()
	if host == "" {
		return ErrInvalidRedirectURI.Withf("The redirect URI %s has no host.", Quote(uri))
	}
	if rules.Development || LocalHost(host) {
		return nil
	}
	return ErrInvalidRedirectURI.Withf("The redirect URI %s uses http, which is accepted for localhost and loopback addresses only: use https, or run the development profile.", Quote(uri))
}

// checkPrivateUse holds custom schemes to RFC 8252 §7.1: a domain name under
// the app's control in reverse order, hence with a period. Schemes that a
// browser runs or renders would turn the redirect into script.
func (rules RedirectRules) checkPrivateUse(uri string, u *url.URL) error {
	switch u.Scheme {
	case "javascript", "data", "vbscript", "file", "blob", "filesystem", "about", "view-source",
		"ws", "wss", "ftp", "mailto", "tel", "sms", "intent", "chrome", "resource", "jar", "urn":
		return ErrInvalidRedirectURI.Withf("The redirect URI %s has a scheme that cannot receive an answer: use https, or for a native app a scheme such as com.example.app.", Quote(uri))
	}
	if rules.Development || strings.Contains(u.Scheme, ".") {
		return nil
	}
	for _, s := range rules.PlainSchemes {
		if strings.EqualFold(s, u.Scheme) {
			return nil
		}
	}
	return ErrInvalidRedirectURI.Withf("The redirect URI %s has a private-use scheme without a period, which any app may claim (RFC 8252 §8.4): use a domain name of yours in reverse order, such as com.example.app, or name the scheme in oauth.clients.plain_redirect_schemes.", Quote(uri))
}

// parseURI reads a URI that somebody wants redirects to go to.
func parseURI(uri string) (*url.URL, error) {
	if uri == "" || len(uri) > MaxURI {
		return nil, ErrInvalidRedirectURI.Withf("A redirect URI must have 1 to %d characters.", MaxURI)
	}
	for i := range len(uri) {
		// Browsers drop tabs and line ends and take a backslash for a slash; a URI has neither (RFC 3986 §2).
		if c := uri[i]; c <= 0x20 || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>' || c == '^' || c == '`' {
			return nil, ErrInvalidRedirectURI.Withf("The redirect URI %s contains a character that is not allowed in URIs: percent-encode it.", Quote(uri))
		}
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return nil, ErrInvalidRedirectURI.Withf("The redirect URI %s cannot be parsed: register an absolute URI such as https://app.example.com/callback.", Quote(uri))
	case u.Scheme == "":
		return nil, ErrInvalidRedirectURI.Withf("The redirect URI %s is not absolute (RFC 6749 §3.1.2): begin it with a scheme, such as https://app.example.com/callback.", Quote(uri))
	case strings.Contains(uri, "#"):
		return nil, ErrInvalidRedirectURI.Withf("The redirect URI %s contains a fragment, which is not allowed (RFC 6749 §3.1.2): remove the # and what follows.", Quote(uri))
	case u.User != nil:
		return nil, ErrInvalidRedirectURI.Withf("The redirect URI %s contains a user name or password: remove it.", Quote(uri))
	case u.Host == "" && u.Path == "" && u.Opaque == "":
		return nil, ErrInvalidRedirectURI.Withf("The redirect URI %s is incomplete: put a host or a path after the scheme.", Quote(uri))
	}
	return u, nil
}

// LocalHost reports whether the host name is localhost, a name below it, or a
// loopback address: what only this machine answers for.
func LocalHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// MatchRedirect returns the URI to redirect to for what the request asked:
// a registered one, character by character (RFC 9700 §4.1.3), or, on a loopback
// address, one that differs from a registered one in the port alone (RFC 8252
// §7.3). With nothing asked, the only registered one is meant (RFC 6749
// §3.1.2.3); OpenID Connect requests must always ask (Core §3.1.2.1), which is
// for the caller to hold. False means: do not redirect.
func MatchRedirect(registered []string, asked string) (string, bool) {
	if asked == "" {
		if len(registered) == 1 {
			return registered[0], true
		}
		return "", false
	}
	if slices.Contains(registered, asked) {
		return asked, true
	}
	host, rest, ok := loopback(asked)
	if !ok {
		return "", false
	}
	for _, r := range registered {
		if h, p, ok := loopback(r); ok && h == host && p == rest {
			return asked, true
		}
	}
	return "", false
}

// loopback splits `http://<loopback address>[:port]<rest>`. It reads text rather
// than a parsed URL, so that two parsers cannot disagree about where the host
// ends, and refuses whatever is not exactly of this form.
func loopback(uri string) (host, rest string, ok bool) {
	s, ok := strings.CutPrefix(uri, "http://")
	if !ok || len(uri) > MaxURI || !cleanURI(uri) {
		return "", "", false
	}
	end := strings.IndexAny(s, "/?")
	if end < 0 {
		end = len(s)
	}
	authority, rest := s[:end], s[end:]
	host, port := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		host, port = authority[:i], authority[i+1:]
		if !validPort(port) {
			return "", "", false
		}
	}
	address := host
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		if address, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(address, ":") {
			return "", "", false
		}
	} else if strings.Contains(host, ":") {
		return "", "", false
	}
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Zone() != "" || !ip.IsLoopback() {
		return "", "", false
	}
	return host, rest, true
}

func cleanURI(uri string) bool {
	for i := range len(uri) {
		if c := uri[i]; c <= 0x20 || c >= 0x7f || c == '\\' || c == '#' || c == '@' {
			return false
		}
	}
	return true
}

func validPort(port string) bool {
	if port == "" || len(port) > 5 {
		return false
	}
	n := 0
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
		n = n*10 + int(port[i]-'0')
	}
	return n > 0 && n <= 65535
}

// WithParam adds a parameter to the query of a URL of the configuration or of a client, which may have a query and a fragment.
func WithParam(to, name, value string) string {
	fragment := ""
	if i := strings.IndexByte(to, '#'); i >= 0 {
		to, fragment = to[:i], to[i:]
	}
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	return to + separator + name + "=" + url.QueryEscape(value) + fragment
}
