package apiclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// answering is a server that answers as it is told.
func answering(t *testing.T, h http.HandlerFunc) *apiclient.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &apiclient.Server{URL: s.URL + "/", Key: "hidden", HTTP: s.Client()}
}

func TestCalls(t *testing.T) {
	type seen struct{ Line, Type, Authorization, More, Body string }
	var got seen
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Method + " " + r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.Header.Get("X-More"), string(body)}
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, `{"n": 12345678901234567890}`)
	})
	s.Header = http.Header{"X-More": {"always"}}
	for name, c := range map[string]struct {
		call apiclient.Call
		want seen
	}{
		"nothing":  {apiclient.Call{Method: "GET", Path: "/a?b=c"}, seen{"GET /a?b=c", "", "Bearer hidden", "always", ""}},
		"JSON":     {apiclient.Call{Method: "PUT", Path: "/a", Body: map[string]int{"x": 1}}, seen{"PUT /a", "application/json", "Bearer hidden", "always", `{"x":1}`}},
		"a form":   {apiclient.Call{Method: "POST", Path: "/a", Body: url.Values{"x": {"1 2"}}}, seen{"POST /a", "application/x-www-form-urlencoded", "Bearer hidden", "always", "x=1+2"}},
		"as it is": {apiclient.Call{Method: "PUT", Path: "/a", Body: apiclient.Document{Type: "application/yaml", Content: []byte("x: 1")}}, seen{"PUT /a", "application/yaml", "Bearer hidden", "always", "x: 1"}},
		"a header": {apiclient.Call{Method: "GET", Path: "/a", Header: http.Header{"X-More": {"now"}}}, seen{"GET /a", "", "Bearer hidden", "now", ""}},
	} {
		var out struct{ N any }
		header, err := s.Do(t.Context(), c.call, &out)
		if err != nil || header.Get("ETag") != `"1"` || out.N != json.Number("12345678901234567890") {
			t.Errorf("%s: %v %v %v", name, out, header, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	s.Key = ""
	if _, err := s.Do(t.Context(), apiclient.Call{Method: "POST", Path: "/", Header: apiclient.Basic("a:b", "c d")}, nil); err != nil || got.Authorization != "Basic YSUzQWI6Yytk" {
		t.Errorf("RFC 6749 §2.3.1: %q %v", got.Authorization, err)
	}
}

// What a server says no with is read in each shape that there is.
func TestRefusals(t *testing.T) {
	for content, want := range map[string]apiclient.Refusal{
		`{"error":"invalid_request","error_description":"A word is missing.","request_id":"r"}`: {Code: "invalid_request", Message: "A word is missing.", Request: "r"},
		`{"error":{"code":400,"message":"Bad.","reason":"no name","request":"r","details":{"a":1}}}`: {
			Message: "Bad.", Reason: "no name", Request: "r", Details: json.RawMessage(`{"a":1}`)},
		`<html>`: {}, ``: {}, `{"error":7}`: {}, `[]`: {},
	} {
		s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, content)
		})
		_, err := s.Do(t.Context(), apiclient.Call{Method: "GET", Path: "/"}, nil)
		got, ok := errors.AsType[*apiclient.Refusal](err)
		if want.Status = 400; !ok || apiclient.Status(err) != 400 {
			t.Errorf("%s: %v", content, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s: %s", content, diff)
		}
	}
	for want, r := range map[string]apiclient.Refusal{
		"the server answered HTTP 400: Bad: no name":         {Status: 400, Message: "Bad.", Reason: "no name"},
		"the server answered HTTP 401: invalid_client: Who?": {Status: 401, Code: "invalid_client", Message: "Who?"},
		"the server answered HTTP 502: bad gateway":          {Status: 502},
	} {
		if r.Error() != want {
			t.Errorf("%s, want %s", r.Error(), want)
		}
	}
}

// A server that is the wrong one gets nothing more, and cannot have much read.
func TestWrongServers(t *testing.T) {
	var other int
	elsewhere := answering(t, func(http.ResponseWriter, *http.Request) { other++ })
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(strings.Repeat(" ", 1<<16))); err != nil {
					return
				}
			}
		default:
			_, _ = io.WriteString(w, `{"a":1} and more`)
		}
	})
	s.Most = 1 << 20
	if _, err := s.Do(t.Context(), apiclient.Call{Method: "POST", Path: "/away", Body: "secret"}, nil); apiclient.Status(err) != 307 || other != 0 {
		t.Errorf("%v, %d requests elsewhere", err, other)
	}
	var out map[string]any
	for _, path := range []string{"/endless", "/more"} {
		if _, err := s.Do(t.Context(), apiclient.Call{Method: "GET", Path: path}, &out); !errors.Is(err, apiclient.ErrForeign) {
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Do(ctx, apiclient.Call{Method: "GET", Path: "/x?token=hidden"}, nil)
	none, ok := errors.AsType[*apiclient.Unreached](err)
	if !ok || !errors.Is(err, context.Canceled) || none.Server+"/" != s.URL || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
	s.URL = "http://a b"
	if _, err := s.Do(t.Context(), apiclient.Call{Method: "GET", Path: "/"}, nil); err == nil || strings.Contains(err.Error(), "a b") {
		t.Errorf("%v", err)
	}
}
