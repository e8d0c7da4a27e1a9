package kube

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Config is what the operator of the controller decides.
type Config struct {
	// Server keeps the clients of resources that name no server.
	Server Server
	// Others are servers that resources may name in hydraAdmin, besides Server.
	Others []Server
	// Tenants says which namespaces may name which tenants: patterns as of path.Match by tenant. A tenant that is not listed cannot be
	// named.
	Tenants map[string][]string
	// AdminScopes are the namespaces, as patterns of path.Match, whose clients may ask for scopes that open the server's admin API.
	AdminScopes []string
	// SkipConsent are the namespaces, as patterns of path.Match, whose clients may have nobody asked for consent.
	SkipConsent []string
	// IDKey and SecretKey are the keys of a Secret under which id and secret are.
	IDKey, SecretKey string
	// RequireExistingSecret makes no Secrets: all are brought by others.
	RequireExistingSecret bool
	// Resync is how often each client is compared with what the server has.
	Resync time.Duration
	// RemoveWithin is how long the removal of a client is tried, until its resource is let go without it.
	RemoveWithin time.Duration
	// Orphans is how often clients are looked for whose resource is gone; 0 is never.
	Orphans time.Duration
	// Namespaces are those that are watched; none is all.
	Namespaces []string
}

// Server is an admin API and the way in.
type Server struct {
	// URL is scheme and host, for example https://gatehouse-admin.iam.svc:4445.
	URL string
	// Endpoint is the path of the API of clients; empty is /admin/clients.
	Endpoint string
	// ForwardedProto is sent as X-Forwarded-Proto; empty sends none.
	ForwardedProto string
	// CredentialFile holds an admin key or an access token. It is read anew for each request, so it can be replaced.
	CredentialFile string
	// CAFile has the authorities that sign the server's certificate, read anew for each request; empty is the system's.
	CAFile string
	// CertFile and KeyFile are a client certificate, read anew for each request.
	CertFile, KeyFile string
}

const (
	defaultEndpoint = "/admin/clients"
	oldEndpoint     = "/clients" // of Hydra 1, which hydra-maester's samples still name
	forwardedOff    = "off"
	minPeriod       = time.Second
)

// Validate returns all that is wrong with the configuration, in words for whoever wrote it.
func (c *Config) Validate() error {
	faults := []error{c.Server.validate()}
	for i := range c.Others {
		faults = append(faults, c.Others[i].validate())
	}
	for tenant, namespaces := range c.Tenants {
		if err := CheckNamespaces(namespaces); err != nil {
			faults = append(faults, fmt.Errorf("tenant %s: %w", tenant, err))
		}
	}
	if err := CheckNamespaces(c.AdminScopes); err != nil {
		faults = append(faults, fmt.Errorf("admin scopes: %w", err))
	}
	if err := CheckNamespaces(c.SkipConsent); err != nil {
		faults = append(faults, fmt.Errorf("skipping consent: %w", err))
	}
	faults = append(faults, c.ValidateNamespaces())
	if c.IDKey == "" || c.SecretKey == "" || c.IDKey == c.SecretKey {
		faults = append(faults, errors.New("the keys of id and secret in a Secret must be two different names, as CLIENT_ID and CLIENT_SECRET are"))
	}
	for _, p := range []struct {
		name  string
		value time.Duration
	}{{"sync period", c.Resync}, {"removal timeout", c.RemoveWithin}} {
		if p.value < minPeriod {
			faults = append(faults, fmt.Errorf("the %s must be at least %s", p.name, minPeriod))
		}
	}
	return errors.Join(faults...)
}

// ValidateNamespaces returns what is wrong with the names in Namespaces.
func (c *Config) ValidateNamespaces() error {
	var faults []error
	for _, n := range c.Namespaces {
		if len(validation.IsDNS1123Label(n)) > 0 { // an empty one would mean all
			faults = append(faults, fmt.Errorf("%q is no name of a namespace", n))
		}
	}
	return errors.Join(faults...)
}

func (s *Server) validate() error {
	at, err := origin(s.URL, 0)
	switch {
	case s.URL == "":
		return errors.New("the address of the admin API is missing, for example https://gatehouse-admin.iam.svc:4445")
	case err != nil:
		return fmt.Errorf("the address of the admin API: %w", err)
	case s.Endpoint != "" && !strings.HasPrefix(s.Endpoint, "/"):
		return fmt.Errorf("%s: the endpoint must begin with a slash, as %s does", at, defaultEndpoint)
	case (s.CertFile == "") != (s.KeyFile == ""):
		return fmt.Errorf("%s: --client-cert needs --client-key, and the key its certificate", at)
	case s.CertFile+s.CAFile != "" && strings.HasPrefix(at, "http://"):
		return fmt.Errorf("%s: --client-cert and --tls-trust-store are for https", at)
	case s.CredentialFile != "" && strings.HasPrefix(at, "http://") && !loopback(at):
		return fmt.Errorf("%s: a credential is not sent without TLS to another machine: use https", at)
	}
	if err := s.usable(); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

func loopback(at string) bool {
	u, err := url.Parse(at)
	return err == nil && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
}
