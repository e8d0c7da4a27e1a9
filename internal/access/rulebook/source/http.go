package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// httpReader asks a web server for rules, and says each time which it has already (RFC 9110 §13.1.2, §13.1.3).
type httpReader struct {
	name   string
	url    string
	dress  func(*http.Request)
	client *http.Client
	limit  int64
	lastRead
}

func newHTTPReader(at Location, c Config, limit int64) *httpReader {
	return &httpReader{
		name: at.Name, url: at.url, limit: limit, client: fetch.NewCaller(false),
		dress: func(req *http.Request) { fetch.Dress(req, c.Headers, c.Auth) },
	}
}

// Read implements Reader. Errors hold nothing of the URL's query.
func (r *httpReader) Read(ctx context.Context) ([]access.Rule, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, errors.New("the URL cannot be requested")
	}
	r.dress(req)
	req.Header.Set("Accept", "application/json, application/yaml;q=0.9, */*;q=0.1")
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	if r.modified != "" {
		req.Header.Set("If-Modified-Since", r.modified)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, fetch.WithoutURL(err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	switch {
	case res.StatusCode == http.StatusNotModified && (r.etag != "" || r.modified != ""):
		return nil, ErrUnchanged
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return nil, fmt.Errorf("the server answers %d: redirects are not followed, so write the address that it leads to", res.StatusCode)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answers %d", res.StatusCode)
	}
	text, err := ReadAtMost(res.Body, r.limit)
	if err != nil {
		return nil, err
	}
	return r.take(r.name, Document{Text: text, ETag: res.Header.Get("ETag"), Modified: res.Header.Get("Last-Modified")})
}
