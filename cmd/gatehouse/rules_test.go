package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// asked is what a command asked a server.
type asked struct {
	method, path, media, match, body string
}

// listening starts a server that gives one answer to everything and keeps what it was asked.
func listening(t *testing.T, status int, answer string) (address string, last *asked) {
	t.Helper()
	last = &asked{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*last = asked{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("If-Match"), string(body)}
		w.Header().Set("Gatehouse-Rule-Source", "file:///etc/rules.yaml")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	return s.URL, last
}

func TestRulesAreSentAsTheyAreWritten(t *testing.T) {
	server, last := listening(t, 200, `{"set":"team","rules":1,"added":["a"],"etag":"\"x\""}`)
	dir := t.TempDir()
	file := write(t, dir, "rules.yaml", "- id: a # a comment\n")
	out := works(t, "", "rules", "apply", file, "--set", "team", "--if-match", `"w"`, "--endpoint", server)
	if want := (asked{"PUT", "/admin/rules?set=team", "application/yaml", `"w"`, "- id: a # a comment\n"}); *last != want {
		t.Errorf("%+v", *last)
	}
	if !strings.Contains(out, "ADDED  1: a") {
		t.Errorf("%s", out)
	}
	works(t, `[{"id":"b"}]`, "rules", "apply", "-", "--endpoint", server)
	if last.media != "application/json" || last.path != "/admin/rules?set=default" || last.body != `[{"id":"b"}]` {
		t.Errorf("%+v", *last)
	}
	works(t, "", "rules", "apply", "--dry-run", file, "--endpoint", server)
	if last.method != "POST" || last.path != "/admin/rules/check?set=default" {
		t.Errorf("%+v", *last)
	}
}

func TestRulesOfADirectoryAreOneList(t *testing.T) {
	server, last := listening(t, 200, `{}`)
	dir := t.TempDir()
	write(t, dir, "1.yaml", "- id: a\n- id: b\n")
	write(t, dir, "2.json", `{"id":"c"}`)
	write(t, dir, "notes.txt", "nothing")
	works(t, "", "rules", "apply", dir, "--endpoint", server)
	if last.body != `[{"id":"a"},{"id":"b"},{"id":"c"}]` || last.media != "application/json" {
		t.Errorf("%+v", *last)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	fails(t, call(t, "", "rules", "apply", empty, "--endpoint", server), 1, empty, ".yaml")
	write(t, dir, "3.yaml", "just words")
	fails(t, call(t, "", "rules", "apply", dir, "--endpoint", server), 1, "3.yaml", "neither a list of rules nor a rule")
	fails(t, call(t, "", "rules", "apply", "nowhere.yaml", "--endpoint", server), 1, "nowhere.yaml")
}

func TestAllFaultsOfRulesAreTold(t *testing.T) {
	server, _ := listening(t, 400, `{"error":{"code":400,"message":"No.","reason":"The rules are refused. (and 1 more)","details":{"faults":[
		{"rule":"a","path":"match.url","message":"is missing"},{"source":"file:///r","rule":"b","message":"is there twice"},
		{"message":"is empty"}]}}}`)
	r := call(t, "[]", "rules", "apply", "-", "--endpoint", server)
	fails(t, r, 1, "a: match.url: is missing\n", "file:///r: b: is there twice\nis empty\n", "refused")
}

func TestRulesArePrinted(t *testing.T) {
	rule := `{"id":"a","match":{"url":"https://x/<.*>","methods":["GET","PUT"]},"authenticators":[{"handler":"noop"},{"handler":"jwt"}],
		"authorizer":{"handler":"allow"},"upstream":{"url":"https://up"}}`
	server, _ := listening(t, 200, "["+rule+"]")
	if out := works(t, "", "rules", "list", "--endpoint", server); !strings.Contains(out, "a   GET PUT  https://x/<.*>  noop jwt        allow       https://up") {
		t.Errorf("%s", out)
	}
	if got := asJSON[[]document](t, works(t, "", "rules", "list", "--format", "json", "--endpoint", server)); got[0]["match"] == nil {
		t.Errorf("%v", got) // it is a list that can be applied
	}
	server, last := listening(t, 200, rule)
	if out := works(t, "", "rules", "get", "a/b", "--endpoint", server); !strings.Contains(out, "file:///etc/rules.yaml") || !strings.Contains(out, `"url":"https://x/<.*>"`) || last.path != "/admin/rules/a%2Fb" {
		t.Errorf("%s %s", last.path, out)
	}
	if got := asJSON[document](t, works(t, "", "rules", "get", "a", "--format", "json", "--endpoint", server)); got["source"] != nil {
		t.Errorf("%v", got)
	}
}

func TestARequestIsTestedByTheCommand(t *testing.T) {
	server, last := listening(t, 200, `{"allowed":false,"status":403,"error":{"id":"forbidden","message":"You may not."},"target":{"url":"https://x/a"},
		"rule":{"id":"a"},"steps":[{"stage":"authorizer","handler":"deny","outcome":"refused","reason":"denies all"}],
		"upstream":{"url":"https://up/a","headers":{"X-User":"ann"}}}`)
	out := works(t, "the-token\n", "rules", "test", "GET", "https://x/a", "-H", "X-A: b", "--token-file", "-", "--remote-ip", "192.0.2.1", "--endpoint", server)
	got := asJSON[document](t, last.body)
	headers, _ := got["headers"].(map[string]any)
	if got["method"] != "GET" || got["url"] != "https://x/a" || got["token"] != "the-token" || got["remote_ip"] != "192.0.2.1" || headers["X-A"] != "b" {
		t.Errorf("%s", last.body)
	}
	for _, line := range []string{"ALLOWED   false", "BECAUSE   You may not.", "HEADER    X-User: ann", "authorizer  deny     refused  denies all"} {
		if !strings.Contains(out, line) {
			t.Errorf("no line %q in\n%s", line, out)
		}
	}
	works(t, "", "rules", "test", "GET", "https://x/a", "--expect", "403", "--endpoint", server)
	fails(t, call(t, "", "rules", "test", "GET", "https://x/a", "--expect", "200", "--endpoint", server), 1, "403")
	fails(t, call(t, "", "rules", "test", "GET"), 2, "METHOD and URL")
	fails(t, call(t, "", "rules", "test", "GET", "https://x/a", "-H", "secret"), 2, "Name: value")
	fails(t, call(t, "", "rules", "test", "GET", "https://x/a", "--token-file", "-", "--session-file", "-"), 2, "standard input")
	fails(t, call(t, " ", "rules", "test", "GET", "https://x/a", "--token-file", "-"), 1, "empty")
}

const orderRules = `
- id: orders
  match: {url: "https://api.example.com/orders/<[0-9]+>", methods: [GET]}
  authenticators: [{handler: oauth2_introspection, config: {required_scope: [read]}}, {handler: anonymous}]
  authorizer: {handler: allow}
  mutators: [{handler: header, config: {headers: {X-User: "{{ print .Subject }}"}}}]
  upstream: {url: "https://orders.internal/v1"}
- id: health
  match: {url: "https://api.example.com/health", methods: [GET]}
  authenticators: [{handler: noop}]
  authorizer: {handler: deny}
  mutators: [{handler: noop}]
`

func TestRulesOnAServer(t *testing.T) {
	dir := t.TempDir()
	fromFile := write(t, dir, "static.yaml", strings.NewReplacer("id: orders", "id: static", "id: health", "id: more", "api.example.com", "static.example.com").Replace(orderRules))
	s := start(t, "access: {rules: {repositories: [\"file://"+fromFile+"\"]}}")
	file := write(t, dir, "rules.yaml", orderRules)
	if out := works(t, "", "rules", "apply", file, "--set", "shop", "-e", s.admin); !strings.Contains(out, "orders health") {
		t.Errorf("%s", out)
	}
	if out := works(t, "", "rules", "list", "-e", s.admin); !strings.Contains(out, "orders") || !strings.Contains(out, "static") {
		t.Errorf("%s", out)
	}
	if out := works(t, "", "rules", "get", "static", "-e", s.admin); !strings.Contains(out, "file://"+fromFile) {
		t.Errorf("%s", out)
	}
	if out := works(t, "", "rules", "sources", "-e", s.admin); strings.Count(out, "loaded") < 2 {
		t.Errorf("%s", out)
	}
	// What is listed can be applied.
	list := works(t, "", "rules", "list", "--set", "shop", "--format", "yaml", "-e", s.admin)
	if out := works(t, list, "rules", "apply", "-", "--set", "shop", "-e", s.admin); strings.Contains(out, "ADDED") || strings.Contains(out, "CHANGED") {
		t.Errorf("%s", out)
	}

	made := asJSON[document](t, works(t, "", "clients", "create", "--grant-type", "client_credentials", "--scope", "read", "--scope", "write", "--format", "json", "-e", s.admin))
	id := made["client_id"].(string)
	t.Setenv(clientSecretVariable, made["client_secret"].(string))
	token := func(scope string) string {
		out := works(t, "", "perform", "client-credentials", "--client-id", id, "--scope", scope, "--issuer", s.public, "--format", "json")
		return asJSON[document](t, out)["access_token"].(string)
	}
	test := func(token, url string, more ...string) document {
		args := append([]string{"rules", "test", "GET", url, "--format", "json", "-e", s.admin}, more...)
		if token != "" {
			args = append(args, "--token-file", "-")
		}
		return asJSON[document](t, works(t, token, args...))
	}
	got := test(token("read"), "https://api.example.com/orders/7", "--expect", "200")
	up := got["upstream"].(document)
	if got["subject"] != id || up["url"] != "https://orders.internal/v1/orders/7" || up["headers"].(document)["X-User"] != id {
		t.Errorf("%v", got)
	}
	if text := works(t, "", "rules", "test", "GET", "https://api.example.com/health", "--expect", "403", "-e", s.admin); !strings.Contains(text, "deny") {
		t.Errorf("%s", text)
	}
	test("", "https://api.example.com/nowhere", "--expect", "404")
	if got := test(token("write"), "https://api.example.com/orders/7"); got["allowed"] != false {
		t.Errorf("a token without the scope passes: %v", got)
	}

	conflict := strings.NewReplacer("id: orders", "id: other", "id: health", "id: third").Replace(orderRules)
	fails(t, call(t, conflict, "rules", "apply", "-", "--set", "second", "-e", s.admin), 1, "other", "orders", "refused")
	fails(t, call(t, "", "rules", "delete", "static", "orders", "-e", s.admin), 1, "static", "1 of 2")
	if out := works(t, "", "rules", "list", "--set", "shop", "-e", s.admin); strings.Contains(out, "orders") {
		t.Errorf("%s", out)
	}
}

func TestRulesAreCheckedWithoutAServer(t *testing.T) {
	t.Chdir(t.TempDir())
	if out := works(t, orderRules, "rules", "check", "-"); out != "2 rules are valid\n" {
		t.Errorf("%s", out)
	}
	if out := works(t, "{id: one, match: {path: /, methods: [GET]}, authenticators: [{handler: noop}], authorizer: {handler: allow}, mutators: []}", "rules", "check", "-"); out != "1 rule is valid\n" {
		t.Errorf("%s", out)
	}
	dir := t.TempDir()
	write(t, dir, "1.yaml", orderRules)
	write(t, dir, "2.json", "[]")
	works(t, "", "rules", "check", dir)
	write(t, dir, "2.json", `[{"id":"x","nonsense":true}]`)
	fails(t, call(t, "", "rules", "check", dir), 1, "2.json", "nonsense", "not valid")
	write(t, dir, "2.json", strings.NewReplacer("id: orders", "id: other", "id: health", "id: third").Replace(orderRules))
	fails(t, call(t, "", "rules", "check", dir), 1, "orders", "other")
	for name, bad := range map[string]string{
		"handler: deny}": "handler: denny}", "required_scope: [read]": "required_scoppe: [read]", "{{ print .Subject }}": "{{ .Subject",
	} {
		fails(t, call(t, strings.Replace(orderRules, name, bad, 1), "rules", "check", "-"), 1, "not valid")
	}
}

func TestDecisionsAreRecorded(t *testing.T) {
	door := process.FreeAddress(t)
	dir := t.TempDir()
	file := write(t, dir, "rules.yaml", orderRules)
	s := start(t, fmt.Sprintf(`
serve: {decisions: {enabled: true, address: %q, tls: {terminated_by: [127.0.0.0/8]}}}
access: {rules: {repositories: ["file://%s"]}, events: {enabled: true}}
`, door, file))
	ask := func(path string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+door+"/decisions"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "api.example.com"
		req.Header.Set("X-Forwarded-Proto", "https")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if ok, no, none := ask("/orders/7?secret=1"), ask("/health"), ask("/nowhere"); ok != 200 || no != 403 || none != 404 {
		t.Errorf("answered with %d, %d, %d", ok, no, none)
	}
	a := &api{endpoint: s.admin, http: http.DefaultClient}
	var events []document
	testkit.Eventually(t, "three events are written", func() bool {
		events = nil // what is decoded into a map stays beside what was there
		if _, err := a.send(t.Context(), http.MethodGet, "/admin/decisions", nil, &events); err != nil {
			t.Fatal(err)
		}
		return len(events) >= 3
	})
	got := map[any]any{}
	for _, e := range events {
		got[e["path"]] = fmt.Sprint(e["verdict"], " ", e["rule"], " ", e["subject"], " ", e["host"])
	}
	want := map[any]any{
		"/orders/7": "allowed orders anonymous api.example.com", "/health": "forbidden health <nil> api.example.com",
		"/nowhere": "unmatched <nil> <nil> api.example.com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
