package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority signs certificates that are good for a day, and writes them into a directory.
type authority struct {
	directory   string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newAuthority makes an authority, whose certificate is NAME.crt in the directory.
func newAuthority(directory, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{directory: directory, certificate: template, key: key}
	if err := a.sign(name, template, key); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(a.file(name + ".crt"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	a.certificate, err = x509.ParseCertificate(block.Bytes)
	return a, err
}

func (a *authority) file(name string) string { return filepath.Join(a.directory, name) }

// issue writes NAME.crt and NAME.key: for a user and groups as Kubernetes reads them, and for the names and addresses of a server.
func (a *authority) issue(name string, subject pkix.Name, hosts ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return a.sign(name, template, key)
}

func (a *authority) sign(name string, template *x509.Certificate, key *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(a.file(name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return writeKey(a.file(name+".key"), key)
}

func writeKey(path string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
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
	return writeKey(ca.file("accounts.key"), key)
}

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://%s:6443", certificate-authority: %s}}]
users: [{name: test, user: {client-certificate: %s, client-key: %s}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`
