package chart

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Keys that nobody knows, and values of a wrong kind, are refused, each at its own place and for its own reason.
func TestSchemaIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"persistance: {enabled: true}":                 "- at '': additional properties 'persistance' not allowed",
		"database: {dbUrl: x}":                         "- at '/database': additional properties 'dbUrl' not allowed",
		"database: {tls: {sslMode: require}}":          "- at '/database/tls': additional properties 'sslMode' not allowed",
		"database: {mode: oracle}":                     "- at '/database/mode': value must be one of ",
		"database: {users: {dex: {user: a}}}":          "- at '/database/users': additional properties 'dex' not allowed",
		"profile: staging":                             "- at '/profile': value must be one of ",
		"replicaCount: two":                            "- at '/replicaCount': got string, want ",
		"replicaCount: 0":                              "- at '/replicaCount': minimum: got 0, want 1",
		"config: {servce: {}}":                         ": invalid propertyName 'servce'", // the library says a wrong place
		"secretConfig: {create: 'no'}":                 "- at '/secretConfig/create': got string, want boolean",
		"url: id.example.com":                          "- at '/url': 'id.example.com' does not match pattern ",
		"backup: {destinations: [{directory: /x}]}":    "- at '/backup/destinations/0': missing property 'name'",
		"networkPolicy: {public: {from: [{pods: 1}]}}": "- at '/networkPolicy/public/from/0': additional properties 'pods' not allowed",
		"terminationGracePeriodSeconds: 10":            "- at '/terminationGracePeriodSeconds': minimum: got 10, want 31",
		"controller: {watchNamespaces: ['']}":          "- at '/controller/watchNamespaces/0': '' does not match pattern ", // which the controller would take for all
		"backup: {recipients: [AGE-SECRET-KEY-1X]}":    "- at '/backup/recipients/0': 'AGE-SECRET-KEY-1X' does not match pattern ",
	} {
		_, err := render(read(t, text), false)
		if err == nil {
			t.Errorf("%s is taken", text)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if !slices.ContainsFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, want) || strings.HasPrefix(want, ":") && strings.HasSuffix(line, want)
		}) || strings.Count(err.Error(), "\n- at ") != 1 {
			t.Errorf("%s: nothing but %q is wanted of\n%v", text, want, err)
		}
	}
}

// Each key of values.yaml is in the schema, and each of the schema in values.yaml, where users look for it.
func TestSchemaKnowsTheValues(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(chartPath, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	schema := readSchema(t)
	compareKeys(t, "", read(t, string(content)), schema)
}

// written are values whose keys are written by the user.
var written = []string{".database.users.", ".probes.startup.", ".probes.readiness.", ".probes.liveness.", ".certificate.certManager.issuerRef.", ".admin.certificate.certManager.issuerRef.", ".global"}

func compareKeys(t *testing.T, path string, given values, schema object) {
	t.Helper()
	properties, _ := schema.at("properties").(map[string]any)
	for key := range properties {
		if _, there := given[key]; !there && !slices.ContainsFunc(written, func(p string) bool { return strings.HasPrefix(path+"."+key, p) || p == path+"."+key }) {
			t.Errorf("values.yaml lacks %s.%s", path, key)
		}
	}
	for key, value := range given {
		below, _ := properties[key].(map[string]any)
		if below == nil {
			if len(properties) > 0 {
				t.Errorf("values.schema.json lacks %s.%s", path, key)
			}
			continue
		}
		if inner, ok := value.(map[string]any); ok {
			compareKeys(t, path+"."+key, inner, below)
		}
	}
}

// The schema knows the groups of the server's configuration.
func TestSchemaKnowsTheConfiguration(t *testing.T) {
	out, status := gatehouse(t, "", "config", "schema")
	var config struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(out), &config); err != nil || status != 0 {
		t.Fatalf("config schema: %v, status %d", err, status)
	}
	known, _ := readSchema(t).at("properties", "config", "propertyNames", "enum").([]any)
	var names []string
	for _, name := range known {
		names = append(names, name.(string))
	}
	slices.Sort(names)
	if want := slices.Sorted(maps.Keys(config.Properties)); !slices.Equal(names, want) {
		t.Errorf("values.schema.json knows %v, the server %v", names, want)
	}
}

func readSchema(t *testing.T) object {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(chartPath, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema object
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}
