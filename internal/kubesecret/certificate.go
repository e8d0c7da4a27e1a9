package kubesecret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"time"
)

// certified is for how long a certificate is good. It is believed by those alone who were given its authority, and ends with the Secret;
// whoever wants it renewed by itself has cert-manager make it.
const certified = 10 * 365 * 24 * time.Hour

// authority signs certificates for as long as it is in memory.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
	now         time.Time
	random      io.Reader
}

func newAuthority(now time.Time, random io.Reader) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	c := template("Gatehouse installation", now)
	c.IsCA, c.BasicConstraintsValid, c.MaxPathLenZero = true, true, true
	c.KeyUsage = x509.KeyUsageCertSign
	a := &authority{certificate: c, key: key, now: now, random: random}
	a.pem, err = a.sign(c, &key.PublicKey)
	return a, err
}

// issue makes a certificate for names and addresses, and its key, in PEM.
func (a *authority) issue(names []string, usage x509.ExtKeyUsage) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), a.random)
	if err != nil {
		return nil, nil, err
	}
	leaf := template(names[0], a.now)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{usage}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	if certificate, err = a.sign(leaf, &private.PublicKey); err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// template is what both certificates have in common; signing gives them a serial number.
func template(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certified)}
}

// sign makes a certificate with a random serial number (RFC 5280 §4.1.2.2), in PEM.
func (a *authority) sign(c *x509.Certificate, public *ecdsa.PublicKey) ([]byte, error) {
	serial := make([]byte, 16)
	if _, err := io.ReadFull(a.random, serial); err != nil {
		return nil, err
	}
	serial[0] &= 0x7f // positive
	c.SerialNumber = new(big.Int).SetBytes(serial)
	der, err := x509.CreateCertificate(a.random, c, a.certificate, public, a.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
