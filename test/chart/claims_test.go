package chart

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// claims are the hosts that a controller is told of, with the namespaces that may claim them.
func claims(t *testing.T, r *rendered) map[string]string {
	t.Helper()
	all := map[string]string{}
	args, _ := r.find("Deployment", release+"-controller").at("spec", "template", "spec", "containers", 0, "args").([]any)
	for _, a := range args {
		if rest, ok := strings.CutPrefix(a.(string), "--host="); ok {
			host, namespaces, _ := strings.Cut(rest, "=")
			if all[host] != "" {
				t.Errorf("%s is there twice", host)
			}
			all[host] = namespaces
		}
	}
	return all
}

// Nobody but who is named may claim a host at which the server itself is reached, and have people's passwords sent to himself.
func TestTheServersOwnHostsAreTaken(t *testing.T) {
	base := minimal("production", "bundled")
	for text, want := range map[string]map[string]string{
		"controller: {enabled: true}": {"id.example.com": namespace},
		"controller: {enabled: true, rules: {hosts: {ID.example.com.: [shop], '*': [platform]}}}":                                                   {"id.example.com": "shop", "*": "platform"},
		"controller: {enabled: true, rules: {hosts: {'*.example.com': [shop, 'shop-*']}}}":                                                          {"id.example.com": namespace, "*.example.com": "shop,shop-*"},
		"controller: {enabled: true, rules: {enabled: false}, apiRules: {route: none}}":                                                             {"id.example.com": namespace},
		"controller: {enabled: true, rules: {enabled: false}}":                                                                                      {},
		"controller: {enabled: true}\nconfig: {tenants: [{id: acme, hosts: [Acme.example.com, id.example.com]}, {id: beta, path_prefix: /t/beta}]}": {"id.example.com": namespace, "acme.example.com": namespace},
		"controller: {enabled: true}\ningress: {enabled: true, admin: {host: admin.example.com, acknowledge: strangers may try keys}}":              {"id.example.com": namespace, "admin.example.com": namespace},
	} {
		if got := claims(t, mustRender(t, read(t, base+text))); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for url, host := range map[string]string{"https://10.0.0.5:8443/": "10.0.0.5", "https://[2001:db8::1]/": "", "": ""} {
		given := read(t, "controller: {enabled: true}")
		given["url"] = url
		if got := slices.Collect(maps.Keys(claims(t, mustRender(t, given)))); strings.Join(got, " ") != host {
			t.Errorf("url %s: %v", url, got)
		}
	}
}
