package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	s := start(t, "")
	keys := func(args ...string) []document {
		t.Helper()
		args = append(append([]string{"keys"}, args...), "--endpoint", s.admin, "--format", "json")
		return asJSON[[]document](t, works(t, "", args...))
	}
	states := func(list []document, set string) map[string]string {
		m := map[string]string{}
		for _, k := range list {
			if k["set"] == set {
				m[k["kid"].(string)] = k["state"].(string)
			}
			for name := range k {
				if strings.Contains("d p q dp dq qi k n x y", name) {
					t.Errorf("key material is listed: %s", name)
				}
			}
		}
		return m
	}
	first := states(keys("rotate"), keySets[0])
	var active string
	for kid, state := range first {
		if state == "active" {
			active = kid
		}
	}
	if active == "" || len(keys("list", keySets[1])) < 2 {
		t.Fatalf("after a rotation there are %v", first)
	}
	if second := states(keys("rotate", keySets[0]), keySets[0]); second[active] != "retired" {
		t.Errorf("after another one there are %v", second)
	}
	if last := states(keys("rotate", keySets[0], "--emergency"), keySets[0]); last[active] != "" {
		t.Errorf("after an emergency the former key is still there: %v", last)
	}
	fails(t, call(t, "", "keys", "list", "none", "--endpoint", s.admin), 1, `no key set "none"`)
	r := call(t, "", "keys", "rotate", keySets[0], "none", "--endpoint", s.admin)
	fails(t, r, 1, `key set "none" was not rotated`)
	if !strings.Contains(r.out, keySets[0]) {
		t.Errorf("what was rotated is not told: %s", r.out)
	}
}

func TestIntrospect(t *testing.T) {
	s := start(t, "")
	made := asJSON[document](t, works(t, "", "clients", "create", "--id", "a", "--grant-type", "client_credentials", "--scope", "read", "--endpoint", s.admin, "--format", "json"))
	t.Setenv(clientSecretVariable, fmt.Sprint(made["client_secret"]))
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		works(t, "", "clients", "update", "a", "--token-endpoint-auth-method", method, "--endpoint", s.admin)
		got := asJSON[document](t, works(t, "", "perform", "client-credentials", "--client-id", "a", "--scope", "read", "--auth-method", method, "--issuer", s.public, "--format", "json"))
		token := fmt.Sprint(got["access_token"])
		out := works(t, token+"\n", "introspect", "--endpoint", s.admin)
		if !strings.Contains(out, "true") || strings.Contains(out, token) || !strings.Contains(out, "Z\n") {
			t.Errorf("introspect prints\n%s", out)
		}
		if out := works(t, token, "introspect", "--scope", "write", "--endpoint", s.admin, "--format", "json"); out != "{\"active\":false}\n" {
			t.Errorf("with another scope it is %s", out)
		}
	}
	if out := works(t, "no token", "introspect", "--endpoint", s.admin, "--format", "yaml"); out != "active: false\n" {
		t.Errorf("a token that is none is %s", out)
	}
}

func TestAdminKey(t *testing.T) {
	s := start(t, "secrets: {admin: [an-admin-key-of-at-least-32-characters]}\n")
	t.Setenv(adminKeyVariable, "")
	fails(t, call(t, "", "clients", "list", "--endpoint", s.admin), 1, "HTTP 401", adminKeyVariable)
	t.Setenv(adminKeyVariable, "another-admin-key-of-32-characters")
	fails(t, call(t, "", "clients", "list", "--endpoint", s.admin), 1, "does not open this server")
	t.Setenv(adminKeyVariable, "an-admin-key-of-at-least-32-characters\n")
	works(t, "", "clients", "list", "--endpoint", s.admin)
	works(t, "", "keys", "list", "--endpoint", s.admin)
}

func TestAdminSocket(t *testing.T) {
	socket := t.TempDir() + "/admin.sock"
	start(t, fmt.Sprintf("serve: {admin: {address: %q}}\n", "unix:"+socket))
	works(t, "", "clients", "create", "--id", "a", "--endpoint", "unix:"+socket)
	t.Setenv(endpointVariable, "unix:"+socket)
	if out := works(t, "", "clients", "list"); !strings.Contains(out, "\na ") {
		t.Errorf("the list is\n%s", out)
	}
}

const operatorsConfig = `profile: development
data_dir: %q
secrets: {system: [hidden-system-secret], cookie: [hidden-cookie-secret], admin: [hidden-admin-key-of-32-characters]}
databases: {management: "postgres://gatehouse:hidden@db.example.com/gatehouse"}
oauth: {lifespans: {access_token: 15m}}
`

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	good := write(t, dir, "good.yaml", fmt.Sprintf(operatorsConfig, dir))
	if out := works(t, "", "config", "validate", "-c", good); out != "The configuration is valid.\n" {
		t.Errorf("validate prints %s", out)
	}
	for _, format := range formats {
		out := works(t, "", "config", "explain", "-c", good, "--format", format)
		if strings.Contains(out, "hidden") || !strings.Contains(out, "[redacted]") {
			t.Errorf("explain in %s shows a secret, or hides none:\n%s", format, out)
		}
	}
	out := works(t, "", "config", "explain", "oauth.lifespans.access_token", "-c", good)
	if strings.Count(out, "\n") != 2 || !strings.Contains(out, "15m") || !strings.Contains(out, "good.yaml:5") || !strings.Contains(out, "GATEHOUSE_OAUTH_LIFESPANS_ACCESS_TOKEN") {
		t.Errorf("one key is explained as\n%s", out)
	}
	if out := works(t, "", "config", "explain", "oauth.lifespans", "log", "-c", good); !strings.Contains(out, "log.level") || strings.Contains(out, "serve.") {
		t.Errorf("two parts are explained as\n%s", out)
	}
	fails(t, call(t, "", "config", "explain", "oauth.lifespan", "-c", good), 1, "no setting begins with oauth.lifespan")
	if schema := asJSON[document](t, works(t, "", "config", "schema")); schema["properties"] == nil {
		t.Error("the schema has no properties")
	}

	// All faults at once, with their places, and without the secrets.
	bad := write(t, dir, "bad.yaml", "profil: production\nsecrets: {system: [hidden]}\nlog: {level: loud}\n")
	for _, args := range [][]string{{"config", "validate"}, {"serve"}, {"migrate", "up"}} {
		r := call(t, "", append(args, "-c", bad)...)
		fails(t, r, 1, "bad.yaml:1", "did you mean", "profile")
		if strings.Contains(r.errs, "hidden") {
			t.Errorf("a secret is printed: %s", r.errs)
		}
	}
	fails(t, call(t, "", "config", "validate", "-c", dir+"/none.yaml"), 1, "none.yaml")
}

// What a configuration names is looked at too, as far as that needs no network.
func TestConfigDocuments(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string { return "file://" + write(t, dir, name, text) }
	broken := "base64://" + base64.StdEncoding.EncodeToString([]byte("function(ctx) {"))
	const config = `identity: {default_schema_id: person, schemas: [{id: person, url: %q}]}
session: {whoami: {tokenizer: {templates: {app: {key_set: app, claims_mapper_url: %q}}}}}
selfservice:
  flows:
    login:
      before: {hooks: [{hook: web_hook, config: {url: "https://crm.example.com/", body: "https://crm.example.com/body.jsonnet"}}]}
      after:
        password: {hooks: [{hook: web_hook, config: {url: "https://crm.example.com/", body: %[3]q}}]}
        failed: {hooks: [{hook: web_hook, config: {url: "https://crm.example.com/", body_format: gotemplate, body: %[4]q}}]}
  methods: {password: {config: {migrate_hook: {enabled: true, config: {url: "https://old.example.com/", body: %[3]q}}}}}
courier:
  channels: [{id: sms, request_config: {url: "https://sms.example.com/", body: %[3]q}}]
  templates: {recovery_code: {valid: {email: {subject: %[4]q, body: {html: %[4]q}}}}}
`
	const schema = `{"type": "object", "properties": {"traits": {"type": "object", "properties": {"email": {"type": "string"}}}}}`
	program := file("good.jsonnet", "function(ctx) { id: ctx.flow.id }")
	good := write(t, dir, "good.yaml", fmt.Sprintf(config, file("good.json", schema), program, program, file("good.gotmpl", "{{.To}}")))
	if out := works(t, "", "config", "validate", "-c", good); out != "The configuration is valid.\n" {
		t.Errorf("validate prints %s", out)
	}
	bad := write(t, dir, "bad.yaml", fmt.Sprintf(config, file("bad.json", `{"type": 7}`), broken, broken, file("bad.gotmpl", "{{.To")))
	fails(t, call(t, "", "config", "validate", "-c", bad), 1,
		"identity.schemas[0].url (", "session.whoami.tokenizer.templates.app.claims_mapper_url (", "bad.yaml:2",
		"selfservice.flows.login.after.password.hooks[0].config.body (", "selfservice.flows.login.after.failed.hooks[0].config.body (",
		"selfservice.methods.password.config.migrate_hook.config.body (", "courier.channels[0].request_config.body (",
		"courier.templates.recovery_code.valid.email.subject (", "courier.templates.recovery_code.valid.email.body.html (",
	)
}

func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "gatehouse.yaml", fmt.Sprintf("data_dir: %q\n", dir))
	fails(t, call(t, "", "migrate", "status", "-c", file), 1, "gatehouse migrate up")
	if out := works(t, "", "migrate", "plan", "-c", file); !strings.Contains(out, "CREATE TABLE oauth_client") {
		t.Errorf("plan prints\n%s", out)
	}
	fails(t, call(t, "", "migrate", "status", "-c", file), 1, "pending") // plan changed nothing
	if out := works(t, "", "migrate", "up", "-c", file); !strings.Contains(out, "oauth: applied 0001_change_feed") {
		t.Errorf("up prints\n%s", out)
	}
	if out := works(t, "", "migrate", "status", "-c", file); strings.Contains(out, "pending") || !strings.Contains(out, "0001_change_feed") {
		t.Errorf("status prints\n%s", out)
	}
	if out := works(t, "", "migrate", "up", "-c", file); !strings.Contains(out, "nothing to do") {
		t.Errorf("a second up prints\n%s", out)
	}
	if out := works(t, "", "migrate", "plan", "-c", file); !strings.HasPrefix(out, "-- ") || strings.Contains(out, "CREATE") {
		t.Errorf("plan after up prints\n%s", out)
	}
}
