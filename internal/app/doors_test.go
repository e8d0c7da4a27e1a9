package app

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A preflight that a proxy asks about is the application's, so a rule decides about it; the listener's own documents are what
// sites' pages may read.
func TestPreflightsAreDecidedAbout(t *testing.T) {
	a := newApp(t, "")
	a.cfg.Serve.Decisions.CORS.Enabled, a.cfg.Serve.Decisions.CORS.AllowedOrigins = true, []string{"https://app.example.com"}
	handler, err := a.decisions()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/decisions/orders": http.StatusNotFound, "/.well-known/jwks.json": http.StatusNoContent} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, path, nil)
		r.Header.Set("Origin", "https://app.example.com")
		r.Header.Set("Access-Control-Request-Method", http.MethodGet)
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// wire is a connection to a database that can fall silent: what was sent last is never answered, and nothing is closed.
type wire struct {
	address string
	silent  atomic.Bool
	cut     func()
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cut := context.WithCancel(t.Context())
	t.Cleanup(func() { cut(); _ = socket.Close() })
	w := &wire{address: socket.Addr().String(), cut: cut}
	go func() {
		for {
			near, err := socket.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
			if err != nil {
				_ = near.Close()
				return
			}
			context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(hushed{near, w}, far); _ = near.Close() }()
		}
	}()
	return w
}

// hushed swallows what is said while the wire is silent.
type hushed struct {
	io.Writer
	wire *wire
}

func (h hushed) Write(p []byte) (int, error) {
	if h.wire.silent.Load() {
		return len(p), nil
	}
	return h.Writer.Write(p)
}

// A database that does not even close its connections keeps nobody waiting: what cannot be decided is refused in time.
func TestASilentDatabaseKeepsNobodyWaiting(t *testing.T) {
	dsn, err := url.Parse(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, dsn.Host)
	dsn.Host = w.address
	defer w.cut() // or closing the databases would wait for answers
	a := newApp(t, "databases: {dsn: \""+dsn.String()+"\"}\naccess: {decision_timeout: 1s, errors: {handlers: {json: {config: {verbose: true}}}}}\n")
	ask := func(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r.WithContext(t.Context()))
		return rec
	}
	register := httptest.NewRequest("POST", "http://127.0.0.1/admin/clients", strings.NewReader(
		`{"client_id":"shop","client_secret":"a secret of the shop","grant_types":["client_credentials"]}`))
	register.Header.Set("Content-Type", "application/json")
	if rec := ask(a.listeners[1].Handler, register); rec.Code != http.StatusCreated {
		t.Fatal(rec.Code, rec.Body)
	}
	buy := httptest.NewRequest("POST", "http://127.0.0.1/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	buy.SetBasicAuth("shop", url.QueryEscape("a secret of the shop"))
	buy.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		Access string `json:"access_token"`
	}
	if rec := ask(a.listeners[0].Handler, buy); json.Unmarshal(rec.Body.Bytes(), &token) != nil || token.Access == "" {
		t.Fatal(rec.Code, rec.Body)
	}
	if _, err := a.features.doors.engine.Load(t.Context(), []access.Rule{{
		ID: "all", Match: access.Match{URL: "http://app.example.com/", Methods: []string{"GET"}}, Authorizer: access.HandlerRef{Handler: "allow"},
		Authenticators: []access.HandlerRef{{Handler: "oauth2_introspection"}}, Mutators: []access.HandlerRef{{Handler: "noop"}},
	}}); err != nil {
		t.Fatal(err)
	}
	door, err := a.decisions()
	if err != nil {
		t.Fatal(err)
	}
	enter := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/decisions", nil)
		r.Host = "app.example.com"
		r.Header.Set("Authorization", "Bearer "+token.Access)
		return ask(door, r)
	}
	// A busy machine may need the time of a decision for itself.
	testkit.Eventually(t, "a decision in time", func() bool {
		rec := enter()
		if rec.Code != http.StatusOK && rec.Code != http.StatusServiceUnavailable {
			t.Fatal(rec.Code, rec.Body)
		}
		return rec.Code == http.StatusOK
	})
	w.silent.Store(true)
	for end := time.Now().Add(time.Minute); ; { // while what is remembered is still believed, it passes
		rec := enter()
		if rec.Code == http.StatusOK && time.Now().Before(end) {
			continue
		}
		if rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), "decision_timeout") {
			t.Error(rec.Code, rec.Body)
		}
		return
	}
}
