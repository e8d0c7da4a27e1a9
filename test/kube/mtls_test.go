package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// authority signs certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.key, a.certificate.Raw = a.sign(a.certificate, a.certificate, nil)
	return a
}

// sign makes a key and a certificate for it; by is nil for an authority's own.
func (a *authority) sign(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, der
}

// pem is what --tls-trust-store wants.
func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// client signs a certificate for a client.
func (a *authority) client(name string) (certificate, key string) {
	a.t.Helper()
	private, der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.certificate, a.key)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// A client certificate opens the admin API in a key's place. Who is not let in is told which flag to mend, and the files may be mended, and
// renewed, while the controller runs.
func TestClientCertificates(t *testing.T) {
	c, mine, others := open(t), newAuthority(t, "mine"), newAuthority(t, "others")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, key := process.Certificate(t)
	write("clients.crt", mine.pem())
	s := process.Start(t, process.Options{Config: `
secrets: {admin: [an-admin-key-of-thirty-two-characters]}
serve:
  admin:
    tls: {cert_file: ` + certificate + `, key_file: ` + key + `, client_ca_file: ` + path("clients.crt") + `}
    certificates: [{subject: CN=controller, role: operator}]
`})
	show := func(from *authority, name string) {
		t.Helper()
		certificate, key := from.client(name)
		write("tls.crt", certificate)
		write("tls.key", key)
	}
	show(others, "controller")
	write("ca.crt", others.pem())
	namespace := c.namespace(t)
	admin := strings.Replace(s.Admin, "http://", "https://", 1)
	c.control(t, namespace, admin, "--tls-trust-store", path("ca.crt"), "--client-cert", path("tls.crt"), "--client-key", path("tls.key"))
	of := machine(namespace, "certified")
	c.create(t, of)
	tries := 0
	told := func(of *hydra.OAuth2Client, reason, flag string) {
		t.Helper()
		tries++ // at once, and not when it is tried again
		change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.ClientName = fmt.Sprint("try ", tries) })
		eventually(t, func() (bool, string) {
			ready := c.becomes(t, of, reason)
			return strings.Contains(ready.Message, flag), ready.Message
		})
	}
	told(of, "ServerUnreachable", "--tls-trust-store")
	server, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.crt", string(server))
	told(of, "ServerUnreachable", "--client-cert")
	show(mine, "somebody")
	told(of, "AccessDenied", "serve.admin.certificates")
	show(mine, "controller")
	told(of, "Registered", "")

	write("tls.crt", "in the middle of a renewal")
	told(of, "ServerUnreachable", "--client-cert")
	show(mine, "controller")
	told(of, "Registered", "")
	rule := new(doorway).rule(namespace, "certified", "http://certified.example.com/<.*>")
	rule.Spec.Upstream = nil
	c.create(t, rule)
	c.judged(t, rule, "InForce")
}
