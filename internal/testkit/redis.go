package testkit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis is a server on a port of this machine, which keeps what it is told in memory alone. It ends with the test.
type Redis struct {
	// Address is host and port.
	Address string

	t        testing.TB
	settings []string
	more     []string // the setting of one more port, and the port, where there is one
	cmd      *exec.Cmd
	ended    chan struct{}
	output   bytes.Buffer
}

// StartRedis starts a server with more settings, as --name value; Debian's package redis-server has it.
func StartRedis(t testing.TB, settings ...string) *Redis {
	t.Helper()
	return startRedis(t, "", settings...)
}

// startRedis starts a server with one more port, where it has a setting for that.
func startRedis(t testing.TB, more string, settings ...string) *Redis {
	t.Helper()
	r := &Redis{t: t, settings: append([]string{"--dir", t.TempDir()}, settings...)}
	t.Cleanup(func() {
		if r.cmd != nil {
			r.Kill()
		}
	})
	for range 10 {
		// Below the range from which outgoing connections take theirs, so that it is free when the server is started again.
		port := func() int { return 20000 + rand.IntN(12000) }
		r.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port()))
		if more != "" {
			r.more = []string{more, strconv.Itoa(port())}
		}
		if r.run() {
			return r
		}
	}
	t.Fatalf("testkit: redis-server does not start:\n%s", r.output.String())
	return nil
}

// Run starts the server again, empty.
func (r *Redis) Run() {
	r.t.Helper()
	if !r.run() {
		r.t.Fatalf("testkit: redis-server does not start again:\n%s", r.output.String())
	}
}

// run reports whether the server answers. Another process may have its port.
func (r *Redis) run() bool {
	r.t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatalf("testkit: redis-server is not installed: `make test` installs it, and so does scripts/install-packages redis-server redis-tools")
	}
	host, port, _ := net.SplitHostPort(r.Address)
	args := slices.Concat([]string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no"}, r.more, r.settings)
	r.output.Reset()
	r.cmd = exec.Command(binary, args...)
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatalf("testkit: %v", err)
	}
	ended := make(chan struct{})
	r.ended = ended
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(ended) }(r.cmd)
	own := fmt.Sprintf("process_id:%d\r", r.cmd.Process.Pid)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(look) {
		select {
		case <-ended:
			return false
		default:
		}
		if info, err := r.ask("INFO server"); err == nil && (strings.Contains(info, own) || strings.HasPrefix(info, "-NOAUTH")) {
			return true
		}
	}
	r.Kill()
	return false
}

// Kill ends the server at once, and all that it holds is lost.
func (r *Redis) Kill() {
	_ = r.cmd.Process.Kill()
	<-r.ended
}

// Do sends a command and returns the answer as it stands on the wire.
func (r *Redis) Do(command string) string {
	r.t.Helper()
	answer, err := r.ask(command)
	if err != nil {
		r.t.Fatalf("testkit: redis: %s: %v", command, err)
	}
	return answer
}

// ask sends one command on a connection of its own, and reads until the server has ended it.
func (r *Redis) ask(command string) (string, error) {
	conn, err := net.DialTimeout("tcp", r.Address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write([]byte(command + "\r\nQUIT\r\n")); err != nil {
		return "", err
	}
	var answer bytes.Buffer
	_, err = answer.ReadFrom(conn)
	return answer.String(), err
}

// RedisCluster is six nodes: three masters and three replicas. It ends with the test.
type RedisCluster struct {
	// Nodes are all of them; which are masters changes.
	Nodes []*Redis

	t testing.TB
}

// StartRedisCluster starts a cluster and waits until it serves. A master that is gone is replaced within some seconds.
func StartRedisCluster(t testing.TB) *RedisCluster {
	t.Helper()
	c := &RedisCluster{t: t}
	for range 6 {
		c.Nodes = append(c.Nodes, startRedis(t, "--cluster-port", "--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--repl-diskless-sync-delay", "0"))
	}
	c.join()
	return c
}

// join makes a cluster of the nodes and waits until all of them know it.
func (c *RedisCluster) join() {
	c.t.Helper()
	args := []string{"--cluster", "create"}
	for _, n := range c.Nodes {
		args = append(args, n.Address)
	}
	out, err := exec.Command("redis-cli", append(args, "--cluster-replicas", "1", "--cluster-yes")...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("testkit: redis-cli --cluster create: %v\n%s", err, out)
	}
	Eventually(c.t, "the cluster serves", func() bool {
		for _, n := range c.Nodes {
			// A replica that never had its master's data does not take over.
			if !strings.Contains(n.Do("CLUSTER INFO"), "cluster_state:ok") || strings.Contains(n.Do("INFO replication"), "master_link_status:down") {
				return false
			}
		}
		return len(c.Masters()) == 3
	})
}

// Addresses are those of all nodes.
func (c *RedisCluster) Addresses() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.Address)
	}
	return all
}

// Masters are the nodes that say they are, and have slots.
func (c *RedisCluster) Masters() []*Redis {
	var masters []*Redis
	for _, n := range c.Nodes {
		if role, err := n.ask("ROLE"); err == nil && strings.Contains(role, "master") {
			masters = append(masters, n)
		}
	}
	return masters
}

// Wipe ends all nodes at once and makes a new cluster of new ones, at the same addresses, which knows nothing. between is called
// while there is none.
func (c *RedisCluster) Wipe(between func()) {
	c.t.Helper()
	for _, n := range c.Nodes {
		n.Kill()
	}
	between()
	for _, n := range c.Nodes {
		n.settings = append(n.settings, "--dir", c.t.TempDir())
		n.Run()
	}
	c.join()
}
