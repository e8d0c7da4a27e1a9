package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one process under measurement.
type server struct {
	public, admin string
	doors         doorAddresses
	ready         time.Duration
	output        bytes.Buffer
	cmd           *exec.Cmd
	done          chan struct{}
	ended         error // how; to be read after done
}

// freeAddress finds a loopback port that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}

func start(ctx context.Context, healthURL string, cmd *exec.Cmd) (*server, error) {
	s := &server{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	// The load generator may be killed; the server must not outlive it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.done)
		s.ended = cmd.Wait()
	}()
	deadline := time.After(30 * time.Second)
	for {
		if resp, err := http.Get(healthURL); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				s.ready = time.Since(began)
				return s, nil
			}
		}
		select {
		case <-s.done:
			return nil, fmt.Errorf("the server ended while starting: %w\n%s", s.ended, s.output.String())
		case <-deadline:
			s.stop()
			return nil, fmt.Errorf("the server was not ready within 30 s\n%s", s.output.String())
		case <-ctx.Done():
			s.stop()
			return nil, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// stop ends the process as an operator would and waits for it.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

func startBare(ctx context.Context, flags ...string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, "http://"+address+"/health/ready", exec.Command(self, append([]string{"-serve-bare", address}, flags...)...))
	if err != nil {
		return nil, err
	}
	s.public = "http://" + address
	return s, nil
}

const serverConfig = `profile: development
data_dir: %[1]s
databases:
  dsn: %[2]q
serve:
  public: {address: %[3]q, base_url: "http://%[3]s/"}
  admin: {address: %[4]q, base_url: "http://%[4]s/"}
log: {level: warn}
keys:
  id_token: {algorithm: ES256}
oauth:
  urls:
    login: http://127.0.0.1:9/login
    consent: http://127.0.0.1:9/consent
hashing: {algorithm: argon2, memory: %[5]d, time: %[6]d, parallelism: 1}
# All load comes from one address, which no rate is meant for. Lock-outs stay, and what they cost; nobody is locked out
# because no attempt fails, or because the timing test counts on so many.
limits:
  flow: {requests: 0}
  login: {requests: 0}
  registration: {requests: 0}
  recovery: {requests: 0}
  verification: {requests: 0}
  recipient: {requests: 0}
  lockout: {failures: 1000, failures_anywhere: 100000}
# By default the answer to a registration waits for a beat of 100 ms, so that it does not tell whether the address is taken:
# where hashes are cheap, that and not our work would be measured. Nor is a service on the internet this server.
selfservice:
  account_enumeration: {mitigate: %[7]t}
  methods: {password: {config: {haveibeenpwned_enabled: false}}}
`

// variant is a way in which the server is configured.
type variant struct {
	name string
	cost hashCost
	// rules is how many access rules there are; 0 leaves the doors shut.
	rules int
}

var (
	usual = variant{name: "usual", cost: usualCost}
	cheap = variant{name: "cheap", cost: leastCost}
)

// hashCost is what hashing a password with Argon2id takes.
type hashCost struct{ memory, passes int }

var (
	usualCost = hashCost{memory: 19456, passes: 2} // the server's default
	leastCost = hashCost{memory: 64, passes: 1}    // the least that it takes: what remains is everything but the hash
)

// String is the cost as the table names it.
func (c hashCost) String() string {
	if c.memory < 1024 {
		return fmt.Sprintf("%d KiB × %d", c.memory, c.passes)
	}
	return fmt.Sprintf("%d MiB × %d", c.memory/1024, c.passes)
}

func startGatehouse(ctx context.Context, binary string, d database, v variant) (*server, error) {
	public, err := freeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	dsn := d.dsn
	if d.name == "sqlite" {
		dsn = ""
	}
	file := filepath.Join(d.dir, "gatehouse.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, serverConfig, d.dir, dsn, public, admin, v.cost.memory, v.cost.passes, v.cost == usualCost), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "serve", "-c", file)
	var doors doorAddresses
	if v.rules > 0 {
		more, err := doors.configure(d.dir, v.rules)
		if err != nil {
			return nil, err
		}
		cmd.Args = append(cmd.Args, "-c", more)
	}
	s, err := start(ctx, "http://"+public+"/health/ready", cmd)
	if err != nil {
		return nil, err
	}
	s.public, s.admin, s.doors = "http://"+public, "http://"+admin, doors
	return s, nil
}

// residentKB reads the server's resident memory from the kernel.
func (s *server) residentKB() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, errors.New("the kernel's process status has no VmRSS line")
}

// usage is what a server has used.
type usage struct {
	statements float64
	processor  time.Duration
}

func (u usage) minus(o usage) usage {
	return usage{u.statements - o.statements, u.processor - o.processor}
}

func (s *server) usage() (u usage, err error) {
	if u.statements, err = s.statements(); err != nil {
		return u, err
	}
	u.processor, err = s.processorTime()
	return u, err
}

// ticks is the unit of processor time in /proc: a hundredth of a second on every Linux that Go runs on.
const ticks = 10 * time.Millisecond

// processorTime reads from the kernel how long the server has kept processors busy.
func (s *server) processorTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in brackets, which may hold anything; utime and stime are fields 14 and 15.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("the kernel's process stat is cut short")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * ticks, errors.Join(err, err2)
}

const statementsMetric = "gatehouse_sql_statements_total"

// statements reads how many SQL statements the server has run on all its databases, from its own metrics. The bare
// handler has no admin listener and runs none.
func (s *server) statements() (float64, error) {
	if s.admin == "" {
		return 0, nil
	}
	resp, err := http.Get(s.admin + "/admin/metrics/prometheus")
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	sum, found := 0.0, false
	scanner := bufio.NewScanner(io.LimitReader(resp.Body, 8<<20))
	for scanner.Scan() {
		line := scanner.Text()
		if !strings.HasPrefix(line, statementsMetric) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("metric line %q: %w", line, err)
		}
		sum, found = sum+v, true
	}
	if err := scanner.Err(); err != nil {
		return 0, err
	}
	if !found {
		return 0, fmt.Errorf("the admin listener publishes no %s", statementsMetric)
	}
	return sum, nil
}
