package availability

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// S2-37, S2-43: of two replicas under load one is killed, and then one is rolled. Who was not just being served by the one that was
// killed notices nothing.
func TestReplicasComeAndGo(t *testing.T) {
	for name, dsn := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mariadb": testkit.MariaDB} {
		t.Run(name, func(t *testing.T) {
			at := dsn(t)
			pair := replicas(t, 2, at, "")
			b := balance(t, pair...)
			l := b.load()
			l.more(30)
			pair[0].Kill()
			dead := time.Now() // until then the kernel may still take a connection for it
			l.more(30)
			lost := l.count("in flight")
			if after := l.lostSince(dead); after != 0 {
				t.Errorf("%d requests were lost that began when the replica was dead", after)
			}
			// A server of the next version is started, which migrates the databases, and both serve; then the old one is told to stop.
			fresh := process.Start(t, process.Options{DSN: at, Config: settings, Next: true})
			for s, version := range map[*process.Server]string{pair[1]: `"version":"unreleased"`, fresh: `"version":"next"`} {
				if _, is := s.Try(s.Admin + "/version"); !strings.Contains(is, version) {
					t.Errorf("the server is %s, want %s", is, version)
				}
			}
			if code, body := pair[1].Try(pair[1].Admin + "/health/ready"); code != http.StatusOK || !strings.Contains(body, "newer than this server") {
				t.Errorf("the old one answers %d %s: it serves on, and says that it is older", code, body)
			}
			b.add(fresh)
			l.more(30)
			pair[1].Stop()
			l.more(30)
			if more := l.count("in flight") - lost; more != 0 {
				t.Errorf("%d requests were lost with a replica that was rolled", more)
			}
			if busy := l.count("come again"); busy != 0 {
				t.Errorf("%d requests were told to come again", busy)
			}
			l.stop("one of two replicas killed, one rolled")
			l.kept()
		})
	}
}
