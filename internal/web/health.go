package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

// Health answers whether the process lives and whether it can do its work.
type Health struct {
	// Version is what /version tells.
	Version string
	// Checks returns what is wrong, by the name of the part; entries with a nil error are well. It is asked at
	// each /health/ready and given two seconds. nil means that nothing can be wrong.
	Checks func(ctx context.Context) map[string]error
	// Warnings returns what keeps nobody from their work and wants an operator's eye all the same, by the name of the part. It is
	// told by MountAdmin's readiness alone, and must have no secrets. nil means that there is never any.
	Warnings func() map[string][]string
	// Log gets the causes of failed checks; nil drops them.
	Log *slog.Logger

	draining atomic.Bool
}

// Drain makes readiness answer 503 from now on, because the process is about to stop.
func (h *Health) Drain() { h.draining.Store(true) }

// Mount registers alive and ready. They answer on any host and, for probes, without https.
func (h *Health) Mount(m *Mux) {
	m.handle("GET /health/alive", h.alive, true)
	m.handle("GET /health/ready", func(w http.ResponseWriter, r *http.Request) error { return h.ready(w, r, nil) }, true)
}

// MountAdmin registers what Mount does. Readiness tells warnings, too, to whom Options.Trusts: with 200 beside the status, so that
// clients which look at nothing else go on.
func (h *Health) MountAdmin(m *Mux) {
	m.handle("GET /health/alive", h.alive, true)
	m.handle("GET /health/ready", func(w http.ResponseWriter, r *http.Request) error {
		if m.o.Trusts != nil && !m.o.Trusts(r) {
			return h.ready(w, r, nil)
		}
		return h.ready(w, r, h.Warnings)
	}, true)
}

// MountVersion registers /version, which belongs on the admin listener: strangers need not know it.
func (h *Health) MountVersion(m *Mux) {
	m.Handle("GET /version", func(w http.ResponseWriter, _ *http.Request) error {
		return WriteJSON(w, http.StatusOK, map[string]string{"version": h.Version})
	})
}

func (h *Health) alive(w http.ResponseWriter, _ *http.Request) error {
	return WriteRawJSON(w, http.StatusOK, []byte(`{"status":"ok"}`))
}

// readiness is the answer to a probe.
type readiness struct {
	Status   string              `json:"status,omitempty"`
	Errors   map[string]string   `json:"errors,omitempty"`
	Warnings map[string][]string `json:"warnings,omitempty"`
}

func (h *Health) ready(w http.ResponseWriter, r *http.Request, warn func() map[string][]string) error {
	wrong := make(map[string]string)
	if h.draining.Load() {
		wrong["server"] = "stopping"
	}
	if h.Checks != nil {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		for part, err := range h.Checks(ctx) {
			if err != nil {
				wrong[part] = h.public(ctx, part, err)
			}
		}
	}
	var warnings map[string][]string
	if warn != nil { // asked last, for a check may have found one
		warnings = warn()
	}
	switch {
	case len(wrong) == 0 && len(warnings) == 0:
		return h.alive(w, r)
	case len(wrong) == 0:
		return WriteJSON(w, http.StatusOK, readiness{Status: "ok", Warnings: warnings})
	}
	return WriteJSON(w, http.StatusServiceUnavailable, readiness{Errors: wrong, Warnings: warnings})
}

// public returns what may be told about a failed check: a fault's message, never a driver's, which names hosts
// and users.
func (h *Health) public(ctx context.Context, part string, err error) string {
	if h.Log != nil {
		h.Log.WarnContext(ctx, "not ready", "part", part, "error", err)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Message != "" {
		return f.Message
	}
	if told, ok := errors.AsType[fault.Faulter](err); ok {
		return told.Fault().Message
	}
	return "not available"
}
