package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// ContextAttr is an attribute that each record gets from its context, for example the request id. Records that
// carry the key already, and contexts for which Value is empty, are left alone.
type ContextAttr struct {
	Key   string
	Value func(context.Context) string
}

// NewLogger returns the logger that the configuration describes, writing to w. The configuration must have been
// validated; an unknown level counts as info.
func NewLogger(w io.Writer, c LogConfig, attrs ...ContextAttr) *slog.Logger {
	least, _ := level(c.Level)
	o := &slog.HandlerOptions{Level: least, ReplaceAttr: levelName}
	if !c.LeakSensitiveValues {
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			return redactAttr(groups, levelName(groups, a))
		}
	}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if c.Format == "json" {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(&contextHandler{Handler: h, attrs: attrs})
}

// levelName calls the level below debug by its name; slog would write "DEBUG-4".
func levelName(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey {
		if l, ok := a.Value.Any().(slog.Level); ok && l <= LevelTrace {
			a.Value = slog.StringValue("TRACE")
		}
	}
	return a
}

// contextHandler adds what the context knows.
type contextHandler struct {
	slog.Handler
	attrs []ContextAttr
}

// Handle implements slog.Handler.
func (h *contextHandler) Handle(ctx context.Context, r slog.Record) error {
	for _, a := range h.attrs {
		if v := a.Value(ctx); v != "" && !carries(r, a.Key) {
			r.AddAttrs(slog.String(a.Key, v))
		}
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func carries(r slog.Record, key string) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		found = a.Key == key
		return !found
	})
	return found
}

// WithAttrs implements slog.Handler.
func (h *contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &contextHandler{Handler: h.Handler.WithAttrs(attrs), attrs: h.attrs}
}

// WithGroup implements slog.Handler.
func (h *contextHandler) WithGroup(name string) slog.Handler {
	return &contextHandler{Handler: h.Handler.WithGroup(name), attrs: h.attrs}
}
