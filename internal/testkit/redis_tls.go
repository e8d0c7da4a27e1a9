package testkit

import (
	"path/filepath"
	"testing"
)

// RedisTLS is a Redis that speaks TLS too.
type RedisTLS struct {
	*Redis
	// TLSPort is the port for TLS, on every address of this machine.
	TLSPort string
	// CA and OtherCA are files of authorities: the one that signed the server's certificate, and another one. The certificate
	// is for localhost, and not for 127.0.0.1.
	CA, OtherCA string
	// Cert and Key are files of a client certificate that the server takes.
	Cert, Key string
}

// StartRedisTLS starts a Redis with TLS and settings of its own; it ends with the test.
func StartRedisTLS(t *testing.T, settings ...string) *RedisTLS {
	t.Helper()
	dir := t.TempDir()
	r := &RedisTLS{
		CA: filepath.Join(dir, "ca.crt"), OtherCA: filepath.Join(dir, "other.crt"),
		Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key"),
	}
	certify(t, dir, r.CA)
	certify(t, filepath.Join(dir, "unused"), r.OtherCA)
	r.Redis = startRedis(t, "--tls-port", append([]string{
		"--tls-cert-file", r.Cert, "--tls-key-file", r.Key, "--tls-ca-cert-file", r.CA,
	}, settings...)...)
	r.TLSPort = r.more[1]
	return r
}
