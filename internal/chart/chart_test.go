package chart

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// described is a piece of the server's configuration.
var described = map[string]any{"type": "object", "properties": map[string]any{
	"log": map[string]any{"type": "object", "properties": map[string]any{"level": map[string]any{"type": "string"}}},
	"access": map[string]any{"type": "object", "properties": map[string]any{"authenticators": map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "object", "properties": map[string]any{"config": map[string]any{"type": "object"}, "enabled": map[string]any{"type": "boolean"}}}},
		"rules": map[string]any{"type": "object", "properties": map[string]any{"repositories": map[string]any{"type": "array", "items": map[string]any{"type": "string"}}}}}},
	"session": map[string]any{"type": "object", "properties": map[string]any{"templates": map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "object", "properties": map[string]any{"jwks_url": map[string]any{"type": "string", "writeOnly": true}, "ttl": map[string]any{"type": "string"}}}}}},
	"courier": map[string]any{"type": "object", "properties": map[string]any{"smtp": map[string]any{"type": "object", "properties": map[string]any{"headers": map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}}}}},
	"oauth": map[string]any{"type": "object", "properties": map[string]any{
		"pairwise": map[string]any{"type": "object", "properties": map[string]any{"salt": map[string]any{"type": "string", "writeOnly": true}}},
		"pkce":     map[string]any{"type": "object", "properties": map[string]any{"required": map[string]any{"type": "boolean"}}},
	}},
}}

func convert(t *testing.T, kind string, texts ...string) (Values, error) {
	t.Helper()
	var sources []Source
	for _, text := range texts {
		sources = append(sources, Source{Name: "values.yaml", Text: []byte(text)})
	}
	c, err := Convert(sources, kind, described)
	if err != nil {
		return Values{}, err
	}
	return c.Values(), nil
}

func TestDatabases(t *testing.T) {
	for name, tc := range map[string]struct {
		values string
		want   map[string]any
	}{
		"an address": {"hydra: {config: {dsn: 'postgres://hy%20dra:p@ss/w:rd@db:5433/hy%2Fdra?sslmode=verify-ca&max_conns=7'}}", map[string]any{
			"mode": "postgres", "host": "db", "port": 5433, "user": "hy dra", "names": all2("hy/dra"), "existingSecret": "gatehouse-database",
			"tls": map[string]any{"mode": "verify-ca", "caSecret": "gatehouse-database-ca"}, "parameters": map[string]any{"max_conns": "7"},
		}},
		"MySQL": {"kratos: {config: {dsn: 'mysql://u:p@tcp(db:3307)/k?parseTime=true&tls=true'}}", map[string]any{
			"mode": "mysql", "host": "db", "port": 3307, "user": "u", "names": all2("k"), "existingSecret": "gatehouse-database", "tls": map[string]any{"mode": "true"},
		}},
		"memory":      {"hydra: {config: {dsn: memory}}", map[string]any{"mode": "memory"}},
		"no address":  {"hydra: {config: {dsn: 'oracle://x'}}", nil},
		"unreadable":  {"hydra: {config: {dsn: 'postgres://u:p@h h/x'}}", nil},
		"an old word": {"global: {ory: {hydra: {persitance: {enabled: 'true', postgresql: {enabled: 'true'}}}}}", map[string]any{"mode": "bundled"}},
		"a short way": {"persistence: {enabled: true, gcloud: {enabled: true}, user: u}\ngcloud-sqlproxy: {cloudsql: {instance: {instanceName: i, project: p, region: r, port: '5432'}}, existingSecret: s, existingSecretKey: k}", map[string]any{
			"mode": "cloudsql", "user": "u", "existingSecret": "gatehouse-database",
			"cloudsql": map[string]any{"type": "postgres", "instanceName": "i", "project": "p", "region": "r", "port": 5432, "existingSecret": "s", "existingSecretKey": "k"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := convert(t, "", tc.values)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := v.Tree["database"].(map[string]any)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func all2(name string) map[string]any {
	names := map[string]any{}
	for k, v := range all(name) {
		names[k] = v
	}
	return names
}

// Files of several charts are one installation: each of their databases keeps its name and user.
func TestSeveralCharts(t *testing.T) {
	v, err := convert(t, "", "hydra: {config: {dsn: 'postgres://hydra:x@db/hydra'}}", "kratos: {config: {dsn: 'postgres://kratos:y@db/kratos'}}", "hydra: {config: {log: {level: debug}}}\nreplicaCount: 4")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"mode": "postgres", "host": "db", "user": "hydra", "existingSecret": "gatehouse-database",
		"names": map[string]any{"management": "kratos", "oauth": "hydra", "activity": "hydra", "flow": "hydra"},
		"users": map[string]any{"management": map[string]any{"user": "kratos", "existingSecret": "gatehouse-database-management"}},
	}
	if diff := cmp.Diff(want, v.Tree["database"]); diff != "" {
		t.Error(diff)
	}
	if v.Tree["replicaCount"] != 4 || lookup(v.Tree, "config.log.level") != "debug" {
		t.Errorf("the last file is not merged: %v", v.Tree)
	}
}

// What is not carried over is told with a reason, and no value is.
func TestNothingIsDropped(t *testing.T) {
	const said = "Confidential-Words"
	v, err := convert(t, "", `
hydra:
  dev: maybe
  config:
    dsn: postgres://u:`+said+`@db/x?application_name=y
    log: {level: info, surprising: `+said+`}
    oidc: {subject_identifiers: {pairwise: {salt: `+said+`}}}
    oauth2: {pkce: {enforced: "true"}}
replicaCount: many
something: {else: [`+said+`]}
ingress: {public: {annotations: {a: "https://u:`+said+`@x/", nginx.ingress.kubernetes.io/cors-allow-origin: "*", plain: x}, hosts: [{host: a}, {host: b}]}}
deployment: {extraEnv: [{name: DSN, value: `+said+`}], annotations: {}}
"line\nbreak": `+said+`
oathkeeper: {config: {authenticators: {jwt: {config: {token: `+said+`, jwks_urls: [x]}}}}}
`)
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(v.Remarks, "\n")
	for _, name := range []string{"hydra.dev", "hydra.config.log.surprising", "replicaCount", "something.else", "ingress.public.annotations", "cors-allow-origin", "hosts[1", "deployment.extraEnv", `"line\nbreak"`, "(application_name)", "oathkeeper.config"} {
		if !strings.Contains(told, name) {
			t.Errorf("nothing is said about %s in\n%s", name, told)
		}
	}
	if strings.Contains(told, said) || reveal(v.Tree, said) {
		t.Errorf("a value is shown:\n%s\n%v", told, v.Tree)
	}
	if lookup(v.Tree, "config.oauth.pkce.required") != true {
		t.Errorf("a text is no boolean: %v", v.Tree["config"])
	}
	for _, line := range v.Remarks {
		if strings.ContainsAny(line, "\r\n") {
			t.Errorf("%q is no line", line)
		}
	}
}

// What may be a secret by where it stands is no more shown than what is called one, not in what an address holds either; the rest of what
// stands around it is carried over.
func TestSecretsWithoutAName(t *testing.T) {
	const said = "Confidential-Words"
	key := "base64://" + base64.StdEncoding.EncodeToString([]byte(`{"keys": [{"kty": "oct", "k": "`+said+`"}]}`))
	v, err := convert(t, "", `
kratos: {config: {session: {templates: {sealed: {jwks_url: "`+key+`", ttl: 1m}, filed: {jwks_url: "file:///run/keys.json", ttl: 2m}}}, courier: {smtp: {headers: {X-Any: `+said+`}}}}}
`, `
oathkeeper:
  accessRules: '[{"id": "a", "authorizer": {"handler": "remote", "config": {"headers": {"X-Any": "`+said+`"}}}}]'
  config:
    access_rules: {repositories: ["https://a:`+said+`@example.com/r", "https://example.com/r?k=`+said+`", "file:///rules.json", "inline://W10="]}
    authenticators:
      introspection: {config: {introspection_url: "https://example.com/?k=`+said+`"}}
      header: {config: {introspection_request_headers: {X-Any: `+said+`}}}
      key: {config: {keys: "`+key+`"}}
      noop: {enabled: true, config: {headers: {X-User: "{{ print .Subject }}", Accept: text/html}, to: "https://example.com/login?aal=aal2"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(v.Remarks, "\n")
	for _, name := range []string{"templates.sealed", "smtp.headers", "oathkeeper.accessRules", "repositories[0]", "repositories[1]", "authenticators.introspection", "authenticators.header", "authenticators.key", "GATEHOUSE_ACCESS_AUTHENTICATORS"} {
		if !strings.Contains(told, name) {
			t.Errorf("nothing is said about %s in\n%s", name, told)
		}
	}
	for _, word := range []string{said, key, base64.StdEncoding.EncodeToString([]byte(said))[:18]} {
		if strings.Contains(told, word) || reveal(v.Tree, word) {
			t.Errorf("a value is shown:\n%s\n%v", told, v.Tree)
		}
	}
	want := map[string]any{
		"session": map[string]any{"templates": map[string]any{"filed": map[string]any{"jwks_url": "file:///run/keys.json", "ttl": "2m"}}},
		"access": map[string]any{
			"rules": map[string]any{"repositories": []any{"file:///rules.json", "inline://W10="}},
			"authenticators": map[string]any{"noop": map[string]any{"enabled": true, "config": map[string]any{
				"headers": map[string]any{"X-User": "{{ print .Subject }}", "Accept": "text/html"}, "to": "https://example.com/login?aal=aal2",
			}}},
		},
	}
	if diff := cmp.Diff(want, v.Tree["config"]); diff != "" {
		t.Error(diff)
	}
}

// One place of rules that cannot be shown takes no other along, and what is carried over of each setting is its own.
func TestRulesOfSeveralPlaces(t *testing.T) {
	v, err := convert(t, "", `{oathkeeper: {accessRules: "[]", config: {access_rules: {repositories: ["https://a:b@example.com/r", "https://example.com/r"]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"inline://W10=", "https://example.com/r"}, lookup(v.Tree, "config.access.rules.repositories")); diff != "" {
		t.Error(diff)
	}
	if told := strings.Join(v.Remarks, "\n"); !strings.Contains(told, "oathkeeper.config.access_rules.repositories[0]") || strings.Contains(told, "oathkeeper.accessRules") {
		t.Error(told)
	}
}

// reveal tells whether a word stands anywhere.
func reveal(v any, word string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, word)
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return reveal(one, word) })
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), func(one any) bool { return reveal(one, word) })
	}
	return false
}

func TestRefuse(t *testing.T) {
	c, err := Convert([]Source{{"v", []byte("hydra: {config: {log: {level: loud}, oauth2: {pkce: {enforced: true}}}}")}}, "", described)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Refuse("log.level", `there is no such level: "loud"; write aloud, or not loud at all`) || c.Refuse("log.level", "again") || c.Refuse("secrets.system", "missing") {
		t.Error("what there is to take out is not found, or found twice")
	}
	v := c.Values()
	if lookup(v.Tree, "config.log") != nil || lookup(v.Tree, "config.oauth.pkce.required") != true {
		t.Error("the wrong setting was taken out")
	}
	if !strings.Contains(strings.Join(v.Remarks, "\n"), "there is no such level: \"…\"; write aloud, or not … at all:\n    hydra.config.log.level") {
		t.Error("it is not told")
	}
}

// Pods mount both secrets of the server: where one comes from a Secret of the user's, so does the other, in every profile and with every
// database.
func TestSecretsOfTheServerAreWhole(t *testing.T) {
	for _, config := range []string{"{dsn: memory, secrets: {system: [x]}}", "{dev: true, secrets: {cookie: [x]}}", "{secrets: {system: [x]}}", "{dsn: 'postgres://a:b@c/d'}"} {
		v, err := convert(t, "", "hydra: {config: "+config+"}")
		if err != nil {
			t.Fatal(err)
		}
		told := strings.Join(v.Remarks, "\n")
		if !strings.Contains(told, "kubectl create secret generic gatehouse-secrets") || !strings.Contains(told, "--from-file=system") || !strings.Contains(told, "--from-file=cookie") {
			t.Errorf("%s:\n%s", config, told)
		}
	}
}

func TestFilesOfAnotherKind(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "is empty",
		"- a":                      "no mapping",
		"a: 1":                     "none of the known charts",
		"profile: production":      "Gatehouse's own chart",
		"kind: Pod\napiVersion: 1": "another kind than ConfigMap and Secret",
		"kind: Secret\napiVersion: v1\ndata: {a.b: '%'}":            "not base64",
		"kind: ConfigMap\napiVersion: v1\ndata: {dsn: x}":           "no path of a value",
		"kind: ConfigMap\napiVersion: v1\ndata: {a.b: x, a.b.c: y}": "contradicts",
		"a: [":                       "document 1",
		"kind: List\nitems: [[], 1]": "no mapping",
	} {
		if _, err := convert(t, "", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzConvert(f *testing.F) {
	for _, seed := range []string{
		"hydra: {config: {dsn: 'postgres://a:b@c:1/d?e=f'}}", "kratos: {config: {identity: {schemas: [{url: 'file:///x'}]}}, identitySchemas: {x: '{}'}}", "postgres: {enabled: true, host: x}",
		"oathkeeper: {accessRules: x, config: {mutators: {id_token: {config: {jwks_url: x}}}}}", "secretConfig: {data: {system: {secret: x}}}\nargs: [--dev]",
		"kind: ConfigMap\napiVersion: v1\ndata: {global.ory.hydra.persistence.enabled: 'true'}", "? {a: b}\n: c\nhydra: [1]", "ingress: {hosts: [1, {host: [x], paths: [{path: 1}]}], tls: [x]}\ncertificate: {}",
	} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "cloudentity")
	}
	f.Fuzz(func(t *testing.T, text []byte, kind string) {
		if kind != "" && !slices.Contains(Kinds(), kind) {
			return
		}
		c, err := Convert([]Source{{"f", text}}, kind, described)
		if err != nil {
			return
		}
		for _, line := range c.Values().Remarks {
			if strings.ContainsAny(line, "\r\n") {
				t.Errorf("%q is no line", line)
			}
		}
	})
}
