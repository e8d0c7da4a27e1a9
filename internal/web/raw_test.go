package web

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A door sees each path as it was sent: what a mux would redirect or refuse by itself is for its rules to judge.
func TestRawLeavesPathsAlone(t *testing.T) {
	h := NewRaw("proxy", KratosErrors, Options{}, func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, r.RequestURI+"|"+r.URL.EscapedPath())
		return err
	})
	for _, path := range []string{"/", "//a//b", "/a/../b", "/a/%2e%2e/b", "/a%2Fb", "/.well-known/x", "/a;b=c"} {
		rec := testkit.Ask(h, "PURGE", path, "")
		if rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), path+"|") {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		if len(rec.Header()) != 1 || rec.Header().Get("X-Request-Id") == "" {
			t.Errorf("%s: answers are somebody else's, but for the request id: %v", path, rec.Header())
		}
	}
}

func TestRawRefusesLikeAMux(t *testing.T) {
	var log strings.Builder
	var counted []int
	o := Options{
		MaxBody: 4, RequireHTTPS: true, Log: slog.New(slog.NewTextHandler(&log, nil)), TerminatedBy: Networks{"192.0.2.1"}, Now: time.Now,
		Measure: func(pattern string) Recorder {
			return func(status int, _ time.Duration) {
				if pattern == "proxy" {
					counted = append(counted, status)
				}
			}
		},
	}
	h := NewRaw("proxy", KratosErrors, o, func(_ http.ResponseWriter, r *http.Request) error {
		switch r.URL.Path {
		case "/panic":
			panic("broken")
		case "/no":
			return fault.New(fault.Forbidden, "no", "Not you.")
		}
		_, err := io.ReadAll(r.Body)
		return err
	})
	for _, c := range []struct {
		path, body, proto string
		want              int
	}{
		{"/", "", "http", 400}, {"/", "", "https", 200}, {"/", "1234", "https", 200}, {"/", "12345", "https", 413},
		{"/no", "", "https", 403}, {"/panic", "", "https", 500},
	} {
		if rec := testkit.Ask(h, "POST", c.path, c.body, "X-Forwarded-Proto", c.proto); rec.Code != c.want {
			t.Errorf("%+v: %d %s", c, rec.Code, rec.Body)
		}
	}
	if len(counted) != 6 || !strings.Contains(log.String(), "route=proxy") || !strings.Contains(log.String(), "panic: broken") {
		t.Errorf("%v %s", counted, log.String())
	}
}
