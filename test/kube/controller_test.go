package kube

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// controller is a running controller.
type controller struct {
	t        *testing.T
	args     []string
	metrics  string
	output   *output
	deprived bool // the test takes rights from it

	mu   sync.Mutex // it may be killed while the test starts it anew
	cmd  *exec.Cmd
	done chan struct{}
}

// configure prepares a controller for a namespace and a server, with quick periods; arguments add to that or win.
func (c *cluster) configure(t *testing.T, namespace, admin string, args ...string) *controller {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, c.kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	k := &controller{t: t, metrics: process.FreeAddress(t), output: new(output)}
	k.args = append([]string{
		"--kubeconfig", path, "--namespace", namespace, "--hydra-url", admin, "--metrics-addr", k.metrics, "--health-addr", "0",
		"--sync-period", "1s", "--removal-timeout", "5m", "--log-format", "text",
	}, args...)
	return k
}

// control starts a controller; it ends with the test.
func (c *cluster) control(t *testing.T, namespace, admin string, args ...string) *controller {
	t.Helper()
	k := c.configure(t, namespace, admin, args...)
	k.run()
	return k
}

func (k *controller) run() {
	k.t.Helper()
	cmd, done := exec.Command(process.Controller(k.t), k.args...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = k.output, k.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.cmd, k.done = cmd, done
	go func() { _ = cmd.Wait(); close(done) }()
	k.t.Cleanup(k.stop)
}

// running is the process, and what is closed when it has ended.
func (k *controller) running() (*os.Process, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cmd.Process, k.done
}

// ended waits until the process has.
func (k *controller) ended() {
	_, done := k.running()
	<-done
}

// kill ends the controller as a crash does.
func (k *controller) kill() {
	p, done := k.running()
	_ = p.Kill()
	<-done
}

// stop ends the controller as Kubernetes does, and looks through what it printed: it must have had the rights that it needs.
func (k *controller) stop() {
	k.t.Helper()
	p, done := k.running()
	_ = p.Signal(syscall.SIGTERM)
	select {
	case <-done:
	case <-time.After(patience):
		k.kill()
		k.t.Errorf("the controller did not stop within %s of SIGTERM", patience)
	}
	printed := k.output.String()
	if strings.Contains(printed, "forbidden") && !k.deprived {
		k.t.Error("the API server forbade the controller something: deploy/controller gives too little")
	}
	if k.t.Failed() {
		k.t.Logf("the controller's output:\n%s", printed)
	}
}

// metric is the line of a metric, without its value, and the value.
func (k *controller) metric(line string) (value string, ok bool) {
	resp, err := http.Get("http://" + k.metrics + "/metrics")
	if err != nil {
		return "", false
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	for l := range strings.Lines(string(body)) {
		if rest, found := strings.CutPrefix(l, line+" "); found {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

// output is written by the process's copier and read by the test.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
