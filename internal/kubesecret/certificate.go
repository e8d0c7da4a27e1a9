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

// made is a certificate with its authority, in PEM.
type made struct{ authority, certificate, key []byte }

// makeCertificate makes a certificate for hosts, and an authority that signs it and nothing else: its key is forgotten.
func makeCertificate(hosts []string, now time.Time, random io.Reader) (*made, error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	authority := template("Gatehouse installation", now)
	authority.IsCA, authority.BasicConstraintsValid, authority.MaxPathLenZero = true, true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	leaf := template(hosts[0], now)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	var m made
	if m.authority, err = sign(random, authority, authority, &authorityKey.PublicKey, authorityKey); err != nil {
		return nil, err
	}
	if m.certificate, err = sign(random, leaf, authority, &key.PublicKey, authorityKey); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	m.key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return &m, err
}

// template is what both certificates have in common; signing gives them a serial number.
func template(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certified)}
}

// sign makes a certificate with a random serial number (RFC 5280 §4.1.2.2), in PEM.
func sign(random io.Reader, c, parent *x509.Certificate, public *ecdsa.PublicKey, by *ecdsa.PrivateKey) ([]byte, error) {
	serial := make([]byte, 16)
	if _, err := io.ReadFull(random, serial); err != nil {
		return nil, err
	}
	serial[0] &= 0x7f // positive
	c.SerialNumber = new(big.Int).SetBytes(serial)
	der, err := x509.CreateCertificate(random, c, parent, public, by)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
