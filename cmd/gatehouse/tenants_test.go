package main

import (
	"strings"
	"testing"
)

const tenantSchema = `{"type":"object","properties":{"traits":{"type":"object","properties":{"number":{"type":"string"}}}}}`

func TestTenantsOnAServer(t *testing.T) {
	s := start(t, "")
	at := func(args ...string) []string { return append(args, "--endpoint", s.admin) }
	made := asJSON[document](t, works(t, "", at("tenants", "create", "acme", "--host", "Login.Acme.example", "--name", "Acme", "--format", "json")...))
	if made["state"] != "active" || !strings.Contains(cell(made["url"]), "login.acme.example") || made["issuer"] != made["url"] {
		t.Errorf("made: %v", made)
	}
	fails(t, call(t, "", at("tenants", "create", "other", "--host", "login.acme.example")...), 1, "other", `tenant "acme"`)
	fails(t, call(t, "", at("tenants", "update", "acme")...), 2, "nothing to change")
	works(t, `{"branding":{"name":"Acme Ltd"}}`, at("tenants", "update", "acme", "--settings", "-", "--issuer", "https://acme.example/")...)
	shown := asJSON[document](t, works(t, "", at("tenants", "get", "acme", "--format", "json")...))
	if shown["issuer"] != "https://acme.example/" || !strings.Contains(cell(shown["settings"]), "Acme Ltd") {
		t.Errorf("shown: %v", shown)
	}
	// The address below which its admin API is.
	works(t, "", "clients", "create", "--grant-type", "client_credentials", "--endpoint", s.admin+"/t/acme")
	if of := asJSON[[]document](t, works(t, "", "clients", "list", "--format", "json", "--endpoint", s.admin+"/t/acme")); len(of) != 1 {
		t.Errorf("clients of the tenant: %v", of)
	}
	if of := asJSON[[]document](t, works(t, "", at("clients", "list", "--format", "json")...)); len(of) != 0 {
		t.Errorf("clients of another: %v", of)
	}
	works(t, tenantSchema, at("tenants", "schemas", "set", "acme", "customer", "-", "--selectable")...)
	if listed := works(t, "", at("tenants", "schemas", "list", "acme")...); !strings.Contains(listed, "customer") || strings.Contains(listed, "installation") {
		t.Errorf("its schemas:\n%s", listed)
	}
	if printed := works(t, "", at("tenants", "schemas", "get", "acme", "customer")...); strings.TrimSpace(printed) != tenantSchema {
		t.Errorf("its schema:\n%s", printed)
	}
	fails(t, call(t, "{}", at("tenants", "schemas", "set", "acme", "other", "-")...), 1, "properties.traits")
	fails(t, call(t, "", at("tenants", "schemas", "set", "acme", "other")...), 2, "file")
	fails(t, call(t, "", at("tenants", "schemas", "delete", "acme")...), 2, "schemas")
	works(t, "", at("tenants", "schemas", "delete", "acme", "customer")...)
	if made := works(t, "", at("tenants", "create", "beta")...); !strings.Contains(made, "/t/beta/") {
		t.Errorf("it is reached nowhere:\n%s", made)
	}
	if moved := works(t, "", at("tenants", "update", "beta", "--host", "beta.example")...); strings.Contains(moved, "/t/beta/") {
		t.Errorf("it stays below its prefix:\n%s", moved)
	}
	works(t, "", at("tenants", "suspend", "acme", "--reason", "a test")...)
	if listed := works(t, "", at("tenants", "list", "--state", "suspended")...); !strings.Contains(listed, "acme") || strings.Contains(listed, "default") {
		t.Errorf("listed:\n%s", listed)
	}
	works(t, "", at("tenants", "resume", "acme")...)
	fails(t, call(t, "", at("tenants", "delete", "acme")...), 2, "--yes")
	fails(t, call(t, "", at("tenants", "delete", "default", "--yes", "--activity", "delete")...), 1, "installation")
	gone := asJSON[document](t, works(t, "", at("tenants", "delete", "acme", "--yes", "--wait=false", "--format", "json")...))
	if gone["state"] != "deleting" {
		t.Errorf("deleted: %v", gone)
	}
	fails(t, call(t, "", "clients", "list", "--endpoint", s.admin+"/t/acme"), 1, "No tenant is reached")
	fails(t, call(t, "", at("tenants", "create", "acme")...), 1, "acme")
}
