package process

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
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
	// Next has it be of the version that comes after this one; see Next.
	Next bool
}

// Server is a running server.
type Server struct {
	// Public and Admin are the base URLs of the two listeners, without a slash at the end.
	Public, Admin string
	// Dir holds the configuration and the data.
	Dir string

	t      testing.TB
	client *http.Client
	config []string
	env    []string
	binary string
	cmd    *exec.Cmd
	done   chan struct{}
	output *lockedBuffer
}

// built is the directory of the binaries; empty until a test asked for one.
var built string

// binary and controller build the server and the controller, as they are released, once for all tests of a package.
var (
	binary     = sync.OnceValues(func() (string, error) { return build("gatehouse", "") })
	controller = sync.OnceValues(func() (string, error) { return build("gatehouse-controller", "") })
	directory  = sync.OnceValue(func() (err error) {
		built, err = os.MkdirTemp("", "gatehouse-binary-")
		return err
	})
)

// build builds ./cmd/command into a file of that name, which may have more to it.
func build(command string, more string, env ...string) (string, error) {
	top, err := source()
	if err != nil {
		return "", err
	}
	if err := directory(); err != nil {
		return "", err
	}
	path := filepath.Join(built, command+more)
	cmd := exec.Command(filepath.Join(top, "scripts", "build"), path, "./cmd/"+command)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", command, err, out)
	}
	return path, nil
}

// source is the repository's directory.
func source() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", fmt.Errorf("the test does not know where its source is")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file))), nil
}

// Binary is the path of the server binary, built when it is first asked for. Main removes it.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Controller is the path of the controller's.
func Controller(t testing.TB) string {
	t.Helper()
	path, err := controller()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Main runs a package's tests and removes the binaries after them, and does what else is to be done then; call it from TestMain.
func Main(m *testing.M, after ...func()) {
	code := m.Run()
	for _, do := range after {
		do()
	}
	if built != "" {
		_ = os.RemoveAll(built)
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
	s := Configure(t, o)
	s.Run()
	t.Cleanup(s.Stop)
	return s
}

// Launch starts a server without waiting for anything; it ends with the test.
func Launch(t testing.TB, o Options) *Server {
	t.Helper()
	s := Configure(t, o)
	s.launch()
	t.Cleanup(s.Stop)
	return s
}

// Configure writes the configuration of a server and starts none.
func Configure(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, client: http.DefaultClient, Dir: t.TempDir(), env: o.Env, binary: Binary(t), output: &lockedBuffer{}}
	if o.Next {
		s.binary = Next(t)
	}
	public, admin := FreeAddress(t), FreeAddress(t)
	s.Public, s.Admin = "http://"+public, "http://"+admin
	s.config = []string{"-c", s.write("gatehouse.yaml", fmt.Sprintf(configuration, s.Dir, o.DSN, public, admin))}
	if o.Config != "" {
		s.Override(o.Config)
	}
	t.Cleanup(func() { s.holdsNoSecret("the server's output", s.Output(), nil, true) })
	return s
}

// Configuration names the server's configuration files with another flag than -c, for commands on more than one server.
func (s *Server) Configuration(flag string) (args []string) {
	for _, arg := range s.config {
		if arg == "-c" {
			arg = flag
		}
		args = append(args, arg)
	}
	return args
}

// Override adds YAML that wins over what was configured before.
func (s *Server) Override(config string) {
	s.t.Helper()
	s.config = append(s.config, "-c", s.write(fmt.Sprintf("more-%d.yaml", len(s.config)), config))
}

// Secure has the server spoken to as in production: the public listener at a URL, by HTTPS, and the admin listener with a key, which
// commands find in their environment. It gives the client that does so. authority is a PEM file of who signed the listener's certificate.
func (s *Server) Secure(public, authority, adminKey string) *http.Client {
	s.t.Helper()
	content, err := os.ReadFile(authority)
	if err != nil {
		s.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(content)
	s.Public = public
	s.env = append(slices.Clone(s.env), "GATEHOUSE_ADMIN_KEY="+adminKey)
	s.client = &http.Client{Transport: &authorized{
		address: strings.TrimPrefix(s.Admin, "http://"), key: adminKey, via: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}},
	}}
	return s.client
}

// authorized shows a key to one listener.
type authorized struct {
	address, key string
	via          http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (a *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == a.address {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+a.key)
	}
	return a.via.RoundTrip(r)
}

func (s *Server) write(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.Dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// Run starts the process, also again after Kill or Stop on the same data, and waits until it is ready.
func (s *Server) Run() {
	s.t.Helper()
	s.launch()
	s.Eventually(func() bool {
		code, _ := s.Try(s.Public + "/health/ready")
		return code == http.StatusOK
	})
}

func (s *Server) launch() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, append([]string{"serve"}, s.config...)...)
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	s.done = done
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(done) }(s.cmd)
}

// patience is how long servers are waited for. None takes a tenth of it, but on a machine that does other things too.
const patience = 2 * time.Minute

// Eventually waits until a condition holds. A server that ends meanwhile fails the test with its output.
func (s *Server) Eventually(holds func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if holds() {
			return
		}
		select {
		case <-s.done:
			s.t.Fatalf("the server ended meanwhile:\n%s", s.Output())
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.t.Fatalf("what the test waits for did not happen within %s:\n%s", patience, s.Output())
}

// Try gives the status and the body at an address; 0 where nobody answers.
func (s *Server) Try(address string) (int, string) {
	resp, err := s.client.Get(address)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// Answers reports whether the public listener answers at all.
func (s *Server) Answers() bool {
	code, _ := s.Try(s.Public + "/health/alive")
	return code != 0
}

// Command runs the binary with this server's configuration, where the command takes one, and gives what it printed and
// its exit status.
func (s *Server) Command(args ...string) (output string, status int) {
	return s.CommandEnv(nil, args...)
}

// CommandEnv is Command with more environment.
func (s *Server) CommandEnv(env []string, args ...string) (output string, status int) {
	s.t.Helper()
	output, state := s.command(env, args, func(*os.Process) {})
	return output, state.ExitCode()
}

// CommandKilled is Command for a process that is killed as a crash does (SIGKILL) when it has run for so long, and says whether it
// was: one that had done its work before was not.
func (s *Server) CommandKilled(after time.Duration, args ...string) (output string, killed bool) {
	s.t.Helper()
	output, state := s.command(nil, args, func(p *os.Process) { time.AfterFunc(after, func() { _ = p.Kill() }) })
	if state.Success() {
		return output, false
	}
	if status, ok := state.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		s.t.Fatalf("gatehouse %v failed before it was killed: %s\n%s", args, state, output)
	}
	return output, true
}

// CommandSignalled is Command for a process that is sent a signal when a condition holds, unless it has ended before.
func (s *Server) CommandSignalled(signal os.Signal, when func() bool, args ...string) (output string, state *os.ProcessState) {
	s.t.Helper()
	cmd := s.prepare(nil, args)
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for sent := false; ; {
		select {
		case <-ended:
			s.holdsNoSecret("the output of gatehouse "+args[0], out.String(), nil, true)
			return out.String(), cmd.ProcessState
		case <-time.After(10 * time.Millisecond):
			if !sent && when() {
				sent = true
				_ = cmd.Process.Signal(signal)
			}
		}
	}
}

func (s *Server) command(env, args []string, started func(*os.Process)) (string, *os.ProcessState) {
	s.t.Helper()
	cmd := s.prepare(env, args)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("gatehouse %v: %v", args, err)
	}
	started(cmd.Process)
	_ = cmd.Wait()
	s.holdsNoSecret("the output of gatehouse "+args[0], out.String(), env, !slices.Contains(telling, args[0]))
	return out.String(), cmd.ProcessState
}

// prepare makes the command, with this server's configuration where it takes one.
func (s *Server) prepare(env, args []string) *exec.Cmd {
	s.t.Helper()
	if slices.Contains([]string{"serve", "migrate", "config", "backup"}, args[0]) {
		args = slices.Concat(args, s.config)
	}
	cmd := exec.CommandContext(s.t.Context(), s.binary, args...)
	cmd.Env = append(append(os.Environ(), s.env...), env...)
	return cmd
}

// Statements counts the SQL statements that the server runs while something is done, by its own metrics. Background work adds some, on
// a machine that halts each time: so it is done again, after what prepares it each time, until there are as many as wanted or fewer,
// which what really takes more never has. What it gives after a minute is the least there was.
func (s *Server) Statements(want int, do func(), prepare ...func()) int {
	s.t.Helper()
	least := math.MaxInt
	for end := time.Now().Add(time.Minute); least > want && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for _, p := range prepare {
			p()
		}
		before := s.statements()
		do()
		least = min(least, s.statements()-before)
	}
	return least
}

var statementsLine = regexp.MustCompile(`(?m)^gatehouse_sql_statements_total\{[^}]*\} (\S+)$`)

func (s *Server) statements() int {
	s.t.Helper()
	_, metrics := s.Try(s.Admin + "/admin/metrics/prometheus")
	found := statementsLine.FindAllStringSubmatch(metrics, -1)
	if len(found) == 0 {
		s.t.Fatalf("no count of statements in the metrics:\n%.2000s", metrics)
	}
	sum := 0.0
	for _, line := range found {
		n, err := strconv.ParseFloat(line[1], 64)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += n
	}
	return int(sum)
}

// Kill ends the process as a crash does (SIGKILL) and waits for it.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Stop ends the process as an operator does (SIGTERM); one that does not end within two minutes fails the test. By then the
// server has given up what it waits for.
func (s *Server) Stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.done
		s.t.Errorf("the server did not stop within %s of SIGTERM", patience)
	}
	if s.t.Failed() {
		s.t.Logf("the server's output:\n%s", s.Output())
	}
}

// PID is the process's id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

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
