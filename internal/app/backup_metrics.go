package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
)

// backupState is read when metrics are. It speaks of the backups that servers make by themselves, and is the same on each.
type backupState struct{ job polled[backup.Job] }

var (
	backupSucceeded = prometheus.NewDesc("gatehouse_backup_last_success_timestamp_seconds", "When the last scheduled backup ended well at every destination; 0: never.", nil, nil)
	backupFailures  = prometheus.NewDesc("gatehouse_backup_failures_total", "Scheduled backups that failed, at one destination or at all.", nil, nil)
	backupDuration  = prometheus.NewDesc("gatehouse_backup_last_duration_seconds", "How long the last good one took.", nil, nil)
	backupSize      = prometheus.NewDesc("gatehouse_backup_last_size_bytes", "How large the file of the last good one is.", nil, nil)
)

// Describe implements prometheus.Collector.
func (*backupState) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{backupSucceeded, backupFailures, backupDuration, backupSize} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *backupState) Collect(to chan<- prometheus.Metric) {
	last, err := s.job.get()
	if err != nil {
		return
	}
	at := 0.0
	if !last.SucceededAt.IsZero() {
		at = float64(last.SucceededAt.UnixMilli()) / 1000
	}
	took := time.Duration(last.Millis) * time.Millisecond
	to <- prometheus.MustNewConstMetric(backupSucceeded, prometheus.GaugeValue, at)
	to <- prometheus.MustNewConstMetric(backupFailures, prometheus.CounterValue, float64(last.Failures))
	to <- prometheus.MustNewConstMetric(backupDuration, prometheus.GaugeValue, took.Seconds())
	to <- prometheus.MustNewConstMetric(backupSize, prometheus.GaugeValue, float64(last.Bytes))
}
