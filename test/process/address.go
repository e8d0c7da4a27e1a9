package process

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// ports are those that this process has taken for itself.
var ports struct {
	sync.Mutex
	file  *os.File
	taken map[int]bool
}

// FreeAddress is a loopback address at which nobody listens. It lies below the ports that outgoing connections get, so that
// none of them takes it before the server listens, or while the server is restarted; and no other test is given it, in this
// process or in another of the same user, as long as this process lives.
func FreeAddress(t testing.TB) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	var last error
	for range 100 {
		port := 10000 + rand.IntN(10000)
		address := "127.0.0.1:" + strconv.Itoa(port)
		if last = take(port); last != nil {
			continue
		}
		listener, err := net.Listen("tcp", address)
		if err == nil {
			_ = listener.Close()
			return address
		}
		last = err
	}
	t.Fatal(last)
	return ""
}

// take locks one byte of a file for each port: the kernel gives it back when the process ends, however it ends.
func take(port int) error {
	if ports.taken[port] {
		return errors.New("this process has taken all ports from 10000 to 19999")
	}
	if ports.file == nil {
		path := filepath.Join(os.TempDir(), fmt.Sprintf("gatehouse-test-ports-%d", os.Getuid()))
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return err
		}
		ports.file, ports.taken = file, map[int]bool{}
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: int64(port), Len: 1}
	if err := syscall.FcntlFlock(ports.file.Fd(), syscall.F_SETLK, &lock); err != nil {
		return fmt.Errorf("another process has taken port %d: %w", port, err)
	}
	ports.taken[port] = true
	return nil
}
