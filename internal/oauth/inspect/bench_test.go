package inspect_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// sink is a ResponseWriter that keeps nothing, so that the benchmark measures the handler alone.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// drive sends one request again and again.
func drive(b *testing.B, h http.Handler, r *http.Request, body string) {
	w := &sink{header: http.Header{}}
	reader := strings.NewReader("")
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		reader.Reset(body)
		again := *r
		again.Body = io.NopCloser(reader)
		h.ServeHTTP(w, &again)
		if w.status != http.StatusOK {
			b.Fatalf("status %d", w.status)
		}
	}
}

func BenchmarkIntrospect(b *testing.B) {
	s := start(b)
	for name, text := range map[string]string{
		"opaque":  s.alone(s.register("app")),
		"jwt":     s.alone(s.register("jwt", jwtTokens)),
		"unknown": "gh_at_" + strings.Repeat("A", 43) + "." + strings.Repeat("A", 43),
	} {
		b.Run(name, func(b *testing.B) {
			drive(b, s.admin, post("/admin/oauth2/introspect"), "token="+text)
		})
	}
}

func BenchmarkIntrospectAsClient(b *testing.B) {
	s := start(b)
	a := s.register("app")
	r := post("/oauth2/introspect")
	r.SetBasicAuth(a.ID, a.secret)
	drive(b, s.public, r, "token="+s.alone(a))
}

func BenchmarkUserinfo(b *testing.B) {
	s := start(b)
	r := httptest.NewRequest("GET", "/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+s.login(s.register("app")).text("access_token"))
	drive(b, s.public, r, "")
}
