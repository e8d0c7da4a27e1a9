package process

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"path/filepath"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/pki"
)

// Certificate writes a self-signed certificate for loopback and its key, and gives the files' paths.
func Certificate(t testing.TB) (certificate, key string) {
	t.Helper()
	pair, err := pki.SelfSigned(&x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if err := errors.Join(err, pair.Write(certificate, key)); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}
