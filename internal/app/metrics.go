package app

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
)

// courierMetrics counts messages.
type courierMetrics struct {
	queued   *prometheus.CounterVec
	attempts *prometheus.HistogramVec
}

func (a *App) courierMetrics() courierMetrics {
	m := courierMetrics{
		queued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_courier_queued_total", Help: "Messages that were queued.",
		}, []string{"channel", "template"}),
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_courier_attempt_duration_seconds", Help: "Attempts to send a message, by their outcome.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 30},
		}, []string{"channel", "template", "outcome"}),
	}
	a.metrics.Registry.MustRegister(m.queued, m.attempts)
	return m
}

// Queued implements courier.Recorder.
func (m courierMetrics) Queued(channel, template string) {
	m.queued.WithLabelValues(channel, template).Inc()
}

// Attempted implements courier.Recorder.
func (m courierMetrics) Attempted(channel, template string, outcome courier.Outcome, took time.Duration) {
	m.attempts.WithLabelValues(channel, template, string(outcome)).Observe(took.Seconds())
}

// measureBacklog publishes what waits to be sent.
func (a *App) measureBacklog(messages *courier.Store) {
	a.metrics.Registry.MustRegister(&backlog{polled[courier.Backlog]{ask: messages.Backlog}})
}

type backlog struct{ waiting polled[courier.Backlog] }

// polled is a figure of a database's that is asked for when metrics are read, and no more often than every ten seconds; without
// an answer within two seconds there is none.
type polled[T any] struct {
	ask func(ctx context.Context) (T, error)

	mu    sync.Mutex
	asked time.Time
	found T
}

const pollEvery = 10 * time.Second

// get gives what there was a moment ago.
func (p *polled[T]) get() (T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now().Sub(p.asked) < pollEvery {
		return p.found, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	found, err := p.ask(ctx)
	if err != nil {
		var none T
		return none, err
	}
	p.found, p.asked = found, now()
	return found, nil
}

var (
	backlogDesc = prometheus.NewDesc("gatehouse_courier_backlog", "Messages that wait to be sent.", nil, nil)
	oldestDesc  = prometheus.NewDesc("gatehouse_courier_backlog_age_seconds", "For how long the oldest of them has waited.", nil, nil)
)

// Describe implements prometheus.Collector.
func (*backlog) Describe(to chan<- *prometheus.Desc) {
	to <- backlogDesc
	to <- oldestDesc
}

// Collect implements prometheus.Collector.
func (b *backlog) Collect(to chan<- prometheus.Metric) {
	found, err := b.waiting.get()
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(backlogDesc, prometheus.GaugeValue, float64(found.Waiting))
	age := 0.0
	if !found.Oldest.IsZero() {
		age = now().Sub(found.Oldest).Seconds()
	}
	to <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age)
}

// hookMetrics gives web hooks their histogram.
func (a *App) hookMetrics() func(hook, outcome string, took time.Duration) {
	calls := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_hook_call_duration_seconds", Help: "Calls of web hooks, by their outcome.", Buckets: []float64{.01, .05, .1, .5, 1, 5, 30},
	}, []string{"hook", "outcome"})
	a.metrics.Registry.MustRegister(calls)
	return func(hook, outcome string, took time.Duration) {
		calls.WithLabelValues(hook, outcome).Observe(took.Seconds())
	}
}
