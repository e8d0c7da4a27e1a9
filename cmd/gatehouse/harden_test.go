package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The production configuration that operating.md begins with, with what it says beside it, is one that nothing but small things can be
// said of.
func TestHardenTheShippedProductionConfiguration(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(profile: production\n.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("there is no production configuration")
	}
	dir := t.TempDir()
	for name, value := range map[string]string{
		"SECRETS_SYSTEM": "b7Qm2xVt9LzR4kWc8NpY", "SECRETS_COOKIE": "Zt5vHn3KqXw7DfGj1MsU", "SECRETS_ADMIN": "mE4vTz8QkY1pRw6XbN3cJs9LdF7hGa2U",
		"DATABASES_DSN": "postgres://gatehouse:u7RkPz4WmX9v@db.example.com/gatehouse", "COURIER_SMTP_CONNECTION_URI": "smtps://user:f3TnB8yLc2Qd@mail.example.com:465/",
	} {
		t.Setenv("GATEHOUSE_"+name+"_FILE", write(t, dir, name, value))
	}
	file := write(t, dir, "gatehouse.yaml", string(block[1]))
	if r := call(t, "", "harden", "-c", file, "--fail-on", "medium"); r.status != 0 {
		t.Errorf("exit status %d: %s\n%s", r.status, r.errs, r.out)
	}
	// The same, with one thing accepted, and one that is not.
	file = write(t, dir, "accepted.yaml", string(block[1])+"log: {level: debug}\nharden: {accept: [{check: log-chatty, reason: a fault is looked for}]}\n")
	if r := call(t, "", "harden", "-c", file, "--fail-on", "medium"); r.status != 0 || !strings.Contains(r.out, "accepted (medium)  log-chatty") || !strings.Contains(r.out, "a fault is looked for") {
		t.Errorf("exit status %d: %s\n%s", r.status, r.errs, r.out)
	}
	file = write(t, dir, "chatty.yaml", string(block[1])+"log: {level: debug}\n")
	if r := call(t, "", "harden", "-c", file, "--fail-on", "medium"); r.status != 1 || !strings.Contains(r.errs, "medium or worse") {
		t.Errorf("exit status %d: %s", r.status, r.errs)
	}
	if r := call(t, "", "harden", "-c", file); r.status != 0 {
		t.Errorf("below --fail-on: exit status %d: %s\n%s", r.status, r.errs, r.out)
	}
}

func TestHardenTellsByItsExitStatus(t *testing.T) {
	dir := t.TempDir()
	development := write(t, dir, "development.yaml", "databases: {dsn: memory}\n")
	for name, tc := range map[string]struct {
		in     string
		args   []string
		status int
		words  []string
	}{
		"development":               {"", []string{"-c", development}, 1, []string{"profile-development"}},
		"development as production": {"", []string{"-c", development, "--profile", "production"}, 1, []string{"database-in-memory", "configuration-invalid", "secrets.system"}},
		"one check":                 {"", []string{"-c", development, "--only", "log-leaks"}, 0, []string{"0 critical"}},
		"no file":                   {"", []string{"-c", dir + "/none.yaml"}, 2, []string{"none.yaml"}},
		"no YAML":                   {"", []string{"-c", write(t, dir, "bad.yaml", "a: [")}, 2, []string{"bad.yaml"}},
		"nobody answers":            {"", []string{"--endpoint", "http://127.0.0.1:1"}, 2, []string{"cannot be reached"}},
		"another server":            {"", []string{"--endpoint", answering(t, 200, nil, "{}")}, 2, []string{"is it a server of this version?"}},
		"no manifest":               {"", []string{"--manifests", "-"}, 2, []string{"there is no manifest"}},
		"no object":                 {"a: b", []string{"--manifests", "-"}, 2, []string{"document 1"}},
		"a manifest":                {"kind: ConfigMap\nmetadata: {name: a}\n", []string{"--manifests", "-"}, 0, []string{"manifests"}},
		"two sources":               {"", []string{"--manifests", "-", "-c", development}, 2, []string{"do not go together"}},
		"no severity":               {"", []string{"--fail-on", "bad"}, 2, []string{"known are critical"}},
		"no check":                  {"", []string{"--only", "log-leeks"}, 2, []string{"did you mean log-leaks?"}},
		"no format":                 {"", []string{"--format", "xml"}, 2, []string{"text, json, sarif"}},
		"no profile":                {"", []string{"--profile", "staging"}, 2, []string{"production or development"}},
		"explain":                   {"", []string{"--explain", "log-leaks"}, 0, []string{"CWE-532", "harden:"}},
		"explain nothing":           {"", []string{"--explain", "log-leeks"}, 2, []string{"did you mean log-leaks?"}},
		"list":                      {"", []string{"--list"}, 0, []string{"pod-root", "secret-weak"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, tc.in, append([]string{"harden"}, tc.args...)...)
			if r.status != tc.status {
				t.Errorf("exit status %d, want %d: %s\n%s", r.status, tc.status, r.errs, r.out)
			}
			for _, word := range tc.words {
				if !strings.Contains(r.out+r.errs, word) {
					t.Errorf("%q is not in %s\n%s", word, r.errs, r.out)
				}
			}
		})
	}
}

func TestHardenSpeaksJSON(t *testing.T) {
	file := write(t, t.TempDir(), "development.yaml", "log: {level: info}\ndatabases: {dsn: memory}\nsecrets: {system: [changeme-changeme]}\n")
	for _, format := range []string{"json", "sarif"} {
		r := call(t, "", "harden", "-c", file, "--format", format)
		var document map[string]any
		if err := json.Unmarshal([]byte(r.out), &document); err != nil || r.status != 1 {
			t.Errorf("%s: exit status %d: %v\n%s", format, r.status, err, r.out)
		}
		if strings.Contains(r.out, "changeme-changeme") || !strings.Contains(r.out, "development.yaml:3") && format == "json" {
			t.Errorf("%s: a secret, or no place:\n%s", format, r.out)
		}
	}
}

// A server does not start with a critical finding, and says how to accept it; accepted, it starts and says so.
func TestServeRefusesWhatIsCritical(t *testing.T) {
	file := write(t, t.TempDir(), "production.yaml", "profile: production\nlog: {leak_sensitive_values: true}\n")
	r := call(t, "", "config", "validate", "-c", file)
	for _, want := range []string{"log.leak_sensitive_values", "accept log-leaks", "secrets.system", "serve.public.base_url"} {
		if r.status != 1 || !strings.Contains(r.errs, want) {
			t.Errorf("exit status %d, without %s:\n%s", r.status, want, r.errs)
		}
	}
}
