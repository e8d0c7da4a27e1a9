package kube

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

// tlsFiles are the contents of a server's files.
type tlsFiles struct{ authorities, certificate, key string }

// connection is what reaches a server, and the files that it was made with.
type connection struct {
	client *http.Client
	files  tlsFiles
}

// client gives the HTTP client for a server. The files are read each time: whoever renews certificates replaces them while the controller
// runs, and what was connected with the former ones is used no more.
func (a *admin) client(s *Server) (*http.Client, error) {
	files, err := s.read()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.connections[s]
	if last != nil && last.files == files {
		return last.client, nil
	}
	settings, err := s.settings()
	if err != nil {
		return nil, err
	}
	if last != nil {
		last.client.CloseIdleConnections()
	}
	c := &http.Client{
		Transport: counted{&http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: workers, IdleConnTimeout: time.Minute}, a.count},
	}
	if a.connections == nil {
		a.connections = map[*Server]*connection{}
	}
	a.connections[s] = &connection{c, files}
	return c, nil
}

// read reads the files that the server has.
func (s *Server) read() (f tlsFiles, err error) {
	for _, file := range []struct {
		flag, path string
		to         *string
	}{{"--tls-trust-store", s.CAFile, &f.authorities}, {"--client-cert", s.CertFile, &f.certificate}, {"--client-key", s.KeyFile, &f.key}} {
		if file.path == "" {
			continue
		}
		raw, err := os.ReadFile(file.path)
		if err != nil {
			return f, fmt.Errorf("%s: %w", file.flag, err)
		}
		*file.to = string(raw)
	}
	return f, nil
}

// settings make TLS of the files.
func (s *Server) settings() (*tls.Config, error) {
	settings, err := &tls.Config{MinVersion: tls.VersionTLS12}, error(nil)
	if s.CAFile != "" {
		if settings.RootCAs, err = trust.Only(s.CAFile); err != nil {
			return nil, fmt.Errorf("--tls-trust-store: %w", err)
		}
	}
	if s.CertFile != "" {
		// Shown always, and not only where the server names its authority: it then says what is wrong with it.
		settings.GetClientCertificate = trust.Shown(s.CertFile, s.KeyFile)
		if _, err := settings.GetClientCertificate(nil); err != nil {
			return nil, fmt.Errorf("--client-cert %s and --client-key %s: %w", s.CertFile, s.KeyFile, err)
		}
	}
	return settings, nil
}

// usable says what is wrong with the files.
func (s *Server) usable() error {
	_, err := s.read()
	if err == nil {
		_, err = s.settings()
	}
	return err
}

// counted is a transport whose requests are counted.
type counted struct {
	http.RoundTripper

	count func(method string, status int)
}

// CloseIdleConnections is what http.Client looks for.
func (c counted) CloseIdleConnections() {
	if t, ok := c.RoundTripper.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		c.count(r.Method, 0)
		return nil, err
	}
	c.count(r.Method, resp.StatusCode)
	return resp, nil
}

// untrusted says what to do about a handshake that failed; empty where it was none.
func untrusted(err error) string {
	if _, names := errors.AsType[x509.HostnameError](err); names {
		return "the admin API's address must be one of the names in its certificate"
	}
	if _, unknown := errors.AsType[*tls.CertificateVerificationError](err); unknown {
		return "--tls-trust-store must name the authority that signs its certificate"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" { // an alert of TLS (RFC 8446 §6)
		return "--client-cert must be one that an authority in the server's serve.admin.tls.client_ca_file signed"
	}
	return ""
}
