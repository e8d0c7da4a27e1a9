package cluster

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/gatehouse-iam/gatehouse/test/pki"
)

// authority signs certificates and writes them into a directory.
type authority struct {
	*pki.Authority
	directory string
}

// newAuthority makes an authority, whose certificate is NAME.crt in the directory.
func newAuthority(directory, name string) (*authority, error) {
	signer, err := pki.New(name)
	if err != nil {
		return nil, err
	}
	a := &authority{signer, directory}
	pair, err := signer.Pair()
	if err != nil {
		return nil, err
	}
	return a, a.write(name, pair)
}

func (a *authority) file(name string) string { return filepath.Join(a.directory, name) }

func (a *authority) write(name string, pair pki.Pair) error {
	return pair.Write(a.file(name+".crt"), a.file(name+".key"))
}

// issue writes NAME.crt and NAME.key: for a user and groups as Kubernetes reads them, and for the names and addresses of a server.
func (a *authority) issue(name string, subject pkix.Name, hosts ...string) error {
	template := &x509.Certificate{Subject: subject}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	pair, err := a.Sign(template)
	if err != nil {
		return err
	}
	return a.write(name, pair)
}

// certificates makes all that the parts of the cluster know each other by, in a directory: certificates, kubeconfigs, and the key with
// which tokens of service accounts are signed.
func certificates(directory string) error {
	ca, err := newAuthority(directory, "ca")
	if err != nil {
		return err
	}
	front, err := newAuthority(directory, "front-ca")
	if err != nil {
		return err
	}
	if err := front.issue("front-client", pkix.Name{CommonName: "front-proxy-client"}); err != nil {
		return err
	}
	if err := ca.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, nodeAddress, apiAddress, "127.0.0.1", "localhost",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"); err != nil {
		return err
	}
	if err := ca.issue("kubelet-server", pkix.Name{CommonName: "node"}, nodeAddress, "node"); err != nil {
		return err
	}
	masters := []string{"system:masters"}
	for name, user := range map[string]pkix.Name{
		"admin": {CommonName: "admin", Organization: masters}, "apiserver-kubelet": {CommonName: "apiserver-kubelet", Organization: masters},
		"controller-manager": {CommonName: "system:kube-controller-manager"}, "scheduler": {CommonName: "system:kube-scheduler"},
		"proxy": {CommonName: "system:kube-proxy"}, "node": {CommonName: "system:node:node", Organization: []string{"system:nodes"}},
	} {
		if err := ca.issue(name, user); err != nil {
			return err
		}
		config := fmt.Sprintf(kubeconfig, nodeAddress, ca.file("ca.crt"), ca.file(name+".crt"), ca.file(name+".key"))
		if err := os.WriteFile(ca.file(name+".kubeconfig"), []byte(config), 0o600); err != nil {
			return err
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := os.WriteFile(ca.file("accounts.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600); err != nil {
		return err
	}
	private, err := pki.EncodeKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(ca.file("accounts.key"), private, 0o600)
}

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://%s:6443", certificate-authority: %s}}]
users: [{name: test, user: {client-certificate: %s, client-key: %s}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`
