package kube

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// figures are the controller's metrics, besides those of controller-runtime.
type figures struct {
	requests *prometheus.CounterVec
	orphans  *prometheus.GaugeVec
}

func newFigures(r prometheus.Registerer, c *Clients) (*figures, error) {
	f := &figures{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_controller_admin_requests_total",
			Help: "Requests to admin APIs, by method and status; status 0 is no answer.",
		}, []string{"method", "status"}),
		orphans: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_controller_orphaned_clients",
			Help: "Clients whose resource is gone, by the address of the API at which they are.",
		}, []string{"server"}),
	}
	for _, m := range []prometheus.Collector{f.requests, f.orphans, states{c}} {
		if err := r.Register(m); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *figures) count(method string, status int) {
	f.requests.WithLabelValues(method, strconv.Itoa(status)).Inc()
}

func (f *figures) setOrphans(by map[string]float64) {
	for server, n := range by {
		f.orphans.WithLabelValues(server).Set(n)
	}
}

// states counts the resources when it is asked, from the cache.
type states struct{ clients *Clients }

func (s states) describe() *prometheus.Desc {
	return prometheus.NewDesc("gatehouse_controller_clients", "OAuth2Client resources, by their condition Ready.", []string{"ready"}, nil)
}

// Describe implements prometheus.Collector.
func (s states) Describe(to chan<- *prometheus.Desc) { to <- s.describe() }

// Collect implements prometheus.Collector.
func (s states) Collect(to chan<- prometheus.Metric) {
	var list hydra.OAuth2ClientList
	if s.clients.Kube.List(context.Background(), &list) != nil {
		return // the cache is not filled yet
	}
	counts := map[metav1.ConditionStatus]float64{metav1.ConditionTrue: 0, metav1.ConditionFalse: 0, metav1.ConditionUnknown: 0}
	for i := range list.Items {
		state := metav1.ConditionUnknown
		for _, c := range list.Items[i].Status.Conditions {
			if c.Type == hydra.Ready {
				state = c.Status
			}
		}
		counts[state]++
	}
	for state, n := range counts {
		to <- prometheus.MustNewConstMetric(s.describe(), prometheus.GaugeValue, n, string(state))
	}
}
