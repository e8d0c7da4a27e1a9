package fetch_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

func TestAskKeepsToItsBounds(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	for _, tc := range []struct {
		name   string
		bounds fetch.Bounds
		url    string
		want   error
	}{
		{"public only", fetch.Bounds{}, url, fetch.ErrPrivate},
		{"public only, by name", fetch.Bounds{}, strings.Replace(url, "127.0.0.1", "localhost", 1), fetch.ErrPrivate},
		{"private", fetch.Bounds{Private: true}, url, nil},
		{"a network", fetch.Bounds{Networks: []netip.Prefix{loopback}}, url, nil},
		{"link-local even where private", fetch.Bounds{Private: true}, "http://169.254.169.254/latest/meta-data", fetch.ErrPrivate},
		{"unspecified", fetch.Bounds{Private: true}, strings.Replace(url, "127.0.0.1", "0.0.0.0", 1), fetch.ErrPrivate},
		{"another scheme", fetch.Bounds{Private: true}, "file:///etc/passwd", fetch.ErrScheme},
		{"no host", fetch.Bounds{Private: true}, "/relative", fetch.ErrScheme},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, err := fetch.NewAsker(tc.bounds).Ask(t.Context(), fetch.Question{URL: tc.url, Timeout: time.Minute})
			if !errors.Is(err, tc.want) || tc.want == nil && string(answer.Body) != "hello" {
				t.Errorf("got %v, %v", answer, err)
			}
		})
	}
}

func TestAskRepeatsWithinItsTime(t *testing.T) {
	var calls atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		if r.URL.Path == "/limited" {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if n < 3 || r.URL.Path == "/never" {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	ask := fetch.NewAsker(fetch.Bounds{Private: true})
	for _, tc := range []struct {
		path          string
		delay         time.Duration
		status, calls int
	}{
		{"/", 0, 502, 1}, {"/", time.Millisecond, 200, 3}, {"/never", time.Millisecond, 502, 4}, {"/limited", time.Millisecond, 429, 1},
	} {
		calls.Store(0)
		answer, err := ask.Ask(t.Context(), fetch.Question{Method: "POST", URL: url + tc.path, Body: []byte("x"), MaxDelay: tc.delay, Timeout: time.Minute})
		if err != nil || answer.Status != tc.status || int(calls.Load()) != tc.calls {
			t.Errorf("%+v: got %v, %v after %d calls", tc, answer, err, calls.Load())
		}
	}
}

func TestAskIsBounded(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-release
		case "/redirect":
			http.Redirect(w, r, "/other", http.StatusFound)
		default:
			_, _ = w.Write(make([]byte, 100))
		}
	})
	ask := fetch.NewAsker(fetch.Bounds{Private: true})
	if _, err := ask.Ask(t.Context(), fetch.Question{URL: url, MaxBytes: 99, Timeout: time.Minute}); !errors.Is(err, fetch.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := ask.Ask(t.Context(), fetch.Question{URL: url + "/slow?key=hush", Timeout: 30 * time.Millisecond, MaxDelay: time.Millisecond}); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("slow: %v", err)
	}
	if answer, err := ask.Ask(t.Context(), fetch.Question{URL: url + "/redirect", Timeout: time.Minute}); err != nil || answer.Status != http.StatusFound {
		t.Errorf("redirect: %v, %v", answer, err)
	}
}

func TestDownloadFollowsRedirects(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/latest":
			http.Redirect(w, r, "/file", http.StatusFound)
		case "/same":
			w.WriteHeader(http.StatusNotModified)
		default:
			if r.Header.Get("Referer") != "" { // what stands in the query may be a key, and this server another's
				t.Errorf("asked with %v", r.Header)
			}
			w.Header().Set("Etag", `"1"`)
			_, _ = w.Write(make([]byte, 100))
		}
	})
	ask := fetch.NewAsker(fetch.Bounds{Private: true})
	var b bytes.Buffer
	answer, err := ask.Download(t.Context(), fetch.Question{URL: url + "/latest?license_key=hush", MaxBytes: 100}, &b)
	if err != nil || answer.Status != http.StatusOK || b.Len() != 100 || answer.Header["Etag"][0] != `"1"` {
		t.Errorf("got %v, %v, %d bytes", answer, err, b.Len())
	}
	if _, err := ask.Download(t.Context(), fetch.Question{URL: url + "/latest", MaxBytes: 99}, &b); !errors.Is(err, fetch.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	b.Reset()
	if answer, err := ask.Download(t.Context(), fetch.Question{URL: url + "/same"}, &b); err != nil || answer.Status != http.StatusNotModified || b.Len() != 0 {
		t.Errorf("not modified: %v, %v", answer, err)
	}
}

func TestLimited(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "99999999": 24 * time.Hour, "soon": 0,
		"Wed, 04 Mar 2026 05:07:07 GMT": time.Minute, "Wed, 04 Mar 2026 05:00:00 GMT": 0,
	} {
		a := &fetch.Answer{Status: 429, Header: map[string][]string{"Retry-After": {value}, "X-Ratelimit-Limit": {"9"}, "Set-Cookie": {"x"}}}
		limited, ok := errors.AsType[*fetch.LimitedError](a.Limited(now))
		if !ok || limited.RetryAfter != want || len(limited.Header) != 2 || fault.From(limited).RetryAfter != want || fault.From(limited).Kind != fault.Limited {
			t.Errorf("%q: got %+v", value, limited)
		}
	}
	if err := (&fetch.Answer{Status: 200}).Limited(now); err != nil {
		t.Error(err)
	}
}

func TestRetry(t *testing.T) {
	for _, tc := range []struct {
		retry         *fetch.Retry
		giveUp, delay time.Duration
		want          string
	}{
		{nil, time.Second, 100 * time.Millisecond, ""},
		{&fetch.Retry{GiveUpAfter: "3s"}, 3 * time.Second, 100 * time.Millisecond, ""},
		{&fetch.Retry{MaxDelay: "5ms"}, time.Second, 5 * time.Millisecond, ""},
		{&fetch.Retry{GiveUpAfter: "soon"}, 0, 0, "retry.give_up_after: "},
		{&fetch.Retry{MaxDelay: "0s"}, 0, 0, "retry.max_delay: "},
	} {
		giveUp, delay, err := tc.retry.Times()
		if giveUp != tc.giveUp || delay != tc.delay || tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want)) {
			t.Errorf("%+v: %s, %s, %v", tc.retry, giveUp, delay, err)
		}
	}
}
