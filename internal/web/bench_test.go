package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// sink is a ResponseWriter that costs nothing, so that what is measured is ours.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

func benchOptions() Options {
	clock := time.Unix(0, 0)
	return Options{
		Now:            func() time.Time { clock = clock.Add(time.Microsecond); return clock },
		BaseURL:        mustBase("https://login.example.com/"),
		TrustedProxies: Networks{"10.0.0.0/8"},
		TerminatedBy:   Networks{"10.0.0.0/8"},
		RequireHTTPS:   true,
		CORS:           CORS{Enabled: true, AllowedOrigins: []string{"https://app.example.com"}},
		Measure:        func(string) Recorder { return func(int, time.Duration) {} },
	}
}

func mustBase(s string) BaseURL {
	b, err := ParseBaseURL(s)
	if err != nil {
		panic(err)
	}
	return b
}

func benchRequest(path string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, nil)
	r.Body = http.NoBody
	r.RemoteAddr = "10.1.2.3:4711"
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	r.Header.Set("X-Forwarded-Proto", "https")
	return r
}

func run(b *testing.B, h http.Handler, r *http.Request) {
	b.Helper()
	w := &sink{h: make(http.Header, 12)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		h.ServeHTTP(w, r)
	}
}

// BenchmarkServeMux is net/http alone, to be taken off the others.
func BenchmarkServeMux(b *testing.B) {
	m := http.NewServeMux()
	m.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })
	run(b, m, benchRequest("/oauth2/token"))
}

// BenchmarkMux is the whole chain with every option of a production listener.
func BenchmarkMux(b *testing.B) {
	m := NewMux(OAuthErrors, benchOptions())
	m.Handle("POST /oauth2/token", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); return nil })
	run(b, m, benchRequest("/oauth2/token"))
}

// BenchmarkMuxPrefix has the base URL's prefix to take off.
func BenchmarkMuxPrefix(b *testing.B) {
	o := benchOptions()
	o.BaseURL = mustBase("https://api.example.com/auth/")
	m := NewMux(OAuthErrors, o)
	m.Handle("POST /oauth2/token", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); return nil })
	run(b, m, benchRequest("/auth/oauth2/token"))
}

// BenchmarkMuxPlain is a development listener.
func BenchmarkMuxPlain(b *testing.B) {
	m := NewMux(OAuthErrors, Options{})
	m.Handle("POST /oauth2/token", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); return nil })
	run(b, m, benchRequest("/oauth2/token"))
}

func BenchmarkWriteJSON(b *testing.B) {
	body := struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
	}{strings.Repeat("x", 80), "bearer", 3600}
	w := &sink{h: make(http.Header, 12)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		_ = WriteJSON(w, 200, body)
	}
}

func BenchmarkError(b *testing.B) {
	m := NewMux(OAuthErrors, benchOptions())
	e := errNotAllowed.With("x")
	m.Handle("POST /oauth2/token", func(http.ResponseWriter, *http.Request) error { return e })
	run(b, m, benchRequest("/oauth2/token"))
}
