package kube

import (
	"cmp"
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	for _, m := range []prometheus.Collector{f.requests, f.orphans, ByReady{"gatehouse_controller_clients", "OAuth2Client", c.conditions}} {
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

// conditions are those of all OAuth2Clients.
func (c *Clients) conditions() (all [][]metav1.Condition, err error) {
	var list hydra.OAuth2ClientList
	err = c.Kube.List(context.Background(), &list, client.UnsafeDisableDeepCopy)
	for i := range list.Items {
		all = append(all, list.Items[i].Status.Conditions)
	}
	return all, err
}

// ByReady is a metric: it counts resources by their condition Ready when it is asked.
type ByReady struct {
	// Name is the metric's, Kind that of the resources.
	Name, Kind string
	// Conditions gives those of each resource, from the cache; an error is a cache that is not filled yet.
	Conditions func() ([][]metav1.Condition, error)
}

func (b ByReady) describe() *prometheus.Desc {
	return prometheus.NewDesc(b.Name, b.Kind+" resources, by their condition Ready.", []string{"ready"}, nil)
}

// Describe implements prometheus.Collector.
func (b ByReady) Describe(to chan<- *prometheus.Desc) { to <- b.describe() }

// Collect implements prometheus.Collector.
func (b ByReady) Collect(to chan<- prometheus.Metric) {
	all, err := b.Conditions()
	if err != nil {
		return
	}
	counts := map[metav1.ConditionStatus]float64{metav1.ConditionTrue: 0, metav1.ConditionFalse: 0, metav1.ConditionUnknown: 0}
	for _, conditions := range all {
		state := metav1.ConditionUnknown
		if ready := meta.FindStatusCondition(conditions, hydra.Ready); ready != nil {
			state = cmp.Or(ready.Status, state)
		}
		counts[state]++
	}
	for state, n := range counts {
		to <- prometheus.MustNewConstMetric(b.describe(), prometheus.GaugeValue, n, string(state))
	}
}
