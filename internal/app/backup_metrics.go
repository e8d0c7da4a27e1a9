package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
)

// backupState is read when metrics are. It speaks of backups and of drills, whoever made them, and is the same on each server.
type backupState struct{ job, drill polled[backup.Job] }

var (
	backupSucceeded = prometheus.NewDesc("gatehouse_backup_last_success_timestamp_seconds", "When the last backup ended well at every destination; 0: never.", nil, nil)
	backupFailures  = prometheus.NewDesc("gatehouse_backup_failures_total", "Backups that failed, at one destination or at all.", nil, nil)
	backupDuration  = prometheus.NewDesc("gatehouse_backup_last_duration_seconds", "How long the last good one took.", nil, nil)
	backupSize      = prometheus.NewDesc("gatehouse_backup_last_size_bytes", "How large the file of the last good one is.", nil, nil)
	drillEnded      = prometheus.NewDesc("gatehouse_backup_last_drill_timestamp_seconds", "When the last drill of a backup ended with this result; 0: never.", []string{"result"}, nil)
	drillDuration   = prometheus.NewDesc("gatehouse_backup_last_drill_duration_seconds", "How long the last good drill took until what was restored served.", nil, nil)
)

// prunedCounts count what this server removed after scheduled backups.
type prunedCounts struct {
	removed  *prometheus.CounterVec
	failures prometheus.Counter
}

func newPrunedCounts() prunedCounts {
	return prunedCounts{
		removed:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatehouse_backup_pruned_total", Help: "Backups that this server removed after scheduled ones, by destination."}, []string{"destination"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "gatehouse_backup_prune_failures_total", Help: "Attempts of that which failed, at one destination or at all."}),
	}
}

func (c prunedCounts) count(done []backup.Pruned, fault error) {
	for _, one := range done {
		c.removed.WithLabelValues(one.Destination).Inc()
	}
	if fault != nil {
		c.failures.Inc()
	}
}

// Describe implements prometheus.Collector.
func (*backupState) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{backupSucceeded, backupFailures, backupDuration, backupSize, drillEnded, drillDuration} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *backupState) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if last, err := s.job.get(); err == nil {
		gauge(backupSucceeded, moment(last.SucceededAt))
		to <- prometheus.MustNewConstMetric(backupFailures, prometheus.CounterValue, float64(last.Failures))
		gauge(backupDuration, float64(last.Millis)/1000)
		gauge(backupSize, float64(last.Bytes))
	}
	if last, err := s.drill.get(); err == nil {
		gauge(drillEnded, moment(last.SucceededAt), "ok")
		gauge(drillEnded, moment(last.FailedAt), "failed")
		gauge(drillDuration, float64(last.Millis)/1000)
	}
}

// moment is a time in seconds since 1970; 0: never.
func moment(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}
