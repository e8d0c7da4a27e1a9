package chart

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// findings are what `gatehouse harden` has to say about each example, exactly: what is to be weighed before one is taken as it is.
var findings = map[string]string{
	"development.yaml":          "critical admin-without-credential, critical base-url-plain-http, critical database-in-memory, critical listener-plain-http, critical profile-development, high backup-missing, high implicit-grant, info database-changes-itself, info schema-default, low activity-only-here, low hook-reaches-inside, medium admin-exposed",
	"lab-sqlite.yaml":           "critical admin-without-credential, critical base-url-plain-http, critical listener-plain-http, critical profile-development, high backup-missing, high implicit-grant, info database-changes-itself, info schema-default, low activity-only-here, low hook-reaches-inside, medium admin-exposed, medium database-embedded",
	"people-behind-nginx.yaml":  "info database-one-user, info schema-default, low activity-only-here",
	"production-bundled.yaml":   "info database-one-user, info schema-default, low activity-only-here",
	"production-cloudsql.yaml":  "info database-one-user, info schema-default, low activity-only-here",
	"production-cockroach.yaml": "info database-one-user, info schema-default, low activity-only-here",
	"production-gateway.yaml":   "info database-one-user, info schema-default, low activity-only-here",
	"production-hardened.yaml":  "",
	"production-mysql.yaml":     "info database-one-user, info schema-default, low activity-only-here",
	"production-postgres.yaml":  "info database-one-user, info schema-default, low activity-only-here",
}

// What an example leaves open is written down, so that nothing is added to it, or mended, without being noticed.
func TestFindingsOfTheExamples(t *testing.T) {
	for _, name := range exampleNames(t) {
		out, _ := gatehouse(t, mustRender(t, example(t, name)).manifests, "harden", "--manifests", "-", "--format", "json")
		var said struct {
			Findings []struct {
				Severity string `json:"severity"`
				Check    string `json:"check"`
				Accepted any    `json:"accepted"`
			} `json:"findings"`
		}
		if err := json.NewDecoder(strings.NewReader(out)).Decode(&said); err != nil {
			t.Fatalf("%s: %v in %s", name, err, out)
		}
		var got []string
		for _, f := range said.Findings {
			if f.Accepted == nil {
				got = append(got, fmt.Sprintf("%s %s", f.Severity, f.Check))
			}
		}
		slices.Sort(got)
		if is := strings.Join(slices.Compact(got), ", "); is != findings[name] {
			t.Errorf("%s:\n%s, written down is\n%s", name, is, findings[name])
		}
	}
}
