package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/config"
)

// newApp puts a server of the development profile together and serves nothing; more is configuration on top.
func newApp(t *testing.T, more string) *App {
	t.Helper()
	a := openApp(t, t.TempDir(), more)
	t.Cleanup(func() { closeApp(t, a) })
	return a
}

// openApp does the same on a directory that may hold another server's data.
func openApp(t *testing.T, dir, more string) *App {
	t.Helper()
	file := filepath.Join(dir, "gatehouse.yaml")
	text := fmt.Sprintf("profile: development\ndata_dir: %q\nserve:\n  public: {address: \"127.0.0.1:0\"}\n  admin: {address: \"127.0.0.1:0\"}\nlog: {level: error}\n%s", dir, more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load([]string{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func closeApp(t *testing.T, a *App) {
	t.Helper()
	a.features.Close()
	if err := a.closeListeners(); err != nil {
		t.Error(err)
	}
	if err := a.databases.Close(); err != nil {
		t.Error(err)
	}
}

// A page whose name was made to resolve to 127.0.0.1 (DNS rebinding) is of one origin with an admin listener that asks
// for no credential. Its Host header gives it away.
func TestOpenAdminListenerAnswersNoForeignHosts(t *testing.T) {
	for _, c := range []struct {
		name, more, host, key string
		want                  int
	}{
		{"no key needed", "", "localhost:4445", "", http.StatusOK},
		{"no key needed, by address", "", "127.0.0.1:4445", "", http.StatusOK},
		{"no key needed, foreign", "", "evil.example.com:4445", "", http.StatusNotFound},
		{"with a key", "secrets: {admin: [0a1s2d3f4g5h6j7k8l9q0w1e2r3t4y5u6i]}\n", "gatehouse.internal:4445", "0a1s2d3f4g5h6j7k8l9q0w1e2r3t4y5u6i", http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newApp(t, c.more)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/clients", nil)
			r.Host = c.host
			if c.key != "" {
				r.Header.Set("Authorization", "Bearer "+c.key)
			}
			w := httptest.NewRecorder()
			a.listeners[1].Handler.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("status %d, want %d: %s", w.Code, c.want, w.Body)
			}
		})
	}
}

// A browser's preflight carries no credentials, and answers nothing but who may call.
func TestPreflightsNeedNoAdminKey(t *testing.T) {
	const key = "secrets: {admin: [0a1s2d3f4g5h6j7k8l9q0w1e2r3t4y5u6i]}\n"
	a := newApp(t, key)
	cors := a.cfg.Serve.Admin
	for _, enabled := range []bool{false, true} {
		cors.CORS.Enabled, cors.CORS.AllowedOrigins = enabled, []string{"https://console.example.com"}
		a.cfg.Serve.Admin = cors
		listeners, err := a.newListeners()
		if err != nil {
			t.Fatal(err)
		}
		handler := listeners[1].Handler
		for method, want := range map[string]int{http.MethodOptions: http.StatusNoContent, http.MethodGet: http.StatusUnauthorized} {
			if !enabled {
				want = http.StatusUnauthorized
			}
			r := httptest.NewRequestWithContext(t.Context(), method, "/admin/clients", nil)
			r.Header.Set("Origin", "https://console.example.com")
			r.Header.Set("Access-Control-Request-Method", http.MethodGet)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s, CORS %t: status %d, want %d", method, enabled, w.Code, want)
			}
		}
	}
}

// Whatever a stranger asks of a guarded admin listener, the answer is that a credential is missing, with a request id
// to find it in the log; only health is for everybody.
func TestGuardedAdminListenerTellsStrangersNothing(t *testing.T) {
	a := newApp(t, "secrets: {admin: [0a1s2d3f4g5h6j7k8l9q0w1e2r3t4y5u6i]}\n")
	for path, want := range map[string]int{
		"/admin/clients": http.StatusUnauthorized, "/clients": http.StatusUnauthorized, "/nothing": http.StatusUnauthorized,
		"/version": http.StatusUnauthorized, "/admin/metrics/prometheus": http.StatusUnauthorized,
		"/health/alive": http.StatusOK, "/health/ready": http.StatusOK,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPatch} {
			r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
			w := httptest.NewRecorder()
			a.listeners[1].Handler.ServeHTTP(w, r)
			if method == http.MethodPatch {
				want = http.StatusUnauthorized
			}
			if w.Code != want || w.Header().Get("X-Request-Id") == "" || want == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: status %d, header %v", method, path, w.Code, w.Header())
			}
			if w.Header().Get("Allow") != "" {
				t.Errorf("%s %s tells which methods there are", method, path)
			}
		}
	}
}
