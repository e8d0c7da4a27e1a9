package trust_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

// certify writes a certificate and its key.
func certify(t *testing.T, certFile, keyFile, name string) (der []byte) {
	t.Helper()
	authority, certificate := testkit.Certificates(t, name)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{certFile: authority, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate.Certificate[0]
}

// trusts tells whether a pool holds the authority.
func trusts(t *testing.T, pool *x509.CertPool, der []byte) bool {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

func TestAuthorities(t *testing.T) {
	dir := t.TempDir()
	one, two, key := filepath.Join(dir, "one.pem"), filepath.Join(dir, "two.pem"), filepath.Join(dir, "key.pem")
	first, second := certify(t, one, key, "one"), certify(t, two, key, "two")
	only, err := trust.Only(one)
	if err != nil || !trusts(t, only, first) || trusts(t, only, second) {
		t.Errorf("one file: %v", err)
	}
	system, err := trust.Besides()
	if err != nil || trusts(t, system, first) {
		t.Errorf("those of the system: %v", err)
	}
	both, err := trust.Besides(one, two)
	if err != nil || !trusts(t, both, first) || !trusts(t, both, second) {
		t.Errorf("two files: %v", err)
	}
	if err := os.Remove(one); err != nil {
		t.Fatal(err)
	}
	for _, read := range []func(string) (*x509.CertPool, error){trust.Only, func(file string) (*x509.CertPool, error) { return trust.Besides(file) }} {
		if _, err := read(one); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), one) {
			t.Errorf("a file that is not there: %v", err)
		}
		if _, err := read(key); err == nil || err.Error() != key+" holds no certificate in PEM form" {
			t.Errorf("a file of something else: %v", err)
		}
	}
}

// A renewed certificate is shown, and what cannot be read is an error.
func TestShown(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	show := trust.Shown(cert, key)
	if _, err := show(nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for _, name := range []string{"old", "new"} {
		certify(t, cert, key, name)
		if pair, err := show(nil); err != nil || pair.Leaf.Subject.CommonName != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}
