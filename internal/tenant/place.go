package tenant

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

var errBoth = errors.New("a tenant has hosts or a path prefix, not both: links could only lead to one of them")

// ParseHost returns a host name in the form in which names compare, or says what is wrong with it.
func ParseHost(h string) (string, error) {
	name := normalize(h)
	if name == "" || len(name) > maxHost || name != strings.ToLower(strings.TrimSuffix(h, ".")) || !plainHost(name) {
		return "", fmt.Errorf("%q is not a host name without port", h)
	}
	return name, nil
}

// maxHost is the longest name of a host (RFC 1035 §2.3.4), within what a database's key takes.
const maxHost = 190

// plainHost knows names and addresses. Underscores are in names that people use inside their networks.
func plainHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

// normalize cuts port, brackets and root dot off and lowers the case: host names compare without it
// (RFC 9110 §4.2.3).
func normalize(host string) string {
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return ""
		}
		host = host[1:end]
	} else if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host, ':') == i {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

const (
	maxSegments = 4
	maxPrefix   = 128
)

// reserved are the first segments of paths that are the server's own.
var reserved = []string{
	".well-known", "account", "admin", "clients", "credentials", "health", "identities", "keys", "oauth2", "recovery", "schemas",
	"self-service", "sessions", "static", "userinfo", "version",
}

// Reserved tells whether paths that begin with the segment are the server's own, so that no tenant can be below them.
func Reserved(segment string) bool { return slices.Contains(reserved, segment) }

// CheckPrefix says what keeps a text from being the path below which a tenant is.
func CheckPrefix(p string) error {
	segments := strings.Split(strings.TrimPrefix(p, "/"), "/")
	switch {
	case !strings.HasPrefix(p, "/") || len(p) > maxPrefix || len(segments) > maxSegments:
		return fmt.Errorf("%q is not a path prefix: write one such as /t/acme, of %d segments and %d characters at most", p, maxSegments, maxPrefix)
	case Reserved(segments[0]):
		return fmt.Errorf("/%s is the server's own: write another prefix, such as /t/acme", segments[0])
	}
	for _, s := range segments {
		if !plainSegment(s) {
			return fmt.Errorf("%q is not a path prefix: between slashes there may be letters, digits and - . _ ~ only, and no slash at the end", p)
		}
	}
	return nil
}

// plainSegment knows what reads the same in a URL, in a Set-Cookie header and after decoding.
func plainSegment(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	return true
}

// Overlap tells whether two path prefixes are the same, or one lies below the other: then a path would lead to both.
func Overlap(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}
