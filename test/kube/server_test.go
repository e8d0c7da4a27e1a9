package kube

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// ask sends a request to the admin API, and gives the status and what was answered.
func ask(t *testing.T, s *process.Server, method, path string, body any) (int, map[string]any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.Admin+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer := map[string]any{}
	_ = json.NewDecoder(resp.Body).Decode(&answer)
	return resp.StatusCode, answer
}

// registered is the client of an id on the server; nil when there is none.
func registered(t *testing.T, s *process.Server, id string) map[string]any {
	t.Helper()
	if code, answer := ask(t, s, http.MethodGet, "/admin/clients/"+url.PathEscape(id), nil); code == http.StatusOK {
		return answer
	}
	return nil
}

// clientsOf are the ids of all clients with an owner.
func clientsOf(t *testing.T, s *process.Server, owner string) (ids []string) {
	t.Helper()
	code, body := s.Try(s.Admin + "/admin/clients?owner=" + url.QueryEscape(owner))
	var list []struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != http.StatusOK {
		t.Fatalf("listing clients: %d %s", code, body)
	}
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

// opens reports whether id and secret get a token.
func opens(t *testing.T, base, id, secret string) bool {
	t.Helper()
	_, err := grant(t, base, id, secret, url.Values{})
	if err != nil && apiclient.Status(err) == 0 {
		t.Fatal(err)
	}
	return err == nil
}

// token gets an access token for a client.
func token(t *testing.T, base, id, secret, scope string) string {
	t.Helper()
	token, err := grant(t, base, id, secret, url.Values{"scope": {scope}})
	if err != nil || token == "" {
		t.Fatalf("no token: %v", err)
	}
	return token
}

func grant(t *testing.T, base, id, secret string, form url.Values) (token string, err error) {
	t.Helper()
	form.Set("grant_type", "client_credentials")
	var answer struct {
		Token string `json:"access_token"`
	}
	server := apiclient.Server{URL: base, HTTP: http.DefaultClient}
	c := apiclient.Call{Method: http.MethodPost, Path: "/oauth2/token", Body: form, Header: apiclient.Basic(id, secret)}
	_, err = server.Do(t.Context(), c, &answer)
	return answer.Token, err
}

// between stands between the controller and the server. Once, when the server has answered what is asked for, the answer is not
// passed on and something happens instead.
type between struct {
	*httptest.Server

	mu     sync.Mutex
	wanted func(*http.Request) bool
	happen func()
	seen   map[string]int // requests by method
}

func newBetween(t *testing.T, s *process.Server) *between {
	t.Helper()
	target, err := url.Parse(s.Admin)
	if err != nil {
		t.Fatal(err)
	}
	b := &between{seen: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(resp *http.Response) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen[resp.Request.Method]++
		if b.wanted != nil && resp.StatusCode < 300 && b.wanted(resp.Request) {
			b.wanted = nil
			b.happen()
			panic(http.ErrAbortHandler)
		}
		return nil
	}
	b.Server = httptest.NewServer(proxy)
	t.Cleanup(b.Close)
	return b
}

// once has something happen in place of an answer.
func (b *between) once(wanted func(*http.Request) bool, happen func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wanted, b.happen = wanted, happen
}
