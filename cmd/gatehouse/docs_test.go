package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents are those that tell people what to type.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range []string{"README.md", "docs/activity.md", "docs/admin-access.md", "docs/backup.md", "docs/databases.md", "docs/hardening.md", "docs/high-availability.md", "docs/operating.md", "docs/people.md", "docs/rules.md", "docs/reference/configuration.md"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

// Every call of this command in the documents, in blocks and in sentences, names a command and flags that there are.
func TestCallsInDocuments(t *testing.T) {
	inSentence := regexp.MustCompile("`(gatehouse [^`]+)`")
	found := 0
	for name, text := range documents(t) {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
				line, _, _ = strings.Cut(line, "  #")
				if strings.HasPrefix(line, "gatehouse ") {
					lines = append(lines, line)
				}
			}
			for _, m := range inSentence.FindAllStringSubmatch(text, -1) {
				lines = append(lines, strings.ReplaceAll(m[1], "\n", " "))
			}
			for _, line := range lines {
				line = regexp.MustCompile(`\s+`).ReplaceAllString(line, " ")
				for _, args := range exampleCalls(line) {
					found++
					parses(t, args)
				}
			}
		})
	}
	if found < 20 {
		t.Errorf("only %d calls were found", found)
	}
}

// Every configuration in the documents is one that the server takes.
func TestConfigurationsInDocuments(t *testing.T) {
	for i, name := range []string{"SYSTEM", "COOKIE", "ADMIN"} {
		t.Setenv("GATEHOUSE_SECRETS_"+name, fmt.Sprintf("%d7Qm2xVt9LzR4kWc8NpYh5TgB3dJf6Xs1", i))
	}
	t.Setenv("GATEHOUSE_DATA_DIR", t.TempDir())
	// What the documents call /etc/gatehouse.
	dir := t.TempDir()
	write(t, dir, "sms.jsonnet", "function(ctx) { to: ctx.recipient, text: ctx.body }")
	for _, schema := range []string{"customer", "staff"} {
		write(t, dir, schema+".schema.json", `{"type": "object", "properties": {"traits": {"type": "object", "properties": {"email": {"type": "string"}}}}}`)
	}
	if err := os.Mkdir(filepath.Join(dir, "mails"), 0o700); err != nil {
		t.Fatal(err)
	}
	found := 0
	for name, text := range documents(t) {
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
			found++
			file := write(t, t.TempDir(), "gatehouse.yaml", strings.ReplaceAll(block[1], "/etc/gatehouse/", dir+"/"))
			if r := call(t, "", "config", "validate", "-c", file); r.status != 0 {
				t.Errorf("%s: %s\n%s", name, r.errs, block[1])
			}
		}
	}
	// The addresses that are written as comments are as good as the one that is not.
	for _, m := range regexp.MustCompile(`(?m)^# dsn: (\S+)$`).FindAllStringSubmatch(documents(t)["docs/databases.md"], -1) {
		found++
		file := write(t, t.TempDir(), "gatehouse.yaml", "databases: {dsn: '"+m[1]+"'}\n")
		works(t, "", "config", "validate", "-c", file)
	}
	if found < 6 {
		t.Errorf("only %d configurations were found", found)
	}
}
