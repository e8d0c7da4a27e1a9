package kube

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The metrics of a controller are those that alerts are about: the same file says so to the tests of alerts.
func TestMetricsOfTheController(t *testing.T) {
	raw, err := os.ReadFile(repository("test", "alerts", "testdata", "controller.txt"))
	if err != nil {
		t.Fatal(err)
	}
	c, d := open(t), startDoorway(t, "")
	namespace := c.apiNamespace(t)
	c.permit(t, "apirules.yaml")
	k := c.route(t, namespace, d.Admin, "none")
	refused := machine(namespace, "refused")
	refused.Spec.ScopeArray = []string{"gatehouse:admin"}
	c.create(t, machine(namespace, "registered"))
	c.create(t, refused)
	c.create(t, d.rule(namespace, "good", "http://good."+namespace+".example.com/<.*>"))
	c.create(t, d.rule(namespace, "faulty", "http://faulty."+namespace+".example.com/<(>"))
	c.create(t, api(namespace, "api"))
	exposes := func(line string) {
		t.Helper()
		series, want, _ := strings.Cut(line, "} ")
		eventually(t, func() (bool, string) {
			got, ok := k.metric(series + "}")
			if strings.Contains(series, "_total{") {
				return ok && got != "0", fmt.Sprintf("%s} is %q", series, got)
			}
			return got == want, fmt.Sprintf("%s} is %q, and not %s", series, got, want)
		})
	}
	var unanswered, seen int
	for line := range strings.Lines(string(raw)) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "#"):
		case strings.Contains(line, `status="0"`):
			unanswered++
		default:
			seen++
			exposes(line)
		}
	}
	if seen == 0 || unanswered != 1 {
		t.Fatalf("%d series, of which %d are of a server that is away", seen+unanswered, unanswered)
	}
	if n, ok := k.metric("gatehouse_controller_rule_set_seconds_count"); !ok || n == "0" {
		t.Errorf("%q sets were timed", n)
	}
	d.Stop()
	exposes(`gatehouse_controller_admin_requests_total{method="GET",status="0"} 1`)
}
