package operation

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// S1-03, S1-04, S1-08, S1-09: the scenarios of deploy/examples/scopes do what they say: their configuration, rules and scripts
// run as they stand there, only at free ports.
func TestScopesExample(t *testing.T) {
	heard := make(chan string, 100)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		heard <- r.Method + " " + r.URL.Path + " " + r.Header.Get("X-User")
	}))
	t.Cleanup(app.Close)
	public, admin, proxy := process.FreeAddress(t), process.FreeAddress(t), process.FreeAddress(t)
	dir := copied(t, "deploy/examples/scopes", strings.NewReplacer("127.0.0.1:4444", public, "127.0.0.1:4445", admin, "127.0.0.1:4455", proxy,
		"127.0.0.1:8080", strings.TrimPrefix(app.URL, "http://")))
	serve(t, dir, "http://"+public, "GATEHOUSE_SERVE_PUBLIC_ADDRESS="+public, "GATEHOUSE_SERVE_ADMIN_ADDRESS="+admin, "GATEHOUSE_SERVE_PROXY_ADDRESS="+proxy)

	for script, subject := range map[string]string{"client-credentials.sh": "", "implicit.sh": "ann"} {
		run := exec.CommandContext(t.Context(), filepath.Join(dir, script))
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		for _, status := range []string{"200", "401", "403", "404"} {
			if !strings.Contains(string(out), "-> "+status) {
				t.Errorf("%s shows no %s:\n%s", script, status, out)
			}
		}
		if len(heard) != 4 {
			t.Errorf("%s: the application was asked %d times", script, len(heard))
		}
		for range len(heard) {
			if line := <-heard; !strings.HasSuffix(line, subject) || strings.HasSuffix(line, " ") {
				t.Errorf("%s: the application was told %q", script, line)
			}
		}
	}
}

// Whoever follows "First rule" in docs/doors.md gets there: its files and commands are taken from the page, only for free ports.
func TestFirstRule(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path+" for "+r.Header.Get("X-User")+" ")
	}))
	t.Cleanup(app.Close)
	public, admin, proxy, decisions := process.FreeAddress(t), process.FreeAddress(t), process.FreeAddress(t), process.FreeAddress(t)
	addresses := strings.NewReplacer("127.0.0.1:4444", public, "127.0.0.1:4455", proxy, "127.0.0.1:8080", strings.TrimPrefix(app.URL, "http://"))
	page, dir := read(t, "docs/doors.md"), t.TempDir()
	for _, m := range regexp.MustCompile("(?s)```yaml\n# (gatehouse.yaml|rules.yaml)\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(addresses.Replace(m[2])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := shellBlock.FindAllStringSubmatch(page, -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/doors.md has %d shell blocks", len(blocks))
	}
	serve(t, dir, "http://"+public, "GATEHOUSE_DATA_DIR="+dir, "GATEHOUSE_SERVE_PUBLIC_ADDRESS="+public, "GATEHOUSE_SERVE_ADMIN_ADDRESS="+admin,
		"GATEHOUSE_SERVE_PROXY_ADDRESS="+proxy, "GATEHOUSE_SERVE_DECISIONS_ADDRESS="+decisions)
	shell := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail", "-c", addresses.Replace(blocks[0][1]))
	shell.Dir = dir
	shell.Env = append(os.Environ(), "PATH="+filepath.Dir(process.Binary(t))+":"+os.Getenv("PATH"), "GATEHOUSE_ENDPOINT=http://"+admin)
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("the commands of docs/doors.md fail: %v\n%s", err, out)
	}
	for _, want := range []string{"}401\n", "/orders/7 for shop 200\n", "orders", "oauth2_introspection", "X-User"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands of docs/doors.md do not print %q:\n%s", want, out)
		}
	}
}

// copied gives a directory of the repository at other addresses.
func copied(t *testing.T, from string, addresses *strings.Replacer) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(filepath.Join(root, from))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		text := addresses.Replace(read(t, filepath.Join(from, e.Name())))
		if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte(text), info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// serve starts the server in a directory with its gatehouse.yaml, until the test ends.
func serve(t *testing.T, dir, public string, env ...string) {
	t.Helper()
	server := exec.CommandContext(t.Context(), process.Binary(t), "serve", "-c", "gatehouse.yaml")
	server.Dir = dir
	server.Env = append(os.Environ(), env...)
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	server.WaitDelay = 30 * time.Second
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	server.Stdout, server.Stderr = output, output
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Wait()
		text, err := os.ReadFile(output.Name())
		if err != nil {
			t.Error(err)
		}
		process.NoSecrets(t, string(text))
		if t.Failed() {
			t.Logf("the server's output:\n%s", text)
		}
		_ = output.Close()
	})
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ready(t.Context(), public) {
			return
		}
	}
	t.Fatal("the server did not become ready within three minutes")
}

func ready(ctx context.Context, public string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, public+"/health/ready", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}
