package cluster

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// load asks for tokens until it is stopped.
type load struct {
	ended         sync.WaitGroup
	stop          atomic.Bool
	asked, failed atomic.Int64
	mu            sync.Mutex
	failures      map[string]int
}

// put starts a load of eight callers at a time.
func (s *server) put(a application) *load {
	l := &load{failures: map[string]int{}}
	for range 8 {
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

// Three servers: an upgrade loses no request. A server that is killed takes along what it was answering, and what is sent to it until
// the node has new rules; the others answer as ever, and soon nothing is lost any more.
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

	l = r.put(application)
	pods := strings.Fields(s.kubectl("get", "pods", "-l", "app.kubernetes.io/component=server", "-o", "name"))
	s.kubectl("delete", pods[0], "--grace-period=0", "--force")
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout="+patience.String())
	// A new connection leads to the dead one of three at most one time in three.
	if asked, failed := l.end(t, "killing one of three servers"); failed*2 > asked || asked == 0 {
		t.Errorf("%d of %d requests failed", failed, asked)
	}
	for what, times := range l.failures {
		if strings.HasPrefix(what, answered) {
			t.Errorf("while a server was gone, the others %s %d times", what, times)
		}
	}
	s.eventually(func() (bool, string) {
		l := r.put(application)
		s.eventually(func() (bool, string) { return l.asked.Load() > 200, "the servers do not answer" })
		_, failed := l.end(t, "after that")
		return failed == 0, fmt.Sprintf("%d requests fail when all servers are ready", failed)
	})
}
