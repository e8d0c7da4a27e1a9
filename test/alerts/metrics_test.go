package alerts

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// exposing is a configuration with which a server has something to say in all metrics that alerts are about.
const exposing = `backup: {recipients: [age16fukhfsmklawx5tkqun66mcr54q0eesg9643ht43n7kts0ev63cq9uxjeg], destinations: [{name: disk, directory: %q}]}
activity: {exports: [{name: file, url: %q}]}
access: {rules: {repositories: [%q]}}
`

// scrape gives the series that a running server exposes, and a controller, by name, and what kind each is.
func scrape(t *testing.T) (series map[string][]labels.Labels, counters map[string]bool) {
	t.Helper()
	dir := t.TempDir()
	rules := filepath.Join(dir, "rules.json")
	if err := os.WriteFile(rules, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := process.Start(t, process.Options{Config: fmt.Sprintf(exposing, filepath.Join(dir, "backups"), "file://"+filepath.Join(dir, "log"), "file://"+rules)})
	code, text := s.Try(s.Admin + "/admin/metrics/prometheus")
	if code != http.StatusOK {
		t.Fatalf("the metrics answer %d", code)
	}
	controllers, err := os.ReadFile("testdata/controller.txt")
	if err != nil {
		t.Fatal(err)
	}
	parsing := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parsing.TextToMetricFamilies(strings.NewReader(text + string(controllers)))
	if err != nil {
		t.Fatal(err)
	}
	series, counters = map[string][]labels.Labels{}, map[string]bool{}
	for name, family := range families {
		for _, one := range family.GetMetric() {
			var pairs []string
			for _, label := range one.GetLabel() {
				pairs = append(pairs, label.GetName(), label.GetValue())
			}
			series[name] = append(series[name], labels.FromStrings(pairs...))
			counters[name] = one.GetCounter() != nil
		}
	}
	return series, counters
}

// asked is what an expression needs of metrics.
type asked struct {
	metric   string
	matchers []*labels.Matcher
	rising   bool // the difference of a counter is asked for
}

// asks walks through an expression. labels are those that results are grouped by.
func asks(t *testing.T, text string) (all []asked, grouped []string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			a := asked{metric: n.Name}
			for _, m := range n.LabelMatchers {
				if m.Name != model.MetricNameLabel {
					a.matchers = append(a.matchers, m)
				}
			}
			for _, above := range path {
				if call, ok := above.(*parser.Call); ok && slices.Contains([]string{"increase", "rate", "irate"}, call.Func.Name) {
					a.rising = true
				}
			}
			all = append(all, a)
		case *parser.AggregateExpr:
			grouped = append(grouped, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				grouped = append(grouped, n.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	return all, grouped
}

// An alert on a metric, a label or a value that no server exposes never fires, and nobody notices.
func TestAlertsAreOnWhatServersExpose(t *testing.T) {
	series, counters := scrape(t)
	for name, r := range shipped(t) {
		all, grouped := asks(t, r.Expr)
		if len(all) == 0 {
			t.Errorf("%s asks for no metric", name)
		}
		for _, a := range all {
			there := series[a.metric]
			if len(there) == 0 {
				t.Errorf("%s: no server exposes %s", name, a.metric)
				continue
			}
			matches := func(l labels.Labels) bool {
				return !slices.ContainsFunc(a.matchers, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) })
			}
			if !slices.ContainsFunc(there, matches) {
				t.Errorf("%s: %s has no series with %v, but %v", name, a.metric, a.matchers, there)
			}
			if a.rising != counters[a.metric] {
				t.Errorf("%s: %s is asked for its rise: %t, and is a counter: %t", name, a.metric, a.rising, counters[a.metric])
			}
			for _, label := range grouped {
				if there[0].Get(label) == "" {
					t.Errorf("%s: %s has no label %s", name, a.metric, label)
				}
			}
		}
	}
}
