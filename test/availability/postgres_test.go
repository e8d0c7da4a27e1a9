package availability

import (
	"context"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresPair is a primary and its standby.
type postgresPair struct {
	bin              string
	dir              string
	as               *syscall.SysProcAttr
	primary, standby *daemon
	ports            [2]int
	dsn              string // of both
}

// startPair starts two servers, of which the second takes every commit before it is acknowledged.
func startPair(t *testing.T) *postgresPair {
	t.Helper()
	p := &postgresPair{bin: filepath.Dir(newest(t, "/usr/lib/postgresql/*/bin/postgres"))}
	p.dir, p.as = owner(t, "postgres")
	one, two := freePort(t), freePort(t)
	p.ports = [2]int{one, two}
	run(t, p.as, p.dir, p.bin+"/initdb", "-D", "one", "-U", "gatehouse", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	p.primary = p.serve(t, "one", one)
	run(t, p.as, p.dir, p.bin+"/createdb", "-h", "127.0.0.1", "-p", strconv.Itoa(one), "-U", "gatehouse", "gatehouse")
	run(t, p.as, p.dir, p.bin+"/pg_basebackup", "-h", "127.0.0.1", "-p", strconv.Itoa(one), "-U", "gatehouse", "-D", "two", "-R", "-X", "stream",
		"-c", "fast", "--no-sync")
	p.standby = p.serve(t, "two", two)
	p.dsn = "postgres://gatehouse@" + address(one) + "," + address(two) + "/gatehouse?sslmode=disable&target_session_attrs=read-write"
	conn, err := pgx.Connect(t.Context(), p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the standby is synchronous", func() bool {
		var n int
		err := conn.QueryRow(t.Context(), "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'").Scan(&n)
		return err == nil && n == 1
	})
	return p
}

func (p *postgresPair) serve(t *testing.T, data string, port int) *daemon {
	t.Helper()
	return start(t, p.as, p.dir, "database system is ready to accept", p.bin+"/postgres", "-D", data, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "lc_messages=C", "-c", "logging_collector=off",
		"-c", "max_connections=100")
}

// The primary dies under load and an operator promotes the standby: requests are told to come again until then, nobody is told
// anything else, no server is started again, and nothing that was acknowledged is gone.
func TestPostgresFailover(t *testing.T) {
	p := startPair(t)
	b := balance(t, replicas(t, 2, p.dsn, "")...)
	l := b.load()
	l.more(20)
	p.primary.kill()
	begun := time.Now()
	eventually(t, "requests are told to come again", func() bool { return l.count("come again") > 5 })
	run(t, p.as, p.dir, p.bin+"/pg_ctl", "promote", "-D", "two")
	promoted := time.Now()
	before := l.count("done")
	eventually(t, "requests are served again", func() bool { return l.count("done") > before+20 })
	t.Logf("promoted %s after the primary died; requests were served %s after that", promoted.Sub(begun).Round(time.Millisecond),
		time.Since(promoted).Round(time.Millisecond))
	l.more(20)
	busy := l.count("come again")
	l.more(20)
	if more := l.count("come again") - busy; more != 0 {
		t.Errorf("%d requests were told to come again after all was well", more)
	}
	l.stop("a primary of PostgreSQL was lost")
	if n := l.count("in flight"); n != 0 {
		t.Errorf("%d requests got no answer", n)
	}
	l.kept()
}

// The database is restarted: requests are told to come again meanwhile, and the server goes on by itself.
func TestPostgresRestart(t *testing.T) {
	p := startPair(t)
	b := balance(t, replicas(t, 1, p.dsn, "")...)
	l := b.load()
	l.more(10)
	p.primary.stop(syscall.SIGINT)
	eventually(t, "requests are told to come again", func() bool { return l.count("come again") > 5 })
	p.primary = p.serve(t, "one", p.ports[0])
	l.more(10)
	l.stop("PostgreSQL was restarted")
	l.kept()
}
