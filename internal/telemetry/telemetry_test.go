package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func TestConfigValidate(t *testing.T) {
	if faults := DefaultConfig().Validate(); faults != nil {
		t.Errorf("the default is refused: %v", faults)
	}
	c := Config{
		Log:     LogConfig{Level: "loud", Format: "xml", Access: "some"},
		Tracing: TracingConfig{Endpoint: "collector:4318", SampleRatio: 2},
	}
	got := errors.Join(c.Validate()...).Error()
	for _, want := range []string{"log.level: \"loud\"", "log.format: \"xml\"", "log.access: \"some\"", "tracing.endpoint: ", "tracing.sample_ratio: "} {
		if !strings.Contains(got, want) {
			t.Errorf("no fault %q in\n%s", want, got)
		}
	}
}

func TestLevels(t *testing.T) {
	for word, want := range map[string]int{"trace": 5, "debug": 4, "info": 3, "": 3, "warn": 2, "error": 1} {
		var out bytes.Buffer
		log := NewLogger(&out, LogConfig{Level: word, Format: "json"})
		for _, l := range []slog.Level{LevelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(context.Background(), l, "m")
		}
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("%q lets %d of 5 through, want %d", word, got, want)
		}
		if word == "trace" && !strings.Contains(out.String(), `"level":"TRACE"`) {
			t.Errorf("trace is called otherwise: %s", &out)
		}
	}
}

type idKey struct{}

func TestLoggerAddsWhatTheContextKnows(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, LogConfig{}, ContextAttr{Key: "request_id", Value: func(ctx context.Context) string {
		id, _ := ctx.Value(idKey{}).(string)
		return id
	}})
	ctx := context.WithValue(context.Background(), idKey{}, "r-1")
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	log.With("a", 1).InfoContext(trace.ContextWithSpanContext(ctx, span), "m")
	for _, want := range []string{"request_id=r-1", "trace_id=01000000000000000000000000000000", "span_id=0200000000000000", "a=1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, &out)
		}
	}
	out.Reset()
	log.InfoContext(ctx, "m", "request_id", "r-2")
	if strings.Count(out.String(), "request_id") != 1 || !strings.Contains(out.String(), "r-2") {
		t.Errorf("said twice: %s", &out)
	}
	out.Reset()
	log.Info("m")
	if strings.Contains(out.String(), "request_id") {
		t.Errorf("an empty id: %s", &out)
	}
}

func TestMetrics(t *testing.T) {
	m := NewMetrics("1.2.3")
	public := m.Listener("public")
	record := public("POST /oauth2/token")
	for _, status := range []int{200, 200, 400, 499, 742, -1} {
		record(status, 3*time.Millisecond)
	}
	public("/any")(204, time.Second)
	public("unmatched")(404, 0)
	m.Listener("admin")("POST /oauth2/token")(200, time.Millisecond)

	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	text := rec.Body.String()
	for _, want := range []string{
		`gatehouse_http_requests_total{code="200",listener="public",method="POST",route="/oauth2/token"} 2`,
		`gatehouse_http_requests_total{code="400",listener="public",method="POST",route="/oauth2/token"} 1`,
		`gatehouse_http_requests_total{code="499",listener="public",method="POST",route="/oauth2/token"} 1`,
		`gatehouse_http_requests_total{code="other",listener="public",method="POST",route="/oauth2/token"} 2`,
		`gatehouse_http_requests_total{code="204",listener="public",method="any",route="/any"} 1`,
		`gatehouse_http_requests_total{code="404",listener="public",method="any",route="unmatched"} 1`,
		`gatehouse_http_requests_total{code="200",listener="admin",method="POST",route="/oauth2/token"} 1`,
		`gatehouse_http_request_duration_seconds_count{listener="public",method="POST",route="/oauth2/token"} 6`,
		`gatehouse_build_info{version="1.2.3"} 1`, "go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	record := NewMetrics("x").Listener("public")("POST /oauth2/token")
	b.ReportAllocs()
	for b.Loop() {
		record(200, time.Millisecond)
	}
}

func TestTracingOffCostsNothing(t *testing.T) {
	tr, err := NewTracing(context.Background(), TracingConfig{}, "x", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if tr.HTTP("public") != nil {
		t.Error("there is something to call")
	}
	if _, span := tr.Provider().Tracer("x").Start(context.Background(), "x"); span.IsRecording() {
		t.Error("spans are made")
	}
	if err := tr.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestSpans(t *testing.T) {
	memory := tracetest.NewInMemoryExporter()
	tr, err := NewTracing(context.Background(), TracingConfig{}, "x", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tr.start(memory, TracingConfig{SampleRatio: 1}, "1.2.3")
	begin := tr.HTTP("public")
	if tr.Provider() != trace.TracerProvider(tr.provider) || len(tr.Propagator().Fields()) == 0 {
		t.Error("libraries get another provider")
	}

	r := httptest.NewRequest(http.MethodPost, "/oauth2/token?code=hidden-code-1", nil)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	ctx, end := begin(context.Background(), r)
	if !trace.SpanContextFromContext(ctx).IsValid() {
		t.Error("the context has no span")
	}
	end("POST /oauth2/token", 500, errors.New("mail to ann@example.com"))

	odd := httptest.NewRequest("BREW", "/", nil)
	_, end = begin(context.Background(), odd)
	end("", 404, nil)
	if err := tr.provider.ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	spans := memory.GetSpans()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	if s.Name != "POST /oauth2/token" || s.SpanContext.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" || s.Parent.SpanID().String() != "00f067aa0ba902b7" {
		t.Errorf("%s %v, child of %v", s.Name, s.SpanContext.TraceID(), s.Parent.SpanID())
	}
	if s.Status.Description != "mail to [redacted]" {
		t.Errorf("status: %q", s.Status.Description)
	}
	for _, a := range s.Attributes {
		if strings.Contains(a.Value.String(), "hidden-code-1") {
			t.Errorf("the query is in %s", a.Key)
		}
	}
	if spans[1].Name != "_OTHER" {
		t.Errorf("an invented method names a span: %s", spans[1].Name)
	}
	if err := tr.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestExportsOverOTLP(t *testing.T) {
	var got atomic.Value
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got.Store(r.URL.Path + " " + r.Header.Get("X-Key"))
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	tr, err := NewTracing(context.Background(), TracingConfig{
		Endpoint: collector.URL, SampleRatio: 1, Headers: map[string]secret.String{"X-Key": "k"},
	}, "x", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, end := tr.HTTP("public")(context.Background(), httptest.NewRequest(http.MethodGet, "/", nil))
	end("GET /", 200, nil)
	if err := tr.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got.Load() != "/v1/traces k" {
		t.Errorf("the collector saw %v", got.Load())
	}
}

type flaky struct{ err error }

func (f *flaky) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return f.err }
func (f *flaky) Shutdown(context.Context) error                             { return nil }

func TestAnUnreachableCollectorIsSaidOnce(t *testing.T) {
	var out bytes.Buffer
	f := &flaky{err: errors.New("refused")}
	h := &honest{SpanExporter: f, log: NewLogger(&out, LogConfig{})}
	for range 3 {
		_ = h.ExportSpans(context.Background(), nil)
	}
	f.err = nil
	for range 3 {
		_ = h.ExportSpans(context.Background(), nil)
	}
	if strings.Count(out.String(), "dropped") != 1 || strings.Count(out.String(), "again") != 1 {
		t.Errorf("log:\n%s", &out)
	}
}
