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

// put sets what a path of the file leads to: a list of one, and below names that it makes up. It gives the path at which the chart shows it.
func put(in map[string]any, path []string, value any) (shown string) {
	key, inList := strings.CutSuffix(path[0], "[]")
	switch key {
	case "*":
		key = "X-Api-Key"
	case "**":
		key = "client_secret"
	}
	shown = key
	if len(path) == 1 {
		if inList {
			value = []any{value}
		}
		in[key] = value
		return shown
	}
	below := map[string]any{}
	switch before := in[key].(type) {
	case map[string]any:
		below = before
	case []any:
		below = before[0].(map[string]any)
	}
	in[key] = below
	if inList {
		in[key] = []any{below}
		shown += "[0]"
	}
	return shown + "." + put(below, path[1:], value)
}

// No secret passes as a part of the configuration, which is a ConfigMap, wherever it stands; what only leads to one does.
func TestNoSecretInTheConfiguration(t *testing.T) {
	lines := secretSettings(configSchema(t), "")
	if len(lines) < 20 {
		t.Fatalf("the configuration's secrets are %v", lines)
	}
	config, without := values{}, values{}
	var want []string
	for _, line := range lines {
		_, path, _ := strings.Cut(line, " ")
		want = append(want, put(config, strings.Split(path, "."), "Xq7Zt4LkP9wXc2VbN8mR"))
		put(without, strings.Split(path, "."), "")
	}
	_, err := render(values{"config": config}, false)
	for _, path := range want {
		if err == nil || strings.Count(err.Error(), "- config."+path+" is a secret, and a ConfigMap is none") != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := render(values{"config": without}, false); err != nil {
		t.Errorf("nothing secret is there: %v", err)
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
