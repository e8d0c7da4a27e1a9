package authorize_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestConformanceTable checks that the table of clauses names tests that exist, and every test that is named after a
// clause.
func TestConformanceTable(t *testing.T) {
	table, err := os.ReadFile("../../../docs/reference/conformance-authorize.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, dir := range []string{".", "../logout", "../discovery"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(text)
		}
	}
	named := map[string]bool{}
	for _, match := range regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(table), -1) {
		named[match[1]] = true
		if !strings.Contains(sources.String(), "func "+match[1]+"(") {
			t.Errorf("the table names %s, which does not exist", match[1])
		}
	}
	clause := regexp.MustCompile(`func (Test(?:RFC\d+|OIDC\w*|RPInitiatedLogout|FormPost\w*|MultipleResponseTypes)_\w+)\(`)
	for _, match := range clause.FindAllStringSubmatch(sources.String(), -1) {
		if !named[match[1]] {
			t.Errorf("the table does not name %s", match[1])
		}
	}
}
