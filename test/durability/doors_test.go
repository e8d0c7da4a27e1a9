package durability

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// replicated are settings of servers that share a database, and so their secrets.
const replicated = `secrets:
  system: [zU3qPfW8rT5kLx2vNb7mYc4d]
  cookie: [hG6jKs9pQw2eRt5yUi8oAz3x]
limits: {enabled: false}
hashing: {memory: 8192, time: 1}
selfservice: {methods: {password: {config: {haveibeenpwned_enabled: false}}}}
`

const doorRules = `
- id: token
  match: {url: "http://app.example.com/token", methods: [GET]}
  authenticators: [{handler: oauth2_introspection}]
  authorizer: {handler: allow}
  mutators: []
- id: session
  match: {url: "http://app.example.com/session", methods: [GET]}
  authenticators: [{handler: bearer_token}]
  authorizer: {handler: allow}
  mutators: []
`

// replica is a server with a door.
type replica struct {
	*process.Server
	t    *testing.T
	door string
}

func newReplica(t *testing.T, dsn string, more ...string) *replica {
	t.Helper()
	door := process.FreeAddress(t)
	s := process.Configure(t, process.Options{DSN: dsn, Config: replicated})
	rules := filepath.Join(s.Dir, "rules.yaml")
	if err := os.WriteFile(rules, []byte(doorRules), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Override(fmt.Sprintf("serve: {decisions: {enabled: true, address: %q}}\naccess: {rules: {repositories: [%q]}}\n", door, "file://"+rules))
	for _, config := range more {
		s.Override(config)
	}
	s.Run()
	t.Cleanup(s.Stop)
	return &replica{Server: s, t: t, door: "http://" + door}
}

// decides asks the door about a request with a credential and gives the status.
func (r *replica) decides(path, credential string) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.door+"/decisions"+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Host = "app.example.com"
	req.Header.Set("Authorization", "Bearer "+credential)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// send sends a form or a document, and reads the answer into v where that is not nil.
func (r *replica) send(method, address, body string, v any, headers ...string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", map[bool]string{true: "application/json", false: "application/x-www-form-urlencoded"}[strings.HasPrefix(body, "{")])
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		r.t.Fatalf("%s answers %d %s, %v", address, resp.StatusCode, answer, err)
	}
	if v != nil {
		if err := json.Unmarshal(answer, v); err != nil {
			r.t.Fatalf("%v: %s", err, answer)
		}
	}
}

// person makes somebody who can sign in.
func (r *replica) person() {
	r.t.Helper()
	r.send(http.MethodPost, r.Admin+"/admin/identities",
		`{"schema_id":"default","traits":{"email":"ann@example.com"},"credentials":{"password":{"config":{"password":"quiet-harbour-lantern-47"}}}}`, nil)
}

// session signs that person in and gives the session's token.
func (r *replica) session() string {
	r.t.Helper()
	var flow struct{ ID string }
	r.send(http.MethodGet, r.Public+"/self-service/login/api", "", &flow)
	var in struct {
		Token string `json:"session_token"`
	}
	r.send(http.MethodPost, r.Public+"/self-service/login?flow="+url.QueryEscape(flow.ID),
		`{"method":"password","identifier":"ann@example.com","password":"quiet-harbour-lantern-47"}`, &in)
	return in.Token
}

// A credential that was revoked opens no door of the server that revoked it from then on, and none of another server after a second.
func TestRevokedCredentialsOpenNoDoor(t *testing.T) {
	dsn := testkit.Postgres(t)
	one, other := newReplica(t, dsn), newReplica(t, dsn)
	id, secret := register(t, one.Server)
	one.person()
	for name, c := range map[string]struct {
		path   string
		get    func() (credential string)
		revoke func(credential string)
	}{
		"token": {"/token", func() string {
			token, err := issue(t.Context(), http.DefaultClient, one.Server, id, secret)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}, func(token string) {
			one.send(http.MethodPost, one.Public+"/oauth2/revoke", url.Values{"token": {token}}.Encode(), nil,
				"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
		}},
		"session": {"/session", one.session, func(token string) {
			one.send(http.MethodDelete, one.Public+"/self-service/logout/api", `{"session_token":"`+token+`"}`, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.Within(t, time.Second, "another server refuses it", func(int) func() bool {
				credential := c.get()
				for range 3 { // so that both remember it
					if a, b := one.decides(c.path, credential), other.decides(c.path, credential); a != http.StatusOK || b != http.StatusOK {
						t.Fatalf("before it is revoked: %d and %d", a, b)
					}
				}
				c.revoke(credential)
				if status := one.decides(c.path, credential); status != http.StatusUnauthorized {
					t.Errorf("the server that revoked it answers %d", status)
				}
				return func() bool { return other.decides(c.path, credential) == http.StatusUnauthorized }
			})
		})
	}
}

// Without the database nobody knows what was revoked: what is remembered is believed as long as databases.max_staleness says, and then
// every door is shut; when the database is back, so is everything else.
func TestDoorsAreShutWithoutTheDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		config         string
		believed, shut time.Duration // one after the other
	}{
		"within a second":      {shut: time.Second},
		"as long as was asked": {"databases: {max_staleness: 10s}", 5 * time.Second, 5500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			dsn, line := testkit.NewLineTo(t, testkit.Postgres(t))
			r := newReplica(t, dsn, c.config)
			id, secret := register(t, r.Server)
			token, err := issue(t.Context(), http.DefaultClient, r.Server, id, secret)
			if err != nil {
				t.Fatal(err)
			}
			r.person()
			credentials := map[string]string{"/token": token, "/session": r.session()}
			shut := func(path string) bool {
				status := r.decides(path, credentials[path])
				if status != http.StatusOK && status != http.StatusServiceUnavailable {
					t.Fatalf("%s answers %d", path, status)
				}
				return status == http.StatusServiceUnavailable
			}
			testkit.Within(t, c.shut, "the doors are shut", func(int) func() bool {
				line.Mend()
				for path := range credentials {
					r.Eventually(func() bool { return !shut(path) })
					// It is remembered only when the feed is read again, and then what was remembered before is not.
					if n := r.Statements(0, func() { shut(path) }); n != 0 {
						t.Fatalf("%s is not remembered: %d statements", path, n)
					}
				}
				line.Cut()
				for begun := time.Now(); time.Since(begun) < c.believed; time.Sleep(100 * time.Millisecond) {
					if (shut("/token") || shut("/session")) && time.Since(begun) < c.believed {
						t.Errorf("they are shut %s after the database went", time.Since(begun))
					}
				}
				return func() bool { return shut("/token") && shut("/session") }
			})
			for path := range credentials { // and they stay shut
				if !shut(path) {
					t.Errorf("%s is open again", path)
				}
			}
			line.Mend()
			for path := range credentials {
				r.Eventually(func() bool { return !shut(path) })
			}
		})
	}
}
