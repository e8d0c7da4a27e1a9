package web

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// BaseURL is the address under which the outside reaches a listener, for example
// "https://api.example.com/auth/". Its path is a prefix that a proxy in front may leave on or take off.
// The zero value has neither origin nor prefix.
type BaseURL struct {
	origin string // "https://api.example.com", nothing for the zero value
	prefix string // "/auth", or "" at the root
}

// ParseBaseURL reads an absolute http or https URL without user, query and fragment.
func ParseBaseURL(s string) (BaseURL, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The parser's own error repeats the whole input, which may hold a password.
		return BaseURL{}, errors.New("base URL cannot be parsed: write it like https://login.example.com/")
	}
	scheme := strings.ToLower(u.Scheme)
	switch {
	case scheme != "http" && scheme != "https":
		return BaseURL{}, fmt.Errorf("base URL must start with https:// or http://, not %q", u.Scheme)
	case u.Hostname() == "" || u.Opaque != "":
		return BaseURL{}, errors.New("base URL has no host: write it like https://login.example.com/")
	case u.User != nil:
		return BaseURL{}, errors.New("base URL must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return BaseURL{}, errors.New("base URL must end with its path: no query, no fragment")
	case !plainPath(u.EscapedPath()):
		return BaseURL{}, errors.New("base URL's path may only hold letters, digits and - . _ ~ between slashes")
	}
	prefix := strings.TrimSuffix(u.Path, "/")
	if prefix != "" && path.Clean(prefix) != prefix {
		return BaseURL{}, fmt.Errorf("base URL's path %q is not clean: write %q", u.Path, path.Clean(prefix))
	}
	return BaseURL{origin: scheme + "://" + hostPort(scheme, u.Host), prefix: prefix}, nil
}

// plainPath reports whether a path is made of unreserved characters and slashes only, so that it reads the
// same in a URL, in a Set-Cookie header and after decoding.
func plainPath(p string) bool {
	for i := range len(p) {
		c := p[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '/', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// hostPort lowers the case of a host and drops the port that the scheme implies.
func hostPort(scheme, host string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":")
	}
	return strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":")
}

// Join returns the absolute URL of a path of ours, which may carry a query: Join("/oauth2/auth?x=y").
func (b BaseURL) Join(path string) string {
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	return b.origin + b.prefix + path
}

// Path returns a path of ours as the outside sees it on the same host: the prefix before it.
func (b BaseURL) Path(path string) string {
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	return b.prefix + path
}

// CookiePath returns the Path attribute for our cookies: the prefix, or "/".
func (b BaseURL) CookiePath() string {
	if b.prefix == "" {
		return "/"
	}
	return b.prefix
}

// Prefix returns the path before all of ours, without a slash at its end; empty at the root.
func (b BaseURL) Prefix() string { return b.prefix }

// Origin returns scheme, host and port as browsers send them in the Origin header.
func (b BaseURL) Origin() string { return b.origin }

// Host returns host and, where it is not the scheme's own, port.
func (b BaseURL) Host() string {
	_, host, _ := strings.Cut(b.origin, "://")
	return host
}

// Secure reports whether the outside reaches us over https.
func (b BaseURL) Secure() bool { return strings.HasPrefix(b.origin, "https:") }

// IsZero reports whether no base URL was given.
func (b BaseURL) IsZero() bool { return b.origin == "" }

// String returns the URL with a slash at its end, the form in which it is configured.
func (b BaseURL) String() string {
	if b.origin == "" {
		return ""
	}
	return b.origin + b.prefix + "/"
}

// below returns the URL with more of a path behind its own; "" leaves it as it is.
func (b BaseURL) below(prefix string) BaseURL {
	b.prefix += prefix
	return b
}

// strip takes the prefix off a path; ok is false where the path does not carry it.
func (b BaseURL) strip(p string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(p, b.prefix)
	if b.prefix == "" || !ok {
		return p, false
	}
	switch {
	case rest == "":
		return "/", true
	case rest[0] == '/':
		return rest, true
	default:
		return p, false
	}
}
