package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

// get gives the status and the body at an address.
func get(t *testing.T, address string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// S0-14: with auto-migration off a server on an unmigrated database is not ready, says what to run, and becomes ready
// when that was run, without a restart.
func TestUnmigratedServerSaysWhatToRun(t *testing.T) {
	dsn := testkit.Postgres(t)
	s := process.Launch(t, process.Options{DSN: dsn, Config: "databases: {auto_migrate: false}"})
	s.Eventually(func() bool { return s.Answers() })
	if code, _ := get(t, s.Public+"/health/alive"); code != http.StatusOK {
		t.Errorf("alive answers %d: an unmigrated database does not kill the process", code)
	}
	code, body := get(t, s.Public+"/health/ready")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "gatehouse migrate up") {
		t.Fatalf("ready answers %d %s", code, body)
	}
	if out, code := s.Command("migrate", "status"); code != 1 || !strings.Contains(out, "pending") {
		t.Errorf("migrate status exits with %d:\n%s", code, out)
	}
	if out, code := s.Command("migrate", "plan"); code != 0 || !strings.Contains(out, "CREATE TABLE oauth_client") {
		t.Errorf("migrate plan exits with %d:\n%s", code, out)
	}
	if out, code := s.Command("migrate", "up"); code != 0 {
		t.Fatalf("migrate up exits with %d:\n%s", code, out)
	}
	s.Eventually(func() bool { code, _ := get(t, s.Public+"/health/ready"); return code == http.StatusOK })
	if out, code := s.Command("migrate", "status"); code != 0 || strings.Contains(out, "pending") {
		t.Errorf("migrate status after up exits with %d:\n%s", code, out)
	}
}

// S0-14, S3-12: ten at once on an empty database migrate once, and all of them end well.
func TestTenMigrationsAtOnceMigrateOnce(t *testing.T) {
	for name, empty := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mariadb": testkit.MariaDB} {
		t.Run(name, func(t *testing.T) {
			s := process.Configure(t, process.Options{DSN: empty(t)})
			var applied atomic.Int64
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					out, code := s.Command("migrate", "up")
					if code != 0 {
						t.Errorf("migrate up exits with %d:\n%s", code, out)
					}
					applied.Add(int64(strings.Count(out, "oauth: applied 0001_change_feed")))
				})
			}
			wg.Wait()
			if n := applied.Load(); n != 1 {
				t.Errorf("the first migration was applied %d times", n)
			}
		})
	}
}

// S0-14: replicas that start together on an empty database migrate it once, and all become ready.
func TestReplicasThatStartTogetherMigrateOnce(t *testing.T) {
	for name, empty := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mariadb": testkit.MariaDB} {
		t.Run(name, func(t *testing.T) {
			secrets := "secrets: {system: [b7Qm2xVt9LzR4kWc8NpY], cookie: [Zt5vHn3KqXw7DfGj1MsU]}"
			dsn, replicas := empty(t), make([]*process.Server, 4)
			for i := range replicas {
				replicas[i] = process.Launch(t, process.Options{DSN: dsn, Config: secrets})
			}
			applied := 0
			for _, s := range replicas {
				s.Eventually(func() bool { code, _ := s.Try(s.Public + "/health/ready"); return code == http.StatusOK })
				for line := range strings.Lines(s.Output()) {
					if strings.Contains(line, "migrated") && strings.Contains(line, "oauth") && strings.Contains(line, "0001_change_feed") {
						applied++
					}
				}
			}
			if applied != 1 {
				t.Errorf("the first migration was applied %d times", applied)
			}
		})
	}
}

// S3-21: two processes on one embedded database would each have a truth of their own.
func TestSecondProcessOnTheSameDataRefuses(t *testing.T) {
	s := process.Start(t, process.Options{})
	out, code := s.Command("migrate", "status")
	if code == 0 || !strings.Contains(out, s.Dir) {
		t.Fatalf("a second process on %s exits with %d and says:\n%s", s.Dir, code, out)
	}
}

const production = `profile: production
secrets:
  system: [b7Qm2xVt9LzR4kWc8NpY]
  cookie: [Zt5vHn3KqXw7DfGj1MsU]
  admin: [adminkey-8dJx2mQvT6rWzL4nKp9sYb3f]
databases: {auto_migrate: true}
harden: {accept: [{check: certificate-development, reason: made by this test}]}
`

// In production nobody administrates without a credential, and implicit tokens are off.
func TestProductionProfile(t *testing.T) {
	certificate, key := process.Certificate(t)
	tls := fmt.Sprintf("serve: {public: {tls: {cert_file: %q, key_file: %q}, base_url: 'https://id.example.com/'}}\n", certificate, key)
	s := process.Launch(t, process.Options{DSN: testkit.Postgres(t), Config: production + tls})
	s.Eventually(func() bool { code, _ := s.Try(s.Admin + "/health/ready"); return code == http.StatusOK })
	for _, path := range []string{"/admin/clients", "/clients", "/admin/keys/hydra.openid.id-token", "/admin/metrics/prometheus", "/version"} {
		if code, body := get(t, s.Admin+path); code != http.StatusUnauthorized || strings.Contains(body, "keys") && strings.Contains(body, `"d"`) {
			t.Errorf("%s without a key answers %d %s", path, code, body)
		}
		if code, _ := get(t, s.Admin+path, "Authorization", "Bearer adminkey-wrong-but-long-enough-to-try"); code != http.StatusUnauthorized {
			t.Errorf("%s with a wrong key answers %d", path, code)
		}
		if code, body := get(t, s.Admin+path, "Authorization", "Bearer adminkey-8dJx2mQvT6rWzL4nKp9sYb3f"); code != http.StatusOK {
			t.Errorf("%s with the key answers %d %s", path, code, body)
		}
	}
	out, code := s.CommandEnv([]string{"GATEHOUSE_ADMIN_KEY=adminkey-8dJx2mQvT6rWzL4nKp9sYb3f"}, "clients", "list", "--endpoint", s.Admin)
	if code != 0 {
		t.Errorf("clients list with the key in the environment exits with %d:\n%s", code, out)
	}
	// What is unsafe and accepted is not forgotten.
	if log := s.Output(); !strings.Contains(log, "this is unsafe and accepted") || !strings.Contains(log, "made by this test") {
		t.Errorf("the log says nothing of what is accepted:\n%s", log)
	}
	if _, metrics := get(t, s.Admin+"/admin/metrics/prometheus", "Authorization", "Bearer adminkey-8dJx2mQvT6rWzL4nKp9sYb3f"); !strings.Contains(metrics, `gatehouse_harden_accepted{check="certificate-development",severity="critical"} 1`) {
		t.Errorf("the metrics say nothing of what is accepted")
	}
	if out, code := s.Command("clients", "list", "--endpoint", s.Admin); code != 1 || !strings.Contains(out, "GATEHOUSE_ADMIN_KEY") {
		t.Errorf("clients list without a key exits with %d and says:\n%s", code, out)
	}
}

// What production refuses is refused before anything is opened, all of it at once.
func TestProductionRefusesWhatIsUnsafe(t *testing.T) {
	s := process.Configure(t, process.Options{DSN: "memory", Config: "profile: production\nsecrets: {system: [short], cookie: [changeme-changeme]}\n"})
	out, code := s.Command("serve")
	if code != 1 {
		t.Fatalf("serve exits with %d:\n%s", code, out)
	}
	for _, want := range []string{"secrets.system", "secrets.cookie", "databases", "serve.public"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing is said of %s:\n%s", want, out)
		}
	}
	if strings.Contains(out, "changeme-changeme") {
		t.Errorf("a secret is repeated:\n%s", out)
	}
}

// S4-10: everything works under a path prefix, whether a proxy leaves it on or takes it off.
func TestPathPrefix(t *testing.T) {
	s := process.Configure(t, process.Options{})
	s.Override(fmt.Sprintf("serve: {public: {base_url: '%s/auth/'}}", s.Public))
	s.Run()
	t.Cleanup(s.Stop)
	for _, prefix := range []string{"", "/auth"} {
		code, body := get(t, s.Public+prefix+"/.well-known/openid-configuration")
		var d map[string]any
		if code != http.StatusOK || json.Unmarshal([]byte(body), &d) != nil {
			t.Fatalf("discovery at prefix %q answers %d %s", prefix, code, body)
		}
		if d["issuer"] != s.Public+"/auth/" || d["token_endpoint"] != s.Public+"/auth/oauth2/token" {
			t.Errorf("discovery names %v and %v", d["issuer"], d["token_endpoint"])
		}
	}
	out, code := s.Command("clients", "create", "--endpoint", s.Admin, "--id", "web", "--redirect-uri", "http://127.0.0.1/cb",
		"--token-endpoint-auth-method", "none", "--scope", "openid")
	if code != 0 {
		t.Fatal(out)
	}
	query := url.Values{"client_id": {"web"}, "response_type": {"code"}, "scope": {"openid"}, "state": {"long-enough-state"},
		"redirect_uri": {"http://127.0.0.1/cb"}, "code_challenge_method": {"S256"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(s.Public + "/auth/oauth2/auth?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if to := resp.Header.Get("Location"); !strings.HasPrefix(to, s.Public+"/auth/self-service/login/browser") {
		t.Errorf("the login is at %q, outside the prefix", to)
	}
	for _, c := range resp.Cookies() {
		if c.Path != "/auth" {
			t.Errorf("cookie %s has path %q", c.Name, c.Path)
		}
	}
}

// A stop that was asked for finishes what is in flight: no request that the server took is lost.
func TestStopUnderLoadLosesNothing(t *testing.T) {
	// For so long answers tell clients to leave. Who has a connection and does not use it meanwhile, as on a machine that is busy,
	// may use it just when the server closes it, and cannot know what became of the request.
	s := process.Start(t, process.Options{Config: "serve: {stop_delay: 5s}"})
	out, code := s.Command("clients", "create", "--endpoint", s.Admin, "--grant-type", "client_credentials", "--id", "load", "--format", "json")
	if code != 0 {
		t.Fatal(out)
	}
	var c struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var served, cut atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				fresh := false
				trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { fresh = !got.Reused }}
				req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, s.Public+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				req.SetBasicAuth("load", c.Secret)
				resp, err := http.DefaultClient.Do(req)
				switch {
				case dialling(err), fresh && errors.Is(err, syscall.ECONNRESET):
					return // the server has gone: nothing of ours was taken; a reset is the kernel's, for who waited to be accepted
				case err != nil:
					cut.Add(1)
					t.Errorf("a request was cut: %v", err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					cut.Add(1)
					t.Errorf("an answer was cut: %d, %v", resp.StatusCode, err)
				}
				served.Add(1)
			}
		})
	}
	s.Eventually(func() bool { return served.Load() > 200 })
	s.Stop()
	wg.Wait()
	t.Logf("%d requests served, %d cut", served.Load(), cut.Load())
}

// dialling reports whether there was no connection yet, refused or reset by the kernel: nothing was sent.
func dialling(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET))
}

// S0-02: a server in memory says so at start and in its metrics.
func TestMemorySaysSo(t *testing.T) {
	s := process.Start(t, process.Options{DSN: "memory"})
	if !strings.Contains(s.Output(), "everything in it is lost when the server stops") {
		t.Errorf("the log does not say it:\n%s", s.Output())
	}
	if _, metrics := get(t, s.Admin+"/admin/metrics/prometheus"); !strings.Contains(metrics, `gatehouse_database_ephemeral{database="oauth"} 1`) {
		t.Error("the metrics do not say it")
	}
	if entries, err := filepath.Glob(filepath.Join(s.Dir, "*.db*")); err != nil || len(entries) != 0 {
		t.Errorf("files were written: %v, %v", entries, err)
	}
}

// tokens registers a client and gives what gets it a token each time.
func tokens(t *testing.T, s *process.Server) func() string {
	t.Helper()
	out, _ := s.Command("clients", "create", "--endpoint", s.Admin, "--grant-type", "client_credentials", "--id", "count", "--format", "json")
	var c struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return func() string {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Public+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("count", c.Secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var got struct {
			Token string `json:"access_token"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Token == "" {
			t.Fatalf("no token: %d, %v", resp.StatusCode, err)
		}
		return got.Token
	}
}

// The budget of statements, counted by the server itself over HTTP.
func TestStatementsPerRequest(t *testing.T) {
	s := process.Start(t, process.Options{})
	var token string
	next := tokens(t, s)
	issue := func() { token = next() }
	introspect := func() {
		resp, err := http.PostForm(s.Admin+"/admin/oauth2/introspect", url.Values{"token": {token}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	issue() // reads the client
	if n := s.Statements(1, issue); n != 1 {
		t.Errorf("client_credentials with the client in memory: %d statements, want 1", n)
	}
	introspect()
	if n := s.Statements(0, introspect); n != 0 {
		t.Errorf("introspection of a token in memory: %d statements, want 0", n)
	}
	forged := func() {
		resp, err := http.PostForm(s.Admin+"/admin/oauth2/introspect", url.Values{"token": {"gh_at_" + strings.Repeat("A", 43) + "." + strings.Repeat("A", 43)}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if n := s.Statements(0, forged); n != 0 {
		t.Errorf("introspection of a forged token: %d statements, want 0", n)
	}
}

// Secrets and tokens stand in no line of the log, however much is logged (S4-15).
func TestLogsKeepSecrets(t *testing.T) {
	s := process.Start(t, process.Options{Config: "log: {level: trace, access: all, format: json}"})
	secret := "a-chosen-secret-of-a-person"
	body := `{"client_id":"quiet","client_secret":"` + secret + `","grant_types":["client_credentials"]}`
	resp, err := http.Post(s.Admin+"/admin/clients", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Public+"/oauth2/token?email=ada@example.com", strings.NewReader("grant_type=client_credentials"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("quiet", secret)
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal(answer, &got)
	get(t, s.Public+"/oauth2/auth?client_id=quiet&id_token_hint=eyJhbGciOiJub25lIn0.e30.&login_hint=ada@example.com")
	get(t, s.Public+"/userinfo", "Authorization", "Bearer "+got.Token)
	s.Stop()
	log := s.Output()
	if !strings.Contains(log, "/oauth2/token") {
		t.Fatalf("requests are not logged at all:\n%s", log)
	}
	for _, hidden := range []string{secret, "ada@example.com", "eyJhbGciOiJub25lIn0"} {
		if strings.Contains(log, hidden) {
			t.Errorf("the log holds %q:\n%s", hidden, log)
		}
	}
	if got.Token != "" && strings.Contains(log, got.Token) {
		t.Errorf("the log holds an access token:\n%s", log)
	}
	if generated, err := os.ReadFile(filepath.Join(s.Dir, "secrets.yaml")); err != nil || len(generated) == 0 {
		t.Errorf("generated secrets: %v", err)
	}
}
