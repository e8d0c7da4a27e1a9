package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"os"
	"time"
)

// Authority signs certificates.
type Authority struct {
	// Certificate is its own, and Key what it signs with.
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// Pair is a certificate and its private key, in PEM.
type Pair struct{ Certificate, Key []byte }

// New makes an authority.
func New(name string) (*Authority, error) {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	der, key, err := sign(template, nil)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &Authority{certificate, key}, err
}

// Pair is the authority's certificate and key.
func (a *Authority) Pair() (Pair, error) { return encode(a.Certificate.Raw, a.Key) }

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return block("CERTIFICATE", a.Certificate.Raw) }

// Sign makes a key, and signs a certificate for it of what the template says. Unless it says otherwise, that is good from an hour ago for a
// day, for servers and for clients.
func (a *Authority) Sign(template *x509.Certificate) (Pair, error) {
	der, key, err := sign(template, a)
	if err != nil {
		return Pair{}, err
	}
	return encode(der, key)
}

// SelfSigned makes a certificate that its own key signs, of what the template says, like Sign.
func SelfSigned(template *x509.Certificate) (Pair, error) {
	der, key, err := sign(template, nil)
	if err != nil {
		return Pair{}, err
	}
	return encode(der, key)
}

// Write writes the pair into two files.
func (p Pair) Write(certificate, key string) error {
	return errors.Join(os.WriteFile(certificate, p.Certificate, 0o600), os.WriteFile(key, p.Key, 0o600))
}

// EncodeKey gives a private key in PEM.
func EncodeKey(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return block("PRIVATE KEY", der), err
}

// sign makes a key and has the authority sign a certificate for it; without one the key signs itself.
func sign(template *x509.Certificate, by *Authority) (der []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	t := *template
	t.BasicConstraintsValid = true
	if t.NotAfter.IsZero() {
		t.NotBefore, t.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	}
	if t.KeyUsage == 0 {
		t.KeyUsage = x509.KeyUsageDigitalSignature
	}
	if len(t.ExtKeyUsage) == 0 && !t.IsCA {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	if by == nil {
		by = &Authority{&t, key}
	}
	der, err = x509.CreateCertificate(rand.Reader, &t, by.Certificate, key.Public(), by.Key)
	return der, key, err
}

func encode(der []byte, key *ecdsa.PrivateKey) (Pair, error) {
	raw, err := EncodeKey(key)
	return Pair{block("CERTIFICATE", der), raw}, err
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
