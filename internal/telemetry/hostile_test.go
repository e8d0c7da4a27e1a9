package telemetry

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// brokenError panics in Error, as nil pointers of many error types do.
type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }

func TestALogLineNeverPanics(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, DefaultConfig().Log)
	var err *brokenError
	log.Info("text", "url", (*url.URL)(nil), "error", err, "ok", 1)
	if !strings.Contains(out.String(), "ok=1") {
		t.Errorf("logged %q", out.String())
	}
}

func TestAttributesWithTheNamesOfBuiltInOnes(t *testing.T) {
	for _, key := range []string{slog.TimeKey, slog.LevelKey, slog.SourceKey} {
		var out bytes.Buffer
		NewLogger(&out, DefaultConfig().Log).Info("text", key, "ann@example.com")
		if strings.Contains(out.String(), "ann@") {
			t.Errorf("%s: %s", key, out.String())
		}
	}
}

func TestValuesThatJSONCannotHold(t *testing.T) {
	var out bytes.Buffer
	value := struct {
		F      func()
		hidden secret.String
	}{nil, "open sesame"}
	NewLogger(&out, DefaultConfig().Log).Info("text", "options", value)
	if strings.Contains(out.String(), "sesame") {
		t.Error(out.String())
	}
}

func TestRedactIsLinearWhereNothingEnds(t *testing.T) {
	for _, piece := range []string{"basic:", "dpop+", "@[", `"@[`, "x@["} {
		text := strings.Repeat(piece, 1<<20/len(piece))
		began := testkit.CPUTime(t)
		Redact(text)
		if took := testkit.CPUTime(t) - began; took > 2*time.Second {
			t.Errorf("%s: 1 MiB took %s", piece, took)
		}
	}
}

func TestTheCollectorsPath(t *testing.T) {
	for given, want := range map[string]string{"": "/v1/traces", "/": "/v1/traces", "/otlp/v1/traces": "/otlp/v1/traces"} {
		got := make(chan string, 1)
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.URL.Path }))
		c := TracingConfig{Endpoint: collector.URL + given, SampleRatio: 1}
		tracing, err := NewTracing(t.Context(), c, "test", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, span := tracing.Provider().Tracer("test").Start(t.Context(), "span")
		span.End()
		if err := tracing.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if path := <-got; path != want {
			t.Errorf("%q: sent to %s", given, path)
		}
		collector.Close()
	}
}
