package operation

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// Whoever follows README.md from top to bottom gets a token and a login: its shell blocks run here in their order, in one
// shell, against a server that is started by the command of `make run`. Two things differ: the server listens at free ports,
// and a browser makes an account by itself.
func TestReadme(t *testing.T) {
	blocks := shellBlock.FindAllStringSubmatch(read(t, "README.md"), -1)
	script := ""
	for _, b := range blocks {
		switch b[1] {
		case "make run\n", "make test\n":
		default:
			script += b[1]
		}
	}
	if len(blocks) < 5 || !strings.Contains(script, "perform authorization-code") || !strings.Contains(script, "curl ") {
		t.Fatalf("README.md has %d blocks:\n%s", len(blocks), script)
	}
	dir := t.TempDir()
	public, admin := makeRun(t, dir)

	// The shell finds what README.md put on the path; perform is told where the server of this test is.
	shim := "#!/bin/sh\ncase $1 in perform) exec " + process.Binary(t) + ` "$@" --issuer ` + public + ";; esac\nexec " + process.Binary(t) + ` "$@"` + "\n"
	if err := os.Remove(filepath.Join(dir, "bin", "gatehouse")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "gatehouse"), []byte(shim), 0o700); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail", "-c", strings.ReplaceAll(script, "http://127.0.0.1:4444", public))
	shell.Dir = dir
	shell.Env = append(os.Environ(), "GATEHOUSE_ENDPOINT="+admin)
	var out bytes.Buffer
	errs := &watched{found: make(chan string, 1), look: regexp.MustCompile(`(?m)^  (http\S+)$`)}
	shell.Stdout, shell.Stderr = &out, errs
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- shell.Wait() }()
	select {
	case address := <-errs.found:
		newcomer(t, address, admin)
	case err := <-ended:
		t.Fatalf("README.md ends (%v) before the login:\n%s\n%s", err, out.String(), errs.String())
	}
	if err := <-ended; err != nil {
		t.Fatalf("README.md fails: %v\n%s\n%s", err, out.String(), errs.String())
	}
	for _, want := range []string{`"access_token":"gh_at_`, "ACCESS TOKEN  ", "REFRESH TOKEN  ", "ID TOKEN  "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("README.md's commands do not print %q:\n%s", want, out.String())
		}
	}
}

// makeRun starts the server as `make run` does, with the built binary standing in for what it would build.
func makeRun(t *testing.T, dir string) (public, admin string) {
	t.Helper()
	dry := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-n", "run")
	dry.Dir = root
	recipe, err := dry.Output()
	if err != nil {
		t.Fatalf("make -n run: %v (make is needed, as README.md says)", err)
	}
	lines := strings.Split(strings.TrimSpace(string(recipe)), "\n")
	start := lines[len(lines)-1]
	if len(lines) != 2 || !strings.Contains(lines[0], "scripts/build bin/ ") || !strings.Contains(start, "DATA_DIR=./data bin/gatehouse serve") {
		t.Fatalf("make run does something else than README.md says:\n%s", recipe)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(process.Binary(t), filepath.Join(dir, "bin", "gatehouse")); err != nil {
		t.Fatal(err)
	}
	public, admin = process.FreeAddress(t), process.FreeAddress(t)
	output := &watched{found: make(chan string, 1), look: regexp.MustCompile(`(Stop with Ctrl-C)`)}
	server := exec.CommandContext(t.Context(), "bash", "-c", "exec env "+start)
	server.Dir = dir
	server.Env = append(os.Environ(), "GATEHOUSE_SERVE_PUBLIC_ADDRESS="+public, "GATEHOUSE_SERVE_ADMIN_ADDRESS="+admin)
	server.Stdout, server.Stderr = output, output
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		process.NoSecrets(t, output.String())
	})
	select {
	case <-output.found:
	case <-time.After(3 * time.Minute):
		t.Fatalf("the server does not say that it is ready:\n%s", output.String())
	}
	for _, want := range []string{"http://" + public, "http://" + admin, "data/oauth.db", "clients create", "perform client-credentials", "/account/"} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("the server's welcome does not name %s:\n%s", want, output.String())
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "oauth.db")); err != nil {
		t.Errorf("the data is not in ./data: %v", err)
	}
	return "http://" + public, "http://" + admin
}

// newcomer makes an account at the address, reads the mail that cannot be sent, and allows the application.
func newcomer(t *testing.T, address, admin string) {
	t.Helper()
	p := process.NewPerson(t)
	p.Open(address)
	p.Follow("/registration/")
	p.Press("method", "profile", url.Values{"traits.email": {"ann@example.com"}})
	p.Press("method", "password", url.Values{"password": {"quiet-harbour-lantern-47"}})
	mail, err := exec.CommandContext(t.Context(), process.Binary(t), "courier", "get", "--endpoint", admin).CombinedOutput()
	if err != nil {
		t.Fatalf("the mail cannot be read: %v\n%s", err, mail)
	}
	p.Press("method", "code", url.Values{"code": {regexp.MustCompile(`\b[0-9]{6}\b`).FindString(string(mail))}})
	p.Press("said", "yes", nil)
	if p.URL.Path != "/callback" {
		t.Errorf("the login ends at %s:\n%s", p.URL, p.Page)
	}
	account, err := p.URL.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	account.Path, account.RawQuery = "/account/", ""
	if p.Open(account.String()); !strings.Contains(p.Page, "ann@example.com") {
		t.Errorf("the account shows\n%s", p.Page)
	}
}

// watched keeps what a process prints and tells once when a line appears in it.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	look  *regexp.Regexp
	found chan string
	told  bool
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	if m := w.look.FindSubmatch(w.text.Bytes()); m != nil && !w.told {
		w.told = true
		w.found <- string(m[1])
	}
	return len(b), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
