package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// ingresses describes each Ingress: its host and path, the Service and port it leads to, its certificate, and what its controller is told.
func ingresses(r *rendered) map[string]string {
	all := map[string]string{}
	for _, o := range r.ofKind("Ingress") {
		rule := list(o, "spec", "rules")[0]
		to := list(rule, "http", "paths")[0]
		secret := "none"
		for _, tls := range list(o, "spec", "tls") {
			secret = tls.text("secretName")
			if secret == "" {
				secret = "the controller's"
			}
			if got := tls.text("hosts"); got != "["+rule.text("host")+"]" {
				secret += " for " + got
			}
		}
		var told []string
		annotations, _ := o.at("metadata", "annotations").(map[string]any)
		for key, value := range annotations {
			if !strings.HasPrefix(key, "gatehouse.dev/") {
				told = append(told, fmt.Sprintf("%s=%v", key[strings.Index(key, "/")+1:], value))
			}
		}
		slices.Sort(told)
		all[o.name()] = strings.TrimSpace(fmt.Sprintf("%s%s to %s:%s, certificate %s; %s", rule.text("host"), to.text("path"), to.text("backend", "service", "name"), to.text("backend", "service", "port", "name"), secret, strings.Join(told, " ")))
	}
	return all
}

// Each Ingress has a certificate that somebody makes, leads to a port that there is, and tells its controller how to speak to it.
func TestIngresses(t *testing.T) {
	const admin = ", admin: {host: admin.example.com, acknowledge: strangers may try keys%s}"
	proxy := "doors: {proxy: {enabled: true, url: 'https://apps.example.com/shop/'}}\n"
	base := minimal("production", "postgres")
	for text, want := range map[string]map[string]string{
		"ingress: {enabled: true}":                                             {"gatehouse": ";"},
		"url: http://id.local/\ningress: {enabled: true}":                      {"gatehouse": "id.local/ to gatehouse:public, certificate none;"},
		"url: http://id.local/\ningress: {enabled: true, tlsSecret: a}":        {"gatehouse": "id.local/ to gatehouse:public, certificate a;"},
		base + "ingress: {enabled: true, className: traefik}":                  {"gatehouse": "id.example.com/ to gatehouse:public, certificate the controller's;"},
		base + "ingress: {enabled: true, className: nginx, clusterIssuer: ca}": {"gatehouse": "id.example.com/ to gatehouse:public, certificate gatehouse-ingress-tls; backend-protocol=HTTPS cluster-issuer=ca ssl-redirect=true"},
		base + proxy + "ingress: {enabled: true, className: nginx, issuer: ca" + fmt.Sprintf(admin, ", annotations: {a/whitelist: x}") + "}": {
			"gatehouse":       "id.example.com/ to gatehouse:public, certificate gatehouse-ingress-tls; backend-protocol=HTTPS issuer=ca ssl-redirect=true",
			"gatehouse-proxy": "apps.example.com/shop/ to gatehouse-proxy:proxy, certificate gatehouse-ingress-proxy-tls; backend-protocol=HTTPS issuer=ca ssl-redirect=true",
			"gatehouse-admin": "admin.example.com/ to gatehouse-admin:admin, certificate gatehouse-ingress-admin-tls; backend-protocol=HTTPS issuer=ca ssl-redirect=true whitelist=x",
		},
		base + proxy + "ingress: {enabled: true, className: other, annotations: {b/c: d}, tlsSecret: one, proxy: {tlsSecret: two}" + fmt.Sprintf(admin, ", tlsSecret: three") + "}": {
			"gatehouse":       "id.example.com/ to gatehouse:public, certificate one; c=d",
			"gatehouse-proxy": "apps.example.com/shop/ to gatehouse-proxy:proxy, certificate two; c=d",
			"gatehouse-admin": "admin.example.com/ to gatehouse-admin:admin, certificate three;",
		},
		base + "ingress: {enabled: true, annotations: {cert-manager.io/issuer: mine}}": {"gatehouse": "id.example.com/ to gatehouse:public, certificate gatehouse-ingress-tls; issuer=mine"},
	} {
		r := mustRender(t, read(t, text))
		got := ingresses(r)
		if len(got) != len(want) {
			t.Errorf("%s: %v", text, got)
		}
		for name, is := range want {
			if is == ";" {
				is = "/ to gatehouse:public, certificate none;"
			}
			if got[name] != is {
				t.Errorf("%s:\n%s is\n  %s, want\n  %s", text, name, got[name], is)
			}
		}
		for _, o := range r.ofKind("Ingress") {
			to := list(list(o, "spec", "rules")[0], "http", "paths")[0]
			service := r.find("Service", to.text("backend", "service", "name"))
			if !slices.ContainsFunc(list(service, "spec", "ports"), func(p object) bool { return p.text("name") == to.text("backend", "service", "port", "name") }) {
				t.Errorf("%s: %s leads to no port", text, o.name())
			}
		}
	}
	for _, url := range []string{"https://10.0.0.5/", "https://[2001:db8::1]:8443/"} {
		given := read(t, base+"ingress: {enabled: true}")
		given["url"] = url
		if _, err := render(given, false); err == nil || !strings.Contains(err.Error(), "url has an address for a host") {
			t.Errorf("an Ingress for %s: %v", url, err)
		}
	}
}

// The Ingress of an APIRule speaks to the proxy as the proxy does.
func TestIngressesOfAPIRulesSpeakTLS(t *testing.T) {
	const text = "doors: {proxy: {enabled: true, url: 'https://apps.example.com/'}}\ncontroller: {enabled: true, apiRules: {route: ingress, ingress: {className: nginx, annotations: %s}}}\n"
	for given, want := range map[string]string{
		minimal("production", "postgres") + fmt.Sprintf(text, "{}"):                                                          "nginx.ingress.kubernetes.io/backend-protocol=HTTPS",
		minimal("production", "postgres") + fmt.Sprintf(text, "{nginx.ingress.kubernetes.io/backend-protocol: GRPCS, a: b}"): "a=b nginx.ingress.kubernetes.io/backend-protocol=GRPCS",
		minimal("development", "postgres") + fmt.Sprintf(text, "{}"):                                                         "",
	} {
		args, _ := mustRender(t, read(t, given)).find("Deployment", release+"-controller").at("spec", "template", "spec", "containers", 0, "args").([]any)
		var got []string
		for _, a := range args {
			if annotation, ok := strings.CutPrefix(a.(string), "--apirule-ingress-annotation="); ok {
				got = append(got, annotation)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %q", given, got, want)
		}
	}
}

// A gateway speaks to each listener as the listener does, and learns whose certificate to expect.
func TestGatewaySpeaksTLS(t *testing.T) {
	const routed = "gateway: {enabled: true, parentRefs: [{name: public}]%s}\ndoors: {proxy: {enabled: true, url: 'https://apps.example.com/'}}\n"
	for name, tc := range map[string]struct{ values, targets, authority string }{
		"a public certificate":      {minimal("production", "postgres") + fmt.Sprintf(routed, ""), "gatehouse gatehouse-proxy", "wellKnownCACertificates System"},
		"an authority of one's own": {minimal("production", "postgres") + fmt.Sprintf(routed, ", backendTLS: {caConfigMap: ca}"), "gatehouse gatehouse-proxy", "caCertificateRefs [map[group: kind:ConfigMap name:ca]]"},
		"told elsewhere":            {minimal("production", "postgres") + fmt.Sprintf(routed, ", backendTLS: {enabled: false}"), "", ""},
		"no certificate":            {"url: http://id.example.com/\n" + fmt.Sprintf(routed, ""), "", ""},
	} {
		r := mustRender(t, read(t, tc.values))
		var targets []string
		var authority string
		for _, p := range r.ofKind("BackendTLSPolicy") {
			for _, ref := range list(p, "spec", "targetRefs") {
				if r.find(ref.text("kind"), ref.text("name")) == nil {
					t.Errorf("%s: there is no %s %s", name, ref.text("kind"), ref.text("name"))
				}
				targets = append(targets, ref.text("name"))
			}
			for _, key := range []string{"wellKnownCACertificates", "caCertificateRefs"} {
				if value := p.text("spec", "validation", key); value != "" {
					authority += key + " " + value
				}
			}
			if got := p.text("spec", "validation", "hostname"); got != "id.example.com" {
				t.Errorf("%s: the certificate is expected to be for %s", name, got)
			}
		}
		if strings.Join(targets, " ") != tc.targets || authority != tc.authority {
			t.Errorf("%s: %v by %q", name, targets, authority)
		}
		if routes := r.ofKind("HTTPRoute"); len(routes) != 2 || routes[1].text("spec", "hostnames") != "[apps.example.com]" {
			t.Errorf("%s: routes %v", name, routes)
		}
	}
}
