package testkit

import (
	"bufio"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/pki"
)

// TLSServers are a PostgreSQL and a MariaDB of the test's own that offer TLS, on free ports of this machine. Everything on them
// may be changed.
type TLSServers struct {
	// Postgres and MariaDB are DSNs of superusers, at 127.0.0.1, without parameters.
	Postgres, MariaDB string
	// CA and OtherCA are files of authorities: the one that signed the servers' certificate, and another one. The certificate
	// is for localhost, and not for 127.0.0.1.
	CA, OtherCA string
	// Certificate and Key are the files of that certificate and its key, for servers of the test's own at localhost.
	Certificate, Key string
}

// StartTLSServers starts them; they end with the test.
func StartTLSServers(t *testing.T) TLSServers {
	t.Helper()
	dir := t.TempDir()
	s := TLSServers{
		CA: filepath.Join(dir, "ca.crt"), OtherCA: filepath.Join(dir, "other.crt"),
		Certificate: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key"),
	}
	certify(t, dir, s.CA)
	certify(t, filepath.Join(dir, "unused"), s.OtherCA)
	script, err := findScript()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	// The script serves a command, which says where the servers are and ends with its standard input.
	cmd := exec.Command(script, "--fast", "--tls", dir, "sh", "-c", `echo "$`+postgresVariable+` $`+mariadbVariable+`"; cat >/dev/null`)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, postgresVariable+"=") && !strings.HasPrefix(entry, mariadbVariable+"=") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("testkit: the databases' script: %v", err)
		}
	})
	found := strings.Fields(line)
	if err != nil || len(found) != 2 {
		t.Fatalf("testkit: the databases' script says %q: %v", line, err)
	}
	s.Postgres, _, _ = strings.Cut(found[0], "?")
	s.MariaDB, _, _ = strings.Cut(found[1], "?")
	return s
}

// certify makes an authority, writes its certificate, and has it sign one for localhost, server.crt with its key server.key.
func certify(t *testing.T, dir, authority string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ca, err := pki.New("authority " + rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Sign(&x509.Certificate{DNSNames: []string{"localhost"}})
	err = errors.Join(err, os.WriteFile(authority, ca.PEM(), 0o600), pair.Write(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")))
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
}
