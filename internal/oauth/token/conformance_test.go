package token_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	testName = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
	byClause = regexp.MustCompile(`^Test(RFC|OIDC)`)
)

// The table of clauses promises tests; it must not promise what is not there, nor forget what is.
func TestConformanceTable(t *testing.T) {
	page, err := os.ReadFile("../../../docs/reference/conformance-token.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range testName.FindAllStringSubmatch(string(page), -1) {
		named[m[1]] = true
	}
	found := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "../inspect/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = true
			}
		}
	}
	for name := range named {
		if !found[name] {
			t.Errorf("the table names %s, which does not exist", name)
		}
	}
	for name := range found {
		if byClause.MatchString(name) && !named[name] {
			t.Errorf("%s is named after a clause and does not stand in the table", name)
		}
	}
	if len(named) < 50 {
		t.Errorf("only %d tests were found in the table", len(named))
	}
}
