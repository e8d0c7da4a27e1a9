package alerts

import (
	"log/slog"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

// shipped reads the alerts as Prometheus does when it loads a file of rules: expressions, durations, labels and the templates in
// annotations are all checked.
func shipped(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	groups, faults := rulefmt.ParseFile("../../deploy/prometheus/gatehouse.rules.yaml", false, model.LegacyValidation,
		parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, fault := range faults {
		t.Error(fault)
	}
	if t.Failed() {
		t.FailNow()
	}
	rules := map[string]rulefmt.Rule{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || rules[r.Alert].Alert != "" {
				t.Errorf("%q of group %s is no alert, or the second of its name", r.Alert, g.Name)
			}
			rules[r.Alert] = r
		}
	}
	return rules
}

// Every rule tells who is woken by it how bad it is, what has happened, and what to do.
func TestAlertsSayWhatToDo(t *testing.T) {
	for name, r := range shipped(t) {
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", name, s)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s lacks a summary or a description", name)
		}
	}
}
