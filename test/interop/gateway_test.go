package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	hydra "github.com/ory/hydra-client-go/v2"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// gatewayRules are for an application that stands behind a gateway which asks the decision door. LOGIN is the login page, POLICY a service
// that is asked with the request's body.
const gatewayRules = `
- id: read
  match: {url: "http://<[^/]+>/api/<.*>", methods: [GET]}
  authenticators: [{handler: oauth2_introspection, config: {required_scope: [read]}}]
  authorizer: {handler: allow}
  mutators: [{handler: header, config: {headers: {X-User: "{{ print .Subject }}"}}}]
- id: write
  match: {url: "http://<[^/]+>/api/<.*>", methods: [POST]}
  authenticators: [{handler: oauth2_introspection, config: {required_scope: [write]}}]
  authorizer: {handler: allow}
  mutators: [{handler: header, config: {headers: {X-User: "{{ print .Subject }}"}}}]
- id: me
  match: {url: "http://<[^/]+>/me", methods: [GET]}
  authenticators: [{handler: cookie_session}]
  authorizer: {handler: allow}
  mutators: [{handler: header, config: {headers: {X-User: "{{ print .Subject }}"}}}]
  errors:
    - {handler: redirect, config: {to: "LOGIN", return_to_query_param: return_to, when: [{error: [unauthorized], request: {header: {accept: [text/html]}}}]}}
    - {handler: json}
- id: open
  match: {url: "http://<[^/]+>/open<.*>", methods: [GET]}
  authenticators: [{handler: noop}]
  authorizer: {handler: allow}
  mutators: [{handler: header, config: {headers: {X-User: "{{ print .Subject }}"}}}]
- id: here
  match: {url: "http://<[^/]+>/here", methods: [GET]}
  authenticators: [{handler: noop}]
  authorizer: {handler: geoip, config: {networks: {allow: [127.0.0.0/8]}}}
  mutators: []
- id: checked
  match: {url: "http://<[^/]+>/checked", methods: [POST]}
  authenticators: [{handler: noop}]
  authorizer: {handler: remote, config: {remote: "POLICY", unseen_body: refuse}}
  mutators: []
- id: told
  match: {url: "http://<[^/]+>/told", methods: [POST]}
  authenticators: [{handler: noop}]
  authorizer: {handler: remote, config: {remote: "POLICY", unseen_body: tell}}
  mutators: []
`

// gateway is a proxy in front of an application, the server that it asks, and what people and programs have to show.
type gateway struct {
	t            *testing.T
	at           string
	server       *site
	read, write  string // access tokens
	subject      string // the client that they belong to
	cookie       *http.Cookie
	person       string // the identity that the cookie belongs to
	unanswerable int    // what a request that no rule is for is answered with
}

// newGateway starts a server and an application; the proxy listens at the address that it gets as its first argument.
func newGateway(t *testing.T, unanswerable int, start func(listen, decisions, application string)) *gateway {
	t.Helper()
	decisions, application, listen := process.FreeAddress(t), echo(t), process.FreeAddress(t)
	s := process.Configure(t, process.Options{Config: forgiving})
	rules := filepath.Join(s.Dir, "rules.yaml")
	text := strings.NewReplacer("LOGIN", s.Public+"/self-service/login/browser", "POLICY", policy(t)).Replace(gatewayRules)
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Override(fmt.Sprintf("serve: {decisions: {enabled: true, address: %q}}\naccess: {strip_headers: [X-User], rules: {repositories: [%q]}}\n", decisions, "file://"+rules))
	s.Run()
	t.Cleanup(s.Stop)
	start(listen, decisions, application)

	g := &gateway{t: t, at: "http://" + listen, server: newSite(t, s), unanswerable: unanswerable}
	s.Eventually(func() bool { code, _ := s.Try(g.at + "/open"); return code == http.StatusOK })
	c := hydra.NewOAuth2Client()
	c.SetGrantTypes([]string{"client_credentials"})
	c.SetScope("read write")
	made := register(t, s, *c)
	g.subject = made.GetClientId()
	g.read, g.write = g.token(made, "read"), g.token(made, "write")
	g.person = g.server.create("ann@example.com").Id
	page := g.server.page()
	g.server.browserSignIn(page, "ann@example.com")
	public, err := url.Parse(s.Public)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.http.Jar.Cookies(public) {
		if c.Name == "ory_kratos_session" {
			g.cookie = c
		}
	}
	return g
}

func (g *gateway) token(c *hydra.OAuth2Client, scope string) string {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.server.Public+"/oauth2/token", strings.NewReader("grant_type=client_credentials&scope="+scope))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(c.GetClientId(), c.GetClientSecret())
	var got struct {
		Token string `json:"access_token"`
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(body, &got) != nil || got.Token == "" {
		g.t.Fatalf("no token: %d %s %v", resp.StatusCode, body, err)
	}
	return got.Token
}

// policy is a service that lets pass what it is told that it does not see the body of.
func policy(t *testing.T) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Gatehouse-Body") != "unseen" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections() // the server keeps its own
		s.Close()
	})
	return s.URL
}

// echo is an application that answers with its request as it came.
func echo(t *testing.T) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %q", r.Method, r.RequestURI, body)
		for _, name := range []string{"X-User", "X-Kratos-Authenticated-Identity-Id", "X-Forwarded-User"} {
			_, _ = fmt.Fprintf(w, "\n%s: %q", name, strings.Join(r.Header.Values(name), ","))
		}
		for name := range r.Header { // many applications read them alike
			if letters := strings.Map(onlyLetters, name); letters == "xuser" && name != "X-User" {
				_, _ = fmt.Fprintf(w, "\n%s: %q", name, strings.Join(r.Header[name], ","))
			}
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections() // gateways keep theirs
		s.Close()
	})
	return s.Listener.Addr().String()
}

// onlyLetters leaves out what is none, for strings.Map, and the case.
func onlyLetters(c rune) rune {
	if c = unicode.ToLower(c); c < 'a' || c > 'z' {
		return -1
	}
	return c
}

// ask sends a request through the gateway and follows nothing; headers are name, value, ….
func (g *gateway) ask(method, target string, headers ...string) (resp *http.Response, body string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.at, strings.NewReader(map[bool]string{true: "a body"}[method == http.MethodPost]))
	if err != nil {
		g.t.Fatal(err)
	}
	req.URL.Opaque = target // as it is written here
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	by := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err = by.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp, string(read)
}

// check holds the gateway to what the rules say.
func (g *gateway) check() {
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	var spelled []string // every character that a field's name may have, and that is neither letter nor digit (RFC 9110 §5.6.2)
	for _, c := range "!#$%&'*+.^_`|~" {
		spelled = append(spelled, "X"+string(c)+"User", "root", "x"+string(c)+"USER", "root")
	}
	forged := []string{"X-User", "root", "X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/open", "X-Forwarded-Host", "elsewhere.example.com", "X-Forwarded-Proto", "https"}
	for _, c := range []struct {
		story, method, target string
		headers               []string
		want                  int
		says                  []string // what the application says it got
	}{
		{"a token with the scope", "GET", "/api/a?b=c%20d&e", bearer(g.read), 200, []string{"GET /api/a?b=c%20d&e ", g.user(g.subject)}},
		{"without a token", "GET", "/api/a", nil, 401, nil},
		{"a token that nobody issued", "GET", "/api/a", bearer("gh_at_x.y"), 401, nil},
		{"a token without the scope", "POST", "/api/a", bearer(g.read), 403, nil},
		{"a token with the other scope", "POST", "/api/a", bearer(g.write), 200, []string{`POST /api/a "a body"`, g.user(g.subject)}},
		{"no rule", "GET", "/elsewhere", bearer(g.read), g.unanswerable, nil},
		{"no rule for the method", "DELETE", "/api/a", bearer(g.write), g.unanswerable, nil},
		{"a session", "GET", "/me", []string{"Cookie", g.cookie.String()}, 200, []string{g.user(g.person)}},
		{"a session that nobody has", "GET", "/me", []string{"Cookie", "ory_kratos_session=x"}, 401, nil},
		{"a stranger's identity", "GET", "/open", []string{"X-User", "root", "X-User", "toor"}, 200, []string{g.user("")}},
		{"a stranger's identity, spelled otherwise", "GET", "/open", spelled, 200, []string{g.user("")}},
		{"a stranger's identity beside one's own", "GET", "/api/a", append(spelled, bearer(g.read)...), 200, []string{g.user(g.subject)}},
		{"a body that nobody can check", "POST", "/checked", nil, 403, nil},
		{"a body that nobody checks", "POST", "/told", nil, 200, []string{`POST /told "a body"`, g.user("")}},
		{"a stranger's question", "GET", "/api/a", forged, 401, nil},
		{"a stranger's question, with a token", "POST", "/api/a", append(forged, bearer(g.read)...), 403, nil},
		{"a stranger's address", "GET", "/here", []string{"X-Forwarded-For", "203.0.113.7"}, 200, nil},
		{"dot segments", "GET", "/open/../api/a", nil, 403, nil},
		{"dot segments, encoded", "GET", "/open/%2e%2e/api/a", nil, 403, nil},
		{"empty segments", "GET", "/api//a", bearer(g.read), 403, nil},
	} {
		resp, body := g.ask(c.method, c.target, c.headers...)
		if resp.StatusCode != c.want {
			g.t.Errorf("%s: %d %s", c.story, resp.StatusCode, body)
		}
		if strings.Contains(body, "root") {
			g.t.Errorf("%s: the application believes it:\n%s", c.story, body)
		}
		for _, says := range c.says {
			if !strings.Contains(body, says) {
				g.t.Errorf("%s: the application does not say %s:\n%s", c.story, says, body)
			}
		}
	}
}

func (g *gateway) user(id string) string { return fmt.Sprintf("X-User: %q", id) }

// sendsBrowsersToLogin follows a person who is not signed in.
func (g *gateway) sendsBrowsersToLogin() {
	resp, body := g.ask("GET", "/me", "Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	to, err := resp.Location()
	if err != nil || resp.StatusCode != http.StatusFound || !strings.HasPrefix(to.String(), g.server.Public+"/self-service/login/browser?") ||
		to.Query().Get("return_to") != g.at+"/me" {
		g.t.Errorf("a browser gets %d %v %s", resp.StatusCode, to, body)
	}
	if resp, body = g.ask("GET", "/me", "Accept", "application/json"); resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Location") != "" {
		g.t.Errorf("a program gets %d %v %s", resp.StatusCode, resp.Header, body)
	}
}

// documented gives the block of a language in the page about the doors, for other addresses.
func documented(t *testing.T, language, listen, decisions, application string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/doors.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/doors.md has %d blocks of %s", len(blocks), language)
	}
	return strings.NewReplacer("127.0.0.1:8000", listen, "127.0.0.1:4456", decisions, "127.0.0.1:8080", application).Replace(string(blocks[0][1]))
}

// run starts a program of the machine until the test ends.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name) // where Debian has servers, and only root looks
	}
	if err != nil {
		t.Fatalf("%v: install the package %s; `make test` does so on Debian", err, name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, output.String())
		}
	})
}

const nginxAround = `daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr info;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
%[2]s}
`

// What docs/doors.md tells operators of nginx to write does what it says.
func TestNginxAuthRequest(t *testing.T) {
	g := newGateway(t, http.StatusForbidden, func(listen, decisions, application string) {
		dir := t.TempDir()
		file := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(file, fmt.Appendf(nil, nginxAround, dir, documented(t, "nginx", listen, decisions, application)), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "nginx", "-e", "stderr", "-p", dir, "-c", file)
	})
	g.check()
	g.sendsBrowsersToLogin()
}

// What docs/doors.md tells operators of Caddy to write does what it says.
func TestCaddyForwardAuth(t *testing.T) {
	g := newGateway(t, http.StatusNotFound, func(listen, decisions, application string) {
		file := filepath.Join(t.TempDir(), "Caddyfile")
		text := "{\n  admin off\n  auto_https off\n}\n" + documented(t, "caddyfile", listen, decisions, application)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "caddy", "run", "--config", file, "--adapter", "caddyfile")
	})
	g.check()
	g.sendsBrowsersToLogin()
}
