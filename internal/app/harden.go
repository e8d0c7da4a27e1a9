package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// sayWhatIsAccepted logs and counts the findings about the configuration that the operator accepts: what is known to be unsafe should
// not be forgotten.
func (a *App) sayWhatIsAccepted(ctx context.Context) {
	accepted := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_harden_accepted", Help: "Findings about the configuration that the operator accepts.",
	}, []string{"check", "severity"})
	a.metrics.Registry.MustRegister(accepted)
	for _, f := range a.judged.Findings {
		if f.Accepted == nil {
			continue
		}
		accepted.WithLabelValues(f.Check, string(f.Severity)).Inc()
		a.log.WarnContext(ctx, "this is unsafe and accepted", "check", f.Check, "severity", string(f.Severity), "setting", f.Path,
			"finding", f.Detail, "reason", f.Accepted.Reason)
	}
}

// accepts tells whether the operator accepts what a check finds.
func (a *App) accepts(check string) bool {
	for _, f := range a.judged.Findings {
		if f.Check == check && f.Accepted != nil {
			return true
		}
	}
	return false
}
