package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Options say how far a Client goes. The zero value is strict.
type Options struct {
	// Timeout bounds a whole read, redirects included. Default: 5s.
	Timeout time.Duration
	// MaxBytes bounds the size of a document. Default: 256 KiB.
	MaxBytes int64
	// AllowPrivate permits addresses that only this machine or this network can
	// reach. Without it the address is checked after resolution, at each
	// connection, so that neither a name nor a redirect leads inside.
	AllowPrivate bool
	// AllowHTTP permits plain http.
	AllowHTTP bool
}

// Client reads documents. It may be used by many at once.
type Client struct {
	http    *http.Client
	options Options
}

const (
	maxRedirects = 3
	userAgent    = "gatehouse"
)

var (
	// ErrScheme says that the URL, or one it redirects to, is not of a permitted scheme.
	ErrScheme = errors.New("only https URLs are read")
	// ErrPrivate says that the name resolves to an address on a private network.
	ErrPrivate = errors.New("the address is not a public one")
	// ErrTooLarge says that the document is larger than permitted.
	ErrTooLarge = errors.New("the document is too large")
	// ErrStatus says that the answer was no 200.
	ErrStatus = errors.New("the server did not answer 200")
)

// New returns a client.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 10
	}
	c := &Client{options: o}
	c.http = &http.Client{Timeout: o.Timeout, CheckRedirect: c.checkRedirect, Transport: newTransport(o.Timeout, !o.AllowPrivate)}
	return c
}

// Get reads the document at the URL. Errors name neither query nor content.
func (c *Client) Get(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the URL cannot be parsed")
	}
	if err := c.checkURL(u); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("the URL cannot be requested")
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", u.Host, WithoutURL(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading from %s: %w but %d", u.Host, ErrStatus, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, c.options.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", u.Host, err)
	}
	if int64(len(body)) > c.options.MaxBytes {
		return nil, fmt.Errorf("reading from %s: %w: more than %d bytes", u.Host, ErrTooLarge, c.options.MaxBytes)
	}
	return body, nil
}

func (c *Client) checkURL(u *url.URL) error {
	if u.Scheme != "https" && (u.Scheme != "http" || !c.options.AllowHTTP) || u.Host == "" {
		return ErrScheme
	}
	return nil
}

func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return ErrScheme
	}
	req.Header.Del("Referer") // the query of what was asked first may hold a key, and this server may be another's
	return c.checkURL(req.URL)
}

// Public reports whether an address belongs to the public internet: to no
// range that is private, local, reserved, or stands for another address
// (RFC 6890, RFC 6052, RFC 3056).
func Public(ip netip.Addr) bool {
	if ip.Zone() != "" {
		return false
	}
	ip = ip.Unmap()
	if !ip.IsValid() || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// special are ranges that net/netip calls global unicast and that are not on
// the public internet.
var special = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT; cloud metadata at some
	netip.MustParsePrefix("192.0.0.0/24"),    // IETF protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved
	netip.MustParsePrefix("::/96"),           // IPv4-compatible
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),  // local NAT64
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("fec0::/10"),       // site-local, of old
}
