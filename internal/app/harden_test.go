package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/harden"
)

// ask sends a request to the admin listener.
func ask(t *testing.T, a *App, method, path, body string) []byte {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:4445"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.listeners[1].Handler.ServeHTTP(w, r)
	if w.Code >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// What a server tells of itself is enough for the checks of servers, and holds none of its secrets.
func TestHardenAsksAServer(t *testing.T) {
	a := newApp(t, fmt.Sprintf("databases: {dsn: memory}\nsecrets: {system: [youReallyNeedToChangeThis]}\nbackup: {recipients: [%s], destinations: [{name: near, directory: %q}]}\n",
		"age16fukhfsmklawx5tkqun66mcr54q0eesg9643ht43n7kts0ev63cq9uxjeg", t.TempDir()))
	for _, client := range []string{
		`{"client_id": "old", "client_secret": "a-secret-of-its-own-choice", "redirect_uris": ["https://old.example.com/cb"], "response_types": ["code", "token"], "grant_types": ["authorization_code", "implicit"]}`,
		`{"client_id": "spa", "redirect_uris": ["https://spa.example.com/cb"], "allowed_cors_origins": ["https://*.example.com"]}`,
		`{"client_id": "docs", "redirect_uris": ["https://docs.example.com/oauth2-redirect.html"]}`,
		`{"client_id": "shop", "client_name": "Demo shop", "redirect_uris": ["https://shop.example.com/cb"]}`,
		`{"client_id": "fine", "redirect_uris": ["https://fine.example.com/cb"]}`,
	} {
		ask(t, a, http.MethodPost, "/admin/clients", client)
	}
	ask(t, a, http.MethodPost, "/admin/admin-keys", `{"name": "ci", "role": "viewer", "expires": "never"}`)
	answer := ask(t, a, http.MethodGet, "/admin/harden", "")
	for _, s := range []string{"youReallyNeedToChangeThis", "a-secret-of-its-own-choice"} {
		if strings.Contains(string(answer), s) {
			t.Errorf("a secret is in it: %s", answer)
		}
	}
	var facts harden.Facts
	if err := json.Unmarshal(answer, &facts); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range harden.Judge(time.Now(), nil, &facts).Findings {
		found = append(found, f.Check+" at "+f.Path)
	}
	for _, want := range []string{
		"client-implicit at client default/old", "client-cors-wide at client default/spa", "clients-tryout at client default/docs",
		"application-demo at client default/shop", "replica-single at replicas", "tenant-default at tenant default", "backup-old at destination near", "backup-drill at drill", "secret-weak at secrets.system[0]", "database-in-memory at databases.dsn",
	} {
		if !slices.Contains(found, want) {
			t.Errorf("it does not find %s", want)
		}
	}
	if text := strings.Join(found, "\n"); strings.Contains(text, "default/fine") || !strings.Contains(text, "admin-key-endless at admin key ") {
		t.Errorf("it finds\n%s", text)
	}
	if facts.Server.Inspected != 5 || facts.Server.Version != "test" {
		t.Errorf("%+v", facts.Server)
	}
}
