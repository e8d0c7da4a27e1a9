package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
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
