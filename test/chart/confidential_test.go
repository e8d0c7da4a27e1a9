package chart

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write files/secret-settings.txt of the chart anew")

// configSchema is what the server says of its configuration.
func configSchema(t *testing.T) object {
	t.Helper()
	out, status := gatehouse(t, "", "config", "schema")
	var schema object
	if err := json.Unmarshal([]byte(out), &schema); err != nil || status != 0 {
		t.Fatalf("config schema: %v, status %d", err, status)
	}
	return schema
}

// secretSettings are the lines of the chart's file: the settings below a path that are secret, may be one by their name, or are described
// nowhere.
func secretSettings(schema object, path string) []string {
	named, _ := schema.at("additionalProperties").(map[string]any)
	items, _ := schema.at("items").(map[string]any)
	properties, described := schema.at("properties").(map[string]any)
	switch {
	case schema["writeOnly"] == true:
		return []string{"secret " + path}
	case named != nil && named["writeOnly"] == true:
		return []string{"named " + path + ".*"}
	case named != nil:
		return secretSettings(named, path+".*")
	case items != nil:
		return secretSettings(items, path+"[]")
	case schema["type"] == "object" && !described:
		return []string{"free " + path + ".**"}
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		at := strings.TrimPrefix(path+"."+key, ".")
		if at != "databases" { // which no configuration of the chart's may have
			all = append(all, secretSettings(properties[key].(map[string]any), at)...)
		}
	}
	return all
}

// The chart knows the secrets of the configuration from its schema, not from a list that somebody keeps.
func TestSecretSettings(t *testing.T) {
	want := strings.Join(secretSettings(configSchema(t), ""), "\n") + "\n"
	file := filepath.Join(chartPath, "files", "secret-settings.txt")
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%v: write it anew by `go test -run TestSecretSettings -update`:\n%s", err, want)
	}
}

// put sets what a path of the file leads to, in lists of one, and below names that it makes up.
func put(path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	key, inList := strings.CutSuffix(path[0], "[]")
	below := put(path[1:], value)
	if inList {
		below = []any{below}
	}
	switch key {
	case "*":
		key = "X-Api-Key"
	case "**":
		key = "client_secret"
	}
	return map[string]any{key: below}
}

// No secret passes as a part of the configuration, which is a ConfigMap, wherever it stands; what only leads to one does.
func TestNoSecretInTheConfiguration(t *testing.T) {
	lines := secretSettings(configSchema(t), "")
	if len(lines) < 20 {
		t.Fatalf("the configuration's secrets are %v", lines)
	}
	for _, line := range lines {
		_, path, _ := strings.Cut(line, " ")
		config := put(strings.Split(path, "."), "Xq7Zt4LkP9wXc2VbN8mR")
		_, err := render(values{"config": config}, false)
		if err == nil || strings.Count(err.Error(), "is a secret, and a ConfigMap is none") != 1 {
			t.Errorf("%s: %v", line, err)
		}
		if _, err := render(values{"config": put(strings.Split(path, "."), "")}, false); err != nil {
			t.Errorf("%s, empty: %v", line, err)
		}
	}
	for text, refused := range map[string]bool{
		"session: {whoami: {tokenizer: {templates: {a: {jwks_url: 'file:///keys.json'}}}}}":                                                false,
		"tracing: {headers: {X-Scope-OrgID: acme}}":                                                                                        false,
		"tracing: {headers: {Authorization: Bearer x}}":                                                                                    true,
		"access: {mutators: {header: {config: {headers: {X-Token: '{{ print .Subject }}'}}}}}":                                             false,
		"access: {authenticators: {oauth2_introspection: {config: {introspection_url: 'https://u:p@example.com/'}}}}":                      true,
		"access: {authenticators: {oauth2_introspection: {config: {introspection_url: 'https://example.com/', token_from: {header: x}}}}}": false,
		"account: {override_path: 'https://u:p@example.com/'}":                                                                             true,
		"log: {level: \"-----BEGIN EC PRIVATE KEY-----\"}":                                                                                 true,
	} {
		_, err := render(values{"config": read(t, text)}, false)
		if got := err != nil && strings.Contains(err.Error(), "is a secret"); got != refused || (err == nil) == refused {
			t.Errorf("%s: %v", text, err)
		}
	}
}
