package config

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"regexp"

	"github.com/gatehouse-iam/gatehouse/internal/harden"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// tryoutIssuer matches the names of authorities that anybody has: of tools that make certificates for trying out, and of examples.
var tryoutIssuer = regexp.MustCompile(`(?i)\b(mkcert|minica|snakeoil|fake|acme co|internet widgits|localhost|example|development|do not trust|staging|pebble|test)\b`)

// readCertificate says what a listener's certificate is like, or why nobody knows.
func readCertificate(l web.Config) (*harden.Certificate, string) {
	content, err := os.ReadFile(l.TLS.CertFile)
	if err != nil {
		return nil, "it cannot be read here"
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, "it holds no PEM"
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, "it holds no certificate"
	}
	c := &harden.Certificate{Development: tryout(leaf), Ends: leaf.NotAfter}
	if u, err := url.Parse(l.BaseURL); err == nil && u.Scheme == "https" && leaf.VerifyHostname(u.Hostname()) != nil {
		c.Misses = u.Hostname()
	}
	return c, ""
}

// tryout says why a certificate looks like one for trying out.
func tryout(leaf *x509.Certificate) string {
	issuer := leaf.Issuer.String()
	if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return "is signed by itself (" + issuer + ")"
	}
	if tryoutIssuer.MatchString(issuer) {
		return "is signed by " + issuer
	}
	return ""
}
