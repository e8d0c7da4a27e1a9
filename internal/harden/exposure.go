package harden

import (
	"slices"
	"strings"
)

// adminPorts are the port of the admin listener, by number and by names that people give it.
var adminPorts = []string{"4445", "admin", "http-admin", "https-admin", "gatehouse-admin"}

func exposureChecks() []Check {
	return []Check{
		{
			ID: "admin-service-exposed", Severity: Critical, Title: "A Service brings the admin listener out of the cluster",
			Why: "Everybody outside can try keys.", How: "Take the port out of Services of type LoadBalancer and NodePort; give the admin listener a Service of its own of type ClusterIP.", Settings: []string{"Service spec.type"}, Reference: guide + ": network separation",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.Cluster.ofKind("Service") {
					outside := s.tree.text("spec", "type") == "LoadBalancer" || s.tree.text("spec", "type") == "NodePort" || len(s.tree.list("spec", "externalIPs")) > 0
					for _, port := range s.tree.each("spec", "ports") {
						if outside && isAdmin(port) {
							v.in(s, "admin-service-exposed", "", "brings port %s out", port.text("port"))
						}
					}
				}
				return v
			},
		},
		{
			ID: "admin-ingress", Severity: Critical, Title: "An Ingress or HTTPRoute leads to the admin listener",
			Why: "Everybody outside can try keys.", How: "Lead it to the public port alone; operators reach the admin listener by `kubectl port-forward` or inside.", Settings: []string{"Ingress spec.rules", "HTTPRoute spec.rules"}, Reference: guide + ": network separation",
			find: adminRoutes,
		},
		{
			ID: "ingress-plain-http", Severity: High, Title: "An Ingress has no certificate",
			Why: "Passwords, cookies and tokens cross the network in the clear.", How: "Name a Secret with a certificate in spec.tls.", Settings: []string{"Ingress spec.tls"}, Reference: bcp + " §2.6",
			find: func(f *Facts) (v verdict) {
				for _, o := range f.Cluster.ofKind("Ingress") {
					if len(o.tree.list("spec", "tls")) == 0 {
						v.in(o, "ingress-plain-http", "", "has no spec.tls")
					}
				}
				return v
			},
		},
	}
}

// isAdmin tells whether a port of a Service is the admin listener's.
func isAdmin(port tree) bool {
	return slices.Contains(adminPorts, strings.ToLower(port.text("targetPort"))) || slices.Contains(adminPorts, strings.ToLower(port.text("name"))) ||
		port.text("targetPort") == "" && slices.Contains(adminPorts, port.text("port"))
}

// leadsToAdmin tells whether a port of a Service, by number or name, is the admin listener's.
func (c *Cluster) leadsToAdmin(namespace, service, port string) bool {
	for _, s := range c.ofKind("Service") {
		if s.namespace != namespace || s.name != service {
			continue
		}
		for _, p := range s.tree.each("spec", "ports") {
			if p.text("port") == port || p.text("name") == port {
				return isAdmin(p)
			}
		}
	}
	return slices.Contains(adminPorts, strings.ToLower(port))
}

func adminRoutes(f *Facts) (v verdict) {
	ask := func(o object, service, port string) {
		if service != "" && f.Cluster.leadsToAdmin(o.namespace, service, port) {
			v.in(o, "admin-ingress", "", "leads to port %s of the Service %s", port, service)
		}
	}
	for _, o := range f.Cluster.ofKind("Ingress") {
		backends := []tree{o.tree.group("spec", "defaultBackend")}
		for _, rule := range o.tree.each("spec", "rules") {
			for _, path := range rule.each("http", "paths") {
				backends = append(backends, path.group("backend"))
			}
		}
		for _, b := range backends {
			port := b.text("service", "port", "number")
			if port == "" {
				port = b.text("service", "port", "name")
			}
			ask(o, b.text("service", "name"), port)
		}
	}
	for _, o := range f.Cluster.ofKind("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute") {
		for _, rule := range o.tree.each("spec", "rules") {
			for _, b := range rule.each("backendRefs") {
				ask(o, b.text("name"), b.text("port"))
			}
		}
	}
	return v
}
