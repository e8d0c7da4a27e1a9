package mortal_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/mortal"
)

// started is set in the process that TestKilled kills.
const started = "GATEHOUSE_TEST_MORTAL_STARTED"

func TestMain(m *testing.M) {
	mortal.Main()
	if dir := os.Getenv(started); dir != "" {
		start(dir)
	}
	os.Exit(m.Run())
}

// start starts a program as a library would, tells its process id, and waits to be killed.
func start(of string) {
	dir, err := mortal.Directory(of, "sleep")
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(filepath.Join(dir, "sleep"), "600")
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	os.Stdout.WriteString(dir + "\n" + strconv.Itoa(cmd.Process.Pid) + "\n")
	_ = cmd.Wait()
	os.Exit(0)
}

// A program whose test is killed ends too.
func TestKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // nothing is promised there
	}
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), started+"="+filepath.Dir(path))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	defer os.RemoveAll(lines.Text())
	lines.Scan()
	pid, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program runs", func() bool { return command(pid) == "sleep" })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the program ends", func() bool { return command(pid) != "sleep" })
}

// command is the name of what runs as a process, "" where nothing does, or what ended waits to be asked after.
func command(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	name, rest, _ := strings.Cut(string(stat), ") ")
	if strings.HasPrefix(rest, "Z") {
		return ""
	}
	return name[strings.IndexByte(name, '(')+1:]
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after a minute: %s", what)
		}
	}
}
