package kube

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// place is where a client is kept: a server that the configuration names, and a path there.
type place struct {
	server *Server
	origin string // scheme, host and port
	path   string // of the API of clients; begins with a slash and ends without one
	proto  string // for X-Forwarded-Proto
}

// String is the address of the API of clients.
func (p place) String() string { return p.origin + p.path }

// origin reads scheme, host and port of a server, and nothing else may be there: what would be cut off silently could be meant to
// deceive whoever compares.
func origin(text string, port int32) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", errors.New("it must be http:// or https:// and a host")
	}
	if u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errors.New("it must have scheme, host and port, and nothing else")
	}
	given := ""
	if port != 0 {
		given = strconv.Itoa(int(port))
	}
	switch own := u.Port(); {
	case own != "" && given != "" && own != given:
		return "", fmt.Errorf("it has port %s, and port says %s", own, given)
	case own != "":
		given = own
	case given == "" && u.Scheme == "https":
		given = "443"
	case given == "":
		given = "80"
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host + ":" + given, nil
}

// locate says where the client of a resource is kept, or why nowhere.
func (c *Config) locate(namespace string, spec *hydra.OAuth2ClientSpec) (place, *failure) {
	server, fail := c.serverFor(&spec.HydraAdmin)
	if fail != nil {
		return place{}, fail
	}
	p, err := server.place()
	if err != nil {
		return place{}, refuse("the address of the admin API in the controller's configuration cannot be read: %v", err)
	}
	if asked := spec.HydraAdmin.Endpoint; asked != "" && canonical(asked) != p.path {
		return place{}, refuse("hydraAdmin.endpoint %q is not the API of clients: leave it out", asked)
	}
	if asked := spec.HydraAdmin.ForwardedProto; asked != "" {
		if !slices.Contains([]string{"http", "https", forwardedOff}, asked) {
			return place{}, refuse("hydraAdmin.forwardedProto %q is none of http, https and off", asked)
		}
		p.forwarded(asked)
	}
	if spec.Tenant != "" {
		if !Fits(c.Tenants[spec.Tenant], namespace) {
			return place{}, &failure{reason: reasonTenantRefused, code: codeAddress, message: fmt.Sprintf(
				"namespace %s may not use tenant %s: whoever runs the controller can allow it with --tenant %[2]s=%[1]s", namespace, spec.Tenant)}
		}
		return p.of(spec.Tenant), nil
	}
	return p, nil
}

// allowed is locate for whoever gives up where nothing is allowed, and says why.
func (c *Config) allowed(namespace string, spec *hydra.OAuth2ClientSpec) (at place, why string) {
	at, fail := c.locate(namespace, spec)
	if fail != nil {
		why = fail.message
	}
	return at, why
}

// serverFor finds the server that a resource names among those that may be talked to.
func (c *Config) serverFor(asked *hydra.HydraAdmin) (*Server, *failure) {
	if asked.URL == "" {
		return &c.Server, nil
	}
	wanted, err := origin(asked.URL, asked.Port)
	if err != nil {
		return nil, refuse("hydraAdmin.url: %v", err)
	}
	for i := range c.Others {
		if at, err := origin(c.Others[i].URL, 0); err == nil && at == wanted {
			return &c.Others[i], nil
		}
	}
	if at, err := origin(c.Server.URL, 0); err == nil && at == wanted {
		return &c.Server, nil
	}
	return nil, refuse("hydraAdmin.url %s is not a server that this controller may talk to: whoever runs it can allow it with --allow-hydra-admin", wanted)
}

// remembered finds the place that a status names, as far as it may still be talked to.
func (c *Config) remembered(address string) (place, bool) {
	for _, p := range c.places() {
		if p.String() == address {
			return p, true
		}
	}
	return place{}, false
}

// places are those at which clients can be: each server, and each tenant there.
func (c *Config) places() (all []place) {
	for _, server := range append([]*Server{&c.Server}, pointers(c.Others)...) {
		p, err := server.place()
		if err != nil {
			continue // Validate has told
		}
		all = append(all, p)
		for tenant := range c.Tenants {
			all = append(all, p.of(tenant))
		}
	}
	return all
}

// place is the server's own, without a tenant.
func (s *Server) place() (place, error) {
	at, err := origin(s.URL, 0)
	p := place{server: s, origin: at, path: canonical(s.Endpoint)}
	p.forwarded(s.ForwardedProto)
	return p, err
}

func (p *place) forwarded(proto string) {
	if p.proto = proto; proto == forwardedOff {
		p.proto = ""
	}
}

// of is the same place for a tenant, whichever it was for.
func (p place) of(tenant string) place {
	if rest, own := strings.CutPrefix(p.path, "/t/"); own {
		_, rest, _ = strings.Cut(rest, "/")
		p.path = "/" + rest
	}
	p.path = "/t/" + tenant + p.path
	return p
}

func pointers(servers []Server) []*Server {
	all := make([]*Server, len(servers))
	for i := range servers {
		all[i] = &servers[i]
	}
	return all
}

func canonical(endpoint string) string {
	endpoint = strings.TrimSuffix(endpoint, "/")
	if endpoint == "" || endpoint == oldEndpoint {
		return defaultEndpoint
	}
	return endpoint
}

// validID reports whether a text can be a client's id, as the server sees it, and hence the last part of a path.
func validID(id string) bool {
	if id == "" || len(id) > 128 || id == "." || id == ".." {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-._~:@+", r)
	})
}
