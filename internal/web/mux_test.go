package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMuxSmoke(t *testing.T) {
	m := NewMux(OAuthErrors, Options{})
	type in struct {
		ID string `path:"id"`
		N  int    `query:"n"`
	}
	m.With(HydraErrors).Handle("GET /admin/clients/{id}", Call(func(ctx context.Context, i in) (map[string]any, error) {
		return map[string]any{"id": i.ID, "n": i.N, "rid": RequestID(ctx)}, nil
	}))
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/admin/clients/a?n=3", `{"id":"a","n":3`},
		{"GET", "/admin/clients/a?n=x", `"error":"invalid_request"`},
		{"POST", "/admin/clients/a", `"error":"invalid_request"`},
		{"GET", "/nope", `"error":"not_found"`},
	} {
		rec := httptest.NewRecorder()
		m.ServeHTTP(rec, httptest.NewRequest(c.method, c.target, nil))
		if !strings.Contains(rec.Body.String(), c.want) {
			t.Errorf("%s %s: %d %v %s", c.method, c.target, rec.Code, rec.Header(), rec.Body)
		}
		if c.method == "POST" && (rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "GET, HEAD") {
			t.Errorf("405: %d %v", rec.Code, rec.Header())
		}
	}
}
