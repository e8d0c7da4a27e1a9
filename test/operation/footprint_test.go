package operation

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

const (
	binaryLimit   = 40e6 // bytes
	residentLimit = 40e6 // bytes

	// settling is how long a server is left alone before its memory is measured. Its start is over three seconds after the first
	// keys were made, for which a loaded machine takes some seconds more, or many: what is too much by then is measured again.
	settling = 20 * time.Second
)

// S4-30: the server stays small, with SQLite as well as with PostgreSQL. The binary is the one that is released.
func TestFootprint(t *testing.T) {
	binary, err := os.ReadFile(process.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("stripped binary: %.1f MB", float64(len(binary))/1e6)
	if len(binary) > binaryLimit {
		t.Errorf("the stripped binary has %d bytes, the limit is %.0f", len(binary), binaryLimit)
	}
	// Nobody calls this method. It is in the program only when one is looked up by a name that the linker cannot know, and
	// then so is every other.
	if bytes.Contains(binary, []byte("reflect.Value.Methods\x00")) {
		t.Error("the linker kept methods that nobody calls: which dependency calls reflect's Method or MethodByName? " +
			"`go build -ldflags=-dumpdep ./cmd/gatehouse 2>&1 | grep ReflectMethod` names it")
	}
	if runtime.GOOS != "linux" {
		return // the kernel's word on memory is read where there is /proc
	}
	servers := map[string]*process.Server{
		"sqlite":   process.Start(t, process.Options{}),
		"postgres": process.Start(t, process.Options{DSN: testkit.Postgres(t)}),
	}
	time.Sleep(settling)
	for name, s := range servers {
		used, err := resident(s.PID())
		for end := time.Now().Add(time.Minute); err == nil && used > residentLimit && time.Now().Before(end); time.Sleep(time.Second) {
			used, err = resident(s.PID())
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("idle resident memory, %s: %.1f MB", name, used/1e6)
		if used > residentLimit {
			t.Errorf("%s: the idle server takes %.0f bytes, the limit is %.0f", name, used, residentLimit)
		}
	}
}

// resident is a process's resident memory in bytes.
func resident(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kib) * 1024, err
		}
	}
	return 0, fmt.Errorf("the status of process %d has no VmRSS line", pid)
}
