package kubesecret

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Servers whose data is elsewhere are replaced by none that would start without it, unless they are not all there yet; and where nobody can
// say what there is, nothing is replaced.
func TestKeep(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	deployed := func(mode string, generation, observed, replicas, updated int) string {
		return fmt.Sprintf(`{"metadata":{"generation":%d,"annotations":{"gatehouse.dev/database-mode":"%s"}},"status":{"observedGeneration":%d,"replicas":%d,"updatedReplicas":%d}}`, generation, mode, observed, replicas, updated)
	}
	for name, tc := range map[string]struct {
		status int
		answer string
		want   string
	}{
		"nothing there":             {http.StatusNotFound, `{"reason":"NotFound"}`, ""},
		"the same":                  {http.StatusOK, deployed("memory", 3, 3, 1, 1), ""},
		"before there was such":     {http.StatusOK, `{"metadata":{"generation":1}}`, ""},
		"elsewhere":                 {http.StatusOK, deployed("bundled", 3, 3, 2, 2), "have their data in database.mode bundled: those of memory would start without it"},
		"elsewhere, none running":   {http.StatusOK, deployed("bundled", 3, 3, 0, 0), "bundled"},
		"others are there":          {http.StatusOK, deployed("bundled", 3, 3, 2, 1), ""},
		"nobody has looked yet":     {http.StatusOK, deployed("bundled", 4, 3, 2, 2), ""},
		"it may not be looked at":   {http.StatusForbidden, `{"reason":"Forbidden"}`, "the Deployment gatehouse in namespace iam: the cluster does not allow it"},
		"an answer that is not one": {http.StatusOK, `<html>`, "the Deployment gatehouse in namespace iam: "},
	} {
		asked := ""
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
			w.WriteHeader(tc.status)
			_, _ = w.Write([]byte(tc.answer))
		}))
		err := (&Cluster{URL: api.URL, Token: token, Namespace: "iam", HTTP: api.Client()}).Keep(t.Context(), "gatehouse", "memory")
		api.Close()
		if asked != "GET /apis/apps/v1/namespaces/iam/deployments/gatehouse Bearer token" {
			t.Errorf("%s: asked for %s", name, asked)
		}
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if name, mode, err := ParseData("gatehouse=memory"); name != "gatehouse" || mode != "memory" || err != nil {
		t.Errorf("%s, %s, %v", name, mode, err)
	}
	for _, text := range []string{"", "gatehouse", "gatehouse=", "=memory", "../x=memory"} {
		if _, _, err := ParseData(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
