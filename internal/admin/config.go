package admin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// CertificateConfig says what the holder of a client certificate may do. One of subject, uri, dns and any says which certificates
// are meant; of several entries the first that fits counts.
type CertificateConfig struct {
	// Subject is the certificate's whole distinguished name as RFC 2253 writes it, the last part first, for example
	// "CN=deploy,O=Example"; `openssl x509 -noout -subject -nameopt RFC2253` shows it so, and the activity log for a certificate
	// that was turned away. Default: none.
	Subject string `yaml:"subject"`
	// URI is a URI among its alternative names, for example "spiffe://example.com/deploy". Default: none.
	URI string `yaml:"uri"`
	// DNS is a DNS name among its alternative names, for example "deploy.example.com". Default: none.
	DNS string `yaml:"dns"`
	// Any means every certificate that an authority in tls.client_ca_file signed. Only an authority that signs for nothing else
	// deserves that. Default: false.
	Any bool `yaml:"any"`
	// Role is viewer (reads all but secrets), operator (daily work) or admin. Required.
	Role string `yaml:"role" enum:"viewer,operator,admin"`
	// Tenant is the tenant that it may act for. Default: "*", all of them and the installation.
	Tenant tenant.ID `yaml:"tenant" default:"*"`
	// Only confines it to parts of the admin API, named as their paths below /admin are: "clients", "oauth2/introspect". Default: none,
	// and it reaches all that its role does.
	Only []string `yaml:"only"`
}

// OAuthConfig says which access tokens of this server open the admin API: those that the clients listed got by the grant
// client_credentials, with the scope gatehouse:viewer, gatehouse:operator or gatehouse:admin. A token that somebody got at a login
// never does. Who may not do what role admin may can neither give a client these scopes nor get at the secret of one that has them.
type OAuthConfig struct {
	// Tenant is the one whose tokens are believed. Default: none, and no token opens the admin API.
	Tenant tenant.ID `yaml:"tenant"`
	// Clients are the ids of its clients whose tokens are believed. Required with tenant.
	Clients []string `yaml:"clients"`
	// Audience must be among a token's, where it is written: then a token that was meant for something else does not open the
	// admin API. Default: none.
	Audience string `yaml:"audience"`
	// Everywhere lets these tokens act for every tenant and the installation, and not only for the tenant that issued them.
	// Default: false.
	Everywhere bool `yaml:"everywhere"`
}

// Enabled tells whether any token is believed.
func (c OAuthConfig) Enabled() bool { return c.Tenant != "" }

// Validate returns all that is wrong, each fault beginning with its key.
func (c OAuthConfig) Validate() (faults []error) {
	if !c.Enabled() {
		if len(c.Clients) > 0 || c.Audience != "" || c.Everywhere {
			faults = append(faults, errors.New("tenant: is missing: say whose tokens are believed"))
		}
		return faults
	}
	if !c.Tenant.Valid() {
		faults = append(faults, fmt.Errorf("tenant: %q is not a tenant id", c.Tenant))
	}
	if len(c.Clients) == 0 {
		faults = append(faults, errors.New("clients: is missing: list the ids of the clients whose tokens open the admin API"))
	}
	for i, id := range c.Clients {
		if strings.TrimSpace(id) == "" {
			faults = append(faults, fmt.Errorf("clients[%d]: is empty", i))
		}
	}
	return faults
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c CertificateConfig) Validate() (faults []error) {
	given := 0
	for _, one := range []bool{c.Subject != "", c.URI != "", c.DNS != "", c.Any} {
		if one {
			given++
		}
	}
	if given != 1 {
		faults = append(faults, errors.New("subject: give one of subject, uri, dns and any: it says which certificates are meant"))
	}
	if !actor.Role(c.Role).Valid() {
		faults = append(faults, fmt.Errorf("role: must be viewer, operator or admin, is %q", c.Role))
	}
	if c.Tenant != "" && c.Tenant != All && !c.Tenant.Valid() {
		faults = append(faults, fmt.Errorf(`tenant: %q is neither a tenant id nor "*"`, c.Tenant))
	}
	for i, area := range c.Only {
		if !validArea(area) {
			faults = append(faults, fmt.Errorf("only[%d]: %q is no path below /admin such as clients, oauth2/introspect or metrics", i, area))
		}
	}
	return faults
}

// ValidateCertificates returns all that is wrong with the list, each fault beginning with its place in it. trusted says that the
// listener trusts an authority.
func ValidateCertificates(list []CertificateConfig, trusted bool) (faults []error) {
	for i, c := range list {
		for _, err := range c.Validate() {
			faults = append(faults, fmt.Errorf("certificates[%d].%w", i, err))
		}
	}
	switch {
	case trusted && len(list) == 0:
		faults = append(faults, errors.New("certificates: is missing beside tls.client_ca_file: say which certificates may do what, for example "+
			"`- {dns: deploy.example.com, role: operator}`, or `- {any: true, role: admin}` where that authority signs for administrators alone"))
	case !trusted && len(list) > 0:
		faults = append(faults, errors.New("certificates: needs tls.client_ca_file, which says whose signature is believed"))
	}
	return faults
}
