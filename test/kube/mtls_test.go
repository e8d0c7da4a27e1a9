package kube

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/pki"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// newAuthority makes an authority.
func newAuthority(t *testing.T, name string) *pki.Authority {
	t.Helper()
	a, err := pki.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
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
	write("clients.crt", string(mine.PEM()))
	s := process.Start(t, process.Options{Config: `
secrets: {admin: [an-admin-key-of-thirty-two-characters]}
serve:
  admin:
    tls: {cert_file: ` + certificate + `, key_file: ` + key + `, client_ca_file: ` + path("clients.crt") + `}
    certificates: [{subject: CN=controller, role: operator}]
`})
	show := func(from *pki.Authority, name string) {
		t.Helper()
		pair, err := from.Sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}})
		if err := errors.Join(err, pair.Write(path("tls.crt"), path("tls.key"))); err != nil {
			t.Fatal(err)
		}
	}
	show(others, "controller")
	write("ca.crt", string(others.PEM()))
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
