package cluster

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// callers is how many ask at a time.
const callers = 8

// load asks for tokens until it is stopped.
type load struct {
	ended         sync.WaitGroup
	stop          atomic.Bool
	asked, failed atomic.Int64
	mu            sync.Mutex
	failures      map[string]int
}

// put starts a load.
func (s *server) put(a application) *load {
	l := &load{failures: map[string]int{}}
	for range callers {
		l.ended.Go(func() {
			for !l.stop.Load() {
				l.asked.Add(1)
				if code, _, err := s.token(a); code != http.StatusOK {
					l.failed.Add(1)
					l.mu.Lock()
					l.failures[sketch(code, err)]++
					l.mu.Unlock()
				}
			}
		})
	}
	return l
}

// answered marks what a server said, beside what became of requests that none answered.
const answered = "answered "

// sketch is what went wrong, without the ports that differ each time.
func sketch(code int, err error) string {
	if err == nil {
		return answered + http.StatusText(code)
	}
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+2:]
}

// end stops it and gives how many requests there were and how many had no answer.
func (l *load) end(t *testing.T, when string) (asked, failed int64) {
	t.Helper()
	l.stop.Store(true)
	l.ended.Wait()
	t.Logf("%s: %d requests, %d failed %v", when, l.asked.Load(), l.failed.Load(), l.failures)
	return l.asked.Load(), l.failed.Load()
}

// Three servers: an upgrade loses no request. A server that ends at once takes along what it was answering, and refuses new connections
// until the node has new rules; the others answer as ever.
func TestReplicas(t *testing.T) {
	s := newSpace(t, "replicas")
	s.productionSecrets()
	values := []string{"-f", example("production-bundled.yaml"), "--set", "admin.key.generate=true", "--set", "replicaCount=3", "--set-json", `resources={"requests": {"cpu": "50m", "memory": "128Mi"}}`}
	s.install(values...)
	r := s.newServer()
	application := r.register()
	r.mustToken(application)

	l := r.put(application)
	s.install(append(values, "--set", "config.log.level=warn")...)
	if asked, failed := l.end(t, "replacing three servers"); failed != 0 || asked == 0 {
		t.Errorf("%d of %d requests failed during an upgrade", failed, asked)
	}

	victims := s.servers()
	r.loses(application, victims[0], func(pod string) { s.kill(pod) })
	r.loses(application, victims[1], func(pod string) { s.kubectl("delete", pod, "--grace-period=0", "--force") })
}

// servers are those that are ready: their pods, and how often each was started anew.
func (s *space) servers() []string {
	s.Helper()
	return strings.Fields(s.kubectl("get", "pods", "-l", "app.kubernetes.io/component=server", "-o",
		`jsonpath={range .items[?(@.status.containerStatuses[0].ready==true)]}pod/{.metadata.name}:{.status.containerStatuses[0].restartCount} {end}`))
}

// loses fails the test if more is lost by the end of a server than it has to be. Each caller loses what he waits for, and one new connection
// in three, until one leads to a server that lives: half a request more, on average. That eight of them lose forty has no chance.
func (s *server) loses(a application, victim string, ends func(pod string)) {
	s.Helper()
	l := s.put(a)
	begun := time.Now()
	pod, _, _ := strings.Cut(victim, ":")
	ends(pod)
	s.eventually(func() (bool, string) {
		now := s.servers()
		return len(now) == 3 && !slices.Contains(now, victim), fmt.Sprint("servers: ", now)
	})
	again := time.Since(begun)
	s.http.CloseIdleConnections()
	s.eventually(func() (bool, string) { // the node has new rules
		asked, failed := l.asked.Load(), l.failed.Load()
		s.eventually(func() (bool, string) { return l.asked.Load() > asked+200, "the servers do not answer" })
		return l.failed.Load() == failed, fmt.Sprintf("%d requests fail when all servers are ready", l.failed.Load()-failed)
	})
	_, failed := l.end(s.T, fmt.Sprintf("without %s, three were ready again after %.1f s", victim, again.Seconds()))
	if failed > 5*callers {
		s.Errorf("%d requests failed", failed)
	}
	for what, times := range l.failures {
		if strings.HasPrefix(what, answered) {
			s.Errorf("while a server was gone, the others %s %d times", what, times)
		}
	}
}

// kill ends the server of a pod as the kernel does when memory is short.
func (s *space) kill(pod string) {
	s.Helper()
	id := s.kubectl("get", pod, "-o", "jsonpath={.metadata.uid}")
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		groups, _ := os.ReadFile(filepath.Join(process, "cgroup"))
		command, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		if !strings.Contains(string(groups), id) || !strings.HasPrefix(string(command), "/gatehouse\x00serve") {
			continue
		}
		number, _ := strconv.Atoi(filepath.Base(process))
		if err := syscall.Kill(number, syscall.SIGKILL); err != nil {
			s.Fatal(err)
		}
		return
	}
	s.Fatalf("%s has no server", pod)
}
