package app

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
	"go.yaml.in/yaml/v3"
)

// A server makes the backup that is due, says so in its metrics and its activity log, and the alerts that are shipped are about
// metrics that there are.
func TestScheduledBackup(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(t, fmt.Sprintf("backup: {schedule: \"* * * * *\", recipients: [%s], destinations: [{name: disk, directory: %q}]}\n", key.Recipient(), t.TempDir()))
	c := newCaller(t, a)
	if ran, err := a.features.schedule.Once(t.Context()); err != nil || !ran {
		t.Fatalf("%v %v", ran, err)
	}
	body, err := io.ReadAll(c.do(1, http.MethodGet, "/admin/metrics/prometheus", "", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	metrics := string(body)
	if !regexp.MustCompile(`(?m)^gatehouse_backup_last_success_timestamp_seconds [1-9]`).MatchString(metrics) {
		t.Errorf("the metrics do not say when the backup was made:\n%s", metrics)
	}
	text, err := os.ReadFile("../../deploy/prometheus/gatehouse.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if g.Name == "" || r.Alert == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("%+v lacks something", r)
			}
			if strings.Count(r.Expr, "(") != strings.Count(r.Expr, ")") {
				t.Errorf("%s cannot be read", r.Expr)
			}
			for _, name := range regexp.MustCompile(`gatehouse_\w+`).FindAllString(r.Expr, -1) {
				found++
				if !strings.Contains(metrics, "\n"+name+" ") && !strings.Contains(metrics, "\n"+name+"{") {
					t.Errorf("there is no metric %s", name)
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("the rules name %d metrics", found)
	}
}
