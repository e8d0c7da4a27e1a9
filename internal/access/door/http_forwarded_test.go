package door_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// What a stranger writes into forwarding headers changes nothing; what a trusted proxy writes is one request or none. The
// rules let nobody but ada into /closed, so a question about it that is answered 200 without her is a hole.
func FuzzForwarded(f *testing.F) {
	f.Add("GET", "http", "app.example.com", "/open/a", "203.0.113.9", true, false)
	f.Add("GET", "http", "app.example.com", "/closed/../open/a", "", true, false)
	f.Add("GET\r\nA: b", "https, http", "app.example.com, other", "//closed", "x, y", true, false)
	f.Add("", "wss", "APP.example.com.:80", "/open/a#/closed", "[::1]:80", false, true)
	f.Add("get", "HTTP", "a@app.example.com", "http://app.example.com/open/a", "", true, false)
	f.Add("GET", "http", "app.example.com", "/open/a", "", true, true)
	d := &door.Decisions{Door: door.Door{Name: "decisions", Engine: engineOf(f, doorRules), Now: time.Now}}
	h := web.NewRaw("decisions", web.KratosErrors, web.Options{TrustedProxies: web.Networks{"192.0.2.1"}}, d.Serve)
	f.Fuzz(func(t *testing.T, method, proto, host, uri, client string, trusted, byPath bool) {
		r := httptest.NewRequest("GET", "/decisions/closed", nil)
		if trusted && !byPath {
			r = httptest.NewRequest("GET", door.DecisionsPath, nil)
		}
		r.Host, r.RemoteAddr = "app.example.com", "192.0.2.1:1"
		if !trusted {
			r.RemoteAddr = "198.51.100.7:1"
		}
		for name, value := range map[string]string{
			"X-Forwarded-Method": method, "X-Forwarded-Proto": proto, "X-Forwarded-Host": host, "X-Forwarded-Uri": uri, "X-Forwarded-For": client,
		} {
			r.Header[name] = []string{value}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch {
		case !trusted && w.Code != http.StatusUnauthorized:
			t.Fatalf("a stranger's headers are believed: %d %s", w.Code, w.Body)
		case trusted && byPath && w.Code == http.StatusOK:
			t.Fatalf("a client's %q %q %q %q chose what was asked", method, proto, host, uri)
		case w.Code == http.StatusOK && uri != "" && !strings.Contains(uri, "open"):
			t.Fatalf("%q %q passed", host, uri)
		case w.Code == http.StatusOK && strings.Contains(strings.ToLower(uri), "closed") && !strings.Contains(uri, "/open/"):
			t.Fatalf("%q %q passed", host, uri)
		case w.Code == http.StatusInternalServerError:
			t.Fatal(w.Body)
		}
	})
}

func TestClientOfADecision(t *testing.T) {
	var seen netip.Addr
	d := &door.Decisions{Door: door.Door{Name: "decisions", Engine: engineOf(t, doorRules), Now: time.Now}}
	h := web.NewRaw("decisions", web.KratosErrors, web.Options{TrustedProxies: web.Networks{"192.0.2.1"}}, func(w http.ResponseWriter, r *http.Request) error {
		seen = web.ClientIP(r.Context())
		return d.Serve(w, r)
	})
	for peer, want := range map[string]string{"192.0.2.1:1": "203.0.113.9", "198.51.100.7:1": "198.51.100.7"} {
		if testkit.Ask(h, "GET", "/decisions/open/a", "", "Host", "app.example.com", "peer", peer, "X-Forwarded-For", "203.0.113.9"); seen.String() != want {
			t.Errorf("%s: %s", peer, seen)
		}
	}
}
