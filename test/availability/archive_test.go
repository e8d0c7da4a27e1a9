package availability

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// register makes a client.
func register(t *testing.T, s *process.Server, id string) {
	t.Helper()
	if out, code := s.Command("clients", "create", "--endpoint", s.Admin, "--id", id, "--grant-type", "client_credentials"); code != 0 {
		t.Fatalf("the client %s: %s", id, out)
	}
}

// asBefore checks that a server on restored databases has what was there at the point in time, and nothing that came later.
func asBefore(t *testing.T, s *process.Server) {
	t.Helper()
	s.Run()
	for id, want := range map[string]int{"kept": http.StatusOK, "mistake": http.StatusNotFound} {
		if code, body := s.Try(s.Admin + "/admin/clients/" + id); code != want {
			t.Errorf("the client %s: %d %s", id, code, body)
		}
	}
	register(t, s, "later")
}

// S3-26: what docs/backup.md says of PostgreSQL's own archive. A base backup and the write-ahead log behind it give the databases as
// they were before a mistake, and a server works on them.
func TestPostgresArchive(t *testing.T) {
	bin := filepath.Dir(newest(t, "/usr/lib/postgresql/*/bin/postgres"))
	dir, as := owner(t, "postgres")
	port := freePort(t)
	serve := func(data string, more ...string) *daemon {
		return start(t, as, dir, "database system is ready to accept connections", append([]string{bin + "/postgres", "-D", data, "-p", strconv.Itoa(port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "lc_messages=C", "-c", "logging_collector=off"}, more...)...)
	}
	to := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "gatehouse"}
	run(t, as, dir, bin+"/initdb", "-D", "data", "-U", "gatehouse", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	run(t, as, dir, "mkdir", "archive")
	primary := serve("data", "-c", "archive_mode=on", "-c", "archive_command="+strings.ReplaceAll(
		"test ! -f /archive/%f && cp %p /archive/%f.part && sync /archive/%f.part && mv /archive/%f.part /archive/%f && sync /archive", "/archive", dir+"/archive"))
	run(t, as, dir, append([]string{bin + "/createdb"}, append(to, "gatehouse")...)...)
	dsn := "postgres://gatehouse@" + address(port) + "/gatehouse?sslmode=disable"
	s := process.Start(t, process.Options{DSN: dsn})
	run(t, as, dir, append([]string{bin + "/pg_basebackup", "-D", "base", "-c", "fast", "--no-sync"}, to...)...)
	register(t, s, "kept")
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	var wal string
	if _, err := conn.Exec(t.Context(), "SELECT pg_create_restore_point('before')"); err != nil {
		t.Fatal(err)
	}
	register(t, s, "mistake")
	if err := conn.QueryRow(t.Context(), "SELECT pg_walfile_name(pg_switch_wal())").Scan(&wal); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(context.WithoutCancel(t.Context()))
	eventually(t, "the log is archived", func() bool { _, err := os.Stat(filepath.Join(dir, "archive", wal)); return err == nil })
	s.Stop()
	primary.kill()

	run(t, as, dir, "touch", "base/recovery.signal")
	serve("base", "-c", "restore_command=cp "+dir+"/archive/%f %p", "-c", "recovery_target_name=before", "-c", "recovery_target_action=promote")
	asBefore(t, s)
}

// The same of MariaDB: a dump, and the binary log behind it up to the mistake.
func TestMariaDBArchive(t *testing.T) {
	dir, as := owner(t, "mysql")
	port := freePort(t)
	fresh := func(data string) *daemon {
		run(t, as, dir, "mariadb-install-db", "--no-defaults", "--datadir="+filepath.Join(dir, data), "--skip-test-db", "--skip-name-resolve",
			"--auth-root-authentication-method=normal")
		return start(t, as, dir, "ready for connections", "mariadbd", "--no-defaults", "--datadir="+filepath.Join(dir, data), "--socket="+filepath.Join(dir, data, "socket"),
			"--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--skip-name-resolve", "--skip-ssl", "--character-set-server=utf8mb4",
			"--server-id=1", "--log-bin="+filepath.Join(dir, data, "bin"), "--binlog-format=ROW", "--sync-binlog=1")
	}
	client := fmt.Sprintf("--no-defaults --skip-ssl --protocol=tcp -h 127.0.0.1 -P %d -u root", port)
	primary := fresh("data")
	db, err := sql.Open("mysql", "root@tcp("+address(port)+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxIdleConns(0) // the server is another one later
	do := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	user := []string{"CREATE USER 'gatehouse'@'%' IDENTIFIED BY 'secret'", "GRANT ALL ON gatehouse.* TO 'gatehouse'@'%'"}
	do(append([]string{"CREATE DATABASE gatehouse COLLATE utf8mb4_bin"}, user...)...)
	s := process.Start(t, process.Options{DSN: "mysql://gatehouse:secret@" + address(port) + "/gatehouse?tls=false"})
	run(t, as, dir, "sh", "-c", "mariadb-dump "+client+" --single-transaction --flush-logs --master-data=2 --databases gatehouse > dump.sql")
	register(t, s, "kept")
	var file, position, ignored string
	if err := db.QueryRowContext(t.Context(), "SHOW MASTER STATUS").Scan(&file, &position, &ignored, &ignored); err != nil {
		t.Fatal(err)
	}
	register(t, s, "mistake")
	s.Stop()
	primary.kill()

	fresh("restored")
	do(user...)
	run(t, as, dir, "sh", "-c", "mariadb "+client+" < dump.sql")
	// --flush-logs began a log when the dump was made, and none has begun since.
	run(t, as, dir, "sh", "-c", "mariadb-binlog --no-defaults --stop-position="+position+" data/"+file+" | mariadb "+client)
	if content, err := os.ReadFile(filepath.Join(dir, "dump.sql")); err != nil || !strings.Contains(string(content), "MASTER_LOG_FILE='"+file+"'") {
		t.Errorf("the dump does not name the log %s behind it: %v", file, err)
	}
	asBefore(t, s)
}
