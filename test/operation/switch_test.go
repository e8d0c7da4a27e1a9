package operation

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// switched are settings of servers whose data goes from one to the other, and so their secrets.
const switched = `secrets:
  system: [zU3qPfW8rT5kLx2vNb7mYc4dQe6tUi9o]
  cookie: [hG6jKs9pQw2eRt5yUi8oAz3xCv7bNm1l]
limits: {enabled: false}
hashing: {memory: 8192, time: 1}
`

// clientsMade is how many clients ask for tokens; identitiesMade how many people there are.
const clientsMade, identitiesMade = 50, 10_000

// S0-33, S0-35, W01: from memory to PostgreSQL, and from SQLite to MariaDB, under requests for tokens, with a copy that was killed:
// no client is ever unknown, whatever was issued is good, and nothing is missing.
func TestSwitchOfDatabasesLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		from string
		to   func(*testing.T) string
	}{"memory to postgres": {"memory", testkit.Postgres}, "sqlite to mariadb": {"", testkit.MariaDB}} {
		t.Run(name, func(t *testing.T) {
			old := process.Start(t, process.Options{DSN: c.from, Config: switched})
			dsn := c.to(t)
			fresh := process.Configure(t, process.Options{DSN: dsn, Config: switched})
			s := &switching{T: t, at: old.Public, admin: old.Admin, people: identitiesMade}
			s.make(old)
			stop := s.ask()
			target := filepath.Join(t.TempDir(), "dsn")
			if err := os.WriteFile(target, []byte(dsn), 0o600); err != nil {
				t.Fatal(err)
			}
			for reading := range 2 { // while the source serves, and while it is held still
				killed(t, old, "file:"+target, reading)
				if out, code := fresh.Command("serve"); code != 1 || !strings.Contains(out, "gatehouse data copy") {
					t.Errorf("a server on half of a copy exits with %d:\n%s", code, out)
				}
			}
			if s.busy.Load() == 0 {
				t.Error("the source was not held still when the second copy was killed")
			}
			out, code := old.Command("data", "copy", "--from", old.Admin, "--to", "file:"+target)
			if code != 0 {
				t.Fatalf("the copy exits with %d:\n%s", code, out)
			}
			if strings.Contains(out, dsn) {
				t.Errorf("the address is repeated:\n%s", out)
			}
			s.refused()
			fresh.Run()
			t.Cleanup(fresh.Stop)
			s.move(fresh)
			stop()
			s.check(fresh)
			for table, rows := range map[string]int{"identity": identitiesMade + 1, "oauth_client": clientsMade + 2, "tenant": 1, "access_rule": 1, "oauth_consent": 1, "session": 1} {
				if !regexp.MustCompile(`(?m)^\w+ +` + table + ` +` + strconv.Itoa(rows) + ` `).MatchString(out) {
					t.Errorf("the copy does not count %d rows of %s:\n%s", rows, table, out)
				}
			}
		})
	}
}

// S0-33, S0-34: what is in the memory of a server that made its own secrets cannot be copied, nor put into a backup, without them, and
// nothing is held still for it. With them everything issued before is good, and a backup of the server is an encrypted export.
func TestSwitchFromMemoryWithSecretsOfItsOwn(t *testing.T) {
	const cheap = "limits: {enabled: false}\nhashing: {memory: 8192, time: 1}\n"
	backups, identity := keeping(t)
	old := process.Start(t, process.Options{DSN: "memory", Config: cheap})
	fresh := process.Configure(t, process.Options{DSN: testkit.Postgres(t), Config: switched + backups})
	s := &switching{T: t, at: old.Public, admin: old.Admin, people: 10}
	s.make(old)
	target := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(target, []byte(testkit.Postgres(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(out string, code int) {
		t.Helper()
		if code != 1 || !strings.Contains(out, "gatehouse data secrets") {
			t.Errorf("exits with %d:\n%s", code, out)
		}
		s.one("client-0") // which reports anything but a token and 503
		if s.busy.Load() != 0 {
			t.Fatal("the source was held still for what cannot be of use")
		}
	}
	refused(old.Command("data", "copy", "--from", old.Admin, "--to", "file:"+target))
	copying := append([]string{"data", "copy", "--from", old.Admin}, fresh.Configuration("--to-config")...)
	refused(old.Command(copying...))
	refused(fresh.Command("backup", "create", "--from", old.Admin))

	file := filepath.Join(t.TempDir(), "secrets.yaml")
	take := []string{"data", "secrets", "--from", old.Admin, "--to", file}
	if out, code := old.Command(take...); code != 0 {
		t.Fatal(out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of secrets is there as %v, %v", info, err)
	}
	if out, code := old.Command(take...); code != 1 || !strings.Contains(out, "exists") {
		t.Errorf("what is there is written over: %d\n%s", code, out)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Override(string(content))
	restored := process.Configure(t, process.Options{DSN: testkit.MariaDB(t), Config: cheap + backups + string(content)})
	if out, code := fresh.Command("backup", "create", "--from", old.Admin); code != 0 || strings.Contains(out, "Note") {
		t.Fatal(out)
	}
	copying = append([]string{"data", "copy", "--from", old.Admin, "--replace"}, fresh.Configuration("--to-config")...)
	if out, code := old.Command(copying...); code != 0 {
		t.Fatal(out)
	}
	fresh.Run()
	t.Cleanup(fresh.Stop)
	fresh.Eventually(func() bool { // the log tells who read everything, once it has been brought there from the outbox
		_, body := get(t, fresh.Admin+"/admin/activity?page_size=1000&action=data.exported")
		return strings.Contains(body, "data.exported")
	})
	// A refresh token is good once, so only one of the two gets it.
	refresh := s.refresh
	if out, code := restored.Command("backup", "restore", "--identity", identity); code != 0 {
		t.Fatal(out)
	}
	restored.Run()
	t.Cleanup(restored.Stop)
	s.check(fresh)
	s.refresh = refresh
	s.check(restored)
}

// killed starts a copy and kills it in the midst of a reading, 0 being the first: between it and the server stands one that never sends the rest.
func killed(t *testing.T, old *process.Server, target string, reading int) {
	t.Helper()
	admin, err := url.Parse(old.Admin)
	if err != nil {
		t.Fatal(err)
	}
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(admin) }}
	begun, readings := make(chan struct{}, 1), atomic.Int64{}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/admin/data/export" || int(readings.Add(1)) <= reading {
			through.ServeHTTP(w, r)
			return
		}
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, old.Admin+r.URL.Path, nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.CopyN(w, resp.Body, 64<<10)
		_ = http.NewResponseController(w).Flush()
		begun <- struct{}{}
		<-r.Context().Done()
	}))
	defer front.Close()
	cmd := exec.CommandContext(t.Context(), process.Binary(t), "data", "copy", "--from", front.URL, "--to", target)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-begun:
		_ = cmd.Process.Kill()
		<-ended
	case err := <-ended:
		t.Fatalf("the copy that was to be killed ended by itself: %v", err)
	}
}

// switching is what was issued before, and who asks on.
type switching struct {
	*testing.T

	client    *http.Client // nil is one that trusts what everybody trusts and has no key
	mu        sync.Mutex
	at, admin string
	people    int
	secrets   map[string]string // of the clients
	tokens    []string
	refresh   string
	session   string
	guest     string // the secret of another tenant's client
	good      atomic.Int64
	busy      atomic.Int64
}

func (s *switching) places() (public, admin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at, s.admin
}

// http gives the client that asks.
func (s *switching) http() *http.Client {
	if s.client != nil {
		return s.client
	}
	return http.DefaultClient
}

func (s *switching) move(to *process.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.admin = to.Public, to.Admin
}

// call sends JSON or a form, and reads JSON.
func (s *switching) call(client *http.Client, method, address string, body any, want int) map[string]any {
	s.Helper()
	var content io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case url.Values:
		content, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	case string:
		content = strings.NewReader(b)
	}
	req, err := http.NewRequestWithContext(s.Context(), method, address, content)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	resp, err := client.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		s.Fatalf("%s %s answers %d %s %v", method, address, resp.StatusCode, text, err)
	}
	out := map[string]any{"location": resp.Header.Get("Location")}
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		if err := json.Unmarshal(text, &out); err != nil {
			s.Fatal(err)
		}
	}
	return out
}

// make fills the server: clients, people, tokens of each kind and a session.
func (s *switching) make(old *process.Server) {
	s.Helper()
	s.secrets = map[string]string{}
	for i := range clientsMade {
		strategy := []string{"opaque", "jwt"}[i%2]
		got := s.call(s.http(), http.MethodPost, old.Admin+"/admin/clients", fmt.Sprintf(`{"client_id":"client-%d","scope":"read",
			"grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_post","access_token_strategy":%q}`, i, strategy), http.StatusCreated)
		s.secrets[fmt.Sprintf("client-%d", i)], _ = got["client_secret"].(string)
	}
	for id, secret := range s.secrets {
		got := s.call(s.http(), http.MethodPost, old.Public+"/oauth2/token", credentials(id, secret), http.StatusOK)
		token, _ := got["access_token"].(string)
		s.tokens = append(s.tokens, token)
	}
	var lines strings.Builder
	for i := range s.people {
		fmt.Fprintf(&lines, `{"schema_id":"default","traits":{"email":"person-%d@example.com"}}`+"\n", i)
	}
	file := filepath.Join(s.TempDir(), "people.jsonl")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		s.Fatal(err)
	}
	if out, code := old.Command("identities", "import", file, "--endpoint", old.Admin); code != 0 {
		s.Fatal(out)
	}
	s.call(s.http(), http.MethodPost, old.Admin+"/admin/identities", `{"schema_id":"default","traits":{"email":"known@example.com"},
		"credentials":{"password":{"config":{"password":"correct horse battery staple 7"}}}}`, http.StatusCreated)
	s.session, _ = s.login(old.Public)["session_token"].(string)
	s.authorize(old)
	s.worlds(old)
}

func credentials(id, secret string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
}

// login signs the known person in as an app does.
func (s *switching) login(public string) map[string]any {
	s.Helper()
	flow := s.call(s.http(), http.MethodGet, public+"/self-service/login/api", nil, http.StatusOK)
	id, _ := flow["id"].(string)
	return s.call(s.http(), http.MethodPost, public+"/self-service/login?flow="+id,
		`{"method":"password","identifier":"known@example.com","password":"correct horse battery staple 7"}`, http.StatusOK)
}

// authorize has an application get a refresh token.
func (s *switching) authorize(old *process.Server) {
	s.Helper()
	s.call(s.http(), http.MethodPost, old.Admin+"/admin/clients", `{"client_id":"app","token_endpoint_auth_method":"none","scope":"openid offline_access",
		"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"redirect_uris":["http://127.0.0.1/cb"]}`, http.StatusCreated)
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	browser := &http.Client{Transport: s.http().Transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at := old.Public + "/oauth2/auth?" + url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "scope": {"openid offline_access"}, "redirect_uri": {"http://127.0.0.1/cb"}, "state": {"state-0123456789"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}, // RFC 7636 appendix B
	}.Encode()
	var to *url.URL
	follow := func() {
		s.Helper()
		location, _ := s.call(browser, http.MethodGet, at, nil, http.StatusSeeOther)["location"].(string)
		if to, err = url.Parse(location); err != nil {
			s.Fatal(err)
		}
	}
	follow()
	for _, step := range [][2]string{{"login", `{"subject":"somebody","remember":true}`}, {"consent", `{"grant_scope":["openid","offline_access"],"remember":true}`}} {
		answer := s.call(s.http(), http.MethodPut, old.Admin+"/admin/oauth2/auth/requests/"+step[0]+"/accept?"+step[0]+"_challenge="+
			url.QueryEscape(to.Query().Get(step[0]+"_challenge")), step[1], http.StatusOK)
		at, _ = answer["redirect_to"].(string)
		follow()
	}
	got := s.call(s.http(), http.MethodPost, old.Public+"/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {"app"},
		"code": {to.Query().Get("code")}, "redirect_uri": {"http://127.0.0.1/cb"}, "code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}}, http.StatusOK)
	access, _ := got["access_token"].(string)
	s.refresh, _ = got["refresh_token"].(string)
	s.tokens = append(s.tokens, access)
}

// ask has the clients ask for tokens, one after the other, until it is ended: then 20 more have to be served.
func (s *switching) ask() (stop func()) {
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		turn := time.NewTicker(50 * time.Millisecond)
		defer turn.Stop()
		for i := 0; ; i++ {
			id := fmt.Sprintf("client-%d", i%clientsMade)
			s.one(id)
			select {
			case <-ended:
				return
			case <-s.Context().Done():
				return
			case <-turn.C:
			}
		}
	})
	return func() {
		s.until("20 tokens of the new server", func(before int64) bool { return s.good.Load() >= before+20 }, s.good.Load())
		close(ended)
		wg.Wait()
		s.Logf("%d tokens, %d times 503", s.good.Load(), s.busy.Load())
	}
}

// one asks for a token. There are two answers only.
func (s *switching) one(id string) {
	public, _ := s.places()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, public+"/oauth2/token", strings.NewReader(credentials(id, s.secrets[id]).Encode()))
	if err != nil {
		s.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.http().Do(req)
	if err != nil {
		s.Errorf("%s got no answer: %v", id, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		s.busy.Add(1)
	case resp.StatusCode == http.StatusOK:
		var got struct {
			Token string `json:"access_token"`
		}
		_ = json.Unmarshal(text, &got)
		s.mu.Lock()
		s.tokens = append(s.tokens, got.Token)
		s.mu.Unlock()
		s.good.Add(1)
	default:
		s.Errorf("%s is answered %d %s", id, resp.StatusCode, text)
	}
}

// refused waits until a client was told to come again: the source is held still after the copy.
func (s *switching) refused() {
	s.Helper()
	s.until("a client is told to come again", func(before int64) bool { return s.busy.Load() > before }, s.busy.Load())
}

func (s *switching) until(what string, holds func(before int64) bool, before int64) {
	s.Helper()
	for begun := time.Now(); !holds(before); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 2*time.Minute {
			s.Fatalf("it did not come about: %s", what)
		}
	}
}

// check makes sure that everything issued before is good on the new server.
func (s *switching) check(fresh *process.Server) {
	s.Helper()
	for _, token := range s.tokens {
		got := s.call(s.http(), http.MethodPost, fresh.Admin+"/admin/oauth2/introspect", url.Values{"token": {token}}, http.StatusOK)
		if got["active"] != true {
			s.Errorf("a token of before is not active: %v", got)
		}
	}
	s.call(s.http(), http.MethodPost, fresh.Public+"/oauth2/token",
		url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {s.refresh}}, http.StatusOK)
	for id, secret := range s.secrets {
		s.call(s.http(), http.MethodPost, fresh.Public+"/oauth2/token", credentials(id, secret), http.StatusOK)
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, fresh.Public+"/sessions/whoami", nil)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("X-Session-Token", s.session)
	resp, err := s.http().Do(req)
	if err != nil {
		s.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.Errorf("a session of before: %d", resp.StatusCode)
	}
	s.login(fresh.Public)
	s.carried(fresh)
	// What was done on the old server is in the log of the new one, also what was still on its way there.
	fresh.Eventually(func() bool {
		_, body := fresh.Try(fresh.Admin + "/admin/activity?page_size=1000&subject=client-49")
		return strings.Contains(body, "client-49")
	})
}
