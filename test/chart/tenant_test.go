package chart

import (
	"slices"
	"strings"
	"testing"
)

// Where the configuration lists tenants, and with them no default one, the controller and `helm test` work in the one that `url` leads to, or
// in the first that is reached at all: at the same address as the server's links, and below its path on the admin listener.
func TestTenantOfTheRelease(t *testing.T) {
	const id = "https://id.example.com/"
	for tenants, want := range map[string]struct{ public, path string }{
		"[]":                                    {id, ""},
		"[{id: acme, hosts: [id.example.com]}]": {id, "/t/acme"},
		"[{id: beta, hosts: [beta.example.com]}, {id: acme, hosts: [id.example.com]}]":         {id, "/t/acme"},
		"[{id: hidden}, {id: beta, hosts: [beta.example.com, b.example.com]}]":                 {"https://beta.example.com/", "/t/beta"},
		"[{id: hidden}, {id: beta, path_prefix: /t/beta}]":                                     {id + "t/beta/", "/t/beta"},
		"[{id: beta, path_prefix: /t/beta}, {id: default, hosts: [id.example.com]}]":           {id, ""},
		"[{id: default, hosts: [id.example.com]}, {id: acme, hosts: [x.example.com, x.test]}]": {id, ""},
	} {
		r := mustRender(t, read(t, minimal("production", "bundled")+"controller: {enabled: true}\nconfig: {tenants: "+tenants+"}\n"))
		admin := "https://gatehouse-admin." + namespace + ".svc:4445"
		args := strings.Fields(strings.Trim(containersOf(podsOf(r)["Pod gatehouse-test"])[0].text("args"), "[]"))
		for _, arg := range []string{"--public=" + want.public, "--admin=" + admin + want.path} {
			if !slices.Contains(args, arg) {
				t.Errorf("%s: helm test has %v, want %s", tenants, args, arg)
			}
		}
		args = strings.Fields(strings.Trim(containersOf(podsOf(r)["Deployment gatehouse-controller"])[0].text("args"), "[]"))
		if endpoint := "--endpoint=" + want.path + "/admin/clients"; slices.Contains(args, endpoint) != (want.path != "") || !slices.Contains(args, "--hydra-url="+admin) {
			t.Errorf("%s: the controller has %v", tenants, args)
		}
	}
}
