package app

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
)

// doorMetrics counts decisions.
type doorMetrics struct {
	decisions *prometheus.CounterVec
	took      *prometheus.HistogramVec
}

func newDoorMetrics() *doorMetrics {
	return &doorMetrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_access_decisions_total", Help: "Decisions about requests to applications.",
		}, []string{"door", "verdict"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_access_decision_duration_seconds", Help: "Time that deciding took, without the application's answer.",
			Buckets: []float64{.00001, .0001, .001, .01, .1, 1, 10},
		}, []string{"door"}),
	}
}

// observe is access.Door's Observe.
func (m *doorMetrics) observe(door string, verdict flow.Verdict, took time.Duration) {
	m.decisions.WithLabelValues(door, string(verdict)).Inc()
	m.took.WithLabelValues(door).Observe(took.Seconds())
}

// measureDoors publishes what the doors decide and how their rules and databases are.
func (a *App) measureDoors(d *doors) {
	a.metrics.Registry.MustRegister(d.metrics.decisions, d.metrics.took, doorState{d})
}

// doorState is read when metrics are.
type doorState struct{ *doors }

var (
	rulesDesc    = prometheus.NewDesc("gatehouse_access_rules", "Access rules in force.", []string{"source"}, nil)
	sourceDesc   = prometheus.NewDesc("gatehouse_access_source_ok", "1 where the newest rules of a source are in force.", []string{"source"}, nil)
	refusalsDesc = prometheus.NewDesc("gatehouse_access_source_refusals_total", "Sets of rules that were refused.", []string{"source"}, nil)
	eventsDesc   = prometheus.NewDesc("gatehouse_flow_events_total", "Recorded decisions: written, dropped because too many waited, failed to be written.", []string{"outcome"}, nil)
	geoDesc      = prometheus.NewDesc("gatehouse_geoip_age_seconds", "Age of a database of countries since it was built.", []string{"edition"}, nil)
	geoFailed    = prometheus.NewDesc("gatehouse_geoip_failures_total", "Updates of a database of countries that failed.", []string{"edition"}, nil)
)

// Describe implements prometheus.Collector.
func (doorState) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{rulesDesc, sourceDesc, refusalsDesc, eventsDesc, geoDesc, geoFailed} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s doorState) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, label string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, label)
	}
	count := func(d *prometheus.Desc, v float64, label string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, label)
	}
	for _, source := range s.book.Status() {
		gauge(rulesDesc, float64(source.Rules), source.Name)
		ok := 0.0
		if source.State == rulebook.SourceLoaded {
			ok = 1
		}
		gauge(sourceDesc, ok, source.Name)
		count(refusalsDesc, float64(source.Refusals), source.Name)
	}
	events := s.events.Stats()
	count(eventsDesc, float64(events.Written), "written")
	count(eventsDesc, float64(events.Dropped), "dropped")
	count(eventsDesc, float64(events.Failed), "failed")
	for _, g := range s.geo.Status() {
		age := math.NaN() // without a database there is no age, and 0 would look like a new one
		if !g.Built.IsZero() {
			age = g.Age(now()).Seconds()
		}
		gauge(geoDesc, age, g.Edition)
		count(geoFailed, float64(g.Failures), g.Edition)
	}
}
