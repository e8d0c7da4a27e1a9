package door_test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// An interim answer passes, and what the listener says with the final one is there all the same: its request id, and its word about other
// sites.
func TestProxyPassesInterimAnswers(t *testing.T) {
	const listed = "https://app.example.com"
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.Header().Set("X-Request-Id", "theirs")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.WriteHeader(http.StatusEarlyHints)
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	at := behind(t, app.URL, web.Options{CORS: web.CORS{Enabled: true, AllowedOrigins: []string{listed}}}, &events{})
	for _, expect := range []string{"", "100-continue"} {
		interim := map[int]textproto.MIMEHeader{}
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			interim[code] = header
			return nil
		}}
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, "http://"+at+"/", strings.NewReader("the body"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "app.example.com"
		r.Header.Set("Origin", listed)
		if expect != "" {
			r.Header.Set("Expect", expect)
		}
		transport := &http.Transport{ExpectContinueTimeout: time.Minute}
		t.Cleanup(transport.CloseIdleConnections)
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body := readAll(t, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || body != "the body" {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
		for name, want := range map[string]string{"Access-Control-Allow-Origin": listed, "Link": "</style.css>; rel=preload"} {
			if got := strings.Join(resp.Header.Values(name), " and "); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if ids := resp.Header.Values("X-Request-Id"); len(ids) != 1 || ids[0] == "theirs" {
			t.Errorf("the request's id: %q", ids)
		}
		// A client that waits is told by the server to go on, and by nobody else.
		hints, hinted := interim[http.StatusEarlyHints]
		_, goOn := interim[http.StatusContinue]
		if waits := expect != ""; goOn != waits || hinted == waits || hinted && hints.Get("Link") == "" ||
			hints.Get("X-Request-Id") == "theirs" || hints.Get("Access-Control-Allow-Origin") == "*" {
			t.Errorf("Expect: %s: on the way came %v", expect, interim)
		}
	}
}

// What an application may have heard it does not hear again, unless that does no harm (RFC 9110 §9.2.2).
func TestProxyRepeatsNothingThatWasHeard(t *testing.T) {
	var heard atomic.Int64
	app := application(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return
		}
		heard.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
	at := behind(t, app.URL, web.Options{}, &events{})
	asked := int64(0)
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		for _, body := range []io.Reader{nil, strings.NewReader("an order")} {
			if resp, _ := through(t, at, http.MethodGet, "app.example.com", "/", nil); resp.StatusCode != http.StatusOK { // its connection is used again
				t.Fatal(resp.StatusCode)
			}
			resp, _ := through(t, at, method, "app.example.com", "/", body)
			if asked++; resp.StatusCode != http.StatusServiceUnavailable || heard.Load() != asked {
				t.Errorf("%s: %d, and the application heard it %d times", method, resp.StatusCode, heard.Load()-asked+1)
			}
		}
	}
}
