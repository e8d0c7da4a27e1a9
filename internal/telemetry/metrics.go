package telemetry

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is the Prometheus registry of a process with what every request counts.
//
//	gatehouse_http_requests_total{listener,method,route,code}
//	gatehouse_http_request_duration_seconds{listener,method,route}
//	gatehouse_build_info{version}
//	go_* and process_*
type Metrics struct {
	// Registry is where packages register collectors of their own.
	Registry *prometheus.Registry

	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// NewMetrics returns a registry with the collectors of the Go runtime, the process and HTTP.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_http_requests_total",
			Help: "Requests answered, by listener, method and pattern of the route, and status.",
		}, []string{"listener", "method", "route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gatehouse_http_request_duration_seconds",
			Help:    "Time from the request's header to the end of the answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"listener", "method", "route"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_build_info",
		Help: "Always 1; the label tells which version runs.",
	}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.Registry.MustRegister(m.requests, m.seconds, build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers with the registry in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Listener returns the function that prepares counting for each route of a listener: it is called once with the
// route's pattern ("GET /clients/{id}"), and what it returns once per request. Labels are patterns and known
// statuses only, so strangers cannot make new series.
func (m *Metrics) Listener(name string) func(pattern string) func(status int, elapsed time.Duration) {
	return func(pattern string) func(status int, elapsed time.Duration) {
		method, route, ok := strings.Cut(pattern, " ")
		if !ok {
			method, route = "any", pattern
		}
		labels := routeLabels{vec: m.requests, listener: name, method: method, route: strings.TrimSpace(route)}
		seconds := m.seconds.WithLabelValues(labels.listener, labels.method, labels.route)
		counters := new([len(statuses) + 1]atomic.Pointer[prometheus.Counter])
		return func(status int, elapsed time.Duration) {
			labels.count(counters, status)
			seconds.Observe(elapsed.Seconds())
		}
	}
}

// statuses are those that we send, and 499 for a client that did not wait. Others count as "other".
var statuses = [...]int{
	200, 201, 202, 204, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 429, 499,
	500, 501, 502, 503, 504,
}

type routeLabels struct {
	vec                     *prometheus.CounterVec
	listener, method, route string
}

// count finds a series by hashing its labels only the first time that a status is seen on the route.
func (l *routeLabels) count(counters *[len(statuses) + 1]atomic.Pointer[prometheus.Counter], status int) {
	slot := len(statuses)
	for i, s := range statuses {
		if s == status {
			slot = i
			break
		}
	}
	if c := counters[slot].Load(); c != nil {
		(*c).Inc()
		return
	}
	code := "other"
	if slot < len(statuses) {
		code = strconv.Itoa(status)
	}
	c := l.vec.WithLabelValues(l.listener, l.method, l.route, code)
	counters[slot].Store(&c)
	c.Inc()
}
