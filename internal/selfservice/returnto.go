package selfservice

import (
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

var errReturnTo = fault.New(fault.Invalid, "self_service_flow_return_to_forbidden",
	"The return_to address is not one that this server sends browsers to. Its operator allows addresses with selfservice.allowed_return_urls.")

// maxReturnTo bounds the addresses that are kept with a flow, in bytes.
const maxReturnTo = 4096

// returnRules say where browsers may be sent.
type returnRules struct {
	base    *url.URL // the public listener, which may have a host in common with others
	allowed []*url.URL
}

// newReturnRules reads the configured addresses; those that are none are Validate's to report, and allow nothing here.
func newReturnRules(base string, allowed []string) returnRules {
	r := returnRules{base: &url.URL{}}
	if u, err := url.Parse(base); err == nil {
		r.base = u
	}
	for _, a := range allowed {
		if u, err := url.Parse(a); err == nil && u.Scheme != "" && (u.Host != "" || !hasHost(u)) {
			r.allowed = append(r.allowed, u)
		}
	}
	return r
}

// check returns the address in absolute form. Browsers read addresses more generously than RFC 3986: backslashes are slashes
// to them, and blanks and control characters are dropped. So nothing that two could read in two ways is let through.
func (r returnRules) check(to string) (string, error) {
	if len(to) > maxReturnTo || strings.ContainsFunc(to, ambiguous) {
		return "", errReturnTo
	}
	u, err := url.Parse(to)
	if err != nil || u.User != nil || u.Opaque != "" || climbs(u.EscapedPath()) {
		return "", errReturnTo
	}
	if u.Scheme == "" && u.Host == "" && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") {
		u.Scheme, u.Host = r.base.Scheme, r.base.Host
	}
	if u.Scheme == "" || hasHost(u) && u.Hostname() == "" {
		return "", errReturnTo
	}
	for _, a := range append([]*url.URL{r.base}, r.allowed...) {
		if covers(a, u) {
			return u.String(), nil
		}
	}
	return "", errReturnTo
}

func ambiguous(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f || c == '\uFFFD' || c > 0x7f }

// hasHost reports whether the scheme is one whose addresses have a host; others belong to native apps.
func hasHost(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

// climbs reports whether the path has a segment of dots, in which case it means another path than it says; also to servers that
// take an escaped slash for a slash.
func climbs(path string) bool {
	path = strings.NewReplacer("%2f", "/", "%5c", "/").Replace(strings.ToLower(path))
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(segment, "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}

// covers reports whether the allowed address a covers u: scheme and host equal, the path below a's.
func covers(a, u *url.URL) bool {
	if a.Scheme != u.Scheme {
		return false
	}
	if suffix, wild := strings.CutPrefix(strings.ToLower(a.Hostname()), "*"); wild {
		// The suffix begins with the dot, so that *.example.com does not cover badexample.com.
		host := strings.ToLower(u.Hostname())
		if !strings.HasPrefix(suffix, ".") || len(host) <= len(suffix) || !strings.HasSuffix(host, suffix) || port(a) != port(u) {
			return false
		}
	} else if !sameHost(a, u) {
		return false
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), strings.TrimSuffix(a.EscapedPath(), "/"))
	return ok && (rest == "" || rest[0] == '/')
}

func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// port returns the port, or the scheme's own.
func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	case u.Scheme == "http":
		return "80"
	}
	return ""
}

// withQuery returns the address with one query parameter set.
func withQuery(address, key, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}
