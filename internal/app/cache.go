package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// newRemote makes the cache that servers share, nil where none is configured, and publishes what comes of it.
func newRemote(a *App, system *secret.Ring) (*cache.Remote, error) {
	if !a.cfg.Cache.Shared() {
		return nil, nil
	}
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_shared_cache_total", Help: "Questions to the shared cache and values for it, by what came of them.",
	}, []string{"kind", "outcome"})
	remote, err := cache.NewRemote(cache.RemoteOptions{
		Config: a.cfg.Cache, Ring: system.For("shared cache"), Log: a.log,
		Observe: func(kind string, o cache.Outcome) { outcomes.WithLabelValues(kind, string(o)).Inc() },
	})
	if err != nil {
		return nil, err
	}
	up := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_shared_cache_up", Help: "1 while the shared cache answers and is used.",
	}, func() float64 {
		if remote.Answers() {
			return 1
		}
		return 0
	})
	a.metrics.Registry.MustRegister(outcomes, up)
	return remote, nil
}
