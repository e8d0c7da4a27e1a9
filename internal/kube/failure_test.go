package kube

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"unicode"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// What a server says, and what is wrong with its certificate, becomes a line of bounded length: it ends up in statuses and events.
func TestWhatServersSayIsBounded(t *testing.T) {
	hostile := strings.Repeat("\x1b[31m\r\n\u202e\u0085evil ", 5000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/admin/clients/"))
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "a", "error_description": hostile})
	}))
	t.Cleanup(s.Close)
	c := &Config{Server: Server{URL: s.URL}}
	p, fail := c.locate("default", &hydra.OAuth2ClientSpec{})
	if fail != nil {
		t.Fatal(fail)
	}
	a := &admin{count: func(string, int) {}}
	failures := []*failure{explain(codeUpdate, p, errors.New("x509: certificate is valid for "+hostile))}
	for _, status := range []string{"400", "401", "429", "500", "302"} {
		_, err := a.get(t.Context(), p, status)
		failures = append(failures, explain(codeUpdate, p, err))
	}
	for _, f := range failures {
		if len(f.message) > 1000 || strings.ContainsFunc(f.message, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%d bytes: %.200q", len(f.message), f.message)
		}
	}
}

// A server whose list of clients never ends does not keep the search for orphans for ever.
func TestListsEnd(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Link", `</admin/clients?page_token=`+strconv.Itoa(asked)+`>; rel="next"`)
		_, _ = w.Write([]byte(`[]`))
	}))
	t.Cleanup(s.Close)
	c := &Config{Server: Server{URL: s.URL}}
	p, fail := c.locate("default", &hydra.OAuth2ClientSpec{})
	if fail != nil {
		t.Fatal(fail)
	}
	a := &admin{count: func(string, int) {}}
	if err := a.list(t.Context(), p, func(remote) {}); err == nil || !strings.Contains(err.Error(), "no end of pages") || asked != mostPages {
		t.Errorf("after %d pages: %v", asked, err)
	}
}

// Of a header that a resource chooses, only the words that mean something are sent.
func TestForwardedProto(t *testing.T) {
	c := &Config{Server: Server{URL: "http://localhost:4445", ForwardedProto: "http"}}
	for proto, good := range map[string]bool{"": true, "http": true, "https": true, "off": true, "https, http": false, "https\r\nX-Evil: 1": false, "nothttps": false} {
		if _, fail := c.locate("default", &hydra.OAuth2ClientSpec{HydraAdmin: hydra.HydraAdmin{ForwardedProto: proto}}); (fail == nil) != good {
			t.Errorf("%q: %v", proto, fail)
		}
	}
}
