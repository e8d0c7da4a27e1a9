package door

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/trust"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// UpstreamConfig says how the proxy reaches applications.
type UpstreamConfig struct {
	// How long connecting may take, TLS included. Unit: duration.
	ConnectTimeout time.Duration `yaml:"connect_timeout" default:"5s" min:"100ms" max:"1m"`
	// How long an application may take until its answer begins. What it sends afterwards, a stream for example, has no limit.
	// Unit: duration. 0s means no limit.
	ResponseTimeout time.Duration `yaml:"response_timeout" default:"2m" min:"0s" max:"24h"`
	// A PEM file of the authorities that sign the applications' certificates. Empty means those that the system trusts.
	CAFile string `yaml:"ca_file"`
	// PEM files of the certificate and key by which the proxy proves to applications who it is. Empty means none.
	CertFile string `yaml:"cert_file"`
	// The key that belongs to cert_file.
	KeyFile string `yaml:"key_file"`
	// How many unused connections to one application are kept.
	IdleConnections int `yaml:"idle_connections" default:"256" min:"0" max:"10000"`
}

// DefaultUpstreamConfig is what stands where nothing is written.
func DefaultUpstreamConfig() UpstreamConfig {
	return UpstreamConfig{ConnectTimeout: 5 * time.Second, ResponseTimeout: 2 * time.Minute, IdleConnections: 256}
}

// Validate returns everything that is wrong with c, each fault with the path of its field below `access.upstream`.
func (c UpstreamConfig) Validate() (faults []error) {
	if (c.CertFile == "") != (c.KeyFile == "") {
		faults = append(faults, errors.New("cert_file and key_file go together: give both or none"))
	}
	return faults
}

// transport connects to upstreams as far as it may: connections for rules of the admin API are their own, so that none is used
// that another rule's reach has made.
func (c UpstreamConfig) transport(reach engine.Reach) (http.RoundTripper, error) {
	settings, err := c.tls()
	if err != nil {
		return nil, err
	}
	return &reaching{files: c.upstreams(settings, reach.Files), api: c.upstreams(settings.Clone(), reach.API)}, nil
}

// reaching sends requests by the source of their rule.
type reaching struct{ files, api *upstreams }

// RoundTrip implements http.RoundTripper.
func (t *reaching) RoundTrip(r *http.Request) (*http.Response, error) {
	if way(r.Context()).decision.Rule.FromAPI() {
		return t.api.RoundTrip(r)
	}
	return t.files.RoundTrip(r)
}

// upstreams connects by http, https with HTTP/2 where both can, and h2c for HTTP/2 in the clear, as gRPC wants it.
func (c UpstreamConfig) upstreams(settings *tls.Config, bounds fetch.Bounds) *upstreams {
	dialer := &net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: 30 * time.Second, Control: bounds.Control}
	t := &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: settings, TLSHandshakeTimeout: c.ConnectTimeout, ForceAttemptHTTP2: true,
		ResponseHeaderTimeout: c.ResponseTimeout, MaxIdleConnsPerHost: c.IdleConnections, IdleConnTimeout: 90 * time.Second,
		// The client's Accept-Encoding is passed on, and its answer as it is.
		DisableCompression: true,
		Protocols:          &http.Protocols{},
	}
	t.Protocols.SetHTTP1(true)
	t.Protocols.SetHTTP2(true)
	plain := t.Clone()
	plain.Protocols = &http.Protocols{}
	plain.Protocols.SetUnencryptedHTTP2(true)
	return &upstreams{usual: t, h2c: plain}
}

func (c UpstreamConfig) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		var err error
		if t.RootCAs, err = trust.Only(c.CAFile); err != nil {
			return nil, fmt.Errorf("access.upstream.ca_file: %w", err)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("access.upstream.cert_file: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// upstreams sends requests by the scheme of their rule.
type upstreams struct{ usual, h2c *http.Transport }

// tries is how often a connection is begun. Only that is tried again: once a byte was sent, nobody knows what became of it but
// what http.Transport does for requests that may be repeated (RFC 9110 §9.2.2).
const tries = 3

// RoundTrip implements http.RoundTripper.
func (u *upstreams) RoundTrip(r *http.Request) (*http.Response, error) {
	t := u.usual
	if r.URL.Scheme == "h2c" {
		t, r = u.h2c, r.Clone(r.Context())
		r.URL.Scheme = "http"
	}
	body := &untouched{Reader: r.Body}
	if r.Body != nil {
		r.Body = body
	}
	for try := 1; ; try++ {
		resp, err := t.RoundTrip(r)
		if err == nil || try == tries || body.touched.Load() || !unreached(err) {
			return resp, err
		}
		if !wait.For(r.Context(), time.Duration(try)*50*time.Millisecond) {
			return nil, err
		}
	}
}

// unreached reports whether there was no connection to the upstream at all.
func unreached(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" && !op.Timeout() && !errors.Is(err, fetch.ErrPrivate)
}

// untouched is a body that knows whether anything of it was taken. Closing is left to the server: a transport closes the body
// of a request that it could not send, and that is sent again.
type untouched struct {
	io.Reader
	touched atomic.Bool
}

// Read implements io.Reader.
func (b *untouched) Read(p []byte) (int, error) {
	b.touched.Store(true)
	return b.Reader.Read(p)
}

// Close implements io.Closer.
func (b *untouched) Close() error { return nil }

// buffers lends the memory through which answers are copied.
type buffers struct{ pool sync.Pool }

const copySize = 32 << 10

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { b := make([]byte, copySize); return &b }}}
}

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte { return *b.pool.Get().(*[]byte) }

// Put implements httputil.BufferPool.
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
