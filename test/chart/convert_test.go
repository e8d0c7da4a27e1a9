package chart

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Values of other charts become values of this one that Helm takes and renders, that the server takes, and in which nothing is critical
// where they are for production. Their secrets are in no line of it.
func TestValuesOfOtherCharts(t *testing.T) {
	paths, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	cases := map[string][]string{"all of Ory's": {"testdata/values/hydra.yaml", "testdata/values/kratos.yaml", "testdata/values/oathkeeper.yaml"}}
	for _, p := range paths {
		cases[filepath.Base(p)] = []string{p}
	}
	for name, files := range cases {
		t.Run(name, func(t *testing.T) {
			args := []string{"chart", "values"}
			for _, f := range files {
				args = append(args, "--from", f)
			}
			out, status := gatehouse(t, "", args...)
			if status != 0 {
				t.Fatalf("status %d: %s", status, out)
			}
			if strings.Contains(unwrapped(out), "Secret-Of") {
				t.Errorf("a secret is printed:\n%s", out)
			}
			r := mustRender(t, read(t, out))
			file := filepath.Join(t.TempDir(), "gatehouse.yaml")
			if err := os.WriteFile(file, []byte(r.configuration()), 0o600); err != nil {
				t.Fatal(err)
			}
			if said, status := gatehouse(t, "", "config", "validate", "-c", file); status != 0 {
				t.Errorf("the server refuses the configuration: %s", said)
			}
			if read(t, out)["profile"] != "production" {
				return
			}
			if said, status := gatehouse(t, r.manifests, "harden", "--manifests", "-", "--fail-on", "critical"); status != 0 {
				t.Errorf("status %d\n%s", status, said)
			}
		})
	}
}

// unwrapped is a text behind which stands what it holds in base64.
func unwrapped(text string) string {
	for _, encoded := range regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`).FindAllString(text, -1) {
		if inner, err := base64.RawStdEncoding.DecodeString(encoded); err == nil {
			text += "\n" + string(inner)
		}
	}
	return text
}

// Each leaf of the samples, and of the charts' whole defaults that they stand for, is carried over or told.
func TestNoSettingOfASampleIsDropped(t *testing.T) {
	for file, pieces := range map[string][]string{
		"kyma-bundled.yaml":     {"mode: bundled", "autoMigrate: true", "profile: production"},
		"kyma-custom.yaml":      {"host: mydb.db-namespace", "port: 5432", "oauth: db4hydra", "user: hydra", "gatehouse-secrets", "gatehouse-database"},
		"kyma-gcloud.yaml":      {"mode: cloudsql", "type: mysql", "instanceName: myinstance", "project: my-gcloud-project", "region: europe-west4", "port: 3306", "existingSecret: gatehouse-gcp", "persistence.dbUrl"},
		"kyma-values.yaml":      {"mode: cockroach", "existingSecret: my-secret", "passwordKey: my-db-password", "jwks_url", "10.0.0.0/8"},
		"hydra.yaml":            {"minReplicas: 3", "targetCPUUtilizationPercentage: 60", "access_token: 30m", "GATEHOUSE_OAUTH_PAIRWISE_SALT", "clusterIssuer: letsencrypt", "rewrite-target", "watchNamespaces", "keySecret: gatehouse-metrics"},
		"kratos.yaml":           {"fromAddress: login@example.com", "existingSecret: gatehouse-smtp", "url: base64://", "privileged_session_max_age: 15m", "unused.schema.json", "client_secret_file: /run/secrets/providers/google", "secretName: gatehouse-providers", "providers[1]", "secrets.cipher", "after.password.hooks", "tokenizer.templates.orders"},
		"oathkeeper.yaml":       {"inline://", "https://rules.example.com/rules.json", "url: https://apps.example.com/", "authenticators.oauth2_introspection", "authenticators.cookie_session", "mutators.header", "repositories[0]", "mutatorIdTokenJWKs"},
		"cloudentity.yaml":      {"--demo", "--create-default-tenant", "mode: cockroach", "redis-cluster:6379", "GATEHOUSE_CACHE_REDIS_PASSWORD", "(sslmode)", "minReplicas: 2", "behavior:", "secretConfig.name"},
		"openzro-postgres.yaml": {"postgres.sslMode", "oauth: dex", "user: dba", "existingSecret: gatehouse-dba", "name: openzro-maxmind", "source: maxmind"},
		"openzro-mysql.yaml":    {"mode: mysql", "port: 3306", "mysql.tls"},
		"openzro-lab.yaml":      {"mode: sqlite", "size: 1Gi", "management.replicaCount", "signal"},
	} {
		out, status := gatehouse(t, "", "chart", "values", "--from", "testdata/values/"+file)
		for _, piece := range pieces {
			if status != 0 || !strings.Contains(out, piece) {
				t.Errorf("%s: %q is missing in\n%s", file, piece, out)
			}
		}
	}
}

// Providers that are not known here are left, and where none is known nobody signs in at one: a server without any would not start.
func TestUnknownProviders(t *testing.T) {
	const kratos = "kratos: {config: {selfservice: {methods: {oidc: {enabled: true, config: {providers: %s}}}}}}"
	for providers, carried := range map[string]bool{
		"[{id: a, provider: gitlab, client_id: b, client_secret: Secret-Of-A-Test}]": true,
		"[{id: a, provider: github, client_id: b, client_secret: Secret-Of-A-Test}]": false,
		"[{id: a/b, provider: gitlab, client_id: b}]":                                false,
		"[]": false,
	} {
		out, status := gatehouse(t, fmt.Sprintf(kratos, providers), "chart", "values", "--from", "-")
		v := object(read(t, out))
		got, _ := v.at("config", "selfservice", "methods", "oidc").(map[string]any)
		if status != 0 || strings.Contains(out, "Secret-Of") || (got["enabled"] == true) != carried || (got["config"] != nil) != carried || (v["extraVolumes"] != nil) != carried {
			t.Errorf("%s: status %d, %s", providers, status, out)
		}
	}
}

// What is no values file of another chart is refused with what was expected.
func TestOtherFilesAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"apiVersion: v1\nkind: Pod\n": "expected are Kyma's overrides",
		"profile: production\n":       "Gatehouse's own chart",
		"some: thing\n":               "--kind",
	} {
		if out, status := gatehouse(t, text, "chart", "values", "--from", "-"); status != 1 || !strings.Contains(out, want) {
			t.Errorf("%q: status %d, %s", text, status, out)
		}
	}
	if out, status := gatehouse(t, "", "chart", "values"); status != 2 || !strings.Contains(out, "--from is missing") {
		t.Errorf("status %d, %s", status, out)
	}
	if out, status := gatehouse(t, "some: thing\n", "chart", "values", "--from", "-", "--kind", "hydra"); status != 0 || !slices.Contains(strings.Split(out, "\n"), "#     some") {
		t.Errorf("status %d, %s", status, out)
	}
}

// A text that looks like another type in some YAML stays what it was.
func TestTextsStayTexts(t *testing.T) {
	out, status := gatehouse(t, "global: {ory: {hydra: {persistence: {enabled: 'true', user: 'on', dbUrl: 'db:1', dbName: '0x10', secretName: s, secretKey: 'n'}}}}", "chart", "values", "--from", "-")
	var v values
	if err := yaml.Unmarshal([]byte(out), &v); err != nil || status != 0 {
		t.Fatalf("%v, status %d, %s", err, status, out)
	}
	for path, want := range map[string]string{"user": "on", "passwordKey": "n"} {
		if got := object(v).at("database", path); got != want {
			t.Errorf("%s is %v", path, got)
		}
	}
	mustRender(t, v)
}
