package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// CORS says which other sites' pages may call this listener from a browser.
type CORS struct {
	// Enabled turns CORS on. Off (the default), browsers let no other site read our answers.
	Enabled bool `yaml:"enabled"`
	// AllowedOrigins are origins such as "https://app.example.com", or with a wildcard for every subdomain
	// at any depth, "https://*.example.com". "*" allows every origin, but never with credentials.
	AllowedOrigins []string `yaml:"allowed_origins"`
	// AllowedMethods are the methods that a preflight is told. Default: GET, POST, PUT, PATCH, DELETE.
	AllowedMethods []string `yaml:"allowed_methods"`
	// AllowedHeaders are the request headers that a preflight is told. Default: Authorization, Content-Type,
	// X-Request-Id, X-Session-Token, X-CSRF-Token, X-XSRF-Token.
	AllowedHeaders []string `yaml:"allowed_headers"`
	// ExposedHeaders are the answer's headers that scripts may read. Default: Link, Retry-After, X-Request-Id,
	// X-Total-Count.
	ExposedHeaders []string `yaml:"exposed_headers"`
	// AllowCredentials lets the origins listed here send cookies and read the answer. Origins that only clients list
	// never may. Default: false.
	AllowCredentials bool `yaml:"allow_credentials"`
	// MaxAge is how long a browser may remember a preflight. Default: 10m.
	MaxAge time.Duration `yaml:"max_age"`
}

// Validate returns every fault of the configuration with its path below "cors".
func (c CORS) Validate() []error {
	if !c.Enabled {
		return nil
	}
	var faults []error
	for i, s := range c.AllowedOrigins {
		if s == "*" {
			if c.AllowCredentials {
				faults = append(faults, fmt.Errorf("allowed_origins[%d]: \"*\" cannot go with allow_credentials: every site could act as the signed-in person; list the origins", i))
			}
			continue
		}
		if _, err := parseOrigin(s); err != nil {
			faults = append(faults, fmt.Errorf("allowed_origins[%d]: %w", i, err))
		}
	}
	for i, m := range c.AllowedMethods {
		if !token(m) {
			faults = append(faults, fmt.Errorf("allowed_methods[%d]: %q is not a method", i, m))
		}
	}
	for name, list := range map[string][]string{"allowed_headers": c.AllowedHeaders, "exposed_headers": c.ExposedHeaders} {
		for i, h := range list {
			if !token(h) {
				faults = append(faults, fmt.Errorf("%s[%d]: %q is not a header name", name, i, h))
			}
		}
	}
	if c.MaxAge < 0 {
		faults = append(faults, errors.New("max_age: must not be negative"))
	}
	return faults
}

// token reports whether s is an RFC 9110 §5.6.2 token.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// originPattern is an allowed origin: exact, or any host under suffix.
type originPattern struct {
	exact  string
	scheme string // "https://"
	suffix string // ".example.com"
	port   string // ":8443" or ""
}

func parseOrigin(s string) (originPattern, error) {
	bad := fmt.Errorf("%q is not an origin: write it like https://app.example.com or https://*.example.com", s)
	u, err := url.Parse(strings.Replace(s, "://*.", "://", 1))
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil || u.Opaque != "" ||
		(u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || strings.ContainsAny(s, "#?") {
		return originPattern{}, bad
	}
	scheme := strings.ToLower(u.Scheme)
	host := hostPort(scheme, u.Host)
	if strings.Contains(host, "*") {
		return originPattern{}, bad
	}
	if !strings.Contains(s, "://*.") {
		return originPattern{exact: scheme + "://" + host}, nil
	}
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		name, port = host[:i], host[i:]
	}
	if !dnsName(name) || !strings.Contains(name, ".") {
		return originPattern{}, bad
	}
	return originPattern{scheme: scheme + "://", suffix: "." + name, port: port}, nil
}

// match tells whether an Origin header is a subdomain of the pattern's, cut at a DNS label.
func (p originPattern) match(origin string) bool {
	host, ok := strings.CutPrefix(origin, p.scheme)
	if !ok {
		return false
	}
	if host, ok = strings.CutSuffix(host, p.port); !ok {
		return false
	}
	label, ok := strings.CutSuffix(host, p.suffix)
	return ok && dnsName(label)
}

// dnsName reports whether s is made of non-empty labels of letters, digits, "-" and "_".
func dnsName(s string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.' && last != '.':
		default:
			return false
		}
		last = c
	}
	return last != '.'
}

// corsPolicy is CORS made ready: look-ups and header values are prepared once.
type corsPolicy struct {
	any         bool
	exact       map[string]bool
	patterns    []originPattern
	ask         func(r *http.Request, origin string) bool
	credentials bool
	methods     []string
	headers     []string
	exposed     []string
	maxAge      []string
}

func (c CORS) policy(ask func(*http.Request, string) bool) *corsPolicy {
	if !c.Enabled {
		return nil
	}
	p := &corsPolicy{exact: make(map[string]bool), ask: ask, credentials: c.AllowCredentials}
	for _, s := range c.AllowedOrigins {
		if s == "*" {
			p.any = true
			continue
		}
		o, err := parseOrigin(s)
		switch {
		case err != nil: // Validate has said so; an origin that cannot be read allows nobody
		case o.exact != "":
			p.exact[o.exact] = true
		default:
			p.patterns = append(p.patterns, o)
		}
	}
	p.methods = joined(c.AllowedMethods, "GET", "POST", "PUT", "PATCH", "DELETE")
	p.headers = joined(c.AllowedHeaders, "Authorization", "Content-Type", "X-Request-Id", "X-Session-Token", "X-CSRF-Token", "X-XSRF-Token")
	p.exposed = joined(c.ExposedHeaders, "Link", "Retry-After", "X-Request-Id", "X-Total-Count")
	age := c.MaxAge
	if age == 0 {
		age = 10 * time.Minute
	}
	p.maxAge = []string{strconv.Itoa(int(age / time.Second))}
	return p
}

func joined(list []string, otherwise ...string) []string {
	if len(list) == 0 {
		list = otherwise
	}
	return []string{strings.Join(list, ", ")}
}

// maxOrigin is longer than any origin: scheme, 253 characters of host, port.
const maxOrigin = 300

// listed reports whether the origin is one that the configuration names. "null", which sandboxed frames and
// files send, never is.
func (p *corsPolicy) listed(origin string) bool {
	if len(origin) > maxOrigin || origin == "null" {
		return false
	}
	if p.exact[origin] {
		return true
	}
	for _, o := range p.patterns {
		if o.match(origin) {
			return true
		}
	}
	return false
}

// asked reports whether somebody else than the configuration allows the origin.
func (p *corsPolicy) asked(r *http.Request, origin string) bool {
	return p.ask != nil && len(origin) <= maxOrigin && origin != "null" && p.ask(r, origin)
}

// handle sets the headers for the request's origin and reports whether the request was a preflight, which it
// has then answered but for the status.
func (p *corsPolicy) handle(h http.Header, r *http.Request) (preflight bool) {
	// Caches must keep the answers of origins apart, also those without one.
	h.Add("Vary", "Origin")
	origins := r.Header["Origin"]
	if len(origins) != 1 {
		return false
	}
	preflight = r.Method == http.MethodOptions && len(r.Header["Access-Control-Request-Method"]) > 0
	if preflight {
		h.Add("Vary", "Access-Control-Request-Method")
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	switch {
	case p.listed(origins[0]):
		h["Access-Control-Allow-Origin"] = []string{origins[0]}
		if p.credentials {
			h["Access-Control-Allow-Credentials"] = []string{"true"}
		}
	case p.asked(r, origins[0]):
		h["Access-Control-Allow-Origin"] = []string{origins[0]}
	case p.any:
		h["Access-Control-Allow-Origin"] = []string{"*"}
	default:
		return preflight
	}
	if preflight {
		h["Access-Control-Allow-Methods"] = p.methods
		h["Access-Control-Allow-Headers"] = p.headers
		h["Access-Control-Max-Age"] = p.maxAge
	} else {
		h["Access-Control-Expose-Headers"] = p.exposed
	}
	return preflight
}
