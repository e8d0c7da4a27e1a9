package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var reflectConfig = reflect.TypeFor[Config]()

func TestExplain(t *testing.T) {
	path := write(t, "gatehouse.yaml", `databases:
  dsn: postgres://app:hunter2@db/gatehouse
secrets:
  system: [hunter2-hunter2-hunter2]
tenants:
- id: one
  hosts: [a, b]
tracing: {headers: {Authorization: hunter2}}
oauth: {lifespans: {refresh_token: -1}, front_channel_tokens: {default: false}}
`)
	c, err := Load([]string{path}, []string{"GATEHOUSE_LOG_LEVEL=debug", "GATEHOUSE_DATA_DIR=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]Line{}
	for _, l := range c.Explain() {
		if _, twice := lines[l.Key]; twice {
			t.Errorf("%s twice", l.Key)
		}
		if l.Source == "" || l.Meaning == "" {
			t.Errorf("%s: source %q, meaning %q", l.Key, l.Source, l.Meaning)
		}
		if strings.Contains(l.Value, "hunter2") {
			t.Errorf("%s shows a secret: %s", l.Key, l.Value)
		}
		lines[l.Key] = l
	}
	at := func(line string) string { return path + ":" + line }
	for key, want := range map[string][2]string{
		"profile":                               {"development", "default"},
		"databases.dsn":                         {"postgres://app:[redacted]@db/gatehouse", at("2")},
		"databases.oauth":                       {"postgres://app:[redacted]@db/gatehouse", "from databases.dsn"},
		"secrets.system":                        {"[redacted]", at("4")},
		"secrets.cookie":                        {"[redacted]", filepath.Join(c.DataDir, "secrets.yaml") + ":5"},
		"tenants[0].id":                         {"one", at("6")},
		"tenants[0].hosts":                      {"a, b", at("7")},
		"tracing.headers":                       {"Authorization: [redacted]", at("8")},
		"log.level":                             {"debug", "GATEHOUSE_LOG_LEVEL"},
		"oauth.issuer":                          {"http://127.0.0.1:4444/", "from serve.public.base_url"},
		"oauth.lifespans.refresh_token":         {"-1", at("9")},
		"oauth.lifespans.access_token":          {"1h", "default"},
		"oauth.front_channel_tokens.default":    {"false", at("9")},
		"oauth.clients.allow_private_addresses": {"", "default"},
		"serve.public.base_url":                 {"http://127.0.0.1:4444/", "from serve.public.address"},
		"serve.public.timeouts.write":           {"1m", "default"},
		"oauth.default_scope":                   {"offline_access, offline, openid", "default"},
	} {
		if d := cmp.Diff(want, [2]string{lines[key].Value, lines[key].Source}); d != "" {
			t.Errorf("%s: %s", key, d)
		}
	}
	if l := lines["hashing.memory"]; l.Unit != "KiB" || l.Environment != "GATEHOUSE_HASHING_MEMORY" || !strings.HasPrefix(l.Meaning, "`memory` that ") {
		t.Errorf("%+v", l)
	}
	for _, k := range keysOf(reflectConfig) {
		_, there := lines[k.path]
		if _, first := lines[k.path+"[0].hook"]; k.fixed && k.form != group && !there && !first && k.path != "tenants" {
			t.Errorf("%s is not explained", k.path)
		}
	}
}

func TestExplainInMemory(t *testing.T) {
	c, err := Load(nil, []string{"GATEHOUSE_DATABASES_DSN=memory"})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.Explain(), func(l Line) bool { return l.Key == "secrets.system" })
	if l := c.Explain()[i]; l.Source != "generated for this process" || l.Value != "[redacted]" {
		t.Errorf("%+v", l)
	}
}

// TestSchema walks the schema along every key of the document.
func TestSchema(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	if root["$schema"] != "https://json-schema.org/draft/2020-12/schema" || root["additionalProperties"] != false {
		t.Errorf("head is %v, %v", root["$schema"], root["additionalProperties"])
	}
	for _, k := range keysOf(reflectConfig) {
		s := root
		for part := range strings.SplitSeq(k.path, ".") {
			name, items := strings.CutSuffix(part, "[]")
			if name == "*" {
				s, _ = s["additionalProperties"].(map[string]any)
				continue
			}
			properties, _ := s["properties"].(map[string]any)
			s, _ = properties[name].(map[string]any)
			if items && s != nil {
				s, _ = s["items"].(map[string]any)
			}
		}
		if s == nil || s["type"] == nil || s["description"] == nil {
			t.Errorf("%s: %v", k.path, s)
		}
	}
	oauth := root["properties"].(map[string]any)["oauth"].(map[string]any)["properties"].(map[string]any)
	scope := oauth["default_scope"].(map[string]any)
	if d := cmp.Diff([]any{"offline_access", "offline", "openid"}, scope["default"]); d != "" {
		t.Error(d)
	}
	pairwise := oauth["pairwise"].(map[string]any)["properties"].(map[string]any)["salt"].(map[string]any)
	if pairwise["writeOnly"] != true {
		t.Error("a secret is not writeOnly")
	}
	key := groupAt(t, root, "properties", "session", "properties", "whoami", "properties", "tokenizer", "properties", "templates", "additionalProperties", "properties", "jwks_url")
	if key["writeOnly"] != true {
		t.Error("a private key that stands in the configuration is not writeOnly")
	}
}

// groupAt goes down groups of a document.
func groupAt(t *testing.T, group map[string]any, path ...string) map[string]any {
	t.Helper()
	for _, name := range path {
		below, ok := group[name].(map[string]any)
		if !ok {
			t.Fatalf("there is no %s in %v", name, path)
		}
		group = below
	}
	return group
}

// TestReferenceNamesEverything: every key and every variable is on the page.
func TestReferenceNamesEverything(t *testing.T) {
	page := string(Reference())
	said := regexp.MustCompile("(?m)^## `([^`\n]+)`\n\n(?:[^#\n][^\n]*\n\n)*?The keys are those of `([^`\n]+)`\\.$")
	alias := map[string]string{}
	for _, m := range said.FindAllStringSubmatch(page, -1) {
		alias[m[1]] = m[2]
	}
	for _, k := range keysOf(reflectConfig) {
		for at, first := range alias {
			if rest, below := strings.CutPrefix(k.path, at+"."); below {
				k.path = first + "." + rest
			}
		}
		if !strings.Contains(page, "`"+k.path+"`") && !strings.Contains(page, "`"+k.path+"[]`") && !strings.Contains(page, "`"+k.path+".*`") {
			t.Errorf("%s is missing", k.path)
		}
		if env := k.environ(); env != "" && !strings.Contains(page, "`"+env+"`") {
			t.Errorf("%s is missing", env)
		}
	}
	written, err := os.ReadFile(referencePage)
	if err != nil || string(written) != page {
		t.Errorf("the page is not what the program says (%v)", err)
	}
}
