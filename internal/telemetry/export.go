package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// exportTimeout is how long the collector has for one upload; spans that come meanwhile wait in the batch.
const exportTimeout = 10 * time.Second

// upload sends spans by OTLP over HTTP with protobuf (OTLP specification 1.x, §OTLP/HTTP). The library's own client for that
// brings a whole gRPC along, three megabytes in every server for a POST.
type upload struct {
	url     string
	headers map[string]string
	http    *http.Client
}

// Start implements otlptrace.Client.
func (*upload) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (u *upload) Stop(context.Context) error {
	u.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. TracesData has on the wire the form of an ExportTraceServiceRequest: the
// resource spans are field 1 of both.
func (u *upload) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	if len(spans) == 0 {
		return nil
	}
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	for name, value := range u.headers {
		req.Header.Set(name, value)
	}
	resp, err := u.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	// Read to the end, so that the connection serves the next upload.
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answered HTTP %d", resp.StatusCode)
	}
	return nil
}
