package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// overheard notes answers on their way.
type overheard struct{ to io.Writer }

// RoundTrip implements http.RoundTripper.
func (o overheard) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		resp.Body = io.NopCloser(io.TeeReader(resp.Body, o.to))
	}
	return resp, err
}

// asked is one request while writes are refused.
type asked struct {
	name     string
	listener int
	method   string
	address  string
	form     url.Values
	json     string
	header   map[string]string
	reads    bool // it is answered as ever
}

func (c *caller) request(a asked) *http.Response {
	c.Helper()
	clear(c.cookies) // as an app, or as a browser that comes for the first time
	kind, body := "application/json", a.json
	if a.form != nil {
		kind, body = "application/x-www-form-urlencoded", a.form.Encode()
	}
	return c.do(a.listener, a.method, a.address, kind, body)
}

// While data is held still, everything that only reads is answered as ever, and everything else says 503 and when to come
// again: nobody is told that he is not known, and what was tried works afterwards.
func TestWritesAreRefusedInOneWay(t *testing.T) {
	c := newCaller(t, newApp(t, ""))
	c.call(http.MethodPost, "/admin/clients", `{"client_id":"machine","client_secret":"a-secret-of-32-characters-or-more","scope":"read",
		"grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_post"}`, http.StatusCreated)
	access, refresh := c.tokens(c.person("known@example.com"))
	clear(c.cookies)
	c.call(http.MethodPost, "/admin/identities", `{"schema_id":"default","traits":{"email":"person@example.com"},
		"credentials":{"password":{"config":{"password":"correct horse battery staple 7"}}}}`, http.StatusCreated)
	begin := func() string {
		return text(t, c.read(c.do(0, http.MethodGet, "/self-service/login/api", "", ""), http.StatusOK), "ui", "action")
	}
	const password = `{"method":"password","identifier":"person@example.com","password":"correct horse battery staple 7"}`
	session := text(t, c.read(c.do(0, http.MethodPost, begin(), "application/json", password), http.StatusOK), "session_token")
	login := begin()
	credentials := url.Values{"grant_type": {"client_credentials"}, "client_id": {"machine"}, "client_secret": {"a-secret-of-32-characters-or-more"}}
	refreshing := url.Values{"grant_type": {"refresh_token"}, "client_id": {c.client}, "refresh_token": {refresh}}
	authorize := "/oauth2/auth?" + url.Values{
		"client_id": {c.client}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {"http://127.0.0.1/cb"}, "state": {"state-0123456789"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()

	c.call(http.MethodPost, "/admin/data/freeze", `{"why":"a test"}`, http.StatusOK)
	for _, a := range []asked{
		{name: "client credentials", method: http.MethodPost, address: "/oauth2/token", form: credentials},
		{name: "refresh", method: http.MethodPost, address: "/oauth2/token", form: refreshing},
		{name: "revoke", method: http.MethodPost, address: "/oauth2/revoke", form: url.Values{"client_id": {c.client}, "token": {access}}},
		{name: "introspect", listener: 1, method: http.MethodPost, address: "/admin/oauth2/introspect", form: url.Values{"token": {access}}, reads: true},
		{name: "introspect refresh", listener: 1, method: http.MethodPost, address: "/admin/oauth2/introspect", form: url.Values{"token": {refresh}}, reads: true},
		{name: "userinfo", method: http.MethodGet, address: "/userinfo", header: map[string]string{"Authorization": "Bearer " + access}, reads: true},
		{name: "jwks", method: http.MethodGet, address: "/.well-known/jwks.json", reads: true},
		{name: "discovery", method: http.MethodGet, address: "/.well-known/openid-configuration", reads: true},
		{name: "whoami", method: http.MethodGet, address: "/sessions/whoami", header: map[string]string{"X-Session-Token": session}, reads: true},
		{name: "ready", method: http.MethodGet, address: "/health/ready", reads: true},
		{name: "login begins", method: http.MethodGet, address: "/self-service/login/api"},
		{name: "login", method: http.MethodPost, address: login, json: password},
		{name: "login in a browser", method: http.MethodGet, address: "/self-service/login/browser"},
		{name: "registration", method: http.MethodGet, address: "/self-service/registration/api"},
		{name: "recovery", method: http.MethodGet, address: "/self-service/recovery/api"},
		{name: "settings", method: http.MethodGet, address: "/self-service/settings/api", header: map[string]string{"X-Session-Token": session}},
		{name: "logout", method: http.MethodDelete, address: "/self-service/logout/api", json: `{"session_token":"` + session + `"}`},
		{name: "clients", listener: 1, method: http.MethodGet, address: "/admin/clients", reads: true},
		{name: "client", listener: 1, method: http.MethodPost, address: "/admin/clients", json: `{"client_name":"new"}`},
		{name: "identities", listener: 1, method: http.MethodGet, address: "/admin/identities", reads: true},
		{name: "identity", listener: 1, method: http.MethodPost, address: "/admin/identities", json: `{"schema_id":"default","traits":{"email":"new@example.com"}}`},
		{name: "keys", listener: 1, method: http.MethodPost, address: "/admin/keys/hydra.openid.id-token/rotate"},
		{name: "state", listener: 1, method: http.MethodGet, address: "/admin/data", reads: true},
	} {
		c.headers = a.header
		answer := c.request(a)
		c.headers = nil
		body, _ := io.ReadAll(answer.Body)
		if a.reads {
			if answer.StatusCode != http.StatusOK || strings.Contains(string(body), `"active":false`) {
				t.Errorf("%s: %d %s", a.name, answer.StatusCode, body)
			}
			continue
		}
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v %s", a.name, answer.StatusCode, answer.Header, body)
		}
	}
	// An application that waits for its user's return is told there, and there 503 has a word of its own (RFC 6749 §4.1.2.1).
	if to := c.follow(authorize); to.Query().Get("error") != "temporarily_unavailable" {
		t.Errorf("an authorization request ends at %s", to)
	}
	c.call(http.MethodDelete, "/admin/data/freeze", "", http.StatusOK)
	c.form(0, "/oauth2/token", credentials)
	c.form(0, "/oauth2/token", refreshing)
	clear(c.cookies)
	c.read(c.do(0, http.MethodPost, login, "application/json", password), http.StatusOK)
	c.person("new@example.com")
}

// What a server gives out of its databases is for who administers, and for nobody else.
func TestDataIsForWhoAdministers(t *testing.T) {
	a := newApp(t, "secrets: {admin: [adminkey-8dJx2mQvT6rWzL4nKp9sYb3f]}\n")
	c := newCaller(t, a)
	for _, r := range [][2]string{{http.MethodGet, "/admin/data"}, {http.MethodGet, "/admin/data/export"}, {http.MethodPost, "/admin/data/backups"}, {http.MethodPost, "/admin/data/freeze"}, {http.MethodDelete, "/admin/data/freeze"}, {http.MethodPost, "/admin/data/secrets"}} {
		if got := c.do(1, r[0], r[1], "", "").StatusCode; got != http.StatusUnauthorized {
			t.Errorf("%s %s without a key answers %d", r[0], r[1], got)
		}
		if got := c.do(0, r[0], r[1], "", "").StatusCode; got != http.StatusNotFound {
			t.Errorf("%s %s on the public listener answers %d", r[0], r[1], got)
		}
	}
	c.key = "adminkey-8dJx2mQvT6rWzL4nKp9sYb3f"
	state, err := json.Marshal(c.call(http.MethodGet, "/admin/data", "", http.StatusOK))
	if err != nil || !strings.Contains(string(state), `"id":`) {
		t.Errorf("the state is %s", state)
	}
	// Nobody reads everything unseen; and what stands in the configuration is not handed out.
	if got := c.do(1, http.MethodGet, "/admin/data/export", "", "").StatusCode; got != http.StatusOK {
		t.Errorf("the export answers %d", got)
	}
	c.call(http.MethodPost, "/admin/data/secrets", `{"recipient":"AA=="}`, http.StatusConflict)
	var told int
	err = a.databases.byName["management"].AllTenants().QueryRow(t.Context(),
		`SELECT COUNT(*) FROM management_activity_outbox WHERE document LIKE '%"data.exported"%'`).Scan(&told)
	if err != nil || told != 1 {
		t.Errorf("%d events tell of one export: %v", told, err)
	}
}

// A server that made secrets for itself hands them over to a public key, and says so in its activity log.
func TestSecretsThatNothingElseHas(t *testing.T) {
	a := newApp(t, "databases: {dsn: memory}\n")
	c := newCaller(t, a)
	if state := c.call(http.MethodGet, "/admin/data", "", http.StatusOK); state["secrets_in_memory"] != true {
		t.Errorf("the state is %v", state)
	}
	for _, recipient := range []string{"", "AA==", strings.Repeat("A", 4000)} {
		c.call(http.MethodPost, "/admin/data/secrets", `{"recipient":"`+recipient+`"}`, http.StatusBadRequest)
	}
	front := httptest.NewServer(a.listeners[1].Handler)
	defer front.Close()
	var answer bytes.Buffer
	client := &http.Client{Transport: overheard{&answer}}
	file, err := ExportSecrets(t.Context(), &apiclient.Server{URL: front.URL, HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []secret.String{a.cfg.Secrets.System[0], a.cfg.Secrets.Cookie[0]} {
		if !strings.Contains(file.Reveal(), s.Reveal()) || answer.Len() == 0 || strings.Contains(answer.String(), s.Reveal()) {
			t.Error("not all secrets are handed over, or in the clear")
		}
	}
	var told int
	err = a.databases.byName["management"].AllTenants().QueryRow(t.Context(),
		`SELECT COUNT(*) FROM management_activity_outbox WHERE document LIKE '%"data.secrets_exported"%'`).Scan(&told)
	if err != nil || told != 1 {
		t.Errorf("%d events tell of it: %v", told, err)
	}
}

// A target keeps what it has where its secrets do not fit, also where that was to be replaced.
func TestSecretsThatDoNotFitReplaceNothing(t *testing.T) {
	a := newApp(t, "")
	front := httptest.NewServer(a.listeners[1].Handler)
	defer front.Close()
	from := DataSource{Server: &apiclient.Server{URL: front.URL, HTTP: front.Client()}}
	dir := filepath.Join(t.TempDir(), "target")
	to, err := config.Read(nil, []string{"GATEHOUSE_DATABASES_DSN=sqlite://" + dir + "/", "GATEHOUSE_SECRETS_SYSTEM=zU3qPfW8rT5kLx2vNb7mYc4dQe6tUi9o"})
	if err != nil {
		t.Fatal(err)
	}
	o := CopyOptions{Replace: true, Progress: func(string, int64, int64) {}}
	if _, err := CopyData(t.Context(), from, to, o); !errors.Is(err, seal.ErrLacks) {
		t.Errorf("other secrets: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
	to.Secrets.System = append(to.Secrets.System, a.cfg.Secrets.System...)
	if _, err := CopyData(t.Context(), from, to, o); err != nil {
		t.Error(err)
	}
}

// Who reads files that are in use is told of the other way, and nobody else is.
func TestFilesInUse(t *testing.T) {
	a := newApp(t, "")
	from := DataSource{Databases: &a.cfg.Databases}
	if _, err := DataState(t.Context(), from); !errors.Is(err, sqldb.ErrHeld) || !strings.Contains(err.Error(), "--from") {
		t.Errorf("files that a server has open: %v", err)
	}
	away, err := config.Read(nil, []string{"GATEHOUSE_DATABASES_DSN=postgres://u:p@127.0.0.1:1/x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DataState(t.Context(), DataSource{Databases: &away.Databases}); err == nil || strings.Contains(err.Error(), "SQLite") {
		t.Errorf("a server that is not there: %v", err)
	}
}
