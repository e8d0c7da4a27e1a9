package web

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Config is one listener, `serve.public` or `serve.admin`.
type Config struct {
	// Address is where the listener binds: host:port, or unix:/path for a socket. Without a host it listens on
	// every interface.
	Address string `yaml:"address"`
	// BaseURL is the URL under which the outside reaches the listener, for example
	// "https://api.example.com/auth/". Links, redirects and cookies are made from it. A path is a prefix: routes
	// work with it and, for a proxy that takes it off, without it.
	BaseURL string `yaml:"base_url"`
	// TLS are the certificate files; without them the listener speaks plain HTTP.
	TLS TLS `yaml:"tls"`
	// CORS says which other sites' pages may call this listener. Default: none.
	CORS CORS `yaml:"cors"`
	// TrustedProxies are the networks (CIDR) of proxies whose X-Forwarded-For tells the client's address. Default:
	// none, so the address is the peer's. List no network that clients themselves can connect from. On a unix: socket
	// the last address of the header is always believed, for only the proxy may open the socket: have the proxy set
	// the header or append to it. Without it nobody is limited by address, and a few failures lock a name for everybody.
	TrustedProxies Networks `yaml:"trusted_proxies"`
	// MaxBody is the largest request body that is read; larger ones are answered 413. Unit: bytes. Default:
	// 1048576 (1 MiB), on the admin listener 16777216 (16 MiB), which holds a batch of a thousand identities.
	MaxBody int64 `yaml:"max_body"`
	// Timeouts end connections of clients that are slow or gone.
	Timeouts Timeouts `yaml:"timeouts"`
}

// TLS is where a listener's certificate comes from. The files are read again within seconds of a change, without
// a restart; a half-written or mismatched pair is ignored until it fits.
type TLS struct {
	// CertFile is the PEM file of the certificate and its chain.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the PEM file of the certificate's private key.
	KeyFile string `yaml:"key_file"`
	// ClientCAFile is a PEM file of authorities. With it a client may show a certificate; one that none of the
	// authorities signed is refused.
	ClientCAFile string `yaml:"client_ca_file"`
	// TerminatedBy are the networks (CIDR) of proxies that end TLS in front of this listener. Plain HTTP from there
	// counts as https when X-Forwarded-Proto says so, and X-Forwarded-For is believed. The production profile
	// refuses a listener that has neither this nor a certificate.
	TerminatedBy Networks `yaml:"terminated_by"`
}

// Timeouts are the limits on one connection. They bound what a client costs that sends or reads slowly.
type Timeouts struct {
	// ReadHeader is how long a request's header may take. Unit: duration. Default: 5s.
	ReadHeader time.Duration `yaml:"read_header"`
	// Read is how long a request with its body may take. Unit: duration. Default: 30s. On the listener of the proxy it is how long
	// the next bytes may take to come, and the whole one second longer for each KiB that came; requests that stream more slowly
	// need more of it, unless they are HTTP/2 and the application has begun to answer.
	Read time.Duration `yaml:"read"`
	// Write is how long handler and answer may take. Unit: duration. Default: 60s. On the listener of the proxy it is how long the
	// client may take for the next part of an answer; answers and WebSockets may go on for as long as they like.
	Write time.Duration `yaml:"write"`
	// Idle is how long a connection is kept between requests. Unit: duration. Default: 120s.
	Idle time.Duration `yaml:"idle"`
}

// DefaultConfig returns a listener at the address, reached at the base URL, with the default limits.
func DefaultConfig(address, baseURL string) Config {
	return Config{
		Address: address, BaseURL: baseURL, MaxBody: DefaultMaxBody,
		Timeouts: Timeouts{ReadHeader: 5 * time.Second, Read: 30 * time.Second, Write: time.Minute, Idle: 2 * time.Minute},
	}
}

// Validate returns all that is wrong, each fault beginning with its key. It does not open files.
func (c Config) Validate() []error {
	var faults []error
	if err := checkAddress(c.Address); err != nil {
		faults = append(faults, fmt.Errorf("address: %w", err))
	}
	if _, err := ParseBaseURL(c.BaseURL); err != nil {
		faults = append(faults, fmt.Errorf("base_url: %w", err))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		faults = append(faults, errors.New("tls: cert_file and key_file go together: give both or none"))
	}
	if c.TLS.ClientCAFile != "" && c.TLS.CertFile == "" {
		faults = append(faults, errors.New("tls.client_ca_file: needs tls.cert_file and tls.key_file: client certificates only exist under TLS"))
	}
	faults = append(faults, under("tls.terminated_by", c.TLS.TerminatedBy.Validate())...)
	faults = append(faults, under("cors.", c.CORS.Validate())...)
	faults = append(faults, under("trusted_proxies", c.TrustedProxies.Validate())...)
	if c.MaxBody < 0 {
		faults = append(faults, fmt.Errorf("max_body: must not be negative, is %d", c.MaxBody))
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"read_header", c.Timeouts.ReadHeader}, {"read", c.Timeouts.Read}, {"write", c.Timeouts.Write}, {"idle", c.Timeouts.Idle}} {
		if d.value < 0 {
			faults = append(faults, fmt.Errorf("timeouts.%s: must not be negative, is %s", d.key, d.value))
		}
	}
	return faults
}

// Local reports whether the listener can be reached from this machine only: a socket or a loopback address.
func (c Config) Local() bool {
	if c.socket() {
		return true
	}
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c Config) socket() bool { return strings.HasPrefix(c.Address, unixPrefix) }

// Options returns what the configuration says about requests. It panics on a configuration that Validate
// refuses.
func (c Config) Options() Options {
	base, err := ParseBaseURL(c.BaseURL)
	if err != nil {
		panic("web: listener configuration was not validated: " + err.Error())
	}
	return Options{
		BaseURL: base, MaxBody: c.MaxBody, CORS: c.CORS,
		TrustedProxies: c.TrustedProxies, Socket: c.socket(), TerminatedBy: c.TLS.TerminatedBy,
	}
}

const unixPrefix = "unix:"

func checkAddress(s string) error {
	if path, ok := strings.CutPrefix(s, unixPrefix); ok {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("%q: the path of the socket must be absolute, as in unix:/run/gatehouse.sock", s)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not host:port, as in 127.0.0.1:4444 or :4444", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q: the port must be a number from 0 to 65535", s)
	}
	return nil
}

// under puts a path before each fault.
func under(path string, faults []error) []error {
	for i, f := range faults {
		faults[i] = fmt.Errorf("%s%w", path, f)
	}
	return faults
}
