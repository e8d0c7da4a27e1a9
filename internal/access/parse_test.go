package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The example of Oathkeeper's documentation.
const exampleJSON = `{
  "id": "some-id",
  "version": "v0.36.0-beta.4",
  "upstream": {"url": "http://my-backend-service", "preserve_host": true, "strip_path": "/api/v1"},
  "match": {"url": "http://my-app/some-route/<.*>", "methods": ["GET", "POST"]},
  "authenticators": [{ "handler": "noop" }],
  "authorizer": { "handler": "allow" },
  "mutators": [{ "handler": "noop" }],
  "errors": [{ "handler": "json" }]
}`

const exampleYAML = `
id: some-id
version: v0.36.0-beta.4
upstream:
  url: http://my-backend-service
  preserve_host: true
  strip_path: /api/v1
match:
  url: http://my-app/some-route/<.*>
  methods:
    - GET
    - POST
authenticators:
  - handler: noop
authorizer:
  handler: allow
mutators:
  - handler: noop
errors:
  - handler: json
`

func TestParseRules(t *testing.T) {
	want := Rule{
		ID: "some-id", Version: migratedVersion, Source: "file:///r",
		Upstream:       Upstream{URL: "http://my-backend-service", PreserveHost: true, StripPath: "/api/v1"},
		Match:          Match{URL: "http://my-app/some-route/<.*>", Methods: []string{"GET", "POST"}},
		Authenticators: []HandlerRef{{Handler: "noop"}}, Authorizer: HandlerRef{Handler: "allow"},
		Mutators: []HandlerRef{{Handler: "noop"}}, Errors: []ErrorHandler{{Handler: "json"}},
	}
	indented := "- " + strings.ReplaceAll(strings.TrimSpace(exampleYAML), "\n", "\n  ")
	for name, text := range map[string]string{
		"JSON": exampleJSON, "a list": "[" + exampleJSON + "]", "YAML": exampleYAML, "a list in YAML": indented,
		"tabs":            strings.ReplaceAll(exampleJSON, "  ", "\t"),
		"JSON with a #":   "# rules\n" + exampleJSON,
		"a mark of UTF-8": "\xef\xbb\xbf" + exampleJSON,
		"flow of YAML":    "[{id: some-id, version: v0.36.0-beta.4, upstream: {url: 'http://my-backend-service', preserve_host: true, strip_path: /api/v1}, match: {url: 'http://my-app/some-route/<.*>', methods: [GET, POST]}, authenticators: [{handler: noop}], authorizer: {handler: allow}, mutators: [{handler: noop}], errors: [{handler: json}]}]",
	} {
		rules, err := ParseRules([]byte(text), "file:///r")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff([]Rule{want}, rules); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, none := range []string{"", "  \n", "[]", "# nothing\n", "---\n"} {
		if rules, err := ParseRules([]byte(none), "x"); err != nil || len(rules) != 0 || rules == nil {
			t.Errorf("%q: %v %v", none, rules, err)
		}
	}
}

// manyKeys are those of one group in YAML.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: v,", i)
	}
	return b.String()
}

func TestParseRulesNamesEveryFault(t *testing.T) {
	for text, wants := range map[string][]string{
		`[{"id":"a","authenticator":[],"match":{"urls":"x","methods":"GET"}},{"upstream":{"strip_path":7,"preserve_host":"no"},"priority":1.5},3]`: {
			"rule a: authenticator: is not known; did you mean authenticators?", "rule a: match.urls: is not known; did you mean url?",
			"rule a: match.methods: must be a list, not text", "src: [1].upstream.strip_path: must be text, not a number",
			"[1].upstream.preserve_host: must be true or false, not text", "[1].priority: must be a whole number, not a number",
			"[2]: must be a rule, a group of keys",
		},
		`{"id":"a","version":"neu"}`:                   {`rule a: version: "neu" is not a version of Oathkeeper`},
		`{"id":"a","id":"b"}`:                          {"id: is there twice"},
		`[{"id":"a","match":{"url":"x","url":"y"}}]`:   {"[0].match.url: is there twice"},
		"id: a\nid: b":                                 {"already defined"},
		"id: a\n---\nid: b":                            {"has more than one YAML document"},
		"- id: a\n  errors:\n    - when: 2026-01-01\n": {"errors[0].when"},
		"7":                       {"must be a list of rules"},
		"id: [":                   {"is neither JSON nor YAML"},
		"[{\n\"id\": \"a\",\n]":   {"line 3: is not JSON"},
		`[{"id":"a"}] x`:          {"has something behind its end"},
		"match: {1: x}":           {"a key that is not text"},
		strings.Repeat("[", 1000): {"too many lists"},
		"id: a\nupstream: {" + manyKeys(11_000) + "}":       {"too many keys"},
		`{"id":"a","match":{"url":null,"headers":{"a":1}}}`: {"match.headers.a: must be text, not a number"},
	} {
		rules, err := ParseRules([]byte(text), "src")
		if err == nil {
			t.Errorf("%s: %v", text, rules)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%.80s: %q is not in %s", text, want, err)
			}
		}
	}
}

// What Oathkeeper's migrations do.
func TestMigrations(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{
			`{"version":"v0.30.0-beta.1","mutators":[{},{"handler":"hydrator","config":{"retry":{"delay_in_milliseconds":500,"number_of_retries":5}}}]}`,
			`{"version":"v0.38.0","mutators":[{},{"handler":"hydrator","config":{"retry":{"give_up_after":"2500ms","max_delay":"500ms"}}}]}`,
		},
		{
			`{"version":"0.32.0-beta.1","mutators":[{"handler":"hydrator","config":{"retry":{"number_of_retries":5}}}]}`,
			`{"version":"v0.38.0","mutators":[{"handler":"hydrator","config":{"retry":{"give_up_after":"500ms"}}}]}`,
		},
		{
			`{"version":"v0.32.0","mutators":[{"handler":"hydrator","config":{"retry":{"number_of_retries":5}}}]}`,
			`{"version":"v0.38.0","mutators":[{"handler":"hydrator","config":{"retry":{"number_of_retries":5}}}]}`,
		},
		{
			`{"version":"v0.37.0+oryOS.1","authorizer":{"handler":"keto_engine_acp_ory","config":{"required_action":"my:$1","required_resource":"r:$2:$10"}}}`,
			`{"version":"v0.38.0","authorizer":{"handler":"keto_engine_acp_ory","config":{"required_action":"my:{{ printIndex .MatchContext.RegexpCaptureGroups 0 }}","required_resource":"r:{{ printIndex .MatchContext.RegexpCaptureGroups 1 }}:{{ printIndex .MatchContext.RegexpCaptureGroups 9 }}"}}}`,
		},
		{
			`{"version":"v0.36.0-beta.4","authorizer":{"handler":"remote","config":{"required_action":"$1"}}}`,
			`{"version":"v0.38.0","authorizer":{"handler":"remote","config":{"required_action":"$1"}}}`,
		},
		{`{"version":"v0.40.9","authorizer":{"handler":"keto_engine_acp_ory","config":{"required_action":"$1"}}}`, ""},
		{`{"version":"v26.2.0"}`, ""},
		{`{"authorizer":{"handler":"keto_engine_acp_ory","config":{"required_action":"$1"}}}`, ""},
	} {
		tree, err := readJSON([]byte(c.in), 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a migrated rule is not migrated again
			if err := migrate(tree.(map[string]any)); err != nil {
				t.Fatal(err)
			}
		}
		if c.want == "" {
			c.want = c.in
		}
		want, err := readJSON([]byte(c.want), 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, tree); diff != "" {
			t.Errorf("%s: %s", c.in, diff)
		}
	}
}

func TestSettings(t *testing.T) {
	type inner struct {
		Max  int               `json:"max"`
		Tags map[string]string `json:"tags"`
	}
	var set struct {
		URLs  []string `json:"urls"`
		Retry *inner   `json:"retry"`
		Free  any      `json:"free"`
	}
	s, err := NewSettings([]byte(`{"urls":["a"],"retry":{"max":1,"tags":{"a":"1","b":"2"}}}`), []byte(`{"urls":["b"],"retry":{"tags":{"b":"3"}},"free":{"x":[1]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Decode(&set); err != nil {
		t.Fatal(err)
	}
	if got := asJSON(t, set); got != `{"urls":["b"],"retry":{"max":1,"tags":{"a":"1","b":"3"}},"free":{"x":[1]}}` {
		t.Error(got)
	}
	same, err := NewSettings(nil, []byte(`{"free":{"x":[1]},"retry":{"max":1,"tags":{"b":"3","a":"1"}},"urls":["b"]}`))
	if err != nil || same.Key() != s.Key() {
		t.Errorf("%s and %s (%v)", same.Key(), s.Key(), err)
	}
	for raw, want := range map[string]string{
		`{"url":["a"]}`: "url: is not known; did you mean urls?", `{"retry":{"max":"x"}}`: "retry.max: must be a whole number, not text",
		`{"retry":{"tags":{"a":1}}}`: "retry.tags.a: must be text, not a number", `{"urls":{}}`: "urls: must be a list, not a group of keys",
	} {
		s, err := NewSettings([]byte(raw), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Decode(&set); err == nil || err.Error() != want {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, bad := range []string{`[]`, `{`, `{} {}`, `"x"`} {
		if _, err := NewSettings([]byte(bad), nil); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	if text := asJSON(t, Settings{}); text != "{}" {
		t.Error(text)
	}
}

// FuzzParseRules holds: no panic, a fault for each refusal, and what was read comes out of JSON as it went in.
func FuzzParseRules(f *testing.F) {
	for _, seed := range []string{exampleJSON, exampleYAML, "[" + exampleJSON + "]", "- id: a\n  match: &m {url: x}\n- id: b\n  match: *m\n", "{\"id\":", "a: [1, {}]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := ParseRules(data, "src")
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 || rules != nil {
				t.Fatalf("%T %v and %v", err, err, rules)
			}
			return
		}
		text, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseRules(text, "src")
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if second := asJSON(t, again); second != string(text) && !reflect.DeepEqual(rules, again) {
			t.Fatalf("%s came out as %s", text, second)
		}
	})
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Settings that pass by themselves keep no document from being read, and those that do not would.
func TestCheckSettings(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for config, why := range map[string]string{
		"": "", "null": "", "{}": "", nested(maxDepth - settingsDepth): "", nested(maxDepth - settingsDepth + 1): "in each other",
		`{"a":[{"b":1,"b":2}]}`: "a[0].b: is there twice", `[1]`: "must be a group", `{} {}`: "behind its end",
	} {
		err := CheckSettings(json.RawMessage(config))
		if (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%.40s: %v", config, err)
		}
		if config == "" || config == `[1]` { // which is no rule's config, and refused as this one's alone
			continue
		}
		_, whole := ParseRules([]byte(`[{"id":"a","mutators":[{"handler":"header","config":`+config+`}]}]`), "")
		if (err == nil) != (whole == nil) {
			t.Errorf("%.40s: %v, and in a document: %v", config, err, whole)
		}
	}
}
