package app

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// activityLog is what moves events into the log of who did what, shows it and sends it on.
type activityLog struct {
	store    *activity.Store
	relay    *activity.Relay
	exporter *activity.Exporter
	config   activity.Config
}

// newActivityLog ties the databases in which events wait to the one in which they are kept. sources are where else they wait.
func newActivityLog(a *App, system *secret.Ring, sources ...activity.Source) (*activityLog, error) {
	l := &activityLog{store: activity.NewStore(a.databases.byName["activity"], system.For(forActivity)), config: a.cfg.Activity}
	for _, logical := range []string{"management", "oauth"} {
		sources = append(sources, activity.Outbox{DB: a.databases.byName[logical], Logical: logical})
	}
	l.relay = &activity.Relay{Store: l.store, Sources: sources, Log: a.log}
	host, _ := os.Hostname() // messages can do without
	var err error
	l.exporter, err = activity.NewExporter(activity.ExporterOptions{Store: l.store, Config: a.cfg.Activity, Host: host, Now: now, Log: a.log})
	if err != nil {
		return nil, err
	}
	a.metrics.Registry.MustRegister(&activityState{log: l, waiting: polled[waitingEvents]{ask: l.waiting}})
	return l, nil
}

// warnings are what an operator should look after.
func (l *activityLog) warnings() (all []string) {
	if l.relay.Failing() != nil {
		all = append(all, "events do not reach the activity log; they wait and none is lost")
	}
	l.exporter.Each(func(name string, _, _ uint64, failing bool) {
		if failing {
			all = append(all, "the export "+name+" fails; nothing is left out")
		}
	})
	return all
}

func (l *activityLog) admin() forAdmins { return &activity.Handler{Store: l.store} }

// sweep deletes lines that are old and were sent wherever they are to go.
func (l *activityLog) sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	return l.store.Sweep(ctx, now, l.config.Retention, l.config.Names(), batch)
}

const (
	failedClientsEvery = time.Minute
	failedClientsMost  = 60
)

// failedClients tells the activity log of requests with wrong client credentials: of each client and address once a minute at
// most, and of sixty in all, for anybody may send as many as they like.
func failedClients(a *App) func(ctx context.Context, clientID, method string) {
	db := a.databases.byName["oauth"]
	damper := &activity.Damper{Every: failedClientsEvery, Most: failedClientsMost, Now: now}
	return func(ctx context.Context, clientID, method string) {
		of, _ := tenant.From(ctx)
		more, ok := damper.Tell(string(of) + " " + actor.OriginOf(ctx).Address.String() + " " + clientID)
		if !ok {
			return
		}
		e := activity.Event{Action: activity.ClientFailed, Subject: activity.Client(clientID), Detail: map[string]string{"method": method}}
		if more > 0 {
			e.Detail["more"] = strconv.Itoa(more)
		}
		if err := activity.Record(ctx, db, e); err != nil {
			a.log.ErrorContext(ctx, "an event could not be written down", "action", string(e.Action), "error", err)
		}
	}
}

// waitingEvents are those that are not in the log yet.
type waitingEvents struct {
	count  int64
	oldest time.Time
}

func (l *activityLog) waiting(ctx context.Context) (w waitingEvents, err error) {
	w.count, w.oldest, err = l.relay.Backlog(ctx)
	return w, err
}

// activityState is read when metrics are.
type activityState struct {
	log     *activityLog
	waiting polled[waitingEvents]
}

var (
	activityWaiting  = prometheus.NewDesc("gatehouse_activity_backlog", "Events that are not in the activity log yet.", nil, nil)
	activityAge      = prometheus.NewDesc("gatehouse_activity_backlog_age_seconds", "For how long the oldest of them has waited.", nil, nil)
	activityMoved    = prometheus.NewDesc("gatehouse_activity_events_total", "Events that this server has put into the activity log.", nil, nil)
	activityFailures = prometheus.NewDesc("gatehouse_activity_failures_total", "Attempts of this server to put events into the activity log that failed.", nil, nil)
	exportSent       = prometheus.NewDesc("gatehouse_activity_exported_total", "Events that this server has sent to an export.", []string{"export"}, nil)
	exportFailures   = prometheus.NewDesc("gatehouse_activity_export_failures_total", "Attempts to send events to an export that failed.", []string{"export"}, nil)
	exportOK         = prometheus.NewDesc("gatehouse_activity_export_ok", "1 where the last attempt did not fail.", []string{"export"}, nil)
)

// Describe implements prometheus.Collector.
func (*activityState) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{activityWaiting, activityAge, activityMoved, activityFailures, exportSent, exportFailures, exportOK} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *activityState) Collect(to chan<- prometheus.Metric) {
	moved, failures := s.log.relay.Counts()
	to <- prometheus.MustNewConstMetric(activityMoved, prometheus.CounterValue, float64(moved))
	to <- prometheus.MustNewConstMetric(activityFailures, prometheus.CounterValue, float64(failures))
	s.log.exporter.Each(func(name string, sent, failures uint64, failing bool) {
		ok := 1.0
		if failing {
			ok = 0
		}
		to <- prometheus.MustNewConstMetric(exportSent, prometheus.CounterValue, float64(sent), name)
		to <- prometheus.MustNewConstMetric(exportFailures, prometheus.CounterValue, float64(failures), name)
		to <- prometheus.MustNewConstMetric(exportOK, prometheus.GaugeValue, ok, name)
	})
	found, err := s.waiting.get()
	if err != nil {
		return
	}
	age := 0.0
	if !found.oldest.IsZero() {
		age = now().Sub(found.oldest).Seconds()
	}
	to <- prometheus.MustNewConstMetric(activityWaiting, prometheus.GaugeValue, float64(found.count))
	to <- prometheus.MustNewConstMetric(activityAge, prometheus.GaugeValue, age)
}
