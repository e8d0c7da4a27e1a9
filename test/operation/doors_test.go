package operation

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// doorway is a server with a decision door and a file of rules.
type doorway struct {
	*process.Server
	t     *testing.T
	at    string
	rules string // the file's path
}

// newDoorway starts a server with rules; those in force are asked at http://app.example.com.
func newDoorway(t *testing.T, rules string) *doorway {
	t.Helper()
	address := process.FreeAddress(t)
	s := process.Configure(t, process.Options{})
	d := &doorway{Server: s, t: t, at: "http://" + address, rules: filepath.Join(s.Dir, "rules.yaml")}
	d.write(rules)
	s.Override(fmt.Sprintf("serve: {decisions: {enabled: true, address: %q}}\naccess: {rules: {repositories: [%q], file_poll: 50ms}}\n", address, "file://"+d.rules))
	s.Run()
	t.Cleanup(s.Stop)
	return d
}

// write puts other rules into the file, as operators should: by renaming.
func (d *doorway) write(rules string) {
	d.t.Helper()
	if err := os.WriteFile(d.rules+".new", []byte(rules), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(d.rules+".new", d.rules); err != nil {
		d.t.Fatal(err)
	}
}

// decides gives the status for a request.
func (d *doorway) decides(path, token string) int {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.at+"/decisions"+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Host = "app.example.com"
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// metric gives the value of a line of the metrics; the line is named by how it begins.
func (d *doorway) metric(begin string) string {
	d.t.Helper()
	_, metrics := get(d.t, d.Admin+"/admin/metrics/prometheus")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(begin) + `.* (\S+)$`).FindStringSubmatch(metrics)
	if m == nil {
		d.t.Fatalf("no %s in the metrics", begin)
	}
	return m[1]
}

// source begins the lines of a metric about the file.
func (d *doorway) source(metric string) string {
	return metric + `{source="file://`
}

func openRule(id, path string) string {
	return fmt.Sprintf("- id: %q\n  match: {url: \"http://app.example.com%s\", methods: [GET]}\n  authenticators: [{handler: noop}]\n  authorizer: {handler: allow}\n  mutators: []\n", id, path)
}

// Ten thousand rules are read and compiled within seconds, and each of them decides.
func TestTenThousandRules(t *testing.T) {
	const many = 10_000
	var rules strings.Builder
	for i := range many {
		rules.WriteString(openRule(fmt.Sprintf("rule-%d", i), fmt.Sprintf("/service-%d/<[a-z]+>/orders/<.*>", i)))
	}
	began := time.Now()
	d := newDoorway(t, rules.String())
	t.Logf("ready with %d rules after %s", many, time.Since(began).Round(time.Millisecond))
	if runtime.GOOS == "linux" { // the kernel's word on what the server worked is read where there is /proc
		worked, err := worked(d.PID())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("for which it worked %s", worked)
		if worked > 10*time.Second {
			t.Errorf("starting with %d rules took %s of work", many, worked)
		}
	}
	if n := d.metric(d.source("gatehouse_access_rules")); n != "10000" {
		t.Errorf("%s rules are in force", n)
	}
	for _, i := range []int{0, 1, 4999, 9999} {
		if status := d.decides(fmt.Sprintf("/service-%d/shop/orders/7", i), ""); status != http.StatusOK {
			t.Errorf("rule %d: %d", i, status)
		}
	}
	if status := d.decides("/service-10000/shop/orders/7", ""); status != http.StatusNotFound {
		t.Errorf("no rule: %d", status)
	}
	rules.WriteString(openRule("one-more", "/more"))
	began = time.Now()
	d.write(rules.String())
	d.Eventually(func() bool { return d.decides("/more", "") == http.StatusOK })
	t.Logf("one more is in force after %s", time.Since(began).Round(time.Millisecond))
}

// worked is how long processors have worked for a process, whatever else the machine did meanwhile: proc_pid_stat(5).
func worked(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold anything
	var state string
	var skipped [10]int64
	var user, system time.Duration
	into := []any{&state}
	for i := range skipped {
		into = append(into, &skipped[i])
	}
	if _, err := fmt.Sscan(rest, append(into, &user, &system)...); err != nil {
		return 0, err
	}
	return (user + system) * (time.Second / 100), nil // USER_HZ is 100 on every architecture that Go knows
}

// A set with a fault is refused whole, and says so in the log, in the metrics and to who asks; meanwhile the last good set decides
// and the server stays ready.
func TestBadRulesKeepTheLastGoodOnes(t *testing.T) {
	d := newDoorway(t, openRule("good", "/good"))
	for name, bad := range map[string]struct{ rules, says string }{
		"an unknown handler": {openRule("good", "/good") + strings.Replace(openRule("bad", "/bad"), "allow", "alow", 1), "alow"},
		"two for a request":  {openRule("one", "/<.*>") + openRule("two", "/same"), "two"},
		"an unknown field":   {openRule("good", "/good") + "- id: x\n  macth: {}\n", "macth"},
		"half a file":        {openRule("good", "/good") + "- id: [", ""},
	} {
		refusals := d.metric(d.source("gatehouse_access_source_refusals_total"))
		d.write(bad.rules)
		d.Eventually(func() bool { return d.metric(d.source("gatehouse_access_source_refusals_total")) != refusals })
		if ok := d.metric(d.source("gatehouse_access_source_ok")); ok != "0" {
			t.Errorf("%s: gatehouse_access_source_ok is %s", name, ok)
		}
		if good, other := d.decides("/good", ""), d.decides("/same", ""); good != http.StatusOK || other != http.StatusNotFound {
			t.Errorf("%s: /good is answered with %d, /same with %d", name, good, other)
		}
		if code, body := get(t, d.Public+"/health/ready"); code != http.StatusOK {
			t.Errorf("%s: ready answers %d %s", name, code, body)
		}
		if code, body := get(t, d.Admin+"/health/ready"); code != http.StatusOK || !strings.Contains(body, `"warnings":{"access rules":["file://`) || !strings.Contains(body, bad.says) {
			t.Errorf("%s: ready answers operators %d %s", name, code, body)
		}
		out, _ := d.Command("rules", "sources", "--endpoint", d.Admin, "--format", "json")
		if !strings.Contains(out, `"refused"`) || !strings.Contains(out, bad.says) {
			t.Errorf("%s: the operator is told\n%s", name, out)
		}
	}
	if !strings.Contains(d.Output(), "alow") {
		t.Errorf("the log does not say what is wrong:\n%s", d.Output())
	}
	d.write(openRule("better", "/better"))
	d.Eventually(func() bool { return d.decides("/better", "") == http.StatusOK })
	if _, body := get(t, d.Admin+"/health/ready"); strings.Contains(body, "warnings") {
		t.Errorf("after the mending operators are warned: %s", body)
	}
	if ok, old := d.metric(d.source("gatehouse_access_source_ok")), d.decides("/good", ""); ok != "1" || old != http.StatusNotFound {
		t.Errorf("after the mending gatehouse_access_source_ok is %s, and what was removed is answered with %d", ok, old)
	}
}

// The budget of statements at a door: none for a token or session that is remembered, one for one that is not.
func TestStatementsPerDecision(t *testing.T) {
	d := newDoorway(t, strings.NewReplacer("noop", "oauth2_introspection", "[]", "[{handler: header, config: {headers: {X-User: \"{{ print .Subject }}\"}}}]").Replace(openRule("token", "/token"))+
		strings.Replace(openRule("session", "/session"), "noop", "bearer_token", 1))
	token := tokens(t, d.Server)
	passes := func(path, credential string) func() {
		return func() {
			if status := d.decides(path, credential); status != http.StatusOK {
				t.Fatalf("%s: %d", path, status)
			}
		}
	}
	accessTokens, sessions := make([]string, 10), make([]string, 10)
	d.person()
	for i := range accessTokens {
		accessTokens[i], sessions[i] = token(), d.session()
	}
	for path, credentials := range map[string][]string{"/token": accessTokens, "/session": sessions} {
		next := 0
		forget := func() {
			if next %= len(credentials); next == 0 {
				d.Stop()
				d.Run()
				d.Eventually(func() bool { return d.decides("/nowhere", "") == http.StatusNotFound })
			}
		}
		if n := d.Statements(1, func() { passes(path, credentials[next])(); next++ }, forget); n != 1 {
			t.Errorf("%s, with one that is not remembered: %d statements, want 1", path, n)
		}
		if n := d.Statements(0, passes(path, credentials[0])); n != 0 {
			t.Errorf("%s, with one that is remembered: %d statements, want 0", path, n)
		}
	}
	forged := "gh_at_" + strings.Repeat("A", 43) + "." + strings.Repeat("A", 43)
	if n := d.Statements(0, func() { d.decides("/token", forged) }); n != 0 {
		t.Errorf("with a forged token: %d statements, want 0", n)
	}
	if n := d.Statements(0, func() { d.decides("/nowhere", "") }); n != 0 {
		t.Errorf("without a rule: %d statements, want 0", n)
	}
}

// call sends a JSON document and reads the answer into v where that is not nil.
func (d *doorway) call(method, address, body string, v any) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest || v != nil && json.Unmarshal(answer, v) != nil {
		d.t.Fatalf("%s answers %d %s, %v", address, resp.StatusCode, answer, err)
	}
}

// person makes somebody who can sign in.
func (d *doorway) person() {
	d.t.Helper()
	d.call(http.MethodPost, d.Admin+"/admin/identities",
		`{"schema_id":"default","traits":{"email":"ann@example.com"},"credentials":{"password":{"config":{"password":"quiet-harbour-lantern-47"}}}}`, nil)
}

// session signs that person in and gives the session's token.
func (d *doorway) session() string {
	d.t.Helper()
	var flow struct{ ID string }
	d.call(http.MethodGet, d.Public+"/self-service/login/api", "", &flow)
	var in struct {
		Token string `json:"session_token"`
	}
	d.call(http.MethodPost, d.Public+"/self-service/login?flow="+flow.ID, `{"method":"password","identifier":"ann@example.com","password":"quiet-harbour-lantern-47"}`, &in)
	return in.Token
}
