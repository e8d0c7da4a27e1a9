package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Tracing makes and exports spans, or does nothing where no endpoint is configured.
type Tracing struct {
	provider   *sdktrace.TracerProvider // nil when off
	propagator propagation.TextMapPropagator
}

// NewTracing starts exporting to the configured endpoint. An endpoint that cannot be reached is no error: spans are
// dropped, the log says so once, and again after an export that worked.
func NewTracing(ctx context.Context, c TracingConfig, version string, log *slog.Logger) (*Tracing, error) {
	t := &Tracing{propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})}
	if c.Endpoint == "" {
		return t, nil
	}
	headers := make(map[string]string, len(c.Headers))
	for k, v := range c.Headers {
		headers[k] = v.Reveal()
	}
	// No redirect is followed: the headers may hold a key of this collector's.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	exporter, err := otlptrace.New(ctx, &upload{url: collector(c.Endpoint), headers: headers, http: client})
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	t.start(&honest{SpanExporter: exporter, log: log}, c, version)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Debug("tracing", "error", err)
	}))
	return t, nil
}

// collector adds the path that OTLP/HTTP says where the operator says none; a slash alone says none.
func collector(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Path != "" && u.Path != "/" {
		return endpoint
	}
	u.Path = "/v1/traces"
	return u.String()
}

func (t *Tracing) start(exporter sdktrace.SpanExporter, c TracingConfig, version string) {
	name := c.ServiceName
	if name == "" {
		name = "gatehouse"
	}
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.SampleRatio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", name),
			attribute.String("service.version", version),
		)),
	)
}

// honest says in the log when exporting begins to fail and when it works again.
type honest struct {
	sdktrace.SpanExporter
	log    *slog.Logger
	broken atomic.Bool
}

// ExportSpans implements the exporter.
func (h *honest) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := h.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !h.broken.Swap(true):
		h.log.Warn("traces cannot be exported and are dropped", "error", err)
	case err == nil && h.broken.Swap(false):
		h.log.Info("traces are exported again")
	}
	return err
}

// Provider returns the provider for libraries that make spans themselves. It is one that does nothing when tracing
// is off.
func (t *Tracing) Provider() trace.TracerProvider {
	if t.provider == nil {
		return noop.NewTracerProvider()
	}
	return t.provider
}

// Propagator reads and writes W3C traceparent, tracestate and baggage headers.
func (t *Tracing) Propagator() propagation.TextMapPropagator { return t.propagator }

// HTTP returns the function that begins a span for a request of the listener and returns the one that ends it; nil
// when tracing is off, so that nothing is called at all. Spans name the route and never a path or query.
func (t *Tracing) HTTP(listener string) func(context.Context, *http.Request) (context.Context, func(route string, status int, err error)) {
	if t.provider == nil {
		return nil
	}
	tracer := t.provider.Tracer("github.com/gatehouse-iam/gatehouse")
	return func(ctx context.Context, r *http.Request) (context.Context, func(string, int, error)) {
		ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, method(r.Method), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", method(r.Method)),
			attribute.String("gatehouse.listener", listener),
		))
		return ctx, func(route string, status int, err error) { endSpan(span, r.Method, route, status, err) }
	}
}

func endSpan(span trace.Span, verb, route string, status int, err error) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	if route != "" {
		span.SetName(method(verb) + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= 500 {
		text := ""
		if err != nil {
			text = Redact(err.Error())
		}
		span.SetStatus(codes.Error, text)
	}
}

// method keeps invented methods out of span names, as the semantic conventions ask.
func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
		return m
	default:
		return "_OTHER"
	}
}

// Shutdown exports what is left. It is called after the listeners have stopped.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}
