package availability

import (
	"database/sql"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// galera is a cluster of three nodes of MariaDB, each of which takes writes.
type galera struct {
	dir   string
	as    *syscall.SysProcAttr
	ports [3]int // of SQL
	group [3]int // of replication
	nodes [3]*daemon
}

// startGalera starts the first node alone, stops it, and gives the others copies of what it has: so none has to transfer its state.
func startGalera(t *testing.T) *galera {
	t.Helper()
	g := &galera{}
	g.dir, g.as = owner(t, "mysql")
	for i := range g.ports {
		g.ports[i], g.group[i] = freePort(t), freePort(t)
	}
	run(t, g.as, g.dir, "mariadb-install-db", "--no-defaults", "--datadir="+filepath.Join(g.dir, "data-0"), "--skip-test-db", "--skip-name-resolve",
		"--auth-root-authentication-method=normal")
	g.start(t, 0, "--wsrep-new-cluster")
	db := g.open(t, 0, "root", "")
	for _, statement := range []string{"CREATE DATABASE gatehouse", "CREATE USER 'gatehouse'@'%' IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO 'gatehouse'@'%'"} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	_ = db.Close()
	g.nodes[0].stop(syscall.SIGTERM)
	for i := 1; i < 3; i++ {
		run(t, g.as, g.dir, "cp", "-r", "data-0", "data-"+strconv.Itoa(i))
	}
	g.start(t, 0, "--wsrep-new-cluster")
	g.start(t, 1)
	g.start(t, 2)
	eventually(t, "three nodes are one cluster", func() bool { return g.status(t, 0, "wsrep_cluster_size") == 3 })
	return g
}

func (g *galera) start(t *testing.T, i int, more ...string) {
	t.Helper()
	var members []string
	for _, port := range g.group {
		members = append(members, address(port))
	}
	data := filepath.Join(g.dir, "data-"+strconv.Itoa(i))
	mariadbd, err := exec.LookPath("mariadbd")
	if err != nil {
		t.Fatalf("%v: `make test` installs what the tests need", err)
	}
	args := append([]string{mariadbd, "--no-defaults", "--datadir=" + data, "--socket=" + data + "/socket",
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(g.ports[i]), "--skip-name-resolve", "--skip-ssl", "--binlog-format=ROW",
		"--innodb-autoinc-lock-mode=2", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--character-set-server=utf8mb4",
		"--wsrep-on=ON", "--wsrep-provider=/usr/lib/galera/libgalera_smm.so", "--wsrep-cluster-address=gcomm://" + strings.Join(members, ","),
		"--wsrep-node-address=127.0.0.1", "--wsrep-node-name=node-" + strconv.Itoa(i), "--wsrep-sst-method=rsync",
		fmt.Sprintf("--wsrep-provider-options=base_port=%d;gmcast.listen_addr=tcp://%s;ist.recv_addr=%s;gcache.size=32M",
			g.group[i], address(g.group[i]), address(freePort(t)))}, more...)
	g.nodes[i] = start(t, g.as, g.dir, "ready for connections", args...)
	eventually(t, "the node is part of the cluster", func() bool { return g.status(t, i, "wsrep_ready") == 1 })
}

func (g *galera) open(t *testing.T, i int, user, password string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/", user, password, address(g.ports[i])))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// status is a number of a node's, 1 for ON, -1 where it does not answer.
func (g *galera) status(t *testing.T, i int, name string) int {
	t.Helper()
	db := g.open(t, i, "root", "")
	defer func() { _ = db.Close() }()
	var ignored, value string
	if err := db.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&ignored, &value); err != nil {
		return -1
	}
	if value == "ON" {
		return 1
	}
	n, _ := strconv.Atoi(value)
	return n
}

// dsn leads over a line, as an operator's balancer, to one of the nodes. Reading waits until the node has what others committed.
func (g *galera) dsn(line *testkit.Line) string {
	return "mysql://gatehouse:secret@" + line.Address + "/gatehouse?wsrep_sync_wait=7"
}

// Two replicas write to two nodes of a Galera cluster. Writes that collide are tried again and fail nobody; a node that is killed
// costs those whose transaction it had an invitation to come again, and nothing that was acknowledged.
func TestGaleraNodeLost(t *testing.T) {
	g := startGalera(t)
	lines := []*testkit.Line{testkit.NewLine(t, address(g.ports[0])), testkit.NewLine(t, address(g.ports[1]))}
	one := process.Start(t, process.Options{DSN: g.dsn(lines[0]), Config: settings})
	two := process.Start(t, process.Options{DSN: g.dsn(lines[1]), Config: settings})
	b := balance(t, one, two)
	l := b.load()
	l.more(10)
	g.collide(t, l, one, two)

	g.nodes[1].kill()
	lines[1].Lead(address(g.ports[2]))
	before := l.count("done")
	eventually(t, "requests are served again", func() bool { return l.count("done") > before+20 })
	eventually(t, "two nodes are one cluster", func() bool { return g.status(t, 0, "wsrep_cluster_size") == 2 })
	l.more(10)
	busy := l.count("come again")
	l.more(10)
	if more := l.count("come again") - busy; more != 0 {
		t.Errorf("%d requests were told to come again after all was well", more)
	}
	l.stop("a node of Galera was lost")
	l.kept()
}

// collide has both servers change the same client at once, until the cluster has refused a transaction that had got that far.
func (g *galera) collide(t *testing.T, l *load, servers ...*process.Server) {
	t.Helper()
	l.must(request{method: http.MethodPost, path: "/admin/clients", json: `{"client_id":"wanted","grant_types":["client_credentials"]}`}, http.StatusCreated)
	conflicts := func() int {
		n := 0
		for i := range 2 {
			n += g.status(t, i, "wsrep_local_cert_failures") + g.status(t, i, "wsrep_local_bf_aborts")
		}
		return n
	}
	begun, changed, lost := conflicts(), 0, 0
	var mu sync.Mutex
	for range 30 {
		var writers sync.WaitGroup
		for i, s := range servers {
			for j := range 3 {
				writers.Go(func() {
					got := l.sendTo(s, request{method: http.MethodPatch, path: "/admin/clients/wanted", json: fmt.Sprintf(`[{"op":"replace","path":"/client_name","value":"%d-%d"}]`, i, j)})
					mu.Lock()
					defer mu.Unlock()
					switch {
					case got.status == http.StatusOK:
						changed++
					case got.status == http.StatusConflict:
						lost++
					default:
						t.Errorf("a change that collides: %d %s %v", got.status, got.body, got.err)
					}
				})
			}
		}
		writers.Wait()
	}
	n := conflicts() - begun
	t.Logf("%d changes of one client done, %d refused as others were faster, %d transactions refused by the cluster and tried again", changed, lost, n)
	if n == 0 {
		t.Error("nothing collided: nothing was tested")
	}
}
