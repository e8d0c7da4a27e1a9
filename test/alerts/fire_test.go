package alerts

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

const (
	// step is how often servers are scraped and alerts evaluated.
	step = time.Minute
	// begun is when the first scrape was, in seconds since 1970.
	begun = 1_800_000_000
)

// made is a series of values, one for each scrape.
type made struct {
	name   string
	labels []string
	values []float64
}

// constantly is a value that does not change for so long.
func constantly(value float64, lasting time.Duration) []float64 {
	return slices.Repeat([]float64{value}, int(lasting/step)+1)
}

// kept holds series, as the storage of Prometheus does.
type kept []storage.Series

func keep(all []made) kept {
	var k kept
	for _, m := range all {
		s := promql.Series{Metric: labels.FromStrings(append([]string{model.MetricNameLabel, m.name}, m.labels...)...)}
		for i, v := range m.values {
			s.Floats = append(s.Floats, promql.FPoint{T: (begun + int64(i)*int64(step/time.Second)) * 1000, F: v})
		}
		k = append(k, promql.NewStorageSeries(s))
	}
	return k
}

// Querier implements storage.Queryable. Whoever asks takes the samples that it needs, so the times do not matter.
func (k kept) Querier(_, _ int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		return &found{rest: slices.DeleteFunc(slices.Clone(k), func(s storage.Series) bool {
			return slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.Labels().Get(m.Name)) })
		})}
	}}, nil
}

// found implements storage.SeriesSet.
type found struct {
	at   storage.Series
	rest []storage.Series
}

func (f *found) Next() bool {
	if len(f.rest) == 0 {
		return false
	}
	f.at, f.rest = f.rest[0], f.rest[1:]
	return true
}

func (f *found) At() storage.Series              { return f.at }
func (*found) Err() error                        { return nil }
func (*found) Warnings() annotations.Annotations { return nil }

// fires tells whether an alert fires at a time after the first scrape: its expression was true at each evaluation for as long as its
// "for" says.
func fires(t *testing.T, name string, series []made, after time.Duration) bool {
	t.Helper()
	rule, ok := shipped(t)[name]
	if !ok {
		t.Fatalf("there is no alert %s", name)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	t.Cleanup(func() { _ = engine.Close() })
	end := time.Unix(begun, 0).Add(after)
	for at := end.Add(-time.Duration(rule.For)); !at.After(end); at = at.Add(step) {
		q, err := engine.NewInstantQuery(context.Background(), keep(series), nil, rule.Expr, at)
		if err != nil {
			t.Fatal(err)
		}
		result := q.Exec(t.Context())
		if result.Err != nil || len(result.Warnings) > 0 {
			t.Fatalf("%s: %v %v", rule.Expr, result.Err, result.Warnings)
		}
		v, err := result.Vector()
		if err != nil {
			t.Fatal(err)
		}
		holds := len(v) > 0
		q.Close()
		if !holds {
			return false
		}
	}
	return true
}

// Each alert fires when what it is about happens, and only then.
func TestAlertsFire(t *testing.T) {
	const day = 24 * time.Hour
	succeeded := func(ago, lasting time.Duration, instance ...string) made {
		return made{name: "gatehouse_backup_last_success_timestamp_seconds", labels: append([]string{"instance"}, append(instance, "a")[0]), values: constantly(begun-ago.Seconds(), lasting)}
	}
	drilled := func(result string, at float64) made {
		return made{name: "gatehouse_backup_last_drill_timestamp_seconds", labels: []string{"result", result}, values: constantly(at, 2*time.Hour)}
	}
	counted := func(name string, before, behind float64) made {
		return made{name: name, values: append(constantly(before, 20*time.Minute), constantly(behind, 3*time.Hour)...)}
	}
	cases := map[string]struct {
		alert  string
		series []made
		after  time.Duration
		want   bool
	}{
		"a backup of yesterday":           {"GatehouseBackupIsOld", []made{succeeded(25*time.Hour, time.Hour)}, 30 * time.Minute, false},
		"one that is too old":             {"GatehouseBackupIsOld", []made{succeeded(26*time.Hour, time.Hour)}, 30 * time.Minute, true},
		"too old since a moment":          {"GatehouseBackupIsOld", []made{succeeded(26*time.Hour, time.Hour)}, 5 * time.Minute, false},
		"never one":                       {"GatehouseBackupIsOld", []made{succeeded(begun*time.Second, time.Hour)}, 30 * time.Minute, true},
		"a server that has not heard yet": {"GatehouseBackupIsOld", []made{succeeded(30*time.Hour, time.Hour), succeeded(time.Hour, time.Hour, "b")}, 30 * time.Minute, false},

		"no failure":           {"GatehouseBackupFails", []made{counted("gatehouse_backup_failures_total", 3, 3)}, time.Hour, false},
		"a failure":            {"GatehouseBackupFails", []made{counted("gatehouse_backup_failures_total", 3, 4)}, time.Hour, true},
		"one of two hours ago": {"GatehouseBackupFails", []made{counted("gatehouse_backup_failures_total", 3, 4)}, 3 * time.Hour, false},

		"none is in the way":  {"GatehouseBackupsPileUp", []made{counted("gatehouse_backup_prune_failures_total", 0, 0)}, time.Hour, false},
		"one cannot be moved": {"GatehouseBackupsPileUp", []made{counted("gatehouse_backup_prune_failures_total", 0, 1)}, time.Hour, true},

		"somebody tells":           {"GatehouseBackupIsUnknown", []made{succeeded(time.Hour, time.Hour)}, time.Hour, false},
		"nobody tells":             {"GatehouseBackupIsUnknown", nil, time.Hour, true},
		"nobody tells any more":    {"GatehouseBackupIsUnknown", []made{succeeded(time.Hour, time.Minute)}, time.Hour, true},
		"nobody tells of a moment": {"GatehouseBackupIsUnknown", []made{succeeded(time.Hour, time.Hour)}, time.Hour + 10*time.Minute, false},

		"a drill of last week":    {"GatehouseBackupWasNotDrilled", []made{drilled("ok", begun-7*day.Seconds())}, 90 * time.Minute, false},
		"a drill of last season":  {"GatehouseBackupWasNotDrilled", []made{drilled("ok", begun-90*day.Seconds())}, 90 * time.Minute, true},
		"no drill ever":           {"GatehouseBackupWasNotDrilled", []made{drilled("ok", 0), drilled("failed", 0)}, 90 * time.Minute, true},
		"one that failed instead": {"GatehouseBackupWasNotDrilled", []made{drilled("ok", 0), drilled("failed", begun-100)}, 90 * time.Minute, true},

		"a drill that failed":          {"GatehouseBackupDrillFailed", []made{drilled("ok", begun-1000), drilled("failed", begun-100)}, time.Hour, true},
		"the first drill failed":       {"GatehouseBackupDrillFailed", []made{drilled("ok", 0), drilled("failed", begun-100)}, time.Hour, true},
		"one that went well since":     {"GatehouseBackupDrillFailed", []made{drilled("ok", begun-100), drilled("failed", begun-1000)}, time.Hour, false},
		"nothing was drilled so far":   {"GatehouseBackupDrillFailed", []made{drilled("ok", 0), drilled("failed", 0)}, time.Hour, false},
		"drills have always succeeded": {"GatehouseBackupDrillFailed", []made{drilled("ok", begun-100), drilled("failed", 0)}, time.Hour, false},

		"mails leave":               {"GatehouseMailsWait", []made{{"gatehouse_courier_backlog_age_seconds", nil, constantly(30, time.Hour)}}, time.Hour, false},
		"mails wait":                {"GatehouseMailsWait", []made{{"gatehouse_courier_backlog_age_seconds", nil, constantly(1000, time.Hour)}}, time.Hour, true},
		"events are told":           {"GatehouseActivityWaits", []made{{"gatehouse_activity_backlog_age_seconds", nil, constantly(0, time.Hour)}}, time.Hour, false},
		"events wait":               {"GatehouseActivityWaits", []made{{"gatehouse_activity_backlog_age_seconds", nil, constantly(1000, time.Hour)}}, time.Hour, true},
		"both exports go on":        {"GatehouseActivityExportFails", []made{exported("a", 1), exported("b", 1)}, time.Hour, false},
		"one of two exports fails":  {"GatehouseActivityExportFails", []made{exported("a", 1), exported("b", 0)}, time.Hour, true},
		"rules are in force":        {"GatehouseRulesRefused", []made{sourced("file:///a", 1)}, time.Hour, false},
		"rules of a source are not": {"GatehouseRulesRefused", []made{sourced("file:///a", 1), sourced("file:///b", 0)}, time.Hour, true},

		"the server does what it is asked": {"GatehouseControllerIsRefused", []made{told("200", 50, 90), told("401", 7, 7)}, time.Hour, false},
		"the key was taken away":           {"GatehouseControllerIsRefused", []made{told("200", 50, 50), told("401", 7, 90)}, time.Hour, true},
		"the server does not answer":       {"GatehouseControllerIsRefused", []made{told("0", 7, 90)}, time.Hour, true},
		"it did not for a moment":          {"GatehouseControllerIsRefused", []made{{"gatehouse_controller_admin_requests_total", []string{"status", "0"}, append(constantly(7, 20*time.Minute), constantly(8, time.Hour)...)}}, time.Hour, false},

		"all resources are true":  {"GatehouseResourcesNotReady", []made{resources("clients", "ready", "False", 0), resources("clients", "ready", "True", 3), resources("rules", "in_force", "false", 0)}, time.Hour, false},
		"a client is not":         {"GatehouseResourcesNotReady", []made{resources("clients", "ready", "False", 1), resources("rules", "in_force", "false", 0)}, time.Hour, true},
		"an APIRule is not":       {"GatehouseResourcesNotReady", []made{resources("clients", "ready", "False", 0), resources("apirules", "ready", "False", 1)}, time.Hour, true},
		"a rule is not":           {"GatehouseResourcesNotReady", []made{resources("clients", "ready", "False", 0), resources("rules", "in_force", "false", 2)}, time.Hour, true},
		"nothing else is told of": {"GatehouseResourcesNotReady", []made{resources("clients", "ready", "True", 3)}, time.Hour, false},
	}
	tried := map[bool][]string{}
	for name, c := range cases {
		tried[c.want] = append(tried[c.want], c.alert)
		t.Run(name, func(t *testing.T) {
			if got := fires(t, c.alert, c.series, c.after); got != c.want {
				t.Errorf("%s fires: %t", c.alert, got)
			}
		})
	}
	for name := range shipped(t) {
		if !slices.Contains(tried[true], name) || !slices.Contains(tried[false], name) {
			t.Errorf("%s is not shown both to fire and not to", name)
		}
	}
}

// told is a counter of the controller's requests that rises for an hour.
func told(status string, from, to float64) made {
	m := made{"gatehouse_controller_admin_requests_total", []string{"status", status}, nil}
	for i := range int(time.Hour/step) + 1 {
		m.values = append(m.values, from+(to-from)*float64(i)/float64(time.Hour/step))
	}
	return m
}

func resources(kind, label, value string, n float64) made {
	return made{"gatehouse_controller_" + kind, []string{label, value}, constantly(n, time.Hour)}
}

func exported(name string, value float64) made {
	return made{"gatehouse_activity_export_ok", []string{"export", name}, constantly(value, time.Hour)}
}

func sourced(name string, value float64) made {
	return made{"gatehouse_access_source_ok", []string{"source", name}, constantly(value, time.Hour)}
}
