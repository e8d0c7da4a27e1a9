package admin

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// maxCredential bounds what is looked at: a JWT may be long.
const maxCredential = 8 << 10

// bearer reads the Authorization headers of a request. Another scheme is nothing that was shown to us; ok is false for what was
// shown and cannot be meant.
func bearer(values []string) (text string, shown, ok bool) {
	if len(values) == 0 {
		return "", false, true
	}
	for _, v := range values {
		scheme, rest, _ := strings.Cut(v, " ")
		if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: schemes have no case
			continue
		}
		if shown { // RFC 9110 §11.6.2: there is one credential in a request
			return "", true, false
		}
		shown, text = true, strings.Trim(rest, " ")
	}
	return text, shown, !shown || text != "" && len(text) <= maxCredential
}

// grant is what a credential lets its holder do.
type grant struct {
	who    actor.Actor // with Role and Everywhere
	tenant tenant.ID   // where it may act, or All
	only   []string
}

// granted puts a grant together.
func granted(who actor.Actor, role actor.Role, of tenant.ID, only ...string) grant {
	who.Role, who.Everywhere, who.Confined = role, of == All, len(only) > 0
	return grant{who: who, tenant: of, only: only}
}

// certificate finds what the configuration says of a client certificate whose chain was verified.
func certificate(list []CertificateConfig, cert *x509.Certificate) (grant, bool) {
	for _, c := range list {
		if !c.means(cert) {
			continue
		}
		of := c.Tenant
		if of == "" {
			of = All
		}
		return granted(actor.Actor{Kind: actor.Certificate, ID: nameOf(cert)}, actor.Role(c.Role), of, c.Only...), true
	}
	return grant{}, false
}

func (c CertificateConfig) means(cert *x509.Certificate) bool {
	switch {
	case c.Any:
		return true
	case c.Subject != "":
		return subjectOf(cert) == c.Subject
	case c.URI != "":
		return slices.ContainsFunc(cert.URIs, func(u *url.URL) bool { return u.String() == c.URI })
	case c.DNS != "":
		return slices.ContainsFunc(cert.DNSNames, func(name string) bool { return strings.EqualFold(name, c.DNS) })
	}
	return false
}

// subjectOf writes the whole distinguished name as RFC 2253 says, the last part first, and "" for one that cannot be read.
// pkix.Name would leave all but the last of several common names out, and bring the rest into an order of its own: who may choose a
// part of his name could then have that of another.
func subjectOf(cert *x509.Certificate) string {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(cert.RawSubject, &name); err != nil || len(rest) > 0 {
		return ""
	}
	return name.String()
}

// nameOf names the holder of a certificate: by its subject, or where that is empty by its first alternative name.
func nameOf(cert *x509.Certificate) string {
	subject := subjectOf(cert)
	switch {
	case subject != "":
		return subject
	case len(cert.URIs) > 0:
		return cert.URIs[0].String()
	case len(cert.DNSNames) > 0:
		return cert.DNSNames[0]
	}
	return "serial " + cert.SerialNumber.String()
}

// scopePrefix stands before a role in the scope of an access token.
const scopePrefix = "gatehouse:"

// Scopes returns the scopes that open the admin API.
func Scopes() []string {
	var all []string
	for _, role := range actor.Roles() {
		all = append(all, scopePrefix+string(role))
	}
	return all
}

// Token is an access token that may be used now.
type Token struct {
	ClientID string
	// Own says that the client got it for itself, by client_credentials, and nobody's login is behind it.
	Own             bool
	Scope, Audience []string
}

// token says what an access token of the configured tenant lets its holder do. reason says why it lets him do nothing.
func (c OAuthConfig) token(t *Token) (g grant, reason string) {
	switch {
	case !slices.Contains(c.Clients, t.ClientID):
		return g, "the token's client is not in serve.admin.oauth.clients"
	case !t.Own:
		return g, "the token was not got by client_credentials"
	case c.Audience != "" && !slices.Contains(t.Audience, c.Audience):
		return g, "the token is not for the audience of serve.admin.oauth"
	}
	var best actor.Role
	for _, role := range actor.Roles() {
		if slices.Contains(t.Scope, scopePrefix+string(role)) {
			best = role
		}
	}
	if best == "" {
		return g, "the token has none of the scopes " + strings.Join(Scopes(), ", ")
	}
	of := c.Tenant
	if c.Everywhere {
		of = All
	}
	return granted(actor.Actor{Kind: actor.Token, ID: t.ClientID}, best, of), ""
}
