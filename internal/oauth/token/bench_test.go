package token_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// memory opens a database in memory, for benchmarks.
func memory(b *testing.B) *sqldb.DB {
	b.Helper()
	db, err := sqldb.Open(b.Context(), "memory", sqldb.Options{Name: "oauth", Now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Up(testkit.Context(b), db, "oauth"); err != nil {
		b.Fatal(err)
	}
	return db
}

// sink is a ResponseWriter that keeps nothing, so that the benchmark measures the handler alone.
type sink struct {
	header http.Header
	status int
	body   []byte
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { s.body = append(s.body[:0], p...); return len(p), nil }
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
			b.Fatalf("status %d: %s", w.status, w.body)
		}
	}
}

func BenchmarkClientCredentials(b *testing.B) {
	for _, strategy := range []string{"opaque", "jwt"} {
		b.Run(strategy, func(b *testing.B) {
			s := start(b, memory(b), func(c *token.Config) { c.AccessTokenStrategy = strategy })
			a := s.register("app")
			v := clientCredentials("scope", "read write")
			s.wantOK(s.token(a, v))
			drive(b, s.mux, a.request(v), v.Encode())
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	s := start(b, memory(b))
	a := s.register("app")
	text := s.wantOK(s.token(a, clientCredentials())).text("access_token")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.store.Lookup(s.ctx, text); err != nil {
			b.Fatal(err)
		}
	}
}
