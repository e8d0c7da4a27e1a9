package cluster

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Passwords of the users that examples name.
const (
	ownPassword = "password-of-gatehouse"
	dbaPassword = "password-of-the-dba"
)

// outside is a server outside of the cluster: processes on the node, below a directory of their own. An authority of its own signed its
// certificate, server.crt. It ends with the node, and is nobody's: databases refuse to be root's.
type outside struct {
	directory string
	authority *authority
}

// nobody is the user and the group that every Linux has for processes that may nothing.
const nobody = 65534

func newOutside(name string, hosts ...string) (_ *outside, err error) {
	o := &outside{directory: path("outside", name)}
	// Its user passes through the directory of the run.
	if err := errors.Join(os.MkdirAll(o.directory, 0o755), os.Chmod(directory, 0o755)); err != nil {
		return nil, err
	}
	if o.authority, err = newAuthority(o.directory, "authority"); err != nil {
		return nil, err
	}
	if err := o.authority.issue("server", pkix.Name{CommonName: hosts[0]}, hosts...); err != nil {
		return nil, err
	}
	for _, file := range []string{o.directory, o.file("authority.crt"), o.file("server.key"), o.file("server.crt")} {
		if err := os.Chown(file, nobody, nobody); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *outside) file(name string) string { return filepath.Join(o.directory, name) }

// run runs one of the server's programs as the server's user. A server that it leaves behind keeps what it inherits open: a pipe would not
// end before that does, so what is printed goes into a file.
func (o *outside) run(program string, args ...string) error {
	return o.feed("", program, args...)
}

// feed is run, with something to read.
func (o *outside) feed(input, program string, args ...string) error {
	log, err := os.OpenFile(path("log", filepath.Base(o.directory)+".log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	begin, _ := log.Seek(0, 2)
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Env = append(os.Environ(), "TMPDIR="+o.directory) // this run's is not for everybody
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = o.directory, strings.NewReader(input), log, log
	if err := cmd.Run(); err != nil {
		printed := make([]byte, 4000)
		n, _ := log.ReadAt(printed, begin)
		return fmt.Errorf("%s: %w: %s", filepath.Base(program), err, printed[:n])
	}
	return nil
}

// secrets makes the Secrets that examples name for a database of the operator's.
func (o *outside) secrets(s *space) {
	s.Helper()
	s.productionSecrets()
	s.makeSecret("gatehouse-secrets", "Opaque", map[string]string{"system": "q7Zt4LkP9wXc2VbN8mRfYh3G", "cookie": "Hs5Jd3Gy6Ue1Ao0TiCxKw8Mn"})
	s.makeSecret("gatehouse-database", "Opaque", map[string]string{"password": ownPassword})
	s.makeSecret("gatehouse-dba", "Opaque", map[string]string{"password": dbaPassword})
	s.makeSecret("gatehouse-database-ca", "Opaque", map[string]string{"ca.crt": read(s.T, o.file("authority.crt"))})
}

// databases are those of the examples, and users their owners.
var (
	databases = []string{"gatehouse", "gatehouse_oauth", "gatehouse_activity", "gatehouse_flow"}
	users     = databases
)

// postgres is a PostgreSQL on the node, which an administrator on the node reaches by a socket.
type postgres struct {
	*outside
	programs, port string
}

// postgresServer is db.example.com, db-b.example.com, and behind a Service of another namespace. It lets nobody in without TLS; an
// administrator dba may make databases and roles. The first test that asks for it starts it.
var postgresServer = sync.OnceValues(func() (*postgres, error) {
	p, err := startPostgres("postgres", "5432", "hostssl all all all scram-sha-256", "db.example.com", "db-b.example.com", "postgres.databases.svc")
	if err != nil {
		return nil, err
	}
	return p, p.sql("CREATE ROLE dba LOGIN CREATEDB CREATEROLE PASSWORD '" + dbaPassword + "'")
})

// startPostgres starts a server whose names are hosts; a line of pg_hba.conf says who gets in over the network.
func startPostgres(name, port, network string, hosts ...string) (*postgres, error) {
	programs, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	o, err := newOutside(name, hosts...)
	if err != nil {
		return nil, err
	}
	p := &postgres{outside: o, programs: programs, port: port}
	data, hba := p.file("data"), p.file("hba.conf")
	if err := os.WriteFile(hba, []byte("local all nobody trust\nlocal all all scram-sha-256\n"+network+"\n"), 0o644); err != nil {
		return nil, err
	}
	if err := p.run(filepath.Join(programs, "initdb"), "-D", data, "--username=nobody", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, err
	}
	options := fmt.Sprintf("-p %s -c listen_addresses=%s -c unix_socket_directories=%s -c hba_file=%s -c ssl=on -c ssl_cert_file=%s -c ssl_key_file=%s -c ssl_ca_file=%s -c fsync=off",
		port, nodeAddress, p.directory, hba, p.file("server.crt"), p.file("server.key"), p.file("authority.crt"))
	return p, p.run(filepath.Join(programs, "pg_ctl"), "-D", data, "-l", p.file("log"), "-o", options, "-w", "start")
}

// sql runs statements as the superuser.
func (p *postgres) sql(statements ...string) error {
	return p.feed(strings.Join(statements, ";\n")+";\n", filepath.Join(p.programs, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", p.directory, "-p", p.port, "-U", "nobody", "-d", "postgres")
}

// newPostgres gives the server, with nothing of an earlier test on it.
func newPostgres(t *testing.T) *postgres {
	t.Helper()
	p, err := postgresServer()
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for _, name := range databases {
		statements = append(statements, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
	for _, name := range users {
		statements = append(statements, "DROP ROLE IF EXISTS "+name)
	}
	if err := p.sql(statements...); err != nil {
		t.Fatal(err)
	}
	return p
}

// makeDatabases makes the user gatehouse and his databases, as a DBA would who gives nobody the right to.
func (p *postgres) makeDatabases(t *testing.T) {
	t.Helper()
	statements := []string{"CREATE ROLE gatehouse LOGIN PASSWORD '" + ownPassword + "'"}
	for _, name := range databases {
		statements = append(statements, "CREATE DATABASE "+name+" OWNER gatehouse")
	}
	if err := p.sql(statements...); err != nil {
		t.Fatal(err)
	}
}

// mariadb is mysql.example.com. It lets nobody in without TLS.
type mariadb struct{ *outside }

func startMariaDB(t *testing.T) mariadb {
	t.Helper()
	o, err := newOutside("mariadb", "mysql.example.com")
	if err != nil {
		t.Fatal(err)
	}
	m := mariadb{o}
	data := o.file("data")
	if err := o.run("mariadb-install-db", "--no-defaults", "--datadir="+data, "--skip-test-db", "--skip-name-resolve", "--auth-root-authentication-method=normal"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- o.run("mariadbd", "--no-defaults", "--datadir="+data, "--socket="+o.file("socket"), "--pid-file="+o.file("pid"), "--bind-address="+nodeAddress, "--port=3306",
			"--ssl-cert="+o.file("server.crt"), "--ssl-key="+o.file("server.key"), "--require-secure-transport=ON", "--skip-name-resolve",
			"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")
	}()
	if err := until(context.Background(), "MariaDB", func() error {
		select {
		case err := <-ended:
			t.Fatalf("MariaDB ended: %v", err)
		default:
		}
		return m.sql("SELECT 1")
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// sql runs statements as the superuser.
func (m mariadb) sql(statements string) error {
	return m.feed(statements, "mariadb", "--no-defaults", "--socket="+m.file("socket"), "--user=root")
}
