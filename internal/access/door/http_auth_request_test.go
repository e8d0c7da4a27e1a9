package door_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// nginx takes 2xx, 401 and 403 for answers and everything else for a fault.
func TestDecisionsForAuthRequest(t *testing.T) {
	h := decisions(t, &events{})
	ask := func(uri string, headers ...string) *httptest.ResponseRecorder {
		return testkit.Ask(h, "GET", door.AuthRequestPath, "", append(headers, "X-Forwarded-Method", "GET", "X-Forwarded-Host", "app.example.com", "X-Forwarded-Uri", uri)...)
	}
	for name, c := range map[string]struct {
		rec  *httptest.ResponseRecorder
		want int
	}{
		"passes":           {ask("/closed", "Authorization", "ada"), 200},
		"nobody":           {ask("/closed"), 401},
		"somebody else":    {ask("/closed", "Authorization", "bob"), 403},
		"too often":        {ask("/closed", "Authorization", "often"), 401},
		"broken":           {ask("/closed", "Authorization", "broken"), 500},
		"no rule":          {ask("/nowhere"), 403},
		"two readings":     {ask("/open/..%2fclosed"), 403},
		"a redirect":       {ask("/away"), 401},
		"nothing is asked": {testkit.Ask(h, "GET", door.AuthRequestPath, ""), 403},
		"a stranger asks":  {ask("/open/a", "peer", "198.51.100.7:1"), 403},
	} {
		if c.rec.Code != c.want {
			t.Errorf("%s: %d %s", name, c.rec.Code, c.rec.Body)
		}
	}
	if to := ask("/away").Header().Get("Location"); !strings.HasPrefix(to, "https://login.example.com/?a=b&return_to=http%3A%2F%2Fapp") {
		t.Errorf("the browser is sent to %q", to)
	}
	if who := ask("/closed", "Authorization", "ada").Header().Get("X-User"); who != "ada" {
		t.Errorf("the application is told %q", who)
	}
}
