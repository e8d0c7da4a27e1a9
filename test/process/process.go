package process

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options say how a server is started.
type Options struct {
	// DSN of all four logical databases; empty is embedded SQLite in the test's directory.
	DSN string
	// Config is YAML that is loaded after the test's own configuration and wins over it.
	Config string
	// Env is added to the process's environment, as "NAME=value".
	Env []string
}

// Server is a running server.
type Server struct {
	// Public and Admin are the base URLs of the two listeners, without a slash at the end.
	Public, Admin string
	// Dir holds the configuration and the data.
	Dir string

	t      testing.TB
	args   []string
	env    []string
	cmd    *exec.Cmd
	done   chan struct{}
	output *lockedBuffer
}

// binary builds the server once for all tests of a package.
var binary = sync.OnceValues(func() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", fmt.Errorf("the test does not know where its source is")
	}
	root := filepath.Join(filepath.Dir(file), "..", "..")
	dir, err := os.MkdirTemp("", "gatehouse-binary-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gatehouse")
	build := exec.Command("go", "build", "-o", path, "./cmd/gatehouse") //nolint:gosec // fixed words
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return path, nil
})

// Binary is the path of the server binary, built when it is first asked for. CleanUp removes it.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Main runs a package's tests and removes the binary after them; call it from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

const configuration = `profile: development
data_dir: %q
databases: {dsn: %q}
serve:
  public: {address: %q, base_url: "http://%[3]s/"}
  admin: {address: %[4]q, base_url: "http://%[4]s/"}
log: {level: info}
`

// Start starts a server and waits until it is ready; it ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, Dir: t.TempDir(), env: o.Env, output: &lockedBuffer{}}
	public, admin := freeAddress(t), freeAddress(t)
	s.Public, s.Admin = "http://"+public, "http://"+admin
	s.args = []string{"serve", "-c", s.write("gatehouse.yaml", fmt.Sprintf(configuration, s.Dir, o.DSN, public, admin))}
	if o.Config != "" {
		s.args = append(s.args, "-c", s.write("more.yaml", o.Config))
	}
	s.Run()
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) write(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.Dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// Run starts the process again after Kill or Stop, on the same data, and waits until it is ready.
func (s *Server) Run() {
	s.t.Helper()
	s.cmd = exec.Command(Binary(s.t), s.args...) //nolint:gosec // the binary that this package built
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	s.done = done
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(done) }(s.cmd)
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		if resp, err := http.Get(s.Public + "/health/ready"); err == nil { //nolint:noctx // bounded by the loop's deadline
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-s.done:
			s.t.Fatalf("the server ended instead of getting ready:\n%s", s.Output())
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.t.Fatalf("the server did not get ready:\n%s", s.Output())
}

// Kill ends the process as a crash does (SIGKILL) and waits for it.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Stop ends the process as an operator does (SIGTERM); one that does not end within 30 s fails the test.
func (s *Server) Stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
		s.t.Errorf("the server did not stop within 30 s of SIGTERM")
	}
	if s.t.Failed() {
		s.t.Logf("the server's output:\n%s", s.Output())
	}
}

// Output is what the process has printed so far.
func (s *Server) Output() string { return s.output.String() }

// lockedBuffer is written by the process's copier and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
