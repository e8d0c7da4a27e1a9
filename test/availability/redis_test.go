package availability

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// S2-33 to S2-35: what servers share is read once by all of them, and Redis may be lost with all that it holds, and come back
// empty, under load: no request fails, no server is started again, and nobody has to sign in again.
func TestRedisLost(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedisTLS(t, "--tls-auth-clients", "no", "--requirepass", "a password of redis")
	dsn := testkit.Postgres(t)
	shared := fmt.Sprintf("cache: {redis: {addresses: [\"localhost:%s\"], password: a password of redis, tls: {enabled: true, ca_file: %q}}}\n", redis.TLSPort, redis.CA)
	warm := replicas(t, 1, dsn, shared)[0]
	b := balance(t, warm)
	l := b.load()
	l.more(10)
	l.stop("with Redis")
	token, session := l.tokens[0], l.sessions[0]
	ask := func(s *process.Server) {
		t.Helper()
		for _, r := range []request{
			{method: http.MethodPost, path: "/admin/oauth2/introspect", form: url.Values{"token": {token}}},
			{method: http.MethodGet, path: "/sessions/whoami", session: session},
		} {
			if got := l.sendTo(s, r); got.status != http.StatusOK {
				t.Errorf("%s: %d %s", r.path, got.status, got.body)
			}
		}
	}
	// A position is half a minute behind; what is read before there is one is not shared.
	stored := func(kind string) bool {
		return figure(warm, "gatehouse_shared_cache_total", `kind="`+kind, `outcome="stored"`) > 0
	}
	warm.Eventually(func() bool {
		l.once()
		token, session = l.tokens[len(l.tokens)-1], l.sessions[len(l.sessions)-1]
		return stored("token/") && stored("session/")
	})
	warm.Eventually(func() bool {
		cold := process.Start(t, process.Options{DSN: dsn, Config: settings + shared})
		defer cold.Stop()
		cold.Eventually(func() bool { return figure(cold, "gatehouse_shared_cache_up") == 1 })
		ask(cold)
		return figure(cold, "gatehouse_shared_cache_total", `outcome="hit"`) == 2
	})

	pair := []*process.Server{warm, replicas(t, 1, dsn, shared)[0]}
	l = balance(t, pair...).again(l)
	l.more(20)
	redis.Kill()
	for _, s := range pair {
		s.Eventually(func() bool { return figure(s, "gatehouse_shared_cache_up") == 0 })
	}
	l.more(20)
	redis.Run()
	for _, s := range pair {
		s.Eventually(func() bool { return figure(s, "gatehouse_shared_cache_up") == 1 })
	}
	l.more(20)
	l.stop("Redis was lost and came back empty")
	if n := l.count("come again") + l.count("in flight"); n != 0 {
		t.Errorf("%d requests failed", n)
	}
	l.kept()
	for _, s := range pair {
		if strings.Contains(s.Output(), "a password of redis") {
			t.Error("the password is in the log")
		}
	}
}

// S2-34, S2-39: of a cluster of six a master is lost, and then all of it, which comes back empty: nobody notices, and no server is started again.
func TestRedisClusterLost(t *testing.T) {
	t.Parallel()
	cluster := testkit.StartRedisCluster(t)
	pair := replicas(t, 2, testkit.Postgres(t), fmt.Sprintf("cache: {redis: {addresses: [%s]}}\n", strings.Join(cluster.Addresses(), ", ")))
	l := balance(t, pair...).load()
	l.more(10)
	// used waits until each server has put something into the cluster that it had not before.
	used := func() {
		t.Helper()
		for _, s := range pair {
			before := figure(s, "gatehouse_shared_cache_total", `outcome="stored"`)
			s.Eventually(func() bool {
				l.once()
				return figure(s, "gatehouse_shared_cache_up") == 1 && figure(s, "gatehouse_shared_cache_total", `outcome="stored"`) > before
			})
		}
	}
	used()
	lost := cluster.Masters()[0]
	lost.Kill()
	l.more(20)
	used()
	lost.Run()
	cluster.Wipe(func() {
		for _, s := range pair {
			s.Eventually(func() bool { return figure(s, "gatehouse_shared_cache_up") == 0 })
		}
		l.more(20)
	})
	used()
	l.stop("a master of a Redis Cluster was lost, and then all of it")
	if n := l.count("come again") + l.count("in flight"); n != 0 {
		t.Errorf("%d requests failed", n)
	}
	l.kept()
}
