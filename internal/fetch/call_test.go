package fetch_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func TestAuthConfigSaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct {
		want string // a fault, or none
		c    fetch.AuthConfig
	}{
		{"", fetch.AuthConfig{}},
		{"", fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "api"}}},
		{"", fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "X-Key", Value: "hunter2", In: "header"}}},
		{"type: is missing", fetch.AuthConfig{Config: fetch.AuthValues{Password: "hunter2"}}},
		{"type: must be", fetch.AuthConfig{Type: "oauth"}},
		{"config.user: ", fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "a:b"}}},
		{"config.name: ", fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "X Key", Value: "hunter2", In: "header"}}},
		{"config.value: ", fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "X-Key", Value: "hunter2\n", In: "cookie"}}},
		{"config.in: ", fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "X-Key", Value: "hunter2"}}},
	} {
		faults := tc.c.Validate()
		if tc.want == "" && len(faults) == 0 {
			continue
		}
		if len(faults) != 1 || tc.want == "" || !strings.HasPrefix(faults[0].Error(), tc.want) || strings.Contains(faults[0].Error(), "hunter2") {
			t.Errorf("got %v, want %q", faults, tc.want)
		}
	}
	got := fmt.Sprint(fetch.ValidateHeaders(map[string]secret.String{"X-A": "a\tb", "X B": "hunter2", "X-C": "hunter2\r\nX-D: e"}))
	if !strings.Contains(got, "X B: ") || !strings.Contains(got, "X-C: ") || strings.Contains(got, "X-A") || strings.Contains(got, "hunter2") {
		t.Error(got)
	}
}

func TestDress(t *testing.T) {
	headers := map[string]secret.String{"host": "inside.example.com", "user-agent": "theirs", "X-A": "a"}
	for _, tc := range []struct {
		name, value string
		auth        fetch.AuthConfig
	}{
		{"Authorization", "", fetch.AuthConfig{}},
		{"Authorization", "Basic YXBpOg==", fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "api"}}},
		{"X-Key", "k", fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "X-Key", Value: "k", In: "header"}}},
		{"Cookie", "key=k", fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "key", Value: "k", In: "cookie"}}},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		fetch.Dress(req, headers, tc.auth)
		h := req.Header
		if h.Get(tc.name) != tc.value || req.Host != "inside.example.com" || h.Get("Host") != "" || h.Get("User-Agent") != "theirs" || h.Get("X-A") != "a" {
			t.Errorf("%s: %s, %v", tc.name, req.Host, h)
		}
	}
}

func TestCallerFollowsNothing(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("a request to %s", r.URL.Path)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	call := func(publicOnly bool) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/?key=hush", strings.NewReader("in confidence"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := fetch.NewCaller(publicOnly).Do(req)
		if err != nil {
			return 0, fetch.WithoutURL(err)
		}
		return res.StatusCode, res.Body.Close()
	}
	if status, err := call(false); err != nil || status != http.StatusTemporaryRedirect {
		t.Errorf("%d, %v", status, err)
	}
	if _, err := call(true); !errors.Is(err, fetch.ErrPrivate) || strings.Contains(err.Error(), "hush") {
		t.Errorf("error is %v", err)
	}
}
