package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificates holds the TLS configuration that new connections get, and replaces it when its files change.
type certificates struct {
	files   TLS
	log     *slog.Logger
	current atomic.Pointer[tls.Config]
	read    [3][]byte // contents that current was made of; only touched by load
	failed  string    // last fault that was logged, so that it is logged once
}

// openCertificates reads the files for the first time; then a fault is the operator's to mend before we serve.
func openCertificates(files TLS, log *slog.Logger) (*certificates, error) {
	c := &certificates{files: files, log: log}
	if _, err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// load reads the files and, where they differ from what is in use, takes them if they fit together. Contents are
// compared and not dates: a renewal may keep a date, and a link to another directory may have an older one.
func (c *certificates) load() (changed bool, err error) {
	var now [3][]byte
	for i, name := range []string{c.files.CertFile, c.files.KeyFile, c.files.ClientCAFile} {
		if name == "" {
			continue
		}
		if now[i], err = os.ReadFile(name); err != nil {
			return false, fmt.Errorf("TLS: %w", err)
		}
	}
	if c.current.Load() != nil && bytes.Equal(now[0], c.read[0]) && bytes.Equal(now[1], c.read[1]) && bytes.Equal(now[2], c.read[2]) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(now[0], now[1])
	if err != nil {
		return false, fmt.Errorf("TLS: %s and %s: %w", c.files.CertFile, c.files.KeyFile, err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if c.files.ClientCAFile != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(now[2]) {
			return false, errors.New("TLS: " + c.files.ClientCAFile + " holds no certificate in PEM")
		}
		config.ClientCAs = pool
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	c.read = now
	c.current.Store(config)
	return true, nil
}

// watch looks at the files every interval until the context ends.
func (c *certificates) watch(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := c.load()
		switch {
		case err != nil && err.Error() != c.failed:
			c.failed = err.Error()
			c.log.Warn("certificate files changed but cannot be used; the ones in use stay", "error", err)
		case err == nil:
			c.failed = ""
			if changed {
				c.log.Info("certificate renewed", "file", c.files.CertFile, "not_after", c.notAfter())
			}
		}
	}
}

func (c *certificates) notAfter() time.Time {
	return c.current.Load().Certificates[0].Leaf.NotAfter
}

// config is handed to the listener. Each handshake takes the newest certificate; connections that are open keep
// theirs.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.current.Load(), nil
		},
	}
}
