package harden

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// judged is a report with every kind of thing in it.
func judged() Report {
	return Judge(today, nil, &Facts{
		Subject: "gatehouse.yaml", Profile: "development", Read: today,
		Settings:  []Setting{{Key: "profile", Values: []string{"development"}, Written: "conf/gatehouse.yaml:3"}, {Key: "log.level", Values: []string{"debug"}, Written: "GATEHOUSE_LOG_LEVEL"}},
		Listeners: []Listener{{Name: "public", Address: ":4444", Purpose: "people", Guard: "TLS", Why: "it is always open"}},
		Accepted:  []Acceptance{{Check: "log-chatty", Reason: "a fault is looked for"}},
	})
}

// TestSARIF holds the document to what the schema of SARIF 2.1.0 requires, and to what it allows of the words that are chosen from.
func TestSARIF(t *testing.T) {
	var raw bytes.Buffer
	if err := judged().WriteSARIF(&raw, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(raw.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	object := func(v any, path string, required ...string) map[string]any {
		t.Helper()
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s is no object: %v", path, v)
		}
		for _, key := range required {
			if m[key] == nil {
				t.Errorf("%s lacks %s", path, key)
			}
		}
		return m
	}
	array := func(v any, path string) []any {
		t.Helper()
		l, ok := v.([]any)
		if !ok {
			t.Fatalf("%s is no array: %v", path, v)
		}
		return l
	}
	levels := []any{"none", "note", "warning", "error"}
	object(document, "the log", "version", "runs") // §3.13
	if document["version"] != "2.1.0" {
		t.Errorf("version %v", document["version"])
	}
	run := object(array(document["runs"], "runs")[0], "run", "tool", "results")                             // §3.14
	driver := object(object(run["tool"], "tool", "driver")["driver"], "driver", "name", "version", "rules") // §3.18, §3.19
	rules := array(driver["rules"], "rules")
	for _, r := range rules {
		rule := object(r, "rule", "id", "shortDescription", "fullDescription", "help") // §3.49
		for _, key := range []string{"shortDescription", "fullDescription", "help"} {
			object(rule[key], key, "text") // §3.12
		}
		if level := object(rule["defaultConfiguration"], "defaultConfiguration")["level"]; !slices.Contains(levels, level) {
			t.Errorf("level %v", level)
		}
	}
	if len(rules) != len(Checks()) {
		t.Errorf("%d rules of %d checks", len(rules), len(Checks()))
	}
	suppressed := 0
	for _, r := range array(run["results"], "results") {
		result := object(r, "result", "message", "ruleId", "locations") // §3.27
		object(result["message"], "message", "text")
		index := int(result["ruleIndex"].(float64))
		if object(rules[index], "rule")["id"] != result["ruleId"] {
			t.Errorf("ruleIndex %d is not %v", index, result["ruleId"])
		}
		if !slices.Contains(levels, result["level"]) {
			t.Errorf("level %v", result["level"])
		}
		for _, l := range array(result["locations"], "locations") {
			location := object(l, "location", "logicalLocations")
			object(array(location["logicalLocations"], "logicalLocations")[0], "logicalLocation", "fullyQualifiedName", "kind")
			if p, there := location["physicalLocation"]; there { // §3.29
				uri, _ := object(object(p, "physicalLocation", "artifactLocation")["artifactLocation"], "artifactLocation", "uri")["uri"].(string)
				if uri == "" || strings.ContainsAny(uri, " \\") {
					t.Errorf("uri %q", uri)
				}
			}
		}
		if s, there := result["suppressions"]; there { // §3.35
			suppressed++
			one := object(array(s, "suppressions")[0], "suppression", "kind", "justification")
			if one["kind"] != "external" || one["status"] != "accepted" || one["justification"] != "a fault is looked for" {
				t.Errorf("%v", one)
			}
		}
	}
	object(array(run["invocations"], "invocations")[0], "invocation", "executionSuccessful") // §3.20
	if suppressed != 1 {
		t.Errorf("%d are suppressed", suppressed)
	}
	if text := raw.String(); !strings.Contains(text, `"uri": "conf/gatehouse.yaml"`) || !strings.Contains(text, `"startLine": 3`) {
		t.Errorf("the place is not there:\n%s", text)
	}
}

// What was written is read again as it was.
func TestReportsGoThereAndBack(t *testing.T) {
	want := judged()
	var raw bytes.Buffer
	if err := want.WriteJSON(&raw); err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(raw.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var sarif, again bytes.Buffer
	if err := want.WriteSARIF(&sarif, "1"); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(sarif.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	encoder := json.NewEncoder(&again)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(log); err != nil || !bytes.Equal(sortedKeys(t, sarif.Bytes()), sortedKeys(t, again.Bytes())) {
		t.Errorf("%v: SARIF is not what it was", err)
	}
	var text strings.Builder
	if err := want.WriteText(&text); err != nil || !strings.Contains(text.String(), "accepted (medium)  log-chatty") || !strings.Contains(text.String(), "public  :4444: people") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// sortedKeys writes a document with the keys of its objects in order.
func sortedKeys(t *testing.T, raw []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOnlyWhatIsAsked(t *testing.T) {
	f := &Facts{Profile: "development", Read: today}
	if r := Judge(today, []string{"log-leaks"}, f); len(r.Findings) != 0 || r.Fails(Info) {
		t.Errorf("%+v", r)
	}
	r := Judge(today, []string{"profile-development"}, f)
	if len(r.Findings) != 1 || !r.Fails(Critical) || !r.Fails(Low) {
		t.Errorf("%+v", r)
	}
	if near := Nearest("pod-rot"); near != "pod-root" {
		t.Error(near)
	}
}
