package fetch

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// AuthConfig is how the other service knows this server.
type AuthConfig struct {
	// The kind: api_key, basic_auth, or empty for none.
	Type string `yaml:"type" enum:",api_key,basic_auth"`
	// What the kind needs.
	Config AuthValues `yaml:"config"`
}

// AuthValues are what a kind of AuthConfig needs.
type AuthValues struct {
	// Name of the header or cookie (api_key).
	Name string `yaml:"name"`
	// Its value (api_key).
	Value secret.String `yaml:"value"`
	// Where the key goes: header or cookie (api_key).
	In string `yaml:"in" enum:",header,cookie"`
	// User name (basic_auth).
	User string `yaml:"user"`
	// Password (basic_auth).
	Password secret.String `yaml:"password"`
}

// The values of AuthConfig.Type and AuthValues.In.
const (
	apiKey    = "api_key"
	basicAuth = "basic_auth"
	inHeader  = "header"
	inCookie  = "cookie"
)

// Validate returns everything that is wrong with c, each fault with the path of its field below the credential's `auth`.
func (c AuthConfig) Validate() (faults []error) {
	bad := func(fault string) { faults = append(faults, errors.New(fault)) }
	switch c.Type {
	case "":
		if c.Config != (AuthValues{}) {
			bad("type: is missing: api_key or basic_auth")
		}
	case apiKey:
		if !IsToken(c.Config.Name) {
			bad("config.name: is no name of a header or cookie")
		}
		if v := c.Config.Value.Reveal(); v == "" || hasControl(v) {
			bad("config.value: is empty, or has characters that a header cannot have")
		}
		if c.Config.In != inHeader && c.Config.In != inCookie {
			bad("config.in: must be header or cookie")
		}
	case basicAuth:
		if c.Config.User == "" || strings.Contains(c.Config.User, ":") {
			bad("config.user: is empty, or has a colon, which no user name has (RFC 7617 §2)")
		}
	default:
		bad("type: must be api_key or basic_auth")
	}
	return faults
}

// ValidateHeaders returns what is wrong with configured headers, each fault with the name of its header below `headers`.
func ValidateHeaders(headers map[string]secret.String) (faults []error) {
	for name, value := range headers {
		if !IsToken(name) {
			faults = append(faults, errors.New(name+": is no name of a header"))
		} else if hasControl(value.Reveal()) {
			faults = append(faults, errors.New(name+": the value has characters that a header cannot have"))
		}
	}
	return faults
}

// CheckURL says what is wrong with the address of a service, without repeating it.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is no absolute https or http URL")
	case u.User != nil:
		return errors.New("must not hold a user name or password: a service's credential goes into auth")
	}
	return nil
}

// IsToken reports whether s may name a header, cookie or method (RFC 9110 §5.6.2).
func IsToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// hasControl reports whether s has characters that the value of a header cannot have (RFC 9110 §5.5).
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// NewCaller returns a client for calls to services that the operator named; how long a call takes, its context says. It follows
// no redirect: that would take what is told in confidence to where nobody configured it. publicOnly refuses addresses that
// only this machine or this network can reach, whatever a name resolves to.
func NewCaller(publicOnly bool) *http.Client {
	return &http.Client{
		Transport:     newTransport(10*time.Second, publicOnly),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newTransport(connect time.Duration, publicOnly bool) *http.Transport {
	dialer := &net.Dialer{Timeout: connect}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connect,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
	if publicOnly {
		dialer.Control = checkAddress
	} else {
		// A proxy would connect in our place, where addresses cannot be checked.
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

// checkAddress sees each address that is about to be connected to, after names were resolved: there is no time between check
// and use.
func checkAddress(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !Public(to.Addr()) {
		return ErrPrivate
	}
	return nil
}

// Dress adds the configured headers and the credential to a request.
func Dress(req *http.Request, headers map[string]secret.String, auth AuthConfig) {
	req.Header.Set("User-Agent", userAgent)
	for name, value := range headers {
		if strings.EqualFold(name, "Host") {
			req.Host = value.Reveal()
			continue
		}
		req.Header.Set(name, value.Reveal())
	}
	v := auth.Config
	switch {
	case auth.Type == basicAuth:
		req.SetBasicAuth(v.User, v.Password.Reveal())
	case auth.Type == apiKey && v.In == inCookie:
		req.AddCookie(&http.Cookie{Name: v.Name, Value: v.Value.Reveal()})
	case auth.Type == apiKey:
		req.Header.Set(v.Name, v.Value.Reveal())
	}
}

// WithoutURL takes off the layer of an http.Client's error that repeats the whole URL, which may hold a key in its query.
func WithoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
