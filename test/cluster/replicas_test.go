package cluster

import (
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

// sketch is what went wrong, without the ports that differ each time.
func sketch(code int, err error) string {
	if err == nil {
		return http.StatusText(code)
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

// Three servers: an upgrade loses no request, and a server that is killed takes along no more than what it was answering.
func TestReplicas(t *testing.T) {
	s := newSpace(t, "replicas")
	s.productionSecrets()
	s.kubectl("delete", "secret", "gatehouse-secrets")
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
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout=120s")
	// Those that it was answering, and those that were sent to it before the others' rules were there.
	if asked, failed := l.end(t, "killing one of three servers"); failed*20 > asked || asked == 0 {
		t.Errorf("%d of %d requests failed", failed, asked)
	}
}
