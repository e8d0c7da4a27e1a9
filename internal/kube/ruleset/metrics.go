package ruleset

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// figures are the metrics of rules.
type figures struct {
	rules    *prometheus.GaugeVec
	held     *prometheus.GaugeVec
	sends    *prometheus.CounterVec
	repaired prometheus.Counter
	duration prometheus.Histogram
}

func newFigures(r prometheus.Registerer) (*figures, error) {
	f := &figures{
		rules: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_controller_rules",
			Help: "Access rules that resources describe, by tenant (empty is the controller's own, with those of tenants that nobody may name) and whether they are in force.",
		}, []string{"tenant", "in_force"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_controller_rules_held",
			Help: "Access rules that are kept although their resources are gone, because these may have gone with the definition of their kind, by tenant.",
		}, []string{"tenant"}),
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_controller_rule_sets_sent_total",
			Help: "Sets of access rules that were sent, by outcome: done, refused (some rules were), changed (somebody else was faster) or failed.",
		}, []string{"outcome"}),
		repaired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_controller_rule_sets_repaired_total",
			Help: "How often a set was found changed on the server by somebody else.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "gatehouse_controller_rule_set_seconds",
			Help:    "How long it took to judge a tenant's rules and to have them in force. Unit: seconds.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}),
	}
	for _, m := range []prometheus.Collector{f.rules, f.held, f.sends, f.repaired, f.duration} {
		if err := r.Register(m); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *figures) took(d time.Duration) { f.duration.Observe(d.Seconds()) }

func (f *figures) sent(outcome string) { f.sends.WithLabelValues(outcome).Inc() }

func (f *figures) hold(tenant string, all []*item) {
	n := 0
	for _, i := range all {
		if i.gone && i.Tenant == tenant {
			n++
		}
	}
	f.held.WithLabelValues(tenant).Set(float64(n))
}

func (f *figures) count(tenant string, inForce map[bool]int) {
	for is, n := range inForce {
		f.rules.WithLabelValues(tenant, strconv.FormatBool(is)).Set(float64(n))
	}
}
