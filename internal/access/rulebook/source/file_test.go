package source

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// ruleText is a rule.
func ruleText(id string) string {
	return fmt.Sprintf(`{"id":%q,"match":{"url":"https://app.example.com/%[1]s","methods":["GET"]},"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"mutators":[]}`, id)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A list that is cut after any of its rules is a list too. While somebody is writing, no part of it may come into force.
func TestAHalfWrittenFileIsNeverLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	line := func(i int) string {
		return "- " + ruleText(fmt.Sprint(i)) + "\n"
	}
	const n = 400
	write(t, path, line(n))
	f := &fileReader{name: "file://" + path, path: path, limit: 1 << 20, first: time.Millisecond}
	if rules, err := f.Read(t.Context()); err != nil || len(rules) != 1 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n { // something is written between any two looks
		if _, err := file.WriteString(line(i)); err != nil {
			t.Fatal(err)
		}
		if rules, err := f.Read(t.Context()); err != ErrUnchanged {
			t.Fatalf("%d of %d rules are read while the file is being written: %v", len(rules), n, err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if rules, err := f.Read(t.Context()); err != nil || len(rules) != n {
		t.Errorf("%d of %d rules are read when the file is written: %v", len(rules), n, err)
	}
}

func TestATouchedFileIsNotLoadedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.json")
	write(t, path, "["+ruleText("a")+"]")
	f := &fileReader{name: "file://" + path, path: path, limit: 1 << 20, first: time.Millisecond}
	if rules, err := f.Read(t.Context()); err != nil || len(rules) != 1 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := f.Read(t.Context()); err != ErrUnchanged {
			t.Errorf("%v", err)
		}
	}
}
