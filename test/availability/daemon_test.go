package availability

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// daemon is a database server's process. It ends with the test, and at once.
type daemon struct {
	t      *testing.T
	as     *syscall.SysProcAttr
	cmd    *exec.Cmd
	ended  chan struct{}
	output *output
}

// output is written by a process and read by the test.
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

// owner gives the attributes of processes of a package's user, and a directory of his: database servers refuse root. Anybody else
// runs them as himself.
func owner(t *testing.T, name string) (dir string, as *syscall.SysProcAttr) {
	t.Helper()
	as = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	//nolint:usetesting // the test's own directory is below one that no other user may enter
	dir, err := os.MkdirTemp("", "gatehouse-availability-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return dir, as
	}
	found, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(found.Uid)
	gid, _ := strconv.Atoi(found.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return dir, as
}

// run runs a command as the server's user and wants it to work.
func run(t *testing.T, as *syscall.SysProcAttr, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.SysProcAttr, cmd.Dir = as, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// start starts a server and waits until its output says that it is ready.
func start(t *testing.T, as *syscall.SysProcAttr, dir, ready string, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, as: as, cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{}), output: &output{}}
	d.cmd.SysProcAttr, d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = as, dir, d.output, d.output
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.cmd.Wait(); close(d.ended) }()
	t.Cleanup(d.kill)
	for end := time.Now().Add(2 * time.Minute); !strings.Contains(d.output.String(), ready); time.Sleep(20 * time.Millisecond) {
		select {
		case <-d.ended:
			t.Fatalf("%s ended:\n%s", args[0], d.output)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not ready after two minutes:\n%s", args[0], d.output)
		}
	}
	return d
}

// kill ends the server as a machine that loses its power does.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// stop ends the server in order, by the signal that it takes for that.
func (d *daemon) stop(signal syscall.Signal) {
	_ = d.cmd.Process.Signal(signal)
	<-d.ended
}

// freePort is the port of an address that no other test is given.
func freePort(t *testing.T) int {
	t.Helper()
	_, port, _ := strings.Cut(process.FreeAddress(t), ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// newest is the program of the newest version that is installed.
func newest(t *testing.T, pattern string) string {
	t.Helper()
	found, _ := filepath.Glob(pattern)
	if len(found) == 0 {
		t.Fatalf("nothing is at %s: `make test` installs what the tests need", pattern)
	}
	return found[len(found)-1]
}

// eventually waits for what has no promise about its time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	testkit.Eventually(t, what, holds)
}
