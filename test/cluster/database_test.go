package cluster

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// postgres is a PostgreSQL outside of the cluster, a process on the node: db.example.com, or a Service of another namespace. It lets
// nobody in without TLS, and an authority of its own says who it is.
type postgres struct {
	directory string // its socket is there, and authority.crt
	owner     *syscall.Credential
	programs  string
}

// startPostgres starts one, which ends with the test. An administrator dba may make databases and roles.
func startPostgres(t *testing.T) *postgres {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	account, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	p := &postgres{programs: found[len(found)-1], owner: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	// Beside what else is the node's, so that it goes with that also when the test is killed.
	p.directory = filepath.Join(directory, t.Name())
	if err := os.Mkdir(p.directory, 0o700); err != nil {
		t.Fatal(err)
	}
	authority, err := newAuthority(p.directory, "authority")
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.issue("server", pkix.Name{CommonName: "db.example.com"}, "db.example.com", "postgres.databases.svc"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{p.directory, authority.file("server.key"), authority.file("server.crt")} {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{directory, p.directory} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(p.directory, "data")
	p.run(t, "initdb", "-D", data, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	hba := filepath.Join(p.directory, "hba.conf")
	if err := os.WriteFile(hba, []byte("local all all trust\nhostssl all all all scram-sha-256\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf("-c listen_addresses=%s -c unix_socket_directories=%s -c hba_file=%s -c ssl=on -c ssl_cert_file=%s -c ssl_key_file=%s -c fsync=off",
		nodeAddress, p.directory, hba, authority.file("server.crt"), authority.file("server.key"))
	p.run(t, "pg_ctl", "-D", data, "-l", filepath.Join(p.directory, "log"), "-o", options, "-w", "start")
	t.Cleanup(func() { p.run(t, "pg_ctl", "-D", data, "-m", "immediate", "stop") })
	p.sql(t, "CREATE ROLE dba LOGIN CREATEDB CREATEROLE PASSWORD 'password-of-the-dba'")
	return p
}

// run runs one of the server's programs as the server's user.
func (p *postgres) run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), filepath.Join(p.programs, name), args...) // also after the test has ended
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	cmd.Dir = p.directory
	// The server keeps what it inherits open: a pipe would not end before it does.
	log, err := os.OpenFile(filepath.Join(directory, "log", "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v, see %s", name, err, log.Name())
	}
}

func (p *postgres) sql(t *testing.T, text string) {
	t.Helper()
	p.run(t, "psql", "-v", "ON_ERROR_STOP=1", "-h", p.directory, "-d", "postgres", "-c", text)
}

// secrets makes the Secrets that examples name for a database of the operator's.
func (p *postgres) secrets(s *space) {
	s.Helper()
	s.productionSecrets()
	s.makeSecret("gatehouse-database", "Opaque", map[string]string{"password": "password-of-gatehouse"})
	s.makeSecret("gatehouse-dba", "Opaque", map[string]string{"password": "password-of-the-dba"})
	s.makeSecret("gatehouse-database-ca", "Opaque", map[string]string{"ca.crt": s.read(filepath.Join(p.directory, "authority.crt"))})
}
