package flow

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

func TestAdminListsAllPages(t *testing.T) {
	f, store := newFlow(t, testkit.SQLite(t, "flow"), all())
	for i := range 5 {
		f.Record(event(time.Unix(int64(i), 0)))
	}
	finish(t, f)
	mux := web.NewMux(web.HydraErrors, web.Options{})
	(&Handler{Store: store}).MountAdmin(mux)
	seen := map[string]bool{}
	for path := "/admin/decisions?page_size=2&rule=orders"; path != ""; {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		var page []map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK || len(page) > 2 {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
		for _, e := range page {
			seen[e["id"].(string)] = true
			if e["duration_us"] != 1500.0 || e["host"] != "api.example.com" || e["verdict"] != "allowed" {
				t.Errorf("%v", e)
			}
		}
		path = ""
		for link := range strings.SplitSeq(w.Header().Get("Link"), ",") {
			if target, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
				path = strings.TrimPrefix(target, "<")
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("the pages hold %d events", len(seen))
	}
	for _, query := range []string{"page_size=-1", "page_size=1001", "page_size=x", "page_token=x", "verdict=maybe", "limit=5"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/admin/decisions?"+query, nil))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}
