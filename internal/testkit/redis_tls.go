package testkit

import (
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
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
		TLSPort: strconv.Itoa(freePort(t)), CA: filepath.Join(dir, "ca.crt"), OtherCA: filepath.Join(dir, "other.crt"),
		Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key"),
	}
	certify(t, dir, r.CA)
	certify(t, filepath.Join(dir, "unused"), r.OtherCA)
	r.Redis = StartRedis(t, append([]string{
		"--tls-port", r.TLSPort, "--tls-cert-file", r.Cert, "--tls-key-file", r.Key, "--tls-ca-cert-file", r.CA,
	}, settings...)...)
	return r
}

// freePort is a port at which nobody listens, below the range from which outgoing connections take theirs.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("testkit: no port between 20000 and 32000 is free")
	return 0
}
