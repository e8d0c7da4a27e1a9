package activity

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// httpReceiver posts JSON lines. Any 2xx is a receipt.
type httpReceiver struct {
	client *http.Client
	config ExportConfig
}

func newHTTPReceiver(c ExportConfig) (*httpReceiver, error) {
	client := fetch.NewCaller(false) // the operator wrote the address, so it may be inside the network
	roots, err := authorities(c.CAFile)
	if err != nil {
		return nil, err
	}
	if transport, ok := client.Transport.(*http.Transport); ok && roots != nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	return &httpReceiver{client, c}, nil
}

func (r *httpReceiver) close() { r.client.CloseIdleConnections() }

func (r *httpReceiver) send(ctx context.Context, of tenant.ID, lines []Line) error {
	var body bytes.Buffer
	writeLines(&body, lines)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.config.URL, &body)
	if err != nil {
		return fetch.WithoutURL(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	// The same for every attempt with these lines, so that the receiver can tell that they come again.
	req.Header.Set("Idempotency-Key", string(of)+"-"+strconv.FormatInt(lines[0].Seq, 10)+"-"+strconv.FormatInt(lines[len(lines)-1].Seq, 10))
	fetch.Dress(req, r.config.Header, fetch.AuthConfig{})
	resp, err := r.client.Do(req)
	if err != nil {
		return fetch.WithoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection serves again
	switch status := resp.StatusCode; {
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: it answered %d", errLines, status)
	default:
		return fmt.Errorf("the receiver answered %d", status)
	}
}
