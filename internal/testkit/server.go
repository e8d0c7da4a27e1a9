package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	postgresVariable = "GATEHOUSE_TEST_POSTGRES"
	mariadbVariable  = "GATEHOUSE_TEST_MARIADB"

	// What a machine without the servers may need: the packages are installed first.
	startTimeout = 10 * time.Minute
)

// servers are the DSNs of a PostgreSQL and a MariaDB whose users may create databases.
type servers struct {
	postgres string
	mariadb  string

	// users is locked as long as this process lives, which is how shared servers know that they are needed. It is kept here
	// because a file that nobody refers to is closed, and its lock with it.
	users *os.File
}

// findServers looks for the servers once per test process: the environment names them, or the shared ones are joined.
var findServers = sync.OnceValues(func() (servers, error) {
	named := servers{postgres: os.Getenv(postgresVariable), mariadb: os.Getenv(mariadbVariable)}
	if named.postgres != "" && named.mariadb != "" {
		return named, nil
	}
	found, err := joinShared()
	if err != nil {
		return servers{}, fmt.Errorf("a test needs PostgreSQL and MariaDB: run it by `make test`, which brings both, "+
			"or name your own in %s and %s (users who may create databases): %w", postgresVariable, mariadbVariable, err)
	}
	return found, nil
})

// joinShared uses the servers that other test processes of this user run already, or starts them. The files in the directory
// are explained in scripts/with-databases.
func joinShared() (servers, error) {
	script, err := findScript()
	if err != nil {
		return servers{}, err
	}
	dir, err := sharedDirectory()
	if err != nil {
		return servers{}, err
	}
	lock, err := flock(filepath.Join(dir, "lock"), syscall.LOCK_EX)
	if err != nil {
		return servers{}, err
	}
	defer func() { _ = lock.Close() }()

	found, ok := readShared(dir)
	if !ok {
		if found, err = startShared(script, dir); err != nil {
			return servers{}, err
		}
	}
	found.users, err = flock(filepath.Join(dir, "users"), syscall.LOCK_SH)
	return found, err
}

func flock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// findScript looks upwards from the package's directory, where `go test` runs a test.
func findScript() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		script := filepath.Join(dir, "scripts", "with-databases")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("scripts/with-databases is in no directory above the test's")
		}
		dir = parent
	}
}

// sharedDirectory makes the directory in which the user's test processes meet, and trusts it only when it is his alone: it
// lies where everybody may write, and what it holds decides which servers the tests talk to.
func sharedDirectory() (string, error) {
	dir := filepath.Join(os.TempDir(), "gatehouse-test-"+strconv.Itoa(os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm() != 0o700 || int(owner.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s is not a directory of this user alone: remove it", dir)
	}
	return dir, nil
}

// readShared reads which servers are up. A script that was killed leaves its file behind; then they are not.
func readShared(dir string) (servers, bool) {
	text, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		return servers{}, false
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[name] = value
	}
	found := servers{postgres: values[postgresVariable], mariadb: values[mariadbVariable]}
	pid, err := strconv.Atoi(values["PID"])
	if err != nil || syscall.Kill(pid, 0) != nil {
		return servers{}, false
	}
	return found, listens(found.postgres) && listens(found.mariadb)
}

func listens(dsn string) bool {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" {
		return false
	}
	conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// startShared starts the script and waits until its servers are up. The script outlives this process: it has a session of its
// own, and none of the test's pipes, for which `go test` would wait.
func startShared(script, dir string) (servers, error) {
	if err := os.Remove(filepath.Join(dir, "env")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return servers{}, err
	}
	logPath := filepath.Join(dir, "log")
	log, err := os.OpenFile(logPath, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return servers{}, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(script, "--fast", "--shared", dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return servers{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	deadline := time.After(startTimeout)
	for {
		select {
		case err := <-ended:
			return servers{}, fmt.Errorf("%s ended: %w\n%s", filepath.Base(script), err, tail(logPath))
		case <-deadline:
			_ = cmd.Process.Signal(syscall.SIGTERM)
			return servers{}, fmt.Errorf("%s took longer than %s\n%s", filepath.Base(script), startTimeout, tail(logPath))
		case <-time.After(20 * time.Millisecond):
			if found, ok := readShared(dir); ok {
				return found, nil
			}
		}
	}
}

func tail(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	const most = 4 << 10
	return bytes.TrimSpace(text[max(0, len(text)-most):])
}
